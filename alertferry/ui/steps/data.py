"""Last step: the alerts themselves."""

from __future__ import annotations

from typing import Any

import panel as pn
import panel_material_ui as pmui

from alertferry.core.errors import AlertferryError
from alertferry.core.pandas_types import pandas_call
from alertferry.ui import photometry, plots, results, stamps
from alertferry.ui.components import CodeBlock, DataTable, Links, Meter, Notice
from alertferry.ui.gauges import size_text
from alertferry.ui.session import Session
from alertferry.ui.steps.review import record_table
from alertferry.ui.text import duration_text
from alertferry.ui.theme import card, grid, heading, row, stack, words


def commands(topic: str) -> str:
    """Return the commands that fetch a topic and prove it."""
    return f"alertferry consume {topic} --outdir {topic}\nalertferry verify {topic}\n"


def python_of(call: str) -> str:
    """Return a Python program that reads what the commands fetched by this call of pandas."""
    return f"import pandas as pd\n\nalerts = {call}\n"


_DOWNLOAD_HINT = (
    f"One file with every alert, for results up to {results.MAX_BYTES / 1e6:.0f} MB. "
    "CSV and VOTable leave out image stamps."
)


class DataStep:
    """Command, files, receipt, first rows, plots."""

    label = "Get data"

    def __init__(self, session: Session) -> None:
        self.session = session
        self.meter = Meter()
        self.command = CodeBlock(title="In a terminal", filename="fetch.sh", wrap=True)
        self.python = CodeBlock(title="In Python", filename="read.py", wrap=True)
        self.receipt = CodeBlock(title="Receipt", filename="receipt.json")
        self.facts = DataTable(title="Catalogue match", visible=False)
        self.buttons = {
            kind: pmui.Button(label=label, variant="outlined", margin=0) for kind, label in results.FORMATS.items()
        }
        for kind, button in self.buttons.items():
            button.on_click(lambda _, kind=kind: self._prepare(kind))
        self.links = Links()
        self.notice = Notice(visible=False)
        self.table = DataTable(title="First alerts", empty="No alert passed the filters.")
        self.plots = stack()
        files = card(
            row(*self.buttons.values()),
            self.links,
            self.notice,
            title="Download",
            hint=_DOWNLOAD_HINT,
        )
        self.view = stack(
            heading(
                "Your data", "The topic keeps the alerts for a week; what you fetch is proved against the receipt.", 1
            ),
            card(self.meter),
            grid(
                files,
                card(self.command, self.python, title="Any size, any time"),
                columns="minmax(0, 1fr) minmax(0, 1fr)",
            ),
            card(self.table, title="First alerts"),
            self.plots,
            card(self.facts, self.receipt, title="Receipt"),
        )
        self._shown: str | None = None
        self._record: Any = None

    def refresh(self) -> None:
        """Nothing of it depends on the draft."""

    def show(self, record: Any) -> None:
        """Show a complete job."""
        if record.id == self._shown:
            return
        self._shown, self._record = record.id, record
        facts = [
            ["Size", size_text(record.bytes or 0)],
            ["Time", duration_text(record.seconds or 0)],
            ["Topic", record.topic or "–"],
            *(["Note", remark] for remark in (record.receipt.remarks if record.receipt else ())),
        ]
        name = f": {record.name}" if record.name else ""
        self.meter.param.update(state="complete", title=f"{record.alerts or 0:,} alerts{name}", share=1.0, facts=facts)
        topic = record.topic or ""
        self.command.text, self.python.text = commands(topic), python_of(pandas_call(topic, None))
        self.receipt.text = record.receipt.model_dump_json(indent=2) if record.receipt else ""
        self._show_match(record)
        self.links.links, self.plots[:], self.notice.visible = [], [], False
        self.table.param.update(rows=[], columns=[], empty="Fetching the alerts …")
        self._fetch(record)

    def _show_match(self, record: Any) -> None:
        found = record.receipt.crossmatch if record.receipt else ()
        titles = ("Catalogue", "Sources", "Matched", "Alerts with a match", "Observed, no alert", "Never observed")
        rows = [
            [
                m.name,
                *(
                    f"{n:,}"
                    for n in (
                        m.sources,
                        m.matched_sources,
                        m.alerts_with_match,
                        m.unmatched_observed,
                        m.unmatched_never_observed,
                    )
                ),
            ]
            for m in found
        ]
        columns = [{"title": title, "right": index > 0} for index, title in enumerate(titles)]
        self.facts.param.update(visible=bool(rows), rows=rows, columns=columns)

    def _fetch(self, record: Any) -> None:
        def work() -> Any:
            found = results.fetch(record)
            table = photometry.read(found.path, record.survey)
            return found, table, stamps.read_stamps(found.path, table.newest_row) if table.curve else ()

        for button in self.buttons.values():
            button.disabled = True
        self.session.later("result", work, self._fetched)

    def _fetched(self, found: Any, error: AlertferryError | None) -> None:
        if error is not None:
            self.table.empty = "The alerts are not shown here."
            title = "The alerts could not be fetched"
            self.notice.param.update(visible=True, tone="error", title=title, lines=[str(error)])
            return
        result, table, images = found
        self.python.text = python_of(result.call)
        self.notice.visible = result.partial
        if result.partial:
            lines = [f"The first {result.alerts:,} alerts are shown below. Fetch all of them with the command."]
            self.notice.param.update(tone="info", title="This result is too large for the page", lines=lines)
        for button in self.buttons.values():
            button.disabled = result.partial
        columns, rows = record_table(result.rows, result.columns)
        self.table.param.update(columns=columns, rows=rows, empty="No alert passed the filters.")
        self.plots[:] = self._plots(table, images)

    def _plots(self, table: Any, images: Any) -> list[Any]:
        bands, cards = photometry.BANDS.get(self._record.survey), []
        if table.ra and table.dec:
            plot, tables = plots.sky_map(plots.HEIGHT_PX)
            step = max(1, len(table.ra) // 20_000)
            tables["sources"].data = plots.positions(table.ra[::step], table.dec[::step])
            cards.append(_plot_card("On the sky", plot))
        if bands and table.value:
            cards.append(_plot_card("Brightness", plots.histogram(table.value, bands.label)))
        if bands and table.curve and table.curve["time"]:
            plot = plots.light_curve(table.curve, (bands.time_label, bands.label), bands.inverted)
            cards.append(_plot_card(f"Light curve of {table.object_id}", plot))
        if images:
            shown = [pn.pane.Bokeh(stamps.picture(name, image), margin=0) for name, image in images]
            cards.append(card(row(*shown), title="Latest cutouts"))
        if not cards and self._record.alerts:
            return [card(words("The packets hold neither positions nor brightness, so there is nothing to plot."))]
        return (
            [grid(*cards, columns=" ".join(["minmax(0, 1fr)"] * (2 if len(cards) in (2, 4) else min(3, len(cards)))))]
            if cards
            else []
        )

    def _prepare(self, kind: str) -> None:
        record, button = self._record, self.buttons[kind]
        button.param.update(disabled=True, label=f"{results.FORMATS[kind]} …")

        def done(path: Any, error: AlertferryError | None) -> None:
            button.param.update(disabled=False, label=results.FORMATS[kind])
            if error is not None:
                self.notice.param.update(
                    visible=True, tone="error", title="The file could not be made", lines=[str(error)]
                )
                return
            name = results.saved_as(record, kind)
            link = {"label": f"Save {results.FORMATS[kind]}", "note": size_text(path.stat().st_size), "save": name}
            rest = [item for item in self.links.links if item["save"] != name]
            self.links.links = [*rest, link | {"href": self.session.offer(path, name)}]

        self.session.later(f"file {kind}", lambda: results.lay_out(record, kind), done)


def _plot_card(title: str, plot: Any) -> pn.Column:
    return card(pn.pane.Bokeh(plot, sizing_mode="stretch_width", margin=0), title=title)
