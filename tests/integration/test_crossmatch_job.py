"""Crossmatch in a job: what arrives, what the receipt says, and that neither files nor memory change it."""

import csv
import json
import re

import numpy as np
import pyarrow as pa
import pyarrow.dataset as ds
import pytest
from astropy import units as u
from astropy.coordinates import SkyCoord
from astropy.time import Time
from pyspark.sql import functions as F

from alertferry.catalogs.cell_table import cell_table
from alertferry.catalogs.counterparts import BROADCAST_CONF, HITS, Position, matches, with_hits, without_hits
from alertferry.core.errors import JobError
from alertferry.core.job import Job
from alertferry.core.settings import load_settings
from alertferry.plugins.filters.crossmatch import Crossmatch
from alertferry.plugins.sources.lsst import Lsst
from tests.crossmatching import catalog, offset, separations_arcsec
from tests.jobs import lake_rows, run_job

pytestmark = pytest.mark.spark

NIGHTS = "2026-03-01..2026-03-31"


@pytest.fixture
def lake(lakes):
    return lakes["lsst"]


@pytest.fixture
def truth(lake):
    """Return the alerts of the lake: id, ra, dec."""
    rows = [(row["diaSourceId"], row["diaSource"]["ra"], row["diaSource"]["dec"]) for row in lake_rows(lake)]
    return [np.array(column) for column in zip(*rows, strict=True)]


def write_csv(path, header, rows):
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([header, *rows])
    return str(path)


def job(lake, out, **options):
    step = {"kind": "crossmatch", "radius_arcsec": 2.0, "catalog": "", **options}
    fields = ["diaSourceId", "diaSource.ra", *([] if step.get("keep") == "none" else ["xmatch"])]
    return Job.from_dict(
        {
            "version": 1,
            "source": {"kind": "lsst", "nights": [NIGHTS], "lake": str(lake)},
            "filters": [{name: value for name, value in step.items() if value is not None}],
            "output": {"kind": "files", "path": str(out), "fields": fields},
        }
    )


@pytest.fixture
def sources(tmp_path, truth):
    """Write a catalogue: ten alerts' places a little off, some twice, two places far from all alerts."""
    _, ra, dec = truth
    near = offset(ra[:10], dec[:10], np.linspace(0.1, 1.9, 10), np.linspace(0, 300, 10))
    far = [(ra[0], 89.9999 if dec[0] < 0 else -89.9999), ((ra[0] + 180) % 360, -dec[0] * 0.3)]
    places = [*zip(*near, strict=True), *far, (near[0][0], near[1][0])]
    rows = [
        (f"{index:06d}", repr(float(lon)), repr(float(lat)), 20.5 + index, "")
        for index, (lon, lat) in enumerate(places)
    ]
    return write_csv(tmp_path / "mine.csv", ["Name", "RA", "DEC", "mag", "empty"], rows), places


def expected(truth, places, radius=2.0):
    apart = separations_arcsec(truth[1], truth[2], *np.array(places, float).T)
    return {
        int(alert): sorted((float(row[index]), index) for index in np.flatnonzero(row <= radius))
        for alert, row in zip(truth[0], apart, strict=True)
        if (row <= radius).any()
    }


def test_the_nearest_source_arrives_with_each_alert(spark, lake, truth, sources, tmp_path):
    path, places = sources
    report = run_job(spark, job(lake, tmp_path / "out", catalog=path, columns=["mag", "empty"]))
    rows = ds.dataset(tmp_path / "out", partitioning=None).to_table().to_pylist()
    wanted = expected(truth, places)
    assert {row["diaSourceId"] for row in rows} == set(wanted)
    assert len(rows) == len(wanted) == report.receipt.alerts
    for row in rows:
        separation, index = wanted[row["diaSourceId"]][0]
        assert row["xmatch"] == {
            "id": f"{index:06d}",
            "separation_arcsec": pytest.approx(separation, abs=1e-6),
            "rank": 1,
            "mag": 20.5 + index,
            "empty": None,
        }
    (said,) = report.receipt.crossmatch
    nearest = [hits[0][1] for hits in wanted.values()]
    counts = np.bincount(nearest, minlength=len(places))
    assert (said.name, said.sources, said.bad_rows) == ("mine.csv", len(places), 0)
    assert said.matched_sources == (counts > 0).sum()
    assert said.alerts_with_match == len(rows)
    assert said.alerts_per_source.max == counts.max()
    assert said.unmatched_observed + said.unmatched_never_observed == (counts == 0).sum()
    assert said.unmatched_never_observed == 2
    assert [step.name for step in report.receipt.steps] == ["lsst", "crossmatch"]


def test_all_sources_arrive_and_none_selects_the_rest(spark, lake, truth, sources, tmp_path):
    path, places = sources
    run_job(spark, job(lake, tmp_path / "all", catalog=path, keep="all"))
    rows = ds.dataset(tmp_path / "all", partitioning=None).to_table().to_pylist()
    wanted = expected(truth, places)
    assert {row["diaSourceId"]: [(hit["id"], hit["rank"]) for hit in row["xmatch"]] for row in rows} == {
        alert: [(f"{index:06d}", rank) for rank, (_, index) in enumerate(hits, 1)] for alert, hits in wanted.items()
    }
    report = run_job(spark, job(lake, tmp_path / "none", catalog=path, keep="none"))
    rest = ds.dataset(tmp_path / "none", partitioning=None).to_table(columns=["diaSourceId"]).column(0).to_pylist()
    assert sorted(rest) == sorted(set(map(int, truth[0])) - set(wanted))
    assert report.receipt.crossmatch[0].alerts_with_match == len(wanted)


def test_each_source_has_its_own_radius(spark, lake, truth, tmp_path):
    _, ra, dec = truth
    lon, lat = offset(ra[:6], dec[:6], np.full(6, 1.0), np.full(6, 10.0))
    rows = [(f"s{i}", lon[i], lat[i], 0.5 if i % 2 else 1.5) for i in range(6)]
    path = write_csv(tmp_path / "radii.csv", ["id", "ra", "dec", "r"], rows)
    run_job(spark, job(lake, tmp_path / "out", catalog=path, radius="r", radius_arcsec=None))
    found = ds.dataset(tmp_path / "out", partitioning=None).to_table().to_pylist()
    assert {row["xmatch"]["id"] for row in found} == {"s0", "s2", "s4"}


def many(spark, objects=500, times=30, parts=1):
    """Return alerts that see each of 500 objects thirty times, mixed, and the catalogue of the objects."""
    rng = np.random.default_rng(1)
    ra, dec = rng.uniform(0, 360, objects), np.degrees(np.arcsin(rng.uniform(-1, 1, objects)))
    chosen = rng.permutation(np.repeat(np.arange(objects), times))
    place = offset(ra[chosen], dec[chosen], rng.uniform(0, 0.5, len(chosen)), rng.uniform(0, 360, len(chosen)))
    table = pa.table({"number": np.arange(len(chosen)), "ra": place[0], "dec": place[1], "object": chosen})
    return spark.createDataFrame(table).repartition(parts), catalog(ra, dec)


@pytest.mark.parametrize(("parts", "batch"), [(1, 10_000), (7, 100)])
def test_every_alert_of_every_object_is_found(spark, parts, batch):
    """500 objects seen 30 times each: 15,000 matches, whatever the partitions and the size of batches."""
    spark.conf.set("spark.sql.execution.arrow.maxRecordsPerBatch", batch)
    frame, objects = many(spark, parts=parts)
    found = with_hits(frame, Position("ra", "dec"), cell_table(objects, 1.0, None), "nearest")
    right = found.withColumn("m", matches(["n"], "nearest")).where("m.n = object")
    assert (found.count(), right.count()) == (15_000, 15_000)
    spark.conf.unset("spark.sql.execution.arrow.maxRecordsPerBatch")


@pytest.mark.parametrize("keep", ["nearest", "all", "none"])
def test_a_catalogue_too_large_to_broadcast_finds_the_same(spark, keep):
    frame, objects = many(spark, objects=60, times=4)
    some = catalog(
        np.append(objects.ra_deg[:40], objects.ra_deg[0]), np.append(objects.dec_deg[:40], objects.dec_deg[0])
    )
    table = cell_table(some, 1.0, None)

    def result():
        if keep == "none":
            found = without_hits(frame, Position("ra", "dec"), table)
            return found, sorted(row.number for row in found.select("number").collect())
        found = with_hits(frame, Position("ra", "dec"), table, keep).withColumn("m", matches(["n"], keep)).drop(HITS)
        assert found.columns == [*frame.columns, "m"]
        return found, sorted((row.number, str(row.m)) for row in found.select("number", "m").collect())

    _, broadcast = result()
    spark.conf.set(BROADCAST_CONF, "1000")
    try:
        _, shuffled = result()
    finally:
        spark.conf.unset(BROADCAST_CONF)
    assert shuffled == broadcast
    assert len(broadcast) == (80 if keep == "none" else 160)


def test_moving_sources_are_followed_to_the_time_of_each_alert(spark):
    """Barnard's star moves 10 arcsec a year; the place is astropy's at the time of the alert."""
    star = SkyCoord(
        269.452 * u.deg, 4.693 * u.deg, pm_ra_cosdec=-802.8 * u.mas / u.yr, pm_dec=10362.5 * u.mas / u.yr,
        obstime=Time(2016.0, format="jyear"), distance=1000 * u.kpc,
    )  # fmt: skip
    years = np.array([2020.0, 2026.2, 2026.3, 2030.0])
    moved = star.apply_space_motion(new_obstime=Time(years, format="jyear"))
    table = pa.table({"number": np.arange(4), "ra": moved.ra.deg, "dec": moved.dec.deg, "year": years})
    one = catalog([269.452], [4.693], pm=([-802.8], [10362.5]), epoch=2016.0)
    position = Position("ra", "dec", F.col("year"))
    found = with_hits(spark.createDataFrame(table), position, cell_table(one, 0.5, (2019.0, 2031.0)), "nearest")
    hits = {row.number: row.m.separation_arcsec for row in found.withColumn("m", matches(["n"], "nearest")).collect()}
    assert set(hits) == {0, 1, 2, 3}
    assert max(hits.values()) < 2e-3  # astropy follows the star in space, with its parallax of 1 microarcsec
    still = with_hits(spark.createDataFrame(table), Position("ra", "dec"), cell_table(one, 0.5, None), "nearest")
    assert still.count() == 0


def test_proper_motion_in_a_job_needs_no_more_than_columns(spark, lake, truth, tmp_path):
    """A source that moved 40 arcsec since 2000 is found where it is in 2026."""
    _, ra, dec = truth
    rows = [("fast", ra[0], dec[0] - 26.2 * 1.5 / 3600, 0.0, 1500.0)]
    path = write_csv(tmp_path / "pm.csv", ["id", "ra", "dec", "mu_ra", "mu_dec"], rows)
    options = {"catalog": path, "radius_arcsec": 3.0}
    still = run_job(spark, job(lake, tmp_path / "still", **options))
    moving = run_job(spark, job(lake, tmp_path / "moving", **options, pmra="mu_ra", pmdec="mu_dec", epoch=2000.0))
    assert (still.receipt.alerts, moving.receipt.alerts > 0) == (0, True)


def test_the_plan_has_no_python_and_conditions_go_below_the_join(spark, lake, sources):
    path, _ = sources
    alerts = Lsst(nights=[NIGHTS], lake=str(lake)).load(spark, load_settings())
    found = Crossmatch(catalog=path, radius_arcsec=2.0).apply(alerts).frame.where("diaSource.snr > 6")
    plan = found.select("diaSourceId", "xmatch.id")._jdf.queryExecution().executedPlan().toString()
    assert "BroadcastHashJoin" in plan
    below = plan.partition("BroadcastHashJoin")[2]
    assert re.search(r"Filter .*diaSource\S*\.snr > 6\.0", below)
    assert not any(word in plan for word in ("Python", "ArrowEval", "Pandas"))
    assert "prvDiaSources" not in plan


def test_bad_rows_are_refused_or_left_out_and_counted(spark, lake, truth, tmp_path):
    _, ra, dec = truth
    path = write_csv(tmp_path / "bad.csv", ["id", "ra", "dec"], [("a", ra[0], dec[0]), ("b", 400, 91), ("c", "", 1)])
    with pytest.raises(JobError) as caught:
        run_job(spark, job(lake, tmp_path / "out", catalog=path))
    assert "row 2" in str(caught.value)
    assert "on_bad_rows: drop" in str(caught.value)
    report = run_job(spark, job(lake, tmp_path / "out", catalog=path, on_bad_rows="drop"))
    assert (report.receipt.crossmatch[0].sources, report.receipt.crossmatch[0].bad_rows) == (1, 2)
    assert json.loads(report.receipt.model_dump_json())["crossmatch"][0]["bad_rows"] == 2


def test_two_catalogues_in_one_job(spark, lake, truth, tmp_path, sources):
    path, _ = sources
    both = job(lake, tmp_path / "out", catalog=path)
    second = Crossmatch(catalog=path, radius_arcsec=2.0, name="again")
    both = both.model_copy(update={"filters": (*both.filters, second)})
    report = run_job(spark, both)
    assert [step.name for step in report.receipt.steps] == ["lsst", "crossmatch", "crossmatch-2"]
    assert len(report.receipt.crossmatch) == 2
    with pytest.raises(JobError, match="have a column 'xmatch' already"):
        run_job(spark, both.model_copy(update={"filters": (both.filters[0], both.filters[0])}))
