"""Conditions that treat missing values and NaN as pandas does, in whose terms tags and classes are defined.

Spark holds NaN for greater than every number, and equal to itself. The comparisons here are written so that NaN makes
them false without naming an expression twice, which would double the code that Spark generates. Limits are no NaN.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pyspark.sql import Column


def sure(condition: Column) -> Column:
    """Return a condition with null as false."""
    from pyspark.sql import functions as F

    return F.coalesce(condition, F.lit(False))


def above(number: Column, limit: Any) -> Column:
    """Return ``number > limit``; false for NaN and null."""
    return sure(-number < -limit)


def at_least(number: Column, limit: Any) -> Column:
    """Return ``number >= limit``; false for NaN and null."""
    return sure(-number <= -limit)


def below(number: Column, limit: Any) -> Column:
    """Return ``number < limit``; false for NaN and null."""
    return sure(number < limit)


def at_most(number: Column, limit: Any) -> Column:
    """Return ``number <= limit``; false for NaN and null."""
    return sure(number <= limit)
