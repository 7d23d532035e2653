"""Every option of every step can be entered in a form made from its model, and shows there as it was entered."""

from datetime import date
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, ConfigDict, Field

from alertferry.core.file_option import FileOption, file_options
from alertferry.core.registry import default_registry
from alertferry.core.steps import Predicate
from alertferry.plugins.filters.crossmatch import Crossmatch
from alertferry.plugins.filters.region import Region
from alertferry.ui.forms import at_fault, entries_of, shown, texts, with_text


class Limits(BaseModel):
    model_config = ConfigDict(use_attribute_docstrings=True)

    low: float = 0.0
    high: float | None = None
    """Upper limit in `mag`."""


class Anything(Predicate):
    """A filter of a plugin with options of every type."""

    kind: ClassVar[str] = "anything"

    flag: bool = False
    sure: bool | None = None
    count: Annotated[int, Field(ge=1)] = 3
    than_mag: float
    band: Literal["g", "r"] = "g"
    level: Literal[1, 2] | None = None
    bands: tuple[Literal["g", "r", "i"], ...] = ()
    ids: tuple[int, ...] = ()
    names: list[str] = []  # noqa: RUF012 - pydantic's own way
    either: int | str | None = None
    limits: Limits = Limits()
    corners: tuple[tuple[float, float], ...] = ()
    table: dict[str, Any] = {}  # noqa: RUF012 - pydantic's own way
    day: date | None = None
    file: FileOption | None = None
    place: Path | None = None

    def condition(self, survey):
        raise NotImplementedError


FULL = {
    "flag": True,
    "sure": False,
    "count": 7,
    "than_mag": 18.123456789012345,
    "band": "r",
    "level": 2,
    "bands": ["r", "i"],
    "ids": [9007199254740993, -1],
    "names": ["a b", "ü: {x}"],
    "either": "12",
    "limits": {"low": -1.5, "high": 1e-30},
    "corners": [[1.0, 2.5], [3.0, -4.0]],
    "table": {"a": [1, "2"], "b": None},
    "day": "2026-03-01",
    "file": "upload:0123",
    "place": "/x y",
}


def typed(step: type, options: dict) -> dict:
    """Return what comes of typing into an empty form what a full one shows."""
    found: dict = {}
    for entry in entries_of(step):
        found = with_text(entry, found, shown(entry, options))
    return found


def all_steps():
    for role in ("filter", "output", "source"):
        for kind, known in sorted(default_registry().steps[role].items()):
            yield from (pytest.param(step, id=f"{kind}-{i}") for i, step in enumerate(known.step.examples()))


@pytest.mark.parametrize("step", list(all_steps()))
def test_every_example_of_every_step_can_be_entered(step):
    options = step.options()
    nested = {name: options.pop(name) for name in step.nested}
    assert typed(type(step), options) == options
    assert type(step)(**typed(type(step), options), **{name: getattr(step, name) for name in nested}) == step


def test_every_type_of_option_can_be_entered():
    assert Anything(**FULL).options() == FULL
    assert typed(Anything, FULL) == FULL
    kinds = {entry.path: entry.kind for entry in entries_of(Anything)}
    assert (kinds["flag"], kinds["band"], kinds["bands"], kinds["ids"]) == ("switch", "choice", "ticks", "lines")
    assert (kinds["limits.high"], kinds["table"], kinds["day"]) == ("text", "value", "text")


def test_entries_speak_as_people_do():
    entry = {entry.path: entry for entry in entries_of(Anything)}
    assert entry["than_mag"].label == "Than (mag)"
    assert (entry["limits.high"].label, entry["limits.high"].about) == ("Limits: High", "Upper limit in mag.")
    assert entry["count"].hint == "3 if left empty"
    assert [label for _, label in entry["band"].choices] == ["g (default)", "r"]
    assert entry["than_mag"].required
    assert not entry["limits.high"].required


@pytest.mark.parametrize(
    ("path", "text", "value"),
    [
        ("than_mag", "1 mag", "1 mag"),
        ("than_mag", "nan", "nan"),
        ("than_mag", " 1e2 ", 100.0),
        ("count", "1.5", 1.5),
        ("ids", "12\nM31\n\n", [12, "M31"]),
        ("corners", "[[1, 2], [3", "[[1, 2], [3"),
        ("table", "{a: 1}, b: 2", "{a: 1}, b: 2"),
        ("either", '"12"', "12"),
        ("either", "12", 12),
        ("band", "x", "x"),
        ("limits.low", "east", {"low": "east"}),
    ],
)
def test_what_cannot_be_read_stays_as_it_was_typed(path, text, value):
    entry = next(entry for entry in entries_of(Anything) if entry.path == path)
    options = with_text(entry, {}, text)
    assert options == {path.partition(".")[0]: value}
    assert shown(entry, options).replace(".0", "") in (text.strip(), "100", "12\nM31")


@pytest.mark.parametrize("path", [entry.path for entry in entries_of(Anything)])
def test_an_emptied_entry_is_the_default_again(path):
    entry = next(entry for entry in entries_of(Anything) if entry.path == path)
    emptied = with_text(entry, FULL, "false" if path == "flag" else "")
    root = path.partition(".")[0]
    assert path not in emptied
    assert {key: value for key, value in emptied.items() if key != root} == {k: v for k, v in FULL.items() if k != root}


@given(
    st.recursive(st.none() | st.booleans() | st.integers(-(2**60), 2**60) | st.text(max_size=9), st.lists, max_leaves=6)
)
def test_no_value_of_a_strange_draft_breaks_a_form(value):
    for entry in entries_of(Anything):
        root, _, inner = entry.path.partition(".")
        options = {root: {inner: value} if inner else value}
        assert isinstance(shown(entry, options), str)
        assert isinstance(with_text(entry, options, "x"), dict)


@given(st.lists(st.text(st.characters(exclude_categories=["Cs"]), max_size=8), max_size=4), st.text(max_size=12))
def test_texts_come_back_as_they_were(names, name):
    entry = {entry.path: entry for entry in entries_of(Anything)}
    for options in ({"names": names} if names else {}, {"either": name} if name else {}):
        for path in options:
            again = with_text(entry[path], options, shown(entry[path], options))
            assert again == options


def test_a_type_without_a_schema_is_written_as_in_a_job_file():
    class Odd(Predicate):
        kind: ClassVar[str] = "odd"
        value: Annotated[complex, Field(json_schema_extra=lambda _: 1 / 0)] = 0j

        def condition(self, survey):
            raise NotImplementedError

    (entry,) = entries_of(Odd)
    assert entry.kind == "value"
    assert with_text(entry, {}, "[1, 2]") == {"value": [1, 2]}


def test_faults_are_marked_at_their_entries():
    entries = entries_of(Region)
    assert at_fault(entries, ["cone.ra", "polygon[1][0]"]) == ["cone.ra", "polygon"]
    assert at_fault(entries, ["box"]) == ["box.ra", "box.dec"]
    assert at_fault(entries, ["", "cone.radius"]) == []


def test_options_that_name_a_file_are_known():
    assert file_options(Crossmatch) == ("catalog",)
    assert file_options(Region) == ("moc", "skymap")
    assert file_options(Anything) == ("file", "place")
    assert texts(entries_of(Crossmatch), {"epoch": 2016})["epoch"] == "2016"


def test_a_long_text_is_read_in_no_time_or_stays_as_it_was_typed():
    entry = next(entry for entry in entries_of(Anything) if entry.kind == "value")
    text = "[" + "a, " * 20_000 + "a]"
    assert with_text(entry, {}, text) == {entry.path: text}
    long = "[" + "1, " * 20_000 + "1]"
    assert with_text(entry, {}, long) == {entry.path: [1] * 20_001}
