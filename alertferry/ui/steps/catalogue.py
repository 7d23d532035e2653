"""The astronomer's own catalogue: upload, columns, preview, radius."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import date
from typing import Any

import panel as pn
import panel_material_ui as pmui

from alertferry import service
from alertferry.consumer.delivery import count_text
from alertferry.core.errors import AlertferryError
from alertferry.ui import uploads
from alertferry.ui.components import DataTable, Notice, Upload
from alertferry.ui.draft import chosen_nights
from alertferry.ui.forms import Entry, entries_of
from alertferry.ui.plots import positions, sky_map
from alertferry.ui.session import Session
from alertferry.ui.sky import alert_positions, catalog_positions
from alertferry.ui.spot import Spot
from alertferry.ui.steps.options import Form, known_step
from alertferry.ui.text import CATALOGUE_OPTIONS, catalogue_text
from alertferry.ui.theme import card, row, stack

PREVIEW_ROWS = 10
_COLUMNS = ("ra", "dec", "id", "radius", "pmra", "pmdec")
_MORE = ("pmra", "pmdec", "epoch", "table", "format", "unit", "ra_unit", "dec_unit", "max_rows", "name")
_KEPT = ("radius_arcsec", "keep", "on_bad_rows", "name")
"""Options that hold for another catalogue too."""

_WORDS = {
    "keep": {"": "nearest", "all": "all", "none": "none: only alerts without a counterpart"},
    "on_bad_rows": {"": "refuse the catalogue", "drop": "leave them out, and count them"},
}
_SHOWN = ("ra", "dec", "id", "radius_arcsec", "radius", "keep", "on_bad_rows", "columns", *_MORE)


def entries(preview: Any) -> tuple[Entry, ...]:
    """Return the entries of a match, given what was seen of the catalogue; None for nothing yet."""
    model = known_step("filter", "crossmatch")
    made = {entry.path: entry for entry in (entries_of(model) if model else ())}
    names = tuple(column.name for column in preview.columns) if preview else ()
    found = []
    for path in _SHOWN:
        entry = replace(made[path], label=CATALOGUE_OPTIONS.get(path, made[path].label), more=path in _MORE)
        if path not in _MORE:
            entry = replace(entry, about="")
        if path in _COLUMNS:
            entry = _of_columns(entry, names, getattr(preview.guess, path, None) if preview else None)
        elif path == "columns":
            entry = replace(entry, kind="ticks", choices=tuple((name, name) for name in names), values=names)
        elif path in _WORDS:
            entry = replace(entry, choices=tuple(_WORDS[path].items()))
        found.append(entry)
    return tuple(found)


def _of_columns(entry: Entry, names: tuple[str, ...], guess: str | None) -> Entry:
    nothing = {"radius": "the same for all", "pmra": "not used", "pmdec": "not used"}.get(entry.path)
    first = nothing or (f"{guess} (detected)" if guess else "choose a column")
    rows = (("#", "number of the row"),) if entry.path == "id" else ()
    choices = (("", first), *rows, *((name, name) for name in names))
    return replace(entry, kind="choice", choices=choices, values=tuple(token for token, _ in choices[1:]))


class CataloguePanel:
    """Upload, options and preview of a catalogue."""

    def __init__(self, session: Session) -> None:
        self.session, self.spot = session, Spot(session, "crossmatch")
        most = f"{session.site.max_upload_bytes / 1e6:.0f} MB"
        limit = f"CSV, TSV, ECSV, MRT, IPAC, Parquet, VOTable or FITS, also gzipped; at most {most}"
        self.upload = Upload(
            title="Upload a catalogue of sources",
            hint=limit,
            ticket=session.ticket,
            max_bytes=session.site.max_upload_bytes,
        )
        self.upload.on_message = self._sent
        self.form = Form("Catalogue", self._changed)
        self.drop = pmui.Button(label="Remove the catalogue", variant="text", margin=0)
        self.drop.on_click(lambda _: self._remove())
        self.notice = Notice(visible=False)
        self.table = DataTable(title="First rows of the catalogue", empty="No row could be read.")
        self.faults = DataTable(title="Rows that cannot be used", visible=False)
        self.plot, self.tables = sky_map(260)
        self.overlap = Notice(visible=False)
        chart = pn.pane.Bokeh(self.plot, sizing_mode="stretch_width", margin=0)
        self.seen = stack(self.table, self.faults, self.overlap, chart, visible=False)
        self.options = stack(self.form.view, row(self.drop), self.seen, visible=False)
        self.view = card(
            self.upload,
            self.notice,
            self.options,
            title="Your catalogue",
            hint="Alerts are matched with it by position. It is seen by nobody else and removed after a day.",
        )
        self._preview: Any = None
        self._looked: Any = None
        """What the preview is of: the file, and the options that it is read with."""
        self._drawn: Any = None
        """What of the survey the map and the overlap are of."""

    def refresh(self) -> None:
        """Show the draft."""
        step = self.spot.step
        file = str((step or {}).get("catalog", ""))
        self.options.visible = bool(file)
        if step is None or not file:
            self.upload.file, self._looked, self._preview = "", None, None
            self.notice.visible = self.seen.visible = False
            return
        found = uploads.named(file, self.session.owner)
        self.upload.file = found.name if found else file.rpartition("/")[2]
        if (file, _read_with(step)) != self._looked:
            if self._looked is None or file != self._looked[0]:
                self._preview = None
            self._looked = file, _read_with(step)
            self._look(step)
        elif self._preview is not None and self._sky() != self._drawn:
            self._draw()
        self._fill()

    def _fill(self) -> None:
        self.form.show(self.spot.name, entries(self._preview), self.spot.options, self.spot.problems)

    def _sent(self, message: dict[str, Any]) -> None:
        found = uploads.find(message["file"], self.session.owner)
        if found is not None:
            kept = {key: value for key, value in self.spot.options.items() if key in _KEPT}
            self.spot.put({"catalog": found.reference, "radius_arcsec": 1.5, **kept})

    def _changed(self, options: dict[str, Any]) -> None:
        """Take over what was entered, and what goes with it: one radius or the other, RA with Dec."""
        before = self.spot.options
        if options.get("radius") != before.get("radius"):
            options.pop("radius_arcsec", None)
            if "radius" not in options:
                options["radius_arcsec"] = 1.5
        elif "radius_arcsec" in options:
            options.pop("radius", None)
        if options.get("keep") == "none" != before.get("keep"):
            options.pop("columns", None)
        for one, other in (("ra", "dec"), ("dec", "ra")):
            guess = getattr(self._preview.guess, other) if self._preview else None
            if one in options and one not in before and other not in options and guess:
                options[other] = guess
            elif one in before and one not in options:
                options.pop(other, None)
        self.spot.put(options)

    def _remove(self) -> None:
        self.session.forget("catalogue")
        self.spot.put(None)

    def _look(self, step: Mapping[str, Any]) -> None:
        """Read the catalogue's first rows elsewhere, in a confined process."""
        from alertferry.catalogs import preview_catalog

        self.notice.param.update(visible=True, tone="info", title="Reading the catalogue", lines=[])
        text, access, title = str(step["catalog"]), self.session.access, self.upload.file
        named = _read_with(step)

        def work() -> Any:
            return preview_catalog(service.file_to_look_at(text, access), PREVIEW_ROWS, name=title, **named)

        self.session.later("catalogue", work, self._seen)

    def _seen(self, preview: Any, error: AlertferryError | None) -> None:
        if error is not None:
            self.seen.visible = False
            self.notice.param.update(
                visible=True, tone="error", title="This catalogue cannot be used", lines=[catalogue_text(str(error))]
            )
            return
        self._preview, self.seen.visible = preview, True
        self._fill()
        self.table.param.update(
            columns=[{"title": c.name, "note": c.unit or c.type} for c in preview.columns],
            rows=[list(values) for values in preview.first_rows],
        )
        self.faults.param.update(
            visible=bool(preview.bad_rows),
            columns=[{"title": "Row", "right": True}, {"title": "Column"}, {"title": "Value"}, {"title": "Why"}],
            rows=[[str(bad.number), bad.column, bad.value, bad.reason] for bad in preview.bad_rows[:50]],
        )
        self.notice.param.update(**_summary(preview))
        self._draw()

    def _sky(self) -> tuple[str, str | None, tuple[date, ...]]:
        """Return the survey, its lake, and the nights asked for."""
        draft = self.session.draft
        return draft.survey, self.session.lake, chosen_nights(draft)

    def _draw(self) -> None:
        step, access = dict(self.spot.step or {}), self.session.access
        self._drawn = self._sky()
        survey, lake, nights = self._drawn
        self.overlap.visible = False

        def work() -> Any:
            return alert_positions(survey, nights, lake), catalog_positions(step, access)

        def done(result: Any, error: AlertferryError | None) -> None:
            if error is None:
                alerts, sources = result
                self.tables["alerts"].data, self.tables["sources"].data = positions(*alerts), positions(*sources)
                self.overlap.param.update(**_overlap(alerts, sources, bool(nights)))

        self.session.later("catalogue map", work, done)


def _read_with(step: Mapping[str, Any]) -> dict[str, Any]:
    from alertferry.catalogs import PREVIEW_OPTIONS

    return {option: step[option] for option in PREVIEW_OPTIONS if step.get(option)}


def _summary(preview: Any) -> dict[str, Any]:
    """Return what the notice says of a catalogue."""
    lines = [catalogue_text(str(line)) for line in preview.warnings]
    if preview.problem:
        return {
            "visible": True,
            "tone": "error",
            "title": "This catalogue cannot be used as it stands",
            "lines": [catalogue_text(preview.problem)],
        }
    if preview.bad_row_count:
        lines.insert(
            0, f"{count_text(preview.bad_row_count, 'row')} cannot be used; correct the file, or leave them out below."
        )
    doubles = ((preview.duplicate_ids, "an identifier"), (preview.duplicate_positions, "a position"))
    lines += [f"Seen before in the file: {what}, in {count_text(count, 'row')}." for count, what in doubles if count]
    used = ", ".join(f"{role} from {column}" for role, column in preview.used.items())
    title = f"{preview.usable_rows:,} of {preview.rows:,} sources can be used: {used}"
    return {"visible": True, "tone": "warning" if preview.bad_row_count else "success", "title": title, "lines": lines}


def _overlap(alerts: Any, sources: Any, chosen: bool) -> dict[str, Any]:
    """Return what the map says in words: whether the catalogue lies where the nights, or the newest, have alerts."""
    import healpy
    import numpy as np

    if not alerts[0].size or not sources[0].size:
        return {"visible": False}
    cells = [healpy.ang2pix(32, ra, dec, nest=True, lonlat=True) for ra, dec in (alerts, sources)]
    share = float(np.isin(cells[1], cells[0]).mean())
    nights = "these nights" if chosen else "the newest nights of the survey"
    words = f"{100 * share:.0f} % of the sources lie in fields where {nights} have alerts (cells of 1.8 degrees)."
    tone = "warning" if share == 0 else "info"
    title = "Nothing can match: " + words if share == 0 and chosen else words
    return {"visible": True, "tone": tone, "title": title, "lines": []}
