"""Regions: the same positions as computed independently, at the poles, across right ascension 0, on the edges."""

import re

import healpy
import numpy as np
import pyarrow as pa
import pytest
from astropy import units as u
from astropy.coordinates import Latitude, Longitude
from astropy.table import Table
from mocpy import MOC
from pyspark.sql import functions as F

from alertferry.catalogs.healpix import NO_CELL, with_cell
from alertferry.core.run import Run
from alertferry.core.steps import Alerts
from alertferry.plugins.filters.combine import AnyOf, NoneOf
from alertferry.plugins.filters.region import Region
from alertferry.plugins.filters.sql import Sql
from alertferry.plugins.sources.lsst import Lsst
from tests.crossmatching import separations_arcsec

pytestmark = pytest.mark.spark

POLYGONS = {
    "plain": [(120, -10), (180, -20), (230, 40), (150, 50)],
    "around the pole": [(0, 80), (90, 75), (180, 82), (270, 79)],
    "across 0": [(350, -5), (10, -5), (5, 12), (355, 9)],
    "hollow": [(40, 0), (60, 0), (60, 20), (50, 4), (40, 20)],
    "tiny": [(200.0, 45.0), (200.001, 45.0), (200.0005, 45.0007)],
}


MIDDLES = {"around the pole": (0, 90), "across 0": (0, 0), "hollow": (42, 5)}


def positions(seed=3):
    """Return positions in degrees: everywhere, at poles, meridians, edges and corners of what is tested."""
    rng = np.random.default_rng(seed)
    ra = [rng.uniform(0, 360, 1500), rng.normal(0, 8, 200) % 360, rng.uniform(0, 360, 200), rng.normal(200, 1e-3, 200)]
    dec = [np.degrees(np.arcsin(rng.uniform(-1, 1, 1500))), rng.normal(2, 8, 200)]
    dec += [90 - np.abs(rng.normal(0, 8, 200)), rng.normal(45, 1e-3, 200)]
    special = [
        (0, 0),
        (360, 0),
        (0, 90),
        (77, 90),
        (5, -90),
        (350, -5),
        (10, 12),
        (359.9999999999, 45),
        (-10, 3),
        (370, 3),
    ]
    nasty = [(np.nan, 1), (1, np.nan), (np.inf, 0), (5, 90.5), (5, -91), (1e12, 3)]
    extra = np.array(special + nasty, float).T
    return np.concatenate([*ra, extra[0]]), np.concatenate([*dec, extra[1]])


@pytest.fixture(scope="module")
def sky(spark):
    ra, dec = positions()
    table = pa.table({"number": np.arange(len(ra)), "ra": ra, "dec": dec})
    nulls = spark.sql("select bigint(-1) number, double(null) ra, 1d dec union all select -2, 1d, null")
    frame = spark.createDataFrame(table).union(nulls).cache()
    narrow = frame.select("number", F.struct("ra", "dec").alias("diaSource"))
    return ra, dec, Alerts(narrow, Lsst.survey)


def inside(sky, region):
    """Return the numbers of the positions a region keeps, in three ways that must agree."""
    alerts = sky[2]
    found = {row.number for row in region.apply(alerts).frame.collect()}
    assert found == {row.number for row in alerts.frame.where(region.bound(alerts)).collect()}
    without = {row.number for row in NoneOf(of=[region]).apply(alerts).frame.collect()}
    everything = set(range(-2, len(sky[0])))
    assert found | without == everything
    assert not found & without
    return found


def usable(ra, dec):
    return np.isfinite(ra) & (np.abs(dec) <= 90) & (np.abs(ra) < 1e9)


@pytest.mark.parametrize("nested", [False, True])
@pytest.mark.parametrize("order", [0, 3, 12, 18, 29])
def test_cells_are_those_of_healpy(sky, order, nested):
    ra, dec, alerts = sky
    frame = with_cell(alerts.frame.select("number", "diaSource.*"), "ra", "dec", 2**order, nested=nested)
    cells = {row.number: row.cell for row in frame.select("number", "cell").collect()}
    assert cells[-1] == cells[-2] == NO_CELL
    good = np.flatnonzero(usable(ra, dec))
    expected = healpy.ang2pix(2**order, ra[good], dec[good], lonlat=True, nest=nested)
    assert {number: cells[number] for number in good} == dict(zip(good, expected, strict=True))
    assert {cells[number] for number in np.flatnonzero(~usable(ra, dec))} == {NO_CELL}


@pytest.mark.parametrize(
    ("ra", "dec", "radius_deg"),
    [
        (150.1, 2.2, 1.5),
        (0.001, 3, 12),
        (359, -1, 10),
        (10, 90, 5),
        (200, -89, 30),
        (200, 45, 0.001),
        (30, 0, 120),
        (0, 0, 180),
    ],
)
def test_cone(sky, ra, dec, radius_deg):
    apart = separations_arcsec(sky[0], sky[1], [ra], [dec])[:, 0] / 3600 - radius_deg
    found = inside(sky, Region(cone={"ra": ra, "dec": dec, "radius_deg": radius_deg}))
    good = usable(sky[0], sky[1])
    assert set(np.flatnonzero(good & (apart < -1e-12))) <= found <= set(np.flatnonzero(good & (apart < 1e-12)))


@pytest.mark.parametrize(
    ("ra", "dec"), [((350, 10), (-5, 5)), ((10, 350), (-90, 90)), ((0, 360), (60, 90)), ((-10, 10), (-5, 12))]
)
def test_box(sky, ra, dec):
    lon, lat = sky[0] % 360, sky[1]
    west, east = ra[0] % 360, ra[1] % 360 if ra[1] < 360 else 360
    between = (lon >= west) & (lon <= east) if west <= east else (lon >= west) | (lon <= east)
    expected = usable(*sky[:2]) & (between | (np.abs(lat) == 90)) & (lat >= dec[0]) & (lat <= dec[1])
    assert inside(sky, Region(box={"ra": ra, "dec": dec})) == set(np.flatnonzero(expected))


def winding(ra, dec, corners):
    """Return how far around each position the corners go, in turns: 1 or -1 inside, 0 outside."""

    def vectors(lon, lat):
        lon, lat = np.radians(lon), np.radians(lat)
        return np.stack([np.cos(lat) * np.cos(lon), np.cos(lat) * np.sin(lon), np.sin(lat)], axis=-1)

    point, corner = vectors(ra, dec)[:, None], vectors(*np.array(corners, float).T)[None]
    towards = corner - point * (point * corner).sum(-1, keepdims=True)
    following = np.roll(towards, -1, axis=1)
    turn = np.arctan2((np.cross(towards, following) * point).sum(-1), (towards * following).sum(-1))
    return np.round(turn.sum(1) / (2 * np.pi)), (point * corner).sum(-1).max(1)  # and the cosine of the nearest corner


@pytest.mark.parametrize("name", POLYGONS)
def test_polygon(sky, name):
    corners = POLYGONS[name]
    good = usable(*sky[:2])
    turns, nearest = winding(np.where(good, sky[0], 0), np.where(good, sky[1], 0), corners)
    middle = MIDDLES.get(name, tuple(np.mean(corners, axis=0)))
    around, _ = winding(*map(np.atleast_1d, middle), corners)
    expected = good & (turns == around)  # opposite the polygon, corners go around the other way
    corner = set(np.flatnonzero(nearest > 1 - 1e-12))
    found = inside(sky, Region(polygon=corners))
    assert found - corner == set(np.flatnonzero(expected)) - corner
    assert found


@pytest.fixture(scope="module")
def moc():
    return MOC.from_polygon_skycoord(_corners(POLYGONS["plain"]), max_depth=8).union(
        MOC.from_cone(Longitude(0.1 * u.deg), Latitude(-3 * u.deg), radius=4 * u.deg, max_depth=10)
    )


def _corners(corners):
    from astropy.coordinates import SkyCoord

    return SkyCoord(*np.array(corners, float).T * u.deg)


def test_moc_in_every_form(sky, moc, tmp_path):
    good = np.flatnonzero(usable(*sky[:2]))
    kept = moc.contains_lonlat(sky[0][good] % 360 * u.deg, sky[1][good] * u.deg)
    expected = set(good[kept])
    moc.save(str(tmp_path / "a.fits"), format="fits")
    moc.save(str(tmp_path / "a.json"), format="json")
    moc.save(str(tmp_path / "a.txt"), format="ascii")
    found = [inside(sky, Region(moc=str(tmp_path / name))) for name in ("a.fits", "a.json")]
    found += [
        {row.number for row in Region(moc=text).apply(sky[2]).frame.collect()}
        for text in (str(tmp_path / "a.txt"), moc.to_string())
    ]
    assert len(expected) > 50
    assert all(item == expected for item in found)


def sky_map(order=4, seed=5):
    """Return a probability map: two spots and a little everywhere; and its cells by falling probability."""
    nside = 2**order
    vectors = np.array(healpy.pix2vec(nside, np.arange(12 * nside**2), nest=True)).T
    rng = np.random.default_rng(seed)
    spots = np.array([healpy.ang2vec(15, 10, lonlat=True), healpy.ang2vec(200, 45, lonlat=True)])
    density = np.exp(40 * (vectors @ spots.T - 1)).sum(1) + 1e-4 * rng.random(len(vectors))
    return density / density.sum()


@pytest.mark.parametrize("form", ["nested", "ring", "multi-order"])
def test_sky_map(sky, tmp_path, form):
    order, level = 4, 0.8
    probability = sky_map(order)
    falling = np.argsort(-probability)
    needed = np.searchsorted(np.cumsum(probability[falling]), level) + 1
    cells = set(falling[:needed])
    good = np.flatnonzero(usable(*sky[:2]))
    own = healpy.ang2pix(2**order, sky[0][good], sky[1][good], lonlat=True, nest=True)
    expected = {number for number, cell in zip(good, own, strict=True) if cell in cells}
    path = tmp_path / "map.fits"
    if form == "multi-order":
        area = healpy.nside2pixarea(2**order)
        table = Table({"UNIQ": 4 * 4**order + np.arange(len(probability)), "PROBDENSITY": probability / area})
        table.meta["ORDERING"], table.meta["COORDSYS"] = "NUNIQ", "C"
        table.write(path)
    else:
        values = probability if form == "nested" else healpy.reorder(probability, n2r=True)
        healpy.write_map(str(path), values, nest=form == "nested", coord="C", column_names=["PROB"], dtype=np.float64)
    found = {row.number for row in Region(skymap=str(path), credible_level=level).apply(sky[2]).frame.collect()}
    assert found == expected
    assert len(found) > 20


def test_regions_in_combinations(sky):
    """What takes several steps is computed once for all members, and members that are plain stay plain."""
    polygon, cone = Region(polygon=POLYGONS["plain"]), Region(cone={"ra": 15, "dec": 10, "radius_deg": 20})
    either = {row.number for row in AnyOf(of=[polygon, cone]).apply(sky[2]).frame.collect()}
    assert either == inside(sky, polygon) | inside(sky, cone)


def test_cheap_conditions_run_first_wherever_they_stand(spark, lakes):
    run = Run(spark)
    alerts = run.read(Lsst(nights=["2026-03-01"], lake=str(lakes["lsst"])))
    before = alerts.frame
    steps = [Region(polygon=[(0, -80), (90, -80), (200, 20), (320, 30)]), Sql(where=["diaSource.snr > 6"])]
    for step in steps:
        alerts = run.filter(alerts, step)
    plan = alerts.frame.select("diaSourceId")._jdf.queryExecution().executedPlan().toString()
    assert "GreaterThan(diaSource.snr,6.0)" in re.search(r"PushedFilters: \[(.*?)\]", plan)[1]
    assert not re.search(r"Python|Arrow|Pandas", plan)
    assert not [name for name in alerts.frame.columns if name.startswith("__")]
    selected = alerts.frame.count()
    one = steps[0].apply(Alerts(before, Lsst.survey)).frame
    assert [(step.name, step.alerts) for step in run.selection.funnel(selected)] == [
        ("lsst", before.count()),
        ("region", one.count()),
        ("sql", one.where("diaSource.snr > 6").count()),
    ]


def test_a_cone_reaches_the_parquet_reader(spark, lakes):
    alerts = Lsst(nights=["2026-03-01"], lake=str(lakes["lsst"])).load(spark, Run(spark).settings)
    found = Region(cone={"ra": 10, "dec": -20, "radius_deg": 5}).apply(alerts).frame
    plan = found.select("diaSourceId")._jdf.queryExecution().executedPlan().toString()
    assert "GreaterThanOrEqual(diaSource.dec,-25.0" in plan
