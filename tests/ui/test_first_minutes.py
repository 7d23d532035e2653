"""What a newcomer finds: what this is, requests to begin with, fields, help."""

import pytest

from alertferry.core.local_lake import SIMULATED
from alertferry.testing.simulator import simulate
from alertferry.ui import lakes
from alertferry.ui.draft import new_draft
from alertferry.ui.examples import SHOWN, sentence, worked
from alertferry.ui.fields_page import groups_of
from alertferry.ui.help_page import links, texts
from alertferry.ui.session import Session, Site
from alertferry.ui.steps.nights import NightsStep
from alertferry.ui.wizard import NAMES
from tests.ui.conftest import NIGHTS

QUIET = Site(estimates=False)


@pytest.fixture
def session(ui_home):
    found = Session(None, QUIET)
    yield found
    found.close()


@pytest.mark.parametrize("survey", ["lsst", "ztf"])
def test_examples_are_accepted_on_the_newest_nights_of_the_lake(session, survey):
    found = worked(session, survey, None, lakes.look(survey))
    assert len({example.title for example, _ in found}) == SHOWN
    for example, draft in found:
        assert session.examine(draft)[0] == ()
        assert draft.survey == survey
        assert draft.filters
        assert draft.name == example.title
        assert draft.nights[-1].endswith(str(NIGHTS[-1]))


def test_only_examples_that_this_lake_has_the_fields_for_are_shown(session, tmp_path):
    old = tmp_path / "old"
    simulate("ztf", old, NIGHTS[:1], 10, version="2021", cutouts=False, history=False)
    found = worked(session, "ztf", str(old), lakes.look("ztf", str(old)))
    assert all(session.examine(draft)[0] == () for _, draft in found)
    assert all(draft.source["lake"] == str(old) for _, draft in found)
    assert worked(session, "ztf", None, lakes.Lake()) == ()


def test_an_example_that_nobody_was_shown_opens_nothing(session):
    step, opened = NightsStep(session), []
    session.open_draft = opened.append
    step.examples._handle_msg({"open": "something else"})
    assert opened == []
    draft = new_draft("ztf", "full")
    step._worked = {"It": draft}
    step.examples._handle_msg({"open": "It"})
    assert opened == [draft]


def test_a_simulated_lake_says_so_and_how_fresh_it_is(ui_lakes, ui_home, tmp_path):
    said = sentence("lsst", lakes.look("lsst"))
    assert "180 alerts (simulated, observed by nobody)" in said
    assert "from 3 nights, the newest of 4 March 2026." in said
    real = tmp_path / "real"
    real.mkdir()
    for folder in ui_lakes["lsst"].iterdir():
        if folder.name != SIMULATED:
            (real / folder.name).symlink_to(folder)
    assert "simulated" not in sentence("lsst", lakes.look("lsst", str(real)))
    assert "newest" not in sentence("lsst", lakes.Lake())


@pytest.mark.parametrize("survey", ["lsst", "ztf"])
def test_all_fields_tags_and_blocks_are_among_the_fields(ui_home, survey):
    schema = lakes.schema_of(survey, ())
    groups = {group["title"]: group for group in groups_of(survey)}
    shown = [row["name"] for group in groups.values() for row in group["rows"]]
    sections = {path.partition(".")[0] for path in lakes.types_of(survey, schema) if "." in path}
    names = {fact.path for fact in lakes.fields_of(survey, schema)} - sections
    names |= {tag.name for unit in ("tags", "blocks") for tag in lakes.tags_of(survey, unit, schema)}
    assert set(shown) == names
    assert sections <= set(groups)
    main = {"lsst": "diaSource", "ztf": "candidate"}[survey]
    assert groups[main]["note"].endswith("B")
    assert all(row["type"] for row in groups[main]["rows"])


def test_every_step_has_help_and_every_question_an_answer():
    assert list(texts()["steps"]) == list(NAMES)
    assert all(step["title"] and step["lines"] for step in texts()["steps"].values())
    asked = [item for group in texts()["questions"] for item in group["items"]]
    assert len(asked) >= 8
    assert all(item["question"] and item["answer"] for item in asked)


def test_help_links_to_what_the_site_has_set(ui_home, monkeypatch):
    assert links() == []
    monkeypatch.setenv("ALERTFERRY_CONTACT_URL", "mailto:help@example.org")
    assert links() == [{"label": "Ask for help", "href": "mailto:help@example.org"}]
