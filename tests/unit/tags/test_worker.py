"""Confinement of tags, in this process: what is refused, hidden, seeded and put back."""

import contextlib
import os
import socket
import subprocess

import numpy as np
import pandas as pd
import pytest

from alertferry.tags.worker import Call, TagError, as_verdicts, confined, judge, load_function


def refused(match):
    return pytest.raises(TagError, match=match)


@pytest.mark.parametrize(
    "attempt",
    [
        lambda: socket.create_connection(("127.0.0.1", 9), timeout=1),
        lambda: socket.getaddrinfo("alerts.example", 443),
        lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b"x", ("127.0.0.1", 9)),
        lambda: subprocess.run(["true"], check=True),
        lambda: os.system("true"),
    ],
    ids=["connect", "look up", "datagram", "program", "shell"],
)
def test_the_network_and_programs_are_refused(attempt):
    said = r"the tag 'x' wants to reach the network or another program \(.*\); in a job it may not"
    with refused(said), confined("the tag 'x'"):
        attempt()


def test_a_refusal_that_the_tag_swallows_is_still_an_error():
    with refused("the tag 'x' wants"), confined("the tag 'x'"), contextlib.suppress(BaseException):
        socket.create_connection(("127.0.0.1", 9), timeout=1)


def test_outside_nothing_is_refused():
    with confined("the tag 'x'"):
        pass
    with socket.create_server(("127.0.0.1", 0)) as server:
        socket.create_connection(server.getsockname()[:2], timeout=5).close()


def test_variables_that_make_tags_post_are_hidden_and_come_back(monkeypatch):
    names = ("FINK_TG_TOKEN", "KNWEBHOOK", "KNWEBHOOK_AMA_CL", "SLACK_URL", "my_telegram_channel")
    for name in names:
        monkeypatch.setenv(name, "secret")
    with confined("the tag 'x'"):
        assert not any(name in os.environ for name in names)
        assert "PATH" in os.environ
    assert all(os.environ[name] == "secret" for name in names)


def test_unseeded_random_numbers_are_the_same_each_time():
    drawn = []
    for _ in range(2):
        with confined("the tag 'x'"):
            drawn.append((np.random.default_rng().normal(), np.random.normal(), np.random.default_rng(3).normal()))
    assert drawn[0] == drawn[1]
    assert drawn[0][2] == np.random.default_rng(3).normal()
    assert np.random.default_rng().normal() != np.random.default_rng().normal()


def test_what_a_tag_prints_goes_to_standard_error(capsys):
    with confined("the tag 'x'"):
        print("noise")
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "noise" in captured.err


def test_a_failure_names_the_tag_in_one_line():
    with refused(r"the tag 'x' failed: KeyError: 'no\\ncolumn'"), confined("the tag 'x'"):
        raise KeyError("no\ncolumn")


@pytest.mark.parametrize(
    "answer",
    [
        pd.Series([True, False, False]),
        [True, None, np.nan],
        np.array([True, False, False]),
        pd.Series([True, None, False], dtype=object),
        pd.Series([True, pd.NA, False], dtype="boolean"),
        pd.Series([True, False, False], index=[7, 7, 7]),
    ],
)
def test_verdicts_are_booleans_whatever_the_answer(answer):
    found = as_verdicts(answer, 3)
    assert found.dtype == bool
    assert found.tolist() == [True, False, False]
    assert found.index.tolist() == [0, 1, 2]


def test_functions_are_loaded_without_the_modules_that_post(tmp_path, monkeypatch):
    (tmp_path / "posting_tags.py").write_text(
        "from posting_package.api import post, LIMIT\n\n"
        "def quiet(ids):\n    return ids > 0\n\ndef posts(ids):\n    post('x')\n    return ids > 0\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    muted = ("posting_package.api",)
    assert judge(Call("the tag 'quiet'", "posting_tags", "quiet", muted))(pd.Series([0, 1])).tolist() == [False, True]
    with refused(r"the tag 'posts' wants to reach .* \(posting_package.api.post\)"):
        judge(Call("the tag 'posts'", "posting_tags", "posts", muted))(pd.Series([0, 1]))


def test_a_udf_is_undressed(tmp_path, monkeypatch):
    (tmp_path / "dressed_tags.py").write_text(
        "def inner(ids):\n    return ids > 0\n\nclass dressed:\n    func = inner\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    assert load_function(Call("x", "dressed_tags", "dressed")).__name__ == "inner"
