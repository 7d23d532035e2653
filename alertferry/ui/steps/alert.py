"""One alert of a result: what it is, its light curve, its cutouts, and where else it can be looked up."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import panel as pn

from alertferry.core.errors import AlertferryError
from alertferry.core.time_scales import label
from alertferry.ui import outside, photometry, plots, results, stamps
from alertferry.ui.components import Links, Notice
from alertferry.ui.components.results import AlertHead, Cutouts
from alertferry.ui.lakes import surveys
from alertferry.ui.problems import told
from alertferry.ui.session import Session
from alertferry.ui.theme import card, stack, words, words_text

_NOUNS = {
    photometry.THIS: ("⬤", "this alert", ""),
    photometry.SAME: ("●", "other alert of this object", "other alerts of this object"),
    photometry.BEFORE: ("○", "earlier detection", "earlier detections"),
    photometry.FORCED: ("◇", "forced measurement", "forced measurements"),
    photometry.LIMIT: ("▽", "upper limit", "upper limits"),
}


class AlertCard:
    """A card beside the table of the first alerts."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self.head = AlertHead()
        self.links = Links(title="Look it up elsewhere")
        self.curve = stack()
        self.told = Notice(visible=False)
        self.summary = words("")
        self.cutouts = Cutouts(visible=False)
        self.view = card(self.head, self.links, self.told, self.summary, self.curve, self.cutouts)
        self.view.visible = False

    def close(self) -> None:
        """Show none."""
        self.session.forget("alert")
        self.view.visible = False

    def open(self, record: Any, path: Path, row: int, *, by_hand: bool) -> None:
        """Show the alert that a row of a job's file is; it comes into sight where somebody asked for it."""
        survey = record.survey

        def work() -> Any:
            return photometry.open_alert(path, survey, row), stamps.read_stamps(path, row)

        def done(found: Any, error: AlertferryError | None) -> None:
            if error is not None:
                self.view.visible = True
                self.told.param.update(
                    visible=True, tone="error", title="This alert cannot be shown", lines=[told(error)]
                )
                return
            self._show(found[0], found[1], survey)
            if by_hand:
                self.head.turn += 1

        self.session.later("alert", lambda: results.of_job(record, work), done)

    def _show(self, alert: photometry.Opened, images: Any, survey: str) -> None:
        self.view.visible = True
        self.head.param.update(title=alert.title, facts=alert.facts)
        self.links.links = outside.links(survey, alert.object_id, alert.ra, alert.dec)
        bands = photometry.BANDS.get(survey)
        if alert.curve and alert.curve["time"] and bands:
            labels = (label(surveys()[survey].time_scale), bands.label)
            plot = plots.light_curve(alert.curve, labels, bands.inverted)
            self.curve[:] = [pn.pane.Bokeh(plot, sizing_mode="stretch_width", margin=0)]
            told = _summary(alert.curve["kind"])
        else:
            self.curve[:] = []
            told = "This packet holds no brightness that can be drawn."
        self.told.visible, self.summary.object = False, words_text(told)
        pictures = [stamps.for_page(name, image) for name, image in images]
        self.cutouts.param.update(images=pictures, label=alert.title, visible=bool(pictures))


def _summary(kinds: list[str]) -> str:
    """Return what a light curve is made of, in words, with the marks."""
    parts = []
    for kind, (mark, one, more) in _NOUNS.items():
        count = kinds.count(kind)
        if count:
            parts.append(f"{mark} {one if kind == photometry.THIS else f'{count} {one if count == 1 else more}'}")
    return ", ".join(parts)
