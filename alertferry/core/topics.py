"""Names of topics: what a user types, so readable; what protects the data, so not to be guessed."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from datetime import UTC, datetime

RANDOM_BYTES = 8


def new_topic(survey: str, filter_kinds: Sequence[str], *, test: bool = False) -> str:
    """Return ``ftransfer_<survey>_<date>_<random>``, or ``fxmatch_...`` when all filters are crossmatches.

    The random part for the ``test`` of a job begins with ``test-``.
    """
    only_crossmatch = bool(filter_kinds) and set(filter_kinds) == {"crossmatch"}
    prefix = "fxmatch" if only_crossmatch else "ftransfer"
    mark = "test-" if test else ""
    return f"{prefix}_{survey}_{datetime.now(UTC):%Y-%m-%d}_{mark}{secrets.token_hex(RANDOM_BYTES)}"
