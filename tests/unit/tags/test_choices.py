"""What jobs may ask of tags, blocks and classes, and what they are told otherwise."""

from pathlib import Path

import pytest

from alertferry.core.blame import PluginError
from alertferry.core.check import check_job
from alertferry.core.errors import JobError
from alertferry.core.job import Job
from alertferry.core.registry import default_registry
from alertferry.core.settings import Settings
from alertferry.core.survey import Survey
from alertferry.tags import provider
from alertferry.tags.fink import PROVIDER
from alertferry.tags.provider import Tag, describe, find_tag, load_providers, offered
from alertferry.tags.simbad import HOSTS, labels, spellings
from tests.jobs import DATA

pytest.importorskip("fink_filters")

real_alerts = pytest.mark.skipif(not DATA.is_dir(), reason="real alerts (../shared/data) are not on this machine")


def said(filters, survey="lsst", night="2026-01-01", lake=None, fields=None):
    output = {"kind": "kafka", **({"fields": fields} if fields else {"packet": "medium"})}
    job = Job.from_dict({"source": {"kind": survey, "nights": [night]}, "filters": filters, "output": output})
    lakes = {survey: str(DATA / "lake" / survey)} if lake else {}
    return [str(problem) for problem in check_job(job, default_registry(), Settings(lakes=lakes))]


def test_everything_installed_is_found():
    assert set(offered("lsst", "tag")) >= {"in_tns", "is_solar_system", "uniform_sample", "faint_trails"}
    assert set(offered("lsst", "block")) >= {"b_good_quality", "b_is_new", "b_mag_rate_mc_sampling"}
    assert set(offered("ztf", "tag")) >= {"blazar", "kn_candidates", "yso_spicy_candidates"}
    assert offered("ztf", "block") == offered("mysurvey", "tag") == {}


@pytest.mark.parametrize("survey", ["ztf", "lsst"])
def test_each_has_a_description_and_columns_or_a_reason(survey):
    schema = default_registry().get("source", survey).survey.documented
    for kind in ("tag", "block"):
        for tag in describe(survey, kind, schema):
            assert len(tag.description) > 10, tag.name
            assert "UDF" not in tag.description
            assert tag.needs
            assert tag.available or tag.reason


def tag(name, survey="ztf", kind="tag"):
    return find_tag(survey, kind, name, default_registry().get("source", survey).survey.documented)


def test_history_and_stamps_are_bound_as_the_broker_prepares_them():
    needs = tag("early_sn_candidates").needs
    assert {"prv_candidates.magpsf", "candidate.magpsf", "cutoutScience.stampData"} <= set(needs)
    assert "lc_features_r.linear_fit_slope" in tag("yso_spicy_candidates").needs


def test_modules_that_only_post_need_not_be_installed():
    assert tag("tns_match").available
    assert tag("unknowns").available


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("early_kn_candidates", "it asks a web service about every candidate, and tags run without network"),
        ("new_hostless", "it needs the package fink_science"),
    ],
)
def test_what_cannot_run_here_says_why(name, reason):
    if "fink_science" in reason and pytest.importorskip("importlib.util").find_spec("fink_science"):
        pytest.skip("fink_science is installed")
    assert reason in tag(name).reason
    assert said([{"kind": "tags", "any_of": [name]}], "ztf", "2025-06-14") == [
        f"filters[0].any_of[0]: the tag {name!r} cannot be used: {tag(name).reason}; `alertferry tags ztf` lists the others"
    ]


@real_alerts
def test_a_column_that_these_nights_lack_is_named():
    assert said([{"kind": "tags", "none_of": ["in_tns"]}], lake=True) == [
        "filters[0].none_of[0]: the tag 'in_tns' cannot be used: no column 'tns_fullname' on these nights; "
        "`alertferry tags lsst` lists the others"
    ]
    problems = said([{"kind": "tags", "all_of": ["blazar", "yso_spicy_candidates"]}], "ztf", "2021-11-22", lake=True)
    assert len(problems) == 1
    assert "no column 'spicy_id', 'spicy_class', 'lc_features_r.linear_fit_slope' on these nights" in problems[0]


@pytest.mark.parametrize(
    ("step", "message"),
    [
        (
            {"kind": "tags", "all_of": ["is_solar_sytem"]},
            "no tag 'is_solar_sytem' for lsst; did you mean 'is_solar_system'?",
        ),
        ({"kind": "tags", "all_of": ["b_is_new"]}, "no tag 'b_is_new' for lsst: it is a block, use kind: blocks"),
        ({"kind": "blocks", "all_of": ["in_tns"]}, "no block 'in_tns' for lsst: it is a tag, use kind: tags"),
        ({"kind": "blocks", "all_of": ["zzz"]}, "no block 'zzz' for lsst; `alertferry tags lsst` lists them"),
    ],
)
def test_an_unknown_name_is_answered_with_the_nearest(step, message):
    assert said([step]) == [f"filters[0].all_of[0]: {message}"]


def test_surveys_without_blocks_and_without_classes_say_so():
    assert said([{"kind": "blocks", "any_of": ["b_is_new"]}], "ztf") == [
        "filters[0].any_of[0]: no block 'b_is_new' for ztf: there are no blocks for it"
    ]
    assert said([{"kind": "class", "any_of": ["QSO"]}]) == [
        "filters[0]: lsst has no classes; select by tags, blocks or sql"
    ]


@pytest.mark.parametrize("kind", ["tags", "blocks", "class"])
def test_a_choice_must_name_something(kind):
    with pytest.raises(JobError, match=r"filters\[0\]: names nothing; give .*any_of"):
        said([{"kind": kind}])


def test_a_choice_that_contradicts_itself_is_refused():
    with pytest.raises(JobError, match="'in_tns' is in all_of and in none_of, which no alert can fulfil"):
        said([{"kind": "tags", "all_of": ["in_tns"], "none_of": ["in_tns"]}])


def test_one_name_may_stand_for_a_list():
    assert said([{"kind": "tags", "all_of": "in_tns"}]) == []


@pytest.mark.parametrize(
    ("chosen", "message"),
    [
        ("SN candidat", "no class 'SN candidat'; did you mean 'SN candidate'"),
        ("(SIMBAD) RRLyra", "no class '(SIMBAD) RRLyra'; did you mean 'RRLyrae'"),
        ("%%%", "no class '%%%'; there are Early SN Ia candidate, SN candidate,"),
    ],
)
def test_an_unknown_class_is_answered_with_the_nearest(chosen, message):
    problems = said([{"kind": "class", "none_of": ["QSO", chosen]}], "ztf", "2025-06-14")
    assert len(problems) == 1
    assert problems[0].startswith(f"filters[0].none_of[1]: {message}")


def test_the_class_is_a_field_where_it_can_be_derived():
    assert said([], "ztf", fields=["finkclass", "candid"]) == []
    assert said([], "lsst", fields=["finkclass"]) == ["output.fields[0]: no field 'finkclass'"]
    assert said([], "ztf", fields=["finkclas"]) == [
        "output.fields[0]: no field 'finkclas'; did you mean 'finkclass' or 'tnsclass'?"
    ]
    assert said([{"kind": "sql", "where": ["finkclass = 'QSO'"]}], "ztf") == []


def test_hosts_are_those_of_fink():
    simbad = pytest.importorskip("fink_utils.xmatch.simbad")
    assert set(HOSTS) == set(map(str, simbad.return_list_of_eg_host()))


def test_spellings_are_those_of_fink():
    simbad = pytest.importorskip("fink_utils.xmatch.simbad")
    shipped = Path(simbad.__file__).parent / "xmatch" / "otypes.txt"  # the module has the __file__ of its package
    table = simbad.get_conversion_dic(path=str(shipped))
    assert set(labels()) == set(table["old_label"]) | set(table["new_label"])
    for before, since in zip(table["old_label"], table["new_label"], strict=True):
        assert set(spellings(before)) == set(spellings(since)) == {before, since}
    assert spellings("SN candidate") == ("SN candidate",)


class Own:
    """A provider of one tag."""

    name = "own"

    def names(self, survey, kind):
        return ("in_tns",) if (survey, kind) == ("lsst", "tag") else ()

    def tag(self, survey, kind, name, schema):
        return Tag(name, kind, survey, "as I see it")

    def verdict(self, tag, schema):
        raise NotImplementedError


class Point:
    """An entry point that loads a given object."""

    name, dist = "own", None

    def __init__(self, load):
        self.load = load


def test_two_providers_of_one_name_are_an_error_that_names_both():
    with pytest.raises(PluginError, match="two providers offer the tag 'in_tns' for lsst: fink-filters and own"):
        offered("lsst", "tag", [PROVIDER, Own()])


@pytest.mark.parametrize(("load", "message"), [(object, "lacks name, names"), (lambda: 1 / 0, "cannot be loaded")])
def test_a_broken_provider_is_named(load, message):
    with pytest.raises(PluginError, match=f"the provider of tags 'own' of .* {message}"):
        load_providers([Point(load)])


def test_providers_are_found_by_entry_points():
    assert PROVIDER in provider.providers()
    assert load_providers([Point(Own)])[0].name == "own"


def test_a_survey_without_providers_is_told_so():
    empty = Survey(
        name="mine", title="", alert_id="id", object_id="o", ra="r", dec="d", time="t", time_scale="mjd-tai", packets={}
    )
    step = default_registry().get("filter", "tags")(all_of="in_tns")
    assert [str(item) for item in step.problems(empty, empty.documented)] == [
        "all_of[0]: no tag 'in_tns' for mine: there are no tags for it"
    ]
