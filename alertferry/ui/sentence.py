"""What a job asks for, in a sentence that a colleague would write.

``10 nights, 1-13 March 2026; new and extragalactic, not hostless; S/N > 5; 12 fields; about 386 alerts, 13.5 MB``
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import date, datetime
from functools import lru_cache
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

from alertferry.core.errors import AlertferryError
from alertferry.core.safe_yaml import load_mapping
from alertferry.ui import drafts
from alertferry.ui.conditions import texts_of
from alertferry.ui.draft import Draft, chosen_nights
from alertferry.ui.gauges import size_text
from alertferry.ui.text import printable

if TYPE_CHECKING:
    from alertferry.estimates.results import Estimate

LONGEST = 400
LONGEST_CONDITION = 60
MOST_CONDITIONS = 3
MOST_NAMES = 4

_SECTIONS = re.compile(r"\b(?:diaSource|candidate)\.")
_QUOTED = re.compile(r"('[^']*'|\"[^\"]*\"|`[^`]*`)")
_SAID = {"snr": "S/N", "tns": "TNS", "sn": "SN", "snia": "SN Ia", "agn": "AGN", "kn": "KN", "sso": "SSO", "mpc": "MPC"}
_SAID |= {"simbad": "SIMBAD", "svom": "SVOM", "ztf": "ZTF", "gcvs": "GCVS", "vsx": "VSX", "grb": "GRB"}

Namer = Callable[[str], str]
"""What a file that a job names is called."""


def file_name(text: str) -> str:
    """Return the name of a file without its folders; what was uploaded has none that a person knows."""
    return "an uploaded file" if text.startswith("upload:") else PurePosixPath(text).name or text


def sentence(draft: Draft, estimate: Estimate | None = None, named: Namer = file_name) -> str:
    """Return what a request asks for, and how much that is where an estimate is at hand."""
    parts = [nights_text(draft), *_selected(draft.filters, named), _content(draft.output)]
    if estimate is not None:
        parts.append(amount(estimate))
    return printable("; ".join(part for part in parts if part), LONGEST)


def amount(estimate: Estimate) -> str:
    """Return how much a request amounts to."""
    if not estimate.alerts and estimate.exact:
        return "no alerts"
    about = "" if estimate.exact else "about "
    return f"{about}{_count(estimate.alerts, 'alert')}, {size_text(estimate.bytes)}"


@lru_cache(maxsize=1000)
def title_of(job: str) -> str:
    """Return what a job without a name is called: what its file asks for."""
    try:
        return sentence(drafts.from_dict(load_mapping(job)))
    except (AlertferryError, KeyError, TypeError, ValueError):  # one of another version
        return "a job that cannot be read"


# ---- nights


def nights_text(draft: Draft) -> str:
    """Return the nights as ``10 nights, 1-13 March 2026``, or the times of observation."""
    times = _list(draft.source.get("times"))
    chosen = chosen_nights(draft)
    if chosen:
        found = f"{_count(len(chosen), 'night')}, {span(chosen[0], chosen[-1])}"
    elif draft.nights:
        found = f"nights {_some(draft.nights, ', ')}"
    else:
        found = "" if times else "no nights yet"
    return ", ".join(part for part in (found, *([" or ".join(map(_time_range, times))] if times else ())) if part)


def span(first: date, last: date) -> str:
    """Return two days as ``1-13 March 2026``, naming month and year once where they are the same."""
    if first == last:
        return _day(first)
    if (first.year, first.month) == (last.year, last.month):
        return f"{first.day}-{_day(last)}"
    return f"{_day(first).removesuffix(f' {last.year}')} to {_day(last)}"


def _day(day: date) -> str:
    return f"{day.day} {day:%B} {day.year}"


def _time_range(text: Any) -> str:
    first, _, last = str(text).partition("..")
    with suppress(ValueError):
        begin, end = datetime.fromisoformat(first.strip()), datetime.fromisoformat(last.strip())
        until = f"{end:%H:%M}" if begin.date() == end.date() else f"{_day(end)} {end:%H:%M}"
        return f"{_day(begin)} {begin:%H:%M} to {until} UTC"
    return str(text)


# ---- filters


def _selected(filters: Sequence[Mapping[str, Any]], named: Namer) -> Iterator[str]:
    """Yield a phrase for the tags and blocks, which belong together, and one for each other filter."""
    choices = [step for step in filters if step.get("kind") in ("tags", "blocks")]
    if choices:
        yield _choice(choices)
    for step in filters:
        if step not in choices:
            yield _phrase(step, named)


def _phrase(step: Mapping[str, Any], named: Namer) -> str:
    kind = str(step.get("kind", "a filter"))
    try:
        match kind:
            case "tags" | "blocks":
                return _choice([step])
            case "sql":
                return _conditions(_list(step.get("where")))
            case "region":
                return _region(step, named)
            case "class":
                return _classes(step)
            case "crossmatch":
                return _crossmatch(step, named)
            case "all":
                return " and ".join(_inner(step, named))
            case "any":
                return "either " + " or ".join(_inner(step, named))
            case "not":
                return "not " + _group(" or ".join(_inner(step, named)))
    except (AttributeError, IndexError, KeyError, TypeError, ValueError):  # not a complete one yet
        pass
    return kind.replace("_", " ")


def _inner(step: Mapping[str, Any], named: Namer) -> list[str]:
    return [_group(_phrase(item, named)) for item in _list(step.get("of"))]


def _group(text: str) -> str:
    return f"({text})" if re.search(r"[=<>]|, | and | or |^not ", text) else text


def _choice(steps: Sequence[Mapping[str, Any]]) -> str:
    """Return what tags and blocks must hold: ``new and extragalactic, not hostless``."""

    def names(option: str, step: Mapping[str, Any]) -> list[str]:
        return [_tag(str(name)) for name in _list(step.get(option))]

    all_of, none_of = (
        list(dict.fromkeys(name for step in steps for name in names(option, step))) for option in ("all_of", "none_of")
    )
    parts = [_some(all_of, " and "), *(_some(names("any_of", step), " or ") for step in steps)]
    if none_of:
        parts.append(f"not {none_of[0]}" if len(none_of) == 1 else f"neither {_some(none_of, ' nor ')}")
    return ", ".join(part for part in parts if part)


def _tag(name: str) -> str:
    words = re.sub(r"^(?:b_)?(?:is_|has_)?", "", name).removesuffix("_candidate").split("_")
    return " ".join(_SAID.get(word, word) for word in words) or name


def _conditions(where: Sequence[Any]) -> str:
    texts = [_condition(text) for entry in where for text in texts_of(str(entry))]
    more = len(texts) - MOST_CONDITIONS
    return ", ".join(texts[:MOST_CONDITIONS]) + (f" and {_count(more, 'more condition')}" if more > 0 else "")


def _condition(text: str) -> str:
    """Return a condition without the section that most fields are in; what stands in quotes is left alone."""
    parts = _QUOTED.split(" ".join(text.split()))
    parts[::2] = [re.sub(r"\bsnr\b", _SAID["snr"], _SECTIONS.sub("", part)) for part in parts[::2]]
    return printable("".join(parts), LONGEST_CONDITION)


def _region(step: Mapping[str, Any], named: Namer) -> str:
    if cone := step.get("cone"):
        return f"within {_number(cone['radius_deg'])}° of {_position(cone['ra'], cone['dec'])}"
    if box := step.get("box"):
        (west, east), (south, north) = box["ra"], box["dec"]
        return f"RA {_number(west)} to {_number(east)}, Dec {_number(south)} to {_number(north)}"
    if polygon := step.get("polygon"):
        return f"inside a polygon of {_count(len(polygon), 'corner')}"
    if moc := step.get("moc"):
        return f"inside {named(moc)}" if "." in moc or moc.startswith("upload:") else "inside a coverage map"
    if skymap := step.get("skymap"):
        return f"inside the {100 * float(step.get('credible_level', 0.9)):.6g} % region of {named(skymap)}"
    raise KeyError("region")


def _position(ra: Any, dec: Any) -> str:
    sign = "+" if isinstance(dec, int | float) and dec >= 0 else ""
    return f"RA {_number(ra)}, Dec {sign}{_number(dec)}"


def _classes(step: Mapping[str, Any]) -> str:
    any_of, none_of = (list(map(str, _list(step.get(option)))) for option in ("any_of", "none_of"))
    parts = [
        f"class {_some(any_of, ' or ')}" if any_of else "",
        f"not class {_some(none_of, ' or ')}" if none_of else "",
    ]
    return ", ".join(part for part in parts if part)


def _crossmatch(step: Mapping[str, Any], named: Namer) -> str:
    radius = f"{_number(step['radius_arcsec'])}″" if "radius_arcsec" in step else f"each source's {step['radius']}"
    verb = "without a match in" if step.get("keep") == "none" else "matching"
    return f"{verb} {named(str(step['catalog']))} within {radius}"


# ---- content


def _content(output: Mapping[str, Any]) -> str:
    fields, packet = _list(output.get("fields")), output.get("packet")
    what = _count(len(fields), "field") if fields else f"{packet} packets" if packet else ""
    where = f"to {output['path']}" if output.get("kind") == "files" and output.get("path") else ""
    return " ".join(part for part in (what, where) if part)


# ---- words


def _list(value: Any) -> list[Any]:
    return [] if value is None else [value] if isinstance(value, str | date) else list(value)


def _count(count: int, noun: str) -> str:
    return f"{count:,} {noun}{'s' * (count != 1)}"


def _some(names: Sequence[str], between: str) -> str:
    """Join names, the last two by a word; of many, the first few and how many more there are."""
    shown = list(names[:MOST_NAMES]) + ([f"{len(names) - MOST_NAMES} more"] if len(names) > MOST_NAMES else [])
    return between.join(shown) if len(shown) < 3 or between == " nor " else ", ".join(shown[:-1]) + between + shown[-1]


def _number(value: Any) -> str:
    return f"{value:.10g}" if isinstance(value, int | float) else str(value)
