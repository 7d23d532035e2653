"""Options of Spark's Kafka sink: what librdkafka's names mean, in Java's.

Certificates and keys are text here, so that executors on other machines need no files of the site's.
"""

from __future__ import annotations

import base64
import itertools
from collections.abc import Mapping
from pathlib import Path

from alertferry.core.errors import UsageError
from alertferry.core.kafka_client import bootstrap_servers
from alertferry.core.kafka_security import (
    UNSECURED,
    check_security,
    mechanism_of,
    protocol_of,
    unsecured_principal,
)
from alertferry.core.settings import Settings, quoted

_SECURITY = "org.apache.kafka.common.security"

_PBES2 = bytes.fromhex("2a864886f70d01050d")
"""The object identifier of that encryption, as it stands in a key (RFC 8018)."""

_TRANSLATED = (
    "security.protocol",
    "ssl.key.password",
    "ssl.endpoint.identification.algorithm",
    "ssl.cipher.suites",  # each library has names of its own; the broker's choice stands
    "enable.ssl.certificate.verification",
)
_TRANSLATED_GROUPS = ("sasl.", "enable.sasl.", "ssl.ca.", "ssl.certificate.", "ssl.key.", "ssl.keystore.", "https.ca.")


def java_options(settings: Settings) -> dict[str, str]:
    """Return the options of Spark's Kafka sink (``kafka.`` prefix), the secrets included: never print them.

    Raises `UsageError` for what cannot work, or what Java cannot do.
    """
    kafka = settings.kafka
    check_security(kafka)
    options = {"bootstrap.servers": bootstrap_servers(settings)}
    options |= {name: value for name, value in kafka.items() if not _is_translated(name)}
    if "security.protocol" in kafka:
        options["security.protocol"] = protocol_of(kafka)
    if protocol_of(kafka).endswith("SSL"):
        options |= _tls(kafka)
    if protocol_of(kafka).startswith("SASL_"):
        options |= _login(kafka, mechanism_of(kafka))
    return {f"kafka.{name}": value for name, value in options.items()}


def _is_translated(name: str) -> bool:
    return name in _TRANSLATED or name.startswith(_TRANSLATED_GROUPS)


def _tls(kafka: Mapping[str, str]) -> dict[str, str]:
    if kafka.get("enable.ssl.certificate.verification", "true").lower() == "false":
        raise UsageError(
            "enable.ssl.certificate.verification=false: Spark cannot publish to a broker whose certificate is not "
            "verified; remove it and name the broker's certificate authority with ALERTFERRY_KAFKA_SSL_CA_LOCATION"
        )
    options: dict[str, str] = {}
    if kafka.get("ssl.endpoint.identification.algorithm") == "none":
        options["ssl.endpoint.identification.algorithm"] = ""
    authorities = kafka.get("ssl.ca.pem") or _authorities(kafka.get("ssl.ca.location", "probe"))
    if authorities:
        options |= {"ssl.truststore.type": "PEM", "ssl.truststore.certificates": authorities}
    return options | _own_certificate(kafka)


def _authorities(location: str) -> str:
    """Return the certificates of a file or folder as text; none for ``probe``, where Java's own hold."""
    if location == "probe":
        return ""
    path = Path(location)
    try:
        files = sorted(item for item in path.iterdir() if item.is_file()) if path.is_dir() else [path]
        texts = [text for text in (file.read_text(errors="replace") for file in files) if "BEGIN CERTIFICATE" in text]
    except OSError as error:
        raise UsageError(
            f"ssl.ca.location names {location}, but {error.filename} cannot be read ({error.strerror}); let this user "
            "read it, or name another file"
        ) from None
    if not texts:
        raise UsageError(f"ssl.ca.location names {location}, which holds no certificate in PEM format")
    return "\n".join(texts)


def _own_certificate(kafka: Mapping[str, str]) -> dict[str, str]:
    password = {"ssl.key.password": kafka["ssl.key.password"]} if kafka.get("ssl.key.password") else {}
    if kafka.get("ssl.keystore.location"):
        store = {name: kafka[name] for name in ("ssl.keystore.location", "ssl.keystore.password") if name in kafka}
        return {"ssl.keystore.type": "PKCS12"} | store | password
    chain, key = (_text(kafka, part) for part in ("certificate", "key"))
    if not chain:
        return {}
    if "BEGIN PRIVATE KEY" not in key and "BEGIN ENCRYPTED PRIVATE KEY" not in key:
        raise UsageError(
            "the key of ssl.key.location is not in PKCS#8 format, the only one that Spark reads; convert it: "
            "openssl pkcs8 -topk8 -in KEY -out KEY8 (with -nocrypt for a key without password)"
        )
    if _PBES2 in _der(key):
        raise UsageError(
            "the key of ssl.key.location is encrypted in a way (PBES2) that Java's Kafka client cannot read; put key "
            "and certificate into a PKCS#12 file (openssl pkcs12 -export -inkey KEY -in CERTIFICATE -out FILE) and "
            "name it with ALERTFERRY_KAFKA_SSL_KEYSTORE_LOCATION and _SSL_KEYSTORE_PASSWORD, or use an open key"
        )
    options = {"ssl.keystore.type": "PEM", "ssl.keystore.certificate.chain": chain, "ssl.keystore.key": key}
    return options | (password if "ENCRYPTED" in key else {})


def _der(pem: str) -> bytes:
    lines = [line for line in pem.partition("-----BEGIN ENCRYPTED")[2].splitlines()[1:] if line]
    try:
        return base64.b64decode("".join(itertools.takewhile(lambda line: not line.startswith("-"), lines)))
    except ValueError:
        return b""  # Java will say what is wrong with it


def _text(kafka: Mapping[str, str], part: str) -> str:
    if kafka.get(f"ssl.{part}.location"):
        return Path(kafka[f"ssl.{part}.location"]).read_text(errors="replace")
    return kafka.get(f"ssl.{part}.pem", "")


def _login(kafka: Mapping[str, str], mechanism: str) -> dict[str, str]:
    options = {"sasl.mechanism": mechanism}
    if mechanism == "PLAIN":
        return options | _jaas("plain.PlainLoginModule", _names(kafka))
    if mechanism != "OAUTHBEARER":
        return options | _jaas("scram.ScramLoginModule", _names(kafka))
    module = "oauthbearer.OAuthBearerLoginModule"
    if kafka.get(UNSECURED, "").lower() == "true":
        return options | _jaas(module, {"unsecuredLoginStringClaim_sub": unsecured_principal(kafka)})
    options["sasl.login.callback.handler.class"] = f"{_SECURITY}.oauthbearer.OAuthBearerLoginCallbackHandler"
    options["sasl.oauthbearer.token.endpoint.url"] = kafka["sasl.oauthbearer.token.endpoint.url"]
    return options | _jaas(module, _token_request(kafka))


def _names(kafka: Mapping[str, str]) -> dict[str, str]:
    return {part: kafka[f"sasl.{part}"] for part in ("username", "password")}


def _token_request(kafka: Mapping[str, str]) -> dict[str, str]:
    asked = {"clientId": "client.id", "clientSecret": "client.secret", "scope": "scope"}
    found = {java: kafka.get(f"sasl.oauthbearer.{name}", "") for java, name in asked.items()}
    pairs = (pair.partition("=") for pair in kafka.get("sasl.oauthbearer.extensions", "").split(",") if pair)
    found |= {f"extension_{name.strip()}": value for name, _, value in pairs}
    return {name: value for name, value in found.items() if value}


def _jaas(module: str, values: Mapping[str, str]) -> dict[str, str]:
    words = " ".join(f'{name}="{quoted(value)}"' for name, value in values.items())
    return {"sasl.jaas.config": f"{_SECURITY}.{module} required {words};"}
