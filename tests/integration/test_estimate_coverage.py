"""The promise of estimates: of 200 random jobs over 100,000 alerts, the truth lies in the interval in nine of ten."""

import json
import time
from datetime import date, timedelta

import numpy as np
import pytest

from alertferry.core.settings import load_settings
from alertferry.estimates.answer import Answerer
from alertferry.testing.simulator import simulate
from tests.random_jobs import JobMaker

pytestmark = [pytest.mark.spark, pytest.mark.soak]

NIGHTS = [date(2026, 2, 1) + timedelta(days=day) for day in range(10)]
JOBS = 200


@pytest.mark.timeout(5400)
def test_the_truth_lies_in_the_interval(spark, tmp_path, record_property):
    makers, random = [], np.random.default_rng(20260201)
    for survey in ("lsst", "ztf"):
        lake = tmp_path / survey
        simulate(survey, lake, NIGHTS, 10_000, seed=11, cutouts=False, history=False)
        makers.append(JobMaker(survey, lake, tuple(map(str, NIGHTS)), tmp_path, random))
    settings = load_settings().model_copy(update={"home": tmp_path / "home", "sample_alerts": 2000})
    sampling, counting = Answerer(spark, exact_alerts=0), Answerer(spark, exact_alerts=10**9)
    hits, sharp, seconds, shown = [], [], [], []
    for number in range(JOBS):
        job = makers[number % 2].job()
        found = sampling.estimate(job, settings, lambda _: None)
        if number % 5 == 0:
            started = time.monotonic()
            sampling.preview(job, settings, 10, lambda _: None)
            shown.append(time.monotonic() - started)
        truth = counting._view(job, settings, lambda _: None).counting().passing
        hits.append(found.low <= truth <= found.high)
        sharp.append(found.low < found.high)
        seconds.append(found.seconds)
        print(number, hits[-1], (found.low, truth, found.high), found.seconds, flush=True)
    measured = {
        "inside": sum(hits) / JOBS,
        "uncertain": sum(sharp),
        "inside_of_uncertain": sum(hit for hit, open_ in zip(hits, sharp, strict=True) if open_) / max(1, sum(sharp)),
        "estimate_seconds": [round(float(value), 2) for value in np.quantile(seconds[20:], (0.5, 0.95))],
        "preview_seconds": [round(float(value), 2) for value in np.quantile(shown[4:], (0.5, 0.95))],
    }
    record_property("estimates", json.dumps(measured))
    print(measured)
    assert measured["inside"] >= 0.9, measured
    assert measured["inside_of_uncertain"] >= 0.9, measured
