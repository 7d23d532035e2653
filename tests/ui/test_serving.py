"""What the server answers before any page is drawn: who may come in, and what a page may load."""

import os
import re
import urllib.error
import urllib.request

import pytest

from alertferry.ui.theme import THEME
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
