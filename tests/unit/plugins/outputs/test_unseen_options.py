"""What Spark is told of the options of a publisher's login: where they stand, not what they are."""

import re
from pathlib import Path
from types import SimpleNamespace

import pytest

from alertferry.plugins.outputs.access import unseen


class Context(SimpleNamespace):
    """As much of Spark as tells where executors are and takes files for them."""

    def addFile(self, path):  # noqa: N802 - Spark's name
        self.sent = Path(path).read_text()


def session(master):
    return SimpleNamespace(sparkContext=Context(master=master))


OPTIONS = {
    "kafka.bootstrap.servers": "b:1",
    "kafka.security.protocol": "SASL_SSL",
    "kafka.sasl.jaas.config": 'module required password="c\\\\anary";',
    "kafka.ssl.keystore.key": "canary\nmore",
    "kafka.ssl.key.password": "canary",
}


def test_an_open_broker_has_nothing_to_hide():
    with unseen(session("local[1]"), {"kafka.bootstrap.servers": "b:1"}) as options:
        assert options == {"kafka.bootstrap.servers": "b:1"}


def test_secrets_stand_in_a_private_file_for_as_long_as_the_write_takes():
    with unseen(session("local[*]"), OPTIONS) as options:
        assert not [value for value in options.values() if "anary" in value]
        path, key = re.fullmatch(r"\$\{file:(\S+):(\S+)\}", options["kafka.sasl.jaas.config"]).groups()
        assert key == "kafka.sasl.jaas.config"
        assert Path(path).stat().st_mode & 0o777 == 0o600
        lines = Path(path).read_text().splitlines()
        assert 'kafka.sasl.jaas.config=module required password="c\\\\\\\\anary";' in lines
        assert "kafka.ssl.keystore.key=canary\\nmore" in lines
        assert options["kafka.security.protocol"] == "SASL_SSL"
    assert not Path(path).exists()


def test_the_file_goes_too_when_the_write_fails():
    seen = []

    def fail():
        with unseen(session("local"), OPTIONS) as options:
            seen.append(Path(re.search(r"file:(\S+):kafka", options["kafka.ssl.key.password"])[1]))
            assert seen[0].exists()
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert not seen[0].exists()


def test_executors_elsewhere_are_sent_the_file():
    spark = session("spark://m:7077")
    with unseen(spark, OPTIONS) as options:
        assert re.fullmatch(r"\$\{file:alertferry-\w+\.properties:\S+\}", options["kafka.ssl.key.password"])
    assert "kafka.ssl.key.password=canary" in spark.sparkContext.sent
