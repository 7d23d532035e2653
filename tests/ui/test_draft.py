"""The wizard's choices and the job file are the same thing: exactly, both ways."""

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alertferry.core.job import Job
from alertferry.core.registry import default_registry
from alertferry.ui.draft import (
    CHOICES,
    Draft,
    chosen_nights,
    first_of,
    moved,
    new_draft,
    parse_nights,
    step_at,
    tag_choices,
    toggled_nights,
    walk,
    with_fields,
    with_filter,
    with_limit,
    with_name,
    with_nights,
    with_packet,
    with_step,
    with_survey,
    with_tag,
)
from alertferry.ui.problems import problems_of

RICH = """\
version: 1
name: everything at once
source: {kind: lsst, nights: [2026-03-01, 2026-03-04..2026-03-06], lake: /data/lake}
filters:
- {kind: tags, all_of: [is_solar_system], any_of: [in_tns, bright], none_of: [young]}
- {kind: sql, where: ["diaSource.psfFlux > 1; diaSource.snr > 5", "a\\n> b"]}
- {kind: any, of: [{kind: sql, where: [month = 1]}, {kind: tags, all_of: [in_tns]}]}
- {kind: sql, where: [day = 2]}
- {kind: region, cone: {ra: 150.1, dec: 2.2, radius_deg: 1.5}}
limit: 500
output: {kind: kafka, fields: [diaSource.ra, prvDiaSources], partitions: 3}
"""


def draft(**source) -> Draft:
    return with_nights(new_draft("lsst", "light-static"), ["2026-03-01"])


def test_a_job_file_comes_back_byte_by_byte():
    job = Job.from_yaml(RICH)
    assert Draft.of(job).to_job() == job
    assert Draft.of(job).to_job().to_yaml() == job.to_yaml()


@pytest.mark.parametrize("kind", sorted(default_registry().steps["filter"]))
def test_every_filter_there_is_comes_back_as_it_was(kind):
    for example in default_registry().get("filter", kind).examples():
        job = Job.from_dict(
            {
                "source": {"kind": "ztf", "nights": ["2026-03-01"]},
                "filters": [example.to_dict()],
                "output": {"kind": "kafka", "packet": "full"},
            }
        )
        assert Draft.of(job).to_job() == job


def test_changing_one_thing_leaves_the_rest_alone():
    before = Draft.of(Job.from_yaml(RICH))
    after = with_tag(before, "tags", "young", "any")
    assert after.filters[0] == {"kind": "tags", "all_of": ["is_solar_system"], "any_of": ["in_tns", "bright"]}
    assert after.filters[1:] == before.filters[1:]
    assert (after.source, after.output, after.name) == (before.source, before.output, before.name)


def test_filters_within_groups_have_places_and_can_be_changed_there():
    before = Draft.of(Job.from_yaml(RICH))
    assert [(place, step["kind"]) for place, step in walk(before.filters)] == [
        ((0,), "tags"),
        ((1,), "sql"),
        ((2,), "any"),
        ((2, 0), "sql"),
        ((2, 1), "tags"),
        ((3,), "sql"),
        ((4,), "region"),
    ]
    after = with_step(before, (2, 0))
    assert step_at(after, (2, 0)) == {"kind": "tags", "all_of": ["in_tns"]}
    assert [step["kind"] for step in with_step(before, (2,)).filters] == ["tags", "sql", "sql", "region"]
    assert step_at(before, (2, 2)) is step_at(before, (9,)) is step_at(before, (0, 0)) is step_at(before, ()) is None


@given(st.lists(st.tuples(st.integers(0, 30), st.booleans()), max_size=25))
def test_moving_filters_loses_none_and_goes_back(moves):
    def takes(group, step):
        return group["kind"] == "any"

    found = Draft.of(Job.from_yaml(RICH))
    kinds = sorted(str({**step, "of": ""}) for _, step in walk(found.filters))
    for number, up in moves:
        places = [place for place, _ in walk(found.filters)]
        place = places[number % len(places)]
        after, goes = moved(found, place, up, takes)
        assert step_at(after, goes) == step_at(found, place)
        back, where = moved(after, goes, not up, takes)
        assert (back.filters, where) == (found.filters, place) or goes == place
        found = after
    assert sorted(str({**step, "of": ""}) for _, step in walk(found.filters)) == kinds


def test_four_choices_and_back_to_none():
    one = draft()
    for choice, option in (("with", "all_of"), ("one of", "any_of"), ("without", "none_of")):
        one = with_tag(one, "tags", "in_tns", choice)
        assert first_of(one, "tags") == {"kind": "tags", option: ["in_tns"]}
        assert tag_choices(one, "tags") == {"in_tns": choice}
    assert with_tag(one, "tags", "in_tns", "any").filters == ()


@given(st.lists(st.tuples(st.sampled_from("abcdef"), st.sampled_from(CHOICES)), max_size=30))
def test_what_was_chosen_last_is_what_stands(picks):
    found, wanted = draft(), {}
    for name, choice in picks:
        found = with_tag(found, "blocks", name, choice)
        wanted[name] = choice
    assert tag_choices(found, "blocks") == {name: choice for name, choice in wanted.items() if choice != "any"}


def test_new_filters_stand_where_they_cost_least():
    found = draft()
    for kind, options in (("crossmatch", {"catalog": "x.csv"}), ("sql", {"where": ["a"]}), ("region", {"moc": "1/1"})):
        found = with_filter(found, kind, options)
    found = with_tag(found, "tags", "in_tns", "with")
    assert [step["kind"] for step in found.filters] == ["region", "tags", "sql", "crossmatch"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-03-01", ("2026-03-01",)),
        (" 2026-03-01..2026-03-04,2026-04-01 ", ("2026-03-01..2026-03-04", "2026-04-01")),
        ("2026-03-01 to 2026-03-04; 2026-04-01", ("2026-03-01..2026-03-04", "2026-04-01")),
        ("", ()),
    ],
)
def test_nights_as_people_write_them(text, expected):
    assert parse_nights(text) == expected


def test_nights_are_added_and_taken_away_one_by_one():
    found = with_nights(draft(), ["2026-03-01..2026-03-05"])
    found = toggled_nights(found, [date(2026, 3, 3)], False)
    assert found.nights == ("2026-03-01..2026-03-02", "2026-03-04..2026-03-05")
    found = toggled_nights(found, [date(2026, 3, 3), date(2026, 3, 9)], True)
    assert found.nights == ("2026-03-01..2026-03-05", "2026-03-09")


def test_a_night_that_is_none_is_no_crash():
    assert chosen_nights(with_nights(draft(), ["yesterday", "2026-03-01"])) == (date(2026, 3, 1),)


@pytest.mark.parametrize(
    ("typed", "held"), [("10", 10), (" 7 ", 7), ("", None), ("0", 0), ("ten", "ten"), ("1e3", "1e3"), ("٣", "٣")]
)
def test_a_limit_is_a_number_or_what_was_typed(typed, held):
    assert with_limit(draft(), typed).limit == held
    assert with_survey(with_limit(draft(), typed), "ztf", "light").limit == held
    problems = problems_of(with_limit(draft(), typed), lambda job: getattr(job, "problems", ()))
    assert [(item.step, item.problem.path) for item in problems] == ([("content", "limit")] if held in UNFIT else [])


UNFIT = (0, "ten", "1e3", "٣")


def test_packet_or_fields_never_both():
    fields = with_fields(draft(), ["diaSource.ra"])
    assert fields.output == {"kind": "kafka", "fields": ["diaSource.ra"]}
    assert with_packet(fields, "full").output == {"kind": "kafka", "packet": "full"}


def test_another_survey_keeps_the_sky_and_the_catalogue_only():
    one = with_filter(with_tag(draft(), "tags", "in_tns", "with"), "region", {"moc": "1/1"})
    two = with_survey(with_name(one, " mine "), "ztf", "light")
    assert (two.survey, two.name, two.nights) == ("ztf", "mine", ())
    assert [step["kind"] for step in two.filters] == ["region"]
    assert two.output == {"kind": "kafka", "packet": "light"}


@pytest.mark.parametrize(
    "nights",
    [
        ["0001-01-01..9999-12-31"],
        [f"{year}-01-01..{year + 100}-12-31" for year in range(1000, 9000)],
        ["2026-02-30", "x", "..", "2026-01-02..2026-01-01"],
    ],
)
def test_nights_that_no_job_may_have_are_none(nights):
    assert chosen_nights(with_nights(new_draft("lsst", "full"), nights)) == ()


def test_nights_that_are_well_formed_count_beside_others():
    draft = with_nights(new_draft("lsst", "full"), ["2026-01-01", "2026-02-30", "2026-01-01..2026-01-03"])
    assert [str(night) for night in chosen_nights(draft)] == ["2026-01-01", "2026-01-02", "2026-01-03"]


def test_a_night_is_added_beside_ranges_that_no_job_may_have():
    faulty = ["0001-01-01..9999-12-31", "2026-01-02..2026-01-01", "1900-01-01..1960-01-01", "2000-01-01..2060-01-01"]
    draft = toggled_nights(with_nights(new_draft("lsst", "full"), faulty), [date(2026, 3, 1)], True)
    assert draft.nights == ("1900-01-01..1960-01-01", "2026-03-01", *faulty[1::-1], faulty[3])
    assert date(2026, 3, 1) in chosen_nights(draft)
    draft = toggled_nights(draft, [date(2026, 3, 1)], False)
    assert draft.nights == ("1900-01-01..1960-01-01", *faulty[1::-1], faulty[3])
