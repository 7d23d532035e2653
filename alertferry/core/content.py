"""What a packet contains: exact paths of the schema, never expressions, each with the name it gets."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Annotated, Self

from pydantic import Field, model_validator

from alertferry.core.columns import Content, name_columns
from alertferry.core.errors import Problem, did_you_mean
from alertferry.core.naming import clashes
from alertferry.core.schema import Field as SchemaField
from alertferry.core.schema import Struct, find, paths
from alertferry.core.steps import Output
from alertferry.core.survey import Survey


class PacketOutput(Output):
    """An output of packets: a predefined packet of the survey, or a list of fields."""

    packet: Annotated[str, Field(min_length=1)] | None = None
    """A predefined packet of the survey, as `alertferry fields SURVEY` lists them."""

    fields: Annotated[tuple[str, ...], Field(min_length=1)] | None = None
    """Root columns, structs, leaves, and leaves of arrays of structs, by dotted path."""

    @model_validator(mode="after")
    def _one_content(self) -> Self:
        if (self.packet is None) == (self.fields is None):
            raise ValueError("choose what a packet contains: either packet: NAME or fields: [...], not both")
        return self

    def problems(self, survey: Survey, schema: Struct, added: Sequence[str]) -> Iterator[Problem]:
        """Yield unknown packets and fields, with the nearest names."""
        if self.packet is not None and self.packet not in survey.packets:
            names = ", ".join(survey.packets)
            near = did_you_mean(self.packet, survey.packets)
            yield Problem("packet", f"{survey.name} has no packet {self.packet!r}{near}; there are: {names}")
            return
        found = list(field_problems(self.fields or (), schema, added, survey))
        yield from found or name_problems(self.content(survey, schema, added), schema, self.fields is not None)

    def mentions(self, name: str) -> bool:
        """Tell whether a derivable column is one of the fields asked for."""
        return self.fields is not None and name in self.fields

    def derives(self, survey: Survey) -> Callable[[str], bool]:
        """Return what tells whether a derivable column belongs to the packet, or is one of the fields asked for."""
        packet = survey.packets.get(self.packet or "")
        return lambda name: self.mentions(name) or (packet is not None and name in packet.derived)

    def warnings(self, survey: Survey, schema: Struct, added: Sequence[str]) -> Iterator[Problem]:
        """Yield that the packet has no class, where it could have one, and how to add it."""
        there = {content.path for content in self.content(survey, schema, added)}
        if any(item.name in there for item in survey.derived):
            return
        obstacles = {item.name: item.obstacle(schema) for item in survey.derived}
        possible = [name for name, obstacle in obstacles.items() if not obstacle]
        if possible and self.fields is not None:
            yield Problem(
                "fields",
                "the packet has no class, so `alertferry consume --partition-by class` cannot divide it; to add one, "
                f"name {' or '.join(possible)} in fields",
            )
        # a class that depends on the site's own catalogues is nobody's mistake
        lost = [item.name for item in survey.derived if item.lacking(schema) and not item.unavailable]
        if self.packet is not None and set(lost) & set(survey.packets[self.packet].derived):
            said = "; ".join(f"{name}: {obstacles[name]}" for name in lost)
            yield Problem("packet", f"the packet has no class, as it cannot be derived ({said})")

    def content(self, survey: Survey, schema: Struct, added: Sequence[str]) -> tuple[Content, ...]:
        """Return the columns of the packet in a lake of this schema; columns that filters added come last."""
        if self.fields is not None:
            chosen: Sequence[str] = self.fields
        else:
            chosen = survey.packets[str(self.packet)].paths(schema)
        return name_columns(dict.fromkeys([*chosen, *added]))


def field_problems(fields: Iterable[str], schema: Struct, added: Sequence[str], survey: Survey) -> Iterator[Problem]:
    """Yield a problem for each field that the schema has not and that cannot be derived."""
    known: list[str] | None = None
    for index, path in enumerate(fields):
        if path in added or find(schema, path):
            continue
        known = known or [*(name for name, _ in paths(schema)), *(item.name for item in survey.derived)]
        obstacle = next((item.obstacle(schema) for item in survey.derived if item.name == path), "")
        said = f"{path!r} cannot be derived: {obstacle}" if obstacle else None
        said = said or f"no field {path!r}{did_you_mean(path, known)}"
        yield Problem(f"fields[{index}]", said, lacks_field=True)


def name_problems(contents: Iterable[Content], schema: Struct, chosen: bool) -> Iterator[Problem]:
    """Yield a problem for each two columns that would share a name in Avro packets."""
    named = [(content.name, field.type) for content, field in packet_fields(contents, schema)]
    for first, second, name in clashes(named):
        yield Problem(
            "fields" if chosen else "packet",
            f"the columns {first!r} and {second!r} would both be called {name!r} in packets, where letter case does "
            "not tell names apart; choose the columns with fields: [...], only one of the two among them",
        )


def packet_fields(contents: Iterable[Content], schema: Struct) -> tuple[tuple[Content, SchemaField], ...]:
    """Return each column with its field in the schema."""
    return tuple((content, field) for content in contents if (field := find(schema, content.path)))
