"""The embedded broker: a real Apache Kafka, started, used, killed and started again."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from confluent_kafka import Consumer, KafkaError, KafkaException, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic

from alertferry.broker import BrokerInfo, running_broker, start, status, stop
from alertferry.core.errors import AlertferryError, UsageError
from tests.waiting import PATIENCE_SECONDS, until

pytestmark = pytest.mark.kafka


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Path]:
    """A home of the test's own; its broker is stopped whatever the test did."""
    folder = tmp_path / "höme 1"
    yield folder
    stop(folder)


def create_topic(info: BrokerInfo, topic: str) -> int:
    """Create a topic with the broker's own defaults and return its number of partitions."""
    admin = AdminClient({"bootstrap.servers": info.bootstrap_servers})
    admin.create_topics([NewTopic(topic)])[topic].result(30)
    # a new topic is listed a moment before its partitions
    return until(lambda: len(admin.list_topics(topic, timeout=10).topics[topic].partitions))


def produce(info: BrokerInfo, topic: str, *values: bytes) -> None:
    producer = Producer({"bootstrap.servers": info.bootstrap_servers, "message.max.bytes": 20_000_000})
    failures: list[object] = []
    for value in values:
        producer.produce(topic, value, on_delivery=lambda error, _: failures.append(error))
    assert producer.flush(30) == 0
    assert failures == [None] * len(values)


def consume(info: BrokerInfo, topic: str, count: int, group: str = "readers") -> list[bytes]:
    """Read ``count`` messages as a member of a group and commit them."""
    consumer = Consumer(
        {
            "bootstrap.servers": info.bootstrap_servers,
            "group.id": group,
            "auto.offset.reset": "earliest",
            "enable.auto.commit": False,
        }
    )
    consumer.subscribe([topic])
    values: list[bytes] = []
    deadline = time.monotonic() + PATIENCE_SECONDS
    while len(values) < count and time.monotonic() < deadline:
        for message in consumer.consume(count - len(values), timeout=0.2):
            assert message.error() is None
            values.append(message.value())
    consumer.commit(asynchronous=False)
    consumer.close()
    return sorted(values)


def committed(info: BrokerInfo, topic: str, partitions: int, group: str = "readers") -> int:
    """Return how many messages of a topic a group has committed."""
    consumer = Consumer({"bootstrap.servers": info.bootstrap_servers, "group.id": group})
    wanted = [TopicPartition(topic, number) for number in range(partitions)]
    offsets = None
    for _ in range(100):
        try:
            offsets = consumer.committed(wanted, timeout=30)
            break
        except KafkaException as error:
            if error.args[0].code() != KafkaError.NOT_COORDINATOR:
                raise
        time.sleep(0.2)  # a broker that has just started loads its groups first
    assert offsets is not None
    consumer.close()
    return sum(max(part.offset, 0) for part in offsets)


def alive(pid: int) -> bool:
    return psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE


def eventually_gone(pid: int) -> bool:
    return until(lambda: not alive(pid))


def run_python(code: str, *arguments: object) -> subprocess.Popen[str]:
    """Run code in a process group of its own, as a terminal would."""
    command = [sys.executable, "-c", code, *map(str, arguments)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, process_group=0)


def test_messages_go_in_and_come_out(broker: BrokerInfo) -> None:
    assert create_topic(broker, "in-and-out") == 10
    values = [f"alert {number}".encode() for number in range(100)]
    produce(broker, "in-and-out", *values)
    assert consume(broker, "in-and-out", 100) == sorted(values)


def test_packets_of_nine_megabytes_pass(broker: BrokerInfo) -> None:
    create_topic(broker, "large")
    packet = os.urandom(9_000_000)
    produce(broker, "large", packet)
    assert consume(broker, "large", 1) == [packet]


def test_topics_are_not_made_by_accident(broker: BrokerInfo) -> None:
    producer = Producer({"bootstrap.servers": broker.bootstrap_servers, "message.timeout.ms": 2000})
    producer.produce("mistyped", b"")
    producer.flush(5)
    admin = AdminClient({"bootstrap.servers": broker.bootstrap_servers})
    assert "mistyped" not in admin.list_topics(timeout=10).topics


def test_only_this_machine_can_connect(broker: BrokerInfo) -> None:
    listening = [c for c in psutil.Process(broker.pid).net_connections() if c.status == psutil.CONN_LISTEN]
    assert len(listening) == 2
    assert {connection.laddr.ip.removeprefix("::ffff:") for connection in listening} == {"127.0.0.1"}


def test_a_stop_keeps_topics_offsets_and_port(home: Path, jars_home: Path) -> None:
    assert status(home) is None
    assert stop(home) is False
    first = start(home, jars_home=jars_home)
    assert status(home) == first
    assert start(home, jars_home=jars_home) == first
    create_topic(first, "kept")
    produce(first, "kept", b"one", b"two", b"three")
    assert len(consume(first, "kept", 2)) == 2

    assert stop(home) is True
    assert not alive(first.pid)
    assert status(home) is None
    assert stop(home) is False

    second = start(home, jars_home=jars_home)
    assert second.pid != first.pid
    assert second.bootstrap_servers == first.bootstrap_servers
    assert committed(second, "kept", 10) == 2
    assert len(consume(second, "kept", 1)) == 1
    assert committed(second, "kept", 10) == 3


def test_a_killed_broker_starts_again_with_its_messages(home: Path, jars_home: Path) -> None:
    first = start(home, jars_home=jars_home)
    create_topic(first, "kept")
    produce(first, "kept", b"one")
    os.kill(first.pid, signal.SIGKILL)
    second = start(home, jars_home=jars_home)
    assert consume(second, "kept", 1) == [b"one"]


def test_a_stale_record_harms_no_stranger(home: Path, jars_home: Path) -> None:
    """After a reboot, the recorded pid may be anybody's."""
    first = start(home, jars_home=jars_home)
    stop(home)
    record = home / "broker" / "broker.json"
    stranger = subprocess.Popen(["sleep", "60"])
    try:
        content = json.loads(record.read_text())
        content["info"]["pid"] = stranger.pid
        record.write_text(json.dumps(content))
        assert status(home) is None
        assert stop(home) is False
        second = start(home, jars_home=jars_home)
        assert second.port == first.port
        assert stop(home) is True
        assert stranger.poll() is None
    finally:
        stranger.kill()
        stranger.wait()


def test_a_damaged_record_counts_as_none(home: Path) -> None:
    (home / "broker").mkdir(parents=True)
    (home / "broker" / "broker.json").write_text('{"info": {"pid"')
    assert status(home) is None
    assert stop(home) is False


def test_a_taken_port(home: Path, jars_home: Path) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        with pytest.raises(
            UsageError, match=f"port {port} of 127.0.0.1 cannot be used: Address already in use; choose"
        ):
            start(home, port, jars_home=jars_home)
    info = start(home, port, jars_home=jars_home)
    assert info.bootstrap_servers == f"127.0.0.1:{port}"
    with pytest.raises(UsageError, match=rf"already running on 127\.0\.0\.1:{port}; stop it .* on port 1234"):
        start(home, 1234, jars_home=jars_home)
    stop(home)
    with socket.socket() as other:
        other.bind(("127.0.0.1", port))
        other.listen()
        moved = start(home, jars_home=jars_home)
        assert moved.port != port
        assert create_topic(moved, "elsewhere") == 10


@pytest.mark.parametrize("port", [0, -1, 65536])
def test_a_port_that_is_none(port: int, home: Path, jars_home: Path) -> None:
    with pytest.raises(UsageError, match=f"port must be between 1 and 65535, got {port}"):
        start(home, port, jars_home=jars_home)


def test_properties_win_over_the_defaults(home: Path, jars_home: Path) -> None:
    properties = {"num.partitions": "3", "log.retention.hours": "1"}
    info = start(home, properties=properties, jars_home=jars_home)
    assert create_topic(info, "three") == 3
    assert start(home, properties=properties, jars_home=jars_home) == info
    with pytest.raises(UsageError, match=r"already running on .* with other properties; stop it"):
        start(home, properties={"num.partitions": "4"}, jars_home=jars_home)


@pytest.mark.parametrize(
    ("properties", "message"),
    [
        (
            {"listeners": "PLAINTEXT://0.0.0.0:9092"},
            "'listeners' cannot be set: the broker listens on this machine only",
        ),
        ({"num.partitions": "3\nlisteners=PLAINTEXT://0.0.0.0:9092"}, "'num.partitions': a line break is not possible"),
        ({"num.partitons": "3"}, "no broker property 'num.partitons'; did you mean 'num.partitions'"),
        ({"num.partitions": "many"}, "Invalid value many for configuration num.partitions"),
    ],
)
def test_wrong_properties(properties: dict[str, str], message: str, home: Path, jars_home: Path) -> None:
    with pytest.raises(UsageError) as caught:
        start(home, properties=properties, jars_home=jars_home)
    assert message in str(caught.value)
    assert "\tat " not in str(caught.value)
    assert status(home) is None


def test_a_broker_that_cannot_start_says_why(home: Path, jars_home: Path) -> None:
    start(home, jars_home=jars_home)
    stop(home)
    meta = home / "broker" / "data" / "meta.properties"
    meta.write_text(meta.read_text().replace("node.id=1", "node.id=7"))
    with pytest.raises(AlertferryError, match="the broker ended while starting") as caught:
        start(home, jars_home=jars_home)
    assert not isinstance(caught.value, UsageError)
    assert "7" in str(caught.value)
    assert str(home / "broker" / "broker.log") in str(caught.value)
    assert len(str(caught.value).splitlines()) < 10
    assert status(home) is None


def test_a_home_the_broker_cannot_work_in(tmp_path: Path, jars_home: Path) -> None:
    with pytest.raises(UsageError, match="',' separates folders; choose another home"):
        start(tmp_path / "a,b", jars_home=jars_home)


def test_a_block_stops_its_broker_when_it_fails(home: Path, jars_home: Path) -> None:
    with contextlib.suppress(KeyboardInterrupt), running_broker(home, jars_home=jars_home) as info:
        assert alive(info.pid)
        raise KeyboardInterrupt
    assert not alive(info.pid)
    assert status(home) is None


def test_a_block_leaves_a_broker_it_found(home: Path, jars_home: Path) -> None:
    found = start(home, jars_home=jars_home)
    with running_broker(home, jars_home=jars_home) as info:
        assert info == found
    assert status(home) == found


def test_an_attached_broker_ends_with_its_killed_owner(home: Path, jars_home: Path) -> None:
    code = (
        "import sys, time; from pathlib import Path; from alertferry.broker import start;"
        "print(start(Path(sys.argv[1]), attached=True, jars_home=Path(sys.argv[2])).pid, flush=True); time.sleep(60)"
    )
    with run_python(code, home, jars_home) as owner:
        assert owner.stdout is not None
        pid = int(owner.stdout.readline())
        assert alive(pid)
        owner.kill()
    assert eventually_gone(pid)
    assert status(home) is None


def test_a_detached_broker_survives_the_end_of_the_command_that_started_it(home: Path, jars_home: Path) -> None:
    code = (
        "import sys, time; from pathlib import Path; from alertferry.broker import start;"
        "print(start(Path(sys.argv[1]), jars_home=Path(sys.argv[2])).pid, flush=True); time.sleep(60)"
    )
    with run_python(code, home, jars_home) as command:
        assert command.stdout is not None
        pid = int(command.stdout.readline())
        os.killpg(command.pid, signal.SIGINT)
    info = status(home)
    assert info is not None
    assert info.pid == pid
    assert create_topic(info, "still-here") == 10


def test_an_interrupted_start_leaves_no_process(home: Path, jars_home: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from alertferry.broker import start;"
        "start(Path(sys.argv[1]), jars_home=Path(sys.argv[2]))"
    )
    record = home / "broker" / "broker.json"
    with run_python(code, home, jars_home) as command:
        while not record.exists():
            assert command.poll() is None
            time.sleep(0.01)
        os.killpg(command.pid, signal.SIGINT)
    assert command.returncode != 0
    assert eventually_gone(json.loads(record.read_text())["info"]["pid"])


def test_two_starts_at_once_give_one_broker(home: Path, jars_home: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from alertferry.broker import start;"
        "print(start(Path(sys.argv[1]), jars_home=Path(sys.argv[2])).pid)"
    )
    running = [run_python(code, home, jars_home) for _ in range(2)]
    pids = [process.communicate(timeout=PATIENCE_SECONDS)[0].strip() for process in running]
    info = status(home)
    assert info is not None
    assert pids == [str(info.pid)] * 2


def test_a_lost_record_does_not_let_a_second_broker_in(home: Path, jars_home: Path) -> None:
    """Two brokers on one data folder destroy it: the second has written to it before Kafka notices."""
    info = start(home, jars_home=jars_home)
    record = home / "broker" / "broker.json"
    content = record.read_text()
    record.unlink()
    with pytest.raises(AlertferryError, match=f"in use by the broker with process id {info.pid}.*; end it first"):
        start(home, jars_home=jars_home)
    record.write_text(content)
    assert status(home) == info
    create_topic(info, "unharmed")
    produce(info, "unharmed", b"one")
    assert stop(home) is True


def test_nothing_listens_after_a_stop(home: Path, jars_home: Path) -> None:
    with running_broker(home, jars_home=jars_home) as info:
        pass
    with pytest.raises(KafkaException):
        AdminClient({"bootstrap.servers": info.bootstrap_servers, "log_level": 0}).list_topics(timeout=1)
