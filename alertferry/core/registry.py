"""All plugins, found by entry points; what is broken is an error that names the distribution at fault."""

from __future__ import annotations

import inspect
import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from types import ModuleType
from typing import Any

import pluggy

from alertferry.core import hooks
from alertferry.core.access import COMMAND_LINE, Access
from alertferry.core.blame import PluginError, problem_of, said
from alertferry.core.errors import Problem, UsageError, did_you_mean
from alertferry.core.steps import Filter, Launcher, Output, Source, Step

GROUP = "alertferry"

KINDS: dict[str, tuple[str, type[Step]]] = {
    "source": ("register_sources", Source),
    "filter": ("register_filters", Filter),
    "output": ("register_outputs", Output),
    "launcher": ("register_launchers", Launcher),
}


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


@dataclass(frozen=True)
class Broken:
    """A plugin that cannot be loaded, and why."""

    name: str
    distribution: str
    version: str
    message: str


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

    @classmethod
    def load_what_works(cls) -> tuple[Registry, tuple[Broken, ...]]:
        """Load plugins one after the other, and leave out those that cannot be: for looking at them, not for jobs."""
        points = sorted(entry_points(group=GROUP), key=_order)
        working = [point for point in points if _order(point)[0] is False]
        broken: list[Broken] = []
        for point in points[len(working) :]:
            try:
                cls.load(found=[*working, point], environ={})
            except PluginError as error:
                version = point.dist.version if point.dist else "?"
                broken.append(Broken(point.name, _order(point)[1] or "unknown", version, str(error)))
            else:
                working.append(point)
        return cls.load(found=working, environ={}), tuple(broken)

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
        given: dict[str, Any] = {"job": job, "context": context}
        found: list[Problem] = []
        for policy in self.manager.hook.check_job.get_hookimpls():  # by ourselves: pluggy does not say whose failed
            try:
                answer: Any = policy.function(**{name: given[name] for name in policy.argnames})
                found += answer or ()
            except Exception as error:  # a policy that cannot be asked lets nothing pass
                found.append(problem_of(error))
        if any(not isinstance(problem, Problem) for problem in found):
            raise PluginError("a check_job hook returned something else than problems (alertferry.Problem)")
        return found


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
        raise PluginError(
            f"plugin {point.name!r} of {distribution} {version} cannot be loaded ({said(error)}); "
            f"correct or uninstall it, or leave it out with ALERTFERRY_PLUGINS"
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
            hooks_are = ", ".join([*(f"{hook}()" for hook, _ in KINDS.values()), "check_job(job, context)"])
            cause = " ".join(str(error).split())
            raise PluginError(
                f"plugin {plugin.name!r} of {plugin.distribution} {plugin.version}: {cause}; the hooks are {hooks_are}"
            ) from None
    return manager


def _collect(plugins: Iterable[Plugin], role: str, hook: str, parent: type[Step]) -> dict[str, Registered]:
    known: dict[str, Registered] = {}
    for plugin in plugins:
        implementation = getattr(plugin.module, hook, None)
        if implementation is None or not hasattr(implementation, f"{hooks.PROJECT}_impl"):
            continue
        for step in _registered(plugin, hook, implementation):
            entry = _entry(plugin, role, parent, step)
            other = next((one for kind, one in known.items() if kind.lower() == entry.kind.lower()), None)
            if other:
                offered = f"the {role} {_either(entry.kind, other.kind)}"
                raise PluginError(
                    f"two plugins offer {offered}: {other.plugin!r} of {other.distribution} "
                    f"and {plugin.name!r} of {plugin.distribution}; uninstall one, or narrow with ALERTFERRY_PLUGINS"
                )
            known[entry.kind] = entry
    return known


def _either(kind: str, other: str) -> str:
    return repr(kind) if kind == other else f"{kind!r}, which is {other!r} but for its letters' case"


def _registered(plugin: Plugin, hook: str, implementation: Callable[[], Any]) -> list[Any]:
    try:
        return list(implementation())
    except Exception as error:  # a plugin may fail in any way
        where = f"plugin {plugin.name!r} of {plugin.distribution} {plugin.version}"
        raise PluginError(f"{where}: {hook}() must return a list of classes, and failed ({said(error)})") from error


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
