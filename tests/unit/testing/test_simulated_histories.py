"""Simulated objects come back, and what later alerts tell of earlier ones is true."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pyarrow.compute as pc
import pytest

from alertferry.testing.simulator import SimulatedLake
from tests.simulated import ALERTS, Row, read, rows

# --- histories


def test_ztf_histories_agree_with_earlier_alerts(ztf: SimulatedLake) -> None:
    alerts = {
        row["candid"]: row for row in rows(ztf, "candid", "objectId", "candidate", "prv_candidates", "nalerthist")
    }
    told = 0
    for row in alerts.values():
        earlier = [item for item in row["prv_candidates"] or [] if item["candid"] is not None]
        assert row["nalerthist"] == len(earlier) + 1
        for item in earlier:
            first = alerts.get(item["candid"])
            if first:
                told += 1
                assert first["objectId"] == row["objectId"]
                for name in ("jd", "fid", "pid", "ra", "dec", "magpsf", "sigmapsf", "rb", "fwhm", "field", "magnr"):
                    assert item[name] == first["candidate"][name], name
    assert told > ALERTS / 2


def test_ztf_objects_come_back_with_growing_histories(ztf: SimulatedLake) -> None:
    by_object: dict[str, list[Row]] = {}
    for row in rows(ztf, "objectId", "candid", "candidate", "prv_candidates"):
        by_object.setdefault(row["objectId"], []).append(row)
    again = [sorted(seen, key=lambda row: row["candidate"]["jd"]) for seen in by_object.values() if len(seen) > 1]
    assert len(again) > ALERTS / 2
    for seen in again:
        for before, after in pairwise(seen):
            assert before["candid"] in [item["candid"] for item in after["prv_candidates"]]
            assert after["candidate"]["ndethist"] > before["candidate"]["ndethist"]
            assert after["candidate"]["jdstarthist"] == before["candidate"]["jdstarthist"]
            separation = 3600 * abs(after["candidate"]["dec"] - before["candidate"]["dec"])
            assert separation < 1.5


def test_ztf_upper_limits_have_only_the_image(ztf: SimulatedLake) -> None:
    table = read(ztf)
    history = pc.list_flatten(table["prv_candidates"]).combine_chunks()
    limits = history.filter(pc.struct_field(history, "candid").is_null())
    measured = {field.name for index, field in enumerate(history.type) if limits.field(index).null_count < len(limits)}
    assert measured == {
        *("jd", "fid", "pid", "diffmaglim", "pdiffimfilename", "programpi", "programid", "nid", "rcid", "field"),
        *("magzpsci", "magzpsciunc", "magzpscirms", "clrcoeff", "clrcounc", "rbversion"),
    }
    assert 0.2 < len(limits) / len(history) < 0.8
    lengths = [length for length in pc.list_value_length(table["prv_candidates"]).to_pylist() if length is not None]
    assert min(lengths) >= 1
    assert 10 <= np.median(lengths) <= 30
    newest = [
        row["prv_candidates"][-1]["jd"] < row["candidate"]["jd"] for row in table.to_pylist() if row["prv_candidates"]
    ]
    assert all(newest)


def test_lsst_histories_agree_with_earlier_alerts(lsst: SimulatedLake) -> None:
    columns = ("diaSourceId", "diaSource", "prvDiaSources", "prvDiaForcedSources", "diaObject", "pred", "misc")
    alerts = {row["diaSourceId"]: row for row in rows(lsst, *columns)}
    told = 0
    for row in alerts.values():
        if row["diaObject"] is None:
            continue
        earlier = row["prvDiaSources"] or []
        assert row["diaObject"]["nDiaSources"] == len(earlier) + 1
        assert row["pred"]["is_first"] == (not earlier)
        times = [item["midpointMjdTai"] for item in [*earlier, row["diaSource"]]]
        assert times == sorted(times)
        assert row["misc"]["firstDiaSourceMjdTaiFink"] == times[0]
        assert {item["diaObjectId"] for item in earlier} <= {row["diaObject"]["diaObjectId"]}
        assert all(item["midpointMjdTai"] < row["diaSource"]["midpointMjdTai"] for item in row["prvDiaForcedSources"])
        for item in earlier:
            if item["diaSourceId"] in alerts:
                told += 1
                first = alerts[item["diaSourceId"]]["diaSource"]
                # The history leaves null what the alert itself wrote as 0.
                assert (item.pop("ssObjectId"), first["ssObjectId"]) == (None, 0)
                assert item == {name: value for name, value in first.items() if name != "ssObjectId"}
    assert told > ALERTS / 2


def test_lsst_object_means_are_those_of_its_detections(lsst: SimulatedLake) -> None:
    checked = 0
    for row in rows(lsst, "diaSource", "prvDiaSources", "diaObject"):
        if row["diaObject"] is None:
            continue
        everything = [*(row["prvDiaSources"] or []), row["diaSource"]]
        for band in "ugrizy":
            flux = np.array([item["psfFlux"] for item in everything if item["band"] == band])
            error = np.array([item["psfFluxErr"] for item in everything if item["band"] == band])
            known = row["diaObject"]
            assert known[f"{band}_psfFluxNdata"] == len(flux)
            if not len(flux):
                assert known[f"{band}_psfFluxMean"] is None
                continue
            checked += 1
            mean = np.sum(flux / error**2) / np.sum(error**-2.0)
            assert known[f"{band}_psfFluxMean"] == pytest.approx(mean, rel=1e-4, abs=1.0)
            assert known[f"{band}_psfFluxMax"] == pytest.approx(flux.max(), rel=1e-5)
            assert (known[f"{band}_psfFluxSigma"] is None) == (len(flux) == 1)
    assert checked > ALERTS


def test_features_summarise_the_light_curve(lsst: SimulatedLake) -> None:
    for row in rows(lsst, "diaSource", "prvDiaSources", "lc_features")[:100]:
        curves: dict[str, list[float]] = {}
        for item in [*(row["prvDiaSources"] or []), row["diaSource"]]:
            curves.setdefault(item["band"], []).append(item["psfFlux"])
        features = dict(row["lc_features"])
        assert set(features) == set(curves)
        for band, flux in curves.items():
            assert features[band]["mean"] == pytest.approx(np.mean(flux), rel=1e-4, abs=0.5)
            assert features[band]["median"] == pytest.approx(np.median(flux), rel=1e-4, abs=0.5)
            assert np.isnan(features[band]["skew"]) == (len(flux) < 3)
