"""What the benchmarks share: lines of the table, medians, and the cost of other processes."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

RUNS = 3


@dataclass(frozen=True)
class Cost:
    """Seconds by the clock and of all processors, and the most memory of any one process, in bytes."""

    seconds: float
    cpu_seconds: float | None = None
    peak_bytes: int | None = None


@dataclass(frozen=True)
class Bar:
    """What a ratio should be: at most, or at least, a number."""

    at_most: float | None = None
    at_least: float | None = None

    def met(self, ratio: float) -> bool:
        """Tell whether a ratio is as it should be."""
        return ratio <= (self.at_most or float("inf")) and ratio >= (self.at_least or 0)

    def __str__(self) -> str:
        return f"≤ {self.at_most:g}" if self.at_most is not None else f"≥ {self.at_least:g}"


@dataclass(frozen=True)
class Row:
    """One line: what was measured, beside what it is compared with.

    The ratio is ours to the other's seconds; with ``faster``, the other's to ours.
    """

    what: str
    alerts: int
    megabytes: float
    cost: Cost
    against: str = ""
    other: Cost | None = None
    faster: bool = False
    bar: Bar | None = None

    @property
    def ratio(self) -> float | None:
        """How the two compare."""
        if self.other is None:
            return None
        ratio = self.cost.seconds / self.other.seconds
        return 1 / ratio if self.faster else ratio

    def __str__(self) -> str:
        size = f"{self.megabytes:,.0f} MB" if self.megabytes else ""
        seconds, cpu, memory = _cells(self.cost)
        cells = [self.what, f"{self.alerts:,}", seconds, self._said_of_other(), *self._judged()]
        cells += [f"{self.alerts / self.cost.seconds:,.0f}", size, cpu, memory]
        return f"| {' | '.join(cells)} |"

    def _said_of_other(self) -> str:
        if self.other is None:
            return self.against
        cpu = f", {self.other.cpu_seconds:.1f} s CPU" if self.other.cpu_seconds is not None else ""
        return f"{self.against}: {self.other.seconds:.2f} s{cpu}"

    def _judged(self) -> tuple[str, str]:
        if self.ratio is None:
            return "", ""
        verdict = f"{self.bar}: {'met' if self.bar.met(self.ratio) else 'missed'}" if self.bar else ""
        return f"{self.ratio:.2f} ×{' faster' if self.faster else ''}", verdict


HEAD = (
    "| what | alerts | time | against | ratio | bar | alerts/s | bytes | CPU | memory |\n"
    "|---|---|---|---|---|---|---|---|---|---|\n"
)


def _cells(cost: Cost) -> list[str]:
    cpu = f"{cost.cpu_seconds:.1f} s" if cost.cpu_seconds is not None else ""
    return [f"{cost.seconds:.2f} s", cpu, f"{cost.peak_bytes / 2**20:,.0f} MiB" if cost.peak_bytes else ""]


Clock = Callable[[], float]
"""Tells the processor seconds that were used so far."""


def cpu_of(*pids: int) -> Clock:
    """Return the clock of other processes, taken together."""
    processes = [psutil.Process(pid) for pid in pids]
    return lambda: sum(sum(process.cpu_times()[:2]) for process in processes)


def own_cpu() -> float:
    """Return the processor seconds of this process and of those that it started and that have ended."""
    return sum(os.times()[:4])


def _nothing(_: Any) -> None:
    pass


def median(
    action: Callable[[], Any],
    runs: int,
    *,
    warm: int = 1,
    busy: Clock = own_cpu,
    then: Callable[[Any], None] = _nothing,
) -> Cost:
    """Return the median seconds of some runs, after ``warm`` that are not counted; of this process by default.

    What an action returns goes to ``then``, whose time does not count.
    """
    seconds, cpu = [], []
    for number in range(warm + runs):
        started, used = time.perf_counter(), busy()
        made = action()
        if number >= warm:
            seconds.append(time.perf_counter() - started)
            cpu.append(busy() - used)
        then(made)
    return Cost(statistics.median(seconds), statistics.median(cpu))


def alternating(
    actions: Sequence[Callable[[], Any]],
    runs: int,
    *,
    warm: int = 1,
    busy: Clock = own_cpu,
    then: Callable[[Any], None] = _nothing,
) -> list[Cost]:
    """Return what `median` does of actions that take turns: what the machine does meanwhile concerns all of them."""
    costs: list[list[Cost]] = [[] for _ in actions]
    for number in range(warm + runs):
        for action, own in zip(actions, costs, strict=True):
            cost = median(action, 1, warm=0, busy=busy, then=then)
            if number >= warm:
                own.append(cost)
    return [middle(own) for own in costs]


def middle(costs: Sequence[Cost]) -> Cost:
    """Return the cost of the run in the middle, by seconds, with the largest memory of all."""
    chosen = sorted(costs, key=lambda cost: cost.seconds)[len(costs) // 2]
    return Cost(chosen.seconds, chosen.cpu_seconds, max(cost.peak_bytes or 0 for cost in costs) or None)


_LET_RUN = """
import json, resource, subprocess, sys
code = subprocess.call(sys.argv[2:])
used = resource.getrusage(resource.RUSAGE_CHILDREN)
open(sys.argv[1], "w").write(json.dumps([used.ru_utime + used.ru_stime, used.ru_maxrss * 1024]))
sys.exit(code)
"""
"""Linux counts the memory of whoever starts a program as that of the program: a small process starts it."""


def _usual(environment: Mapping[str, str]) -> dict[str, str]:
    """Return the environment in which Python keeps what it has compiled, as it does unless it is told not to."""
    return {name: value for name, value in environment.items() if name != "PYTHONDONTWRITEBYTECODE"}


def run_program(command: Sequence[str], environment: Mapping[str, str], folder: Path) -> Cost:
    """Run a program to its end and return what it and its children cost. Raises `RuntimeError` with its last words."""
    log, used = folder / "program.log", folder / "program.json"
    with log.open("wb") as stream:
        started = time.perf_counter()
        small = [sys.executable, "-I", "-S", "-c", _LET_RUN, str(used)]
        code = subprocess.run(
            [*small, *command], env=_usual(environment), cwd=folder, stdout=stream, stderr=stream, check=False
        ).returncode
        seconds = time.perf_counter() - started
    if code:
        raise RuntimeError(f"{' '.join(command)} ended with {code}: {log.read_text()[-2000:]}")
    cpu_seconds, peak_bytes = json.loads(used.read_text())
    return Cost(seconds, cpu_seconds, peak_bytes)
