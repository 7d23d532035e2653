import ast
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alertferry.core.errors import UsageError
from alertferry.core.job import Job
from alertferry.core.render import Code, as_source, render
from alertferry.plugins.filters.sql import Sql
from alertferry.plugins.outputs.files import Files
from alertferry.plugins.outputs.kafka import Kafka
from alertferry.plugins.sources.lsst import Lsst

HOSTILE = st.text(alphabet=st.sampled_from(list("'\"`$(){}%\\\n#;, ab{{7*7}}\u2028\x00é"))) | st.text()
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | HOSTILE,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(HOSTILE, inner, max_size=3),
    max_leaves=8,
)


@given(VALUES)
def test_every_value_is_a_literal(value):
    assert ast.literal_eval(as_source(value)) == value


@pytest.mark.parametrize("value", [float("nan"), float("inf"), object(), {1, 2}, b"x", print])
def test_what_is_not_plain_data_cannot_be_printed(value):
    with pytest.raises(TypeError, match="a rendered job cannot hold"):
        as_source(value)


@pytest.mark.parametrize("name", ["os;x", "a b", "class", "a..b", "", "a.b()"])
def test_only_names_are_code(name):
    with pytest.raises(UsageError, match="cannot be imported"):
        Code.name(name)


@given(st.lists(HOSTILE.map("x{}".format), min_size=1, max_size=3), HOSTILE.filter(bool))
def test_no_value_of_a_job_becomes_code(where, lake):
    job = Job(
        source=Lsst(nights=["2026-01-01"], lake=lake),
        filters=[Sql(where=where)],
        output=Files(path=lake, fields=where),
    )
    tree = ast.parse(render(job))
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call)]
    names = sorted(ast.unparse(call.func) for call in calls)
    assert names == sorted(["Run", "run.read", "Lsst", "run.filter", "Sql", "run.write", "Files", "submit"])
    strings = {node.value for node in ast.walk(tree) if isinstance(node, ast.Constant) and isinstance(node.value, str)}
    assert {*where, lake} <= strings


def test_a_script_is_short_clean_and_always_the_same(tmp_path):
    job = Job(
        name="two steps",
        source=Lsst(nights=["2026-01-01..2026-01-09"]),
        filters=[Sql(where=["diaSource.snr > 5"]), Sql(where=["diaSource.band = 'g'"])],
        output=Kafka(packet="full"),
    )
    text = render(job)
    assert text == render(Job.from_yaml(job.to_yaml()))
    assert len(text.splitlines()) <= 60
    script = tmp_path / "job.py"
    script.write_text(text)
    linted = subprocess.run(
        [sys.executable, "-m", "ruff", "check", "--isolated", str(script)], capture_output=True, text=True, check=False
    )
    assert linted.returncode == 0, linted.stdout
