"""A broker with TLS, users and access rights, set up as docs/security.md tells a site to."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from confluent_kafka.admin import (
    AclBinding,
    AclOperation,
    AclPermissionType,
    AdminClient,
    ResourcePatternType,
    ResourceType,
)
from py4j.java_gateway import GatewayParameters, JavaGateway, launch_gateway

from alertferry.broker import BrokerInfo, Security, kafka_options, running_broker
from alertferry.core.jars import fetch_jars, pyspark_folder
from alertferry.core.kafka_client import client_options
from alertferry.core.settings import SPARK_PACKAGES, Settings, variable_name

CANARY = "c4nary7319"
"""In every password; it must be found nowhere."""

USERS = {name: f'{name}"\\ {CANARY},=]' for name in ("root", "ferry", "alice", "bob")}

# Brokers of tests believe what a client says of itself: only so can OAUTHBEARER be tried without a login server.
_UNSECURED = {
    "sasl.enabled.mechanisms": "SCRAM-SHA-512,SCRAM-SHA-256,PLAIN,OAUTHBEARER",
    "listener.name.sasl_ssl.oauthbearer.sasl.jaas.config": (
        "org.apache.kafka.common.security.oauthbearer.OAuthBearerLoginModule required;"
    ),
}


@dataclass(frozen=True)
class SecuredBroker:
    """The broker, and how its users reach it."""

    info: BrokerInfo

    def kafka(self, user: str, mechanism: str = "SCRAM-SHA-512", **over: str | None) -> dict[str, str]:
        """Return a user's client options; those that are None are left out."""
        options = kafka_options(self.info.folder, user, mechanism=mechanism) | {
            name.replace("_", "."): value for name, value in over.items()
        }
        return {name: value for name, value in options.items() if value is not None}

    def settings(self, user: str, kafka: dict[str, str] | None = None, **more: Any) -> Settings:
        """Return a user's settings."""
        return Settings(
            bootstrap_servers=self.info.bootstrap_servers, kafka=self.kafka(user) if kafka is None else kafka, **more
        )

    def client(self, user: str) -> dict[str, Any]:
        """Return the options of a user's client."""
        return client_options(self.settings(user))

    def environment(self, user: str, **over: str | None) -> dict[str, str]:
        """Return the variables by which a user's command finds the broker."""
        named = {variable_name(name): value for name, value in self.kafka(user, **over).items()}
        return named | {"ALERTFERRY_BOOTSTRAP_SERVERS": self.info.bootstrap_servers}


@contextmanager
def secured_broker(home: Path, jars_home: Path) -> Iterator[SecuredBroker]:
    """Run such a broker."""
    security = Security(users=USERS, super_users=("root",), tls=True)
    with running_broker(home, jars_home=jars_home, properties=_UNSECURED, security=security) as info:
        broker = SecuredBroker(info)
        give_publishing(AdminClient(broker.client("root")), "User:ferry")
        yield broker


def give_publishing(admin: AdminClient, principal: str) -> None:
    """Give a principal what a publisher needs, and no more."""
    topic, prefixed = ResourceType.TOPIC, ResourcePatternType.PREFIXED
    operations = (AclOperation.CREATE, AclOperation.WRITE, AclOperation.READ)
    wanted = [(topic, prefix, prefixed, operation) for prefix in ("ftransfer_", "fxmatch_") for operation in operations]
    wanted += [(ResourceType.GROUP, "alertferry", prefixed, AclOperation.READ)]
    wanted += [(ResourceType.BROKER, "kafka-cluster", ResourcePatternType.LITERAL, AclOperation.ALTER)]
    bindings = [
        AclBinding(*resource, principal, "*", operation, AclPermissionType.ALLOW) for *resource, operation in wanted
    ]
    for future in admin.create_acls(bindings).values():
        future.result()


@contextmanager
def spark_java(jars_home: Path) -> Iterator[Any]:
    """Run a JVM with the class path of a job."""
    spark = pyspark_folder() / "jars"
    classes = [str(spark / "*"), *map(str, fetch_jars(SPARK_PACKAGES, jars_home))]
    port, word = launch_gateway(
        jarpath=str(next(spark.glob("py4j-*.jar"))),
        classpath=os.pathsep.join(classes),
        die_on_exit=True,
        enable_auth=True,
    )
    gateway = JavaGateway(gateway_parameters=GatewayParameters(port=port, auth_token=word))
    try:
        yield gateway.jvm
    finally:
        gateway.shutdown()
