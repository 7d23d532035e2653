"""Users, access rights and encryption of the embedded broker.

What it takes is kept in the broker's folder, readable for its user only: passwords never stand in arguments.
"""

from __future__ import annotations

import base64
import hashlib
import os
import secrets
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError, model_validator

from alertferry.core.errors import AlertferryError, UsageError
from alertferry.core.jars import java_command, utf8_environment
from alertferry.core.settings import quoted

MECHANISMS = ("SCRAM-SHA-512", "SCRAM-SHA-256", "PLAIN")

_SELF = "alertferry-broker"
"""The user as which the broker talks to itself, and we to it."""

_ITERATIONS = 4096
_VALID_DAYS = 3650
_JAAS = "org.apache.kafka.common.security"

User = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9._@-]+$", max_length=200)]


class Security(BaseModel):
    """Who may use a broker, and whether connections to it are encrypted.

    ``users`` maps names to passwords; with any, nobody else gets in, and what a user may do is decided by access
    control lists, but for ``super_users``, who may do everything. ``tls`` makes a certificate authority of the
    broker's own.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    users: dict[User, str] = Field(default_factory=dict, repr=False)
    super_users: tuple[User, ...] = ()
    tls: bool = False

    @model_validator(mode="after")
    def _check(self) -> Security:
        strangers = [name for name in self.super_users if name not in self.users]
        if strangers or _SELF in self.users:
            raise ValueError(f"super users must be users, and {_SELF!r} is the broker's own name; got {strangers}")
        return self

    @property
    def protocol(self) -> str:
        """Kafka's name of what clients must speak."""
        return {(True, True): "SASL_SSL", (True, False): "SASL_PLAINTEXT", (False, True): "SSL"}.get(
            (bool(self.users), self.tls), "PLAINTEXT"
        )


class Kept(BaseModel):
    """The security of a broker's folder, and the secret that only the broker and this code know."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    security: Security = Security()
    secret: str = Field(default_factory=lambda: secrets.token_urlsafe(32), repr=False)


def authority_file(folder: Path) -> Path:
    """Return the certificate of the authority that signs the broker's, in PEM format."""
    return folder / "tls" / "ca.pem"


def settle_security(folder: Path, wanted: Security | None) -> Kept:
    """Return the security of a broker's folder, made now if the folder is new; as it is when none is ``wanted``.

    Raises `UsageError` when the folder's users or encryption are others.
    """
    kept = read_security(folder)
    if (folder / "data" / "meta.properties").exists():
        check_same(folder, kept, wanted)
        return kept
    kept = Kept(security=wanted or Security())
    if kept.security.users or kept.security.tls:
        folder.chmod(0o700)  # the records themselves lie there too
        write_private(folder / "security.json", kept.model_dump_json())
    else:
        (folder / "security.json").unlink(missing_ok=True)
    if kept.security.tls:
        _make_certificates(folder / "tls", kept.secret)
    return kept


def check_same(folder: Path, kept: Kept, wanted: Security | None) -> None:
    """Raise `UsageError` unless the folder's users and encryption are those wanted, or none are asked for."""
    if wanted is not None and kept.security != wanted:
        raise UsageError(
            f"the broker of {folder} was made with other users or another encryption; they cannot be changed: "
            "choose another home"
        )


def read_security(folder: Path) -> Kept:
    """Return the security kept in a folder; none where there is no broker, or an open one."""
    file = folder / "security.json"
    try:
        return Kept.model_validate_json(file.read_text())
    except FileNotFoundError:
        return Kept()
    except (OSError, ValidationError):
        raise AlertferryError(f"{file} is damaged or cannot be read, so nobody can use this broker") from None


def kafka_options(
    folder: Path, user: str | None = None, password: str | None = None, mechanism: str = MECHANISMS[0]
) -> dict[str, str]:
    """Return the ``[kafka]`` settings by which a user reaches the broker of a folder; empty for an open one.

    The password is the one that the broker was given, unless another is named.
    """
    security = read_security(folder).security
    if security.protocol == "PLAINTEXT":
        return {}
    options = {"security.protocol": security.protocol}
    if security.tls:
        options["ssl.ca.location"] = str(authority_file(folder))
    if security.users and user is not None:
        known = security.users.get(user) if password is None else password
        if known is None:
            raise UsageError(f"the broker of {folder} has no user {user!r}; it has {', '.join(security.users)}")
        options |= {"sasl.mechanism": mechanism, "sasl.username": user, "sasl.password": known}
    return options


def own_options(folder: Path) -> dict[str, str]:
    """Return the client options of the broker's own user."""
    kept = read_security(folder)
    return kafka_options(folder, _SELF, kept.secret, "PLAIN") if kept.security.users else kafka_options(folder)


def security_properties(folder: Path, kept: Kept) -> dict[str, str]:
    """Return the broker's properties for its users and encryption, those that its user may change among them."""
    security = kept.security
    return (_login(kept) if security.users else {}) | (_tls(folder, kept.secret) if security.tls else {})


def _login(kept: Kept) -> dict[str, str]:
    listener = f"listener.name.{kept.security.protocol.lower()}"
    known = {_SELF: kept.secret, **kept.security.users}
    plain = "".join(f' user_{name}="{quoted(password)}"' for name, password in known.items())
    itself = f'username="{_SELF}" password="{kept.secret}"'
    scram = f"{_JAAS}.scram.ScramLoginModule required;"
    return {
        "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
        "super.users": ";".join(f"User:{name}" for name in (_SELF, *kept.security.super_users)),
        "sasl.enabled.mechanisms": ",".join(MECHANISMS),
        "sasl.mechanism.inter.broker.protocol": "PLAIN",
        "sasl.mechanism.controller.protocol": "PLAIN",
        f"{listener}.plain.sasl.jaas.config": f"{_JAAS}.plain.PlainLoginModule required {itself}{plain};",
        f"{listener}.scram-sha-256.sasl.jaas.config": scram,
        f"{listener}.scram-sha-512.sasl.jaas.config": scram,
        # the controller's port is open to this machine too: without a login anybody here could rule the broker
        "listener.name.controller.sasl.enabled.mechanisms": "PLAIN",
        "listener.name.controller.plain.sasl.jaas.config": (
            f'{_JAAS}.plain.PlainLoginModule required {itself} user_{_SELF}="{kept.secret}";'
        ),
    }


def _tls(folder: Path, secret: str) -> dict[str, str]:
    return {
        "ssl.keystore.type": "PKCS12",
        "ssl.keystore.location": str(folder / "tls" / "broker.p12"),
        "ssl.keystore.password": secret,
        "ssl.truststore.type": "PEM",
        "ssl.truststore.location": str(authority_file(folder)),
    }


@contextmanager
def format_arguments(folder: Path, kept: Kept) -> Iterator[list[str]]:
    """Give the arguments by which Kafka's storage tool makes the users: a file, as others can read command lines."""
    file = folder / ".users"
    lines = [line for name, password in kept.security.users.items() for line in _scram(name, password)]
    try:
        if lines:
            write_private(file, "\n".join(lines) + "\n")
        yield [f"@{file}"] if lines else []
    finally:
        file.unlink(missing_ok=True)


def _scram(name: str, password: str) -> Iterator[str]:
    """Yield arguments for a user; the salted password stands for any password, whatever is in it (RFC 5802)."""
    for mechanism, digest in (("SCRAM-SHA-256", "sha256"), ("SCRAM-SHA-512", "sha512")):
        salt = os.urandom(16)
        salted = hashlib.pbkdf2_hmac(digest, password.encode(), salt, _ITERATIONS)
        encoded = [base64.b64encode(part).decode() for part in (salt, salted)]
        yield "--add-scram"
        yield f'{mechanism}=[name={name},iterations={_ITERATIONS},salt="{encoded[0]}",saltedpassword="{encoded[1]}"]'


def write_private(file: Path, text: str) -> None:
    """Write a file that only its user can read, from its first byte on."""
    file.unlink(missing_ok=True)
    with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as stream:
        stream.write(text)


def _make_certificates(folder: Path, secret: str) -> None:
    """Make an authority and a certificate of this machine's own names, signed by it, with the tool that Java ships."""
    folder.mkdir(mode=0o700, exist_ok=True)
    store = folder / "broker.p12"
    store.unlink(missing_ok=True)
    key = ("-genkeypair", "-keyalg", "EC", "-groupname", "secp256r1", "-validity", str(_VALID_DAYS))
    _keytool(store, secret, *key, "-alias", "ca", "-dname", "CN=alertferry broker authority", "-ext", "bc:c=ca:true")
    names = "san=ip:127.0.0.1,dns:localhost"
    _keytool(store, secret, *key, "-alias", "broker", "-signer", "ca", "-dname", "CN=localhost", "-ext", names)
    authority = _keytool(store, secret, "-exportcert", "-rfc", "-alias", "ca")
    (folder / "ca.pem").write_text(authority)


def _keytool(store: Path, secret: str, *arguments: str) -> str:
    command = [str(Path(java_command()).with_name("keytool")), "-J-XX:TieredStopAtLevel=1", *arguments]
    command += ["-keystore", str(store), "-storetype", "PKCS12", "-storepass:env", "STORE_SECRET"]
    environment: Mapping[str, str] = {**utf8_environment(), "STORE_SECRET": secret}
    try:
        done = subprocess.run(command, capture_output=True, text=True, errors="replace", env=environment, check=False)
    except FileNotFoundError:
        raise UsageError(f"no {command[0]}: encryption needs keytool, which comes with Java 17") from None
    if done.returncode != 0:
        raise AlertferryError(f"keytool cannot make the broker's certificate: {done.stdout.strip()}")
    return done.stdout
