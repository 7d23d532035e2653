"""Alertferry carries astronomical alerts from a survey's datalake to the scientist who asked for them.

Everything a user or a plugin author needs is here. Names are imported when first used, so that
``import alertferry`` costs nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from alertferry._version import __version__

if TYPE_CHECKING:
    from alertferry.api import check, consume, estimate, preview, render, run, verify
    from alertferry.core.errors import (
        AlertferryError,
        DamagedError,
        IncompleteError,
        JobError,
        Problem,
        UsageError,
    )
    from alertferry.core.file_option import FileOption
    from alertferry.core.hooks import hookimpl
    from alertferry.core.job import Job
    from alertferry.core.lake_source import LakeSource
    from alertferry.core.steps import Alerts, Filter, Launcher, Output, Predicate, Source
    from alertferry.core.survey import Packet, Survey
    from alertferry.plugins.filters.sql import Sql
    from alertferry.plugins.launchers.local import Local
    from alertferry.plugins.outputs.files import Files
    from alertferry.plugins.outputs.kafka import Kafka
    from alertferry.plugins.sources.lsst import Lsst
    from alertferry.plugins.sources.ztf import Ztf

_HOMES = {
    "alertferry.api": ("check", "consume", "estimate", "preview", "render", "run", "verify"),
    "alertferry.core.errors": (
        "AlertferryError",
        "DamagedError",
        "IncompleteError",
        "JobError",
        "Problem",
        "UsageError",
    ),
    "alertferry.core.file_option": ("FileOption",),
    "alertferry.core.hooks": ("hookimpl",),
    "alertferry.core.job": ("Job",),
    "alertferry.core.lake_source": ("LakeSource",),
    "alertferry.core.steps": ("Alerts", "Filter", "Launcher", "Output", "Predicate", "Source"),
    "alertferry.core.survey": ("Packet", "Survey"),
    "alertferry.plugins.filters.sql": ("Sql",),
    "alertferry.plugins.launchers.local": ("Local",),
    "alertferry.plugins.outputs.files": ("Files",),
    "alertferry.plugins.outputs.kafka": ("Kafka",),
    "alertferry.plugins.sources.lsst": ("Lsst",),
    "alertferry.plugins.sources.ztf": ("Ztf",),
}

_HOME_OF = {name: module for module, names in _HOMES.items() for name in names}

__all__ = [
    "AlertferryError",
    "Alerts",
    "DamagedError",
    "FileOption",
    "Files",
    "Filter",
    "IncompleteError",
    "Job",
    "JobError",
    "Kafka",
    "LakeSource",
    "Launcher",
    "Local",
    "Lsst",
    "Output",
    "Packet",
    "Predicate",
    "Problem",
    "Source",
    "Sql",
    "Survey",
    "UsageError",
    "Ztf",
    "__version__",
    "check",
    "consume",
    "estimate",
    "hookimpl",
    "preview",
    "render",
    "run",
    "verify",
]


def __getattr__(name: str) -> Any:
    if name not in _HOME_OF:
        raise AttributeError(f"module 'alertferry' has no attribute {name!r}")
    value = getattr(import_module(_HOME_OF[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
