"""The state of a page without a browser: what it keeps, checks, and gives back."""

import json
import os
import threading
import time

import pytest

from alertferry import service
from alertferry.core.conditions.fields import MOST_HINTS
from alertferry.core.errors import UsageError
from alertferry.core.job import Job
from alertferry.estimates.results import Estimate
from alertferry.ui import drafts, uploads
from alertferry.ui.draft import Draft, first_of, new_draft, with_filter, with_name, with_nights, with_output, with_tag
from alertferry.ui.imports import draft_from_file
from alertferry.ui.session import Session, Site, attempt
from alertferry.ui.snippets import as_commands, as_python, as_yaml
from alertferry.ui.wizard import Wizard
from tests.ui.sessions import QUIET, TODO, enter, turn_to, until


def test_a_fresh_page_asks_for_the_lightest_packet_of_a_survey_with_a_lake(session):
    assert session.draft == new_draft("lsst", "light-static")


def test_a_draft_survives_the_page(session):
    session.update(with_nights(session.draft, ["2026-03-01"]))
    again = Session(None, QUIET, TODO.put)
    assert again.resume(session.draft_id)
    assert again.draft == session.draft
    again.close()


def test_nobody_resumes_another_users_draft(session):
    drafts.save(session.draft_id, "ann", session.draft, "nights")
    assert not Session("bob", Site(signed_in=True, estimates=False)).resume(session.draft_id)
    assert Session("ann", Site(signed_in=True, estimates=False)).resume(session.draft_id)


@pytest.mark.parametrize("identifier", ["", "../x", "0" * 24, "zz"])
def test_an_unknown_draft_is_none(session, identifier):
    assert not session.resume(identifier)


def test_watchers_hear_of_changes_and_only_of_changes(session):
    heard = []
    session.watchers.append(lambda: heard.append(session.draft))
    session.update(session.draft)
    session.update(with_tag(session.draft, "tags", "in_tns", "with"))
    assert len(heard) == 1


def test_only_the_newest_answer_arrives(session):
    gate, got = threading.Event(), []
    session.later("k", lambda: gate.wait(5) and "old", lambda value, _: got.append(value))
    session.later("k", lambda: "new", lambda value, _: got.append(value))
    gate.set()
    until(lambda: got)
    time.sleep(0.1)
    assert until(lambda: got) == ["new"]


def test_a_closed_page_gets_no_answer_and_holds_nothing(session, tmp_path):
    got = []
    session.later("k", lambda: time.sleep(0.2), lambda *_: got.append(1))
    address = session.offer(tmp_path, "x")
    session.close()
    time.sleep(0.4)
    until(lambda: True)
    assert got == []
    with pytest.raises(uploads.UploadError):
        uploads.TICKETS.take(session.ticket, None)
    from alertferry.ui.downloads import OFFERS

    assert OFFERS.find(address.rpartition("/")[2]) is None


def test_a_fault_of_ours_is_a_sentence_without_a_traceback():
    value, error = attempt(lambda: 1 / 0)
    assert value is None
    assert "ZeroDivision" not in str(error)
    assert "log" in str(error)


def test_the_site_judges_before_the_files_are_looked_at(ui_home):
    session = Session("ann", Site(signed_in=True, confined=True, estimates=False))
    job = {"kind": "crossmatch", "catalog": "/etc/passwd", "radius_arcsec": 1.0}
    session.draft = Draft({"kind": "lsst", "nights": ["2026-03-01"]}, {"kind": "kafka", "packet": "full"}, (job,))
    found = session.check()
    assert [item.text for item in found] == ["this file is not among your uploads; upload it here"]
    assert found[0].kind == "crossmatch"


def test_the_three_forms_of_a_request_are_the_same_request(session):
    session.update(with_nights(with_tag(session.draft, "tags", "is_solar_system", "with"), ["2026-03-01..2026-03-02"]))
    job = session.draft.to_job()
    assert Job.from_yaml(as_yaml(session.draft)) == job
    scope = {}
    program = as_python(job).split("outcome =")[0].replace("import alertferry\n", "")
    exec(program, {"alertferry": __import__("alertferry")}, scope)
    assert scope["job"] == job
    assert "alertferry run job.yml" in as_commands(session.draft)


def test_a_configuration_goes_out_and_in_again_unchanged(session):
    text = as_yaml(with_nights(session.draft, ["2026-03-01"]))
    draft, remarks = draft_from_file(text.encode())
    assert (as_yaml(draft), remarks) == (text, ())


def test_the_peers_configuration_is_taken_over():
    text = b"dates: {startdate: '2026-03-01', stopdate: '2026-03-02'}\ncontent: [Full packet]\nextra_cond: null\n"
    draft, _ = draft_from_file(text)
    assert draft.nights == ("2026-03-01..2026-03-02",)
    assert draft.output["packet"] == "full"


def test_the_wizard_leads_from_nights_to_review(session):
    went = []
    wizard = Wizard(session, lambda: went.append(session.step))
    wizard.go("nights")
    wizard.step("nights").calendar._handle_msg({"nights": ["2026-03-01", "2026-03-02"], "on": True})
    until(lambda: wizard.bar.alerts == "120")
    for name in ("filters", "content", "review"):
        wizard.bar._handle_msg({"press": "next", "step": wizard.bar.step})
        assert session.step == name
    assert went == ["nights", "filters", "content", "review"]
    until(lambda: session.problems == () and not wizard.bar.next_disabled)
    until(lambda: "2026-03-01..2026-03-02" in wizard.step("review").code.text)


def test_review_opens_with_the_request_in_a_sentence_that_follows_it(session):
    wizard = Wizard(session, lambda: None)
    session.update(with_nights(session.draft, ["2026-03-01..2026-03-02"]))
    wizard.go("review")
    review = wizard.step("review")
    sizes = {"alerts": 386, "low": 300, "high": 400, "bytes": 13_500_000, "bytes_low": 1, "bytes_high": 2}
    wizard._found_estimate(Estimate(**sizes), None)
    assert "2 nights, 1-2 March 2026; light-static packets; about 386 alerts, 13.5 MB" in review.sentence.object
    session.update(with_nights(session.draft, ["2026-03-01"]))  # what was estimated was another request
    assert "1 night, 1 March 2026; light-static packets</h2>" in review.sentence.object
    session.update(with_filter(session.draft, "sql", {"where": ["<b>x</b> > 5"]}))
    assert "&lt;b&gt;x&lt;/b&gt; &gt; 5" in review.sentence.object
    session.update(with_nights(session.draft, ["soon"]))
    until(lambda: review.problems.visible)
    assert review.problems.actions == ["Go to Nights", "Go to Filters"]
    review.problems._handle_msg({"action": "Go to Filters"})
    assert session.step == "filters"


def test_problems_show_at_their_step_and_bar_the_way(session):
    wizard = Wizard(session, lambda: None)
    wizard.go("nights")
    session.update(with_nights(session.draft, ["2026-03-01"]))
    wizard.go("filters")
    wizard.step("filters").show("sql")
    editor = wizard.step("filters")._made["sql"].editor
    editor._handle_msg({"text": "diaSource.snrr > 5"})
    assert editor.marks[0]["start"] == 0
    until(lambda: session.problems)
    assert not wizard.step("filters").problems.visible  # it stands below the editor, and pushes nothing away
    until(lambda: {step["name"]: step["state"] for step in wizard.stepper.steps}["filters"] == "fault")
    wizard.go("review")
    assert wizard.bar.next_disabled
    editor._handle_msg({"text": "diaSource.snr > 5"})
    until(lambda: not session.problems and not wizard.bar.next_disabled)


def test_a_step_behind_the_page_that_is_at_fault_is_never_shown_as_done(session):
    wizard = Wizard(session, lambda: None)
    session.update(with_filter(with_nights(session.draft, ["2026-03-01"]), "tags", {"all_of": ["no_such_tag"]}))
    wizard.go("review")  # by its address, or after a job file was opened: the filters were never looked at
    until(lambda: session.problems)
    assert {step["name"]: step["state"] for step in wizard.stepper.steps}["filters"] == "fault"


def test_nothing_that_a_browser_sends_is_trusted(session):
    wizard = Wizard(session, lambda: None)
    turn_to(wizard, "filters")
    before = session.draft
    tags = wizard.step("filters")._made["tags"]
    for message in ({"name": "no such tag", "choice": "with"}, {"name": "in_tns", "choice": "always"}, {}):
        tags.list._handle_msg(message)
    wizard.go("run")
    wizard.go("nowhere")
    wizard.step("content").tree._handle_msg({"path": "x); drop", "on": True})
    assert session.step == "filters"
    assert session.draft.filters == before.filters
    assert session.draft.output.get("fields", []) == []


def test_two_pages_do_not_disturb_each_other(session):
    other = Session(None, QUIET, TODO.put)
    other.update(with_nights(other.draft, ["2026-03-04"]))
    assert session.draft.nights == ()
    assert other.draft_id != session.draft_id
    other.close()


@pytest.mark.parametrize("survey", ["lsst", "ztf"])
def test_every_page_of_every_step_can_be_made(session, survey, tmp_path):
    wizard = Wizard(session, lambda: None)
    turn_to(wizard, "nights")
    wizard.step("nights").survey._handle_msg({"value": survey})
    session.update(with_nights(session.draft, ["2026-03-01"]))
    turn_to(wizard, "filters")
    for kind in ("tags", "blocks" if survey == "lsst" else "class", "sql", "crossmatch", "times", "all", "region"):
        wizard.step("filters").tabs._handle_msg({"value": kind})
        assert wizard.step("filters").kind == kind
    region = wizard.step("filters")._made["region"]
    for shape in ("box", "polygon", "moc", "skymap", "cone"):
        region.shape._handle_msg({"value": shape})
    enter(region.form, ra="10:00:00", dec="+02:30:00", radius_deg="1.5")
    assert first_of(session.draft, "region") == {
        "kind": "region",
        "cone": {"ra": pytest.approx(150), "dec": 2.5, "radius_deg": 1.5},
    }
    enter(region.form, ra="east")
    said = "Region, RA of the centre: must be a number, got 'east'"
    until(lambda: wizard.step("filters").problems.lines == [said] and session.job is None)
    assert (region.form.faults, region.form.values["ra"]) == (["ra"], "east")
    enter(region.form, ra="")
    until(lambda: wizard.step("filters").problems.lines == ["Region, RA of the centre: is required"])
    region.shape._handle_msg({"value": "polygon"})
    assert first_of(session.draft, "region") == {"kind": "region", "polygon": []}  # what is shown is what is asked
    region.shape._handle_msg({"value": "whole"})
    assert first_of(session.draft, "region") is None
    for name in ("content", "review"):
        turn_to(wizard, name)
        assert session.step == name
    wizard.step("content").packet._handle_msg({"value": "own"})
    assert len(session.draft.output["fields"]) == 5


def test_a_second_click_is_not_for_the_next_step(session):
    wizard = Wizard(session, lambda: None)
    session.update(with_nights(session.draft, ["2026-03-01"]))
    wizard.go("content")
    until(lambda: session.job is not None)
    for _ in range(2):  # a double click: the second one, too, was on the button of the first
        wizard.bar._handle_msg({"press": "next", "step": "content"})
    assert session.step == "review"
    assert not service.list_jobs()


def test_a_double_click_submits_once(session):
    wizard = Wizard(session, lambda: None)
    session.update(with_nights(session.draft, ["2026-03-01"]))
    wizard.go("review")
    until(lambda: session.job is not None and not wizard.bar.next_disabled)
    for _ in range(2):
        wizard.bar._handle_msg({"press": "next", "step": "review"})
    assert session._newest[f"submit {session.draft_id}"] == 1
    assert (wizard.bar.next, wizard.bar.next_disabled) == ("Submitting …", True)
    until(lambda: wizard.notice.visible)  # without a broker: then it can be tried again
    assert (wizard.bar.next, wizard.bar.next_disabled) == ("Submit", False)


@pytest.mark.kafka
def test_a_test_job_is_the_test_of_the_request_that_is_shown(session, broker, monkeypatch):
    monkeypatch.setenv("ALERTFERRY_BOOTSTRAP_SERVERS", broker.bootstrap_servers)
    wizard = Wizard(session, lambda: None)
    session.update(with_nights(session.draft, ["2026-03-01"]))
    wizard.go("content")
    assert wizard.bar.also == ""
    wizard.go("review")
    until(lambda: session.job is not None and not wizard.bar.also_disabled)
    wizard.bar._handle_msg({"press": "also", "step": "review"})
    until(lambda: session.step == "run")
    (record,) = service.list_jobs()
    assert record.name == "Test of an unnamed job"
    assert Job.from_yaml(record.job) == session.job.as_test() != session.job


def test_two_pages_of_a_request_show_the_same_and_submit_it_once(session):
    other = Session(None, QUIET, TODO.put)
    pages = [Wizard(session, lambda: None), Wizard(other, lambda: None)]
    session.update(with_nights(session.draft, ["2026-03-01"]))
    assert other.resume(session.draft_id)
    other.update(with_nights(other.draft, ["2026-03-04"]))
    until(lambda: session.draft.nights == ("2026-03-04",))
    for page in pages:
        page.draft_changed()
        page.go("review")
    until(lambda: not any(page.bar.next_disabled for page in pages))
    for page in pages:
        page.bar._handle_msg({"press": "next", "step": "review"})
    until(lambda: pages[1].bar.next == "Submitting …")
    assert "submit " + other.draft_id not in other._newest
    until(lambda: pages[0].notice.visible and not pages[1].bar.next_disabled)
    other.close()


def test_what_is_wrong_with_an_earlier_request_is_said_beside_a_new_one(session):
    wizard = Wizard(session, lambda: None)
    session.update(with_nights(session.draft, ["2026-03-01"]))
    wizard.go("review")
    until(lambda: session.job is not None and not wizard.bar.next_disabled)
    wizard.bar._handle_msg({"press": "next", "step": "review"})
    session.begin(session.draft)
    wizard.go("nights")
    until(lambda: wizard.notice.visible)
    assert wizard.notice.title == "The request of before was not submitted"
    assert session.step == "nights"


def test_a_file_is_for_shapes_that_take_one(session):
    receiving = uploads.Receiving("map.fits", None)
    receiving.write(b"x")
    wizard = Wizard(session, lambda: None)
    wizard.go("filters")
    wizard.step("filters").show("region")
    panel = wizard.step("filters")._made["region"]
    panel.upload._handle_msg({"file": receiving.finish().id})
    assert first_of(session.draft, "region") is None


def test_a_region_of_a_job_file_keeps_every_digit(session):
    wizard = Wizard(session, lambda: None)
    wizard.go("filters")
    wizard.step("filters").show("region")
    panel = wizard.step("filters")._made["region"]
    for region in (
        {"cone": {"ra": 150.12345678901234, "dec": -2.0000000000000004, "radius_deg": 1e-07}},
        {"box": {"ra": [350.00000000000006, 10], "dec": [-5.1, 5.123456789012345]}},
        {"polygon": [[120.00000000000001, -10], [180, -20.123456789012345], [230, 40]]},
    ):
        session.update(with_filter(session.draft, "region", region))
        panel.refresh()
        panel._typed()
        assert first_of(session.draft, "region") == {"kind": "region"} | region


def test_a_page_waits_for_no_long_text(session):
    wizard = Wizard(session, lambda: None)
    wizard.go("filters")
    wizard.step("filters").show("region")
    wizard.step("filters").show("sql")
    region, conditions = (wizard.step("filters")._made[name] for name in ("region", "sql"))
    region.shape._handle_msg({"value": "polygon"})
    enter(region.form, corners="\n".join(f"{number / 10}d 1d" for number in range(300)))
    assert first_of(session.draft, "region") == {"kind": "region", "polygon": []}  # it is read elsewhere
    until(lambda: first_of(session.draft, "region")["polygon"])
    enter(region.form, corners="1d 1d\n" * 200_000)
    assert "a job file has room for 65,536" in region.fault.title
    region._outline({"polygon": [[number / 100, 1.0] for number in range(7000)]})
    assert sum(map(len, region.tables["region"].data["xs"])) < 20_000
    wizard.step("nights").calendar._handle_msg({"nights": ["2026-03-01"] * 70_000, "on": True})
    assert session.draft.nights == ()
    conditions.editor._handle_msg({"text": "\n".join(f"diaSource.psfFlx{number}>1" for number in range(15))})
    messages = [mark["message"] for mark in conditions.editor.marks]
    assert len(messages) == 15
    assert sum("did you mean" in message for message in messages) == MOST_HINTS


def test_a_catalogue_is_looked_at_and_its_options_become_the_filter(session):
    receiving = uploads.Receiving("cat.csv", None)
    receiving.write(b"Name,RA,Dec,z\na,10,-5,1\nb,11,-6,2\nc,x,1,3\n")
    found = receiving.finish()
    wizard = Wizard(session, lambda: None)
    session.update(with_nights(session.draft, ["2026-03-01"]))
    wizard.go("filters")
    wizard.step("filters").show("crossmatch")
    panel = wizard.step("filters")._made["crossmatch"]
    panel.upload._handle_msg({"file": found.id})
    until(lambda: panel.table.rows)
    assert panel.table.rows[0] == ["a", "10", "-5", "1"]
    assert panel.faults.rows[0][0] == "3"
    enter(panel.form, radius_arcsec="2.5", keep="all", on_bad_rows="drop", columns="z", ra="RA")  # Dec was detected
    step = {"catalog": found.reference, "radius_arcsec": 2.5, "keep": "all", "on_bad_rows": "drop", "columns": ["z"]}
    assert first_of(session.draft, "crossmatch") == {"kind": "crossmatch", "ra": "RA", "dec": "Dec"} | step
    until(lambda: session.check() == ())
    enter(panel.form, radius="z", pmra="z", pmdec="z", epoch="2016")
    step |= {"radius": "z", "pmra": "z", "pmdec": "z", "epoch": 2016, "ra": "RA", "dec": "Dec", "kind": "crossmatch"}
    assert first_of(session.draft, "crossmatch") == {key: step[key] for key in step if key != "radius_arcsec"}
    enter(panel.form, radius="", radius_arcsec="1 arcmin")
    until(lambda: wizard.step("filters").problems.visible)
    assert panel.form.view.faults == ["radius_arcsec"]
    assert panel.form.view.values["radius_arcsec"] == "1 arcmin"
    panel._remove()
    assert session.draft.filters == ()


def test_a_catalogue_is_held_against_the_footprint_of_the_survey_before_nights_are_chosen(session):
    receiving = uploads.Receiving("cat.csv", None)
    receiving.write(b"id,ra,dec\na,10,-5\nb,11,89\n")
    found = receiving.finish()
    wizard = Wizard(session, lambda: None)
    wizard.go("filters")
    wizard.step("filters").show("crossmatch")
    panel = wizard.step("filters")._made["crossmatch"]
    panel.upload._handle_msg({"file": found.id})
    until(lambda: panel.overlap.visible)
    assert "of the sources lie in fields where the newest nights of the survey have alerts" in panel.overlap.title
    session.update(with_nights(session.draft, ["2026-03-01"]))
    panel.refresh()
    until(lambda: "where these nights have alerts" in panel.overlap.title)


def test_outputs_that_a_site_refuses_are_not_offered(session, ui_home):
    ours, theirs = session, Session("ann", Site(signed_in=True, confined=True, estimates=False), TODO.put)
    steps = []
    for one in (ours, theirs):
        wizard = Wizard(one, lambda: None)
        turn_to(wizard, "content")
        steps.append(wizard.step("content"))
    assert [item["value"] for item in steps[0].output.items][:2] == ["kafka", "files"]
    assert [item["value"] for item in steps[1].output.items] == ["kafka"]
    theirs.update(with_output(theirs.draft, "files", {"path", "packet"}))
    steps[1].refresh()
    assert [item["value"] for item in steps[1].output.items] == ["kafka", "files"]
    theirs.close()


def test_drafts_of_a_user_are_so_many_and_the_oldest_goes(ui_home, monkeypatch):
    monkeypatch.setenv("ALERTFERRY_MAX_DRAFTS", "5")
    names = [f"{number:024x}" for number in range(8)]
    for number, name in enumerate(names):
        drafts.save(name, "ann", new_draft("lsst", "full"), "nights")
        drafts.flush()
        os.utime(next(drafts.folder().rglob(f"{name}.json")), (number, number))
    drafts.save("f" * 24, "bob", new_draft("lsst", "full"), "nights")
    assert [drafts.load(name, "ann") is not None for name in names] == [False] * 3 + [True] * 5
    assert drafts.load("f" * 24, "bob") is not None


def test_drafts_of_an_earlier_version_are_found_by_their_owner(ui_home):
    drafts.folder().mkdir(parents=True)
    kept = {"owner": "ann", "step": "filters", "job": new_draft("lsst", "full").to_dict()}
    (drafts.folder() / f"{'a' * 24}.json").write_text(json.dumps(kept))
    assert drafts.load("a" * 24, "ann") == (new_draft("lsst", "full"), "filters")
    assert drafts.load("a" * 24, "bob") is None


def test_a_draft_larger_than_a_job_file_is_not_taken(session):
    before = session.draft
    with pytest.raises(UsageError, match="at most 65,536 are taken"):
        session.update(with_nights(before, ["2026-03-01"] * 6000))
    assert session.draft == before
    session.update(with_name(before, "n" * 1_000_000))
    assert any("200 characters" in item.problem.message for item in session.check())


def test_the_job_that_was_shown_is_submitted_or_refused_whatever_the_page_says_by_then(ui_home, monkeypatch):
    session = Session("ann", Site(signed_in=True, confined=True, estimates=False))
    wizard = Wizard(session, lambda: None)
    session.update(with_nights(session.draft, ["2026-03-01"]))
    until(lambda: session.job)
    foreign = {"kind": "crossmatch", "catalog": "/etc/passwd", "radius_arcsec": 1.0}
    session.job = Draft(session.draft.source, session.draft.output, (foreign,)).to_job()  # what an attacker swaps in
    session.problems = ()
    wizard.go("review")
    wizard.bar._handle_msg({"press": "next", "step": wizard.bar.step})
    until(lambda: wizard.notice.visible)
    assert wizard.notice.lines == ["Catalogue: this file is not among your uploads; upload it here"]
    assert service.list_jobs() == []
    session.close()


def test_a_foreign_lake_of_a_draft_is_not_looked_at(ui_home, tmp_path):
    session = Session("ann", Site(signed_in=True, confined=True, estimates=False))
    session.update(Draft({"kind": "lsst", "nights": ["2026-03-01"], "lake": str(tmp_path)}, {"kind": "kafka"}))
    assert session.lake is None
    session.update(Draft({"kind": "lsst", "nights": ["2026-03-01"], "lake": "ztf"}, {"kind": "kafka"}))
    assert session.lake == "ztf"
    session.close()


def test_a_map_is_drawn_of_the_nights_that_can_be_read(session, caplog):
    wizard = Wizard(session, lambda: None)
    cone = {"kind": "region", "cone": {"ra": 10, "dec": -5, "radius": "1 deg"}}
    session.update(with_filter(with_nights(session.draft, ["2026-03-01", "2026-13-01"]), "region", cone))
    wizard.go("filters")
    wizard.step("filters").show("region")
    panel = wizard.step("filters")._made["region"]
    until(lambda: len(panel.tables["alerts"].data["x"]))
    assert "unexpected failure" not in caplog.text
