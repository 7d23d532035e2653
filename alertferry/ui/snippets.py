"""Code to paste: blocks that work on another machine as they stand.

Each says what to install, where the broker and the lake are, and where a password is to be found; never the password.
"""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pprint import pformat
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from alertferry import uploads
from alertferry.core.access import COMMAND_LINE, Access
from alertferry.core.job import Job
from alertferry.core.registry import default_registry
from alertferry.core.safe_yaml import dump_mapping
from alertferry.core.settings import Settings, is_secret, variable_name
from alertferry.current import current_settings
from alertferry.policy import OWN
from alertferry.ui.draft import Draft
from alertferry.ui.session import job_or_none
from alertferry.ui.text import printable

NEEDS = "# needs Python 3.11 or later"
JAVA = ", and Java 17"
COPY = "/path/to/the/lake"
LAKE_HERE = "the lake is a folder of the server: name a copy of it, or run this there"

_TO_PANDAS = """
table = pa.Table.from_batches(alertferry.consume(outcome.topic))
alerts = table.to_pandas(types_mapper=pd.ArrowDtype)  # keeps every digit and every null
"""

_SHOWN = {"security.protocol", "sasl.mechanism", "sasl.mechanisms", "ssl.endpoint.identification.algorithm"}
_SHOWN |= {f"sasl.oauthbearer.{name}" for name in ("method", "scope", "token.endpoint.url")}
_OWN = {
    "sasl.username": ("YOUR_NAME", "your name at the broker"),
    "sasl.oauthbearer.client.id": ("YOUR_CLIENT", "your name at the broker"),
    "ssl.ca.location": ("ca.pem", "the certificate authority of the broker, from its operator"),
    "ssl.certificate.location": ("client.pem", "your certificate"),
    "ssl.key.location": ("client.key", "the key of your certificate"),
    "ssl.keystore.location": ("client.p12", "your certificate and its key"),
}
"""Options that are each user's own, with what stands for them where somebody else's are not to be seen."""


@dataclass(frozen=True)
class Variable:
    """A setting by its environment variable: its value, or the file that the value is in."""

    name: str
    value: str
    note: str = ""
    is_file: bool = False

    @property
    def shell(self) -> list[str]:
        """The lines of a shell. A comment has a line of its own, without quotes: zsh takes no other when one pastes."""
        value = f'"$(cat {self.value})"' if self.is_file else shlex.quote(self.value)
        return [*self._note, f"export {self.name}={value}"]

    @property
    def python(self) -> list[str]:
        """The lines of Python."""
        value = f"Path({self.value!r}).expanduser().read_text().strip()" if self.is_file else repr(self.value)
        return [*self._note, f"os.environ[{self.name!r}] = {value}"]

    @property
    def _note(self) -> list[str]:
        return [f"# {self.note}"] if self.note else []


@dataclass(frozen=True)
class Place:
    """The broker and the lakes as somebody else is to set them: variables, and what was uploaded by its own name."""

    broker: tuple[Variable, ...] = ()
    lakes: Mapping[str, Variable] | None = None
    owner: str | None = None

    @classmethod
    def of(cls, access: Access = COMMAND_LINE, settings: Settings | None = None) -> Place:
        """Return this site as whoever asks may see it. Slow: it asks whether a broker runs on this machine."""
        found = settings or current_settings()
        lakes = {name: _lake(name, place, access.confined) for name, place in found.lakes.items()}
        return cls(tuple(_broker(found, access)), lakes, access.user)

    def variables(self, job: Mapping[str, Any] | None = None) -> list[Variable]:
        """Return what is to be set, also for running a job if one is given."""
        source = (job or {}).get("source", {})
        wanted = dict.fromkeys(str(source.get(name)) for name in ("kind", "lake"))
        lakes = self.lakes or {}
        return [*self.broker, *(lakes[name] for name in wanted if name in lakes)]


def _broker(settings: Settings, access: Access) -> Iterator[Variable]:
    if settings.bootstrap_servers:
        yield Variable("ALERTFERRY_BOOTSTRAP_SERVERS", settings.bootstrap_servers)
    for option, value in settings.kafka.items():
        name = variable_name(option)
        if is_secret(option):
            words = option.removeprefix("sasl.").replace(".", "-")
            yield Variable(name, f"~/.kafka-{words}", "a file that only you can read", is_file=True)
        elif option in _OWN and access.confined:
            mine, note = _OWN[option]
            yield Variable(name, access.user if option == "sasl.username" and access.user else mine, note)
        elif option in _SHOWN or option in _OWN:
            yield Variable(name, value)


def _lake(name: str, place: str, confined: bool) -> Variable:
    variable, address = f"ALERTFERRY_LAKE_{name.upper()}", urlsplit(place)
    if address.scheme in ("", "file") and confined:
        return Variable(variable, COPY, LAKE_HERE)
    if address.scheme and "@" in address.netloc:  # what stands before the @ may be a password
        place = urlunsplit(address._replace(netloc=address.netloc.rpartition("@")[2]))
    return Variable(variable, place)


def saved_as(draft: Draft) -> str:
    """Return the name under which a job file is saved."""
    name = "".join(character if character.isalnum() or character in "-_" else "-" for character in draft.name or "")
    return f"{name.strip('-') or 'job'}.yml"


def as_yaml(draft: Draft) -> str:
    """Return the job file; that of a draft which is no job yet holds what there is."""
    job = job_or_none(draft)
    return job.to_yaml() if job else dump_mapping(draft.to_dict())


def job_file(draft: Draft, place: Place) -> str:
    """Return the job file with a comment that says how it is run elsewhere."""
    data = draft.to_dict()
    lines = [*_install(data), *_exports(place.variables(data)), f"alertferry run {_quoted(draft)}"]
    lines += [f"upload:{found.id} is {found.name}: name that file instead" for found in _uploads(data, place).values()]
    return "".join(f"# {line.removeprefix('# ')}\n" for line in lines) + as_yaml(draft)


def as_commands(draft: Draft, place: Place | None = None) -> str:
    """Return the commands that do the same from a shell, the job file among them."""
    place = place or Place()
    elsewhere, notes = _portable(draft, place)
    name, text = _quoted(draft), as_yaml(elsewhere)
    end = "END"
    while end in text.splitlines():
        end += "_"
    return "\n".join(
        [
            *_install(draft.to_dict()),
            *_exports(place.variables(draft.to_dict())),
            *notes,
            f"cat > {name} <<'{end}'",
            text.rstrip("\n"),
            end,
            *(f"alertferry {verb} {name}" for verb in ("check", "estimate", "run")),
            "",
        ]
    )


def as_python(job: Job, place: Place | None = None) -> str:
    """Return a Python program that does the same and has the alerts with every digit; values are written by `repr`."""
    place = place or Place()
    elsewhere, notes = _portable(Draft.of(job), place)
    return (
        "\n".join(_comments(job.to_dict()))
        + _environment(place.variables(job.to_dict()))
        + "import alertferry\n"
        + ("import pandas as pd\nimport pyarrow as pa\n\n" if job.output.kind == "kafka" else "\n")
        + "".join(f"{note}\n" for note in notes)
        + f"job = alertferry.Job.from_dict({_literal(elsewhere.to_dict())})\n"
        + "outcome = alertferry.run(job)\n"
        + 'print(outcome.alerts, "alerts in", outcome.destination)\n'
        + (_TO_PANDAS if job.output.kind == "kafka" else "")
    )


def fetch_commands(topic: str, place: Place | None = None) -> str:
    """Return the commands that fetch a topic on another machine and prove it."""
    lines = [NEEDS, "pip install alertferry", *_exports((place or Place()).broker)]
    name = shlex.quote(topic)
    lines += [f"alertferry consume {name} --outdir {name}", f"alertferry verify {name}", ""]
    return "\n".join(lines)


def fetch_python(topic: str, call: str, place: Place | None = None) -> str:
    """Return a Python program that fetches a topic on another machine and reads it by this call of pandas."""
    return (
        f"{NEEDS}\n# pip install alertferry pandas\n"
        + _environment((place or Place()).broker, "import subprocess\n")
        + "import pandas as pd\n\n"
        + f"subprocess.run({['alertferry', 'consume', topic, '--outdir', topic]!r}, check=True)\n"
        + f"alerts = {call}\n"
    )


def written(draft: Draft, form: str, place: Place) -> tuple[str, str]:
    """Return a request in one of its forms: the name of a file, and what is in it."""
    name = saved_as(draft)
    if form == "python":
        job = job_or_none(draft)
        return name.replace(".yml", ".py"), as_python(job, place) if job else ""
    if form == "cli":
        return name.replace(".yml", ".sh"), as_commands(draft, place)
    return name, job_file(draft, place)


def _quoted(draft: Draft) -> str:
    return shlex.quote(saved_as(draft))


def _comments(job: Mapping[str, Any]) -> list[str]:
    return [line if line.startswith("#") else f"# {line}" for line in _install(job)]


def _exports(variables: Iterable[Variable]) -> list[str]:
    return [line for item in variables for line in item.shell]


def _environment(variables: Iterable[Variable], imports: str = "") -> str:
    lines = [line for item in variables for line in item.python]
    if not lines:
        return f"\n{imports}"
    files = "from pathlib import Path\n" if any("Path(" in line for line in lines) else ""
    return f"\nimport os\n{imports}{files}\n" + "\n".join(lines) + "\n\n"


def _install(job: Mapping[str, Any]) -> list[str]:
    """Return the lines that say what must be there: our packages, and those of the plugins that the job uses."""
    kinds = list(_kinds(job.get("filters", ())))
    steps = [("source", job.get("source", {}).get("kind")), *(("filter", kind) for kind in kinds)]
    known = default_registry().steps
    plugins = {known[role][kind].distribution for role, kind in steps if kind in known[role]} - {OWN}
    extra = "fink" if {"tags", "blocks"} & set(kinds) else "spark"
    return [NEEDS + JAVA, " ".join(["pip install", f"'alertferry[{extra}]'", *sorted(map(shlex.quote, plugins))])]


def _kinds(steps: Any) -> Iterator[str]:
    for step in steps if isinstance(steps, list | tuple) else ():
        if isinstance(step, Mapping):
            yield str(step.get("kind"))
            yield from _kinds(step.get("of"))


def _portable(draft: Draft, place: Place) -> tuple[Draft, list[str]]:
    """Return a request that names what was uploaded as its owner's own file, and what to say of that."""
    found = _uploads(draft.to_dict(), place)
    if not found:
        return draft, []
    filters = _each(draft.filters, lambda text: found[text].name if text in found else text)
    notes = [f"# put your file {printable(item.name, 100)} beside this" for item in found.values()]
    return Draft(draft.source, draft.output, tuple(filters), draft.name), notes


def _uploads(job: Mapping[str, Any], place: Place) -> dict[str, uploads.Upload]:
    texts: dict[str, None] = {}
    _each(job.get("filters", ()), lambda text: texts.setdefault(text) or text)
    found = {text: uploads.named(text, place.owner) for text in texts}
    return {text: upload for text, upload in found.items() if upload is not None}


def _each(value: Any, change: Callable[[str], str]) -> Any:
    """Return plain data with every text in it changed."""
    if isinstance(value, str):
        return change(value)
    if isinstance(value, Mapping):
        return {key: _each(item, change) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_each(item, change) for item in value]
    return value


def _literal(value: Any) -> str:
    return pformat(value, width=100, sort_dicts=False)
