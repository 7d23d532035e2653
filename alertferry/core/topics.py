"""Names of topics: what a user types, so readable; what protects the data, so not to be guessed."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from datetime import UTC, datetime

RANDOM_BYTES = 8


def new_topic(survey: str, filter_kinds: Sequence[str]) -> str:
    """Return ``ftransfer_<survey>_<date>_<random>``, or ``fxmatch_...`` when all filters are crossmatches."""
    only_crossmatch = bool(filter_kinds) and set(filter_kinds) == {"crossmatch"}
    prefix = "fxmatch" if only_crossmatch else "ftransfer"
    return f"{prefix}_{survey}_{datetime.now(UTC):%Y-%m-%d}_{secrets.token_hex(RANDOM_BYTES)}"
