"""Crossmatch against all pairs computed one by one, at every awkward place of the sky."""

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from alertferry.catalogs.cell_table import cell_table
from alertferry.catalogs.counterparts import HITS, Position, matches, with_hits, without_hits
from tests.crossmatching import Scene, brute_force, catalog, scene

pytestmark = pytest.mark.spark

POSITION = Position("ra", "dec")
RADII_ARCSEC = st.floats(-1, np.log10(3600)).map(lambda exponent: float(10**exponent))
KINDS = st.sampled_from(["north", "south", "meridian", "cells", "anywhere"])
SIZES = st.sampled_from([0, 1, 2, 3, 12, 40])


def alerts(spark, found: Scene, parts=1):
    table = pa.table(
        {"number": np.arange(len(found.alert_ra)), "ra": found.alert_ra, "dec": found.alert_dec, "wide": found.alert_ra}
    )
    frame = spark.createDataFrame(table)
    return frame.repartition(parts) if parts > 1 else frame


def match(frame, table, keep):
    """Return alert numbers with their counterparts, as (row of the source, separation, rank)."""
    if keep == "none":
        return {row.number: [] for row in without_hits(frame, POSITION, table).select("number").collect()}
    found = with_hits(frame, POSITION, table, keep).withColumn("xmatch", matches(["n"], keep)).drop(HITS)
    assert found.columns == [*frame.columns, "xmatch"]
    rows = found.select("number", "xmatch").collect()
    assert len({row.number for row in rows}) == len(rows)
    listed = {row.number: row.xmatch if keep == "all" else [row.xmatch] for row in rows}
    return {number: [(hit.n, hit.separation_arcsec, hit.rank) for hit in hits] for number, hits in listed.items()}


def check(found: Scene, result, keep):
    certain, possible, apart = brute_force(found)
    for number, (sure, perhaps) in enumerate(zip(certain, possible, strict=True)):
        hits = result.get(number, [])
        if keep == "none":
            assert number in result if not perhaps else True
            assert number not in result if sure else True
            continue
        rows = {row for row, _, _ in hits}
        assert rows <= perhaps
        assert sure <= rows if keep == "all" else bool(sure) <= bool(rows)
        assert [rank for _, _, rank in hits] == list(range(1, len(hits) + 1))
        for row, separation, _ in hits:
            assert abs(separation - float(apart[number, row])) < 1e-6
        assert [row for _, _, row in sorted((s, r, r) for r, s, _ in hits)] == [row for row, _, _ in hits]
        if keep == "nearest" and hits:
            assert len(hits) == 1
            assert hits[0][1] <= float(apart[number, list(sure)].min() if sure else 4000) + 1e-6


CASES = {
    "seed": st.integers(0, 2**32 - 1),
    "kind": KINDS,
    "sources": SIZES,
    "radius": RADII_ARCSEC,
    "own_radii": st.booleans(),
    "keep": st.sampled_from(["all", "nearest", "none"]),
}
QUIETLY = {"deadline": None, "suppress_health_check": [HealthCheck.function_scoped_fixture]}


def check_case(spark, seed, kind, sources, radius, own_radii, keep):
    found = scene(seed, kind, sources, radius, own_radii=own_radii)
    table = cell_table(catalog(found.ra, found.dec, found.radius), None if own_radii else radius, None)
    check(found, match(alerts(spark, found), table, keep), keep)


@settings(max_examples=12, **QUIETLY)
@given(**CASES)
def test_it_equals_brute_force(spark, seed, kind, sources, radius, own_radii, keep):
    check_case(spark, seed, kind, sources, radius, own_radii, keep)


@pytest.mark.soak
@pytest.mark.timeout(3600)
@settings(max_examples=400, **QUIETLY)
@given(**CASES)
def test_it_equals_brute_force_again_and_again(spark, seed, kind, sources, radius, own_radii, keep):
    check_case(spark, seed, kind, sources, radius, own_radii, keep)
