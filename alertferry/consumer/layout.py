"""Where things of a delivery are: alerts in its folder, and nothing else; records of them beside it.

Readers differ in what they skip. Most pass over names that begin with ``_`` or ``.``; polars opens every file that it
finds in a folder, at any depth, and refuses the folder for one that is not parquet. So records are
elsewhere (`records`).
"""

from __future__ import annotations

import os
import re
from pathlib import Path

from alertferry.consumer.spans import Span

JOB_FILE = "_job.json"
LOCK_FILE = "_lock"
COMMITS_FOLDER = "_commits"
BAD_FOLDER = "_bad"
SCHEMAS_FOLDER = "_schemas"
SHARDS_FOLDER = "_shards"
EMPTY_STEM = "empty"
FORMATS = ("parquet", "avro")

_HIDDEN = ("_", ".")
_ENDINGS = tuple(f".{suffix}" for suffix in FORMATS)

_STEM = re.compile(r"p(\d{2,6})-(\d{12})-(\d{12})")


def stem(span: Span) -> str:
    """Return the name of a span's files: partition, first and last offset (``p03-000000012000-000000023999``)."""
    return f"p{span.partition:02d}-{span.start:012d}-{span.end - 1:012d}"


def parse_stem(text: str) -> Span | None:
    """Return the span that a file's stem names; None for any other name."""
    match = _STEM.fullmatch(text)
    if match is None:
        return None
    partition, first, last = map(int, match.groups())
    span = Span(partition, first, last + 1)
    return span if span.size > 0 and stem(span) == text else None


def message_stem(partition: int, offset: int) -> str:
    """Return the name of a message that is set aside (``p03-000000012345``)."""
    return f"p{partition:02d}-{offset:012d}"


def temporary(path: Path, folder: Path | None = None) -> Path:
    """Return the name under which ``path`` is written before it is complete; in ``folder`` where one is given."""
    return (folder or path.parent) / f".{path.name}.tmp"


def real(folder: Path) -> Path:
    """Return a folder's path without links; one whose links lead in a circle stays, to be refused when it is opened."""
    return Path(os.path.realpath(folder))


def is_hidden(path: Path, folder: Path) -> bool:
    """Tell whether readers of ``folder`` skip ``path``."""
    return any(part.startswith(_HIDDEN) for part in path.relative_to(folder).parts)


def data_files(folder: Path) -> list[Path]:
    """Return the parquet and Avro files that a reader of ``folder`` would find, sorted.

    Raises `OSError` for folders that may not be looked into: who finds nothing there must not say that nothing is.
    """
    found: list[Path] = []
    for place, folders, names in os.walk(folder, onerror=_refuse_unseen):
        folders[:] = [name for name in folders if not name.startswith(_HIDDEN)]
        found += [Path(place, name) for name in names if name.endswith(_ENDINGS) and not name.startswith(_HIDDEN)]
    return sorted(path for path in found if path.is_file())


def _refuse_unseen(error: OSError) -> None:
    if not isinstance(error, FileNotFoundError | NotADirectoryError):  # gone meanwhile, or no folder at all
        raise error
