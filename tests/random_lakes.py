"""Lakes whose files differ in every way that may be: types, letter case, columns, folders, writers' options."""

from __future__ import annotations

import random
import string
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from alertferry.core.schema import Array, Field, Primitive, Struct

NIGHTS = [date(2026, 1, 9) + timedelta(days=number) for number in range(3)]
LONG = Primitive("long")
DOCUMENTED = Struct((Field("candid", LONG), Field("history", Array(Struct((Field("candid", LONG),))))))
"""What the survey says of these lakes: `candid` is long, whatever files have."""

_WHOLE = {pa.int8(): 7, pa.int16(): 15, pa.int32(): 31, pa.int64(): 63}
_TEXT = [pa.string(), pa.large_string(), pa.dictionary(pa.int32(), pa.string())]
_TIMES = [pa.timestamp(unit, zone) for unit in ("ms", "us", "ns") for zone in (None, "UTC")]
_ODD = ["part-0", "PART.PARQUET", "a[b]", "c{d,e}", "f*g?", "h#i", "j%41k", "l m", "n:o", "p=q&r;s", "ünï"]
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass
class RandomLake:
    """A lake, and the rows that are in it: by id, names in small letters; times in microseconds since 1970."""

    root: Path
    draw: random.Random
    rows: dict[int, dict[str, Any]] = field(default_factory=dict)

    @classmethod
    def made(cls, root: Path, seed: int) -> RandomLake:
        """Write a lake."""
        lake = cls(root, random.Random(seed))
        for _ in range(lake.draw.randrange(2, 9)):
            lake._write(lake.draw.choice(NIGHTS))
        return lake

    def _write(self, night: date) -> None:
        start, count = len(self.rows) * 3, self.draw.choice([0, 1, 3, 40])
        ids = [start + number for number in range(count)]
        columns: dict[str, pa.Array] = {"id": pa.array(ids, pa.int64())}
        values: dict[str, list[Any]] = {}
        for name, make in self._columns().items():
            if self.draw.random() < 0.8:
                of_type = make()
                values[name] = [self._value(of_type) for _ in ids]
                columns[self._spelled(name)] = pa.array([self._stored(v, of_type) for v in values[name]], of_type)
        for number, alert in enumerate(ids):
            self.rows[alert] = {"night": night} | {name: column[number] for name, column in values.items()}
        order = list(columns)
        self.draw.shuffle(order)
        path = self._folder(night)
        path.mkdir(parents=True, exist_ok=True)
        pq.write_table(pa.table({name: columns[name] for name in order}), path / self._name(path), **self._options())
        self._litter(path)

    def _columns(self) -> dict[str, Any]:
        """Return what draws the type of each column."""

        def whole() -> pa.DataType:
            return self.draw.choice(list(_WHOLE))

        def long() -> pa.DataType:
            return self.draw.choice([pa.int64(), pa.float64(), pa.float32(), pa.uint64(), pa.int32()])

        def inner() -> pa.DataType:
            fields = [("a", whole()), ("b", self.draw.choice(_TEXT[:2]))]
            return pa.struct(self.draw.sample(fields, self.draw.choice([1, 2])))

        return {
            "whole": whole,
            "real": lambda: self.draw.choice([pa.float32(), pa.float64(), pa.int16(), pa.int32()]),
            "candid": long,
            "text": lambda: self.draw.choice([*_TEXT, pa.null()]),
            "time": lambda: self.draw.choice(_TIMES),
            "inner": inner,
            "numbers": lambda: pa.list_(self.draw.choice([*_WHOLE, pa.null()])),
            "history": lambda: pa.list_(pa.struct([("candid", long()), ("z", whole())])),
        }

    def _value(self, of_type: pa.DataType) -> Any:
        """Draw a value as Spark must give it."""
        if pa.types.is_null(of_type) or self.draw.random() < 0.1:
            return None
        if pa.types.is_struct(of_type):
            return {item.name: self._value(item.type) for item in of_type}
        if pa.types.is_list(of_type):
            return [self._value(of_type.value_type) for _ in range(self.draw.randrange(3))]
        if pa.types.is_timestamp(of_type):
            return self.draw.randrange(-(10**15), 2 * 10**15) // 1000 * (1000 if of_type.unit == "ms" else 1)
        if pa.types.is_string(of_type) or pa.types.is_large_string(of_type) or pa.types.is_dictionary(of_type):
            return "".join(self.draw.choices(string.printable, k=self.draw.randrange(4)))
        bits = _WHOLE.get(of_type) or {pa.float32(): 24, pa.float64(): 53, pa.uint64(): 63}[of_type]
        return self.draw.choice([0, 1, 2**bits - 1, -(2**bits) if of_type in _WHOLE else 7])

    def _stored(self, value: Any, of_type: pa.DataType) -> Any:
        """Return a value as the file has it."""
        if pa.types.is_struct(of_type) and value is not None:
            return {item.name: self._stored(value[item.name], item.type) for item in of_type}
        if pa.types.is_list(of_type) and value is not None:
            return [self._stored(item, of_type.value_type) for item in value]
        if pa.types.is_timestamp(of_type) and value is not None:
            return value // 1000 if of_type.unit == "ms" else value * (1000 if of_type.unit == "ns" else 1)
        return value

    def _spelled(self, name: str) -> str:
        return self.draw.choice([name, name, name.upper(), name.title()])

    def _folder(self, night: date) -> Path:
        padded = self.draw.choice([True, True, False])
        month, day = (f"{night:%m}", f"{night:%d}") if padded else (str(night.month), str(night.day))
        names = [self.draw.choice(["year", "Year"]), "month", self.draw.choice(["day", "DAY"])]
        folder = self.root / f"{names[0]}={night.year}" / f"{names[1]}={month}" / f"{names[2]}={day}"
        return folder / self.draw.choice(["", "", "hour=03", "hour=03/detector=7", "run a"])

    def _name(self, folder: Path) -> str:
        name = self.draw.choice(_ODD)
        return name if not (folder / name).exists() else f"{len(list(folder.iterdir()))}.parquet"

    def _options(self) -> dict[str, Any]:
        return {
            "compression": self.draw.choice(["none", "snappy", "zstd"]),
            "use_dictionary": self.draw.choice([True, False]),
            "data_page_version": self.draw.choice(["1.0", "2.0"]),
            "row_group_size": self.draw.choice([7, 1000]),
            "write_statistics": self.draw.choice([True, False]),
            "use_deprecated_int96_timestamps": self.draw.choice([True, False]),
        }

    def _litter(self, folder: Path) -> None:
        """Leave what is no data beside it."""
        for name in self.draw.sample(["_SUCCESS", ".x.crc", "_temporary/0/a.parquet", "_spark_metadata/0"], 2):
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_bytes(b"v1\n{}")
