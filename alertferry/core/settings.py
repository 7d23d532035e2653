"""Settings of an installation: where lakes and brokers are, and the secrets that no job may hold.

From weakest to strongest: defaults, ``alertferry.toml`` in the user's configuration folder, the file named by
``ALERTFERRY_CONFIG``, environment variables ``ALERTFERRY_*``.
"""

from __future__ import annotations

import json
import os
import re
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import unquote, urlsplit

import platformdirs
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from alertferry.core.errors import UsageError, did_you_mean
from alertferry.core.places import absolute
from alertferry.core.private import close
from alertferry.core.problems import sentence
from alertferry.core.working_folder import resolved

SPARK_PACKAGES = (
    "org.apache.spark:spark-avro_2.13:4.0.0",
    "org.apache.spark:spark-sql-kafka-0-10_2.13:4.0.0",
)

_SECRET_WORDS = ("password", "passphrase", "secret", "token", "jaas", "key.pem", "access.key", "assertion")


def _options(given: Any) -> Any:
    """Return client options as a flat table of texts: TOML reads ``sasl.username = "me"`` as tables in tables."""
    return dict(_flat(given, "")) if isinstance(given, Mapping) else given


def _flat(given: Mapping[str, Any], prefix: str) -> Iterator[tuple[str, Any]]:
    for name, value in given.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", json.dumps(value) if isinstance(value, bool | int | float) else value


_OPTIONS = ("kafka", "spark_conf")

Options = Annotated[dict[str, str], BeforeValidator(_options)]
"""Options by their dotted names."""


def _absolute(path: Path) -> Path:
    """Jobs and estimates run in folders of their own, and must find the same files."""
    return Path(resolved(str(path)))


def _located(place: str) -> str:
    """Return a path as an absolute one, a URL as it is."""
    return absolute(place)


_LINK = re.compile(r"(https?://|mailto:)[^\s<>\"']+", re.IGNORECASE)


def _link(address: str) -> str:
    """Return an address that a page may link to: anything else could be a script."""
    if not _LINK.fullmatch(address):
        raise ValueError("must be an address that begins with https://, http:// or mailto:, without spaces and quotes")
    return address


Link = Annotated[str, AfterValidator(_link)]


class Settings(BaseModel):
    """Everything that belongs to the machine or the site, never to a job.

    ``lakes`` maps a survey to the path or URL of its datalake. ``kafka`` holds client options under their Kafka
    names (``security.protocol``). ``spark_conf`` is added to every job's Spark configuration.
    ``topic_retention_days`` counts days; ``schema_copies`` is the number of copies of the schema record.
    ``sample_alerts`` is the largest sample of a night that estimates rest on; one of them may take
    ``estimate_seconds``, and their Spark process ends after ``estimate_idle_seconds`` without a question.
    ``tns_table`` is a file of objects of the Transient Name Server: columns ra, declination, type.
    ``parser_memory_mb`` and ``parser_seconds`` are what the reading of one catalogue or map may take, and
    ``parsers_at_once`` how many of them are read at a time.
    ``max_nights`` is the largest number of nights of one job. A user who signs in to the dashboard may submit
    ``max_jobs_per_hour``; ``admins`` are the names of those who see and cancel the jobs of all users there.
    ``max_table_bytes`` is the largest topic that the dashboard makes a VOTable or FITS file of.
    Of the dashboard: ``max_upload_bytes`` of one file and ``max_user_upload_bytes`` of all files of a user,
    ``max_drafts`` and ``max_open_pages`` of a user, ``max_websocket_bytes`` of one message of a page, and
    ``max_sign_in_failures`` within a minute, for a user name from one address.
    ``contact_url`` and ``docs_url`` are where its users find help and the documentation: https, http or mailto.
    ``jobs_url`` is the SQLAlchemy URL of the job store, a file in ``home`` when left out.
    With ``topic_acls = "owner"`` each topic is readable by its job's owner only: the Kafka principal that
    ``owner_principal`` makes of the owner's name. ``topic_owner`` owns the jobs that have no owner of their own.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    home: Annotated[Path, AfterValidator(_absolute)] = Field(
        default_factory=lambda: Path(platformdirs.user_data_dir("alertferry"))
    )
    bootstrap_servers: str | None = None
    lakes: dict[str, Annotated[str, AfterValidator(_located)]] = Field(default_factory=dict)
    launcher: str = "local"
    spark_conf: Options = Field(default_factory=dict, repr=False)
    spark_packages: tuple[str, ...] = SPARK_PACKAGES
    kafka: Options = Field(default_factory=dict, repr=False)
    topic_acls: Literal["none", "owner"] = "none"
    topic_owner: str | None = Field(default=None, min_length=1)
    owner_principal: str = Field(default="User:{owner}", pattern=r"^[A-Za-z]+:.*\{owner\}")
    topic_partitions: int = Field(default=10, ge=1, le=1000)
    topic_replication: int = Field(default=1, ge=1)
    topic_retention_days: float = Field(default=7, gt=0)
    schema_copies: int = Field(default=100, ge=1, le=10_000)
    max_message_bytes: int = Field(default=10 * 1024 * 1024, ge=1024)
    sample_alerts: int = Field(default=20_000, ge=100, le=1_000_000)
    estimate_seconds: float = Field(default=60, gt=0)
    estimate_idle_seconds: float = Field(default=900, gt=0)
    jobs_url: str | None = Field(default=None, repr=False)
    max_nights: int = Field(default=7305, ge=1, le=36_525)
    max_running_jobs: int = Field(default=1, ge=1)
    admins: tuple[Annotated[str, Field(min_length=1)], ...] = ()
    max_upload_bytes: int = Field(default=100_000_000, ge=1)
    max_user_upload_bytes: int = Field(default=1024**3, ge=1)
    max_table_bytes: int = Field(default=500_000_000, ge=0)
    max_drafts: int = Field(default=100, ge=1)
    max_open_pages: int = Field(default=30, ge=1)
    max_websocket_bytes: int = Field(default=1_000_000, ge=100_000)
    max_sign_in_failures: int = Field(default=10, ge=1)
    max_jobs_per_hour: int = Field(default=20, ge=1)
    contact_url: Link | None = None
    docs_url: Link | None = None
    job_retention_days: float = Field(default=30, gt=0)
    tns_table: Annotated[str, AfterValidator(_located)] | None = None
    catalog_retention_hours: float = Field(default=24, gt=0)
    parser_memory_mb: int = Field(default=1024, ge=256)
    parser_seconds: int = Field(default=60, ge=5)
    parsers_at_once: int = Field(default=2, ge=1)

    def secrets(self) -> tuple[str, ...]:
        """Return the values that must never be printed, the longest first."""
        found = [value for name, value in (*self.kafka.items(), *self.spark_conf.items()) if is_secret(name)]
        found = [value for value in found if value not in ("true", "false")]
        address = urlsplit(self.jobs_url or "")
        raw = address.netloc.rpartition("@")[0].partition(":")[2]
        # as JSON and as Java's login configuration write it
        found += [json.dumps(value)[1:-1] for value in found] + [quoted(value) for value in found]
        return tuple(sorted({value for value in (*found, raw, unquote(raw)) if value}, key=len, reverse=True))

    def redact(self, text: str) -> str:
        """Return ``text`` with every secret value replaced by ``***``."""
        for value in self.secrets():
            text = text.replace(value, "***")
        return text


def quoted(text: str) -> str:
    """Return a text as it stands between the quotes of Java's login configuration (JAAS)."""
    return text.replace("\\", "\\\\").replace('"', '\\"')


def is_secret(option: str) -> bool:
    """Tell by its name whether an option of Kafka or Spark holds a secret."""
    lowered = option.lower()
    return any(word in lowered for word in _SECRET_WORDS) and not lowered.endswith(".url")


def load_settings(environ: Mapping[str, str] | None = None) -> Settings:
    """Read the settings of this process.

    Raises `UsageError` naming the file or the variable at fault.
    """
    env = os.environ if environ is None else environ
    merged: dict[str, Any] = {}
    for path, required in _files(env):
        _merge(merged, _read(path, required))
    _merge(merged, _from_environment(env))
    try:
        found = Settings.model_validate(merged)
    except ValidationError as error:
        raise UsageError("\n".join(_describe(item) for item in error.errors())) from None
    close(found.home)  # made by an earlier version, or by hand
    return found


_PRIVATE = (*_OPTIONS, "jobs_url")


def _describe(item: Any) -> str:
    name = ".".join(map(str, item["loc"]))
    if item["loc"][0] in _PRIVATE:
        item = {**item, "input": "***"}  # what stands there instead may be a password
    if item["type"] == "extra_forbidden":
        return f"settings: no setting {name!r}{did_you_mean(name, Settings.model_fields)}"
    return f"settings: {name}: {sentence(item, Settings)}"


def _files(env: Mapping[str, str]) -> list[tuple[Path, bool]]:
    base = env.get("XDG_CONFIG_HOME")
    folder = Path(base) / "alertferry" if base else Path(platformdirs.user_config_dir("alertferry"))
    files = [(folder / "alertferry.toml", False)]
    if env.get("ALERTFERRY_CONFIG"):
        files.append((Path(resolved(env["ALERTFERRY_CONFIG"])), True))
    return files


def _read(path: Path, required: bool) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text())
    except FileNotFoundError:
        if required:
            raise UsageError(f"ALERTFERRY_CONFIG names {path}, which does not exist") from None
        return {}
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        said = error.strerror if isinstance(error, OSError) else str(error)
        raise UsageError(f"cannot read the settings file {path}: {said}") from None


def _merge(into: dict[str, Any], more: Mapping[str, Any]) -> None:
    for key, given in more.items():
        value = _options(given) if key in _OPTIONS else given
        if isinstance(value, dict) and isinstance(into.get(key), dict):
            into[key] = {**into[key], **value}
        else:
            into[key] = value


def _from_environment(env: Mapping[str, str]) -> dict[str, Any]:
    found: dict[str, Any] = {"lakes": {}, "kafka": {}}
    plain = {"HOME": "home", "BOOTSTRAP_SERVERS": "bootstrap_servers", "LAUNCHER": "launcher", "JOBS_URL": "jobs_url"}
    plain["TNS_TABLE"] = "tns_table"
    plain |= {
        name.upper(): name
        for name in (
            "topic_partitions",
            "topic_replication",
            "topic_retention_days",
            "schema_copies",
            "parser_memory_mb",
            "parser_seconds",
            "parsers_at_once",
            "max_message_bytes",
            "sample_alerts",
            "estimate_seconds",
            "estimate_idle_seconds",
            "max_nights",
            "max_running_jobs",
            "max_upload_bytes",
            "max_table_bytes",
            "max_user_upload_bytes",
            "max_drafts",
            "max_open_pages",
            "max_websocket_bytes",
            "max_sign_in_failures",
            "max_jobs_per_hour",
            "job_retention_days",
            "catalog_retention_hours",
            "topic_acls",
            "topic_owner",
            "owner_principal",
            "contact_url",
            "docs_url",
        )
    }
    for variable, value in env.items():
        if not variable.startswith("ALERTFERRY_") or not value:
            continue
        name = variable.removeprefix("ALERTFERRY_")
        if name in plain:
            found[plain[name]] = value
        elif name == "SPARK_CONF":
            found["spark_conf"] = _pairs(variable, value)
        elif name == "SPARK_PACKAGES":
            found["spark_packages"] = _items(value)
        elif name == "ADMINS":
            found["admins"] = _items(value)
        elif name.startswith("LAKE_"):
            found["lakes"][name.removeprefix("LAKE_").lower()] = value
        elif name.startswith("KAFKA_"):
            found["kafka"][option_name(name.removeprefix("KAFKA_"))] = value
    return found


_UNDERSCORES = {1: ".", 2: "_", 3: "-"}


def option_name(variable: str) -> str:
    """Return the client option of the end of a variable's name: ``_`` means a dot, ``__`` a ``_``, ``___`` a ``-``."""
    return re.sub("_+", lambda found: _UNDERSCORES.get(len(found[0]), found[0]), variable.lower())


def variable_name(option: str) -> str:
    """Return the environment variable that sets a client option: the inverse of `option_name`."""
    written = option.replace("_", "__").replace("-", "___").replace(".", "_")
    return f"ALERTFERRY_KAFKA_{written.upper()}"


def _items(text: str) -> list[str]:
    return [item.strip() for item in text.split(",") if item.strip()]


def _pairs(variable: str, text: str) -> dict[str, str]:
    """Read ``{"a": "b"}`` or ``a=b;c=d``."""
    if text.lstrip().startswith("{"):
        try:
            return {str(key): str(value) for key, value in json.loads(text).items()}
        except ValueError as error:
            raise UsageError(f"{variable} is not valid JSON: {error}") from None
    pairs = [item.partition("=") for item in text.split(";") if item.strip()]
    if any(not separator for _, separator, _ in pairs):
        raise UsageError(f"{variable} must be JSON or 'name=value;name=value'; a part has no =")
    return {name.strip(): value.strip() for name, _, value in pairs}
