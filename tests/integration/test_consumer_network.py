"""A bad network between broker and consumer: cut, swallowed, late, slow; and brokers that come and go."""

import random
import threading
import time

import pytest

from alertferry.broker import running_broker
from alertferry.consumer import verify
from alertferry.core.errors import AlertferryError
from alertferry.core.settings import Settings
from tests.consuming import Case, consuming, expected, ids
from tests.proxy import proxied
from tests.publishing import Publisher, delete_records, keyed, light_alerts, publish
from tests.waiting import PATIENCE_SECONDS, until

pytestmark = pytest.mark.kafka


@pytest.fixture
def proxy(broker):
    with proxied(broker.port) as found:
        yield found


def through(case: Case, proxy) -> Case:
    return Case(Settings(bootstrap_servers=proxy.servers), proxy.servers, case.topic, case.folder)


def disturbed(work, every_seconds: tuple[float, float], chance: random.Random):
    """Call ``work`` again and again beside the test; return how to stop, which tells how often."""
    over = threading.Event()
    count = []

    def go_on():
        while not over.wait(chance.uniform(*every_seconds)):
            work()
            count.append(1)

    thread = threading.Thread(target=go_on)
    thread.start()

    def stop() -> int:
        over.set()
        thread.join()
        return len(count)

    return stop


def whole(case: Case, count: int) -> None:
    assert ids(case.folder) == expected(count)
    assert verify(case.folder).ok


def fetch_while_dropping(case: Case, proxy, count: int, drops: int) -> None:
    seed = random.randrange(10**6)
    print("seed", seed)
    publish(case.servers, case.topic, light_alerts(count))
    stop = disturbed(proxy.drop, (0.01, 0.2), random.Random(seed))
    proxy.bytes_per_second = 4e6
    dropped = runs = 0
    try:
        while dropped < drops or not runs:
            runs += 1
            try:
                found = through(case, proxy).consume(batch_alerts=200, timeout=20, from_beginning=dropped > 0)
                assert found.state == "complete", found.message
                assert ids(case.folder) == expected(count)
            except AlertferryError as error:
                print("run", runs, error)  # connections were cut before the first answer, ten seconds long
            dropped = proxy.connections
    finally:
        print("drops", stop(), "connections", proxy.connections, "runs", runs)
    proxy.bytes_per_second = 0
    assert case.consume().state == "complete"
    whole(case, count)


def test_cut_connections_are_made_again(case, proxy):
    fetch_while_dropping(case, proxy, 3_000, 6)


@pytest.mark.soak
def test_two_hundred_cut_connections(case, proxy):
    fetch_while_dropping(case, proxy, 40_000, 400)


def test_a_late_network_is_only_slower(case, proxy):
    publish(case.servers, case.topic, light_alerts(1_000), partitions=2)
    proxy.latency_seconds = 0.05
    assert through(case, proxy).consume().state == "complete"
    whole(case, 1_000)


@pytest.mark.soak
@pytest.mark.timeout(600)
@pytest.mark.parametrize(("latency_seconds", "bytes_per_second"), [(0.5, 0), (0, 64e3), (0.25, 64e3)])
def test_very_late_and_very_slow_networks(case, proxy, latency_seconds, bytes_per_second):
    publish(case.servers, case.topic, light_alerts(20_000))
    proxy.latency_seconds, proxy.bytes_per_second = latency_seconds, bytes_per_second
    assert through(case, proxy).consume(workers=2).state == "complete"
    whole(case, 20_000)


def swallow(case: Case, proxy, seconds: float, timeout: float) -> str:
    """Consume through a network that swallows everything for a while; return how the run ended."""
    publish(case.servers, case.topic, light_alerts(20_000))
    proxy.bytes_per_second = 400e3
    timer = threading.Timer(seconds, lambda: setattr(proxy, "holed", False))

    def begin(done, _):
        if done and not timer.is_alive() and not timer.finished.is_set():
            proxy.holed = True
            timer.start()

    found = through(case, proxy).consume(batch_alerts=200, timeout=timeout, progress=begin)
    timer.join()
    proxy.bytes_per_second = 0
    return found.state


@pytest.mark.parametrize("workers", [1, 2])
def test_a_connection_that_dies_unnoticed_is_replaced(case, proxy, workers):
    publish(case.servers, case.topic, light_alerts(20_000))
    proxy.bytes_per_second = 400e3
    killed = []

    def kill_once(done, _):
        if done and not killed:
            killed.append(proxy.kill_busiest())
            proxy.bytes_per_second = 0

    found = through(case, proxy).consume(batch_alerts=200, timeout=6, progress=kill_once, workers=workers)
    assert killed
    assert found.state == "complete"
    whole(case, 20_000)


@pytest.mark.soak
@pytest.mark.timeout(600)
@pytest.mark.parametrize(("timeout", "state"), [(60, "complete"), (5, "incomplete")])
def test_thirty_seconds_of_nothing(case, proxy, timeout, state):
    assert swallow(case, proxy, 30, timeout) == state
    assert case.consume().state == "complete"
    whole(case, 20_000)


@pytest.mark.soak
@pytest.mark.timeout(900)
@pytest.mark.parametrize("workers", [1, 2])
def test_a_broker_that_is_restarted_five_times(case, jars_home, tmp_path_factory, workers):
    home = tmp_path_factory.mktemp("restarted")
    with running_broker(home, jars_home=jars_home) as info:
        publish(info.bootstrap_servers, case.topic, light_alerts(60_000))
    with running_broker(home, info.port, jars_home=jars_home):
        process = consuming(
            Settings(bootstrap_servers=info.bootstrap_servers),
            case.topic,
            case.folder,
            batch_alerts=50,
            workers=workers,
        )
        until(lambda: list(case.folder.glob("p*.parquet")), pause=0.01)
    for _ in range(4):
        time.sleep(1)
        with running_broker(home, info.port, jars_home=jars_home):
            time.sleep(1.5)
    with running_broker(home, info.port, jars_home=jars_home):
        said, _ = process.communicate(timeout=PATIENCE_SECONDS)
        assert process.returncode == 0, said
    whole(case, 60_000)


def test_following_outlives_a_long_pause_of_the_job_and_cut_connections(case, proxy):
    job = Publisher.create(case.servers, case.topic)
    job.begin()
    messages = keyed(light_alerts(300))
    job.send(messages[:100])
    ended = []
    follower = threading.Thread(target=lambda: ended.append(through(case, proxy).consume(follow=True, timeout=5)))
    follower.start()
    for part in (messages[100:200], messages[200:]):
        time.sleep(0.7)
        proxy.drop()
        job.send(part)
    job.finish([key for key, _ in messages])
    follower.join(60)
    assert [found.state for found in ended] == ["complete"]
    whole(case, 300)


def test_records_that_expire_under_a_slow_reader_are_counted(case, proxy):
    count = 40_000
    chance = random.Random(1)
    alerts = [alert | {"band": chance.randbytes(200).hex()} for alert in light_alerts(count)]
    publish(case.servers, case.topic, alerts, partitions=1)
    proxy.bytes_per_second = 1e6  # however busy the machine: the client's queue must not hold all before the first file
    seen = []

    def expire(done, _):
        if done and not seen:
            delete_records(case.servers, case.topic, {0: count - 1_000})
            seen.append(done)
            proxy.bytes_per_second = 8e6

    found = through(case, proxy).consume(batch_alerts=200, progress=expire)
    assert (found.state, found.exit_code) == ("expired", 4)
    assert found.expired + found.alerts == count
    assert found.expired > 0
    assert f"{found.expired:,} alerts" in found.message
    assert len(set(ids(case.folder))) == found.alerts
