"""The gauges: how many alerts and how many bytes a draft amounts to, as good as is known at the moment."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from alertferry.core.nights import shortened
from alertferry.ui.draft import Draft, chosen_nights
from alertferry.ui.lakes import Lake

if TYPE_CHECKING:
    from alertferry.estimates.results import Estimate


@dataclass(frozen=True)
class Gauge:
    """What the gauges show; ``busy`` while a better answer is on its way."""

    alerts: str = "–"
    alerts_note: str = ""
    size: str = "–"
    size_note: str = ""
    busy: bool = False


def nightly(draft: Draft, lake: Lake) -> int | None:
    """Return the alerts of the chosen nights before any filter; None where the lake, or one of them, cannot be read."""
    chosen = chosen_nights(draft)
    if not lake.nights or not lake.unknown.isdisjoint(chosen):
        return None
    counts = lake.counts
    return sum(counts.get(night, 0) for night in chosen)


def at_once(draft: Draft, lake: Lake, packet_bytes: float | None, coming: bool) -> Gauge:
    """Return what can be said without any estimate: the nights' own counts, an upper limit once there are filters."""
    total = nightly(draft, lake)
    if total is None or not draft.nights:
        unread = sorted(lake.unknown.intersection(chosen_nights(draft)))
        known = f"not known: {shortened(unread)} cannot be read" if unread else "not known for this lake"
        note = known if draft.nights else "choose nights"
        return Gauge(alerts_note=note, busy=coming)
    exact = not draft.filters and not draft.source.get("times")
    there = "in these nights" if exact else ("estimating" if coming else "before the filters")
    if isinstance(draft.limit, int) and 0 < draft.limit < total:
        total, there = draft.limit, "as limited" if exact else there
    size = size_text(total * packet_bytes) if packet_bytes is not None else "–"
    sign = "" if exact else "≤ "
    each = f"{size_text(packet_bytes)} per packet" if packet_bytes is not None else ""
    return Gauge(f"{sign}{total:,}", there, size, each, coming)


def measured(estimate: Estimate, packet_bytes: float | None) -> Gauge:
    """Return what an estimate says, with its 95 % interval."""
    alerts = f"{estimate.alerts:,}" if estimate.exact else f"≈ {estimate.alerts:,}"
    said = "counted" if estimate.exact else f"{estimate.low:,} to {estimate.high:,} (95 %)"
    per = estimate.bytes_per_alert or packet_bytes
    narrow = estimate.exact or estimate.bytes_low == estimate.bytes_high
    span = "" if narrow else f"{size_text(estimate.bytes_low)} to {size_text(estimate.bytes_high)}"
    return Gauge(alerts, said, size_text(estimate.bytes), span or (f"{size_text(per)} per packet" if per else ""))


def size_text(count: float) -> str:
    """Return bytes for people, number and unit with one space between."""
    size = float(count)
    for unit in ("B", "kB", "MB", "GB"):
        if size < 1000:
            return f"{size:.0f} {unit}" if unit == "B" or size >= 100 else f"{size:.1f} {unit}"
        size /= 1000
    return f"{size:.1f} TB"
