"""Long answers of Spark's Java come whole, on connections that acknowledge at once."""

import socket
from concurrent.futures import ThreadPoolExecutor

import pytest

from alertferry.core.gateway import _AtOnce, acknowledge_at_once

pytestmark = [
    pytest.mark.spark,
    pytest.mark.skipif(not hasattr(socket, "TCP_QUICKACK"), reason="only Linux can be asked to acknowledge at once"),
]

LENGTHS = (0, 8_189, 8_190, 65_536, 1_000_000)


def answers(spark) -> list[int]:
    """The lengths of long texts that Java sends to this thread."""
    repeat = spark._jvm.org.apache.commons.lang3.StringUtils.repeat
    return [len(repeat("æ", length)) for length in LENGTHS]


def own_connection(spark):
    return spark.sparkContext._gateway._gateway_client.get_thread_connection()


def test_this_thread_and_new_ones_acknowledge_at_once(spark):
    acknowledge_at_once(spark)
    assert answers(spark) == list(LENGTHS)
    assert type(own_connection(spark).stream.raw) is _AtOnce
    with ThreadPoolExecutor(1) as pool:
        assert pool.submit(answers, spark).result() == list(LENGTHS)
        assert type(pool.submit(own_connection, spark).result().stream.raw) is _AtOnce


def test_asking_again_changes_nothing(spark):
    acknowledge_at_once(spark)
    client = spark.sparkContext._gateway._gateway_client
    create = client._create_new_connection
    acknowledge_at_once(spark.newSession())
    assert client._create_new_connection is create


@pytest.mark.parametrize("gateway", [None, object()], ids=["no gateway", "another gateway"])
def test_a_gateway_made_otherwise_is_left_alone(gateway):
    class Context:
        _gateway = gateway

    class Session:
        sparkContext = Context()  # noqa: N815 - Spark's name

    acknowledge_at_once(Session())
