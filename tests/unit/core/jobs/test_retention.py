"""What was kept long enough goes; what is needed stays. Nothing waits: files and records are made old."""

import os
import time

import pytest

from alertferry.core.jobs import retention
from alertferry.core.jobs.entry import handle_text
from alertferry.core.settings import load_settings
from alertferry.core.steps import Handle

HOUR, DAY = 3600.0, 86_400.0


def age(folder, seconds):
    """Make a folder and all in it older."""
    then = time.time() - seconds
    for path in (*folder.iterdir(), folder):
        os.utime(path, (then, then))


@pytest.fixture
def ended(installation):
    """Return a function that stores a complete job which ended a number of days ago, with its folder."""

    def make(days, state="complete"):
        job_id = installation.submit().id
        folder = installation.home / "jobs" / job_id
        folder.mkdir(parents=True)
        (folder / "log.txt").write_text("what Spark said\n")
        then = time.time() - days * DAY
        values = {"ended": then, "expires": then + 7 * DAY, "topic": "ftransfer_x"}
        handle = handle_text(Handle(job_id, "small", folder, {"host": "h", "pid": 1, "birth": "b"}))
        installation.queue.store.change(job_id, ["queued"], state=state, handle=handle, **values)
        age(folder, days * DAY)
        return job_id, folder

    return make


@pytest.fixture
def upload(installation):
    """Return a function that puts a catalogue where uploads are kept, some hours old."""

    def make(number, hours):
        folder = installation.home / "uploads" / f"{number:032x}"
        folder.mkdir(parents=True)
        (folder / "stars.csv").write_text("id,ra,dec\n")
        (folder / ".owner").write_text("ana")
        age(folder, hours * HOUR)
        return folder

    return make


def sweep(installation, now=None):
    retention.sweep(installation.queue.store, load_settings(), time.time() if now is None else now)


def test_logs_and_folders_go_after_a_month(installation, ended):
    young, old = ended(29), ended(31, "failed")
    sweep(installation)
    assert young[1].exists()
    assert not old[1].exists()
    store, queue = installation.queue.store, installation.queue
    assert (store.get(young[0]).record.log_kept, store.get(old[0]).record.log_kept) == (True, False)
    assert queue.log(store.get(young[0]), 100) == "what Spark said\n"
    assert "logs are kept for 30 days" in queue.log(store.get(old[0]), 100)
    assert store.get(old[0]).record.state == "failed"
    assert queue.events(store.get(old[0]), 0) == ([], 0)


def test_a_running_job_keeps_its_folder_whatever_its_age(installation, ended):
    job_id, folder = ended(40, "running")
    sweep(installation)
    assert folder.exists()
    assert installation.queue.store.get(job_id).record.log_kept


def test_folders_that_belong_to_no_job_go_too_and_nothing_else(installation, ended):
    ended(1)
    jobs = installation.home / "jobs"
    orphan, named = jobs / ("a" * 32), jobs / "notes"
    for folder in (orphan, named):
        folder.mkdir()
        (folder / "log.txt").write_text("x")
        age(folder, 60 * DAY)
    outside = installation.home / "outside"
    outside.mkdir()
    age(outside, 60 * DAY)
    (jobs / ("b" * 32)).symlink_to(outside)
    sweep(installation)
    assert not orphan.exists()
    assert named.exists()
    assert outside.exists()


def test_topics_are_marked_when_their_records_have_expired(installation, ended):
    young, old = ended(6)[0], ended(8)[0]
    sweep(installation)
    store = installation.queue.store
    assert (store.get(young).record.expired, store.get(old).record.expired) == (False, True)
    assert store.get(old).record.topic == "ftransfer_x"


def test_uploaded_catalogues_go_after_a_day_but_not_from_under_a_job(installation, upload):
    young, old, needed, kept = upload(1, 23), upload(2, 25), upload(3, 25), upload(4, 25)
    store, ids = installation.queue.store, []
    for folder in (needed, kept):
        job_id = installation.submit().id
        store.change(job_id, ["queued"], job=f"filters: [{{kind: crossmatch, catalog: {folder.name}/stars.csv}}]")
        ids.append(job_id)
    store.change(ids[1], ["queued"], state="complete")
    sweep(installation)
    assert [folder.exists() for folder in (young, old, needed, kept)] == [True, False, True, False]


def test_the_times_are_settings(installation, ended, upload, monkeypatch):
    monkeypatch.setenv("ALERTFERRY_JOB_RETENTION_DAYS", "2")
    monkeypatch.setenv("ALERTFERRY_CATALOG_RETENTION_HOURS", "1")
    folders = [ended(3)[1], ended(1)[1], upload(1, 2), upload(2, 0.5)]
    sweep(installation)
    assert [folder.exists() for folder in folders] == [False, True, False, True]


def test_it_happens_by_itself_now_and_then(installation, ended):
    queue = installation.queue
    first = ended(31)[1]
    retention.sweep_when_due(queue.store, queue.settings)
    assert not first.exists()
    second = ended(31)[1]
    retention.sweep_when_due(queue.store, queue.settings)
    assert second.exists()
    assert not queue.store.take_sweep(time.time() + retention.EVERY_SECONDS - 10, retention.EVERY_SECONDS)
    assert queue.store.take_sweep(time.time() + retention.EVERY_SECONDS + 10, retention.EVERY_SECONDS)
