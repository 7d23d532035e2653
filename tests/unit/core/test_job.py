import pytest
from hypothesis import given
from hypothesis import strategies as st

from alertferry.core.errors import JobError
from alertferry.core.job import MAX_LIMIT, MAX_NAME, Job
from alertferry.plugins.filters.sql import Sql
from alertferry.plugins.outputs.files import Files
from alertferry.plugins.outputs.kafka import Kafka
from alertferry.plugins.sources.lsst import Lsst
from alertferry.plugins.sources.ztf import Ztf

GOOD = """\
version: 1
name: bright-blazars
source: {kind: lsst, nights: [2026-01-01, 2026-03-01..2026-03-07]}
filters:
  - {kind: sql, where: ["diaSource.psfFlux > 13500", "diaSource.band IN ('g','r')"]}
output: {kind: kafka, packet: light-static}
"""


def problems(text):
    with pytest.raises(JobError) as caught:
        Job.from_yaml(text)
    return {str(problem) for problem in caught.value.problems}


def test_the_three_faces_are_one_job():
    job = Job(
        name="bright-blazars",
        source=Lsst(nights=["2026-01-01", "2026-03-01..2026-03-07"]),
        filters=[Sql(where=["diaSource.psfFlux > 13500", "diaSource.band IN ('g','r')"])],
        output=Kafka(packet="light-static"),
    )
    assert Job.from_yaml(GOOD) == job == Job.from_dict(job.to_dict()) == Job.from_yaml(job.to_yaml())
    assert job.to_yaml() == Job.from_yaml(job.to_yaml()).to_yaml()


def test_the_hash_is_of_the_request():
    job = Job.from_yaml(GOOD)
    assert job.hash == Job.from_yaml(GOOD.replace("version: 1\n", "")).hash
    assert job.hash != Job.from_yaml(GOOD.replace("13500", "13501")).hash


NIGHTS = st.lists(st.dates().map(str), min_size=1, max_size=4)
SOURCES = st.builds(Ztf, nights=NIGHTS, lake=st.none() | st.text(min_size=1)) | st.builds(Lsst, nights=NIGHTS)
SQLS = st.builds(Sql, where=st.lists(st.text().map("a > {}".format), min_size=1, max_size=3))
OUTPUTS = st.builds(Kafka, packet=st.text(min_size=1)) | st.builds(
    Files, path=st.text(min_size=1), fields=st.lists(st.text(), min_size=1, max_size=4)
)


@given(SOURCES, st.lists(SQLS, max_size=3), st.none() | st.integers(1, MAX_LIMIT), OUTPUTS)
def test_every_job_survives_yaml(source, filters, limit, output):
    job = Job(source=source, filters=filters, limit=limit, output=output)
    assert Job.from_yaml(job.to_yaml()) == job


def test_all_problems_come_at_once_with_their_paths():
    found = problems(
        """
        source: {kind: ztff, nights: [2026-01-01]}
        filters:
          - {kind: sql, where: [], wher: x}
          - {kind: sqll}
          - nonsense
        limit: 0
        output: {kind: kafka, packet: full, partitions: 0}
        outputs: 1
        """
    )
    assert found == {
        "source.kind: no source 'ztff'; did you mean 'ztf'?",
        "filters[0].where: is empty",
        "filters[0].wher: no such option; did you mean 'where'?",
        "filters[1].kind: no filter 'sqll'; did you mean 'sql'?",
        "filters[2]: must be a mapping with a kind, got 'nonsense'",
        "limit: must be >= 1, got 0",
        "output.partitions: must be >= 1, got 0",
        "outputs: no such key; did you mean 'output'?; a job has version, name, source, filters, limit, output",
    }


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (('["diaSource.psfFlux > 13500", ', '["-- nothing", '), "filters[0].where: holds no condition: '-- nothing'"),
        (("version: 1", "version: 2"), "version: must be 1, got 2"),
        (("nights: [2026-01-01, 2026-03-01..2026-03-07]", "nights: []"), "source: names no nights"),
        (("2026-03-01..2026-03-07", "2026-03-07..2026-03-01"), "source.nights[1]: the range is reversed"),
        (("packet: light-static", "packet: full, fields: [a]"), "output: choose what a packet contains"),
        (("packet: light-static", "packet: 5"), "output.packet: must be text, got 5"),
        (("output: {kind: kafka, packet: light-static}", ""), "output: is required"),
        (("kind: lsst, ", ""), "source.kind: is required; there are: lsst, ztf"),
        (("bright-blazars", "'$(rm -rf)'"), "name: "),
        (("version: 1", "limit: ten"), "limit: must be a whole number, got 'ten'"),
        (("version: 1", "limit: true"), "limit: must be a whole number, got true"),
        (("version: 1", "limit: 10.0"), "limit: must be a whole number, got 10.0"),
        (
            ("nights: [2026-01-01, 2026-03-01..2026-03-07]", "times: [2026-01-01..2025-01-01]"),
            "must end after it starts",
        ),
        (("nights: [2026-01-01, 2026-03-01..2026-03-07]", "times: [x]"), "must be START..STOP in UTC"),
    ],
)
def test_each_mistake_is_explained(change, expected):
    found = problems(GOOD.replace(*change))
    assert any(expected in problem for problem in found), found


def test_a_limit_is_part_of_the_request():
    job = Job.from_yaml(GOOD + "limit: 10\n")
    assert job.limit == 10
    assert job.hash != Job.from_yaml(GOOD).hash
    assert list(job.to_dict()) == ["version", "name", "source", "filters", "limit", "output"]
    assert "limit" not in Job.from_yaml(GOOD).to_dict()


def test_the_test_of_a_job_asks_for_ten_of_its_alerts_under_a_name_that_says_so():
    job = Job.from_yaml(GOOD)
    test = job.as_test()
    assert (test.name, test.limit, test.is_test, job.is_test) == ("Test of bright-blazars", 10, True, False)
    assert test.model_copy(update={"name": job.name, "limit": None}) == job
    assert test.as_test() == test == Job.from_dict(test.to_dict())
    assert Job.from_yaml(GOOD + "limit: 3\n").as_test().limit == 3
    assert Job.from_yaml(GOOD.replace("name: bright-blazars\n", "")).as_test().name == "Test of an unnamed job"
    assert len(job.model_copy(update={"name": "x" * MAX_NAME}).as_test().name) == MAX_NAME
    with pytest.raises(JobError, match=r"output.kind: a test job publishes a topic, and this one writes files"):
        Job.from_yaml(GOOD.replace("kind: kafka", "kind: files, path: out")).as_test()


def test_one_night_needs_no_list():
    assert Job.from_yaml(GOOD.replace("[2026-01-01, 2026-03-01..2026-03-07]", "2026-01-01")).source.nights == (
        "2026-01-01",
    )
