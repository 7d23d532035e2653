"""The gate between a user's text and Spark: parses a condition, refuses what is not on the lists, checks its types.

User SQL is hostile input. Spark's own parser reads it, because any other reader would differ from it somewhere; the
tree is walked against allow-lists of classes and functions (`classes`, `allowed`); the text is never parsed a second
time. After analysis on an empty frame the resolved tree is walked again, and becomes the column, every comparison
unknown where it meets a NaN (`unknown`). The parser is a plain `CatalystSqlParser`, not the session's: that one
replaces ``${env:NAME}`` by the environment before it parses, and extensions may replace it.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeVar

from alertferry.core.catalyst import column_of, java
from alertferry.core.conditions import classes
from alertferry.core.conditions.errors import refuse
from alertferry.core.conditions.explain import explain
from alertferry.core.conditions.grammar import parse
from alertferry.core.conditions.rules import TEXTS_IN_LIST, check_parsed
from alertferry.core.conditions.scan import scan
from alertferry.core.conditions.sizes import check_size
from alertferry.core.conditions.tree import Node, RefusedError, read_parsed, read_resolved
from alertferry.core.conditions.unknown import condition_of, filter_of
from alertferry.core.errors import UsageError

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame, SparkSession

SESSION_CONF = {
    "spark.sql.ansi.enabled": "false",
    "spark.sql.caseSensitive": "false",
    "spark.sql.parser.escapedStringLiterals": "false",
    "spark.sql.runSQLOnFiles": "false",
    "spark.sql.variable.substitute": "false",
}
"""Settings of the sessions that run conditions."""

# these change what a condition means
_REQUIRED = ("spark.sql.ansi.enabled", "spark.sql.caseSensitive", "spark.sql.parser.escapedStringLiterals")
_LOGGERS = ("SQLQueryContextLogger", "DataFrameQueryContextLogger")
_DIGITS_FIRST = re.compile(r"\s*[0-9+-]")
_PARSER = "org.apache.spark.sql.catalyst.parser.CatalystSqlParser"
_quiet_lock = threading.RLock()
_Result = TypeVar("_Result")


def compile_condition(frame: DataFrame, text: str) -> Column:
    """Return the column for one condition on ``frame``: true, false, or null where it is unknown.

    Raises `ConditionError`, with the place, for whatever is not on the allow-lists, does not fit the fields of the
    frame or is no condition. Analyses it on an empty frame of the same schema; nothing is evaluated.
    """
    return column_of(frame.sparkSession, condition_of(frame.sparkSession, _checked(frame, text)))


def compile_filter(frame: DataFrame, text: str) -> Column:
    """Return a column that is true for the same alerts as that of `compile_condition`; false may stand for null.

    It is the quicker one: comparisons of fields reach the parquet reader. Raises `ConditionError` as that does.
    """
    return column_of(frame.sparkSession, filter_of(frame.sparkSession, _checked(frame, text)))


def _checked(frame: DataFrame, text: str) -> Node:
    """Return the resolved tree of a condition that may run."""
    scan(text)
    with _session(frame.sparkSession):
        column = _ask(text, lambda: _parse(frame.sparkSession, text))
        return _ask(text, lambda: _check(frame, column), lambda: field_paths(frame))


def _parse(spark: SparkSession, text: str) -> Column:
    from pyspark.errors import ParseException

    try:
        expression = java(spark, _PARSER)().parseExpression(text)
        check_parsed(read_parsed(expression), text, lambda pattern: _regex_problem(spark, pattern))
    except (ParseException, RefusedError) as error:
        if not isinstance(error, RefusedError) or error.message == classes.why_not_class(classes.ALIAS):
            parse(text, scan(text))  # a mistake of grammar (a word too many is read as a name): this says it better
        raise
    return column_of(spark, expression)


def _check(frame: DataFrame, column: Column) -> Node:
    resolved = _resolve(frame, column)
    node = read_resolved(resolved)
    _check_result(node)
    _check_dates(node)
    _check_lists(node)
    check_size(node)
    if not resolved.deterministic():
        raise RefusedError("the result must not change from run to run", node.span)
    return node


def field_paths(frame: DataFrame) -> list[str]:
    """Return the dotted paths of all fields, for suggestions; elements of arrays continue the path of their array."""
    found: list[str] = []

    def visit(prefix: str, kind: Any) -> None:
        kind = getattr(kind, "elementType", kind)
        kind = getattr(kind, "valueType", kind)
        for member in getattr(kind, "fields", ()):
            path = f"{prefix}.{member.name}" if prefix else str(member.name)
            found.append(path)
            visit(path, member.dataType)

    visit("", frame.schema)
    return found


# ---- Spark --------------------------------------------------------------------------------------------------------


def _require_session(spark: SparkSession) -> None:
    for name in _REQUIRED:
        value = str(spark.conf.get(name)).lower()
        if value != SESSION_CONF[name]:
            raise UsageError(f"conditions need {name}={SESSION_CONF[name]} on the Spark session, but it is {value}")


@contextmanager
def _session(spark: SparkSession) -> Iterator[None]:
    """Ask Spark as the session would, without a word in its log."""
    _require_session(spark)
    with _active(spark), _quiet():
        yield


@contextmanager
def _active(spark: SparkSession) -> Iterator[None]:
    """Make the session this thread's own: the parser takes ANSI mode from there, or else from Spark's defaults."""
    sessions = java(spark, "org.apache.spark.sql.classic.SparkSession")
    before = sessions.getActiveSession()
    sessions.setActiveSession(spark._jsparkSession)
    try:
        yield
    finally:
        if before.isDefined():
            sessions.setActiveSession(before.get())
        else:
            sessions.clearActiveSession()


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep PySpark from logging each mistake of a user with its Java stack trace."""
    from pyspark.logger import PySparkLogger

    loggers = [PySparkLogger.getLogger(name) for name in _LOGGERS]
    with _quiet_lock:
        before = [logger.disabled for logger in loggers]
        for logger in loggers:
            logger.disabled = True
        try:
            yield
        finally:
            for logger, disabled in zip(loggers, before, strict=True):
                logger.disabled = disabled


def _ask(text: str, question: Callable[[], _Result], fields: Callable[[], list[str]] = list) -> _Result:
    """Ask a question of the JVM; a refusal and any error of Spark, Java or py4j becomes a `ConditionError`."""
    from py4j.protocol import Py4JError
    from pyspark.errors import PySparkException

    try:
        return question()
    except RefusedError as refused:
        message, (position, length) = refused.message, refused.span or (0, len(text.rstrip()) or 1)
    except RecursionError:
        message, position, length = "the condition is nested too deeply", 0, 1
    except (PySparkException, Py4JError) as error:
        message, (position, length) = explain(error, text, fields())
    raise refuse(text, position, length, message)


def _regex_problem(spark: SparkSession, pattern: str) -> str:
    """Return what Java finds wrong with a regular expression."""
    from py4j.protocol import Py4JError
    from pyspark.errors import PySparkException

    try:
        java(spark, "java.util.regex.Pattern").compile(pattern)
    except (PySparkException, Py4JError) as error:
        return str(getattr(error, "_desc", "") or getattr(error, "java_exception", "")).split("\n")[0]
    return ""


def _resolve(frame: DataFrame, column: Column) -> Any:
    """Return the resolved expression of a column on an empty frame with the schema of ``frame``."""
    from pyspark.sql.classic.dataframe import DataFrame as ClassicFrame

    spark = frame.sparkSession
    nothing = java(spark, "java.util.ArrayList")()
    empty = ClassicFrame(spark._jsparkSession.createDataFrame(nothing, frame._jdf.schema()), spark)
    plan = empty.select(column.alias("condition"))._jdf.queryExecution().analyzed()
    if plan.getClass().getSimpleName() != "Project" or plan.child().getClass().getSimpleName() != "LocalRelation":
        raise RefusedError("a condition sees one alert at a time: no aggregates, windows or queries", None)
    return plan.projectList().head().child()


# ---- rules on the resolved tree -----------------------------------------------------------------------------------


def _check_result(node: Node) -> None:
    if node.type == '"boolean"':
        return
    kind = node.type.strip('"') if node.type.startswith('"') else node.type.split('"type":"')[1].split('"')[0]
    shown = {"void": "null", "integer": "int", "long": "bigint"}.get(kind, kind)
    hint = "= '...'" if kind == "string" else "> 0"
    if kind in ("array", "map", "struct"):
        hint = "is not null"
    raise RefusedError(f"a condition must be true or false, this is {shown}; compare it, as in ... {hint}", node.span)


def _check_dates(node: Node) -> None:
    """Refuse a date made from computed constant text: Spark turns 'now' and 'today' into the time of the run."""
    definitions = {inner.value: inner for inner in node.walk() if inner.name == "CommonExpressionDef"}
    for inner in node.walk():
        if inner.name == "Cast" and inner.type.strip('"') in classes.DATE_TYPES:
            _check_date(inner.children[0], definitions)


def _check_lists(node: Node) -> None:
    """Refuse a list for which Spark itself makes texts of numbers or times: they would be compared digit by digit."""
    for inner in node.walk():
        if inner.name == "In" and any(_became_text(child, inner.span) for child in inner.children):
            raise RefusedError(TEXTS_IN_LIST, inner.span)


def _became_text(child: Node, span: Any) -> bool:
    """Return whether Spark makes a text of a value; a conversion that the user wrote has a place of its own."""
    if child.name != "Cast" or child.type != '"string"' or child.span != span:
        return False
    kind = child.children[0].type.strip('"')
    return kind in classes.DATE_TYPES or kind in ("float", "double") or kind.startswith("decimal")


def _check_date(source: Node, definitions: Mapping[int, Node]) -> None:
    if source.type != '"string"' or _varies(source, definitions):
        return
    plain = source.kind == classes.LITERAL
    if plain and (source.value is None or _DIGITS_FIRST.match(str(source.value))):
        return
    message = "write a date with digits, as in '2026-01-31' (now, today and epoch are not allowed)"
    raise RefusedError(message if plain else f"{message}, not computed", source.span)


def _varies(node: Node, definitions: Mapping[int, Node]) -> bool:
    """Return whether a value depends on the alert."""
    for inner in node.walk():
        if inner.name in ("AttributeReference", "NamedLambdaVariable"):
            return True
        if inner.name == "CommonExpressionRef" and _varies(definitions[inner.value], definitions):
            return True
    return False
