"""Finds mistakes in a condition without Spark: fast enough for every keystroke of the wizard.

The gate (`alertferry.core.conditions.gate`) decides; this only tells the user earlier. It never reports a condition
that the gate would accept. What the gate may still refuse is named: see `Opinion`.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from alertferry.core.conditions.allowed import FUNCTIONS
from alertferry.core.conditions.errors import ConditionError, ConditionProblem, problem_at
from alertferry.core.conditions.fields import Fields
from alertferry.core.conditions.grammar import SYNTAX_WORDS, parse
from alertferry.core.conditions.hints import Bound, contradiction
from alertferry.core.conditions.judge import Judge, Values
from alertferry.core.conditions.scan import Token, scan


@dataclass(frozen=True)
class Opinion:
    """What is wrong with a condition, what is surely not meant, and what only Spark can check; in order of the text.

    ``bounds`` are its comparisons of fields with numbers that must all hold.
    """

    problems: tuple[ConditionProblem, ...] = ()
    warnings: tuple[ConditionProblem, ...] = ()
    unchecked: tuple[ConditionProblem, ...] = ()
    bounds: tuple[Bound, ...] = ()


def lint(
    text: str,
    schema: Mapping[str, str] | None = None,
    known_functions: Collection[str] = FUNCTIONS,
) -> list[ConditionProblem]:
    """Return what is wrong with one condition; the problems of `opinion`."""
    return list(opinion(text, Fields(schema or {}), known_functions).problems)


def opinion(
    text: str,
    fields: Fields,
    known_functions: Collection[str] = FUNCTIONS,
    values: Values | None = None,
) -> Opinion:
    """Return what can be said about one condition without Spark; no JVM is started.

    Parameters
    ----------
    text
        One condition (see `split_lines`).
    fields
        Dotted path of a field to its simple type (``candidate.magpsf`` → ``float``); elements of arrays and values
        of maps continue the path of their field (``prvDiaSources.psfFlux``). Without any, fields are not checked.
    known_functions
        The functions that may be called, in lower case.
    values
        The values that fields can have, where these are few.
    """
    tokens: tuple[Token, ...] = ()
    judge = Judge(text, fields, known_functions, values or {})
    try:
        tokens = scan(text)
        judge.condition(parse(text, tokens, fields.roots))
    except ConditionError as error:
        names = {token.word for token in tokens if token.kind == "name"}
        if names & SYNTAX_WORDS & fields.roots:  # a field is called so: only Spark can tell which is which
            return Opinion(unchecked=(_unchecked(text, error.problem),))
        judge.problems.append(error.problem)
    except RecursionError:  # the gate's own limit is lower
        judge.problems.append(problem_at(text, 0, 1, "the condition is nested too deeply; split it into several"))
    if judge.problems:
        return Opinion(problems=tuple(sorted(judge.problems, key=_position)))
    warnings = list(judge.warnings)
    excluded = contradiction(judge.bounds)
    if excluded:
        warnings.append(excluding(text, excluded[0], text[excluded[1].start : excluded[1].end]))
    # the smallest part stands for what is around it; without fields nothing is known of any
    least = [min(judge.unsure, key=lambda item: item.length)] if judge.unsure and fields.types else []
    unchecked = tuple(_unchecked(text, item) for item in least)
    return Opinion((), tuple(sorted(warnings, key=_position)), unchecked, tuple(judge.bounds))


def excluding(text: str, bound: Bound, other: str) -> ConditionProblem:
    """Return the warning that a comparison and another one never hold together."""
    said, earlier = (" ".join(part.split()) for part in (text[bound.start : bound.end], other))
    return problem_at(text, bound.start, bound.end - bound.start, f"{said} and {earlier} are never both true")


def _unchecked(text: str, doubt: ConditionProblem) -> ConditionProblem:
    said = " ".join(text[doubt.position : doubt.position + doubt.length].split())
    shown = said if len(said) <= 40 else f"{said[:39]}…"
    message = f"{shown} is not checked without Spark, which does so when the job is estimated or run"
    return ConditionProblem(message, doubt.position, doubt.line, doubt.column, doubt.length)


def _position(problem: ConditionProblem) -> int:
    return problem.position
