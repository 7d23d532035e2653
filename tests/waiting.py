"""Waiting for what other processes do, on a machine that may be very busy."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

Found = TypeVar("Found")

PATIENCE_SECONDS = 240.0
"""No test is about speed: who waits this long waits for something that will not happen."""


def until(look: Callable[[], Found], pause: float = 0.05) -> Found:
    """Look until the answer is true, and return it."""
    end = time.monotonic() + PATIENCE_SECONDS
    while not (found := look()):
        assert time.monotonic() < end, "it never came true"
        time.sleep(pause)
    return found
