"""The process that reads one foreign file: ``python -m alertferry.catalogs.parser FILE SCRATCH RESULT REPORT``.

The arguments are numbers of open files, so no name of a file ever reaches this process; standard input is the order.
What is read goes to RESULT as Arrow IPC, what is known of it or the error to REPORT as JSON.
"""

from __future__ import annotations

import json
import os
import sys
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from typing import Any, BinaryIO, NoReturn, cast

from alertferry.catalogs.confine import confine
from alertferry.catalogs.display import shown
from alertferry.catalogs.request import Request
from alertferry.core.errors import UsageError

_MAX_CELLS = 40_000


@dataclass(frozen=True)
class Plain:
    """A file without compression, and whether it had one."""

    file: BinaryIO
    gzipped: bool


def main(arguments: list[str]) -> None:
    """Do a task with the file that is open as the first of four descriptors."""
    file, scratch, result, report = (
        cast(BinaryIO, os.fdopen(int(number), mode))
        for number, mode in zip(arguments, ("rb", "w+b", "wb", "wb"), strict=True)
    )
    order = json.loads(sys.stdin.read())
    limits = order["limits"]
    confine(limits["memory_bytes"], limits["file_bytes"], limits["seconds"])
    warnings.simplefilter("ignore")
    sys.meta_path.insert(0, _NoPandas())
    outcome = outcome_of(
        lambda: _TASKS[order["task"]](plain(file, scratch, order["max_bytes"]), result, order["order"])
    )
    report.write(json.dumps(outcome).encode())
    report.close()
    # The interpreter's own clean-up takes a third of a second once astropy is loaded.
    os._exit(0)


def outcome_of(task: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """Return what a task reports, or the error, as plain JSON types."""
    try:
        return {"report": task()}
    except UsageError as error:
        return {"error": str(error)}
    except MemoryError:
        return {"memory": True}
    except ModuleNotFoundError as error:
        return {"error": f"reading it needs {error.name}; pip install 'alertferry[spark]'"}
    except Exception as error:  # a damaged file can make a library raise anything
        if _is_ours(error):
            raise
        said = f" ({shown(error, 200)})" if str(error) else ""
        return {"error": f"breaks the rules of its format, or breaks off; save it anew with TOPCAT or astropy{said}"}


def _is_ours(error: Exception) -> bool:
    """Tell whether an error comes from a mistake in this package, not from a file."""
    if not isinstance(error, ImportError | NameError | AttributeError | AssertionError | TypeError | LookupError):
        return False
    frame = error.__traceback__
    while frame is not None and frame.tb_next is not None:
        frame = frame.tb_next
    return frame is not None and frame.tb_frame.f_globals.get("__name__", "").startswith("alertferry.")


def plain(file: BinaryIO, scratch: BinaryIO, max_bytes: int) -> Plain:
    """Return the file, decompressed where it is gzipped."""
    from alertferry.catalogs.opening import expand, is_gzip

    if not is_gzip(file.read(2)):
        return Plain(file, gzipped=False)
    expand(file, scratch, max_bytes)
    # astropy refuses a file that could be written
    return Plain(os.fdopen(os.dup(scratch.fileno()), "rb"), gzipped=True)


def read_catalogue(opened: Plain, result: BinaryIO, order: dict[str, Any]) -> dict[str, Any]:
    """Read a catalogue: its usable rows go to ``result`` unless only a preview is asked for."""
    from alertferry.catalogs import assemble
    from alertferry.catalogs.opening import open_source
    from alertferry.catalogs.statistics import statistics

    request = Request.from_fields(order)
    source = open_source(opened.file, request)
    report = assemble.describe(source)
    report.format += "+gzip" if opened.gzipped else ""
    if request.preview_rows:
        report.first_rows = source.head(max(1, min(request.preview_rows, _MAX_CELLS // len(source.columns))))
    try:
        table = assemble.assemble(source, request, report)
        report.statistics = statistics(table, cells=bool(request.preview_rows))
        if not request.preview_rows:
            _write(result, table)
    except UsageError as error:
        if not request.preview_rows:
            raise
        report.problem = str(error)
        report.rows = report.rows or assemble.count_rows(source, request)
    return report.to_fields()


def read_map(opened: Plain, result: BinaryIO, order: dict[str, Any]) -> dict[str, Any]:
    """Read a coverage map, or the credible region of a sky map: its bounds go to ``result``."""
    import pyarrow as pa

    from alertferry.catalogs import map_files

    level = order.get("credible_level")
    found = map_files.parse_moc(opened.file) if level is None else map_files.parse_skymap(opened.file, level)
    _write(result, pa.table({"bounds": pa.array(found.bounds)}))
    return {"order": found.order}


_TASKS: dict[str, Callable[[Plain, BinaryIO, dict[str, Any]], dict[str, Any]]] = {
    "catalogue": read_catalogue,
    "map": read_map,
}


def _write(result: BinaryIO, table: Any) -> None:
    import pyarrow as pa

    with pa.ipc.new_file(result, table.schema) as writer:
        writer.write_table(table)
    result.close()


class _NoPandas(MetaPathFinder, Loader):
    """Hides pandas: pyarrow loads it with its first array, which takes longer than reading most catalogues."""

    def find_spec(self, fullname: str, path: object, target: object = None) -> ModuleSpec | None:  # noqa: ARG002
        """Claim pandas and leave all else to the other finders."""
        return ModuleSpec(fullname, self) if fullname == "pandas" else None

    def create_module(self, spec: ModuleSpec) -> NoReturn:
        """Refuse to load it."""
        raise ModuleNotFoundError("pandas is not needed to read a catalogue", name=spec.name)


if __name__ == "__main__":
    main(sys.argv[1:])
