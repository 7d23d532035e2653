"""Job files as nobody should write them: real ones cut, swapped, doubled, and filled with odd values, at random."""

from __future__ import annotations

import copy
import json
import random
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from alertferry.core.registry import Registry

ODD: tuple[Any, ...] = (
    *(None, True, False, 0, -1, 1, 10**18, 2**63, -(2**64), 10**400, 0.0, -0.0, 1e308, float("inf"), float("nan")),
    *(
        "",
        " ",
        "\0",
        "\udc80",
        "a\ud800",
        "file:\0",
        "loop/x",
        "y" * 9000,
        "\n\r",
        "\u202e",
        "é",
        "日本",
        "x" * 300,
        "'",
        '"',
        "`a`",
        "a.b",
        "a..b",
        ".",
        "..",
        "/",
        "~",
        "~nobody/x",
        "~/",
        "é" * 200,
        "http://[",
        "//[x",
        "s3://b?endpoint_override=h",
    ),
    *("[", "]", "{", "}", "*", "&a", "!!python/object:os.system", "%", "%s", "${HOME}", "{kind}", "$(id)", "\\", "\n"),
    *(
        "2026-02-30",
        "2026-13-01",
        "0001-01-01",
        "9999-12-31",
        "0001-01-01..9999-12-31",
        "2026-01-01..",
        "..",
        "0000-00-00",
    ),
    *("2026-01-01T00:00..2026-01-02T00:00", "0001-01-01T00:00..9999-12-31T23:59", "2026-01-01T00:00Z..2026-01-02"),
    *(
        "NaN",
        "Infinity",
        "null",
        "1e999",
        "0x10",
        "1_000",
        "12:30:45",
        "-",
        "<<",
        "=",
        "s3://",
        "s3://b",
        "hdfs://",
        "file:",
        "http://[::1",
        "//",
    ),
    *(
        "diaSource.snr > ",
        "WHERE 1 = 1",
        "a AND",
        "((((",
        "1; DROP TABLE x",
        "candidate.magpsf",
        "/etc/passwd",
        "/dev/zero",
        "/dev",
    ),
    *(
        [],
        {},
        [[]],
        [{}],
        [None],
        {"": None},
        {"kind": None},
        {"kind": []},
        {"kind": "any"},
        {"of": []},
        [[[[[[]]]]]],
        {"a": {"b": {"c": 1}}},
    ),
    *([1, 2], [1, 2, 3], [[0, 0], [1, 1]], [[0, 0], [10, 0], [10, 10]], {"ra": 1e400, "dec": 91, "radius_deg": -1}),
)
"""Values that belong nowhere, or almost anywhere."""

TOKENS = (
    *(
        "&a ",
        "*a",
        "!!set ",
        "!x ",
        "<<: *a\n",
        "? ",
        ": ",
        "- ",
        "#",
        "|\n",
        ">\n",
        "---\n",
        "...\n",
        "%YAML 9\n",
        "\t",
    ),
    *("[" * 40, "{" * 40, "- " * 40, '"', "'", "\0", "\x1b[2J", "\u2028", "\ufeff", "@", "`", "1e999", ".inf", ".nan"),
    *(
        "1" * 5000,
        "0o7",
        "0x1F",
        "2026-02-30",
        "kind: ",
        "{kind: not, of: ",
        "any: ",
        "  ",
        "\r",
        "\x85",
        "\U0001f600",
        '"\\ud800"',
        '"\\0"',
        '"\\x80"',
        "!!binary aGk=",
        "!!float x",
    ),
)
BYTES = (b"\xff", b"\xc3", b"\xed\xa0\x80", b"\x80" * 9, b"\xff\xfe", b"\0\0")

ENGINE = re.compile(
    r"Traceback|py4j|java\.|org\.apache|JVM|Exception|[A-Z]\w+Error\b|<class|object at 0x|\bpydantic\b|\bstring should|"
    r"\binput should|\bvalue should|value error|str'|NoneType|\bdict\b|\btuple\b|\bregex|\bpattern\b|codec can't"
)
"""Words of engines and languages, which say nothing to who wrote the file."""


_NAMING = [
    {"kind": "crossmatch", "catalog": "sources.csv", "radius_arcsec": 1},
    {"kind": "not", "of": [{"kind": "region", "moc": "field.fits"}]},
    {"kind": "any", "of": [{"kind": "region", "skymap": "bayestar.fits", "credible_level": 0.9}]},
]
"""Filters that name files, beside the lake and the folder of the results."""


def corpus(registry: Registry, *more: str) -> list[dict[str, Any]]:
    """Return job files as data: one for each example of each step, those of the golden scripts, and ``more``."""
    source = {"kind": "lsst", "nights": ["2026-01-01"]}
    output = {"kind": "kafka", "packet": "full"}
    found = [yaml.safe_load(file.read_text()) for file in sorted(Path(__file__).parent.glob("golden/*/job.yml"))]
    for role, roles in registry.steps.items():
        for entry in roles.values():
            for step in (example.to_dict() for example in entry.step.examples()):
                job = {"version": 1, "name": "one", "source": source, "filters": [], "output": output}
                if role != "launcher":
                    found.append(job | ({"filters": [step]} if role == "filter" else {role: step}))
    found += [
        {
            "source": source | {"lake": "lake"},
            "filters": _NAMING,
            "output": {"kind": "files", "path": "x", "packet": "full"},
        }
    ] * 6
    return [*json.loads(json.dumps(found, default=str)), *map(yaml.safe_load, more)]


def mangled_data(whole: Any, chance: random.Random) -> Any:
    """Return a copy of plain data in which one to four things are changed."""
    whole = copy.deepcopy(whole)
    for _ in range(chance.randint(1, 4)):
        places = list(_places(whole))
        if not places:
            return chance.choice(ODD)
        holder, key = chance.choice(places)
        other, name = chance.choice(places)
        match chance.randrange(6):
            case 0:
                del holder[key]
            case 1:
                holder[key] = copy.deepcopy(other[name])
            case 2:
                holder[key] = [holder[key]] * chance.choice((1, 2, 50))
            case 3 if isinstance(holder, dict):
                holder[str(chance.choice(ODD))[:300]] = holder.pop(key)
            case _:
                holder[key] = copy.deepcopy(chance.choice(ODD))
    return whole


def _places(data: Any) -> Iterator[tuple[Any, Any]]:
    items = data.items() if isinstance(data, dict) else enumerate(data) if isinstance(data, list) else ()
    for key, value in list(items):
        yield data, key
        yield from _places(value)


def mangled_text(text: str, chance: random.Random) -> bytes:
    """Return a file's bytes after one to three cuts, swaps or insertions."""
    raw = text.encode("utf-8", "surrogatepass")
    for _ in range(chance.randint(1, 3)):
        at, end = sorted(chance.randrange(len(raw) + 1) for _ in range(2))
        before, within, after = raw[:at], raw[at:end], raw[end:]
        token, odd = chance.choice(TOKENS).encode(), chance.choice(BYTES)
        raw = chance.choice(
            (
                before,
                before + after,
                before + within + within + after,
                after + within + before,
                before + token + within + after,
                before + token + after,
                before + odd + within + after,
            )
        )
    return raw


def mangled_files(jobs: list[dict[str, Any]], seed: int, count: int) -> Iterator[bytes]:
    """Yield files: half of them changed as text, half as data."""
    chance = random.Random(seed)
    for _ in range(count):
        job = chance.choice(jobs)
        if chance.random() < 0.5:
            yield mangled_text(yaml.safe_dump(job, sort_keys=False), chance)
        else:
            yield _written(mangled_data(job, chance))


def _written(data: Any) -> bytes:
    return yaml.safe_dump(data, sort_keys=False, allow_unicode=False).encode("utf-8", "surrogatepass")
