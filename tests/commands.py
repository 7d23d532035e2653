"""Calling the command line in this process, as a shell would."""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from typing import Any

import pyarrow  # noqa: F401 - the command would import it without numpy, which is for programs of their own
import pytest

from alertferry.cli import call
from alertferry.commands import output


@dataclass(frozen=True)
class Called:
    """What a command printed and its exit code."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> dict[str, Any]:
        """The one JSON object on standard output."""
        return json.loads(self.out)


@dataclass
class Shell:
    """Calls commands and captures what they print."""

    monkeypatch: pytest.MonkeyPatch
    capsys: pytest.CaptureFixture[str]

    def __call__(self, *words: object) -> Called:
        self.monkeypatch.setattr(sys, "argv", ["alertferry", *map(str, words)])
        self.monkeypatch.setattr(output.MODE, "json", False)
        self.capsys.readouterr()
        code = 0
        try:
            call()
        except SystemExit as stop:
            code = stop.code if isinstance(stop.code, int) else int(stop.code is not None)
        captured = self.capsys.readouterr()
        return Called(code, captured.out, captured.err)
