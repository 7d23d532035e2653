"""What is wrong with a region or a crossmatch is said before Spark starts, with its place in the job."""

import gzip
import os

import pytest

from alertferry.core.errors import JobError
from alertferry.core.job import Job
from alertferry.plugins.filters.region import Region
from alertferry.service import examine, problems_of


def faults(step):
    """Return everything that `check` says of a job with one filter."""
    data = {
        "version": 1,
        "source": {"kind": "lsst", "nights": ["2026-03-01"]},
        "filters": [step],
        "output": {"kind": "kafka", "packet": "light-static"},
    }
    try:
        return [str(problem) for problem in problems_of(Job.from_dict(data))]
    except JobError as error:
        return [str(problem) for problem in error.problems]


@pytest.fixture
def good(tmp_path):
    path = tmp_path / "good.csv"
    path.write_text("id,ra,dec,r,kind,other ra\na,10,20,1.5,x,1\nb,11,21,2,y,2\n")
    return str(path)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"radius_arcsec": 0}, "filters[0].radius_arcsec: must be > 0, got 0"),
        ({"radius_arcsec": -1}, "filters[0].radius_arcsec: must be > 0, got -1"),
        ({"radius_arcsec": float("nan")}, "filters[0].radius_arcsec: "),
        ({"radius_arcsec": "wide"}, "filters[0].radius_arcsec: "),
        ({"radius_arcsec": 3601}, "filters[0].radius_arcsec: must be <= 3600, got 3601"),
        ({}, "needs a radius: either radius_arcsec: NUMBER or radius: COLUMN"),
        ({"radius_arcsec": 1, "radius": "r"}, "needs a radius: either radius_arcsec: NUMBER or radius: COLUMN"),
        ({"radius": "rr"}, "'rr'"),
        ({"radius_arcsec": 1, "ra": "ra"}, "ra and dec go together"),
        ({"radius_arcsec": 1, "ra": "RAJ", "dec": "dec"}, "'RAJ'"),
        ({"radius_arcsec": 1, "pmra": "r"}, "pmra, pmdec and epoch go together"),
        ({"radius_arcsec": 1, "keep": "some"}, "filters[0].keep: "),
        ({"radius_arcsec": 1, "keep": "none", "columns": ["kind"]}, "no counterpart"),
        ({"radius_arcsec": 1, "columns": ["kin"]}, "'kin'"),
        ({"radius_arcsec": 1, "columns": ["kind", "id"]}, "would hide the 'id' of the match"),
        ({"radius_arcsec": 1, "name": "diaSource"}, "the alerts have a column 'diaSource' already"),
        ({"radius_arcsec": 1, "name": "a b"}, "filters[0].name: "),
        ({"radius_arcsec": 1, "max_rows": 1}, "at most 1 are allowed"),
        ({"radius_arcsec": 1, "colums": ["kind"]}, "did you mean 'columns'"),
    ],
)
def test_options_of_a_crossmatch(good, options, said):
    (problem,) = faults({"kind": "crossmatch", "catalog": good, **options})
    assert said in problem
    assert problem.startswith("filters[0]")


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "is empty"),
        (b"id,ra,dec\n", "no rows"),
        (b"a,b\n1,2\n", "no column looks like right ascension"),
        (b"id,ra,dec\na,400,20\n", "row 1"),
        (b"id,ra,dec\na,10,nan\nb,1,2\n", "row 1"),
        (b"id,ra,ra,dec\na,1,2,3\n", "'ra'"),
        (b"PAR1 this is no parquet", "does not end as Parquet"),
        (gzip.compress(b"id,ra,dec\n" + b"a,1,2\n" * 100, mtime=0)[:-20], "the compressed data end too early"),
    ],
)
def test_catalogues_that_cannot_be_used(tmp_path, content, said):
    (tmp_path / "bad").write_bytes(content)
    (problem,) = faults({"kind": "crossmatch", "catalog": str(tmp_path / "bad"), "radius_arcsec": 1})
    assert problem.startswith("filters[0].catalog: ")
    assert said in problem


@pytest.mark.parametrize("name", ["/nowhere/x.csv", "../nowhere/x.csv", "x\n\x1b[31m.csv"])
def test_catalogues_that_are_not_there(name):
    (problem,) = faults({"kind": "crossmatch", "catalog": name, "radius_arcsec": 1})
    assert "no such file" in problem
    assert "\x1b" not in problem


def test_a_good_crossmatch_has_no_problem(good):
    assert faults({"kind": "crossmatch", "catalog": good, "radius": "r", "columns": ["kind", "other ra"]}) == []


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({}, "needs exactly one of cone, box, polygon, moc, skymap; got none"),
        ({"cone": {"ra": 1, "dec": 2, "radius_deg": 1}, "moc": "1/2"}, "got cone and moc"),
        ({"cone": {"ra": 400, "dec": 2, "radius_deg": 1}}, "filters[0].cone.ra: must be <= 360, got 400"),
        ({"cone": {"ra": 1, "dec": 91, "radius_deg": 1}}, "filters[0].cone.dec: must be <= 90, got 91"),
        ({"cone": {"ra": 1, "dec": 2, "radius_deg": 0}}, "filters[0].cone.radius_deg: must be > 0, got 0"),
        ({"cone": {"ra": 1, "dec": 2}}, "filters[0].cone.radius_deg"),
        ({"box": {"ra": [1, 1], "dec": [0, 1]}}, "spans nothing"),
        ({"box": {"ra": [1, 2], "dec": [1, 0]}}, "must be [SOUTH, NORTH]"),
        ({"polygon": [[0, 0], [1, 1]]}, "at least 3 different corners"),
        ({"polygon": [[0, 0], [10, 10], [10, 0], [0, 10]]}, "crosses or touches itself"),
        ({"polygon": [[0, 0], [120, 0], [240, 0]]}, "does not fit into a hemisphere"),
        ({"polygon": [[0, -80], [120, -80], [240, 60], [10, 70]]}, "does not fit into a hemisphere"),
        ({"polygon": [[index / 3, 40 + index % 2] for index in range(900)]}, "at most 200"),
        ({"moc": "3/768"}, "filters[0].moc: "),
        ({"moc": "40/1"}, "the order 40 is beyond 29"),
        ({"moc": "/nowhere/a.fits"}, "filters[0].moc: no such file"),
        ({"skymap": "/nowhere/a.fits"}, "filters[0].skymap: no such file"),
        ({"moc": "1/2", "credible_level": 0.5}, "credible_level goes with skymap only"),
        ({"skymap": "x.fits", "credible_level": 1.5}, "filters[0].credible_level: must be <= 1, got 1.5"),
    ],
)
def test_options_of_a_region(options, said):
    (problem,) = faults({"kind": "region", **options})
    assert said in problem
    assert problem.startswith("filters[0]")


def test_nested_regions_name_their_place():
    (problem,) = faults({"kind": "not", "of": [{"kind": "region", "moc": "40/1"}]})
    assert problem.startswith("filters[0].of[0].moc: ")


def test_a_crossmatch_cannot_be_nested(good):
    (problem,) = faults({"kind": "any", "of": [{"kind": "crossmatch", "catalog": good, "radius_arcsec": 1}]})
    assert "adds columns and cannot stand here" in problem


def warned(step):
    """Return what `check` says besides, of a job with one filter."""
    data = {
        "version": 1,
        "source": {"kind": "lsst", "nights": ["2026-03-01"]},
        "filters": [step],
        "output": {"kind": "kafka", "packet": "light-static"},
    }
    found = examine(Job.from_dict(data))
    assert not found.problems
    return [str(warning) for warning in found.warnings if warning.path != "source"]


def test_what_is_remarkable_in_a_catalogue_is_said_before_the_job(tmp_path):
    (tmp_path / "odd.csv").write_text("name,RA_h,DEC\na,12.5,20\na,12.5,20\nb,1.5,95\n")
    step = {"kind": "crossmatch", "catalog": str(tmp_path / "odd.csv"), "radius_arcsec": 1, "on_bad_rows": "drop"}
    assert warned(step) == [
        "filters[0].catalog: 'RA_h' was read in hours, as the name of the column says",
        "filters[0].catalog: 1 row was left out (first row 3: 'DEC': '95': declination outside -90 to 90 degrees)",
        "filters[0].catalog: 1 row has the identifier of an earlier row",
        "filters[0].catalog: 1 row has the position of an earlier row",
    ]


def test_a_plain_catalogue_has_nothing_remarkable(good):
    assert warned({"kind": "crossmatch", "catalog": good, "radius": "r"}) == []


@pytest.mark.parametrize("unit", ["hour", "hours", "hourangle", "h"])
def test_units_and_tables_are_said_in_the_job(tmp_path, unit):
    (tmp_path / "c.csv").write_text("id,ra,dec\na,12.5,20\n")
    step = {"kind": "crossmatch", "catalog": str(tmp_path / "c.csv"), "radius_arcsec": 1}
    assert faults({**step, "ra_unit": unit}) == []
    job = Job.from_dict(
        {
            "version": 1,
            "source": {"kind": "lsst", "nights": ["2026-03-01"]},
            "filters": [{**step, "unit": unit, "table": 2, "format": "fits"}],
            "output": {"kind": "kafka", "packet": "light-static"},
        }
    )
    assert Job.from_yaml(job.to_yaml()) == job
    assert job.filters[0].unit == "hour"
    (problem,) = faults({**step, "dec_unit": "parsec"})
    assert "filters[0].dec_unit: must be deg, hour, rad, arcmin, arcsec, mas or uas; got 'parsec'" in problem
    (problem,) = faults({**step, "table": "stars"})
    assert "table: is csv, which holds one table only; leave table: out" in problem


def test_files_of_one_name_in_two_folders_are_two(tmp_path, monkeypatch):
    """Written at the same time, of the same size, and read one after the other by one process."""
    for folder, text in (("a", "1/30-40"), ("b", "1/20-30")):
        file = tmp_path / folder / "m.txt"
        file.parent.mkdir()
        file.write_text(text)
        os.utime(file, (1e9, 1e9))
    bounds = []
    for folder in "ab":
        monkeypatch.setenv("ALERTFERRY_WORKING_FOLDER", str(tmp_path / folder))
        bounds.append(Region(moc="m.txt")._coverage().bounds.tolist())
    assert bounds[0] != bounds[1]


def test_a_map_that_was_replaced_is_read_again(tmp_path):
    """By one of the same size and time."""
    bounds = []
    for text in ("1/30-40", "1/20-30"):
        (tmp_path / "new.txt").write_text(text)
        os.utime(tmp_path / "new.txt", (1e9, 1e9))
        (tmp_path / "new.txt").replace(tmp_path / "m.txt")
        bounds.append(Region(moc=str(tmp_path / "m.txt"))._coverage().bounds.tolist())
    assert bounds[0] != bounds[1]


def test_a_map_that_is_gone_is_said():
    with pytest.raises(JobError, match=r"nowhere/m\.txt"):
        Region(moc="/nowhere/m.txt")._coverage()
