"""What a simulated alert contains."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Contents:
    """Whether alerts carry stamps and the record of earlier measurements."""

    cutouts: bool = True
    history: bool = True
