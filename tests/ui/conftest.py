"""What the tests of the dashboard share: small lakes of both surveys and a home of their own."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("panel")
pytest.importorskip("panel_material_ui")

from alertferry.testing.simulator import simulate

NIGHTS = (date(2026, 3, 1), date(2026, 3, 2), date(2026, 3, 4))
ALERTS_PER_NIGHT = 60


@pytest.fixture(scope="session")
def ui_lakes(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Return a lake of three nights for each survey."""
    root = tmp_path_factory.mktemp("ui-lakes")
    for survey in ("lsst", "ztf"):
        simulate(survey, root / survey, NIGHTS, ALERTS_PER_NIGHT, seed=3)
    return {survey: root / survey for survey in ("lsst", "ztf")}


@pytest.fixture
def ui_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ui_lakes: dict[str, Path]) -> Iterator[Path]:
    """Return the home folder of an installation with these lakes and without a broker."""
    from alertferry.core import working_folder
    from alertferry.ui import lakes

    monkeypatch.setenv("ALERTFERRY_HOME", str(tmp_path))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    for survey, folder in ui_lakes.items():
        monkeypatch.setenv(f"ALERTFERRY_LAKE_{survey.upper()}", str(folder))
    monkeypatch.delenv("ALERTFERRY_BOOTSTRAP_SERVERS", raising=False)
    monkeypatch.setenv(working_folder.VARIABLE, str(tmp_path / "uploads"))
    lakes.forget()
    yield tmp_path
    lakes.forget()


@pytest.fixture
def session(ui_home: Path) -> Iterator[Any]:
    """Return the state of a page without a browser."""
    from alertferry.ui.session import Session
    from tests.ui.sessions import QUIET, TODO

    found = Session(None, QUIET, TODO.put)
    yield found
    found.close()
