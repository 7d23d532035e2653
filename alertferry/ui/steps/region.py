"""A part of the sky, with a map of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import panel as pn
import panel_material_ui as pmui

from alertferry.core.errors import UsageError
from alertferry.ui import uploads
from alertferry.ui.components import Notice, Segments, Upload
from alertferry.ui.draft import chosen_nights, first_of, with_filter
from alertferry.ui.drafts import MAX_BYTES
from alertferry.ui.plots import positions, sky_map
from alertferry.ui.session import Session
from alertferry.ui.sky import angle_deg, night_positions, region_cells, region_lines
from alertferry.ui.theme import Deck, card, grid, stack

WHOLE = "whole"
_SHAPES = {
    "Whole sky": "",
    "Cone": "cone",
    "Box": "box",
    "Polygon": "polygon",
    "Coverage map": "moc",
    "Sky map": "skymap",
}


def _entry(label: str, placeholder: str) -> pmui.TextInput:
    return pmui.TextInput(size="small", label=label, placeholder=placeholder, sizing_mode="stretch_width", margin=0)


class RegionPanel:
    """Shape, its numbers, and the map."""

    def __init__(self, session: Session) -> None:
        self.session = session
        shapes = [{"value": value or WHOLE, "label": label} for label, value in _SHAPES.items()]
        self.shape = Segments(items=shapes, value=WHOLE, label="Shape")
        self.shape.on_choice(lambda value: self._to_shape("" if value == WHOLE else value))
        self.entries = {
            "cone": {
                "ra": _entry("RA of the centre", "150.1 or 10:00:24"),
                "dec": _entry("Dec of the centre", "2.2 or +02:12:00"),
                "radius_deg": _entry("Radius (degrees)", "1.5"),
            },
            "box": {
                "west": _entry("RA from (west)", "350"),
                "east": _entry("RA to (east)", "10"),
                "south": _entry("Dec from (south)", "-5"),
                "north": _entry("Dec to (north)", "5"),
            },
            "polygon": {
                "corners": pmui.TextAreaInput(
                    size="small",
                    label="Corners: RA, Dec in degrees, one a line",
                    rows=5,
                    sizing_mode="stretch_width",
                    placeholder="120, -10\n180, -20\n230, 40",
                    margin=0,
                )
            },
            "moc": {"text": _entry("Cells as text (or upload a file)", "3/1-4 5/77")},
            "skymap": {"level": _entry("Credible level", "0.9")},
        }
        for entries in self.entries.values():
            for entry in entries.values():
                entry.param.watch(lambda _: self._typed(), "value")
        self.upload = Upload(
            title="Upload a FITS file",
            accept=".fits,.fit,.gz,.json,.txt,.moc",
            ticket=session.ticket,
            hint="A MOC, or a HEALPix map of probability",
            max_bytes=session.site.max_upload_bytes,
        )
        self.upload.on_message = self._sent
        self.fault = Notice(tone="error", visible=False)
        self.form = Deck()
        for name, entries in self.entries.items():
            self.form.show(name, stack(*entries.values(), gap=12))
        self.form.hide()
        self.upload.visible = False
        self.plot, self.tables = sky_map()
        chart = pn.pane.Bokeh(self.plot, sizing_mode="stretch_width", margin=0)
        hint = "ICRS positions in degrees, or as 10:00:24 +02:12:00. Grey points are alerts of the chosen nights."
        left = stack(self.shape, self.form.view, self.upload, self.fault)
        self.view = card(grid(left, chart, columns="minmax(0, 5fr) minmax(0, 7fr)"), title="Region", hint=hint)
        self._meant: tuple[str, Mapping[str, Any] | None] = "", None
        """Shape and options that the entries were last read as, or filled from."""

    def refresh(self) -> None:
        """Show the draft."""
        step = first_of(self.session.draft, "region") or {}
        shape = next((name for name in _SHAPES.values() if name and step.get(name) is not None), "")
        if shape:
            self.shape.value = shape
            self._form(shape)
            self._fill(shape, step)
        elif self._shape == "":
            self._form("")
        self._draw(step)

    @property
    def _shape(self) -> str:
        return "" if self.shape.value == WHOLE else str(self.shape.value)

    def _form(self, shape: str) -> None:
        if shape:
            self.form.show(shape)
        else:
            self.form.hide()
        self.upload.visible = shape in ("moc", "skymap")

    def _fill(self, shape: str, step: Mapping[str, Any]) -> None:
        """Put the draft's numbers into the entries, but leave alone what means the same already."""
        options = {key: value for key, value in step.items() if key != "kind"}
        if self._meant == (shape, options):
            return
        self._meant = shape, options
        for name, value in _values(shape, step).items():
            self.entries[shape][name].value = value
        if shape in ("moc", "skymap"):
            found = uploads.named(str(step.get(shape)), self.session.owner)
            self.upload.file = found.name if found else ""

    def _draw(self, step: Mapping[str, Any]) -> None:
        self.session.soon(lambda: self._outline(step))
        draft, lake, access = self.session.draft, self.session.lake, self.session.access

        nights = tuple(map(str, chosen_nights(draft)))

        def work() -> tuple[dict[str, Any], dict[str, Any]]:
            return positions(*night_positions(draft.survey, nights, lake)), region_cells(step, access)

        def done(result: Any, error: Any) -> None:
            if error is None:
                self.tables["alerts"].data, self.tables["cells"].data = result

        self.session.later("region map", work, done)

    def _outline(self, step: Mapping[str, Any]) -> None:
        self.tables["region"].data = region_lines(step)

    def _to_shape(self, shape: str) -> None:
        self._form(shape)
        self.fault.visible = False
        if not shape:
            self.session.update(with_filter(self.session.draft, "region", None))
        else:
            self._typed()

    def _typed(self) -> None:
        shape = self._shape
        if not shape:
            return
        texts, path = self._texts(shape), (first_of(self.session.draft, "region") or {}).get("skymap")
        size = sum(map(len, texts.values()))

        def take(step: Any, error: Any) -> None:
            if (shape, texts) != (self._shape, self._texts(shape)):
                return  # something else has been typed meanwhile
            self.fault.param.update(visible=error is not None, title=_sentence(str(error or "")))
            if step is not None:
                self._meant = shape, step
                self.session.update(with_filter(self.session.draft, "region", step))

        if size > MAX_BYTES:
            take(None, f"this text has {size:,} characters; a job file has room for {MAX_BYTES:,}")
        else:
            self.session.read("region", size, lambda: _step(shape, texts, path), take)

    def _texts(self, shape: str) -> dict[str, str]:
        return {name: str(entry.value or "").strip() for name, entry in self.entries[shape].items()}

    def _sent(self, message: dict[str, Any]) -> None:
        found = uploads.find(message["file"], self.session.owner)
        if found is None or self._shape not in (
            "moc",
            "skymap",
        ):  # the other shapes take no file, though it is hidden only
            return
        self.upload.file = found.name
        if self._shape == "moc":
            self.entries["moc"]["text"].value = found.reference
        self.session.update(with_filter(self.session.draft, "region", {self._shape: found.reference}))


def _step(shape: str, texts: Mapping[str, str], path: Any) -> dict[str, Any] | None:
    """Return the options of the filter, or None while the entries are not complete. Raises `UsageError`."""
    if shape == "moc":
        return {"moc": texts["text"]} if texts["text"] else None
    if shape == "skymap":
        level = {"credible_level": _number(texts["level"], "the credible level")} if texts["level"] else {}
        return {"skymap": path} | level if path else None
    if not all(texts.values()):
        return None
    return {shape: _SHAPE_READERS[shape](texts)}


def _number(text: str, what: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise UsageError(f"{what} must be a number, got {text!r}") from None


def _cone(texts: Mapping[str, str]) -> dict[str, float]:
    radius = _number(texts["radius_deg"], "the radius")
    return {"ra": angle_deg(texts["ra"], True), "dec": angle_deg(texts["dec"], False), "radius_deg": radius}


def _box(texts: Mapping[str, str]) -> dict[str, list[float]]:
    ra = [angle_deg(texts[name], True) for name in ("west", "east")]
    return {"ra": ra, "dec": [angle_deg(texts[name], False) for name in ("south", "north")]}


def _corners(texts: Mapping[str, str]) -> list[list[float]]:
    lines = [line.replace(",", " ").split() for line in texts["corners"].splitlines() if line.strip()]
    if any(len(line) != 2 for line in lines):
        raise UsageError("each corner is a line with two numbers, RA and Dec")
    return [[angle_deg(ra, True), angle_deg(dec, False)] for ra, dec in lines]


_SHAPE_READERS: dict[str, Any] = {"cone": _cone, "box": _box, "polygon": _corners}


def _values(shape: str, step: Mapping[str, Any]) -> dict[str, str]:
    """Return what the entries of a shape show for a filter."""
    value = step[shape]
    if shape == "cone":
        return {name: _text(value.get(name)) for name in ("ra", "dec", "radius_deg")}
    if shape == "box":
        (west, east), (south, north) = value["ra"], value["dec"]
        return {"west": _text(west), "east": _text(east), "south": _text(south), "north": _text(north)}
    if shape == "polygon":
        return {"corners": "\n".join(f"{_text(ra)}, {_text(dec)}" for ra, dec in value)}
    if shape == "moc":
        return {"text": str(value)}
    return {"level": _text(step["credible_level"]) if "credible_level" in step else ""}


def _text(value: Any) -> str:
    return "" if value is None else repr(float(value)).removesuffix(".0")


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:]
