"""TLS, logins and access rights against a real broker: who gets in, who may do what, and what is said to others."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pytest
from confluent_kafka import (
    Consumer,
    ConsumerGroupTopicPartitions,
    KafkaException,
    Producer,
    TopicCollection,
    TopicPartition,
)
from confluent_kafka.admin import (
    AclBinding,
    AclOperation,
    AclPermissionType,
    AdminClient,
    ConfigResource,
    NewTopic,
    ResourcePatternType,
    ResourceType,
)

from alertferry import service
from alertferry.core.errors import AlertferryError
from alertferry.core.job import Job
from alertferry.core.kafka_client import reachable_servers
from alertferry.core.kafka_java import java_options
from alertferry.core.settings import Settings, variable_name
from alertferry.core.topics import new_topic
from alertferry.plugins.outputs.access import check_sink
from alertferry.plugins.outputs.topic import TopicPair
from tests.secured import CANARY, SecuredBroker

pytestmark = pytest.mark.kafka

LONGEST_SECONDS = 240.0
"""A client that is not let in says so within this time."""

UNSECURED = {"enable.sasl.oauthbearer.unsecure.jwt": "true", "sasl.oauthbearer.config": "principal=ferry"}


def oauth(secured: SecuredBroker) -> dict[str, str]:
    return secured.kafka("ferry", "OAUTHBEARER", sasl_username=None, sasl_password=None) | UNSECURED


@pytest.fixture(scope="module")
def topics(secured: SecuredBroker) -> dict[str, str]:
    """A topic pair of each owner, with one record."""
    settings = secured.settings("ferry", topic_acls="owner", topic_owner="bob")
    found = {}
    for owner in ("alice", None):
        topic = found[owner or "bob"] = new_topic("lsst", [])
        pair = TopicPair(topic, settings)
        pair.create(1, owner)
        pair.publish_schema("{}", "{}", 1)
        assert outcome(lambda topic=topic: publish(secured, "ferry", topic)) == "ok"
    return found


def outcome(action: Callable[[], Any]) -> str:
    """Return "ok", or Kafka's name of the refusal."""
    try:
        action()
    except KafkaException as error:
        return str(error.args[0].name())
    return "ok"


def publish(secured: SecuredBroker, user: str, topic: str) -> None:
    refused: list[Any] = []
    producer = Producer(secured.client(user) | {"message.timeout.ms": 10_000})
    producer.produce(topic, b"packet", partition=0, on_delivery=lambda error, _: refused.append(error))
    producer.flush(15)
    if refused[0]:
        raise KafkaException(refused[0])


def read(secured: SecuredBroker, user: str, topic: str) -> None:
    """Read the first record of both topics of a job."""
    parts = [TopicPartition(name, 0, 0) for name in (topic, f"{topic}_schema")]
    admin = AdminClient(secured.client(user))
    ask(admin.describe_topics(TopicCollection([part.topic for part in parts])))  # a consumer would wait in vain
    consumer = Consumer(secured.client(user) | {"group.id": f"alertferry-{user}", "enable.auto.commit": False})
    try:
        for part in parts:
            consumer.assign([part])
            assert not consumer.consume(1, timeout=10)[0].error()
    finally:
        consumer.close()


def commit(secured: SecuredBroker, user: str, topic: str) -> None:
    """Keep a place in a topic, as our consumer does."""
    admin = AdminClient(secured.client(user))
    place = ConsumerGroupTopicPartitions(f"alertferry-{user}", [TopicPartition(topic, 0, 1)])
    for future in admin.alter_consumer_group_offsets([place]).values():
        for part in future.result().topic_partitions:
            if part.error:
                raise KafkaException(part.error)


def ask(answers: dict[Any, Any]) -> None:
    for future in answers.values():
        future.result()


def operations(secured: SecuredBroker, user: str, topics: dict[str, str]) -> dict[str, str]:
    admin, topic = AdminClient(secured.client(user)), topics["alice"]
    config = ConfigResource(ConfigResource.Type.TOPIC, topic)
    return {
        "create": outcome(lambda: ask(admin.create_topics([NewTopic(new_topic("ztf", []), 1, 1)]))),
        "publish": outcome(lambda: publish(secured, user, topic)),
        "read alice's": outcome(lambda: read(secured, user, topic)),
        "read bob's": outcome(lambda: read(secured, user, topics["bob"])),
        "commit": outcome(lambda: commit(secured, user, topic)),
        "describe configs": outcome(lambda: ask(admin.describe_configs([config]))),
        "delete": outcome(lambda: ask(admin.delete_topics([topic]))),
    }


DENIED = "TOPIC_AUTHORIZATION_FAILED"

WRITER = {"create": "ok", "publish": "ok", "read alice's": "ok", "read bob's": "ok"}
READER = {"create": DENIED, "publish": DENIED}
NEITHER = {"describe configs": DENIED, "delete": DENIED}


@pytest.mark.parametrize(
    ("user", "expected"),
    [
        ("ferry", WRITER | {"commit": "ok"} | NEITHER),
        ("alice", READER | {"read alice's": "ok", "read bob's": DENIED, "commit": "ok"} | NEITHER),
        ("bob", READER | {"read alice's": DENIED, "read bob's": "ok", "commit": DENIED} | NEITHER),
    ],
)
def test_who_may_do_what(secured: SecuredBroker, topics: dict[str, str], user: str, expected: dict[str, str]) -> None:
    assert operations(secured, user, topics) == expected


def test_nobody_sees_the_names_of_anothers_topics(secured: SecuredBroker, topics: dict[str, str]) -> None:
    for user, other in (("alice", "bob"), ("bob", "alice")):
        seen = set(AdminClient(secured.client(user)).list_topics(timeout=10).topics)
        assert {topics[user], f"{topics[user]}_schema"} <= seen
        assert not {topics[other], f"{topics[other]}_schema"} & seen


@pytest.mark.parametrize("mechanism", ["SCRAM-SHA-512", "SCRAM-SHA-256", "PLAIN", "OAUTHBEARER"])
def test_every_mechanism_lets_python_and_spark_in(
    java: Any, secured: SecuredBroker, topics: dict[str, str], mechanism: str
) -> None:
    kafka = oauth(secured) if mechanism == "OAUTHBEARER" else secured.kafka("ferry", mechanism)
    settings = secured.settings("ferry", kafka)
    reachable_servers(settings)
    check_sink(java, topics["alice"], java_options(settings), settings)


WRONG = {
    "password": {"sasl_password": f"wrong-{CANARY}"},
    "user": {"sasl_username": "eve"},
    "authority": {"ssl_ca_location": "OTHER"},
    "no authority": {"ssl_ca_location": None},
    "no encryption": {"security_protocol": "SASL_PLAINTEXT", "ssl_ca_location": None},
}

SAID = {
    "password": "refuses this user; check ALERTFERRY_KAFKA_SASL_USERNAME and ALERTFERRY_KAFKA_SASL_PASSWORD",
    "user": "refuses this user; check ALERTFERRY_KAFKA_SASL_USERNAME and ALERTFERRY_KAFKA_SASL_PASSWORD",
    "authority": "that the authority in ALERTFERRY_KAFKA_SSL_CA_LOCATION has not signed",
    "no authority": "name the broker's CA file with ALERTFERRY_KAFKA_SSL_CA_LOCATION",
    "no encryption": "does not speak SASL_PLAINTEXT on this port; correct ALERTFERRY_KAFKA_SECURITY_PROTOCOL",
}

SPARK_SAID = {
    "password": "refuses Spark's login; check ALERTFERRY_KAFKA_SASL_MECHANISM",
    "user": "refuses Spark's login; check ALERTFERRY_KAFKA_SASL_MECHANISM",
    "authority": "not signed by the authority in ALERTFERRY_KAFKA_SSL_CA_LOCATION",
    "no authority": "not signed by the authority in ALERTFERRY_KAFKA_SSL_CA_LOCATION (Java does not know those of the",
}


@pytest.fixture(scope="module")
def other_authority(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The certificate of an authority that has signed nothing here."""
    folder = tmp_path_factory.mktemp("other")
    words = "-genkeypair -alias ca -keyalg EC -dname CN=other -ext bc:c -storepass secret -keystore"
    subprocess.run(["keytool", *words.split(), str(folder / "store")], check=True, capture_output=True)
    words = "-exportcert -rfc -alias ca -storepass secret -file"
    subprocess.run(
        ["keytool", *words.split(), str(folder / "ca.pem"), "-keystore", str(folder / "store")],
        check=True,
        capture_output=True,
    )
    return str(folder / "ca.pem")


def wrong(secured: SecuredBroker, what: str, other: str) -> dict[str, str]:
    found = secured.kafka("ferry", **WRONG[what])
    return {name: other if value == "OTHER" else value for name, value in found.items()}


def refused(action: Callable[[], Any]) -> str:
    started = time.monotonic()
    with pytest.raises(AlertferryError) as caught:
        action()
    assert time.monotonic() - started < LONGEST_SECONDS
    assert CANARY not in str(caught.value)
    assert caught.value.__cause__ is None or "Py4J" in type(caught.value.__cause__).__name__
    return str(caught.value)


@pytest.mark.parametrize("what", WRONG)
def test_who_is_not_let_in_learns_why(
    secured: SecuredBroker, other_authority: str, alertferry: Any, monkeypatch: Any, tmp_path: Path, what: str
) -> None:
    kafka = wrong(secured, what, other_authority)
    assert SAID[what] in refused(lambda: TopicPair("t", secured.settings("ferry", kafka)))
    for name, value in {variable_name(name): value for name, value in kafka.items()}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("ALERTFERRY_BOOTSTRAP_SERVERS", secured.info.bootstrap_servers)
    called = alertferry("consume", "ftransfer_x", "--outdir", tmp_path / "out")
    assert (called.code, SAID[what] in " ".join(called.err.split())) == (1, True), called.err
    assert CANARY not in called.out + called.err
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("what", SPARK_SAID)
def test_spark_is_not_let_in_and_says_why(
    java: Any, secured: SecuredBroker, other_authority: str, topics: dict[str, str], what: str
) -> None:
    settings = secured.settings("ferry", wrong(secured, what, other_authority))
    said = refused(lambda: check_sink(java, topics["alice"], java_options(settings), settings))
    assert SPARK_SAID[what] in said


def test_a_topic_that_spark_may_not_see(java: Any, secured: SecuredBroker, topics: dict[str, str]) -> None:
    settings = secured.settings("bob")
    said = refused(lambda: check_sink(java, topics["alice"], java_options(settings), settings))
    assert "does not let this user publish" in said
    assert "ask its operator for CREATE and WRITE" in said


def job(lakes: dict[str, Path]) -> Job:
    source = {"kind": "lsst", "nights": "2026-03-01..2026-03-02", "lake": str(lakes["lsst"])}
    return Job.from_dict({"source": source, "output": {"kind": "kafka", "packet": "light-static"}})


def test_a_user_who_may_not_publish_learns_it_before_spark_starts(
    secured: SecuredBroker, lakes: dict[str, Path], monkeypatch: Any, tmp_path: Path
) -> None:
    monkeypatch.setenv("ALERTFERRY_HOME", str(tmp_path))
    for name, value in secured.environment("alice").items():
        monkeypatch.setenv(name, value)
    said = refused(lambda: service.submit(job(lakes)))
    assert "ask the broker's operator for CREATE and WRITE on topics that begin with ftransfer_" in said
    assert service.list_jobs() == []


def test_rights_need_a_right(secured: SecuredBroker, topics: dict[str, str]) -> None:
    settings = secured.settings("alice", topic_acls="owner")
    said = refused(lambda: TopicPair(new_topic("lsst", []), settings).create(1, "alice"))
    assert "this user may not give rights; ask the broker's operator for ALTER on the cluster" in said


def test_rights_need_a_broker_that_knows_them(broker: Any) -> None:
    settings = Settings(bootstrap_servers=broker.bootstrap_servers, topic_acls="owner")
    topic = new_topic("lsst", [])
    said = refused(lambda: TopicPair(topic, settings).create(1, "alice"))
    assert "this broker has no access control" in said
    assert topic not in AdminClient({"bootstrap.servers": broker.bootstrap_servers}).list_topics(timeout=10).topics


def test_a_topic_that_may_be_created_but_not_written(secured: SecuredBroker) -> None:
    right = AclBinding(
        ResourceType.TOPIC,
        "ftransfer_halfway",
        ResourcePatternType.PREFIXED,
        "User:bob",
        "*",
        AclOperation.CREATE,
        AclPermissionType.ALLOW,
    )
    admin = AdminClient(secured.client("root"))
    ask(admin.create_acls([right]))
    topic = f"ftransfer_halfway_{time.monotonic_ns()}"
    said = refused(lambda: TopicPair(topic, secured.settings("bob")).create(1))
    assert f"may create the topic {topic} but not write it" in said


class Onlooker:
    """Reads the command line of every process of this machine, over and over."""

    def __init__(self) -> None:
        self.seen: set[str] = set()

    def watch(self, process: subprocess.Popen[bytes], seconds: float) -> None:
        end = time.monotonic() + seconds
        while process.poll() is None:
            assert time.monotonic() < end, "the command hangs"
            for other in psutil.process_iter():
                try:
                    self.seen.add("\0".join(other.cmdline()))
                except psutil.Error:
                    continue
            time.sleep(0.1)


class Shell:
    """Runs commands as their users would, watched by an onlooker; everything printed is kept in a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.onlooker = Onlooker()
        self.environment = {name: value for name, value in os.environ.items() if not name.startswith("ALERTFERRY_")}

    def __call__(self, environment: dict[str, str], *words: object) -> tuple[int, str, str]:
        """Return the exit code and what was said, lines joined."""
        stem = self.folder / f"said-{time.monotonic_ns()}"
        with Path(f"{stem}.out").open("w") as out, Path(f"{stem}.err").open("w") as err:
            process = subprocess.Popen(
                [sys.executable, "-m", "alertferry.cli", *map(str, words)],
                env=self.environment | environment,
                stdout=out,
                stderr=err,
            )
            self.onlooker.watch(process, 150)
        return process.returncode, Path(out.name).read_text(), " ".join(Path(err.name).read_text().split())


def test_a_password_is_found_nowhere(
    secured: SecuredBroker, lakes: dict[str, Path], jars_home: Path, tmp_path: Path
) -> None:
    """A whole job by spark-submit, its files and its failures; the broker's own folder is not searched."""
    home, events = tmp_path / "home", tmp_path / "events"
    for folder in (home, events):
        folder.mkdir()
    (home / "jars").symlink_to(jars_home / "jars")
    file = tmp_path / "job.yml"
    file.write_text(job(lakes).to_yaml())
    conf = {"spark.master": "local[2]", "spark.driver.memory": "1g", "spark.log.level": "INFO"}
    conf |= {"spark.eventLog.enabled": "true", "spark.eventLog.compress": "false", "spark.eventLog.dir": str(events)}
    conf |= {"spark.hadoop.fs.s3a.secret.key": CANARY}
    conf |= {"spark.driver.extraJavaOptions": "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC"}  # a short job starts sooner
    everyone = {"ALERTFERRY_HOME": str(home), "ALERTFERRY_SPARK_CONF": json.dumps(conf), "TMPDIR": str(tmp_path)}
    ferry = (
        everyone | secured.environment("ferry") | {"ALERTFERRY_TOPIC_ACLS": "owner", "ALERTFERRY_TOPIC_OWNER": "alice"}
    )
    alice, bob = (everyone | secured.environment(user) for user in ("alice", "bob"))
    call = Shell(tmp_path)

    code, out, err = call(ferry, "run", file, "--json")
    assert code == 0, err
    topic = json.loads(out)["topic"]
    folder = next((home / "jobs").glob("*/job.py")).parent
    for environment, words in (
        (alice, ("consume", topic, "--outdir", tmp_path / "out")),
        (alice, ("verify", tmp_path / "out")),
        (ferry, ("jobs", "show", folder.name, "--script")),
        (ferry, ("jobs", "log", folder.name)),
    ):
        code, _, err = call(environment, *words)
        assert code == 0, err
    code, _, said = call(bob, "consume", topic, "--outdir", tmp_path / "bob")
    assert (code, "the broker has no topic" in said, "Traceback" in said) == (2, True, False), said
    code, _, said = call(ferry | secured.environment("ferry", sasl_password=f"wrong-{CANARY}"), "run", file)
    assert (code, "refuses this user" in said, "Traceback" in said) == (1, True, False), said

    event_log = [path for path in events.rglob("*") if path.is_file()]
    assert any(str(folder) in words for words in call.onlooker.seen), "the onlooker was asleep"
    assert any(topic in path.read_text() for path in event_log)
    assert "sasl.jaas.config = [hidden]" in (folder / "log.txt").read_text(), "the log does not tell enough to leak"
    private = folder / "spark.conf"
    assert (CANARY in private.read_text(), private.stat().st_mode & 0o77) == (True, 0)
    found = [path for path in tmp_path.rglob("*") if path.is_file() and home / "jars" not in path.parents]
    searched = set(found) - {private}
    assert {folder / "job.py", home / "jobs.sqlite", *event_log} <= searched
    assert [path for path in searched if CANARY.encode() in path.read_bytes()] == []
    assert [words for words in call.onlooker.seen if CANARY in words] == []
