"""What `check` says of a condition without Spark, held against the gate on real Spark.

What the gate accepts, check never refuses; what the gate refuses, check refuses too, or says that it did not check it.
"""

import random

import pytest

from alertferry.core.conditions import ConditionError, compile_filter
from alertferry.core.conditions.fields import Fields
from alertferry.core.conditions.lint import opinion
from tests.condition_cases import mutated, simple_schema
from tests.integration.test_condition_gate import ATTACKS, EXAMPLES, ROW
from tests.integration.test_condition_meaning import ASTRONOMERS, HAND_MADE
from tests.three_valued import SCHEMA

pytestmark = pytest.mark.spark

ENGINE = ("SQLSTATE", "Py4J", "Exception", "org.apache", "Traceback", "[PARSE", "[DATATYPE", "ParserRuleContext")

# every kind of value with every other, as operands of each operator
_VALUES = (
    "a d s ts dt hist nums strs m bin st flag 1 -2.5 'x' '5' '2026-01-31' null true date'2026-01-31' (a+1) hist[0]"
)
_OPERATORS = "= <> < <=> + - * / % || & and or is_distinct in between like"


def pairs():
    for left in _VALUES.split():
        for right in _VALUES.split():
            for operator in _OPERATORS.split():
                text = {
                    "is_distinct": f"{left} is distinct from {right}",
                    "in": f"{left} in ({right}, {right})",
                    "between": f"{left} between {right} and {right}",
                }.get(operator, f"{left} {operator} {right}")
                yield text if operator not in ["+", "-", "*", "/", "%", "||", "&"] else f"({text}) is not null"


@pytest.fixture(scope="module")
def frames(spark):
    found = {kind: spark.sql(query) for kind, query in HAND_MADE.items()}
    return found | {"row": spark.sql(ROW), "random": spark.createDataFrame([], SCHEMA)}


@pytest.fixture(scope="module")
def fields(frames):
    return {kind: Fields(simple_schema(frame)) for kind, frame in frames.items()}


def disagreements(cases, frames, fields):
    """Return the conditions that check and the gate see differently, and those of the gate's words that are Spark's."""
    found = []
    for kind, text in cases:
        said = opinion(text, fields[kind])
        try:
            compile_filter(frames[kind], text)
        except ConditionError as error:
            if not said.problems and not said.unchecked:
                found.append(("accepted here, refused by the gate", text, str(error.problem)))
            found += [("words of the engine", text, str(error)) for word in ENGINE if word in str(error)]
        else:
            if said.problems:
                found.append(("refused here, accepted by the gate", text, str(said.problems[0])))
    return found


def corpus():
    yield from ((kind, text) for kind, _, text in ASTRONOMERS)
    yield from (("row", text) for _, text, _ in EXAMPLES)
    yield from (("row", text) for _, text in ATTACKS)


def broken(count, seed):
    chance, texts = random.Random(seed), list(corpus())
    for _ in range(count):
        kind, text = chance.choice(texts)
        yield kind, mutated(chance, text)


def test_known_conditions(frames, fields):
    assert disagreements(corpus(), frames, fields) == []


def test_every_kind_of_value_with_every_other(frames, fields):
    cases = [("row", text) for text in pairs()]
    assert disagreements(random.Random(3).sample(cases, 250), frames, fields) == []


def test_broken_conditions(frames, fields):
    assert disagreements(broken(200, 1), frames, fields) == []


@pytest.mark.soak
@pytest.mark.timeout(3600)
def test_all_pairs_of_values(frames, fields):
    assert disagreements((("row", text) for text in pairs()), frames, fields) == []


@pytest.mark.soak
@pytest.mark.timeout(3600)
def test_many_broken_conditions(frames, fields):
    assert disagreements(broken(10_000, 2), frames, fields) == []
