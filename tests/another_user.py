"""Being refused by the operating system, also where tests run as root, who may read all."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

NOBODY = 65534


@contextmanager
def open_folder() -> Iterator[Path]:
    """Give a new folder that every user can look into, as pytest's own cannot."""
    with TemporaryDirectory(dir="/tmp") as place:
        os.chmod(place, 0o755)
        yield Path(place)


@contextmanager
def unprivileged() -> Iterator[None]:
    """Be a user to whom permissions apply."""
    user = os.geteuid()
    os.seteuid(user or NOBODY)
    try:
        yield
    finally:
        os.seteuid(user)
