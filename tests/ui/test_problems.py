"""Every problem of a request is shown at the step where it can be corrected."""

import pytest

from alertferry.core.check import check_job
from alertferry.core.errors import Problem
from alertferry.core.registry import default_registry
from alertferry.core.settings import Settings
from alertferry.ui.draft import Draft, new_draft, with_nights
from alertferry.ui.problems import STEPS, in_words, of_step, place, problems_of
from alertferry.ui.text import catalogue_text


def check(job):
    return check_job(job, default_registry(), Settings())


BAD = Draft(
    {"kind": "lsst", "nights": ["2026-13-01", "x"]},
    {"kind": "kafka", "packet": "full", "fields": ["diaSource.ra"]},
    (
        {"kind": "sql", "where": []},
        {"kind": "region", "cone": {"ra": 500, "dec": 2, "radius_deg": -1}},
        {"kind": "crossmatch", "catalog": "x.csv"},
        {"kind": "nonsense"},
    ),
    name="a/b",
)


def test_nothing_is_lost_and_everything_has_a_place():
    found = problems_of(BAD, check)
    assert {item.step for item in found} == set(STEPS)
    kinds = [item.kind for item in of_step(found, "filters")]
    assert kinds == ["sql", "region", "region", "region", "crossmatch", "nonsense"] or set(kinds) == {
        "sql",
        "region",
        "crossmatch",
        "nonsense",
    }
    assert of_step(found, "review")[0].problem.path == "name"


@pytest.mark.parametrize(
    ("path", "step", "kind"),
    [
        ("source", "nights", ""),
        ("source.nights[1]", "nights", ""),
        ("filters[1].cone.ra", "filters", "region"),
        ("filters[9]", "filters", ""),
        ("filters", "filters", ""),
        ("output.fields[3]", "content", ""),
        ("name", "review", ""),
        ("", "review", ""),
    ],
)
def test_a_path_leads_to_a_step(path, step, kind):
    found = place(Problem(path, "m"), BAD)
    assert (found.step, found.kind) == (step, kind)


def test_problems_are_told_without_positions_in_a_file():
    found = place(Problem("filters[1].cone.ra", "must be <= 360"), BAD)
    assert found.text == "RA of the centre: must be <= 360"
    assert place(Problem("source.nights[0]", "is no date"), BAD).text == "night 1: is no date"


def test_a_request_in_order_has_none():
    assert problems_of(with_nights(new_draft("lsst", "full"), ["2026-03-01"]), check) == ()


def test_unknown_fields_are_found_without_a_lake():
    draft = Draft(
        {"kind": "lsst", "nights": ["2026-03-01"]},
        {"kind": "kafka", "fields": ["diaSource.raa"]},
        ({"kind": "sql", "where": ["diaSource.snrr > 1"]},),
    )
    filters, content = problems_of(draft, check)
    assert (filters.step, filters.kind) == ("filters", "sql")
    assert "diaSource.snr" in filters.text
    assert (content.step, "diaSource.ra" in content.text) == ("content", True)


def test_nights_that_were_not_chosen_are_told_without_the_words_of_a_file():
    found = problems_of(Draft({"kind": "lsst", "nights": []}, {"kind": "kafka", "packet": "full"}), check)
    assert [item.said for item in found] == ["Nights: choose at least one"]


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("filters[0].where[1]", "Conditions, condition 2: wrong"),
        ("filters[1].cone.radius_deg", "Region, Radius: wrong"),
        ("filters[2].catalog", "Catalogue: wrong"),
        ("filters[3]", "Nonsense: wrong"),
        ("filters[9].of[0].all_of[2]", "Filters, of[0].all_of[2]: wrong"),
        ("source.nights[2]", "Nights, night 3: wrong"),
        ("output.fields[0]", "Content, field 1: wrong"),
        ("name", "Name: wrong"),
        ("", "wrong"),
    ],
)
def test_the_place_of_a_problem_is_told_in_the_words_of_the_page(path, words):
    assert in_words(Problem(path, "wrong"), BAD) == words


def test_a_problem_within_groups_belongs_to_the_filter_at_fault():
    inner = {"kind": "tags", "any_of": ["nonsense"]}
    group = {"kind": "not", "of": [{"kind": "sql", "where": ["diaSource.snr > 1"]}, {"kind": "any", "of": [inner]}]}
    draft = Draft({"kind": "lsst", "nights": ["2026-03-01"]}, {"kind": "kafka", "packet": "full"}, (group,))
    (found,) = problems_of(draft, check)
    assert (found.kind, found.at, found.option) == ("tags", (0, 1, 0), "any_of[0]")
    assert found.text.startswith("no tag 'nonsense'")


@pytest.mark.parametrize(
    ("message", "said"),
    [
        ("say which is right with ra_unit: hour", "say which is right with “Unit of RA alone: hour”"),
        (
            "leave them out with on_bad_rows: drop",
            "leave them out with “Rows that cannot be used: leave them out, and count them”",
        ),
        ("format: is FITS, not CSV; leave format: out", "“Format” is FITS, not CSV; leave “Format” out"),
        ("'unit: hour' in column 'ra: x'", "'unit: hour' in column 'ra: x'"),
    ],
)
def test_what_is_wrong_with_a_catalogue_is_told_in_the_words_of_the_page(message, said):
    assert catalogue_text(message) == said
