"""All plugins, found by entry points; what is broken is an error that names the distribution at fault."""

from __future__ import annotations

import inspect
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from types import ModuleType
from typing import Any

import pluggy

from alertferry.core import hooks
from alertferry.core.access import COMMAND_LINE, Access
from alertferry.core.errors import AlertferryError, Problem, UsageError, did_you_mean
from alertferry.core.steps import Filter, Launcher, Output, Source, Step

GROUP = "alertferry"

KINDS: dict[str, tuple[str, type[Step]]] = {
    "source": ("register_sources", Source),
    "filter": ("register_filters", Filter),
    "output": ("register_outputs", Output),
    "launcher": ("register_launchers", Launcher),
}


class PluginError(AlertferryError):
    """A plugin cannot be used; the message names it and the distribution it comes from."""


@dataclass(frozen=True)
class Registered:
    """A step class and where it comes from."""

    role: str
    kind: str
    step: type[Step]
    plugin: str
    distribution: str
    version: str


@dataclass(frozen=True)
class Plugin:
    """A loaded plugin: entry-point name, module, and the distribution that ships it."""

    name: str
    module: Any
    distribution: str
    version: str


@dataclass
class Registry:
    """The step classes by role and kind, and the hooks."""

    manager: pluggy.PluginManager
    plugins: tuple[Plugin, ...]
    steps: dict[str, dict[str, Registered]] = field(default_factory=dict)

    @classmethod
    def load(cls, environ: Mapping[str, str] | None = None, found: Iterable[EntryPoint] | None = None) -> Registry:
        """Load every plugin of the entry-point group, or those named in ``ALERTFERRY_PLUGINS``.

        Raises `PluginError` naming the distribution for a broken entry point, an unknown hook, or a kind that
        two plugins claim.
        """
        points = list(entry_points(group=GROUP) if found is None else found)
        wanted = (os.environ if environ is None else environ).get("ALERTFERRY_PLUGINS")
        plugins = tuple(_load(point) for point in sorted(_narrow(points, wanted), key=_order))
        registry = cls(_manager(plugins), plugins)
        for role, (hook, parent) in KINDS.items():
            registry.steps[role] = _collect(plugins, role, hook, parent)
        return registry

    def get(self, role: str, kind: str) -> type[Any]:
        """Return the class of a kind; raises `UsageError` with the nearest names."""
        known = self.steps[role]
        if kind not in known:
            names = ", ".join(sorted(known)) or "none"
            raise UsageError(f"no {role} {kind!r}{did_you_mean(kind, known) or f'; there are: {names}'}")
        return known[kind].step

    def of(self, step: Step | type[Step]) -> Registered:
        """Return where a step class comes from."""
        cls = step if isinstance(step, type) else type(step)
        for known in self.steps.values():
            for entry in known.values():
                if entry.step is cls:
                    return entry
        raise UsageError(f"{cls.__module__}.{cls.__qualname__} is not registered by any plugin")

    def check_job(self, job: Any, context: Access = COMMAND_LINE) -> list[Problem]:
        """Return what the sites' policies object to."""
        answers = self.manager.hook.check_job(job=job, context=context)
        return [problem for answer in answers for problem in answer or ()]


@cache
def default_registry() -> Registry:
    """Return the registry of this process, loaded once."""
    return Registry.load()


def _order(point: EntryPoint) -> tuple[bool, str, str]:
    """Sort our own first, then by distribution and name, so that lists and messages are always the same."""
    distribution = point.dist.name if point.dist else ""
    return distribution != "alertferry", distribution, point.name


def _narrow(points: list[EntryPoint], wanted: str | None) -> list[EntryPoint]:
    if not wanted:
        return points
    names = [name.strip() for name in wanted.split(",") if name.strip()]
    known = {point.name for point in points}
    for name in names:
        if name not in known:
            raise UsageError(f"ALERTFERRY_PLUGINS names {name!r}: no such plugin{did_you_mean(name, known)}")
    return [point for point in points if point.name in names]


def _load(point: EntryPoint) -> Plugin:
    distribution, version = (point.dist.name, point.dist.version) if point.dist else ("unknown", "?")
    try:
        module = point.load()
    except Exception as error:  # a plugin may fail in any way while it is imported
        cause = f"{type(error).__name__}: {error}"
        raise PluginError(
            f"plugin {point.name!r} of {distribution} {version} cannot be loaded ({cause}); "
            f"mend or uninstall it, or leave it out with ALERTFERRY_PLUGINS"
        ) from error
    if inspect.isclass(module):
        raise PluginError(
            f"plugin {point.name!r} of {distribution} is the class {module.__qualname__}; "
            f"its entry point must name a module or an instance (are the parentheses missing?)"
        )
    return Plugin(point.name, module, distribution, version)


def _manager(plugins: Iterable[Plugin]) -> pluggy.PluginManager:
    manager = pluggy.PluginManager(hooks.PROJECT)
    manager.add_hookspecs(hooks)
    for plugin in plugins:
        try:
            manager.register(plugin.module, plugin.name)
            manager.check_pending()
        except (pluggy.PluginValidationError, ValueError) as error:
            known = [hook for hook, _ in KINDS.values()] + ["check_job"]
            raise PluginError(
                f"plugin {plugin.name!r} of {plugin.distribution} {plugin.version}: {error}; "
                f"the hooks are {', '.join(known)}"
            ) from None
    return manager


def _collect(plugins: Iterable[Plugin], role: str, hook: str, parent: type[Step]) -> dict[str, Registered]:
    known: dict[str, Registered] = {}
    for plugin in plugins:
        implementation = getattr(plugin.module, hook, None)
        if implementation is None or not hasattr(implementation, f"{hooks.PROJECT}_impl"):
            continue
        for step in implementation():
            entry = _entry(plugin, role, parent, step)
            other = known.get(entry.kind)
            if other:
                raise PluginError(
                    f"two plugins offer the {role} {entry.kind!r}: {other.plugin!r} of {other.distribution} "
                    f"and {plugin.name!r} of {plugin.distribution}; uninstall one, or narrow with ALERTFERRY_PLUGINS"
                )
            known[entry.kind] = entry
    return known


def _entry(plugin: Plugin, role: str, parent: type[Step], step: Any) -> Registered:
    where = f"plugin {plugin.name!r} of {plugin.distribution}"
    if not (inspect.isclass(step) and issubclass(step, parent)):
        raise PluginError(f"{where}: {step!r} is not a subclass of {parent.__name__}")
    kind = getattr(step, "kind", None)
    if not (isinstance(kind, str) and kind.replace("-", "_").isidentifier()):
        raise PluginError(f"{where}: {step.__qualname__}.kind must be a name, got {kind!r}")
    if inspect.isabstract(step):
        missing = ", ".join(sorted(step.__abstractmethods__))
        raise PluginError(f"{where}: {step.__qualname__} lacks {missing}")
    if not _importable(step):
        raise PluginError(f"{where}: {step.__qualname__} must stand at the top level of its module")
    return Registered(role, kind, step, plugin.name, plugin.distribution, plugin.version)


def _importable(step: type[Step]) -> bool:
    module = inspect.getmodule(step)
    return isinstance(module, ModuleType) and getattr(module, step.__qualname__, None) is step
