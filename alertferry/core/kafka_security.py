"""Which settings of TLS, login and rights go together; what cannot work is refused before any client tries."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from alertferry.core.errors import UsageError, did_you_mean
from alertferry.core.settings import Settings, variable_name

PROTOCOLS = ("PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL")

PASSWORD_MECHANISMS = ("PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512")

MECHANISMS = (*PASSWORD_MECHANISMS, "OAUTHBEARER")

OIDC_OPTIONS = ("sasl.oauthbearer.client.id", "sasl.oauthbearer.client.secret", "sasl.oauthbearer.token.endpoint.url")

UNSECURED = "enable.sasl.oauthbearer.unsecure.jwt"
"""Lets a client name itself without proof; for tests, whose broker believes it."""

_PATHS = ("ssl.ca.location", "ssl.certificate.location", "ssl.key.location", "ssl.keystore.location")


def protocol_of(kafka: Mapping[str, str]) -> str:
    """Return the security protocol in capitals, Kafka's own default where none is set."""
    return kafka.get("security.protocol", "PLAINTEXT").upper()


def mechanism_of(kafka: Mapping[str, str]) -> str:
    """Return the SASL mechanism in capitals; empty where none is set."""
    return (kafka.get("sasl.mechanism") or kafka.get("sasl.mechanisms") or "").upper()


def check_security(kafka: Mapping[str, str]) -> None:
    """Raise `UsageError` with everything in the client options that cannot work, each with what to do."""
    protocol = protocol_of(kafka)
    if protocol not in PROTOCOLS:
        near = did_you_mean(protocol, PROTOCOLS)
        raise UsageError(f"{_where('security.protocol')}: no protocol {protocol!r}{near}; choose {_either(PROTOCOLS)}")
    found = [*_misplaced(kafka, protocol), *_files(kafka), *_tls(kafka)]
    if protocol.startswith("SASL_"):
        found += _login(kafka, mechanism_of(kafka))
    if found:
        raise UsageError("\n".join(dict.fromkeys(found)))


def _misplaced(kafka: Mapping[str, str], protocol: str) -> Iterator[str]:
    login = [name for name in kafka if name.startswith(("sasl.", "enable.sasl."))]
    if login and not protocol.startswith("SASL_"):
        wanted = "SASL_SSL" if protocol == "SSL" or any(name.startswith("ssl.") for name in kafka) else "SASL_PLAINTEXT"
        wanted = wanted if wanted == "SASL_SSL" else "SASL_SSL (or SASL_PLAINTEXT, without encryption)"
        yield (
            f"{_where(login[0])} is set, but the protocol {protocol} logs nobody in; "
            f"set {variable_name('security.protocol')} to {wanted}"
        )
    tls = [name for name in kafka if name.startswith("ssl.")]
    if tls and not protocol.endswith("SSL"):
        wanted = "SASL_SSL" if protocol.startswith("SASL_") else "SSL"
        yield (
            f"{_where(tls[0])} is set, but the protocol {protocol} does not encrypt; "
            f"set {variable_name('security.protocol')} to {wanted}, or remove it"
        )


def _login(kafka: Mapping[str, str], mechanism: str) -> Iterator[str]:
    both = {kafka[name].upper() for name in ("sasl.mechanism", "sasl.mechanisms") if kafka.get(name)}
    if len(both) > 1:
        yield f"sasl.mechanism and sasl.mechanisms mean the same and differ ({_either(sorted(both))}); keep one"
    elif not mechanism:
        yield f"{_where('sasl.mechanism')} is missing; choose {_either(MECHANISMS)}, as the broker's operator says"
    elif mechanism in PASSWORD_MECHANISMS:
        for name in ("sasl.username", "sasl.password"):
            if not kafka.get(name):
                yield f"{_where(name)} is missing; {mechanism} needs sasl.username and sasl.password"
    elif mechanism == "OAUTHBEARER":
        yield from _oauth(kafka)
    else:
        near = did_you_mean(mechanism, MECHANISMS)
        yield f"{_where('sasl.mechanism')}: no mechanism {mechanism!r} here{near}; choose {_either(MECHANISMS)}"


def _oauth(kafka: Mapping[str, str]) -> Iterator[str]:
    for name in ("sasl.username", "sasl.password"):
        if name in kafka:
            yield f"{_where(name)} is set, but OAUTHBEARER logs in with a token; remove it"
    if kafka.get(UNSECURED, "").lower() == "true":
        if not unsecured_principal(kafka):
            yield f"{_where('sasl.oauthbearer.config')} must say 'principal=NAME' with {UNSECURED}=true"
    elif kafka.get("sasl.oauthbearer.method", "").lower() != "oidc":
        yield f"{_where('sasl.oauthbearer.method')} must be 'oidc', with {', '.join(OIDC_OPTIONS)}"
    else:
        yield from (f"{_where(name)} is missing; a token needs it" for name in OIDC_OPTIONS if not kafka.get(name))


def unsecured_principal(kafka: Mapping[str, str]) -> str:
    """Return the name that a client gives itself in ``sasl.oauthbearer.config``; empty where none is there."""
    words = (word.partition("=") for word in kafka.get("sasl.oauthbearer.config", "").split())
    return next((value for name, _, value in words if name == "principal"), "")


def _tls(kafka: Mapping[str, str]) -> Iterator[str]:
    certificate = next((name for name in ("ssl.certificate.location", "ssl.certificate.pem") if name in kafka), None)
    key = next((name for name in ("ssl.key.location", "ssl.key.pem") if name in kafka), None)
    if certificate and not key:
        yield f"{_where(certificate)} is set without its key; set {variable_name('ssl.key.location')}"
    if key and not certificate:
        yield f"{_where(key)} is set without its certificate; set {variable_name('ssl.certificate.location')}"
    checked = kafka.get("ssl.endpoint.identification.algorithm", "https")
    if checked not in ("https", "none"):
        name = "ssl.endpoint.identification.algorithm"
        yield f"{_where(name)}: choose 'https' (the broker's name is checked) or 'none', got {checked!r}"


def _files(kafka: Mapping[str, str]) -> Iterator[str]:
    for name in _PATHS:
        path = kafka.get(name)
        if not path or (name == "ssl.ca.location" and path == "probe"):
            continue
        try:
            if not (name == "ssl.ca.location" and Path(path).is_dir()):
                Path(path).open("rb").close()
        except OSError as error:
            yield f"{_where(name)} names {path}, which cannot be read ({error.strerror}); correct the path"


def reader_of(owner: str | None, settings: Settings) -> str | None:
    """Return the Kafka principal that may read the topics of an owner's jobs; None where everybody may who can.

    A job without an owner belongs to the ``topic_owner`` of the settings, else to the user who logs in to publish it.
    Raises `UsageError` when nobody is known.
    """
    if settings.topic_acls == "none":
        return None
    name = owner or settings.topic_owner or settings.kafka.get("sasl.username")
    if not name:
        raise UsageError(
            "ALERTFERRY_TOPIC_ACLS=owner, but this job has no owner: name the one of jobs from the command line with "
            "ALERTFERRY_TOPIC_OWNER"
        )
    if name.strip() == "*" or not name.strip() or not name.isprintable():  # Kafka reads `User:*` as everybody
        raise UsageError(f"{name!r} cannot own a topic: it is no name of one user")
    return settings.owner_principal.replace("{owner}", name)


def _where(name: str) -> str:
    return f"{name} ({variable_name(name)}, or [kafka] of alertferry.toml)"


def _either(words: tuple[str, ...] | list[str]) -> str:
    return f"{', '.join(words[:-1])} or {words[-1]}"
