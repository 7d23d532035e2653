"""How a run ends, from what is on disk and what the topic says."""

import time
from types import SimpleNamespace

import pytest

from alertferry.consumer import consume, fetch, repeats
from alertferry.consumer.archive import Archive, Recipe
from alertferry.consumer.connection import FETCHING, open_consumer
from alertferry.consumer.crew import Task
from alertferry.consumer.delivery import Delivery, count_text
from alertferry.consumer.fetch import Order, _Run
from alertferry.consumer.folder import Folder
from alertferry.consumer.intake import Limits, OvertakenError, SilentBrokerError
from alertferry.consumer.judge import verdict
from alertferry.consumer.pacing import Pacing
from alertferry.consumer.signals import Interruption
from alertferry.consumer.source import Outlook
from alertferry.consumer.spans import Span
from alertferry.core.errors import UsageError
from alertferry.core.settings import Settings
from tests.delivered import chunk, complete, label, manifest, recipe
from tests.publishing import keyed, light_alerts

MESSAGES = keyed(light_alerts(20))
PATIENT = Limits(timeout=60)
IMPATIENT = Limits(timeout=0.01)


def verdict_on(path, outlook, *, held=20, limit=None, limits=PATIENT, todo=(), messages=MESSAGES) -> Delivery | None:
    """The verdict on a folder that holds the first ``held`` messages of partition 0."""
    folder = Folder(path, label(about=outlook.manifest))
    folder.open(False)
    if held:
        folder.add(Archive(recipe(path)).write(chunk(0, 0, messages[:held])))
    folder.close()
    pacing = Pacing(limits)
    pacing.saw(outlook)
    time.sleep(0.02)
    return verdict(folder, outlook, limit, todo, pacing)


def outlook(state="complete", high=20, low=0, **changes) -> Outlook:
    about = None
    if state:
        about = complete(MESSAGES, {0: 20}) if state == "complete" else manifest(state=state, **changes)
    return Outlook(about, {0: low}, {0: high})


def test_the_receipt_is_the_end(tmp_path):
    found = verdict_on(tmp_path, outlook())
    assert (found.state, found.exit_code, found.alerts) == ("complete", 0, 20)
    assert "all that the job's receipt names" in found.message


def test_nothing_ends_while_there_is_more_to_fetch(tmp_path):
    assert verdict_on(tmp_path, outlook(), held=5, todo=[Span(0, 5, 20)], limits=IMPATIENT) is None


def test_a_running_job_ends_only_by_the_timeout(tmp_path):
    assert verdict_on(tmp_path, outlook("publishing")) is None
    found = verdict_on(tmp_path, outlook("publishing"), limits=IMPATIENT)
    assert (found.state, found.exit_code) == ("incomplete", 3)
    assert "20 alerts" in found.message
    assert "run the same command again" in found.message


@pytest.mark.parametrize("state", ["failed", "cancelled"])
def test_a_job_that_failed_is_not_fetched(tmp_path, state):
    found = verdict_on(tmp_path, outlook(state, reason="no memory"), held=5, todo=[Span(0, 5, 20)])
    assert (found.state, found.exit_code) == (state, 3)
    assert "no memory" in found.message
    assert "5 alerts" in found.message


def test_a_topic_without_receipt_ends_by_the_timeout_and_says_so(tmp_path):
    assert verdict_on(tmp_path, outlook(None)) is None
    found = verdict_on(tmp_path, outlook(None), limits=IMPATIENT)
    assert (found.state, found.exit_code) == ("unconfirmed", 0)
    assert "no receipt" in found.message


def test_a_limit_is_an_end_unless_everything_is_there(tmp_path):
    found = verdict_on(tmp_path / "a", outlook(), held=5, limit=5)
    assert (found.state, found.exit_code) == ("limit", 0)
    assert "without --limit" in found.message
    assert verdict_on(tmp_path / "b", outlook(), limit=20).state == "complete"
    assert verdict_on(tmp_path / "c", outlook("publishing"), held=5, limit=5).state == "limit"


def test_expired_alerts_are_counted(tmp_path):
    found = verdict_on(tmp_path, outlook(low=9), held=5)
    assert (found.state, found.exit_code, found.expired) == ("expired", 4, 4)
    assert "4 alerts" in found.message


def test_bad_messages_end_with_damage(tmp_path):
    damaged = [*MESSAGES[:19], (MESSAGES[19][0], b"junk")]
    found = verdict_on(tmp_path, outlook(), messages=damaged)
    assert (found.state, found.exit_code, found.bad, found.alerts) == ("damaged", 4, 1, 19)
    assert "_bad" in found.message


def test_other_alerts_than_the_receipt_names_are_damage(tmp_path):
    found = verdict_on(tmp_path, outlook(), messages=keyed(light_alerts(20, first=77)))
    assert (found.state, found.exit_code) == ("damaged", 4)
    assert "does not hold what its receipt says" in found.message


def test_a_topic_shorter_than_its_receipt_is_waited_for(tmp_path):
    shorter = outlook(high=15)
    assert shorter.ends == {0: 15}
    assert verdict_on(tmp_path, shorter, held=15) is None
    found = verdict_on(tmp_path, shorter, held=15, limits=IMPATIENT)
    assert (found.state, found.exit_code) == ("incomplete", 3)
    assert "5 records before its receipt" in found.message


def test_a_delivery_is_plain_data(tmp_path):
    data = verdict_on(tmp_path, outlook()).to_dict()
    assert data["files"] == [str(tmp_path / "p00-000000000000-000000000019.parquet")]
    assert {"state", "alerts", "files", "duplicates_dropped", "bad"} <= data.keys()


def test_counts_are_words():
    assert (count_text(1), count_text(1234)) == ("1 alert", "1,234 alerts")


def paced(last_fetch, state="publishing", timeout=60.0, waiting=10):
    pacing = Pacing(Limits(timeout=timeout, batch_alerts=100))
    look = outlook(state)
    pacing.saw(look)
    pacing._last_fetch = last_fetch
    return pacing.due([Span(0, 0, waiting)] if waiting else [], look)


def test_alerts_wait_on_the_broker_until_they_fill_a_file():
    now = time.monotonic()
    assert paced(None)
    assert not paced(now)
    assert paced(now, waiting=100)
    assert paced(now - 31)
    assert paced(now - 2, timeout=4)
    assert paced(now, state="complete")
    assert not paced(None, waiting=0)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"limit": 0}, "limit must be greater than 0, got 0"),
        ({"workers": -1}, "workers"),
        ({"timeout": 0}, "timeout"),
        ({"format": "csv"}, "no file format 'csv'; choose parquet or avro"),
        ({"topic": ""}, "no topic"),
    ],
)
def test_orders_that_cannot_be_meant(tmp_path, changes, said):
    with pytest.raises(UsageError, match=said):
        consume(**({"topic": "t", "outdir": tmp_path, "settings": Settings()} | changes))


def test_a_file_is_no_folder(tmp_path):
    (tmp_path / "f").touch()
    with pytest.raises(UsageError, match="is a file"):
        consume("t", tmp_path / "f", settings=Settings())


def test_a_broker_must_be_known(tmp_path):
    with pytest.raises(UsageError, match="ALERTFERRY_BOOTSTRAP_SERVERS") as caught:
        consume("t", tmp_path / "f", settings=Settings())
    assert "alertferry broker start" in str(caught.value)
    assert not (tmp_path / "f").exists()


def test_unknown_client_options_are_named():
    settings = Settings(bootstrap_servers="localhost:1", kafka={"sasl.passwort": "hush"})
    with pytest.raises(UsageError, match=r"sasl\.passwort") as caught:
        open_consumer(settings)
    assert "hush" not in str(caught.value)


def test_user_options_cannot_weaken_the_promise():
    settings = Settings(bootstrap_servers="localhost:1", kafka={"enable.auto.commit": "true", "group.id": "mine"})
    open_consumer(settings).close()
    assert FETCHING["enable.auto.commit"] is False
    assert FETCHING["auto.offset.reset"] == "error"


def test_a_task_goes_to_a_worker_whole():
    settings = Settings(bootstrap_servers="localhost:1", kafka={"sasl.password": "hush"})
    task = Task(settings, Recipe("/f", "t", "avro", "{}", "00", None), "group", Limits(1, 2, 3.0))
    assert Task.from_line(task.to_line()) == task
    assert "\n" not in task.to_line()
    assert "hush" not in repr(task)


class _Broker:
    """A source of one topic with a repeated record, whose reader does as it is told."""

    manifest = None
    topic_id = "id"

    def __init__(self, looks):
        self._looks = looks

    def look(self):
        return next(self._looks)


@pytest.mark.parametrize(
    ("error", "state", "code"), [(SilentBrokerError, "incomplete", 3), (OvertakenError, "expired", 4)]
)
def test_looking_for_repeats_ends_as_fetching_does(tmp_path, monkeypatch, error, state, code):
    about = complete(MESSAGES, {0: 21})
    about = about.model_copy(update={"receipt": about.receipt.model_copy(update={"acknowledged": {0: 21}})})
    assert about.receipt.records == 21
    folder = Folder(tmp_path, label(about=about))
    folder.open(False)
    order = Order("t", tmp_path, Settings(), "parquet", None, 1, False, False, PATIENT, None)
    looks = iter([Outlook(about, {0: 0}, {0: 21}), Outlook(about, {0: 21}, {0: 21})])
    run = _Run(order, _Broker(looks), folder, None, Interruption())
    monkeypatch.setattr(fetch, "Intake", lambda *_: SimpleNamespace(close=lambda: None))
    failures = iter([error("the broker sends nothing")])

    def repeated(*_):
        if (failure := next(failures, None)) is not None:
            raise failure
        return {}

    monkeypatch.setattr(repeats, "repeated_offsets", repeated)
    delivery = run.deliver(lambda *_: None)
    assert (delivery.state, delivery.exit_code) == (state, code)
    assert error("").exit_code == code
    folder.close()
