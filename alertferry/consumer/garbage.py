"""Python's search for reference cycles, kept from going over messages again and again."""

from __future__ import annotations

import gc

NEW_OBJECTS = 10_000
"""So many between two looks: dozens of polls. Python's own number is that of two, and messages are in no cycle."""


def collect_seldom() -> None:
    """Let this process look for cycles rarely, and never among what it has imported.

    For programs of our own: in a program of others it is theirs to say.
    """
    gc.freeze()
    gc.set_threshold(NEW_OBJECTS, *gc.get_threshold()[1:])
