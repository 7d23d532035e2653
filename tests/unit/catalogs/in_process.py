"""Reads catalogues in this process, where a whole parser process for each would be slow."""

from __future__ import annotations

import io
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from alertferry.catalogs.assemble import assemble, describe
from alertferry.catalogs.opening import expand, is_gzip, open_source
from alertferry.catalogs.report import Report
from alertferry.catalogs.request import Request


@dataclass(frozen=True)
class Read:
    table: pa.Table
    report: Report

    @property
    def ids(self) -> list[str | None]:
        return self.table.column("id").to_pylist()

    @property
    def ra(self) -> list[float]:
        return self.table.column("ra_deg").to_pylist()

    @property
    def dec(self) -> list[float]:
        return self.table.column("dec_deg").to_pylist()

    def carried(self, index: int = 0) -> pa.ChunkedArray:
        return self.table.column(f"carried_{index}")

    @property
    def bad(self) -> list[tuple[int, str, str]]:
        return [(row.number, row.column, row.reason) for row in self.report.bad_rows]


Reader = Callable[..., Read]


def read_content(content: bytes | str | pa.Table, **options: Any) -> Read:
    """Read a catalogue twice: as it is told, and with all that the first reading names, which must give the same."""
    found = _read(content, **options)
    again = _read(content, **options | named(found.report))
    assert again.table.schema == found.table.schema
    assert repr(again.table.to_pydict()) == repr(found.table.to_pydict())  # nan equals itself so
    assert (again.report.format, again.report.rows) == (found.report.format, found.report.rows)
    return found


def named(report: Report) -> dict[str, str]:
    """Return the options that a report names: format, units, and the table where it was chosen among several."""
    table = re.search(r"; table (\d+) '.*' was read", " ".join(report.warnings))
    units = {f"{axis}_unit": report.units[axis][0] for axis in ("ra", "dec") if axis in report.units}
    return {"format": report.format} | units | ({"table": table[1]} if table else {})


def _read(content: bytes | str | pa.Table, **options: Any) -> Read:
    if isinstance(content, pa.Table):
        sink = io.BytesIO()
        pq.write_table(content, sink)
        content = sink.getvalue()
    file: Any = io.BytesIO(content.encode() if isinstance(content, str) else content)
    request = Request(**options)
    request.check()
    if is_gzip(file.getvalue()[:2]):
        plain = io.BytesIO()
        expand(file, plain, request.max_bytes)
        file = plain
    source = open_source(file, request)
    report = describe(source)
    return Read(assemble(source, request, report), report)
