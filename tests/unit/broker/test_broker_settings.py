"""What the broker is told and what is read from its log, without starting it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from alertferry.broker.java import environment, failure, telling_lines
from alertferry.broker.properties import DEFAULTS, server_properties
from alertferry.core.errors import AlertferryError, UsageError


def read(text: str) -> dict[str, str]:
    return dict(line.split("=", 1) for line in text.splitlines())


def test_it_listens_on_this_machine_only() -> None:
    settings = read(server_properties(Path("/home/me/broker"), 9092, 9093, {}))
    assert settings["listeners"] == "PLAINTEXT://127.0.0.1:9092,CONTROLLER://127.0.0.1:9093"
    assert settings["advertised.listeners"] == "PLAINTEXT://127.0.0.1:9092"
    assert settings["controller.quorum.voters"] == "1@127.0.0.1:9093"
    assert settings["log.dirs"] == "/home/me/broker/data"
    assert settings.items() >= DEFAULTS.items()


def test_the_users_properties_win() -> None:
    given = {"num.partitions": "3", "log.retention.bytes": "1000"}
    assert read(server_properties(Path("/b"), 1, 2, given)).items() >= given.items()


@pytest.mark.parametrize(
    ("value", "written"),
    [
        ("käse", "k\\u00e4se"),
        ("a\\b", "a\\\\b"),
        (" x", "\\ x"),
        ("🔭", "\\ud83d\\udd2d"),
        ("a=b:c#d", "a=b:c#d"),
    ],
)
def test_values_survive_a_java_properties_file(value: str, written: str) -> None:
    assert read(server_properties(Path("/b"), 1, 2, {"some.name": value}))["some.name"] == written


@pytest.mark.parametrize("name", ["listeners", "log.dirs", "node.id", "controller.quorum.voters"])
def test_what_the_broker_decides_itself(name: str) -> None:
    with pytest.raises(UsageError, match=f"broker property '{name}' cannot be set"):
        server_properties(Path("/b"), 1, 2, {name: "x"})


def test_one_property_cannot_carry_another() -> None:
    with pytest.raises(UsageError, match="a line break is not possible"):
        server_properties(Path("/b"), 1, 2, {"num.partitions": "1\nlisteners=PLAINTEXT://0.0.0.0:1"})
    text = server_properties(Path("/b"), 1, 2, {"a=b": "c"})
    assert "a\\=b=c" in text.splitlines()


LOG = """\
2026-01-01 WARN Controller: activation
2026-01-01 ERROR Kafka: fatal exception
java.net.BindException: in use
\tat java.base/sun.nio.ch.Net.bind(Net.java:1) ~[?:?]
\tat java.base/sun.nio.ch.Net.bind(Net.java:1) ~[?:?]
Caused by: java.net.BindException: in use
"""


def test_a_log_is_cut_to_what_tells() -> None:
    assert telling_lines(LOG) == [
        "2026-01-01 ERROR Kafka: fatal exception",
        "java.net.BindException: in use",
        "Caused by: java.net.BindException: in use",
    ]
    assert telling_lines("Killed by\nsomebody\n") == ["Killed by", "somebody"]
    assert telling_lines("\n".join(f"Error {n}" for n in range(100)), limit=2) == ["Error 98", "Error 99"]


def test_a_wrong_value_is_the_users_mistake_and_a_crash_is_not() -> None:
    assert type(failure("ended", LOG)) is AlertferryError
    assert str(failure("ended", "")) == "ended; it said nothing"
    wrong = failure("ended", "org.apache.kafka.common.config.ConfigException: Invalid value x")
    assert type(wrong) is UsageError
    assert str(wrong) == "ended:\n  org.apache.kafka.common.config.ConfigException: Invalid value x"


def test_java_options_of_other_programs_are_not_passed_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JAVA_TOOL_OPTIONS", "-Dhttps.proxyPassword=hush")
    assert "JAVA_TOOL_OPTIONS" not in environment()
    assert environment()["PATH"] == os.environ["PATH"]
