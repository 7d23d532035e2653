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


def invoked(spark: SparkSession, target: Any, method: str, returns: Any, argument: Column) -> Column:
    """Return the call of a method of a Java object for each row, as Spark calls its own encoders of Java objects.

    Parameters
    ----------
    target
        The object as a literal expression. It is serialised for the executors; plans show it by its ``toString``.
    method, returns, argument
        A method of one argument that gives the same for the same; Spark's type of its result, which is never null.
    """
    jvm = spark._jvm
    assert jvm is not None
    arguments, further = jvm.java.util.ArrayList(), jvm.java.util.ArrayList()
    arguments.add(expression_of(spark, argument))
    as_scala = jvm.scala.jdk.javaapi.CollectionConverters.asScala
    call = jvm.org.apache.spark.sql.catalyst.expressions.objects.Invoke(
        target,
        method,
        returns,
        as_scala(arguments).toSeq(),
        as_scala(further).toSeq(),  # the arguments' types are asked of themselves
        True,  # null for a null argument, which there is none of
        False,  # never null by itself
        True,  # the same for the same argument
    )
    return column_of(spark, call)


def literal(spark: SparkSession) -> Any:
    """Return the maker of literal expressions: ``fromObject(x)``, or called with an object and its Catalyst type."""
    return java(spark, "org.apache.spark.sql.catalyst.expressions.Literal")
