"""The home of an installation is its user's only."""

import os

import pytest

from alertferry.core.errors import UsageError
from alertferry.core.jobs.tables import connect
from alertferry.core.locks import folder_lock
from alertferry.core.private import demand_private, private_folder
from alertferry.core.settings import load_settings


def mode(path):
    return path.stat().st_mode & 0o7777


def test_every_folder_on_the_way_is_private(tmp_path):
    before = os.umask(0)
    try:
        private_folder(tmp_path / "a" / "b" / "c")
        with folder_lock(tmp_path / "d" / "e"):
            pass
    finally:
        os.umask(before)
    assert {mode(tmp_path / part) for part in ("a", "a/b", "a/b/c", "d", "d/e")} == {0o700}


def test_a_home_that_was_open_is_closed(tmp_path):
    home = tmp_path / "home"
    home.mkdir()
    home.chmod(0o755)
    assert load_settings({"ALERTFERRY_HOME": str(home)}).home == home
    assert mode(home) == 0o700


def test_whatever_makes_the_home_makes_it_private(tmp_path):
    settings = load_settings({"ALERTFERRY_HOME": str(tmp_path / "x" / "home")})
    connect(settings)
    assert mode(settings.home) == 0o700
    assert mode(settings.home / "jobs.sqlite") == 0o600


def test_a_folder_that_everybody_writes_to_is_left_alone_and_refused(tmp_path):
    shared = tmp_path / "like-tmp"
    shared.mkdir()
    shared.chmod(0o1777)
    with pytest.raises(UsageError, match=r"others on this machine can look into .*like-tmp"):
        demand_private(shared)
    assert mode(shared) == 0o1777
