"""Ways into a broker that few sites use: tokens of a login server, and certificates of the user's own."""

from __future__ import annotations

import base64
import http.server
import json
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import pytest
from confluent_kafka.admin import AdminClient, NewTopic

from alertferry.broker import BrokerInfo, Security, kafka_options, running_broker
from alertferry.broker.security import read_security
from alertferry.core.errors import AlertferryError
from alertferry.core.kafka_client import client_options, reachable_servers
from alertferry.core.kafka_java import java_options
from alertferry.core.settings import Settings
from alertferry.plugins.outputs.access import check_sink
from alertferry.plugins.outputs.topic import TopicPair
from tests.secured import SecuredBroker

pytestmark = pytest.mark.kafka


def token(signature: str, algorithm: str) -> str:
    """Return a token for the user ferry, as a login server would."""
    now = int(time.time())
    parts: list[dict[str, Any]] = [{"alg": algorithm}, {"sub": "ferry", "iat": now, "exp": now + 600, "scope": "kafka"}]
    encoded = [base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=") for part in parts]
    return ".".join([*encoded, signature])


@contextmanager
def login_server(issued: str) -> Iterator[tuple[str, list[tuple[str, dict[str, list[str]]]]]]:
    """Give the address of a token endpoint on loopback, and what it is asked: who, and for what."""
    asked: list[tuple[str, dict[str, list[str]]]] = []

    class Endpoint(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"])).decode()
            who = base64.b64decode(self.headers["Authorization"].removeprefix("Basic ")).decode()
            asked.append((who, parse_qs(body)))
            answer = json.dumps({"access_token": issued, "token_type": "Bearer", "expires_in": 600}).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *_: object) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Endpoint)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/token", asked
    finally:
        server.shutdown()
        server.server_close()


def by_token(secured: SecuredBroker, url: str) -> Settings:
    kafka = secured.kafka("ferry", "OAUTHBEARER", sasl_username=None, sasl_password=None)
    kafka |= {"sasl.oauthbearer.method": "oidc", "sasl.oauthbearer.token.endpoint.url": url}
    kafka |= {"sasl.oauthbearer.client.id": "ship", "sasl.oauthbearer.client.secret": "s3cret"}
    return secured.settings("ferry", kafka | {"sasl.oauthbearer.scope": "kafka"})


EXPECTED = ("ship:s3cret", {"grant_type": ["client_credentials"], "scope": ["kafka"]})


def test_python_gets_in_by_a_token(secured: SecuredBroker) -> None:
    with login_server(token("", "none")) as (url, asked):
        reachable_servers(by_token(secured, url))
    assert asked[0] == EXPECTED


def test_spark_shows_the_token_it_was_given(java: Any, secured: SecuredBroker) -> None:
    """The broker of tests believes unsigned tokens only, and Java takes none that is not signed: it is sent and refused."""
    with login_server(token("c2lnbmVk", "RS256")) as (url, asked):
        settings = by_token(secured, url)
        with pytest.raises(AlertferryError, match="refuses Spark's login"):
            check_sink(java, "ftransfer_x", java_options(settings), settings)
    assert asked[0] == EXPECTED


@pytest.fixture
def certified(tmp_path: Path, jars_home: Path) -> Iterator[BrokerInfo]:
    """A broker that knows its users by their certificates; who shows none may do everything."""
    properties = {
        "ssl.client.auth": "requested",
        "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
        "super.users": "User:ANONYMOUS",
    }
    with running_broker(
        tmp_path / "home", jars_home=jars_home, properties=properties, security=Security(tls=True)
    ) as info:
        yield info


def certificate_of(name: str, info: BrokerInfo, folder: Path) -> tuple[dict[str, str], dict[str, str]]:
    """Return the client options of a certificate that the broker's authority has signed, by PKCS#12 and by PEM."""
    secret, store = read_security(info.folder).secret, folder / f"{name}.p12"

    def run(*words: str) -> None:
        subprocess.run(words, check=True, capture_output=True)

    pass_words = ("-storepass", secret)
    broker_store = str(info.folder / "tls" / "broker.p12")
    key = ("-keyalg", "EC", "-alias", name, "-dname", f"CN={name}", "-signer", "ca")
    run("keytool", "-genkeypair", *key, "-keystore", broker_store, *pass_words)
    both = ("-srckeystore", broker_store, "-srcstorepass", secret, "-srcalias", name)
    run("keytool", "-importkeystore", *both, "-destkeystore", str(store), "-deststorepass", secret)
    read = ("openssl", "pkcs12", "-in", str(store), "-passin", f"pass:{secret}")
    run(*read, "-nokeys", "-out", str(folder / "certificate.pem"))
    run(*read, "-nocerts", "-nodes", "-out", str(folder / "key.pem"))
    files = {f"ssl.{part}.location": str(folder / f"{part}.pem") for part in ("certificate", "key")}
    keystore = {"ssl.keystore.location": str(store), "ssl.keystore.password": secret}
    return kafka_options(info.folder) | keystore, kafka_options(info.folder) | files


@pytest.mark.soak
def test_client_certificates_name_their_owner(java: Any, certified: BrokerInfo, tmp_path: Path) -> None:
    servers = {"bootstrap_servers": certified.bootstrap_servers}
    publisher = Settings(
        **servers, kafka=kafka_options(certified.folder), topic_acls="owner", owner_principal="User:CN={owner}"
    )
    for topic, owner in (("ftransfer_1", "alice"), ("ftransfer_2", "bob")):
        TopicPair(topic, publisher).create(1, owner)
    for kafka in certificate_of("alice", certified, tmp_path):
        alice = Settings(**servers, kafka=kafka)
        admin = AdminClient(client_options(alice))
        assert set(admin.list_topics(timeout=10).topics) == {"ftransfer_1", "ftransfer_1_schema"}
        assert admin.create_topics([NewTopic("ftransfer_3", 1, 1)])["ftransfer_3"].exception() is not None
        check_sink(java, "ftransfer_1", java_options(alice), alice)
        with pytest.raises(AlertferryError, match="does not let this user publish"):
            check_sink(java, "ftransfer_2", java_options(alice), alice)
