"""Columns of Spark as the expressions that they stand for, and back: what Python does not offer by itself."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pyspark.sql import Column, SparkSession

_UTILS = "org.apache.spark.sql.classic.ExpressionUtils"


def java(spark: SparkSession, name: str) -> Any:
    """Return a class of the JVM by its full name; a package when there is no such class."""
    return getattr(spark._jvm, name)


def expression_of(spark: SparkSession, column: Column) -> Any:
    """Return the Catalyst expression of a column."""
    return java(spark, _UTILS).expression(column._jc)


def column_of(spark: SparkSession, expression: Any) -> Column:
    """Wrap a Catalyst expression as it is."""
    from pyspark.sql.classic.column import Column as ClassicColumn

    return ClassicColumn(java(spark, _UTILS).column(expression))
