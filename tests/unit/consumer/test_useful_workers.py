import pytest

from alertferry.consumer.workers import MOST_WORKERS, available_cores, useful_workers

GIB = 1 << 30


@pytest.mark.parametrize(
    ("format", "alerts", "size", "cores", "workers"),
    [
        ("parquet", 0, 0, 2, 1),
        ("avro", 300_000, 0, 2, 1),  # done before a second one has started
        ("avro", 2_000_000, 2 * GIB, 2, 2),
        ("parquet", 2_000_000, 2 * GIB, 2, 1),
        ("parquet", 2_000_000, 2 * GIB, 8, 2),
        ("parquet", 10_000_000, 10 * GIB, 8, 4),
        ("parquet", 400_000, 40 * GIB, 8, 4),  # few and large
        ("avro", 10_000_000, 0, 1, 1),
        ("parquet", 10_000_000, 0, 1, 1),
        ("avro", 10**9, 10**12, 256, MOST_WORKERS),
    ],
)
def test_workers_are_as_many_as_the_topic_and_the_machine_are_worth(format, alerts, size, cores, workers):  # noqa: A002
    assert useful_workers(format, alerts, size, cores) == workers


def test_there_is_a_core():
    assert available_cores() >= 1
