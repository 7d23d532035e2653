"""Where a site serves others, every step's file and lake is judged, in whatever plugin it is declared."""

from pathlib import Path
from typing import Annotated, Any, ClassVar

import pytest
from pydantic import BaseModel, Field

from alertferry import service, uploads
from alertferry.core.access import Access, Site
from alertferry.core.errors import JobError, Problem, UsageError
from alertferry.core.file_option import FileOption, LakeOption, NamesFile, named_in
from alertferry.core.hooks import hookimpl
from alertferry.core.job import Job
from alertferry.core.registry import Registered, default_registry
from alertferry.core.settings import load_settings
from alertferry.core.steps import Predicate
from alertferry.core.working_folder import VARIABLE, resolved
from alertferry.policy import objections

ANN = Access("ann", "page", Site(confined=True))


class Inner(BaseModel):
    table: FileOption
    deeper: tuple["Inner", ...] = ()


class Watchlist(Predicate):
    """A filter of somebody else, with a file in every way that one can be declared."""

    kind: ClassVar[str] = "watchlist"

    file: FileOption | None = None
    files: tuple[FileOption, ...] = ()
    by_name: dict[str, FileOption] | None = None
    path: Path | None = None
    paths: tuple[Path | None, ...] = ()
    either: str | Path | None = None
    inner: Inner | None = None
    any_inner: list[Inner] | None = None
    text: Annotated[str, Field(min_length=1), NamesFile(unless=str.isupper)] | None = None
    lake: LakeOption | None = None
    plain: Any = None

    def condition(self, survey):
        raise NotImplementedError("no test of this file starts Spark")


@pytest.fixture
def registry(monkeypatch):
    found = default_registry()
    steps = found.steps["filter"] | {"watchlist": Registered("filter", "watchlist", Watchlist, "w", "watchlists", "1")}
    monkeypatch.setitem(found.steps, "filter", steps)
    return found


@pytest.fixture
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("ALERTFERRY_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("ALERTFERRY_LAKE_LSST", str(tmp_path / "lake"))
    monkeypatch.setenv(VARIABLE, str(tmp_path / "home" / "uploads"))
    return tmp_path / "home"


@pytest.fixture
def mine(home):
    receiving = uploads.Receiving("mine.csv", "ann")
    receiving.write(b"ra,dec\n1,2\n")
    return receiving.finish()


def job_with(*filters, registry=None, **source):
    data = {"source": {"kind": "lsst", "nights": ["2026-03-01"], **source}, "filters": list(filters)}
    return Job.from_dict(data | {"output": {"kind": "kafka", "packet": "full"}}, registry)


def objected(job, registry, access=ANN):
    return [problem.path for problem in objections(job, access, load_settings(), registry)]


FOREIGN = [
    ({"file": "/etc/passwd"}, "file"),
    ({"files": ["{mine}", "/etc/passwd"]}, "files[1]"),
    ({"by_name": {"a": "x.csv"}}, "by_name.a"),
    ({"path": "/etc/passwd"}, "path"),
    ({"paths": [None, "x.csv"]}, "paths[1]"),
    ({"either": "x.csv"}, "either"),
    ({"inner": {"table": "/etc/passwd"}}, "inner.table"),
    ({"any_inner": [{"table": "{mine}", "deeper": [{"table": "../x"}]}]}, "any_inner[0].deeper[0].table"),
    ({"text": "etc"}, "text"),
    ({"lake": "/elsewhere"}, "lake"),
    ({"lake": "s3://bucket/x?endpoint_override=localhost:1"}, "lake"),
    ({"plain": "/etc/passwd"}, "plain"),
    ({"plain": {"deep": ["~/.ssh/id_rsa"]}}, "plain.deep[0]"),
    ({"plain": "file:///etc/passwd"}, "plain"),
    ({"plain": "http://localhost:1/"}, "plain"),
    ({"plain": "a/../../b"}, "plain"),
]


def filled(options, mine):
    if isinstance(options, dict):
        return {key: filled(value, mine) for key, value in options.items()}
    if isinstance(options, list):
        return [filled(value, mine) for value in options]
    return options.replace("{mine}", mine.reference) if isinstance(options, str) else options


@pytest.mark.parametrize(("options", "place"), FOREIGN)
@pytest.mark.parametrize("nested", [False, True])
def test_a_foreign_file_is_found_however_it_is_declared(registry, mine, options, place, nested):
    step = {"kind": "watchlist"} | filled(options, mine)
    job = job_with({"kind": "any", "of": [{"kind": "not", "of": [step]}]} if nested else step, registry=registry)
    where = f"filters[0].of[0].of[0].{place}" if nested else f"filters[0].{place}"
    assert objected(job, registry) == [where]
    assert objected(job, registry, Access("ann")) == []


def test_uploads_lakes_of_the_site_and_plain_words_are_let_through(registry, mine):
    step = {"file": mine.reference, "files": [f"{mine.id}/mine.csv"], "path": mine.reference, "lake": "lsst"}
    step |= {"text": "CAPITALS", "plain": ["bright", "a.b", 3, None, {"x": "y"}]}
    job = job_with({"kind": "watchlist"} | step, registry=registry, lake="lsst")
    assert objected(job, registry) == []
    assert len(objected(job, registry, Access("bob", "page", ANN.site))) == 3
    assert len(objected(job, registry, Access(None, "page", ANN.site))) == 3


def test_every_option_of_ours_that_is_read_as_a_file_is_declared():
    from alertferry.plugins.filters.crossmatch import Crossmatch
    from alertferry.plugins.filters.region import Region

    steps = [Crossmatch(catalog="x", radius_arcsec=1), Region(skymap="x"), Region(moc="x.fits")]
    assert [[item.path for item in named_in(step) if item.names == "file"] for step in steps] == [
        ["catalog"],
        ["skymap"],
        ["moc"],
    ]
    assert [item.names for item in named_in(Region(moc="3/1-4"))] == ["text"]


DOORS = {
    "check": lambda job: raised(service.problems_of(job, ANN)),
    "estimate": lambda job: service.estimate(job, ANN),
    "preview": lambda job: service.preview(job, 10, ANN),
    "submit": lambda job: service.submit(job, ANN),
}


def raised(problems):
    if problems:
        raise JobError(problems)


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize(
    "job",
    [
        {"kind": "crossmatch", "catalog": "/etc/passwd", "radius_arcsec": 1},
        {"kind": "crossmatch", "catalog": "../jobs.sqlite", "radius_arcsec": 1},
        {"kind": "region", "skymap": "/etc/passwd"},
    ],
)
def test_every_door_is_the_same_door(home, door, job):
    with pytest.raises(JobError) as error:
        DOORS[door](job_with(job))
    assert [problem.message for problem in error.value.problems] == [uploads.NOT_YOURS]
    assert not (home / "estimates").exists()
    assert service.list_jobs() == []


def test_a_job_of_the_command_line_is_judged_when_it_is_submitted_again_from_a_page(home, mine):
    from alertferry.core.jobs.entry import Context

    queue = service._queue()
    job = job_with({"kind": "crossmatch", "catalog": "/etc/passwd", "radius_arcsec": 1})
    entry = queue.submit(job, Context(working_folder="/etc"), owner="ann", launcher="local")
    with pytest.raises(JobError, match="not among your uploads"):
        service.resubmit_job(entry.id, ANN)
    assert len(service.list_jobs()) == 1


def test_files_and_lakes_to_look_at(home, mine):
    assert service.file_to_look_at(mine.reference, ANN) == str(mine.file)
    assert service.file_to_look_at("x.csv") == str(home / "uploads" / "x.csv")
    for text in ("/etc/passwd", "x.csv", f"upload:{'0' * 32}", f"{mine.id}/.owner", mine.id, ""):
        with pytest.raises(UsageError, match="not among your uploads"):
            service.file_to_look_at(text, ANN)
    assert service.lake_to_look_at("lsst", ANN) == "lsst"
    with pytest.raises(UsageError, match="site's own lakes"):
        service.lake_to_look_at("/elsewhere", ANN)


def test_an_upload_is_found_by_whoever_runs_the_job(mine):
    assert Path(resolved(mine.reference)).read_bytes() == b"ra,dec\n1,2\n"
    assert not Path(resolved(f"upload:{'0' * 32}")).exists()


def test_a_link_in_an_upload_leads_nowhere(mine):
    mine.file.unlink()
    mine.file.symlink_to("/etc/passwd")
    assert uploads.find(mine.id, "ann") is None
    assert not Path(resolved(mine.reference)).exists()


def test_a_lake_is_read_by_its_name(home, tmp_path, monkeypatch):
    source, settings = job_with(lake="lsst").source, load_settings()
    assert source.location(settings) == str(tmp_path / "lake")
    (home / "uploads" / "lsst").mkdir(parents=True)
    with pytest.raises(UsageError, match=r"write \./lsst"):
        source.location(settings)
    assert job_with(lake="./lsst").source.location(settings) == str(home / "uploads" / "lsst")


def test_a_sites_own_rule_hears_who_asks(home, monkeypatch):
    class Ours:
        @hookimpl
        def check_job(self, job, context):
            return [Problem("", f"{context.user} {context.channel} {context.site.confined}")]

    class Older:
        @hookimpl
        def check_job(self, job):
            return [Problem("", job.output.kind)]

    manager = default_registry().manager
    for plugin in (Ours(), Older()):
        manager.register(plugin)
    try:
        found = {problem.message for problem in default_registry().check_job(job_with(), ANN)}
    finally:
        for plugin in [item for item in manager.get_plugins() if isinstance(item, Ours | Older)]:
            manager.unregister(plugin)
    assert found == {"ann page True", "kafka"}


def test_a_lake_whose_link_leads_in_a_circle_hinders_no_other(tmp_path):
    """Of any survey in the settings; who reads it is told when it is read."""
    circle = tmp_path / "circle"
    circle.symlink_to(circle)
    lakes = {"ztf": str(circle), "lsst": str(tmp_path), "other": "~nobody-of-this-name/lake"}
    found = service._context(load_settings().model_copy(update={"lakes": lakes})).lakes
    assert found["lsst"] == str(tmp_path)
    assert found["ztf"] == str(circle)
