"""Text tables, read as text: nothing is converted before it is known what a column is for."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any, BinaryIO

import pyarrow as pa
import pyarrow.csv as pa_csv

from alertferry.catalogs.display import shown
from alertferry.catalogs.faults import MAX_LISTED
from alertferry.catalogs.model import BadRow, Column
from alertferry.catalogs.source import Rows, cell_text, check_columns, rows_of, too_many_rows
from alertferry.catalogs.text_layout import BLANKS, BLOCK_BYTES, Layout, Writing, read_layout
from alertferry.core.errors import UsageError

LARGE_BYTES = 64 * 1024 * 1024
"""Above this, a column at a time is read: texts of several columns would take more memory than reading takes time."""

_MAX_MISFITS = 100_000
_EMPTY = re.compile(rb"(?m)^\r?\n")
_COMMENT = re.compile(rb"(?m)^[ \t]*#.*\n?")


class TextTable:
    """A csv or tsv file."""

    is_text = True

    def __init__(self, file: BinaryIO, writing: Writing) -> None:
        self._file = file
        self._writing = writing
        self._layout = read_layout(file, self._writing)
        self.columns: tuple[Column, ...] = self._layout.columns
        self.format = "ecsv" if self._layout.ecsv else "tsv" if self._layout.delimiter == "\t" else "csv"
        self.one_by_one = file.seek(0, 2) > LARGE_BYTES
        check_columns(self.columns)

    def frame(self, column: str) -> str:  # noqa: ARG002
        """Return an empty string: text tables say nothing of frames."""
        return ""

    def read(self, names: Sequence[str], max_rows: int) -> Rows:
        """Return columns as strings; `UsageError` when there are more than ``max_rows`` rows."""
        body = _Body(self._file, self._writing, self._layout)
        misfits = _Misfits(len(self.columns))
        batches: list[pa.RecordBatch] = []
        rows = 0
        for batch in self._batches(body, list(dict.fromkeys(names)), misfits):
            rows += batch.num_rows
            if rows + len(misfits.numbers) > max_rows:
                raise too_many_rows(f"more than {max_rows:,}", max_rows)
            batches.append(batch)
        if self._writing.quotes and body.lines != rows + misfits.rows:
            self._check_quotes()
        schema = pa.schema([(name, pa.string()) for name in dict.fromkeys(names)])
        found = rows_of(pa.Table.from_batches(batches, schema).select(list(names)), body.warnings())
        return replace(found, misfits=misfits.described, misfit_numbers=misfits.numbers)

    def head(self, rows: int) -> list[list[str | None]]:
        """Return the first rows as they are written."""
        body = _Body(self._file, self._writing, self._layout)
        names = [column.name for column in self.columns]
        first = next(self._batches(body, names, _Misfits(len(names))), None)
        if first is None:
            return []
        return [[cell_text(row[name] or None) for name in names] for row in first.slice(0, rows).to_pylist()]

    def _check_quotes(self) -> None:
        """Refuse a quotation mark that is not closed where its value ends: it would swallow the rows that follow.

        Called when rows run over several lines, which they may; pyarrow does not mind how.
        """
        body = _Body(self._file, self._writing, self._layout)
        lines = io.TextIOWrapper(io.BufferedReader(body), encoding="utf-8", newline="")
        rows = csv.reader(lines, delimiter=self._delimiter, strict=True)
        number = 0
        try:
            for number, _ in enumerate(rows, 1):  # noqa: B007
                pass
        except csv.Error as error:
            raise UsageError(f'after row {number} a quotation mark (") is not closed: {shown(error)}') from None

    @property
    def _delimiter(self) -> str:
        return "\t" if self._layout.delimiter == BLANKS else self._layout.delimiter

    def _batches(self, body: _Body, names: Sequence[str], misfits: _Misfits) -> Iterator[pa.RecordBatch]:
        if body.is_empty():
            return
        try:
            reader = pa_csv.open_csv(
                body,
                pa_csv.ReadOptions(
                    use_threads=False, block_size=BLOCK_BYTES, column_names=[column.name for column in self.columns]
                ),
                pa_csv.ParseOptions(
                    delimiter=self._delimiter,
                    newlines_in_values=self._writing.quotes,
                    invalid_row_handler=misfits,
                ),
                pa_csv.ConvertOptions(
                    column_types=dict.fromkeys(names, pa.string()), include_columns=names, strings_can_be_null=False
                ),
            )
            yield from reader
        except pa.ArrowInvalid as error:
            misfits.raise_error()
            if "straddl" in str(error):
                raise UsageError('has a value in quotation marks (") of over 4 MB; one may not be closed') from None
            raise UsageError(f"cannot be read as a text table: {shown(error, 300)}") from None


class _Misfits:
    """Collects the rows whose number of fields differs from the header's."""

    def __init__(self, width: int) -> None:
        self.numbers: list[int] = []
        self.described: list[BadRow] = []
        self._width = width
        self.rows = 0
        self._blank = 0
        self._error: UsageError | None = None

    def __call__(self, row: Any) -> str:
        self.rows += 1
        if not row.text.strip():
            self._blank += 1
            return "skip"
        number = row.number - self._blank
        if "\n" in row.text.rstrip():
            self._error = UsageError(
                f"row {number} runs over several lines and does not fit the header: "
                'a quotation mark (") may not be closed'
            )
        elif len(self.numbers) >= _MAX_MISFITS:
            self._error = UsageError(
                f"has more than {_MAX_MISFITS:,} rows whose number of fields differs from the header's {self._width}"
            )
        else:
            self.numbers.append(number)
            if len(self.numbers) <= MAX_LISTED:
                reason = f"has {row.actual_columns} fields where the header has {self._width}"
                self.described.append(BadRow(number, "", shown(row.text, 40), reason))
            return "skip"
        return "error"

    def raise_error(self) -> None:
        """Raise the error for which reading was stopped, if it was."""
        if self._error:
            raise self._error


class _Body(io.RawIOBase):
    """The data rows of a text file as UTF-8 lines, without header and comments, to be read once.

    ``lines`` counts those read so far that are not empty, in files with quotation marks.
    """

    def __init__(self, file: BinaryIO, writing: Writing, layout: Layout) -> None:
        super().__init__()
        self._writing = writing
        self._skip = layout.skip
        self._squeeze = layout.delimiter == BLANKS
        self._in_quotes = False
        self._comments = -layout.comments
        self.lines = 0
        self._blocks = filter(None, map(self._clean, whole_lines(file, writing, writing.start)))
        self._left = memoryview(next(self._blocks, b""))

    def is_empty(self) -> bool:
        """Tell whether there is no data row at all."""
        return not self._left

    def warnings(self) -> tuple[str, ...]:
        """Return what a user should know about lines that were left out."""
        return comments_warning(self._comments, "#")

    def readable(self) -> bool:
        """Tell that this is a stream to read."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Fill ``buffer``, which only the end leaves unfilled.

        pyarrow takes whatever one reading gives as a block, and a row with line ends in quotes may touch two blocks
        only: with a short block between long ones it would be refused.
        """
        filled = 0
        while filled < len(buffer):
            if not self._left:
                self._left = memoryview(next(self._blocks, b""))
                if not self._left:
                    break
            size = min(len(buffer) - filled, len(self._left))
            buffer[filled : filled + size] = self._left[:size]
            self._left = self._left[size:]
            filled += size
        return filled

    def _clean(self, block: bytes) -> bytes:
        if self._writing.encoding != "utf-8":
            block = block.decode(self._writing.encoding).encode()
        if self._writing.newline == b"\r":
            block = block.replace(b"\r", b"\n")
        if self._writing.hashes:
            block = self._without_comments(block)
        while self._skip and block:
            line, _, block = block.partition(b"\n")
            self._skip -= 1 if line.strip() else 0
        if self._writing.quotes:
            self.lines += block.count(b"\n") - len(_EMPTY.findall(block))
        return _squeezed(block) if self._squeeze else block

    def _without_comments(self, block: bytes) -> bytes:
        """Drop lines that start with ``#``, unless they are the inside of a quoted value."""
        kept: list[bytes] = []
        at = 0
        for found in _COMMENT.finditer(block):
            kept.append(self._counted(block[at : found.start()]))
            at = found.end()
            if self._in_quotes:
                kept.append(self._counted(found.group()))
            else:
                self._comments += 1
        return b"".join((*kept, self._counted(block[at:])))

    def _counted(self, part: bytes) -> bytes:
        """Return ``part``, having noted whether a quoted value is open at its end."""
        if self._writing.quotes:
            self._in_quotes ^= part.count(b'"') % 2 == 1
        return part


def comments_warning(count: int, mark: str) -> tuple[str, ...]:
    """Return what a user should know of lines that are no rows, as they start with the mark of comments."""
    return (f"{count:,} lines below the header start with {mark!r} and were taken as comments",) if count > 0 else ()


def whole_lines(file: BinaryIO, writing: Writing, start: int) -> Iterator[bytes]:
    """Give a file from ``start`` in blocks that end with a line."""
    file.seek(start)
    carry = b""
    while block := file.read(BLOCK_BYTES):
        block = carry + block
        cut = block.rfind(writing.newline) + 1
        carry = block[cut:]
        if cut:
            yield block[:cut]
    if carry:
        yield carry + writing.newline


def _squeezed(block: bytes) -> bytes:
    """Return lines in which one tab stands for each run of blanks outside quotes."""
    if b'"' not in block:
        return re.sub(rb"[ \t]+", b"\t", re.sub(rb"(?m)^[ \t]+|[ \t]+(?=\r?$)", b"", block))
    lines = (line.replace("\t", " ").strip() for line in block.decode().split("\n"))
    out = io.StringIO()
    try:
        rows = csv.reader(lines, delimiter=" ", skipinitialspace=True)
        csv.writer(out, delimiter="\t", lineterminator="\n").writerows(rows)
    except csv.Error as error:
        raise UsageError(f"cannot be read as a text table: {shown(error)}") from None
    return out.getvalue().encode()
