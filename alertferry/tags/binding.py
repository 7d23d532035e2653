"""From the arguments of a function to the columns of a lake.

Fink's functions name columns by their arguments. The rule is that of `fink_utils.spark.utils.get_cols_from_args`
with one exception: a column must be called exactly as the argument. There, an argument that nothing is called by is
also bound to a single column that merely ends with it (``ra`` to ``anomaly_score_varvara``), which on nights
without the right column silently judges by a wrong one.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from alertferry.core.schema import Struct, find

if TYPE_CHECKING:
    from pyspark.sql import Column

_HISTORY = re.compile(r"c(\w+)c")


class UnboundError(Exception):
    """An argument has no column (``absent`` is what it would be), or more than one."""

    def __init__(self, message: str, absent: str | None = None) -> None:
        self.absent = absent
        super().__init__(message)


def absent(column: str) -> UnboundError:
    """Return the error for a column that is not there."""
    return UnboundError(f"no column {column!r} on these nights", column)


@dataclass(frozen=True)
class Argument:
    """An argument and the column it is: one as it is, or (history, current) joined to one array."""

    name: str
    columns: tuple[str, ...]

    def column(self) -> Column:
        """Return the Spark column; a missing history leaves an array of the current value alone."""
        from pyspark.sql import functions as F

        from alertferry.core.projection import quote

        first = F.col(quote(self.columns[0]))
        if len(self.columns) == 1:
            return first
        current = F.array(F.col(quote(self.columns[1])))
        return F.when(first.isNotNull(), F.concat(first, current)).otherwise(current)


def bind(name: str, schema: Struct, renamed: Mapping[str, str], history: tuple[str, str] | None = None) -> Argument:
    """Return the column of an argument.

    Parameters
    ----------
    name
        Name of the argument: of a leaf of a struct, or of a root column, which goes first. Fields inside arrays and
        maps do not count.
    renamed
        Arguments that stand for a column of another name.
    history
        Root columns (earlier alerts, current one) that an argument ``c<field>c`` joins, or None.

    Raises
    ------
    UnboundError
        When there is no such column, or several and none at the root.
    """
    if name in renamed:
        return Argument(name, (_present(schema, renamed[name]),))
    found = list(schema.paths_by_name.get(name, ()))
    if len(found) > 1:
        found = [path for path in found if "." not in path] or found
    if len(found) == 1:
        return Argument(name, (found[0],))
    if found:
        raise UnboundError(f"its argument {name!r} may be {' or '.join(found)}")
    joined = _HISTORY.fullmatch(name)
    if joined and history:
        return Argument(name, tuple(_present(schema, f"{root}.{joined[1]}") for root in history))
    raise absent(name)


def _present(schema: Struct, path: str) -> str:
    if find(schema, path) is None:
        raise absent(path)
    return path
