"""Whatever is called a job file: it makes a job, or sentences that say what is wrong; never anything else."""

import json
import random
from datetime import date

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from alertferry.core.check import check_job
from alertferry.core.errors import AlertferryError, JobError
from alertferry.core.job import MAX_STEPS, Job
from alertferry.core.nights import MAX_NIGHTS, NightRange, check_count, expand, merged
from alertferry.core.registry import default_registry
from alertferry.core.settings import Settings
from alertferry.finkjob import import_fink
from tests.mangled import ENGINE, corpus, mangled_data, mangled_files
from tests.unit.test_finkjob import EMPTY, FIELDS, OLD, PLAIN

FEW, MANY = 200, 10_000

SOURCE = {"kind": "lsst", "nights": ["2026-01-01"]}
OUTPUT = {"kind": "kafka", "packet": "full"}


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "loop").symlink_to("loop")


def said(read):
    """Return what is said about a file; empty when it makes a job without problems."""
    try:
        return [str(problem) for problem in read()]
    except AlertferryError as error:
        refused = error
    assert refused.exit_code == 2, refused
    assert str(refused).strip()
    return str(refused).splitlines()


def judge(read, given):
    for sentence in said(read):
        found = ENGINE.search(sentence)
        assert found is None, (found, sentence, given)


def jobs():
    return corpus(default_registry())


def read_files(seed, count):
    settings = Settings()
    for raw in mangled_files(jobs(), seed, count):
        judge(lambda raw=raw: check_job(Job.from_yaml(raw), default_registry(), settings), raw)


def read_plain_data(seed, count):
    settings, chance, whole = Settings(), random.Random(seed), jobs()
    for _ in range(count):
        data = mangled_data(chance.choice(whole), chance)
        judge(lambda data=data: check_job(Job.from_dict(data), default_registry(), settings), data)


def read_fink_files(seed, count):
    whole = [yaml.safe_load(text.replace("2026-03-01,", "'2026-03-01',")) for text in (PLAIN, EMPTY, OLD, FIELDS)]
    for raw in mangled_files(whole, seed, count):
        judge(lambda raw=raw: import_fink(raw, name="one").remarks, raw)


@pytest.mark.parametrize("read", [read_files, read_plain_data, read_fink_files])
def test_mangled_files_are_explained(read):
    read(1, FEW)


@pytest.mark.soak
@pytest.mark.parametrize("read", [read_files, read_plain_data, read_fink_files])
def test_many_mangled_files_are_explained(read):
    read(2, MANY)


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"source": SOURCE | {"lake": "~nobody-of-this-name/lake"}}, "there is no user 'nobody-of-this-name' here"),
        ({"source": SOURCE | {"lake": "a\0b"}}, "cannot be the name of a file"),
        ({"source": SOURCE | {"lake": "y" * 300}}, "cannot be the name of a file"),
        ({"source": SOURCE | {"lake": "loop/lake"}}, "source: "),
        ({"source": SOURCE | {"lake": "http://["}}, ""),
        ({"filters": [{"kind": "crossmatch", "catalog": "~nobody-of-this-name/x", "radius_arcsec": 1}]}, "there is no user"),
        ({"filters": [{"kind": "region", "moc": "~nobody-of-this-name/x"}]}, "there is no user"),
        ({"filters": [{"kind": "region", "polygon": [[1, 2, 3], [2, 2], [2, 3]]}]}, "must have at most 2 entries, got 3"),
        ({"name": "'; rm"}, "name: holds letters, digits, spaces and . , : + - @ ( ) _ only, got \"'; rm\""),
        ({"name": "a\ud800"}, "half a character"),
        ({"name": "x" * 201}, "name: must have at most 200 characters"),
        ({"name": "x" * 4_000_000}, "the job is too long; a file of at most 65,536 bytes is read"),
        ({"version": 2**5000}, "a number of more than 256 bits"),
        ({"filters": [{"kind": "any", "of": [{"kind": "sql", "where": ["ra > 1"]}] * MAX_STEPS}]}, "at most 200 filters"),
        ({"source": {"kind": "lsst", "nights": "0001-01-01..9999-12-31"}}, "3,652,059 nights; at most 36,525 (100 years)"),
        ({"source": {"kind": "lsst", "times": "0001-01-01T00:00..9999-12-31T23:59"}}, "3,652,059 nights; at most 36,525"),
        ({"source": {"kind": "lsst", "nights": "1990-01-01..2026-01-01"}}, "13,150 nights; at most 7,305 are allowed here"),
    ],
)  # fmt: skip
def test_what_no_job_may_hold(change, expected):
    job = {"source": SOURCE, "output": OUTPUT} | change
    found = said(lambda: check_job(Job.from_dict(job), default_registry(), Settings()))
    assert any(expected in sentence for sentence in found) or not expected, found


def test_groups_go_to_twenty_levels():
    step = {"kind": "sql", "where": ["ra > 1"]}
    for level in range(20):
        step = {"kind": ("any", "all", "not")[level % 3], "of": [step]}
    text = json.dumps({"version": 1, "source": SOURCE, "filters": [step], "output": OUTPUT})
    assert Job.from_yaml(text).to_dict()["filters"] == [step]


def test_deep_data_is_refused_before_it_is_walked():
    deep = {"kind": "sql", "where": ["ra > 1"]}
    for _ in range(5000):
        deep = {"kind": "not", "of": [deep]}
    with pytest.raises(JobError, match="nested more than 48 levels deep"):
        Job.from_dict({"source": SOURCE, "filters": [deep], "output": OUTPUT})


def test_nights_in_many_ranges_are_counted_once_and_together():
    halves = ["1900-01-01..1950-01-01", "1950-01-01..2000-01-01"]
    overlapping = [f"1900-01-{day:02d}..1999-12-31" for day in range(1, 31)] * 50
    assert len(expand(overlapping)) == 36_524
    apart = [*halves, "2100-01-01..2101-01-01"]
    with pytest.raises(ValueError, match="holds 36,891 nights; at most 36,525"):
        expand(apart)
    with pytest.raises(ValidationError, match="at most 36,525"):
        default_registry().get("source", "lsst")(nights=apart)


@given(st.lists(st.tuples(st.dates(), st.integers(0, 400)), max_size=30))
def test_counting_by_arithmetic_is_expanding(drawn):
    whole = [(first, date.fromordinal(min(first.toordinal() + days, date.max.toordinal()))) for first, days in drawn]
    nights = {day for first, last in whole for day in range(first.toordinal(), last.toordinal() + 1)}
    check_count(whole, max(len(nights), 1))
    if nights:
        with pytest.raises(ValueError, match=f"holds {len(nights):,} nights"):
            check_count(whole, len(nights) - 1)
    assert [day for first, last in merged(whole) for day in range(first.toordinal(), last.toordinal() + 1)] == sorted(
        nights
    )


@given(st.text() | st.from_regex(r"\d{4}-\d{2}-\d{2}(\.\.\d{4}-\d{2}-\d{2})?"))
def test_a_night_is_read_or_explained(text):
    try:
        nights = expand([TypeAdapter(NightRange).validate_python(text)])
    except ValidationError as error:
        nights = [item["ctx"]["error"] for item in error.errors()]
    assert 1 <= len(nights) <= MAX_NIGHTS
