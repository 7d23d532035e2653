"""Looking at a lake again: what changed, and what is only not known; one reason for the job and for its output."""

import shutil
from datetime import date
from types import SimpleNamespace

import pytest

from alertferry.core import lake as lake_module
from alertferry.core.errors import AlertferryError, UsageError
from alertferry.core.lake import refuse_changed_files
from alertferry.core.lake_files import FileChangedError, list_files
from alertferry.core.lake_nights import LakeNights
from alertferry.core.lake_source import _ids
from alertferry.core.run import Run

NIGHT = date(2026, 3, 1)


@pytest.fixture
def found(tmp_path, monkeypatch):
    """Nights of a lake, looked at again without Spark."""
    folder = tmp_path / "lake/year=2026/month=3/day=1"
    folder.mkdir(parents=True)
    (folder / "a.parquet").write_bytes(b"1")

    class Lake:
        def __init__(self, spark, location):
            self.files = lambda nights: list_files(location, nights)

    monkeypatch.setattr(lake_module, "SparkLake", Lake)
    return LakeNights(str(tmp_path / "lake"), tuple(list_files(str(tmp_path / "lake"), [NIGHT])), ())


def test_a_lake_that_is_gone_has_changed(found):
    refuse_changed_files(None, found)
    shutil.rmtree(found.location)
    with pytest.raises(FileChangedError, match=r"the lake changed while it was read: .*cannot be read: No such file"):
        refuse_changed_files(None, found)


@pytest.mark.parametrize("kind", [UsageError, AlertferryError])
def test_a_lake_that_does_not_answer_has_not_changed(found, monkeypatch, kind):
    def fail(*_):
        raise kind("cannot look at the lake x: its server refuses connections; run it again")

    monkeypatch.setattr(lake_module, "SparkLake", fail)
    with pytest.raises(
        AlertferryError, match=r"it is not known whether the lake changed .*its server refuses"
    ) as caught:
        refuse_changed_files(None, found)
    assert not isinstance(caught.value, FileChangedError)
    assert caught.value.exit_code == 1


def run_with(refuse_changes):
    run = Run.__new__(Run)
    run._told = None
    run._selection = SimpleNamespace(start=SimpleNamespace(refuse_changes=refuse_changes, blame=None))
    return run


def test_the_first_error_stays_where_the_lake_cannot_be_looked_at_again():
    asked = []

    def unreachable():
        asked.append(1)
        raise AlertferryError("it is not known whether the lake changed")

    run, first = run_with(unreachable), ValueError("no space left")
    assert str(run.told(first)) == "the job failed: ValueError: no space left; the log has the whole story"
    with pytest.raises(ValueError, match="no space left") as caught, run._blaming_changes():
        raise first
    assert caught.value is first
    assert asked == [1], "the output and the job ask together"


def test_output_and_job_say_the_same_of_a_changed_lake():
    def changed():
        raise FileChangedError("files of the lake are not what they were")

    run, first = run_with(changed), ValueError("FAILED_READ_FILE")
    told = run.told(first)
    with pytest.raises(FileChangedError) as caught, run._blaming_changes():
        raise first
    assert caught.value is told


def test_an_interruption_asks_nobody():
    run = run_with(lambda: pytest.fail("the lake was asked"))
    assert str(run.told(KeyboardInterrupt())) == "it was interrupted"


def test_ids_ask_whoever_opened_the_lake_where_it_is(tmp_path):
    """A path of Spark's default filesystem, which need not be a folder of this machine."""
    assert _ids(LakeNights("/no/folder/of/this/machine", (), ()), "id").is_local is False
    assert _ids(LakeNights(str(tmp_path), (), (), is_local=True), "id").is_local is True
