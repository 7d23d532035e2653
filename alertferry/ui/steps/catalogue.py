"""The astronomer's own catalogue: upload, columns, preview, radius."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import panel as pn
import panel_material_ui as pmui

from alertferry import service
from alertferry.consumer.delivery import count_text
from alertferry.core.errors import AlertferryError
from alertferry.ui import uploads
from alertferry.ui.components import DataTable, Notice, Upload
from alertferry.ui.draft import chosen_nights, first_of, with_filter
from alertferry.ui.plots import positions, sky_map
from alertferry.ui.session import Session
from alertferry.ui.sky import catalog_positions, night_positions
from alertferry.ui.theme import card, grid, row, stack

PREVIEW_ROWS = 10
_KEEP = {"the nearest": "nearest", "all of them": "all", "only alerts without any": "none"}
_ROLES = {"ra": "Right ascension", "dec": "Declination", "id": "Identifier"}
_GUESSED = "(guessed)"
_BY_NAME = "\x00"
"""Stands for leaving a column to be found by its name: no column is called so, and an empty value would not show."""


class CataloguePanel:
    """Upload, options and preview of a catalogue."""

    def __init__(self, session: Session) -> None:
        self.session = session
        most = f"{session.site.max_upload_bytes / 1e6:.0f} MB"
        limit = f"CSV, TSV, ECSV, MRT, IPAC, Parquet, VOTable or FITS, also gzipped; at most {most}"
        self.upload = Upload(
            title="Upload a catalogue of sources",
            hint=limit,
            ticket=session.ticket,
            max_bytes=session.site.max_upload_bytes,
        )
        self.upload.on_message = self._sent
        self.roles = {
            role: pmui.Select(
                size="small",
                label=label,
                options={"detected": _BY_NAME},
                value=_BY_NAME,
                sizing_mode="stretch_width",
                margin=0,
            )
            for role, label in _ROLES.items()
        }
        self.radius = pmui.FloatInput(
            size="small",
            label="Radius (arcsec)",
            value=1.5,
            start=0.001,
            end=3600,
            step=0.5,
            mode="text",
            sizing_mode="stretch_width",
            margin=0,
        )
        self.keep = pmui.Select(
            size="small", label="Keep", options=_KEEP, value="nearest", sizing_mode="stretch_width", margin=0
        )
        self.bad_rows = pmui.Checkbox(size="small", label="Leave out rows that cannot be used", margin=0)
        self.columns = pmui.MultiChoice(
            label="Catalogue columns to include", options=[], sizing_mode="stretch_width", margin=0
        )
        self.drop = pmui.Button(label="Remove the catalogue", variant="text", margin=0)
        self.drop.on_click(lambda _: self._remove())
        for control in (*self.roles.values(), self.radius, self.keep, self.bad_rows, self.columns):
            control.param.watch(lambda _: self._changed(), "value")
        self.notice = Notice(visible=False)
        self.table = DataTable(title="First rows of the catalogue", empty="No row could be read.")
        self.faults = DataTable(title="Rows that cannot be used", visible=False)
        self.plot, self.tables = sky_map(260)
        self.overlap = Notice(visible=False)
        self.options = self._options()
        self.view = card(
            self.upload,
            self.notice,
            self.options,
            title="Your catalogue",
            hint="Alerts are matched with it by position. It is seen by nobody else and removed after a day.",
        )
        self._filling = False
        self._path = ""

    def _options(self) -> pn.Column:
        chart = pn.pane.Bokeh(self.plot, sizing_mode="stretch_width", margin=0)
        fields = grid(
            *self.roles.values(), self.radius, self.keep, self.bad_rows, columns="repeat(3, minmax(0, 1fr))", gap=12
        )
        return stack(fields, self.columns, row(self.drop), self.table, self.faults, self.overlap, chart, visible=False)

    def refresh(self) -> None:
        """Show the draft."""
        step = first_of(self.session.draft, "crossmatch")
        self.options.visible = step is not None
        if step is None:
            self.upload.file, self._path = "", ""
            self.notice.visible = False
            return
        found = uploads.named(str(step["catalog"]), self.session.owner)
        self.upload.file = found.name if found else str(step["catalog"]).rpartition("/")[2]
        self._fill(step)
        if step["catalog"] != self._path:
            self._path = str(step["catalog"])
            self._look(step)

    def _fill(self, step: Mapping[str, Any]) -> None:
        self._filling = True
        try:
            for role, select in self.roles.items():
                value = step.get(role, _BY_NAME)
                if value not in select.options.values():
                    select.options = {**select.options, value: value}
                select.value = value
            self.radius.value = step.get("radius_arcsec", self.radius.value)
            self.radius.disabled = "radius" in step
            self.keep.value = step.get("keep", "nearest")
            self.bad_rows.value = step.get("on_bad_rows", "fail") == "drop"
            carried = list(step.get("columns", ()))
            self.columns.options = list(dict.fromkeys([*self.columns.options, *carried]))
            self.columns.value = carried
            self.columns.disabled = self.keep.value == "none"
        finally:
            self._filling = False

    def _sent(self, message: dict[str, Any]) -> None:
        found = uploads.find(message["file"], self.session.owner)
        if found is not None:
            self.upload.file = found.name
            step = {"catalog": found.reference, "radius_arcsec": float(self.radius.value or 1.5)}
            self.session.update(with_filter(self.session.draft, "crossmatch", step))

    def _changed(self) -> None:
        step = first_of(self.session.draft, "crossmatch")
        if self._filling or step is None:
            return
        fresh = {
            key: value for key, value in step.items() if key not in ("kind", *_ROLES, "keep", "columns", "on_bad_rows")
        }
        fresh |= {role: select.value for role, select in self.roles.items() if select.value != _BY_NAME}
        if "radius" not in step:
            fresh["radius_arcsec"] = self.radius.value
        if self.keep.value != "nearest":
            fresh["keep"] = self.keep.value
        if self.bad_rows.value:
            fresh["on_bad_rows"] = "drop"
        if self.columns.value and self.keep.value != "none":
            fresh["columns"] = list(self.columns.value)
        roles_before = {role: step.get(role) for role in _ROLES}
        self.session.update(with_filter(self.session.draft, "crossmatch", fresh))
        if {role: fresh.get(role) for role in _ROLES} != roles_before:
            self._look(fresh)

    def _remove(self) -> None:
        self.session.forget("catalogue")
        self.session.update(with_filter(self.session.draft, "crossmatch", None))

    def _look(self, step: Mapping[str, Any]) -> None:
        """Read the catalogue's first rows elsewhere, in a confined process."""
        from alertferry.catalogs import PREVIEW_OPTIONS, preview_catalog

        self.notice.param.update(visible=True, tone="info", title="Reading the catalogue", lines=[])
        named = {option: step[option] for option in PREVIEW_OPTIONS if step.get(option)}
        text, access, title = str(step["catalog"]), self.session.access, self.upload.file

        def work() -> Any:
            return preview_catalog(service.file_to_look_at(text, access), PREVIEW_ROWS, name=title, **named)

        self.session.later("catalogue", work, self._seen)

    def _seen(self, preview: Any, error: AlertferryError | None) -> None:
        if error is not None:
            self.options.visible = False
            self.notice.param.update(
                visible=True, tone="error", title="This catalogue cannot be used", lines=[str(error)]
            )
            return
        self.options.visible = True
        self._show_columns(preview)
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

    def _show_columns(self, preview: Any) -> None:
        names = [column.name for column in preview.columns]
        step = first_of(self.session.draft, "crossmatch") or {}
        self._filling = True
        try:
            for role, select in self.roles.items():
                guess = getattr(preview.guess, role)
                first = f"{guess} {_GUESSED}" if guess else "choose a column"
                row_number = {"number of the row": "#"} if role == "id" else {}
                select.options = {first: _BY_NAME, **row_number, **{name: name for name in names}}
                select.value = step.get(role, _BY_NAME)
            self.columns.options = names
        finally:
            self._filling = False

    def _draw(self) -> None:
        draft, lake = self.session.draft, self.session.lake
        step, access = dict(first_of(draft, "crossmatch") or {}), self.session.access

        nights = tuple(map(str, chosen_nights(draft)))

        def work() -> Any:
            return night_positions(draft.survey, nights, lake), catalog_positions(step, access)

        def done(result: Any, error: AlertferryError | None) -> None:
            if error is None:
                alerts, sources = result
                self.tables["alerts"].data, self.tables["sources"].data = positions(*alerts), positions(*sources)
                self.overlap.param.update(**_overlap(alerts, sources))

        self.session.later("catalogue map", work, done)


def _summary(preview: Any) -> dict[str, Any]:
    """Return what the notice says of a catalogue."""
    lines = [str(line) for line in preview.warnings]
    if preview.problem:
        return {
            "visible": True,
            "tone": "error",
            "title": "This catalogue cannot be used as it stands",
            "lines": [preview.problem],
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


def _overlap(alerts: Any, sources: Any) -> dict[str, Any]:
    """Return what the map says in words: whether the catalogue lies where the nights have alerts."""
    import healpy
    import numpy as np

    if not alerts[0].size or not sources[0].size:
        return {"visible": False}
    cells = [healpy.ang2pix(32, ra, dec, nest=True, lonlat=True) for ra, dec in (alerts, sources)]
    share = float(np.isin(cells[1], cells[0]).mean())
    words = f"{share:.0%} of the sources lie in fields where these nights have alerts (cells of 1.8 degrees)."
    tone = "warning" if share == 0 else "info"
    title = "Nothing can match: " + words if share == 0 else words
    return {"visible": True, "tone": tone, "title": title, "lines": []}
