"""Conditions that treat missing values as pandas does, in whose terms tags and classes are defined."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pyspark.sql import Column


def sure(condition: Column) -> Column:
    """Return a condition with null as false."""
    from pyspark.sql import functions as F

    return F.coalesce(condition, F.lit(False))


def real(number: Column) -> Column:
    """Return a float column with NaN as null, so that comparisons with it are never true."""
    from pyspark.sql import functions as F

    return F.when(~F.isnan(number), number)
