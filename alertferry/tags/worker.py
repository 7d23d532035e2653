"""Calling Python functions of strangers in Spark's workers: without network, without secrets, without surprises.

This runs where alerts are judged, in a Python process that Spark started for that. The network is refused by an audit
hook of the interpreter (PEP 578), below anything that a library could do: the call fails with an error that names the
tag, and does so even if the tag swallows it.
"""

from __future__ import annotations

import os
import re
import sys
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass
from functools import cache, partial
from importlib import import_module
from types import ModuleType
from typing import Any

import numpy as np
import pandas as pd

from alertferry.core.spark_errors import TAG_FAILED

SECRET_VARIABLE = re.compile(r"TOKEN|WEBHOOK|SLACK|TELEGRAM|CHAT_ID", re.IGNORECASE)
"""Names of environment variables that tags never see: with them, some post to channels."""

REFUSED = frozenset(
    {
        "socket.connect",
        "socket.getaddrinfo",
        "socket.gethostbyname",
        "socket.gethostbyaddr",
        "socket.getnameinfo",
        "socket.sendto",
        "socket.sendmsg",
        "subprocess.Popen",
        "os.system",
        "os.exec",
        "os.posix_spawn",
        "os.spawn",
    }
)
"""Audit events that a tag may not raise: the network, and other programs that could reach it."""

_SEED = 20190601


class TagError(RuntimeError):
    """A tag could not judge; the message names it."""


class _Watch:
    """What the tag that runs now is called, and what was refused to it."""

    def __init__(self) -> None:
        self.tag: str | None = None
        self.refused: list[str] = []
        self.installed = False

    def __call__(self, event: str, arguments: tuple[Any, ...]) -> None:
        if self.tag is None or event not in REFUSED:
            return
        what = " ".join(str(item) for item in arguments if isinstance(item, str | tuple | bytes))
        self.refused.append(f"{event} {what}".strip()[:200])
        raise _refusal(self.tag, self.refused[-1])

    def install(self) -> None:
        if not self.installed:  # an audit hook cannot be taken away again
            sys.addaudithook(self)
            self.installed = True


_WATCH = _Watch()


def _refusal(tag: str, what: str) -> TagError:
    return TagError(f"{TAG_FAILED}{tag} wants to reach the network or another program ({what}); in a job it may not")


@contextmanager
def confined(tag: str) -> Iterator[None]:
    """Run a tag's code without network, other programs, standard output and the variables that make it post.

    Random numbers drawn without a seed get one, so that the same batch of alerts is judged the same.
    Raises `TagError` naming ``tag`` when it fails, and for anything refused to it, even where it went on.
    """
    _WATCH.install()
    _WATCH.refused.clear()
    hidden = {name: os.environ.pop(name) for name in list(os.environ) if SECRET_VARIABLE.search(name)}
    unseeded = np.random.default_rng
    np.random.seed(_SEED)
    np.random.default_rng = lambda seed=None: unseeded(_SEED if seed is None else seed)
    _WATCH.tag = tag
    try:
        with redirect_stdout(sys.stderr), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    except Exception as error:  # whatever it is, the user must see which tag it was
        if not _WATCH.refused:
            said = " ".join(str(error).split())[:300]
            raise TagError(f"{TAG_FAILED}{tag} failed: {type(error).__name__}: {said}") from error
    finally:
        _WATCH.tag = None
        np.random.default_rng = unseeded
        os.environ.update(hidden)
    if _WATCH.refused:
        raise _refusal(tag, _WATCH.refused[0])


@dataclass(frozen=True)
class Call:
    """A function to call: how to name it to users, where it is, and which modules it must not have.

    ``muted`` modules are replaced by ones of which everything can be imported and nothing be called: those that a
    tag imports only to post messages.
    """

    label: str
    module: str
    function: str
    muted: tuple[str, ...] = ()


@cache
def load_function(call: Call) -> Callable[..., Any]:
    """Import a module and return its function, undressed if it is a pandas UDF already."""
    _keep_offline()
    for name in call.muted:
        sys.modules[name] = _mute(name)
    function = getattr(import_module(call.module), call.function)
    return getattr(function, "func", function)  # type: ignore[no-any-return]


def _keep_offline() -> None:
    """Keep astropy from looking for newer tables of the Earth's rotation: those that it ships are right for years."""
    from astropy.utils import iers

    iers.conf.auto_download = False


def _mute(name: str) -> ModuleType:
    def attribute(item: str) -> Callable[..., Any]:
        if item.startswith("__"):
            raise AttributeError(item)
        return partial(_refuse, f"{name}.{item}")

    module = ModuleType(name)
    module.__getattr__ = attribute  # type: ignore[method-assign]
    return module


def _refuse(what: str, *_: Any, **__: Any) -> None:
    _WATCH.refused.append(what)
    raise _refusal(_WATCH.tag or "a tag", what)


def judge(call: Call) -> Callable[..., pd.Series]:
    """Return the function that Spark calls with batches of columns: True or False for every alert."""

    def verdicts(*columns: pd.Series) -> pd.Series:
        with confined(call.label):
            return as_verdicts(load_function(call)(*columns), len(columns[0]))

    verdicts.__annotations__ = {"columns": pd.Series, "return": pd.Series}
    return verdicts


def as_verdicts(answer: Sequence[Any] | pd.Series, alerts: int) -> pd.Series:
    """Return booleans, whatever a tag answered with: missing values are False.

    Raises `ValueError` when there is not one answer for each alert.
    """
    series = pd.Series(np.asarray(answer))
    if len(series) != alerts:
        raise ValueError(f"it judged {len(series)} of {alerts} alerts")
    return series.where(series.notna(), False).astype(bool)
