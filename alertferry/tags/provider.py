"""What a provider of tags and blocks is, and how installed ones are found."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from typing import TYPE_CHECKING, Literal, Protocol, runtime_checkable

from alertferry.core.blame import PluginError
from alertferry.core.errors import UsageError, did_you_mean
from alertferry.core.schema import Struct

if TYPE_CHECKING:
    from pyspark.sql import Column

GROUP = "alertferry.tags"
"""Entry-point group of providers: each entry names an object that fulfils `Provider`."""

Kind = Literal["tag", "block"]


@dataclass(frozen=True)
class Tag:
    """A named verdict about an alert: a tag, which describes a class of objects, or a block, which tags are built of.

    Attributes
    ----------
    needs
        Dotted columns it reads; where a column is not in the schema at hand, the argument's name.
    reason
        Why it cannot be used here; None when it can.
    native
        Whether it runs as Spark expressions rather than as a Python function.
    """

    name: str
    kind: Kind
    survey: str
    description: str
    needs: tuple[str, ...] = ()
    reason: str | None = None
    native: bool = False

    @property
    def available(self) -> bool:
        """Whether a job can use it."""
        return self.reason is None


@runtime_checkable
class Provider(Protocol):
    """A source of tags and blocks. `names` and `tag` are called by `check`: they need no Spark and take no time."""

    name: str

    def names(self, survey: str, kind: Kind) -> Sequence[str]:
        """Return the tags or blocks for alerts of a survey, in order; none for surveys it does not know."""

    def tag(self, survey: str, kind: Kind, name: str, schema: Struct) -> Tag:
        """Describe one of `names`, bound to the columns of this schema."""

    def verdict(self, tag: Tag, schema: Struct) -> Column:
        """Return the boolean expression of an available tag, never null, for alerts of this schema."""


@cache
def providers() -> tuple[Provider, ...]:
    """Return the installed providers, loaded once."""
    return load_providers(entry_points(group=GROUP))


def load_providers(points: Iterable[EntryPoint]) -> tuple[Provider, ...]:
    """Load providers. Raises `PluginError` naming a distribution whose provider is broken."""
    found = []
    for point in sorted(points, key=lambda point: point.name):
        owner = point.dist.name if point.dist else "an unknown distribution"
        try:
            provider = point.load()
        except Exception as error:  # a provider may fail in any way while it is imported
            raise PluginError(f"the provider of tags {point.name!r} of {owner} cannot be loaded: {error}") from error
        if not isinstance(provider, Provider):
            raise PluginError(f"the provider of tags {point.name!r} of {owner} lacks name, names, tag or verdict")
        found.append(provider)
    return tuple(found)


def offered(survey: str, kind: Kind, among: Sequence[Provider] | None = None) -> dict[str, Provider]:
    """Return every tag or block for a survey with its provider. Raises `PluginError` when two claim a name."""
    found: dict[str, Provider] = {}
    for provider in providers() if among is None else among:
        for name in provider.names(survey, kind):
            if name in found:
                raise PluginError(
                    f"two providers offer the {kind} {name!r} for {survey}: {found[name].name} and {provider.name}; "
                    f"uninstall one"
                )
            found[name] = provider
    return found


def describe(survey: str, kind: Kind, schema: Struct) -> list[Tag]:
    """Return every tag or block for a survey, bound to a schema."""
    return [provider.tag(survey, kind, name, schema) for name, provider in offered(survey, kind).items()]


def find_tag(survey: str, kind: Kind, name: str, schema: Struct) -> Tag:
    """Return one tag or block, available or not. Raises `UsageError` with the nearest names if there is none."""
    known = offered(survey, kind)
    if name in known:
        return known[name].tag(survey, kind, name, schema)
    raise UsageError(f"no {kind} {name!r} for {survey}{_hint(survey, kind, name, known)}")


def _hint(survey: str, kind: Kind, name: str, known: dict[str, Provider]) -> str:
    other: Kind = "block" if kind == "tag" else "tag"
    if name in offered(survey, other):
        return f": it is a {other}, use kind: {other}s"
    if not known:
        return f": there are no {kind}s for it{_extra()}"
    near = did_you_mean(name, known)
    return near or f"; `alertferry tags {survey}` lists them"


def _extra() -> str:
    from alertferry.tags.installed import package_folder

    if package_folder("fink_filters"):
        return ""
    return "; those of Fink come with pip install 'alertferry[fink]'"


def verdict(tag: Tag, schema: Struct) -> Column:
    """Return the boolean expression of an available tag for alerts of a schema."""
    return offered(tag.survey, tag.kind)[tag.name].verdict(tag, schema)
