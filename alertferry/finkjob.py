"""Jobs from the configuration files of Fink's Data Transfer (LSST): ``datatransfer_YYYYMMDD_HHMMSS.yml``.

Such a file has six keys: dates, filters (tags), blocks, content, extra_cond (SQL) and catalog_filename; the values may
be empty. Everything that names the same thing here is taken over, also under names of former times. The rest is
remarked on, each with what to do, and left out: the job that comes out passes `alertferry check`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from alertferry.core.check import check_job
from alertferry.core.conditions import split_lines
from alertferry.core.errors import JobError, Problem, UsageError, did_you_mean
from alertferry.core.job import Job
from alertferry.core.problems import shown
from alertferry.core.registry import Registry, default_registry
from alertferry.core.safe_yaml import load_mapping
from alertferry.core.settings import Settings
from alertferry.tags.provider import Kind, offered

SURVEY = "lsst"

KEYS = ("dates", "filters", "blocks", "content", "extra_cond", "catalog_filename")

PACKETS = {
    "full packet": "full",
    "medium packet": "medium",
    "light static packet": "light-static",
    "light sso packet": "light-sso",
    "light packet": "light-static",
}
"""What the portal calls packets, in small letters; the last one until it was divided."""

FORMER = {"b_outside_galactic_plane": "b_outside_galactic_plane_20_deg"}
"""Blocks that were divided, and the part that means what the whole meant."""

ADVICE = {
    "tns_type_recomputed": "; xm.tns_type is the type known when the alert came",
}

_NAME = re.compile(r"(?!-$)[\w .,:+@()-]{1,200}")
_DAY = re.compile(r"^\d{4}-\d{2}-\d{2}")


@dataclass(frozen=True)
class Imported:
    """A job made from another system's file, and what of the file is not in it as it was."""

    job: Job
    remarks: tuple[Problem, ...]

    def to_yaml(self) -> str:
        """Return the job file, the remarks as comments at its beginning."""
        lines = [line for remark in self.remarks for line in f"not as it was: {remark}".splitlines()]
        return "".join(f"# {line}\n" for line in lines) + self.job.to_yaml()


def import_fink(
    text: str | bytes,
    *,
    name: str | None = None,
    nights: Sequence[str] = (),
    radius_arcsec: float | None = None,
    registry: Registry | None = None,
) -> Imported:
    """Make a job of a portal's configuration file.

    ``nights`` replaces the dates of the file; with ``radius_arcsec`` its catalogue is matched, which such files lack.
    Raises `JobError` when the text is no such file, or when nothing of it can be used.
    """
    data = load_mapping(text, "configuration")
    if not set(data) & set(KEYS):
        keys = ", ".join(KEYS)
        raise JobError([Problem("", f"this is no configuration of Fink's Data Transfer: it has none of {keys}")])
    return _Import(registry or default_registry(), radius_arcsec).job(data, name, nights)


@dataclass
class _Import:
    """One file on its way to a job; ``remarks`` grows."""

    registry: Registry
    radius_arcsec: float | None
    remarks: list[Problem] = field(default_factory=list)
    _has_content: bool = False

    def job(self, data: dict[str, Any], name: str | None, nights: Sequence[str]) -> Imported:
        for key in data:
            if key not in KEYS:
                self._remark(key, f"no such key{did_you_mean(key, KEYS)}; it is ignored")
        source = {"kind": SURVEY, "nights": list(nights) or self._nights(data.get("dates"))}
        filters = [
            *self._conditions(data.get("extra_cond")),
            *self._choice("filters", "tag", data.get("filters")),
            *self._choice("blocks", "block", data.get("blocks")),
            *self._crossmatch(data.get("catalog_filename")),
        ]
        parts: dict[str, Any] = {"source": source, "filters": filters, "output": self._output(data.get("content"))}
        if not source["nights"]:
            self._remark("dates", "without nights there is no job; name them with --nights 2026-03-01..2026-03-07")
            raise JobError(self.remarks)
        if self.remarks and not filters and not self._has_content:
            raise JobError([*self.remarks, Problem("", "nothing but the dates of this configuration can be used")])
        if name and _NAME.fullmatch(name):
            parts = {"name": name, **parts}
        return Imported(Job.from_dict(parts, self.registry), tuple(self.remarks))

    def _remark(self, path: str, message: str) -> None:
        self.remarks.append(Problem(path, message))

    def _nights(self, dates: Any) -> list[str]:
        if not isinstance(dates, dict):
            if dates is not None:
                self._remark("dates", f"must hold startdate and stopdate, got {shown(dates)}")
            return []
        for key in dates:
            if key not in ("startdate", "stopdate"):
                self._remark(f"dates.{key}", "no such key; it is ignored")
        days = [_DAY.match(str(dates.get(key) or "")) for key in ("startdate", "stopdate")]
        found = [day.group() for day in days if day]
        if len(found) == 1:
            self._remark("dates", f"only one of startdate and stopdate is a day; the job takes {found[0]} alone")
        return self._as_range(found)

    def _as_range(self, days: list[str]) -> list[str]:
        nights = [f"{days[0]}..{days[-1]}"] if days else []
        said = self._fault(nights, []) if nights else None
        if said:
            self._remark("dates", said)
            return []
        return nights

    def _choice(self, key: str, kind: Kind, items: Any) -> list[dict[str, Any]]:
        """Return the filter of the tags or blocks that must hold, and of those that must not."""
        chosen: dict[str, str] = {}
        for path, text in self._texts(key, items):
            negated = re.fullmatch(r"NOT\s+(.+)", text.strip(), re.IGNORECASE)
            name, option = (negated.group(1), "none_of") if negated else (text.strip(), "all_of")
            name = self._known(path, kind, name)
            said = self._fault(filters=[{"kind": f"{kind}s", "all_of": [name]}])
            if said:
                self._remark(path, said)
            elif chosen.setdefault(name, option) != option:
                self._remark(path, f"{name!r} is asked for and excluded, which no alert fulfils; the first one stays")
        lists = {option: [name for name in chosen if chosen[name] == option] for option in ("all_of", "none_of")}
        filled = {option: names for option, names in lists.items() if names}
        return [{"kind": f"{kind}s", **filled}] if filled else []

    def _known(self, path: str, kind: Kind, name: str) -> str:
        """Return what a tag or block is called now; the same name where nothing is known about it."""
        known = offered(SURVEY, kind)
        short = name.rpartition(".")[2]
        guesses = (name, short, FORMER.get(short, ""), f"{short}_candidate", f"b_{short}")
        found = next((guess for guess in guesses if guess in known), name)
        if found not in (name, short):
            others = [other for other in known if other.startswith(short) and other != found]
            also = f"; there is also {', '.join(others)}" if others else ""
            self._remark(path, f"{short!r} is called {found!r} now, and the job takes that{also}")
        return found

    def _conditions(self, items: Any) -> list[dict[str, Any]]:
        where = []
        for path, text in self._texts("extra_cond", items):
            for part in split_lines(text):
                said = self._fault(filters=[{"kind": "sql", "where": [part]}])
                if said:
                    self._remark(path, f"{part!r} is left out: {said}{_advice(part)}")
                else:
                    where.append(part)
        return [{"kind": "sql", "where": where}] if where else []

    def _crossmatch(self, name: Any) -> list[dict[str, Any]]:
        if not name:
            return []
        if not isinstance(name, str):
            self._remark("catalog_filename", f"must be a file name, got {shown(name)}")
            return []
        if self.radius_arcsec is None:
            self._remark(
                "catalog_filename",
                f"the file does not say how {name!r} is matched: give --radius-arcsec, or add to the filters "
                f"{{kind: crossmatch, catalog: {name}, radius_arcsec: 1.5}} (ra, dec and id name its columns)",
            )
            return []
        step = {"kind": "crossmatch", "catalog": name, "radius_arcsec": self.radius_arcsec}
        said = self._fault(filters=[step])
        if said:
            self._remark("catalog_filename", f"is in the job, but {said}")
        return [step]

    def _output(self, content: Any) -> dict[str, Any]:
        packets, fields = dict[str, str](), list[str]()
        for path, text in self._texts("content", content):
            packet = PACKETS.get(" ".join(text.lower().split()))
            if packet:
                packets.setdefault(packet, path)
                if text.lower().strip() == "light packet":
                    self._remark(path, "'Light packet' is light-static now; for solar system objects take light-sso")
                continue
            said = self._fault(output={"kind": "kafka", "fields": [text.strip()]})
            if said:
                self._remark(path, f"{said}{_advice(text)}; it is left out")
            else:
                fields.append(text.strip())
        return self._one_content(packets, list(dict.fromkeys(fields)))

    def _one_content(self, packets: dict[str, str], fields: list[str]) -> dict[str, Any]:
        """Return the output; a job here contains a packet or fields, not both."""
        self._has_content = bool(packets or fields)
        if not packets and fields:
            return {"kind": "kafka", "fields": fields}
        packet = next(iter(packets), "light-static")
        if not packets:
            self._remark("content", f"names nothing that exists; the job takes the packet {packet}")
        rest = [name for name in packets if name != packet] + fields
        if rest:
            also = "output.fields lists fields instead of a packet"
            self._remark("content", f"a job has one packet or fields: it takes {packet}, not {', '.join(rest)}; {also}")
        return {"kind": "kafka", "packet": packet}

    def _texts(self, key: str, items: Any) -> Iterator[tuple[str, str]]:
        """Yield the texts of a list, each with its path."""
        if items is None or items == "":
            return
        for index, item in enumerate(items if isinstance(items, list) else [items]):
            path = f"{key}[{index}]" if isinstance(items, list) else key
            if isinstance(item, str) and item.strip():
                yield path, item
            elif item is not None and item != "":
                self._remark(path, f"must be text, got {shown(item)}; it is ignored")

    def _fault(
        self, nights: Sequence[str] = ("2026-01-01",), filters: Iterable[Any] = (), output: Any = None
    ) -> str | None:
        """Return what is wrong with a part of a job by itself, without a lake to look at; None when nothing is."""
        parts = {"source": {"kind": SURVEY, "nights": list(nights)}, "filters": list(filters)}
        try:
            job = Job.from_dict(parts | {"output": output or {"kind": "kafka", "packet": "full"}}, self.registry)
            problems = check_job(job, self.registry, Settings())
        except JobError as error:
            problems = list(error.problems)
        except UsageError as error:
            return str(error)
        return "; ".join(problem.message for problem in problems) or None


def _advice(text: str) -> str:
    return next((advice for word, advice in ADVICE.items() if word in text), "")
