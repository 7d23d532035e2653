"""What Kafka clients are told, and what is refused before one is made."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alertferry.core.errors import UsageError
from alertferry.core.kafka_client import QUICK, client_options
from alertferry.core.kafka_java import java_options
from alertferry.core.kafka_security import check_security, reader_of
from alertferry.core.settings import Settings, option_name, quoted, variable_name
from tests.another_user import open_folder, unprivileged

SCRAM = {
    "security.protocol": "SASL_SSL",
    "sasl.mechanism": "SCRAM-SHA-512",
    "sasl.username": "ferry",
    "sasl.password": "hush-1",
}
OIDC = {
    "security.protocol": "SASL_SSL",
    "sasl.mechanism": "OAUTHBEARER",
    "sasl.oauthbearer.method": "oidc",
    "sasl.oauthbearer.client.id": "ferry",
    "sasl.oauthbearer.client.secret": 'hush"2',
    "sasl.oauthbearer.token.endpoint.url": "https://login.example.org/token",
}
CERTIFICATE = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n"

# the start of a real one: its algorithm
PBES2_KEY = """-----BEGIN ENCRYPTED PRIVATE KEY-----
MIHsMFcGCSqGSIb3DQEFDTBKMCkGCSqGSIb3DQEFDDAcBAh0
-----END ENCRYPTED PRIVATE KEY-----
"""


def settings(**kafka: str) -> Settings:
    return Settings(bootstrap_servers="b:1", kafka=kafka)


def without(options: dict[str, str], *names: str) -> dict[str, str]:
    return {name: value for name, value in options.items() if name not in names}


@pytest.mark.parametrize(
    ("kafka", "message"),
    [
        (
            without(SCRAM, "sasl.password"),
            "sasl.password (ALERTFERRY_KAFKA_SASL_PASSWORD, or [kafka] of alertferry.toml) is",
        ),
        (without(SCRAM, "sasl.username"), "SCRAM-SHA-512 needs sasl.username and sasl.password"),
        (without(SCRAM, "sasl.mechanism"), "is missing; choose PLAIN, SCRAM-SHA-256, SCRAM-SHA-512 or OAUTHBEARER"),
        (
            without(SCRAM, "security.protocol"),
            "the protocol PLAINTEXT logs nobody in; set ALERTFERRY_KAFKA_SECURITY_PROTOCOL to SASL_SSL",
        ),
        (
            SCRAM | {"security.protocol": "SSL"},
            "the protocol SSL logs nobody in; set ALERTFERRY_KAFKA_SECURITY_PROTOCOL to SASL_SSL",
        ),
        (SCRAM | {"security.protocol": "SASL_SLL"}, "no protocol 'SASL_SLL'; did you mean 'SASL_SSL'"),
        (SCRAM | {"sasl.mechanism": "SCRAM-SHA512"}, "did you mean 'SCRAM-SHA-512'"),
        (SCRAM | {"sasl.mechanism": "GSSAPI"}, "no mechanism 'GSSAPI' here"),
        (SCRAM | {"sasl.mechanisms": "PLAIN"}, "mean the same and differ (PLAIN or SCRAM-SHA-512); keep one"),
        (SCRAM | {"sasl.mechanism": "OAUTHBEARER"}, "OAUTHBEARER logs in with a token; remove it"),
        (
            SCRAM | {"ssl.ca.location": "/nowhere/ca.pem"},
            "names /nowhere/ca.pem, which cannot be read (No such file or directory)",
        ),
        (
            SCRAM | {"ssl.ca.pem": "x", "security.protocol": "SASL_PLAINTEXT"},
            "does not encrypt; set ALERTFERRY_KAFKA_SECURITY_PROTOCOL to SASL_SSL",
        ),
        ({"security.protocol": "SSL", "ssl.certificate.pem": CERTIFICATE}, "is set without its key"),
        ({"security.protocol": "SSL", "ssl.key.pem": "x"}, "is set without its certificate"),
        (
            SCRAM | {"ssl.endpoint.identification.algorithm": "off"},
            "choose 'https' (the broker's name is checked) or 'none', got 'off'",
        ),
        (
            without(OIDC, "sasl.oauthbearer.client.secret"),
            "sasl.oauthbearer.client.secret (ALERTFERRY_KAFKA_SASL_OAUTHBEARER_CLIENT_SECRET",
        ),
        (without(OIDC, "sasl.oauthbearer.method"), "must be 'oidc'"),
        (
            without(OIDC, "sasl.oauthbearer.method") | {"enable.sasl.oauthbearer.unsecure.jwt": "true"},
            "must say 'principal=NAME'",
        ),
    ],
)
def test_what_cannot_work_is_refused_by_every_client(kafka: dict[str, str], message: str) -> None:
    for options in (client_options, java_options):
        with pytest.raises(UsageError) as caught:
            options(settings(**kafka))
        assert message in str(caught.value)
        assert "hush" not in str(caught.value)


def test_everything_wrong_is_said_at_once() -> None:
    with pytest.raises(UsageError) as caught:
        check_security({"security.protocol": "SASL_SSL", "sasl.mechanism": "PLAIN", "ssl.key.location": "/nowhere"})
    assert len(str(caught.value).splitlines()) == 4


def test_what_is_set_wins_over_what_makes_clients_quick() -> None:
    assert client_options(settings(**{"reconnect.backoff.ms": "500"}))["reconnect.backoff.ms"] == "500"
    assert client_options(settings())["reconnect.backoff.ms"] == QUICK["reconnect.backoff.ms"]


def test_python_gets_what_is_set_and_java_its_own_names() -> None:
    given = settings(**SCRAM, **{"client.id": "ship"})
    assert client_options(given) == QUICK | SCRAM | {"client.id": "ship", "bootstrap.servers": "b:1", "log_level": 0}
    assert java_options(given) == {
        "kafka.bootstrap.servers": "b:1",
        "kafka.client.id": "ship",
        "kafka.security.protocol": "SASL_SSL",
        "kafka.sasl.mechanism": "SCRAM-SHA-512",
        "kafka.sasl.jaas.config": (
            'org.apache.kafka.common.security.scram.ScramLoginModule required username="ferry" password="hush-1";'
        ),
    }


def test_an_open_broker_needs_nothing() -> None:
    assert java_options(settings()) == {"kafka.bootstrap.servers": "b:1"}


def test_tokens_by_oidc() -> None:
    options = java_options(
        settings(**OIDC, **{"sasl.oauthbearer.scope": "kafka", "sasl.oauthbearer.extensions": "a=1,b=2"})
    )
    assert options["kafka.sasl.oauthbearer.token.endpoint.url"] == "https://login.example.org/token"
    assert options["kafka.sasl.login.callback.handler.class"].endswith("OAuthBearerLoginCallbackHandler")
    assert options["kafka.sasl.jaas.config"] == (
        "org.apache.kafka.common.security.oauthbearer.OAuthBearerLoginModule required "
        'clientId="ferry" clientSecret="hush\\"2" scope="kafka" extension_a="1" extension_b="2";'
    )
    assert not [name for name in options if "client.secret" in name or "method" in name]


def test_certificates_travel_as_text(tmp_path: Path) -> None:
    files = {"ca": CERTIFICATE, "certificate": CERTIFICATE, "key": "-----BEGIN ENCRYPTED PRIVATE KEY-----\n"}
    kafka = {"security.protocol": "ssl", "ssl.key.password": "hush-3", "ssl.endpoint.identification.algorithm": "none"}
    for name, text in files.items():
        (tmp_path / f"{name}.pem").write_text(text)
        kafka[f"ssl.{name}.location"] = str(tmp_path / f"{name}.pem")
    assert java_options(settings(**kafka)) == {
        "kafka.bootstrap.servers": "b:1",
        "kafka.security.protocol": "SSL",
        "kafka.ssl.endpoint.identification.algorithm": "",
        "kafka.ssl.truststore.type": "PEM",
        "kafka.ssl.truststore.certificates": CERTIFICATE,
        "kafka.ssl.keystore.type": "PEM",
        "kafka.ssl.keystore.certificate.chain": CERTIFICATE,
        "kafka.ssl.keystore.key": files["key"],
        "kafka.ssl.key.password": "hush-3",
    }
    pem = {"security.protocol": "SSL", "ssl.ca.location": str(tmp_path)}
    assert java_options(settings(**pem))["kafka.ssl.truststore.certificates"].count("BEGIN CERTIFICATE") == 2


def test_certificates_that_this_user_may_not_read_are_named() -> None:
    with open_folder() as place:
        (place / "ca.pem").touch(0)
        with unprivileged(), pytest.raises(UsageError, match=r"ca\.pem cannot be read \(Permission denied\); let this"):
            java_options(settings(**{"security.protocol": "SSL", "ssl.ca.location": str(place)}))


@pytest.mark.parametrize(
    ("kafka", "message"),
    [
        ({"enable.ssl.certificate.verification": "false"}, "whose certificate is not verified"),
        (
            {"ssl.certificate.pem": CERTIFICATE, "ssl.key.pem": "-----BEGIN RSA PRIVATE KEY-----"},
            "openssl pkcs8 -topk8",
        ),
        ({"ssl.certificate.pem": CERTIFICATE, "ssl.key.pem": PBES2_KEY}, "openssl pkcs12 -export -inkey KEY"),
        ({"ssl.ca.location": "/dev/null"}, "holds no certificate in PEM format"),
    ],
)
def test_what_only_java_cannot_do(kafka: dict[str, str], message: str) -> None:
    given = settings(**{"security.protocol": "SSL"} | kafka)
    assert client_options(given)
    with pytest.raises(UsageError, match=re.escape(message)):
        java_options(given)


@given(st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"]), min_size=1))
def test_a_password_cannot_leave_its_quotes(password: str) -> None:
    """Java reads a quoted word until the first quote that no backslash is before, as this expression does."""
    words = re.match(r'"((?:[^"\\]|\\.)*)";$', f'"{quoted(password)}";', re.S)
    assert words is not None
    assert re.sub(r"\\(.)", r"\1", words[1], flags=re.S) == password
    given = settings(**SCRAM | {"sasl.password": password})
    assert java_options(given)["kafka.sasl.jaas.config"].endswith(f'password="{quoted(password)}";')


@pytest.mark.parametrize(
    ("variable", "option"),
    [
        ("SASL_USERNAME", "sasl.username"),
        ("LOG__LEVEL", "log_level"),
        ("SSL_CA___FILE", "ssl.ca-file"),
        ("SASL_OAUTHBEARER_TOKEN_ENDPOINT_URL", "sasl.oauthbearer.token.endpoint.url"),
    ],
)
def test_variables_name_options(variable: str, option: str) -> None:
    assert option_name(variable) == option
    assert variable_name(option) == f"ALERTFERRY_KAFKA_{variable}"


@given(st.from_regex(r"[a-z0-9]+([._-][a-z0-9]+)*", fullmatch=True))
def test_every_option_has_its_variable(option: str) -> None:
    assert option_name(variable_name(option).removeprefix("ALERTFERRY_KAFKA_")) == option


@pytest.mark.parametrize(
    ("owner", "given", "principal"),
    [
        ("alice", {}, "User:alice"),
        ("alice", {"topic_owner": "site"}, "User:alice"),
        (None, {"topic_owner": "site"}, "User:site"),
        (None, {"kafka": SCRAM}, "User:ferry"),
        ("alice", {"owner_principal": "User:CN={owner},O=Observatory"}, "User:CN=alice,O=Observatory"),
        ("{owner}", {}, "User:{owner}"),
        ("alice", {"topic_acls": "none"}, None),
    ],
)
def test_whose_a_topic_is(owner: str | None, given: dict[str, object], principal: str | None) -> None:
    assert reader_of(owner, Settings.model_validate({"topic_acls": "owner"} | given)) == principal


@pytest.mark.parametrize("owner", [None, "*", " * ", " ", "a\nb"])
def test_nobody_and_everybody_own_no_topic(owner: str | None) -> None:
    with pytest.raises(UsageError):
        reader_of(owner, Settings(topic_acls="owner"))
