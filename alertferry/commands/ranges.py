"""Nights on the command line: ``2026-01-01,2026-03-01..2026-03-07``."""

from __future__ import annotations

from datetime import date

from alertferry.core.errors import UsageError


def read_nights(text: str) -> tuple[date, ...]:
    """Return the nights of a comma-separated list. Raises `UsageError` naming what is wrong."""
    from pydantic import TypeAdapter, ValidationError

    from alertferry.core.nights import NightRange, expand

    parts = [part.strip() for part in text.split(",") if part.strip()]
    if not parts:
        raise UsageError("--nights names no night; write 2026-03-01, or 2026-03-01..2026-03-07")
    try:
        return expand(TypeAdapter(list[NightRange]).validate_python(parts))
    except ValidationError as error:
        raise UsageError("\n".join(f"--nights {item['ctx']['error']}" for item in error.errors())) from None
    except ValueError as error:
        raise UsageError(f"--nights {error}") from None
