"""What the server answers before any page is drawn: who may come in, and what a page may load."""

import os
import re
import shutil
import ssl
import subprocess
import urllib.error
import urllib.request

import pytest

from alertferry.core.errors import UsageError
from alertferry.ui.server import Serving
from alertferry.ui.sign_in import Failures, Users
from alertferry.ui.theme import THEME
from tests.ui.attacking import Client
from tests.ui.browsing import serving
from tests.ui.wire import cookies_of


class _Stay(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *args):
        return None


def ask(url, cookie=""):
    try:
        request = urllib.request.Request(url, headers={"Cookie": cookie} if cookie else {})
        return urllib.request.build_opener(_Stay).open(request, timeout=20)
    except urllib.error.HTTPError as answer:
        return answer


def test_every_answer_says_what_a_page_may_load(tmp_path, ui_lakes):
    with serving(tmp_path, ui_lakes, "localhost:1", "--no-estimates") as found:
        for path in ("", "liveness", "upload/x", "static/js/bokeh.min.js"):
            with ask(found.url + path) as answer:
                policy = answer.headers["Content-Security-Policy"]
                assert "default-src 'self'" in policy, path
                assert not re.search(r"https?:", policy)
                assert answer.headers["X-Content-Type-Options"] == "nosniff"
        with ask(found.entry) as answer:
            cookie = cookies_of(answer.headers)
        with ask(found.url, cookie) as answer:
            assert_shown_before_its_scripts(answer.read().decode())


def assert_shown_before_its_scripts(page):
    """A browser shows nothing below a script until it has run: the bar must stand above all that are loaded."""
    bar = page.index('<div class="name">alertferry</div>')
    assert bar < page.index("bokeh.min.js")
    assert not re.search(r"<script[^>]* src=", page[:bar])
    for scheme in ("light", "dark"):
        app_bar = THEME[scheme]["components"]["MuiAppBar"]["styleOverrides"]["root"]["backgroundColor"]
        assert app_bar in page[:bar]


def test_an_oauth_provider_of_panel_lets_nobody_in_unasked(tmp_path, ui_lakes, monkeypatch):
    for name, value in {
        "PROVIDER": "generic",
        "KEY": "alertferry",
        "SECRET": "canary-of-oauth",
        "AUTHORIZE_URL": "http://localhost:1/authorize",
        "TOKEN_URL": "http://localhost:1/token",
        "USER_URL": "http://localhost:1/user",
    }.items():
        monkeypatch.setitem(os.environ, f"PANEL_OAUTH_{name}", value)
    with serving(tmp_path, ui_lakes, "localhost:1", "--no-estimates", "--address", "0.0.0.0") as found:
        with ask(found.url) as answer:
            assert answer.status == 302
            assert answer.headers["Location"].startswith("./login")
        with ask(found.url + "login") as answer:
            assert answer.status == 302
            assert answer.headers["Location"].startswith("http://localhost:1/authorize?")
            assert "client_id=alertferry" in answer.headers["Location"]
        for path in ("upload/x", "result/x"):
            with ask(found.url + path) as answer:
                assert answer.status in (302, 403, 404, 405), path
    assert "canary-of-oauth" not in found.log.read_text()


@pytest.mark.parametrize("address", ["0.0.0.0", "192.0.2.1"])
def test_an_open_address_is_refused_where_nobody_signs_in(alertferry, address, monkeypatch):
    monkeypatch.delenv("PANEL_OAUTH_PROVIDER", raising=False)
    said = alertferry("ui", "--address", address)
    assert said.code == 2
    assert "anybody could come in" in said.err


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, "No such file"),
        ("a password for everybody", "is no JSON"),
        ('"word"', "holds names and passwords"),
        ("{}", "holds names and passwords"),
        ('{"ann": ""}', "is not used"),
        ('{"ann": 1}', "is not used"),
        ('{"": "x"}', "is not used"),
        ('{"a\\u0000b": "x"}', "is not used"),
        ('{"ann": "x", "ANN": "y"}', "look alike"),
        ('{"ann": "x", "\\uff41nn": "y"}', "look alike"),
    ],
)
def test_a_file_of_users_that_lets_in_the_wrong_ones_is_refused(tmp_path, content, said):
    file = tmp_path / "users.json"
    if content is not None:
        file.write_text(content)
    with pytest.raises(UsageError, match=said):
        Serving(basic_auth=str(file)).check()


def test_the_name_of_a_file_that_is_not_there_is_nobodys_password(alertferry):
    found = alertferry("ui", "--basic-auth", "users.json")
    assert found.code == 2
    assert "No such file" in found.err


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"cookie_secret": "short"}, "too short"),
        ({"tls": ("x.pem", "y.pem")}, "cannot be used"),
        ({"basic_auth": ""}, "it is the name of a JSON file"),
        ({"address": "192.0.2.1"}, "anybody could come in"),
    ],
)
def test_what_could_not_be_kept_closed_is_refused(options, said):
    with pytest.raises(UsageError, match=said):
        Serving(**options).check()


def test_whoever_may_serve_others_confines_them():
    assert not Serving().confined
    for options in ({"prefix": "x"}, {"origins": ("x",)}, {"options": {"use_xheaders": True}}, {"basic_auth": "x"}):
        assert Serving(**options).confined
    assert Serving(address="192.0.2.1").confined


def test_guessing_waits_longer_each_time_and_not_for_others():
    now = [0.0]
    failures = Failures(10, lambda: now[0])
    for _ in range(9):
        failures.add("ann", "a")
    assert failures.wait("ann", "a") == 0
    waits = []
    for _ in range(12):
        failures.add("ann", "a")
        waits.append(failures.wait("ann", "a"))
        now[0] += waits[-1]
    assert waits[:4] == [4, 8, 16, 32]
    assert waits[-1] == 900
    assert failures.wait("ann", "b") == failures.wait("bob", "a") == 0
    now[0] += 1000
    failures.add("ann", "a")
    assert failures.wait("ann", "a") == 0


def test_users_are_read_again_when_they_change_and_only_then(tmp_path, caplog):
    file = tmp_path / "users.json"
    users = Users(file)
    assert [users.passwords() for _ in range(5)] == [{}] * 5
    assert len(caplog.records) == 1
    file.write_text('{"ann": "her words"}')
    assert users.passwords() == {"ann": "her words"}
    file.write_text('{"ann": ""}')
    assert [users.passwords() for _ in range(5)] == [{}] * 5
    assert len(caplog.records) == 2


def test_guessing_from_many_addresses_or_at_many_names_is_slowed_too():
    failures = Failures(2, lambda: 0.0)
    for number in range(20):
        failures.add("ann", f"address {number}")
        failures.add(f"name {number}", "b")
    assert failures.wait("ann", "new") > 0
    assert failures.wait("new", "b") > 0
    assert failures.wait("new", "new") == 0


def test_only_who_has_the_printed_address_comes_in(tmp_path, ui_lakes):
    with serving(tmp_path, ui_lakes, "localhost:1", "--no-estimates") as found:
        stranger = Client(found.url)
        assert stranger.ask().headers["Location"].startswith("./login")
        assert stranger.ask("?token=guess").headers["Location"].startswith("/login")
        assert stranger.ask("?token=").status == 303
        assert stranger.ask("upload/x", "PUT", b"x").status == 403
        for _ in range(30):  # what a page of another site can make a browser do locks nobody out
            stranger.ask("?token=guess")
        token = found.entry.partition("token=")[2]
        owner = Client(found.url)
        first = owner.ask(f"?draft=abc&token={token}")
        assert (first.status, first.headers["Location"]) == (303, "/?draft=abc")
        owner.cookies |= first.cookies
        assert owner.ask().status == 200
        assert owner.ask(host="rebound.example").status == 403
        assert owner.ask(host="localhost.rebound.example:80").status == 403
        assert owner.ask(host=f"127.0.0.1:{found.port}").status == 200
        by_form = Client(found.url)
        assert by_form.post("login", _xsrf=by_form.form(), password=token).status == 303
        found.stop()
        found.start()
        assert owner.ask().status == 200  # a page that was open comes back by itself
        assert found.entry.partition("token=")[2] != token


def test_served_by_https_cookies_are_for_https_only(tmp_path, ui_lakes):
    openssl = shutil.which("openssl") or pytest.skip("openssl is not installed")
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    made = [openssl, "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=localhost", "-days", "2"]
    subprocess.run([*made, "-keyout", key, "-out", certificate], check=True, capture_output=True)
    with serving(
        tmp_path / "home",
        ui_lakes,
        "localhost:1",
        "--no-estimates",
        "--tls-cert",
        str(certificate),
        "--tls-key",
        str(key),
    ) as found:
        trusted = ssl.create_default_context(cafile=str(certificate))
        opener = urllib.request.build_opener(_Stay, urllib.request.HTTPSHandler(context=trusted))
        with pytest.raises(urllib.error.HTTPError) as answer:
            opener.open(found.entry, timeout=60)
        cookie = answer.value.headers["Set-Cookie"]
        assert cookie.startswith("__Host-alertferry")
        assert {"Secure", "HttpOnly", "SameSite=Lax", "Path=/"} <= set(cookie.split("; "))
