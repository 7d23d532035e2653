"""What commands print, and what they import for it."""

import subprocess
import sys

import pytest
import typer

from alertferry.commands import output
from alertferry.commands.app import COMMANDS, GROUPS, application

HOSTILE = "class \x1b[2JSN\x07 [bold]Ia[/] :star:\r\x9b31m candidate\n\tof \x7f"
SHOWN = "class \\x1b[2JSN\\x07 [bold]Ia[/] :star:\\x0d\\x9b31m candidate\n\tof \\x7f\n"


@pytest.fixture(autouse=True)
def _for_people(monkeypatch):
    monkeypatch.setattr(output.MODE, "json", False)


def test_what_would_steer_a_terminal_is_shown(capsys):
    output.say(HOSTILE)
    output.note(HOSTILE)
    assert capsys.readouterr() == (SHOWN, SHOWN)


def test_json_has_letters_as_they_are_and_nothing_that_steers_a_terminal(capfd, monkeypatch):
    monkeypatch.setattr(output.MODE, "json", True)
    output.answer({"name": "é\x9b31m.csv"})
    assert capfd.readouterr().out == '{"name": "é\\u009b31m.csv"}\n'
    output.answer({"name": "é\udcff.csv"})  # a name that is not UTF-8
    assert capfd.readouterr().out == '{"name": "\\u00e9\\udcff.csv"}\n'


def test_results_go_past_a_moving_line(capsys, monkeypatch):
    class Proxy:
        rich_proxied_file = sys.stdout

    monkeypatch.setattr(sys, "stdout", Proxy())
    output.say("42 alerts")
    assert capsys.readouterr().out == "42 alerts\n"


def names(app):
    return list(typer.main.get_command(app).commands)


def test_a_command_is_prepared_alone():
    assert names(application("consume")) == ["consume"]
    assert names(application("jobs")) == ["jobs"]


@pytest.mark.parametrize("called", [None, "--help", "--version", "consumme"])
def test_others_are_prepared_together(called):
    assert names(application(called)) == [*COMMANDS, *GROUPS]


def test_a_download_imports_neither_other_commands_nor_rich():
    program = (
        "import sys; from alertferry.commands.app import application; application('consume'); "
        "print(*(name for name in ('rich', 'alertferry.commands.jobs', 'pluggy', 'jinja2') if name in sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "\n"
