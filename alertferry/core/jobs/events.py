"""Reading the events of a job's script: one JSON object a line, in ``events.jsonl`` of the job's folder."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

EVENTS_FILE = "events.jsonl"
LOG_FILE = "log.txt"

_BLOCK_BYTES = 64 * 1024
_HEAD_BYTES = 512 * 1024

Event = dict[str, Any]


def read_events(path: Path, after: int = 0) -> tuple[list[Event], int]:
    """Return the events after a position (0 at first), and the position behind the last whole line.

    A file that is not there has none.
    """
    try:
        with path.open("rb") as stream:
            stream.seek(after)
            text = stream.read()
    except OSError:
        return [], after
    whole = text[: text.rfind(b"\n") + 1]
    return _events(whole), after + len(whole)


def latest_events(path: Path) -> list[Event]:
    """Return the events at the end of a file, at least the last one if there is any."""
    try:
        size, block = path.stat().st_size, _BLOCK_BYTES
        while True:
            start = max(0, size - block)
            found = _events(_from(path, start))
            if found or start == 0:
                return found
            block *= 4
    except OSError:
        return []


def _from(path: Path, start: int) -> bytes:
    """Return the whole lines behind a position; the line that it cuts is left out."""
    with path.open("rb") as stream:
        stream.seek(max(0, start - 1))
        text = stream.read()
    return text if start == 0 else text[text.find(b"\n") + 1 :]


def _events(text: bytes) -> list[Event]:
    return [event for event in map(_event, text.split(b"\n")) if event]


def _event(line: bytes) -> Event | None:
    if not line.startswith(b'{"event"'):
        return None
    try:
        found = json.loads(line)
    except ValueError:
        return None
    return found if isinstance(found, dict) else None


def result_of(path: Path) -> Event | None:
    """Return the result line, with which every script ends that ends in order."""
    events = latest_events(path)
    return events[-1] if events and events[-1]["event"] == "result" else None


@dataclass(frozen=True)
class Seen:
    """What the events of a job tell so far: its topic, its steps, how far it is."""

    topic: str | None = None
    steps: tuple[Event, ...] = ()
    progress: Event | None = None
    begun: bool = False


def look_at(path: Path) -> Seen:
    """Sum up the events of a job. Steps and topic stand at the beginning, progress at the end."""
    try:
        with path.open("rb") as stream:
            first = _events(stream.read(_HEAD_BYTES))
    except OSError:
        return Seen()
    topics = [event["topic"] for event in first if event["event"] == "topic"]
    steps = [{"name": event["name"], "alerts": event["alerts"]} for event in first if event["event"] == "step"]
    progress = [event for event in latest_events(path) if event["event"] == "progress"]
    return Seen(topics[-1] if topics else None, tuple(steps), progress[-1] if progress else None, bool(first))
