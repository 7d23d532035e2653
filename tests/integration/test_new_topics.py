"""A new topic takes records from the moment that its publisher learns of it: sent earlier, the first would expire."""

import pytest
from confluent_kafka import KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient, OffsetSpec

from alertferry.core.errors import AlertferryError
from alertferry.core.settings import Settings
from alertferry.plugins.outputs.access import await_partitions
from alertferry.plugins.outputs.topic import TopicPair

PARTITIONS = 100


def refused(admin, topic, partitions=PARTITIONS):
    """Return the partitions whose leader does not answer now."""
    wanted = {TopicPartition(topic, number): OffsetSpec.latest() for number in range(partitions)}
    found = []
    for part, future in admin.list_offsets(wanted, request_timeout=10).items():
        try:
            future.result()
        except KafkaException:
            found.append(part.partition)
    return found


def test_every_partition_answers_once_the_topic_is_made(broker, case):
    admin = AdminClient({"bootstrap.servers": broker.bootstrap_servers})
    pair = TopicPair(case.topic, Settings(bootstrap_servers=broker.bootstrap_servers))
    pair.create(PARTITIONS)
    pair.await_leaders()
    assert refused(admin, case.topic) == []
    assert set(pair.end_offsets()) == set(range(PARTITIONS))


def test_partitions_that_never_come_are_an_error_that_names_the_topic(broker, case):
    pair = TopicPair(case.topic, Settings(bootstrap_servers=broker.bootstrap_servers))
    pair.create(2)
    admin = AdminClient({"bootstrap.servers": broker.bootstrap_servers})
    with pytest.raises(
        AlertferryError, match=rf"1 of 3 partitions of the new topic {case.topic} .*\(partition 2: .*log"
    ):
        await_partitions(admin, case.topic, 3, 5)
