"""Why nothing passes: the step that removed everything, and each SQL condition by itself."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from alertferry.core.conditions import compile_filter, scan, split_lines
from alertferry.core.job import Job
from alertferry.core.projection import quote
from alertferry.core.schema import Array, Map, Primitive, Struct, find
from alertferry.core.steps import Alerts, Filter, Step
from alertferry.estimates.plan import StepCounts
from alertferry.estimates.results import Diagnosis, FieldFacts, LineDiagnosis
from alertferry.plugins.filters.sql import Sql

if TYPE_CHECKING:
    from pyspark.sql import Column

_ORDERED = {"byte", "short", "int", "long", "float", "double", "string", "boolean"}


def diagnose(job: Job, start: Alerts, counts: Sequence[StepCounts]) -> Diagnosis:
    """Return why none of the alerts looked at passes."""
    totals = [(step.name, step.total) for step in counts]
    index = next(number for number, (_, total) in enumerate(totals) if total == 0)
    name = totals[index][0]
    lines = tuple(_lines(job, start))
    message = f"{name!r} removed every alert: {totals[index - 1][1]:,} reached it, of {totals[0][1]:,} looked at"
    by_sql = isinstance(job.filters[index - 1], Sql)
    return Diagnosis(step=name, message=message + _advice(lines, by_sql), lines=lines)


def _advice(lines: Sequence[LineDiagnosis], by_sql: bool) -> str:
    """Return what the lines tell: one that nothing fulfils, or that they exclude each other where all were removed."""
    never = [line for line in lines if line.passing == 0]
    parts = [f"; no alert fulfils {line.line!r}" for line in never[:3]]
    for line in never[:3]:
        parts += [f", and {fact.path} is always {_absence(fact)}" for fact in line.fields if _absence(fact)]
    if by_sql and not never:
        parts = ["; each SQL condition alone is fulfilled by some alerts, but not all of them by the same"]
    return "".join(parts)


def _absence(fact: FieldFacts) -> str:
    """Return what a field always is, if there is no value of it: null, NaN, or one of them."""
    if fact.null_share + fact.nan_share < 1 - 1e-9:
        return ""
    return "null" if fact.null_share == 1 else "NaN" if fact.nan_share == 1 else "null or NaN"


@dataclass(frozen=True)
class _Line:
    text: str
    condition: Column
    paths: tuple[str, ...]


def _lines(job: Job, start: Alerts) -> Iterator[LineDiagnosis]:
    """Yield each SQL condition by itself, on all alerts, with the columns that filters add where it asks for them."""
    from pyspark.sql import functions as F

    alerts = _with_columns(job, start)
    lines = [_line(alerts, text) for step in _sql(job.filters) for part in step.where for text in split_lines(part)]
    if not lines:
        return
    facts = dict.fromkeys(path for line in lines for path in line.paths)
    measures = [measure for number, path in enumerate(facts) for measure in _measures(alerts.schema, path, number)]
    counts = [F.count_if(F.coalesce(line.condition, F.lit(False))).alias(f"l{n}") for n, line in enumerate(lines)]
    row = alerts.frame.agg(F.count(F.lit(1)).alias("all"), *counts, *measures).first()
    assert row is not None
    if not row["all"]:
        return  # a step that adds a column which conditions ask for left nothing to ask about
    described = {path: _facts(alerts.schema, path, number, row.asDict()) for number, path in enumerate(facts)}
    for number, line in enumerate(lines):
        passing = row[f"l{number}"]
        share = passing / row["all"]
        fields = tuple(described[path] for path in line.paths)
        yield LineDiagnosis(line=line.text, passing=passing, share=share, fields=fields)


def _with_columns(job: Job, alerts: Alerts) -> Alerts:
    """Return the alerts with the columns that conditions mention and the job derives or adds, no predicate applied.

    A step that adds one keeps only the alerts for which it has a value.
    """
    for number, step in enumerate(job.filters):
        alerts = alerts.derive(step.mentions)
        later = _sql(job.filters[number:])
        if any(condition.mentions(field.name) for condition in later for field in step.adds()):
            alerts = step.apply(alerts)
    return alerts


def _sql(steps: Sequence[Step]) -> Iterator[Sql]:
    for step in steps:
        if isinstance(step, Sql):
            yield step
        for option in step.nested:
            yield from _sql([inner for inner in getattr(step, option) if isinstance(inner, Filter)])


def _line(alerts: Alerts, text: str) -> _Line:
    return _Line(" ".join(text.split()), compile_filter(alerts.frame, text), tuple(_paths(alerts.schema, text)))


def _paths(schema: Struct, text: str) -> Iterator[str]:
    """Yield the fields that stand in a condition, as far as they are dotted paths outside of lambdas."""
    tokens, seen = scan(text), set[str]()
    number = 0
    while number < len(tokens):
        parts = [tokens[number].name] if tokens[number].kind in ("name", "quoted") else []
        number += 1
        while parts and number + 1 < len(tokens) and tokens[number].text == ".":
            parts.append(tokens[number + 1].name)
            number += 2
        path = _known(schema, parts)
        if path and path not in seen:
            seen.add(path)
            yield path


def _known(schema: Struct, parts: Sequence[str]) -> str | None:
    """Return the path as the schema spells it; inside of arrays and maps, that of the array or map."""
    found: list[str] = []
    inside: Any = schema
    for part in parts:
        if not isinstance(inside, Struct):
            break
        name = next((field.name for field in inside if field.name.lower() == part.lower()), None)
        if name is None:
            return None
        found.append(name)
        field = inside.get(name)
        inside = field.type if field else None
    return ".".join(found) or None


def _measures(schema: Struct, path: str, number: int) -> list[Column]:
    """Return least, greatest, number of nulls and of NaN of a field; of arrays and maps, of their lengths."""
    from pyspark.sql import functions as F

    field, column = find(schema, path), F.col(quote(path))
    assert field is not None
    measures = [F.count_if(column.isNull()).alias(f"n{number}")]
    if isinstance(field.type, Array | Map):
        column = F.when(column.isNotNull(), F.size(column))
    elif field.type in (Primitive("float"), Primitive("double")):
        measures.append(F.count_if(F.isnan(column)).alias(f"i{number}"))
        column = F.when(~F.isnan(column), column)
    if isinstance(field.type, Array | Map) or str(field.type) in _ORDERED:
        measures += [F.min(column).alias(f"a{number}"), F.max(column).alias(f"z{number}")]
    return measures


def _facts(schema: Struct, path: str, number: int, row: dict[str, Any]) -> FieldFacts:
    field = find(schema, path)
    name = f"size({path})" if field and isinstance(field.type, Array | Map) else path
    null_share, nan_share = (row.get(f"{kind}{number}", 0) / row["all"] for kind in "ni")
    least, most = (_short(row.get(f"{kind}{number}")) for kind in "az")
    return FieldFacts(path=name, min=least, max=most, null_share=null_share, nan_share=nan_share)


def _short(value: Any) -> Any:
    return re.sub(r"\s+", " ", value)[:80] if isinstance(value, str) else value
