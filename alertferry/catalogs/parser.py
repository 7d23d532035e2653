"""The process that reads one catalogue: ``python -m alertferry.catalogs.parser CATALOGUE SCRATCH RESULT REPORT``.

The arguments are numbers of open files, so no name of a file ever reaches this process; standard input is the
`Request`. The rows go to RESULT as Arrow IPC, what is known of them or the error to REPORT as JSON.
"""

from __future__ import annotations

import json
import os
import sys
import warnings
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from typing import Any, BinaryIO, NoReturn, cast

from alertferry.catalogs.confine import confine
from alertferry.catalogs.display import shown
from alertferry.catalogs.limits import Limits
from alertferry.catalogs.request import Request
from alertferry.core.errors import UsageError


def main(arguments: list[str]) -> None:
    """Read the catalogue that is open as the first of four descriptors."""
    catalogue, scratch, result, report = (
        cast(BinaryIO, os.fdopen(int(number), mode))
        for number, mode in zip(arguments, ("rb", "w+b", "wb", "wb"), strict=True)
    )
    order = json.loads(sys.stdin.read())
    confine(Limits(**order["limits"]))
    warnings.simplefilter("ignore")
    report.write(json.dumps(_outcome(catalogue, scratch, result, Request.from_json(order["request"]))).encode())
    report.close()
    # The interpreter's own clean-up takes a third of a second once astropy is loaded.
    os._exit(0)


def _outcome(catalogue: BinaryIO, scratch: BinaryIO, result: BinaryIO, request: Request) -> dict[str, Any]:
    try:
        return {"report": _read(catalogue, scratch, result, request)}
    except UsageError as error:
        return {"error": str(error)}
    except MemoryError:
        return {"memory": True}
    except ModuleNotFoundError as error:
        return {"error": f"reading it needs {error.name}; pip install 'alertferry[spark]'"}
    except Exception as error:  # a damaged file can make a library raise anything
        if _is_ours(error):
            raise
        return {"error": f"cannot be read: {type(error).__name__}: {shown(error, 300)}"}


def _is_ours(error: Exception) -> bool:
    """Tell whether an error comes from a mistake in this package, not from a file."""
    if not isinstance(error, ImportError | NameError | AttributeError | AssertionError | TypeError | LookupError):
        return False
    frame = error.__traceback__
    while frame is not None and frame.tb_next is not None:
        frame = frame.tb_next
    return frame is not None and frame.tb_frame.f_globals.get("__name__", "").startswith("alertferry.")


def _read(catalogue: BinaryIO, scratch: BinaryIO, result: BinaryIO, request: Request) -> dict[str, Any]:
    sys.meta_path.insert(0, _NoPandas())
    from alertferry.catalogs import assemble
    from alertferry.catalogs.opening import expand, is_gzip, open_source

    gzipped = is_gzip(catalogue.read(2))
    if gzipped:
        expand(catalogue, scratch, request.max_bytes)
        catalogue = os.fdopen(os.dup(scratch.fileno()), "rb")  # astropy refuses a file that could be written
    source = open_source(catalogue, request)
    report = assemble.describe(source)
    report.format += "+gzip" if gzipped else ""
    if request.preview_rows:
        report.first_rows = source.head(request.preview_rows)
    try:
        _write(result, assemble.assemble(source, request, report))
    except UsageError as error:
        if not request.preview_rows:
            raise
        report.problem = str(error)
        report.rows = report.rows or assemble.count_rows(source, request)
    return report.to_fields()


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
