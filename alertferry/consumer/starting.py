"""A quick start for programs of our own."""

from __future__ import annotations

import sys
import threading
from contextlib import suppress


def import_arrow() -> None:
    """Import pyarrow without numpy, beside whatever else is done; with numpy it takes twice as long.

    pyarrow uses numpy where it is installed, and nothing of the consumer does. For programs of our own only: others may
    want what pyarrow offers together with numpy, as it decides at its import whether there is one.
    """
    # no daemon: Python must not end in the middle of an import
    threading.Thread(target=_import_without_numpy, name="alertferry-arrow").start()


def _import_without_numpy() -> None:
    if {"numpy", "pyarrow"} & set(sys.modules):
        return
    sys.modules["numpy"] = None  # type: ignore[assignment] # to an import as if it were not installed
    try:
        with suppress(ImportError):  # who needs it will say so
            import pyarrow.parquet  # noqa: F401
    finally:
        del sys.modules["numpy"]
