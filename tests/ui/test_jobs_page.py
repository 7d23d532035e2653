"""The list of jobs and the step of a running one, without a browser: what they show, ask, and do."""

import json
import time
from contextlib import suppress
from queue import Empty, SimpleQueue

import pytest

from alertferry import service
from alertferry.core.access import Access
from alertferry.core.errors import IncompleteError, UnknownJobError
from alertferry.core.jobs.entry import Context
from alertferry.core.jobs.store import NewJob
from alertferry.ui import jobs_page, lakes, results
from alertferry.ui.app import App
from alertferry.ui.draft import Draft
from alertferry.ui.jobs_page import AGAIN, CANCEL, DELETE, EDIT, NEWER, OPEN, JobsPage
from alertferry.ui.session import Session, Site
from alertferry.ui.steps.alert import AlertCard
from alertferry.ui.steps.running import CORRECT, page_title
from alertferry.ui.wizard import Wizard
from tests import waiting
from tests.small_jobs import small_job

HOUR = 3600.0


class Desk:
    """Somebody's page: what background threads want done in it is done by the thread of the test."""

    def __init__(self, installation, user="ann"):
        self.installation, self.todo = installation, SimpleQueue()
        self.session = Session(user, Site(signed_in=user is not None, estimates=False), self.todo.put)
        self.opened, self.edited, self.sent = [], [], []
        self.page = JobsPage(self.session, self.opened.append, self.edited.append)
        self.page.table.param.watch(lambda *events: self.sent.extend(event.name for event in events), ["jobs", "live"])

    def until(self, look):
        def looked():
            with suppress(Empty):
                while True:
                    self.todo.get_nowait()()
            return look()

        return waiting.until(looked)

    def listed(self):
        self.page.table.loaded = False
        self.page.refresh(anew=True)
        self.until(lambda: self.page.table.loaded)
        return self.page.table.jobs

    def press(self, action, job):
        self.page.table._handle_msg({"action": action, "key": job})

    def answer(self, yes, turn=None):
        question = self.page.question
        question._handle_msg({"yes": yes, "turn": question.turn if turn is None else turn})

    def stored(self):
        return {record.id: record.state for record in service.list_jobs()}


@pytest.fixture
def desk(installation):
    return Desk(installation)


def put(installation, name="complete", owner="ann", state="queued", **values):
    """Put a job into the store as it stands; nothing of it runs."""
    job = small_job(name or "complete")
    store, now = installation.queue.store, time.time()
    entry = store.add(NewJob(job.model_copy(update={"name": name}), Context(working_folder="/"), "small", "t", owner))
    if state != "queued":
        values = {"started": now - 60, "ended": now - 20} | values
        store.change(entry.record.id, ["queued"], state=state, log_kept=False, **values)
    return entry.record.id


def test_a_job_without_a_name_is_called_by_what_it_asks_for(desk, installation):
    job = put(installation, None, state="complete", alerts=386, bytes=13_500_000, expires=time.time() + HOUR)
    (row,) = desk.listed()
    assert row["name"] == "1 night, 1 January 2026; light-static packets to out"
    assert (row["alerts"], row["size_text"], row["called"][-8:]) == (386, "13.5 MB", job[:8])
    assert row["expires"] > time.time()
    assert row["actions"] == [OPEN, AGAIN, NEWER, EDIT, DELETE]


def test_the_search_finds_what_a_job_asks_for_as_it_was_written(desk, installation):
    put(installation, None)
    (row,) = desk.listed()
    assert "2026-01-01" in row["text"]


def test_an_alert_whose_files_are_gone_says_so(desk, installation, tmp_path):
    record = service.show_job(put(installation, state="complete"))
    shown = AlertCard(desk.session)
    shown.open(record, tmp_path / "gone.parquet", 0, by_hand=True)
    desk.until(lambda: shown.told.visible)
    assert shown.told.lines == ["its files are not kept here any more; open the job again from Jobs"]
    service.delete_job(record.id)
    shown.open(record, tmp_path / "gone.parquet", 0, by_hand=True)
    desk.until(lambda: shown.told.lines == [f"There is no job {record.id}. It may have been deleted."])


@pytest.mark.parametrize("breaks", [False, True])
def test_files_that_are_fetched_while_their_job_is_deleted_go_with_it(desk, installation, breaks):
    job = put(installation, state="complete", alerts=3)
    record = service.show_job(job)

    def work():
        service.delete_job(job)
        results.folder(job).mkdir(parents=True)
        if breaks:
            raise IncompleteError("cannot write")
        return "made"

    with pytest.raises(UnknownJobError):
        results.of_job(record, work)
    assert not results.folder(job).exists()
    with pytest.raises(UnknownJobError):
        results.of_job(record, lambda: pytest.fail("its job was gone"))


def test_the_list_follows_the_store_and_sends_nothing_while_nothing_changes(desk, installation, monkeypatch):
    monkeypatch.setattr(jobs_page, "LOOK_SECONDS", 0.05)
    monkeypatch.setattr(jobs_page, "_LOOKS", lakes.Cache(0))
    job = put(installation)
    assert [row["state"] for row in desk.listed()] == ["queued"]
    desk.sent.clear()
    looks = []
    monkeypatch.setattr(desk.page, "_listed", lambda *found, do=desk.page._listed: looks.append(do(*found)))

    def looked_often():
        desk.page.follow()
        return len(looks) >= 4

    desk.until(looked_often)
    assert desk.sent == []
    service.cancel_job(job)

    def cancelled():
        desk.page.follow()
        return [row["state"] for row in desk.page.table.jobs] == ["cancelled"]

    desk.until(cancelled)
    assert desk.sent == ["jobs"]


def test_what_changes_while_a_job_runs_is_sent_without_the_list(desk, installation):
    job = put(installation, "complete 30")
    service.run_queue()

    def moving():
        desk.listed()
        return desk.page.table.live

    live = desk.until(moving)
    assert live[job]["share"] == 0.5
    assert live[job]["said"] == "50 %, about 2 s left"
    assert desk.page.table.jobs[0]["actions"] == [OPEN, CANCEL, EDIT]
    desk.press(CANCEL, job)
    assert desk.stored()[job] == "running"
    desk.answer(True)
    desk.until(lambda: [row["state"] for row in desk.page.table.jobs] == ["cancelled"])
    assert desk.page.table.live == {}


@pytest.mark.parametrize("action", [AGAIN, DELETE, CANCEL])
def test_nothing_is_done_that_was_not_answered_with_yes(desk, installation, action):
    state = "queued" if action == CANCEL else "complete"
    job = put(installation, "mine", state=state, alerts=12_000, bytes=232_000_000)
    before = desk.stored()
    desk.listed()
    desk.press(action, job)
    asked = desk.page.question
    assert asked.turn
    assert "mine" in asked.lines[0]
    assert action != AGAIN or "12,000 alerts, 232 MB" in asked.lines[1]
    desk.answer(True, asked.turn + 1)  # of a question of before, or made up
    desk.answer(False)
    desk.answer(True)  # once answered, it is over
    desk.listed()
    assert desk.stored() == before


def test_run_again_runs_once_and_opens_the_job(desk, installation):
    job = put(installation, "complete", state="complete")
    desk.listed()
    desk.press(AGAIN, job)
    turn = desk.page.question.turn
    desk.answer(True)
    desk.answer(True, turn)
    desk.until(lambda: desk.opened)
    assert set(desk.stored()) == {job, *desk.opened}


def test_delete_takes_the_job_and_what_the_page_kept_of_it(desk, installation):
    job, other = put(installation, state="complete"), put(installation, state="failed")
    kept = installation.home / "ui" / "results" / job
    kept.mkdir(parents=True)
    desk.listed()
    desk.press(DELETE, job)
    desk.answer(True)
    desk.until(lambda: [row["key"] for row in desk.page.table.jobs] == [other])
    assert set(desk.stored()) == {other}
    assert not kept.exists()


def test_a_forged_message_reaches_no_job_of_somebody_else(desk, installation, monkeypatch):
    mine, theirs = put(installation, state="complete"), put(installation, "theirs", "ben", "complete")
    waits = put(installation, "waits", "ben")
    before = desk.stored()
    desk.listed()
    desk.page.table._handle_msg({"everybody": True})
    assert [row["key"] for row in desk.listed()] == [mine]
    desk.page.table.everybody = True  # as if the page itself had been fooled
    desk.page.refresh(anew=True)
    desk.until(lambda: desk.page.notice.visible)
    assert "only administrators" in desk.page.notice.lines[0]
    desk.page._records = {record.id: record for record in service.list_jobs()}
    for job in (theirs, waits):
        for action in (OPEN, AGAIN, NEWER, EDIT, DELETE):
            desk.press(action, job)
            assert not desk.page.question.turn
    for act in (desk.page._cancel, desk.page._delete):  # and the service has the last word
        desk.page.notice.visible = False
        act(service.show_job(waits if act == desk.page._cancel else theirs))
        desk.until(lambda: desk.page.notice.visible)
    assert desk.stored() == before
    assert desk.opened == desk.edited == []
    monkeypatch.setenv("ALERTFERRY_ADMINS", "ann")
    admin = Desk(installation)
    assert [row["key"] for row in admin.listed()] == [mine]
    admin.page.table._handle_msg({"everybody": True})
    rows = {row["key"]: row for row in admin.listed()}
    assert set(rows) == {mine, theirs, waits}
    assert (rows[theirs]["owner"], rows[theirs]["actions"], rows[waits]["actions"]) == ("ben", [], [CANCEL])
    admin.press(CANCEL, waits)
    admin.answer(True)
    admin.until(lambda: admin.stored()[waits] == "cancelled")


def test_a_failed_job_says_what_happened_and_leads_to_the_step_to_correct(installation, monkeypatch, tmp_path):
    problems = json.dumps([{"path": "source.nights[0]", "message": "no data for this night"}])
    job = put(installation, "it failed", state="failed", exit_code=2, reason="source.nights[0]: no", problems=problems)
    desk = Desk(installation)
    wizard = Wizard(desk.session, lambda: None)
    record = service.show_job(job)
    desk.session.begin(Draft.of(small_job()))
    wizard.open_job(record)
    desk.until(lambda: wizard.body.shown == "run")
    step = wizard.step("run")
    assert "The job failed" in step.title.object
    assert step.notice.lines == ["Nights, night 1: no data for this night", "Nothing was published."]
    assert not step.cancel.visible
    assert ["Time", "40 s"] in step.meter.facts
    step.notice._handle_msg({"action": CORRECT})
    assert desk.session.step == "nights"


def test_the_log_is_read_for_those_who_open_it_only(installation):
    job = put(installation, "complete 30")
    service.run_queue()
    desk = Desk(installation)
    wizard = Wizard(desk.session, lambda: None)
    wizard.open_job(service.show_job(job, owner="ann"))
    step = wizard.step("run")
    time.sleep(0.3)
    desk.until(lambda: True)
    assert step.log.text == ""
    step.log._handle_msg({"open": True})

    def written():
        wizard.watch_job()
        return "small job" in step.log.text

    desk.until(written)
    desk.session.close()
    service.cancel_job(job)


def test_the_title_of_the_page_tells_how_far_a_job_is_and_the_browser_that_it_ended(installation):
    job = put(installation, "complete 1")
    session_todo = SimpleQueue()
    desk = Desk(installation)
    desk.session._schedule = session_todo.put
    desk.todo = session_todo
    app = App(desk.session)
    app.open({"job": job})

    def title():
        service.run_queue()
        app.wizard.watch_job()
        return app.nav.title

    desk.until(lambda: title() == "50 % – alertferry")
    app.open({"page": "jobs"})
    assert app.nav.title == "50 % – alertferry"  # also from there
    assert app.nav.news == []
    desk.until(lambda: title() and app.nav.news)
    assert app.nav.news == [job, "Complete: complete 1", "7 alerts, 70 B"]
    assert app.nav.title == "Jobs – alertferry"
    app.open({"job": job})
    desk.until(lambda: app.nav.title == "Complete: complete 1 – alertferry")
    fresh = Desk(installation)
    other = App(fresh.session)
    other.open({"job": job})
    fresh.until(lambda: other.nav.title == "Complete: complete 1 – alertferry")
    assert other.nav.news == []  # it was over before that page came


@pytest.mark.parametrize(
    ("state", "progress", "expected"),
    [
        ("queued", None, "Waiting for its turn"),
        ("starting", None, "Starting Spark"),
        ("running", None, "Running"),
        ("running", {"alerts_total": 2000, "alerts_read": 847}, "42 %"),
        ("failed", {"alerts_total": 2000, "alerts_read": 847}, "Failed: complete"),
    ],
)
def test_titles(installation, state, progress, expected):
    record = service.submit(small_job(), Access("ann"))
    assert page_title(record.model_copy(update={"state": state, "progress": progress})) == expected


@pytest.mark.parametrize("do", [JobsPage._cancel, JobsPage._delete, lambda page, record: page._resubmit(record, None)])
def test_what_is_done_to_a_job_that_is_gone_names_no_command(desk, installation, do):
    job = put(installation, state="complete")
    desk.listed()
    record = desk.page._records[job]
    service.delete_job(job, desk.session.access)
    do(desk.page, record)
    desk.until(lambda: desk.page.notice.visible)
    assert desk.page.notice.lines == [f"There is no job {job}. It may have been deleted."]
