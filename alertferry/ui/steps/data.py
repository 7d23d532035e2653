"""Last step: the alerts themselves."""

from __future__ import annotations

from typing import Any

import panel as pn

from alertferry import service
from alertferry.core.errors import AlertferryError
from alertferry.core.job import Job
from alertferry.core.pandas_types import pandas_call
from alertferry.core.settings import load_settings
from alertferry.ui import photometry, plots, reasons, results
from alertferry.ui.components import CodeBlock, DataTable, Meter, Notice
from alertferry.ui.components.results import Downloads
from alertferry.ui.gauges import size_text
from alertferry.ui.problems import told
from alertferry.ui.session import Session
from alertferry.ui.snippets import Place, fetch_commands, fetch_python
from alertferry.ui.steps.alert import AlertCard
from alertferry.ui.text import duration_text
from alertferry.ui.theme import card, grid, heading, stack, words, words_text

_DOWNLOAD_HINT = (
    "One file with every alert. Lists of structs are tables of their own, joined by the alert's id; in CSV these and "
    "the image stamps make an archive."
)
_HEAD = ("Your data", "The topic keeps the alerts for a while; what you fetch is proved against the receipt.")
_MATCH = ("Catalogue", "Sources", "Matched", "Alerts with a match", "Observed, no alert", "Never observed")
CHANGE = "Change the filters"
_TALL = {"--table-height": "min(680px, 60vh)"}
"""As high as the alert beside it, and lower than a telephone."""


class DataStep:
    """Files, commands, the first alerts, one of them opened; or why there are none."""

    label = "Get data"

    def __init__(self, session: Session) -> None:
        self.session = session
        self.meter = Meter()
        self.command = CodeBlock(title="In a terminal", filename="fetch.sh", wrap=True)
        self.python = CodeBlock(title="In Python", filename="read.py", wrap=True)
        self.receipt = CodeBlock(title="Receipt", filename="receipt.json")
        self.facts = DataTable(title="Catalogue match", visible=False)
        self.downloads = Downloads()
        self.downloads.on_message = lambda message: self._prepare(message["get"])
        self.notice = Notice(visible=False)
        self.table = DataTable(title="First alerts", sortable=True, searchable=True, opens="Open alert", styles=_TALL)
        self.table.on_message = lambda message: self._open(message.get("open", ""))
        self.fault = Notice(tone="error", title="The alerts could not be fetched", visible=False)
        self.shown = words("")
        self.alert = AlertCard(session)
        self.reason = Notice(tone="warning", visible=False, actions=[CHANGE])
        self.reason.on_message = lambda _: session.go("filters")
        self.plots = stack()
        halves = "minmax(0, 1fr) minmax(0, 1fr)"
        self.some = stack(
            card(self.downloads, self.notice, title="Download", hint=_DOWNLOAD_HINT),
            self.plots,
            grid(
                card(
                    self.fault,
                    self.shown,
                    self.table,
                    title="First alerts",
                    hint="A row opens its light curve and cutouts.",
                ),
                self.alert.view,
                columns=halves,
            ),
            card(
                grid(self.command, self.python, columns=halves),
                title="On another machine, any size",
                hint="Continues where it was stopped, and proves that every alert is there.",
            ),
        )
        self.view = stack(
            heading(*_HEAD, 1),
            card(self.meter, self.reason),
            self.some,
            card(self.facts, self.receipt, title="Receipt"),
        )
        self._shown: str | None = None
        self._record: Any = None
        self._first: results.First | None = None
        self._ring: Any = None
        self._map: Any = None

    def refresh(self) -> None:
        """Nothing of it depends on the draft."""

    def show(self, record: Any) -> None:
        """Show a complete job."""
        if record.id == self._shown:
            return
        self._shown, self._record, self._first = record.id, record, None
        facts = [
            ["Size", size_text(record.bytes or 0)],
            ["Time", duration_text(record.seconds or 0)],
            ["Topic", record.topic or "–"],
            *(["Note", remark] for remark in (record.receipt.remarks if record.receipt else ())),
        ]
        name = f": {record.name}" if record.name else ""
        empty = not record.alerts
        title = f"No alert passed{name}" if empty else f"{record.alerts:,} alerts{name}"
        self.meter.param.update(state="" if empty else "complete", title=title, share=1.0, facts=facts)
        self.receipt.text = record.receipt.model_dump_json(indent=2) if record.receipt else ""
        self._show_match(record)
        self.some.visible, self.reason.visible = not empty, empty
        self.plots[:], self.notice.visible, self.fault.visible = [], False, False
        self.shown.object = ""
        self.downloads.busy = []
        self.alert.close()
        for kind in results.FORMATS:
            self.session.forget(f"file {kind}")
        self.table.param.update(rows=[], keys=[], columns=[], current="", empty="Fetching the alerts …")
        if empty:
            self._explain(record)
        else:
            self._offer(record)
            self._show_code(None)
            self.session.later("result", lambda: results.of_job(record, lambda: _look(record)), self._fetched)

    def _show_match(self, record: Any) -> None:
        found = record.receipt.crossmatch if record.receipt else ()
        rows = []
        for m in found:
            counts = m.sources, m.matched_sources, m.alerts_with_match, m.unmatched_observed, m.unmatched_never_observed
            rows.append([m.name, *(f"{n:,}" for n in counts)])
        columns = [{"title": title, "right": index > 0} for index, title in enumerate(_MATCH)]
        self.facts.param.update(visible=bool(rows), rows=rows, columns=columns)

    def _explain(self, record: Any) -> None:
        """Say which step left nothing, at once, and what the estimate knows of its conditions, when it does."""
        said, advice = reasons.emptied_by(record.steps, record.survey)
        lines = [advice] if advice else []
        self.reason.param.update(title=said, lines=lines)
        self.session.forget("estimate reason")
        if not self.session.site.estimates:
            return
        access, shown = self.session.access, record.id

        def done(estimate: Any, error: AlertferryError | None) -> None:
            if error is None and shown == self._shown:
                self.reason.lines = [*lines, *reasons.conditions_text(estimate.doctor)]

        self.session.later("estimate reason", lambda: service.estimate(Job.from_yaml(record.job), access), done)

    def _offer(self, record: Any) -> None:
        most = size_text(load_settings().max_table_bytes)
        items, large = [], []
        for kind, label in results.FORMATS.items():
            too_large = results.too_large(record, kind)
            note = f"{label} is made of topics up to {most}" if too_large else ""
            items.append({"kind": kind, "label": label, "disabled": too_large, "note": note})
            large += [label] if too_large else []
        self.downloads.items = items
        if large:
            title = f"{' and '.join(large)} are made of topics up to {most}; this one has {size_text(record.bytes)}"
            lines = ["Take Parquet, or fetch the alerts with the commands below."]
            self.notice.param.update(visible=True, tone="info", title=title, lines=lines)

    def _show_code(self, call: str | None) -> None:
        topic, access = self._record.topic or "", self.session.access

        def done(found: Any, error: AlertferryError | None) -> None:
            if error is None:
                self.command.text, self.python.text = found

        def work() -> tuple[str, str]:
            place = Place.of(access)
            return fetch_commands(topic, place), fetch_python(topic, call or pandas_call(topic, None), place)

        self.session.later("code", work, done)

    def _fetched(self, found: Any, error: AlertferryError | None) -> None:
        if error is not None:
            self.table.empty = "The alerts are not shown here."
            self.fault.param.update(visible=True, lines=[told(error)])
            return
        first, overview = found
        self._first = first
        self._show_code(first.call)
        lines = []
        if first.partial:
            lines.append(f"These are {first.alerts:,} of {self._record.alerts:,} alerts; the files have all.")
        if overview.left_out:
            lines.append(f"{overview.left_out} more columns are in the files.")
        self.shown.object = words_text(" ".join(lines))
        keys = [str(number) for number in range(len(overview.rows))]
        self.table.param.update(
            columns=overview.columns, keys=keys, rows=overview.rows, empty="The topic holds no alert any more."
        )
        self.plots[:] = self._plots(overview)
        if keys:
            self._open("0", by_hand=False)

    def _plots(self, overview: Any) -> list[Any]:
        cards, bands = [], photometry.BANDS.get(self._record.survey)
        self._map = None
        if overview.ra and overview.dec:
            plot, points, self._ring = plots.alerts_map(overview.ra, overview.dec)
            self._map = points
            points.selected.on_change("indices", lambda _, __, rows: self._tapped(points, rows))
            cards.append(_plot_card("On the sky", plot, "A click on an alert opens it."))
        if bands and overview.value:
            cards.append(_plot_card("Brightness", plots.histogram(overview.value, bands.label), "Of the first alerts."))
        return [grid(*cards, columns=" ".join(["minmax(0, 1fr)"] * len(cards)))] if cards else []

    def _tapped(self, points: Any, rows: list[int]) -> None:
        if rows and points is self._map:
            self._open(str(rows[0]))

    def _open(self, key: str, *, by_hand: bool = True) -> None:
        """Open one of the alerts of the table."""
        if self._first is None or key not in self.table.keys:
            return
        row = int(key)
        self.table.current = key
        if self._map is not None:
            x, y = self._map.data["x"][row], self._map.data["y"][row]
            self.session.soon(lambda: self._circle(float(x), float(y)))
        self.alert.open(self._record, self._first.path, row, by_hand=by_hand)

    def _circle(self, x: float, y: float) -> None:
        if self._map is not None:
            self._ring.data = {"x": [x], "y": [y]}

    def _prepare(self, kind: str) -> None:
        """Make a file; the browser saves it as soon as it is there."""
        record = self._record
        if kind in self.downloads.busy or kind not in results.FORMATS:
            return
        self.downloads.busy = [*self.downloads.busy, kind]

        def done(path: Any, error: AlertferryError | None) -> None:
            self.downloads.busy = [item for item in self.downloads.busy if item != kind]
            if error is not None:
                title = f"The {results.FORMATS[kind]} file could not be made"
                self.notice.param.update(visible=True, tone="error", title=title, lines=[told(error)])
                return
            name = results.saved_as(record, path)
            self.downloads.save(self.session.offer(path, name), name)

        self.session.later(f"file {kind}", lambda: results.of_job(record, lambda: results.lay_out(record, kind)), done)


def _look(record: Any) -> tuple[results.First, photometry.Overview]:
    first = results.fetch(record)
    return first, photometry.overview(first.path, record.survey)


def _plot_card(title: str, plot: Any, hint: str) -> pn.Column:
    return card(pn.pane.Bokeh(plot, sizing_mode="stretch_width", margin=0), title=title, hint=hint)
