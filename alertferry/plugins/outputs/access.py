"""Who may read a topic, and whether we may write it: asked before Spark begins its long work."""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from alertferry.core.errors import AlertferryError
from alertferry.core.kafka_security import protocol_of
from alertferry.core.settings import Settings
from alertferry.core.spark_errors import from_spark_error

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

READER_GROUPS = "alertferry"
"""Start of the names of our consumers' groups."""

LEADER_SECONDS = 0.005
"""Pause between two questions to the partitions of a new topic."""

LOOK_SECONDS = 12.0
"""How long Spark's client may take to find the topic."""


def let_read(admin: Any, topics: tuple[str, ...], principal: str, wait_seconds: float) -> None:
    """Allow a principal to read topics, which need not exist yet, and to keep its place in them."""
    from confluent_kafka.admin import AclBinding, AclOperation, AclPermissionType, ResourcePatternType, ResourceType

    literal, prefixed = ResourcePatternType.LITERAL, ResourcePatternType.PREFIXED
    wanted = [(ResourceType.TOPIC, topic, literal) for topic in topics]
    wanted += [(ResourceType.GROUP, READER_GROUPS, prefixed)]
    bindings = [
        AclBinding(*resource, principal, "*", operation, AclPermissionType.ALLOW)
        for resource in wanted
        for operation in (AclOperation.READ, AclOperation.DESCRIBE)
    ]
    for future in admin.create_acls(bindings, request_timeout=wait_seconds).values():
        _granted(future.result, principal, topics[0])


def _granted(result: Callable[[], Any], principal: str, topic: str) -> None:
    from confluent_kafka import KafkaError, KafkaException

    try:
        result()
    except KafkaException as error:
        reason = error.args[0]
        what = f"{principal} cannot be given the right to read {topic} (ALERTFERRY_TOPIC_ACLS=owner)"
        if reason.code() == KafkaError.SECURITY_DISABLED:
            raise AlertferryError(
                f"{what}: this broker has no access control; ask its operator for an authorizer, or set "
                "ALERTFERRY_TOPIC_ACLS=none"
            ) from None
        if reason.code() == KafkaError.CLUSTER_AUTHORIZATION_FAILED:
            raise AlertferryError(
                f"{what}: this user may not give rights; ask the broker's operator for ALTER on the cluster, or for "
                "rights on prefixes of topics (docs/security.md), with ALERTFERRY_TOPIC_ACLS=none"
            ) from None
        raise AlertferryError(f"{what}: {reason.str()}") from None


def check_writable(admin: Any, topics: tuple[str, ...], wait_seconds: float) -> None:
    """Raise `AlertferryError` when the broker says that we may not write a topic; one that does not tell is trusted."""
    from confluent_kafka import KafkaError, KafkaException, TopicCollection
    from confluent_kafka.admin import AclOperation

    asked = admin.describe_topics(
        TopicCollection(list(topics)), include_authorized_operations=True, request_timeout=wait_seconds
    )
    for topic, future in asked.items():
        try:
            allowed = future.result().authorized_operations
        except KafkaException as error:
            if error.args[0].code() != KafkaError.TOPIC_AUTHORIZATION_FAILED:
                continue  # the broker may not know its new topic yet; writing will tell
            allowed = ()  # not even the right to look, which comes with the right to write
        if allowed is not None and AclOperation.WRITE not in allowed:
            raise AlertferryError(
                f"this user may create the topic {topic} but not write it; ask the broker's operator for WRITE on "
                "topics that begin with ftransfer_ and fxmatch_"
            )


def await_partitions(admin: Any, topic: str, partitions: int, wait_seconds: float) -> None:
    """Wait until the leader of every partition of a new topic answers. Raises `AlertferryError` when one does not.

    A broker announces a topic a moment before it takes records. A producer that sends into that moment has its first
    batch refused and the next one taken, and then offers the first in vain until it expires (KAFKA-15591).
    """
    from confluent_kafka import KafkaError, KafkaException, TopicPartition
    from confluent_kafka.admin import OffsetSpec

    deadline = time.monotonic() + wait_seconds
    waiting = {TopicPartition(topic, number): OffsetSpec.latest() for number in range(partitions)}
    while True:
        refused = {}
        for part, future in admin.list_offsets(waiting, request_timeout=wait_seconds).items():
            try:
                future.result()
            except KafkaException as error:
                refused[part] = error.args[0]
        if not refused or any(error.code() == KafkaError.TOPIC_AUTHORIZATION_FAILED for error in refused.values()):
            return  # who may not ask is told when writing
        waiting = {part: OffsetSpec.latest() for part in refused}
        if time.monotonic() > deadline:
            part = min(waiting, key=lambda part: part.partition)
            raise AlertferryError(
                f"{len(waiting)} of {partitions} partitions of the new topic {topic} take no records within "
                f"{wait_seconds:.0f} s (partition {part.partition}: {refused[part].str()}); check the broker's log"
            )
        time.sleep(LEADER_SECONDS)
        with suppress(KafkaException):  # of a broker that is gone, the next answer says more
            admin.list_topics(topic, timeout=wait_seconds)  # or it would ask by what it knew of the leaders


def check_sink(jvm: Any, topic: str, options: Mapping[str, str], settings: Settings) -> None:
    """Have Spark's own client look at the topic with the sink's options, so that it fails now and not in a minute.

    ``jvm`` is the view of Spark's Java. Only where there is something to refuse: TLS or a login. Raises
    `AlertferryError`.
    """
    if protocol_of(settings.kafka) == "PLAINTEXT":
        return
    values = jvm.java.util.HashMap()
    for name, value in options.items():
        values.put(name.removeprefix("kafka."), value)
    values.put("max.block.ms", str(int(LOOK_SECONDS * 1000)))
    for part in ("key", "value"):
        values.put(f"{part}.serializer", "org.apache.kafka.common.serialization.ByteArraySerializer")
    try:
        producer = jvm.org.apache.kafka.clients.producer.KafkaProducer(values)
        try:
            producer.partitionsFor(topic)
        finally:
            producer.close()
    except Exception as error:  # whatever Java throws is explained as if the write had thrown it
        if "errors.TimeoutException" in str(error):
            raise AlertferryError(
                f"Spark finds no topic {topic} at {settings.bootstrap_servers} within {LOOK_SECONDS:.0f} s, although "
                "Python has just made it; check that this machine reaches every address that the broker advertises, "
                f"and that it speaks {protocol_of(settings.kafka)} there (ALERTFERRY_KAFKA_SECURITY_PROTOCOL)"
            ) from None
        raise from_spark_error(error) from None


_HIDDEN = ("kafka.sasl.jaas.", "kafka.ssl.")
_PROVIDER = "org.apache.kafka.common.config.provider.FileConfigProvider"


@contextmanager
def unseen(spark: SparkSession, options: Mapping[str, str]) -> Iterator[dict[str, str]]:
    """Give the sink's options with a reference in place of every secret, which Kafka's client looks up in a file.

    Spark writes the options of this sink into its plans, its web page and its event log, and no redaction of its own
    reaches them there. The file is private, is sent to executors on other machines, and is gone afterwards.
    """
    hidden = {name: value for name, value in options.items() if name.startswith(_HIDDEN)}
    if not hidden:
        yield dict(options)
        return
    descriptor, name = tempfile.mkstemp(prefix="alertferry-", suffix=".properties")  # readable for its user only
    file = Path(name)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
            stream.writelines(f"{key}={_escaped(value)}\n" for key, value in hidden.items())
        place = name
        if not (spark.sparkContext.master or "").startswith("local"):
            spark.sparkContext.addFile(name)
            place = file.name  # executors work in the folder where such files arrive
        references = {key: f"${{file:{place}:{key}}}" for key in hidden}
        provider = {"kafka.config.providers": "file", "kafka.config.providers.file.class": _PROVIDER}
        yield {**options, **references, **provider}
    finally:
        file.unlink(missing_ok=True)


def _escaped(value: str) -> str:
    """Return a value as Java's properties files hold it."""
    return value.replace("\\", "\\\\").replace("\n", "\\n").replace("\r", "\\r")
