"""`alertferry run` and `alertferry jobs` on jobs that need no Spark, through the service as everybody uses it."""

import json
import os
import re
import signal
import subprocess
import sys
import time

import pytest

from alertferry import Files, Kafka, service
from alertferry.core.access import Access
from alertferry.core.errors import AlertferryError, JobError, UsageError
from alertferry.core.jobs.entry import Context
from alertferry.core.jobs.processes import Process
from tests.small_jobs import small_job
from tests.waiting import PATIENCE_SECONDS, until


def over(job_id):
    """Look as a dashboard does until a job is over."""

    def look():
        service.run_queue()
        record = service.show_job(job_id)
        return record if record.over else None

    return until(look)


@pytest.fixture
def file(installation, tmp_path):
    """Return a function that writes a job file."""

    def write(name):
        path = tmp_path / "job.yml"
        path.write_text(small_job(name).to_yaml())
        return path

    return write


def test_run_shows_up_among_the_jobs(alertferry, installation, file):
    ran = alertferry("run", file("complete"), "--json")
    assert ran.code == 0, ran.err
    assert {"state", "topic", "alerts", "bytes", "seconds", "steps", "receipt", "id"} <= set(ran.json)
    assert (ran.json["state"], ran.json["alerts"], ran.json["seconds"]) == ("complete", 7, 0.25)
    listed = alertferry("jobs", "list", "--json").json["jobs"]
    assert [(job["id"], job["state"], job["alerts"]) for job in listed] == [(ran.json["id"], "complete", 7)]
    shown = alertferry("jobs", "show", ran.json["id"][:6], "--json").json
    assert shown["receipt"]["alerts"] == 7
    assert "script" not in shown
    text = alertferry("jobs", "list").out
    assert ran.json["id"][:8] in text
    assert "complete" in text
    page = alertferry("jobs", "show", ran.json["id"][:6]).out
    assert "state      complete" in page
    assert "kind: lsst" in page
    assert "def main(spark" in alertferry("jobs", "show", ran.json["id"][:6], "--script").out
    assert "small job" in alertferry("jobs", "log", ran.json["id"][:6]).out


def test_run_tells_where_the_time_went_and_which_alerts_were_too_large(alertferry, installation, file):
    ran = alertferry("run", file("complete"))
    assert ran.code == 0, ran.err
    assert "time: start 9.1 s, publish 3.2 s" in ran.out
    assert "2 alerts left out, larger than 1,000 bytes: 11, 12" in ran.out
    found = alertferry("run", file("complete"), "--json").json["receipt"]
    assert found["oversize"] == {"action": "skip", "alerts": 2, "ids": ["11", "12"], "limit_bytes": 1000}
    assert found["timings"]["start"] == 9.06


def test_run_ends_with_the_errors_of_the_job(alertferry, installation, file):
    refused = alertferry("run", file("refuse"), "--json")
    assert refused.code == 2
    assert refused.json["problems"] == [{"path": "output.fields[0]", "message": "no field 'x'"}]
    died = alertferry("run", file("die"), "--json")
    assert (died.code, died.json["state"]) == (1, "failed")
    assert "ended without a result" in died.json["error"]
    states = [job["state"] for job in alertferry("jobs", "list", "--json").json["jobs"]]
    assert states == ["failed", "failed"]
    first = service.list_jobs()[1]
    assert "because    output.fields[0]: no field 'x'" in alertferry("jobs", "show", first.id).out


def test_the_topic_of_a_test_says_that_it_is_one(installation):
    job = small_job().model_copy(update={"output": Kafka(packet="full")})
    for asked, mark in ((job.as_test(), "_test-"), (job, "_")):
        context = Context(working_folder=str(installation.home))
        record = installation.queue.submit(asked, context, owner=None, launcher="small")
        topic = installation.queue.store.get(record.id).planned_topic
        assert re.fullmatch(rf"ftransfer_lsst_\d{{4}}-\d\d-\d\d{mark}[0-9a-f]{{16}}", topic)


def test_what_makes_no_topic_cannot_be_tested(alertferry, installation, file):
    refused = alertferry("run", file("complete"), "--test", "--json")
    assert (refused.code, [problem["path"] for problem in refused.json["problems"]]) == (2, ["output.kind"])
    assert service.list_jobs() == []


def test_nothing_is_stored_of_a_job_with_mistakes(installation):
    with pytest.raises(JobError):
        service.submit(small_job().model_copy(update={"output": Files(path="x", packet="nonsense")}))
    assert service.list_jobs() == []


def test_events_and_the_place_in_the_queue_are_told(installation):
    seen = []
    service.run(small_job("complete"), on_event=seen.append)
    assert [event["event"] for event in seen] == ["step", "progress", "result"]
    first = service.submit(small_job("complete 0.8"))
    seen.clear()
    outcome = service.run(small_job("complete"), on_event=seen.append)
    assert outcome.alerts == 7
    assert seen[0] == {"event": "queued", "ahead": 1}
    assert [event["event"] for event in seen if event["event"] != "queued"] == ["step", "progress", "result"]
    assert service.show_job(first.id).state == "complete"
    assert [job for job, _ in installation.lines("starts.txt")][1:] == [first.id, outcome.id]


def test_ctrl_c_cancels_what_runs_and_what_waits(installation, file):
    path = file("complete 60")
    command = [sys.executable, "-m", "alertferry.cli", "run", str(path), "--json"]
    first = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    until(lambda: [job for job in service.list_jobs() if job.state == "running"])
    second = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    until(lambda: len(service.list_jobs()) == 2)
    until(lambda: service.list_jobs(states=["queued"]))
    time.sleep(0.3)
    for process in (second, first):
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=PATIENCE_SECONDS)
        assert (process.returncode, json.loads(out)["state"]) == (1, "cancelled"), err
        assert "Traceback" not in err
    assert [job.state for job in service.list_jobs()] == ["cancelled", "cancelled"]
    assert len(installation.lines("starts.txt")) == 1


def test_ctrl_c_twice_leaves_nothing_of_a_job(installation, file):
    patient = "from tests.small_jobs import Small; Small.stop_seconds = 200; from alertferry.cli import main; main()"
    command = [sys.executable, "-c", patient, "run", str(file("stubborn 60")), "--json"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    job = until(lambda: service.list_jobs(states=["running"]))[0]
    details = json.loads((installation.home / "jobs" / job.id / "handle.json").read_text())
    process.send_signal(signal.SIGINT)
    until(lambda: installation.queue.store.get(job.id).cancel_asked)
    time.sleep(0.5)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=PATIENCE_SECONDS)
    assert (process.returncode, json.loads(out)["error"]) == (1, "cancelled; nothing of the job runs any more"), err
    assert Process.model_validate(details).alive is False
    assert service.show_job(job.id).state == "cancelled"


def test_a_detached_job_is_started_in_turn_and_looked_after(alertferry, installation, file):
    path = file("complete 0.2")
    ids = [alertferry("run", path, "--detach", "--json").json["id"]]
    said = alertferry("run", path, "--detach").out
    ids.append(said.split()[3])
    assert f"alertferry jobs show {ids[1][:8]}" in said
    until(lambda: all(service.show_job(job_id).state == "complete" for job_id in ids))
    assert [job for job, _ in installation.lines("starts.txt")] == ids
    until(lambda: not _keepers(installation))
    assert (installation.home / "jobs" / "keeper.txt").read_text() == ""


def _keepers(installation):
    import psutil

    found = []
    for process in psutil.process_iter(["cmdline"]):
        if "alertferry.keeper" in (process.info["cmdline"] or []):
            try:
                found += [process.pid] * (process.environ().get("ALERTFERRY_HOME") == str(installation.home))
            except psutil.Error:
                continue
    return found


def test_cancel(alertferry, installation):
    going = service.submit(small_job("complete 60"))
    service.run_queue()
    waiting = service.submit(small_job())
    called = alertferry("jobs", "cancel", waiting.id[:8], "--json")
    assert (called.code, called.json["state"]) == (0, "cancelled")
    called = alertferry("jobs", "cancel", going.id)
    assert (called.code, "is cancelled; nothing of it runs any more" in called.out) == (0, True)
    assert "was cancelled already" in alertferry("jobs", "cancel", going.id).out
    assert alertferry("jobs", "list", "--state", "cancelled", "--json").json["jobs"][0]["id"] == waiting.id


def test_resubmit_with_other_nights(alertferry, installation):
    first = service.submit(small_job(), Access("ana"))
    over(first.id)
    called = alertferry("jobs", "resubmit", first.id[:8], "--nights", "2026-05-01,2026-06-01..2026-06-03", "--json")
    assert called.code == 0, called.err
    again = over(called.json["id"])
    assert (again.state, again.owner) == ("complete", "ana")
    assert "nights: [2026-05-01, 2026-06-01..2026-06-03]" in again.job
    same = service.resubmit_job(first.id)
    assert (same.job, same.id != first.id) == (first.job, True)
    bad = alertferry("jobs", "resubmit", first.id, "--nights", "soon")
    assert (bad.code, "source.nights[0]: must be a night" in bad.err) == (2, True)
    service.cancel_job(same.id)


@pytest.mark.parametrize("command", ["show", "log", "cancel", "resubmit"])
@pytest.mark.parametrize("job_id", ["0123abcd", "nonsense", "%"])
def test_an_unknown_job_is_a_users_mistake(alertferry, installation, command, job_id):
    called = alertferry("jobs", command, job_id, "--json")
    assert (called.code, called.json["ok"]) == (2, False)
    assert f"there is no job '{job_id}'" in called.err


def test_an_unknown_state_is_a_users_mistake(alertferry, installation):
    called = alertferry("jobs", "list", "--state", "runing")
    assert (called.code, "did you mean 'running'" in called.err) == (2, True)
    assert "no such job yet" in alertferry("jobs", "list").err


def test_with_owners_nobody_reaches_anothers_job_by_any_way(installation):
    mine = service.submit(small_job(), Access("ana"))
    over(mine.id)
    ways = [
        lambda: service.show_job(mine.id, owner="ben"),
        lambda: service.find_job(mine.id[:8], owner="ben"),
        lambda: service.job_events(mine.id, owner="ben"),
        lambda: service.job_log(mine.id, owner="ben"),
        lambda: service.cancel_job(mine.id, Access("ben")),
        lambda: service.resubmit_job(mine.id, Access("ben")),
    ]
    for way in ways:
        with pytest.raises(UsageError, match="there is no job"):
            way()
    assert service.list_jobs(owner="ben") == []
    assert len(service.list_jobs(owner="ana")) == len(service.list_jobs()) == 1
    assert service.job_events(mine.id, owner="ana")[0][-1]["event"] == "result"
    assert "small job" in service.job_log(mine.id, owner="ana")


def ended(installation, name, owner):
    """Put a job into the store that is over."""
    record = installation.submit(name, owner)
    installation.queue.cancel(record.id)
    return record.id


def test_administrators_see_and_cancel_all_jobs_and_nobody_else_does(installation, monkeypatch):
    mine, theirs = installation.submit("complete", "ana").id, installation.submit("complete", "ben").id

    def seen(user, everybody):
        return {record.id for record in service.overview(Access(user, "page"), everybody=everybody)}

    for user in ("ben", "", "root", "ANA", "*"):
        with pytest.raises(UsageError, match="only administrators see the jobs of all users"):
            seen(user, True)
        assert seen(user, False) == ({theirs} if user == "ben" else set())
        assert not service.administers(Access(user, "page"))
    monkeypatch.setenv("ALERTFERRY_ADMINS", "root, ana")
    assert seen("ana", True) == seen("root", True) == {mine, theirs}
    assert seen("ana", False) == {mine}
    for user in ("ben", "an", "ana,root", "ana "):
        with pytest.raises(UsageError, match="only administrators"):
            seen(user, True)
        with pytest.raises(UsageError, match="there is no job"):
            service.cancel_job(mine, Access(user, "page"))
    for way in (service.show_job, service.job_log, service.job_events):  # what is in them is their owner's alone
        with pytest.raises(UsageError, match="there is no job"):
            way(theirs, owner="root")
    with pytest.raises(UsageError, match="there is no job"):
        service.resubmit_job(theirs, Access("root", "page"))
    assert service.cancel_job(theirs, Access("root", "page")).state == "cancelled"
    with pytest.raises(UsageError, match="there is no job"):
        service.delete_job(theirs, Access("root", "page"))
    assert {record.id: record.state for record in service.list_jobs()} == {mine: "queued", theirs: "cancelled"}


def test_nobody_deletes_a_job_of_another_or_one_that_is_not_over(installation, alertferry):
    waiting = installation.submit("complete", "ana").id
    mine, theirs = ended(installation, "complete", "ana"), ended(installation, "complete", "ben")
    for access in (Access("ben", "page"), Access("", "page"), Access(None, "page"), Access(None, "http")):
        with pytest.raises(UsageError, match=r"there is no job|is one of ana, who alone can delete it"):
            service.delete_job(mine, access)
    for user in ("ana", "ben"):
        with pytest.raises(UsageError, match=r"is not over yet; cancel it first|there is no job"):
            service.delete_job(waiting, Access(user, "page"))
    assert {record.id for record in service.list_jobs()} == {waiting, mine, theirs}
    service.delete_job(mine, Access("ana", "page"))
    with pytest.raises(UsageError, match="there is no job"):
        service.delete_job(mine, Access("ana", "page"))
    assert alertferry("jobs", "delete", theirs[:8]).code == 0
    assert {record.id for record in service.list_jobs()} == {waiting}


def test_a_deleted_job_takes_its_folder_along_and_is_owed_nothing(installation):
    record = over(service.submit(small_job()).id)
    folder, store = installation.home / "jobs" / record.id, installation.queue.store
    assert (folder / "log.txt").exists()
    store.change(record.id, ["complete"], tell_after=1.0)
    with pytest.raises(AlertferryError, match="has not been told yet that its topic will never be complete"):
        service.delete_job(record.id)
    store.change(record.id, ["complete"], tell_after=None)
    service.delete_job(record.id)
    assert not folder.exists()


def test_an_overview_reads_little_and_tells_how_far_a_job_is(installation):
    done = over(service.submit(small_job()).id)
    running = service.submit(small_job("complete 30"))
    service.run_queue()
    first = until(lambda: (found := service.overview(Access())) and found[0].progress and found[0])
    assert (first.id, first.progress["alerts_read"], first.progress["alerts_total"]) == (running.id, 10, 20)
    second = service.overview(Access())[1]
    assert (second.id, second.alerts, second.job, second.script) == (done.id, 7, done.job, "")
    assert [record.id for record in service.overview(Access(), limit=1)] == [running.id]
    service.cancel_job(running.id)


def test_the_end_of_a_long_log_begins_with_a_whole_line(installation):
    record = over(service.submit(small_job()).id)
    log = installation.home / "jobs" / record.id / "log.txt"
    log.write_text("".join(f"line {number}\n" for number in range(1000)))
    assert service.job_log(record.id, last_bytes=20) == "line 998\nline 999\n"
    assert len(service.job_log(record.id)) == log.stat().st_size


def test_a_job_finds_what_was_around_it_when_it_was_submitted(installation, tmp_path, monkeypatch):
    """Whoever starts it: the folder of its submission and the lakes as they were set there."""
    (tmp_path / "here/lakes/lsst/year=2026/month=01/day=01").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "here")
    monkeypatch.setenv("ALERTFERRY_LAKE_ZTF", "lakes/ztf")
    monkeypatch.setenv("ALERTFERRY_BOOTSTRAP_SERVERS", "b:1")
    record = service.submit(small_job())
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("ALERTFERRY_LAKE_ZTF")
    monkeypatch.delenv("ALERTFERRY_BOOTSTRAP_SERVERS")
    entry = installation.queue.store.get(record.id)
    settings = installation.queue._settings_for(entry)
    assert settings.lakes == {"ztf": str(tmp_path / "here/lakes/ztf")}
    assert settings.bootstrap_servers == "b:1"
    assert entry.context.working_folder == str(tmp_path / "here")


def test_a_command_that_is_killed_while_it_waits_leaves_no_job_to_start(installation, file):
    blocking = service.submit(small_job("complete 60"))
    service.run_queue()
    command = [sys.executable, "-m", "alertferry.cli", "run", str(file("complete"))]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    waiting = until(lambda: service.list_jobs(states=["queued"]))[0]
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    service.cancel_job(blocking.id)
    service.run_queue()
    assert service.show_job(waiting.id).state == "cancelled"
    with pytest.raises(AlertferryError, match="the command that waited for its turn is gone"):
        service._outcome(service.show_job(waiting.id))
