"""A quick start and an even pace, for programs of our own: in a program of others all this is theirs to say."""

from __future__ import annotations

import gc
import sys
import threading
from contextlib import suppress

NEW_OBJECTS = 10_000
"""So many between two looks for reference cycles: dozens of polls. Python's own number is that of two, and messages are
in no cycle."""


def start_quickly() -> None:
    """Import pyarrow without numpy, beside whatever else is done, and let Python look for cycles rarely.

    pyarrow imports numpy where it is installed, which takes as long again, and nothing of the consumer needs it. What
    has been imported so far is never looked at for cycles again.
    """
    gc.freeze()
    gc.set_threshold(NEW_OBJECTS, *gc.get_threshold()[1:])
    # no daemon: Python must not end in the middle of an import
    threading.Thread(target=_import_arrow, name="alertferry-arrow").start()


def _import_arrow() -> None:
    if {"numpy", "pyarrow"} & set(sys.modules):
        return
    sys.modules["numpy"] = None  # type: ignore[assignment] # to an import as if it were not installed
    try:
        with suppress(ImportError):  # who needs it will say so
            import pyarrow.parquet  # noqa: F401
    finally:
        del sys.modules["numpy"]
