"""The store: what goes in comes out, to its owner, in order; and the database is a good citizen."""

import os
import re
import sqlite3
import stat
import subprocess
import sys

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from sqlalchemy import update

from alertferry.core.errors import AlertferryError, UsageError
from alertferry.core.jobs import tables
from alertferry.core.jobs.entry import Context
from alertferry.core.jobs.processes import this_process
from alertferry.core.jobs.record import ACTIVE, OVER, STATES
from alertferry.core.jobs.store import NewJob, Store
from alertferry.core.jobs.tables import STORE, connect
from alertferry.core.settings import Settings, load_settings
from tests.small_jobs import small_job
from tests.waiting import PATIENCE_SECONDS

HERE = Context(working_folder="/work", lakes={"lsst": "hdfs:///lake"}, bootstrap_servers="b:1")


def new(name="complete", owner=None):
    return NewJob(small_job(name), HERE, "small", "ftransfer_x", owner)


@pytest.fixture
def store(tmp_path):
    return Store.open(Settings(home=tmp_path / "home"))


def test_what_was_stored_is_found_again(store):
    entry = store.add(new(owner="ana"))
    assert store.get(entry.record.id, "ana") == entry
    assert (entry.context, entry.planned_topic, entry.record.owner) == (HERE, "ftransfer_x", "ana")
    assert entry.record.job == small_job().to_yaml()
    assert entry.record.submitted.utcoffset().total_seconds() == 0


def test_ids_are_128_random_bits(store):
    ids = {store.add(new()).record.id for _ in range(20)}
    assert len(ids) == 20
    assert all(re.fullmatch(r"[0-9a-f]{32}", job_id) for job_id in ids)
    assert len({job_id[:4] for job_id in ids}) > 15


def test_newest_first_and_limited(store):
    ids = [store.add(new()).record.id for _ in range(5)]
    assert [entry.record.id for entry in store.newest(limit=3)] == ids[:1:-1]


def test_states_are_filtered_and_checked(store):
    one, two = (store.add(new()).record.id for _ in range(2))
    store.change(one, ["queued"], state="failed")
    assert [entry.record.id for entry in store.newest(states=["failed"])] == [one]
    assert [entry.record.id for entry in store.newest(states=["queued", "running"])] == [two]
    with pytest.raises(UsageError, match="no state 'runing'; did you mean 'running'"):
        store.newest(states=["runing"])


def test_the_beginning_of_an_id_is_enough_when_it_is_the_only_one(store):
    entry = store.add(new(owner="ana"))
    job_id = entry.record.id
    assert store.find(job_id[:6]).record.id == store.find(f" {job_id.upper()} ").record.id == job_id
    assert store.find(job_id[:6], "ana").record.id == job_id
    for wrong in ("", "%", "_" * 32, "zz", "0" * 33, job_id + "0", "' OR 1=1 --"):
        with pytest.raises(UsageError, match="there is no job"):
            store.find(wrong)
    with pytest.raises(UsageError, match="there is no job"):
        store.find(job_id[:6], "ben")
    while len({entry.record.id[0] for entry in store.newest()}) == len(store.newest()):
        store.add(new())
    first = next(c for c in "0123456789abcdef" if sum(e.record.id[0] == c for e in store.newest()) > 1)
    with pytest.raises(UsageError, match="more than one job begins with"):
        store.find(first)


def test_an_owner_never_meets_the_jobs_of_another(store):
    mine, theirs = store.add(new(owner="ana")).record.id, store.add(new(owner="ben")).record.id
    nobodys = store.add(new()).record.id
    assert [entry.record.id for entry in store.newest(owner="ana")] == [mine]
    said = set()
    for job_id in (theirs, nobodys, "0" * 32):
        with pytest.raises(UsageError) as caught:
            store.get(job_id, "ana")
        said.add(str(caught.value).replace(job_id, "ID"))
    assert said == {"there is no job 'ID'; `alertferry jobs list` shows them"}
    assert store.newest(owner="") == []
    assert len(store.newest()) == 3


class Life(RuleBasedStateMachine):
    """Whatever is asked of jobs in whatever order: a final state stays, the limit holds, claims are in order."""

    home = None

    @initialize(limit=st.integers(1, 3))
    def begin(self, limit):
        self.store, self.limit = Store(connect(Settings(home=self.home))), limit
        for entry in self.store.newest(limit=10_000):
            self.store.change(entry.record.id, STATES, state="failed")
        self.waiting, self.active, self.over = [], set(), {}

    @rule()
    def submit(self):
        self.waiting.append(self.store.add(new()).record.id)

    @rule()
    def claim(self):
        entry = self.store.claim(this_process(), self.limit)
        if self.waiting and len(self.active) < self.limit:
            assert entry.record.id == self.waiting.pop(0)
            assert entry.record.state == "starting"
            self.active.add(entry.record.id)
        else:
            assert entry is None

    @precondition(lambda self: self.active)
    @rule(state=st.sampled_from(sorted(OVER)))
    def end(self, state):
        job_id = min(self.active)
        assert self.store.change(job_id, ACTIVE, state=state)
        self.active.remove(job_id)
        self.over[job_id] = state

    @precondition(lambda self: self.over)
    @rule(state=st.sampled_from(STATES))
    def try_to_end_again(self, state):
        assert not self.store.change(min(self.over), ACTIVE, state=state)

    @precondition(lambda self: self.waiting)
    @rule()
    def cancel_in_the_queue(self):
        job_id = self.waiting.pop()
        assert self.store.change(job_id, ["queued"], state="cancelled")
        self.over[job_id] = "cancelled"

    @invariant()
    def the_store_agrees(self):
        if self.home and hasattr(self, "waiting"):
            assert [entry.record.id for entry in self.store.queued()] == self.waiting
            assert {entry.record.id for entry in self.store.active()} == self.active
            assert all(self.store.get(job_id).record.state == state for job_id, state in self.over.items())


def test_states_only_go_forward(tmp_path):
    Life.home = tmp_path / "home"
    test = Life.TestCase("runTest")
    test.settings = settings(max_examples=8, stateful_step_count=15, deadline=None)
    test.runTest()


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(owner=st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=20), reason=st.text(max_size=50))
def test_any_text_is_kept_as_it_is(store, owner, reason):
    job_id = store.add(new(owner=owner)).record.id
    store.change(job_id, ["queued"], state="failed", reason=reason)
    record = store.get(job_id, owner).record
    assert (record.owner, record.reason) == (owner, reason.replace("\0", "?"))


def test_text_that_is_no_text_is_kept_as_well_as_it_can_be(store):
    """A file name that is not UTF-8 stands in a message as a lone surrogate."""
    job_id = store.add(new()).record.id
    store.change(job_id, ["queued"], state="failed", reason="no file 'a\udcff'\0")
    assert store.get(job_id).record.reason == "no file 'a?'?"


WRITER = """
import sys
from pathlib import Path
from alertferry.core.jobs.store import Store
from alertferry.core.settings import Settings
from alertferry.core.jobs.entry import Context
from alertferry.core.jobs.store import NewJob
from tests.small_jobs import small_job
new = NewJob(small_job(), Context(working_folder="/"), "small", "t")
store = Store.open(Settings(home=Path(sys.argv[1])))
for _ in range(15):
    job_id = store.add(new).record.id
    assert store.change(job_id, ["queued"], state="failed", reason="x")
    store.newest(limit=5)
"""


def test_many_processes_write_at_once_and_the_first_makes_the_tables(tmp_path):
    command = [sys.executable, "-c", WRITER, str(tmp_path / "home")]
    writers = [subprocess.Popen(command, stderr=subprocess.PIPE) for _ in range(2)]
    said = [writer.communicate(timeout=PATIENCE_SECONDS)[1].decode() for writer in writers]
    assert [writer.returncode for writer in writers] == [0] * 2, said
    store = Store.open(Settings(home=tmp_path / "home"))
    assert len(store.newest(states=["failed"], limit=1000)) == 30


def test_the_file_is_for_its_user_only_and_readers_do_not_wait(store, tmp_path):
    store.add(new())
    file = tmp_path / "home" / "jobs.sqlite"
    assert stat.S_IMODE(os.stat(file).st_mode) == 0o600
    with store.engine.begin() as connection:
        connection.execute(update(STORE).values(turn=STORE.c.turn + 1))  # a writer in the middle of its work
        assert len(store.newest()) == 1
        assert connection.exec_driver_sql("PRAGMA journal_mode").scalar() == "wal"


def test_another_database_is_named_by_its_url(tmp_path):
    settings = load_settings(
        {"ALERTFERRY_HOME": str(tmp_path), "ALERTFERRY_JOBS_URL": f"sqlite:///{tmp_path}/other.db"}
    )
    Store.open(settings).add(new())
    assert (tmp_path / "other.db").exists()
    assert not (tmp_path / "jobs.sqlite").exists()


@pytest.mark.parametrize(
    ("url", "error", "message"),
    [
        ("nonsense", UsageError, "it is not a database URL; give an SQLAlchemy URL as"),
        ("oracle+nothing://h/d", UsageError, "with its driver installed"),
        (
            "sqlite:////proc/no/jobs.sqlite",
            UsageError,
            "cannot write the job store /proc/no/jobs.sqlite: No such file or directory; set ALERTFERRY_HOME, or ALERTFERRY_JOBS_URL",
        ),
    ],
)
def test_a_store_that_cannot_be_used_is_explained(tmp_path, url, error, message):
    with pytest.raises(error) as caught:
        Store.open(Settings(home=tmp_path, jobs_url=url))
    assert message in str(caught.value)


def test_a_file_that_is_no_database_is_named(tmp_path):
    (tmp_path / "jobs.sqlite").write_text("not a database " * 100)
    with pytest.raises(AlertferryError, match=r"jobs\.sqlite does not answer \(file is not a database\)"):
        Store.open(Settings(home=tmp_path))


def test_a_store_that_goes_away_is_named_and_not_traced(store, tmp_path):
    store.engine.dispose()
    (tmp_path / "home" / "jobs.sqlite").unlink()
    for ask in (store.newest, lambda: store.add(new())):
        with pytest.raises(AlertferryError, match=r"jobs\.sqlite does not answer \(no such table: jobs\)"):
            ask()


def test_a_store_of_a_later_version_is_refused(store, tmp_path):
    with store.engine.begin() as connection:
        connection.execute(update(STORE).values(format=99))
    other = Settings(home=tmp_path / "home", jobs_url=f"sqlite:///{tmp_path}/home/./jobs.sqlite")
    with pytest.raises(UsageError, match=r"written by a newer alertferry \(format 99\); upgrade this one"):
        Store.open(other)


def test_the_password_of_a_database_is_a_secret():
    settings = Settings(jobs_url="postgresql+psycopg://me:can%40ry-8@db.example.org/jobs")
    assert "can" not in repr(settings).replace("cancel", "")
    assert settings.redact("login can@ry-8 or can%40ry-8") == "login *** or ***"


def test_opening_a_store_again_leaves_the_locks_of_this_process(tmp_path):
    """As two first callers in threads do: who closes the file loses the locks that his process has on it."""
    connect(Settings(home=tmp_path)).dispose()
    path = tmp_path / "jobs.sqlite"
    other = "import sqlite3, sys; sqlite3.connect(sys.argv[1], timeout=0).execute('BEGIN IMMEDIATE')"
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("PRAGMA journal_mode=DELETE")  # whose locks are on the file itself
    connection.execute("BEGIN IMMEDIATE")
    tables._make_private(path)
    done = subprocess.run([sys.executable, "-c", other, str(path)], capture_output=True, text=True, check=False)
    connection.close()
    assert "database is locked" in done.stderr
