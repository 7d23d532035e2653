"""What a secured broker is told, without starting it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from pydantic import ValidationError

from alertferry.broker.properties import server_properties
from alertferry.broker.security import (
    Kept,
    Security,
    format_arguments,
    kafka_options,
    own_options,
    read_security,
    settle_security,
    write_private,
)
from alertferry.core.errors import AlertferryError, UsageError

USERS = Security(users={"root": "hush-1", "alice": 'hush"2'}, super_users=("root",))


@pytest.mark.parametrize(
    ("security", "protocol"),
    [
        (Security(), "PLAINTEXT"),
        (Security(tls=True), "SSL"),
        (USERS, "SASL_PLAINTEXT"),
        (Security(users={"a": "b"}, tls=True), "SASL_SSL"),
    ],
)
def test_what_clients_must_speak(security: Security, protocol: str) -> None:
    text = server_properties(Path("/b"), 1, 2, {}, Kept(security=security))
    assert f"listeners={protocol}://127.0.0.1:1,CONTROLLER://127.0.0.1:2\n" in text
    inner = "SASL_PLAINTEXT" if security.users else "PLAINTEXT"
    assert f"listener.security.protocol.map={protocol}:{protocol},CONTROLLER:{inner}\n" in text


def test_a_broker_with_users_lets_nobody_else_in() -> None:
    text = server_properties(Path("/b"), 1, 2, {}, Kept(security=USERS))
    assert "super.users=User:alertferry-broker;User:root\n" in text
    assert "StandardAuthorizer" in text
    assert "allow.everyone" not in text


@pytest.mark.parametrize("users", [{"a b": "x"}, {"": "x"}, {"a;User:b": "x"}, {"alertferry-broker": "x"}])
def test_names_that_would_mean_something_else(users: dict[str, str]) -> None:
    with pytest.raises(ValidationError):
        Security(users=users)


def test_a_super_user_is_a_user() -> None:
    with pytest.raises(ValidationError):
        Security(users={"a": "x"}, super_users=("b",))


def test_secrets_do_not_show(tmp_path: Path) -> None:
    kept = Kept(security=USERS)
    assert "hush" not in repr(kept)
    assert kept.secret not in repr(kept)
    with format_arguments(tmp_path, kept) as arguments:
        file = Path(arguments[0].removeprefix("@"))
        assert file.stat().st_mode & 0o777 == 0o600
        lines = file.read_text().splitlines()
    assert len(lines) == 2 * 2 * len(USERS.users)
    assert re.fullmatch(r'SCRAM-SHA-256=\[name=root,iterations=4096,salt="\S+",saltedpassword="\S+"\]', lines[1])
    assert not file.exists()


def test_a_private_file_stays_private(tmp_path: Path) -> None:
    file = tmp_path / "x"
    file.write_text("open")
    write_private(file, "closed")
    assert (file.read_text(), file.stat().st_mode & 0o777) == ("closed", 0o600)


def test_a_folder_keeps_its_users(tmp_path: Path) -> None:
    kept = settle_security(tmp_path, USERS)
    assert read_security(tmp_path) == kept
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "meta.properties").write_text("")
    assert settle_security(tmp_path, None) == kept
    assert settle_security(tmp_path, USERS) == kept
    with pytest.raises(UsageError, match="was made with other users or another encryption"):
        settle_security(tmp_path, Security(tls=True))


def test_how_users_reach_it(tmp_path: Path) -> None:
    assert kafka_options(tmp_path, "alice") == own_options(tmp_path) == {}
    settle_security(tmp_path, USERS)
    login = {"security.protocol": "SASL_PLAINTEXT", "sasl.mechanism": "SCRAM-SHA-512", "sasl.username": "alice"}
    assert kafka_options(tmp_path, "alice") == login | {"sasl.password": 'hush"2'}
    assert kafka_options(tmp_path, "alice", "other")["sasl.password"] == "other"
    assert own_options(tmp_path)["sasl.username"] == "alertferry-broker"
    with pytest.raises(UsageError, match="has no user 'bob'; it has root, alice"):
        kafka_options(tmp_path, "bob")


def test_a_damaged_record_is_named(tmp_path: Path) -> None:
    (tmp_path / "security.json").write_text("{")
    with pytest.raises(AlertferryError, match=r"security\.json is damaged"):
        read_security(tmp_path)
