"""A part of the sky, with a map of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import panel as pn

from alertferry.core.errors import UsageError
from alertferry.ui import uploads
from alertferry.ui.components import Notice, OptionForm, Segments, Upload
from alertferry.ui.draft import chosen_nights
from alertferry.ui.drafts import MAX_BYTES
from alertferry.ui.forms import Entry
from alertferry.ui.plots import positions, sky_map
from alertferry.ui.session import Session
from alertferry.ui.sky import alert_positions, angle_deg, region_cells, region_lines
from alertferry.ui.spot import Spot
from alertferry.ui.theme import card, grid, stack

WHOLE = "whole"
_SHAPES = {
    "Whole sky": "",
    "Cone": "cone",
    "Box": "box",
    "Polygon": "polygon",
    "Coverage map": "moc",
    "Sky map": "skymap",
}
_OPTIONS = {
    "box": {"west": "box.ra[0]", "east": "box.ra[1]", "south": "box.dec[0]", "north": "box.dec[1]"},
    "polygon": {"corners": "polygon"},
    "moc": {"text": "moc"},
    "skymap": {"level": "credible_level"},
}
"""What entries are called in a job file, where that is not the shape and their own name."""


def _shapes() -> list[dict[str, str]]:
    return [{"value": value or WHOLE, "label": label} for label, value in _SHAPES.items()]


_ENTRIES = {
    "cone": (
        Entry("ra", "RA of the centre", hint="150.1 or 10:00:24"),
        Entry("dec", "Dec of the centre", hint="2.2 or +02:12:00"),
        Entry("radius_deg", "Radius (degrees)", hint="1.5"),
    ),
    "box": (
        Entry("west", "RA from (west)", hint="350"),
        Entry("east", "RA to (east)", hint="10"),
        Entry("south", "Dec from (south)", hint="-5"),
        Entry("north", "Dec to (north)", hint="5"),
    ),
    "polygon": (
        Entry("corners", "Corners: RA, Dec in degrees, one a line", kind="lines", hint="120, -10\n180, -20\n230, 40"),
    ),
    "moc": (Entry("text", "Cells as text (or upload a file)", hint="3/1-4 5/77"),),
    "skymap": (Entry("level", "Credible level", hint="0.9 if left empty"),),
}


class RegionPanel:
    """Shape, its numbers, and the map."""

    def __init__(self, session: Session) -> None:
        self.session, self.spot = session, Spot(session, "region")
        self.shape = Segments(items=_shapes(), value=WHOLE, label="Shape")
        self.shape.on_choice(lambda value: self._to_shape("" if value == WHOLE else value))
        self.form = OptionForm(label="Region", visible=False)
        self.form.on_message = self._entered
        self.typed: dict[str, dict[str, str]] = {shape: {} for shape in _ENTRIES}
        """What stands in the entries of each shape, as it was typed."""
        self.upload = Upload(
            title="Upload a FITS file",
            accept=".fits,.fit,.gz,.json,.txt,.moc",
            ticket=session.ticket,
            hint="A MOC, or a HEALPix map of probability",
            max_bytes=session.site.max_upload_bytes,
            visible=False,
        )
        self.upload.on_message = self._sent
        self.fault = Notice(tone="error", visible=False)
        self.plot, self.tables = sky_map()
        chart = pn.pane.Bokeh(self.plot, sizing_mode="stretch_width", margin=0)
        hint = "ICRS positions in degrees, or as 10:00:24 +02:12:00. Grey points are alerts of the chosen nights"
        hint += " (of the newest ones before you choose)."
        left = stack(self.shape, self.form, self.upload, self.fault)
        self.view = card(grid(left, chart, columns="minmax(0, 5fr) minmax(0, 7fr)"), title="Region", hint=hint)
        self._meant: tuple[str, Mapping[str, Any] | None] = "", None
        """Shape and options that the entries were last read as, or filled from."""

    def refresh(self) -> None:
        """Show the draft."""
        step = self.spot.step or {}
        shape = next((name for name in _SHAPES.values() if name and step.get(name) is not None), "")
        self.shape.param.update(items=_shapes()[1 if self.spot.place else 0 :], value=shape or WHOLE)
        if shape:
            self._fill(shape, step)
        self._show_form()
        self._draw(step)

    @property
    def _shape(self) -> str:
        return "" if self.shape.value == WHOLE else str(self.shape.value)

    def _show_form(self) -> None:
        shape, faults = self._shape, [item.option for item in self.spot.problems]
        self.form.visible, self.upload.visible = bool(shape), shape in ("moc", "skymap")
        if shape:
            names = {name: _OPTIONS.get(shape, {}).get(name, f"{shape}.{name}") for name in self._texts(shape)}
            self.form.param.update(
                of=f"{self.spot.name} {shape}",
                entries=[entry.to_page() for entry in _ENTRIES[shape]],
                values=dict(self.typed[shape]),
                faults=[name for name, option in names.items() if any(fault.startswith(option) for fault in faults)],
            )

    def _fill(self, shape: str, step: Mapping[str, Any]) -> None:
        """Put the draft's numbers into the entries, but leave alone what means the same already."""
        options = {key: value for key, value in step.items() if key != "kind"}
        if self._meant == (shape, options):
            return
        self._meant = shape, options
        self.typed[shape] = _values(shape, step)
        if shape in ("moc", "skymap"):
            found = uploads.named(str(step.get(shape)), self.session.owner)
            self.upload.file = found.name if found else ""
        self.fault.visible = False

    def _draw(self, step: Mapping[str, Any]) -> None:
        self.session.soon(lambda: self._outline(step))
        draft, lake, access = self.session.draft, self.session.lake, self.session.access

        nights = chosen_nights(draft)

        def work() -> tuple[dict[str, Any], dict[str, Any]]:
            return positions(*alert_positions(draft.survey, nights, lake)), region_cells(step, access)

        def done(result: Any, error: Any) -> None:
            if error is None:
                self.tables["alerts"].data, self.tables["cells"].data = result

        self.session.later("region map", work, done)

    def _outline(self, step: Mapping[str, Any]) -> None:
        self.tables["region"].data = region_lines(step)

    def _to_shape(self, shape: str) -> None:
        self.fault.visible = False
        if shape:
            self._typed()
        else:
            self.spot.put(None)

    def _entered(self, message: dict[str, Any]) -> None:
        shape = self._shape
        if shape and message["of"] == self.form.of and message["path"] in self._texts(shape):
            self.typed[shape][message["path"]] = message["text"]
            self._typed()

    def _typed(self) -> None:
        """Ask for what the entries say; what cannot be read is asked for as it stands, and `check` says what it is."""
        shape, of = self._shape, self.spot.name
        if not shape:
            return
        texts, path = self._texts(shape), (self.spot.step or {}).get("skymap")
        size = sum(map(len, texts.values()))
        self.fault.visible = size > MAX_BYTES
        if size > MAX_BYTES:
            self.fault.title = f"This text has {size:,} characters; a job file has room for {MAX_BYTES:,}"
            return

        def take(options: Any, error: Any) -> None:
            if error is None and (shape, texts, of) == (self._shape, self._texts(shape), self.spot.name):
                self._meant = shape, options
                self.spot.put(options)

        self.session.read("region", size, lambda: _options(shape, texts, path), take)

    def _texts(self, shape: str) -> dict[str, str]:
        return {entry.path: self.typed[shape].get(entry.path, "").strip() for entry in _ENTRIES[shape]}

    def _sent(self, message: dict[str, Any]) -> None:
        found = uploads.find(message["file"], self.session.owner)
        if found is None or self._shape not in (
            "moc",
            "skymap",
        ):  # the other shapes take no file, though it is hidden only
            return
        self.upload.file = found.name
        level = {key: value for key, value in self.spot.options.items() if key == "credible_level"}
        self.spot.put({self._shape: found.reference} | (level if self._shape == "skymap" else {}))


def _options(shape: str, texts: Mapping[str, str], path: Any) -> dict[str, Any]:
    """Return the options of the filter; what is missing or cannot be read is in them as it stands."""
    if shape == "moc":
        return {"moc": texts["text"]}
    if shape == "skymap":
        return {"skymap": path or ""} | ({"credible_level": _number(texts["level"])} if texts["level"] else {})
    if shape == "cone":
        readers = {"ra": _ra, "dec": _dec, "radius_deg": _number}
        return {"cone": {name: readers[name](text) for name, text in texts.items() if text}}
    if shape == "box":
        ra, dec = [_ra(texts[name]) for name in ("west", "east")], [_dec(texts[name]) for name in ("south", "north")]
        return {"box": {"ra": ra, "dec": dec}}
    lines = [line.replace(",", " ").split() for line in texts["corners"].splitlines() if line.strip()]
    return {"polygon": [[_ra(line[0]), *map(_dec, line[1:])] for line in lines]}


def _number(text: str) -> float | str:
    try:
        return float(text)
    except ValueError:
        return text


def _ra(text: str) -> float | str:
    return _angle(text, True)


def _dec(text: str) -> float | str:
    return _angle(text, False)


def _angle(text: str, hours: bool) -> float | str:
    try:
        return angle_deg(text, hours)
    except UsageError:
        return text


def _values(shape: str, step: Mapping[str, Any]) -> dict[str, str]:
    """Return what the entries of a shape show for a filter."""
    value = step[shape]
    if shape == "moc":
        return {"text": str(value)}
    if shape == "skymap":
        return {"level": _text(step.get("credible_level"))}
    if shape == "polygon":
        listed = value if isinstance(value, list | tuple) else ()
        corners = [corner for corner in listed if isinstance(corner, list | tuple)]
        return {"corners": "\n".join(", ".join(map(_text, corner)) for corner in corners)}
    given = value if isinstance(value, Mapping) else {}
    if shape == "cone":
        return {name: _text(given.get(name)) for name in ("ra", "dec", "radius_deg")}
    (west, east), (south, north) = (_pair(given.get(name)) for name in ("ra", "dec"))
    return {"west": west, "east": east, "south": south, "north": north}


def _pair(value: Any) -> tuple[str, str]:
    first, second, *_ = [*map(_text, value if isinstance(value, list | tuple) else ()), "", ""]
    return first, second


def _text(value: Any) -> str:
    if value is None or isinstance(value, str):
        return value or ""
    return repr(float(value)).removesuffix(".0")
