"""A job in a sentence: right over many jobs, and never in the language of files."""

import re
from itertools import combinations

import pytest

from alertferry.core.job import Job
from alertferry.core.registry import default_registry
from alertferry.estimates.results import Estimate
from alertferry.ui.draft import Draft
from alertferry.ui.sentence import sentence, title_of

LIGHT = {"kind": "kafka", "packet": "light-static"}
MARCH = {"kind": "lsst", "nights": ["2026-03-01"]}


def said(*filters, source=MARCH, output=LIGHT, estimate=None):
    return sentence(Draft(source, output, tuple(filters)), estimate)


def guess(alerts, exact=False, size=13_500_000):
    return Estimate.model_construct(alerts=alerts, exact=exact, bytes=size)


def test_a_request_as_a_colleague_would_write_it():
    nights = ["2026-03-01..2026-03-05", "2026-03-08", "2026-03-10..2026-03-13"]
    tags = {"kind": "tags", "all_of": ["is_new", "extragalactic_candidate"], "none_of": ["hostless_candidate"]}
    found = said(
        tags,
        {"kind": "sql", "where": ["diaSource.snr > 5"]},
        source={"kind": "lsst", "nights": nights},
        output={"kind": "kafka", "fields": [f"diaSource.f{index}" for index in range(12)]},
        estimate=guess(386),
    )
    assert found == (
        "10 nights, 1-13 March 2026; new and extragalactic, not hostless; S/N > 5; 12 fields; about 386 alerts, 13.5 MB"
    )


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ({"nights": ["2026-03-01"]}, "1 night, 1 March 2026"),
        ({"nights": "2026-03-01..2026-03-02"}, "2 nights, 1-2 March 2026"),
        ({"nights": ["2026-02-27..2026-03-02"]}, "4 nights, 27 February to 2 March 2026"),
        ({"nights": ["2025-12-31", "2026-01-01"]}, "2 nights, 31 December 2025 to 1 January 2026"),
        ({"nights": []}, "no nights yet"),
        ({"nights": ["soon", "2026-13-01"]}, "nights soon, 2026-13-01"),
        ({"nights": ["0001-01-01..9999-12-31"]}, "nights 0001-01-01..9999-12-31"),
        ({"times": ["2026-03-01T02:00..2026-03-01T04:30"]}, "1 March 2026 02:00 to 04:30 UTC"),
        ({"times": "2026-03-01T22:00..2026-03-02T04:30"}, "1 March 2026 22:00 to 2 March 2026 04:30 UTC"),
        ({"times": ["later"]}, "later"),
    ],
)
def test_nights(source, expected):
    assert said(source={"kind": "lsst", **source}, output={"kind": "kafka"}) == expected


@pytest.mark.parametrize(
    ("step", "expected"),
    [
        ({"kind": "tags", "any_of": ["in_tns", "in_simbad"]}, "in TNS or in SIMBAD"),
        ({"kind": "tags", "none_of": ["in_tns", "is_sso", "x"]}, "neither in TNS nor SSO nor x"),
        ({"kind": "blocks", "all_of": "b_good_quality", "none_of": ["b_is_new"]}, "good quality, not new"),
        ({"kind": "tags", "all_of": [f"t{index}" for index in range(9)]}, "t0, t1, t2, t3 and 5 more"),
        ({"kind": "sql", "where": "candidate.magpsf < 18; candidate.rb > 0.5"}, "magpsf < 18, rb > 0.5"),
        ({"kind": "sql", "where": ["target_name != ';' OR snr > 3"]}, "target_name != ';' OR S/N > 3"),
        (
            {
                "kind": "any",
                "of": [{"kind": "all", "of": [{"kind": "tags", "all_of": ["x"]}]}, {"kind": "class", "any_of": ["y"]}],
            },
            "either x or class y",
        ),
        ({"kind": "sql", "where": ["diaSource.band = 'diaSource.snr'"]}, "band = 'diaSource.snr'"),
        ({"kind": "sql", "where": ["a > 1", "b > 2", "c > 3", "d > 4"]}, "a > 1, b > 2, c > 3 and 1 more condition"),
        ({"kind": "sql", "where": ["x" * 90]}, "x" * 60 + "…"),
        ({"kind": "region", "cone": {"ra": 150.1, "dec": 2.2, "radius_deg": 1.5}}, "within 1.5° of RA 150.1, Dec +2.2"),
        ({"kind": "region", "cone": {"ra": "M31", "dec": -2, "radius_deg": 1}}, "within 1° of RA M31, Dec -2"),
        ({"kind": "region", "cone": {"ra": 1}}, "region"),
        ({"kind": "region", "box": {"ra": [350, 10], "dec": [-5, 5]}}, "RA 350 to 10, Dec -5 to 5"),
        ({"kind": "region", "polygon": [[0, 0], [1, 0], [1, 1]]}, "inside a polygon of 3 corners"),
        ({"kind": "region", "moc": "3/1-4 5/77"}, "inside a coverage map"),
        ({"kind": "region", "moc": "/data/des.fits"}, "inside des.fits"),
        ({"kind": "region", "skymap": "upload:ab"}, "inside the 90 % region of an uploaded file"),
        (
            {"kind": "crossmatch", "catalog": "a/blazars.csv", "radius_arcsec": 1.5},
            "matching blazars.csv within 1.5″",
        ),
        (
            {"kind": "crossmatch", "catalog": "b.csv", "radius": "err", "keep": "none"},
            "without a match in b.csv within each source's err",
        ),
        ({"kind": "class", "any_of": ["SN candidate", "Unknown"]}, "class SN candidate or Unknown"),
        (
            {"kind": "any", "of": [{"kind": "sql", "where": ["a > 1"]}, {"kind": "tags", "all_of": ["x", "y"]}]},
            "either (a > 1) or (x and y)",
        ),
        ({"kind": "not", "of": [{"kind": "tags", "all_of": ["x"]}]}, "not x"),
        ({"kind": "not", "of": 5}, "not"),
        ({"kind": "near_galaxies", "depth": 3}, "near galaxies"),
    ],
)
def test_each_filter(step, expected):
    assert said(step, output={"kind": "kafka"}) == f"1 night, 1 March 2026; {expected}"


def test_tags_and_blocks_are_told_together():
    found = said({"kind": "blocks", "all_of": ["b_is_new"]}, {"kind": "tags", "all_of": ["extragalactic_candidate"]})
    assert "; new and extragalactic; light-static packets" in found


@pytest.mark.parametrize(
    ("estimate", "expected"),
    [
        (guess(0, True), "no alerts"),
        (guess(1, True, 900), "1 alert, 900 B"),
        (guess(12_000), "about 12,000 alerts, 13.5 MB"),
    ],
)
def test_how_much(estimate, expected):
    assert said(estimate=estimate).endswith(f"; light-static packets; {expected}")


def test_many_jobs_are_told_in_words_and_different_ones_differently():
    registry = default_registry()
    steps = [
        example
        for found in registry.steps["filter"].values()
        if found.distribution == "alertferry"
        for example in found.step.examples()
    ]
    jobs = [
        Job.from_dict({"source": MARCH, "filters": [one.to_dict(), other.to_dict()], "output": LIGHT}, registry)
        for one, other in combinations(steps, 2)
        if {one.kind, other.kind} != {"crossmatch"}
    ]
    told = {job.to_yaml(): title_of(job.to_yaml()) for job in jobs}
    assert len(told) > 100
    for text in told.values():
        assert text.startswith("1 night, 1 March 2026; ")
        assert text.endswith("; light-static packets")
        assert not re.search(r"[{}\n]|kind|all_of|any_of|where|; ;|None", text), text
    plain = [text for job, text in told.items() if "region" not in job]
    assert len(set(plain)) > 0.9 * len(plain)


def test_what_is_no_job_of_ours_still_has_a_title():
    assert title_of("version: 99") == "a job that cannot be read"
    assert title_of("]") == "a job that cannot be read"
