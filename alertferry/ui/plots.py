"""Plots: alerts per night, the sky, histograms, light curves. Drawn by Bokeh in the page, from small tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import TYPE_CHECKING, Any

import numpy as np
from bokeh.models import ColumnDataSource, HoverTool, NumeralTickFormatter, TapTool
from bokeh.plotting import figure

from alertferry.ui.theme import ACCENT, CHOSEN, UNCHOSEN

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

_DAY_MS = 86_400_000
BAND_COLOURS = {"u": "#8f6fd1", "g": "#3f9f6b", "r": "#c9504a", "i": "#d98a2b", "z": "#8b7d6b", "y": "#6b7785"}

HEIGHT_PX = 260
"""The same for plots beside each other, so that their cards end on one line."""


def _figure(height: int, **options: Any) -> Any:
    plot = figure(height=height, sizing_mode="stretch_width", toolbar_location=None, min_border=4, **options)
    plot.background_fill_alpha = plot.border_fill_alpha = 0
    plot.outline_line_color = None
    return plot


def nightly_source(counts: Mapping[date, int], chosen: Sequence[date]) -> dict[str, list[Any]]:
    """Return the table behind `nightly_chart`."""
    picked = set(chosen)
    return {
        "night": [datetime(night.year, night.month, night.day) for night in counts],
        "name": [str(night) for night in counts],
        "alerts": list(counts.values()),
        "colour": [CHOSEN if night in picked else UNCHOSEN for night in counts],
        "alpha": [1.0 if night in picked else 0.45 for night in counts],
    }


def nightly_chart(source: ColumnDataSource) -> Any:
    """Return alerts per night as bars, the chosen nights in colour."""
    plot = _figure(210, x_axis_type="datetime", tools="")
    bars = plot.vbar(
        x="night", top="alerts", width=0.8 * _DAY_MS, source=source, color="colour", alpha="alpha", line_alpha=0
    )
    bars.nonselection_glyph = None
    plot.add_tools(HoverTool(tooltips=[("night", "@name"), ("alerts", "@alerts{0,0}")]))
    plot.y_range.start = 0
    plot.yaxis.formatter = NumeralTickFormatter(format="0.[0]a")
    plot.yaxis.axis_label = "alerts"
    plot.xgrid.visible = False
    plot.xaxis.ticker.desired_num_ticks = 5
    return plot


def mollweide(ra_deg: Any, dec_deg: Any) -> tuple[Floats, Floats]:
    """Return the plane coordinates of positions, RA 0 in the middle and growing to the left (Mollweide 1805).

    The auxiliary angle t of ``2 t + sin 2 t = pi sin dec`` is found by Newton's method.
    """
    longitude = -np.radians((np.asarray(ra_deg, float) + 180.0) % 360.0 - 180.0)
    latitude = np.radians(np.clip(np.asarray(dec_deg, float), -90, 90))
    angle = latitude.copy()
    for _ in range(30):
        slope = 2 + 2 * np.cos(2 * angle)
        step = (2 * angle + np.sin(2 * angle) - np.pi * np.sin(latitude)) / np.where(slope < 1e-9, 1, slope)
        angle = np.clip(angle - step, -np.pi / 2, np.pi / 2)
    return 2 * np.sqrt(2) / np.pi * longitude * np.cos(angle), np.sqrt(2) * np.sin(angle)


def split_line(ra_deg: Any, dec_deg: Any) -> tuple[list[Floats], list[Floats]]:
    """Return a line on the sky as lines on the map, cut where it leaves at one side and comes back at the other."""
    x, y = mollweide(ra_deg, dec_deg)
    cuts = np.flatnonzero(np.abs(np.diff(x)) > 1.5) + 1
    return np.split(x, cuts), np.split(y, cuts)


def sky_map(height: int = 300) -> tuple[Any, dict[str, ColumnDataSource]]:
    """Return an empty map of the sky and the tables to fill: ``alerts``, ``sources``, ``cells``, ``region``."""
    plot = _figure(height, tools="", match_aspect=True)
    plot.axis.visible = False
    plot.grid.visible = False
    _graticule(plot)
    tables = {name: ColumnDataSource({"x": [], "y": []}) for name in ("alerts", "sources", "cells")}
    tables["region"] = ColumnDataSource({"xs": [], "ys": []})
    plot.scatter("x", "y", source=tables["alerts"], size=2.5, color=UNCHOSEN, alpha=0.5)
    plot.scatter("x", "y", source=tables["cells"], size=4, color=CHOSEN, alpha=0.4, marker="square")
    plot.scatter("x", "y", source=tables["sources"], size=4, color=ACCENT, alpha=0.85)
    plot.multi_line("xs", "ys", source=tables["region"], color=CHOSEN, width=2.5)
    return plot, tables


def alerts_map(ra: Any, dec: Any, height: int = HEIGHT_PX) -> tuple[Any, ColumnDataSource, ColumnDataSource]:
    """Return a map of alerts that can be clicked, the table of them, and that of the one which is open."""
    plot, _ = sky_map(height)
    points = ColumnDataSource(positions(ra, dec))
    marks = plot.scatter("x", "y", source=points, size=7, color=ACCENT, alpha=0.75, line_color=None)
    marks.nonselection_glyph = marks.selection_glyph = marks.glyph
    opened = ColumnDataSource({"x": [], "y": []})
    plot.scatter("x", "y", source=opened, size=16, fill_color=None, line_color=CHOSEN, line_width=2.5)
    plot.add_tools(TapTool(renderers=[marks]))
    return plot, points, opened


def _graticule(plot: Any) -> None:
    dec = np.linspace(-90, 90, 91)
    ra = np.linspace(-179.99, 179.99, 181)
    lines = [(np.full_like(dec, value), dec) for value in (-120, -60, 0, 60, 120)]
    lines += [(ra, np.full_like(ra, value)) for value in (-60, -30, 0, 30, 60)]
    edge = [(np.full_like(dec, value), dec) for value in (-179.99, 179.99)]
    for group, alpha in ((lines, 0.25), (edge, 0.8)):
        xs, ys = zip(*(mollweide(*line) for line in group), strict=True)
        plot.multi_line(list(xs), list(ys), color=UNCHOSEN, alpha=alpha, width=1)
    hours = [-120, -60, 60, 120]
    x, y = mollweide(hours, [0] * 4)
    plot.text(x, y, [f"{value % 360}°" for value in hours], text_font_size="11px", text_color=UNCHOSEN, x_offset=3)


def positions(ra_deg: Any, dec_deg: Any) -> dict[str, Any]:
    """Return positions as a table of `sky_map`."""
    x, y = mollweide(ra_deg, dec_deg)
    return {"x": x, "y": y}


def histogram(values: Any, label: str, height: int = HEIGHT_PX) -> Any:
    """Return a histogram of values; those that are no numbers are left out."""
    finite = np.asarray(values, float)
    finite = finite[np.isfinite(finite)]
    low, high = np.percentile(finite, [0.5, 99.5]) if finite.size else (0.0, 1.0)
    counts, edges = np.histogram(finite, bins=40, range=(low, high if high > low else low + 1))
    plot = _figure(height, tools="")
    plot.quad(top=counts, bottom=0, left=edges[:-1], right=edges[1:], color=CHOSEN, line_color=None, alpha=0.85)
    plot.xaxis.axis_label = label
    plot.xaxis.formatter = NumeralTickFormatter(format="0.[0]a")
    plot.xaxis.ticker.desired_num_ticks = 5
    plot.yaxis.axis_label = "alerts"
    plot.y_range.start = 0
    plot.xgrid.visible = False
    return plot


def _by_wavelength(band: str) -> tuple[int, str]:
    known = list(BAND_COLOURS)
    return (known.index(band) if band in known else len(known), band)


_MARKS = {
    "this alert": ("circle", 11, 1.0),
    "other alerts of it here": ("circle", 7, 1.0),
    "history": ("circle", 7, 0.15),
    "forced photometry": ("diamond", 7, 0.0),
    "upper limit": ("inverted_triangle", 7, 0.0),
}
"""The mark of each kind of point, its size, and how far it is filled."""


def light_curve(points: Mapping[str, Any], labels: tuple[str, str], inverted: bool, height: int = 320) -> Any:
    """Return a light curve of ``time``, ``value``, ``error``, ``band`` and ``kind``. Magnitudes are inverted."""
    plot = _figure(height, tools="")
    table = {key: np.asarray(points[key], object if key in ("band", "kind") else float) for key in points}
    marks = []
    for name in sorted({str(item) for item in table["band"]}, key=_by_wavelength):
        colour = BAND_COLOURS.get(name, UNCHOSEN)
        for kind in [kind for kind in _MARKS if ((table["band"] == name) & (table["kind"] == kind)).any()]:
            here = (table["band"] == name) & (table["kind"] == kind)
            mark, size, filled = _MARKS[kind]
            source = ColumnDataSource({key: column[here].tolist() for key, column in table.items()})
            marks.append(
                plot.scatter(
                    "time", "value", source=source, marker=mark, size=size, legend_label=name,
                    line_color=colour, fill_color=colour, fill_alpha=filled,
                )
            )  # fmt: skip
            time, value, error = (table[key][here] for key in ("time", "value", "error"))
            seen = error > 0
            ends = [list(pair) for pair in zip((value - error)[seen], (value + error)[seen], strict=True)]
            plot.multi_line([[moment, moment] for moment in time[seen]], ends, color=colour, alpha=0.4 + 0.2 * filled)
    told = [("", "@kind, @band"), (labels[1], "@value{0.[0000]} ± @error{0.[0000]}"), (labels[0], "@time{0.00000}")]
    plot.add_tools(HoverTool(tooltips=told, renderers=marks))
    plot.xaxis.axis_label, plot.yaxis.axis_label = labels
    plot.y_range.flipped = inverted
    plot.xaxis.formatter = NumeralTickFormatter(format="0.[0]")
    plot.yaxis.formatter = NumeralTickFormatter(format="0.[0]a")
    plot.xaxis.ticker.desired_num_ticks = 5
    if plot.legend:
        _above(plot)
    return plot


def _above(plot: Any) -> None:
    """Put the legend above the plot."""
    legend = plot.legend
    legend.orientation = "horizontal"
    legend.ncols = 6
    legend.spacing, legend.margin, legend.padding = 8, 0, 0
    legend.glyph_width, legend.label_standoff = 14, 1
    legend.label_text_font_size = "12px"
    legend.background_fill_alpha = 0
    legend.border_line_alpha = 0
    legend.location = "top_left"
    plot.add_layout(legend[0], "above")
