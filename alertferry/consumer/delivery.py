"""What a run of the consumer ended with."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from alertferry.core.errors import DamagedError, IncompleteError

State = Literal[
    "complete",
    "unconfirmed",
    "limit",
    "incomplete",
    "interrupted",
    "failed",
    "cancelled",
    "damaged",
    "expired",
]
"""Why a run ended.

``complete``: the receipt is met. ``unconfirmed``: the topic carries no receipt, everything it held is on disk.
``limit``: as many alerts as were asked for. ``incomplete``: the job has not finished, or the broker went silent.
``interrupted``: stopped by a signal. ``failed``, ``cancelled``: the job says so. ``damaged``: all that can be
read is on disk, but some messages cannot be read, the receipt is not met, or files in the folder are foreign or were
changed. ``expired``: some alerts were deleted by the broker before they were fetched.
"""

Progress = Callable[[int, int | None], None]
"""Called with the alerts on disk and the alerts expected (None while nobody knows)."""

_DAMAGED = ("damaged", "expired")
GOOD = ("complete", "unconfirmed", "limit")


@dataclass(frozen=True)
class Delivery:
    """State of a delivery folder after a run.

    ``alerts`` and ``files`` are what the folder holds of this topic in total, ``bad`` the messages set aside,
    ``expired`` the alerts that the broker deleted unread. ``message`` says what to do next.
    """

    topic: str
    folder: Path
    state: State
    alerts: int
    files: tuple[Path, ...]
    duplicates_dropped: int
    bad: int
    expired: int
    message: str

    @property
    def ok(self) -> bool:
        """Whether what was asked for is on disk."""
        return self.state in GOOD

    @property
    def exit_code(self) -> int:
        """0 when ``ok``, 4 for damaged or expired alerts, 3 when running the same command again continues."""
        if self.ok:
            return 0
        return DamagedError.exit_code if self.state in _DAMAGED else IncompleteError.exit_code

    def to_dict(self) -> dict[str, Any]:
        """Return plain data for JSON."""
        return {
            "state": self.state,
            "topic": self.topic,
            "alerts": self.alerts,
            "files": [str(path) for path in self.files],
            "duplicates_dropped": self.duplicates_dropped,
            "bad": self.bad,
            "expired": self.expired,
            "message": self.message,
        }


def count_text(count: int, what: str = "alert") -> str:
    """Return ``1 alert`` or ``1,234 alerts``."""
    return f"{count:,} {what}" if count == 1 else f"{count:,} {what}s"
