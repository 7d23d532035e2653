"""Attacks on a live dashboard where users sign in: nobody gets what is not theirs, whatever they send."""

import asyncio
import json
import time
import zlib
from base64 import urlsafe_b64encode
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from urllib.parse import quote

import pytest
from tornado.iostream import StreamClosedError
from tornado.websocket import WebSocketClosedError

from tests.ui.attackers import Puppet
from tests.ui.attacking import PASSWORDS, Client, signed_in, users_file
from tests.ui.browsing import serving


@pytest.fixture(scope="module")
def site(tmp_path_factory, ui_lakes):
    home = tmp_path_factory.mktemp("attacked")
    options = ("--no-estimates", "--basic-auth", str(users_file(home)), "--prefix", "ferry")
    with serving(home / "home", ui_lakes, "localhost:1", *options) as found:
        yield found


@pytest.fixture
def ann(site):
    return signed_in(site.url, "ann")


@pytest.fixture
def bob(site):
    return signed_in(site.url, "bob")


def test_without_a_sign_in_nothing_is_shown(site):
    stranger = Client(site.url)
    assert stranger.ask().status == 302
    for cookies in ({"is_guest": "1"}, {"user": "ann"}, {"user": "ann", "is_guest": "1"}, {"alertferry": "ann"}):
        assert Client(site.url, cookies).ask().headers["Location"].startswith("./login")
    for path in ("upload/x", "download/x"):
        assert stranger.ask(path).status in (403, 404, 405)


@pytest.mark.parametrize(
    "asked",
    [
        {"path": "?bokeh-session-id=X"},
        {"path": "?bokeh-token=X"},
        {"path": "?Bokeh-Session-Id=X"},
        {"path": "?bokeh%2Dsession%2Did=X"},
        {"path": "?bokeh-session-id%20=X"},
        {"headers": {"Bokeh-Session-Id": "X"}},
        {"headers": {"bOKEH-SESSION-ID": "X"}},
        {"body": "bokeh-session-id=X", "headers": {"Content-Type": "application/x-www-form-urlencoded"}},
        {"body": "bokeh-token=X", "headers": {"Content-Type": "application/x-www-form-urlencoded"}, "method": "HEAD"},
    ],
)
def test_no_page_is_taken_over_by_its_number(ann, bob, asked):
    theirs = json.loads(_decoded(bob.ask().token))["session_id"]
    asked = {key: json.loads(json.dumps(value).replace("X", theirs)) for key, value in asked.items()}
    assert ann.ask(**asked).status in (400, 403)


def _decoded(token):
    from bokeh.util.token import _base64_decode

    return _base64_decode(token.split(".")[0])


def test_a_token_opens_a_socket_for_whom_it_was_made(ann, bob, site):
    token = ann.ask().token
    assert ann.open_socket(token) == 101
    assert bob.open_socket(token) == 403
    assert Client(site.url).open_socket(token) == 403
    assert Client(site.url, {"is_guest": "1"}).open_socket(token) == 403
    assert ann.open_socket(token, {"Origin": "http://evil.example"}) == 403
    assert ann.open_socket(token, {"Origin": "null"}) == 403
    assert ann.open_socket(token, {"Sec-Fetch-Site": "cross-site"}) == 403
    assert ann.open_socket(token, {"Sec-WebSocket-Protocol": token}) == 403
    assert signed_in(site.url, "ann").open_socket(token) == 101


def test_tokens_that_we_did_not_sign_are_not_unpacked(ann):
    token = ann.ask().token
    head, _, signature = token.partition(".")
    payload = json.loads(_decoded(token))
    bomb = urlsafe_b64encode(zlib.compress(b'{"cookies": ' + b"[" * 5_000_000, 9)).decode()
    payload["__bk__zlib_"] = bomb
    forged = urlsafe_b64encode(json.dumps(payload).encode()).decode().rstrip("=")
    nested = urlsafe_b64encode(b"[" * 9000).decode()
    for attempt in (
        head,
        f"{head}.",
        f"{head}.{signature[:-2]}xx",
        f"{forged}.{signature}",
        f"{nested}.{signature}",
        "x.y",
    ):
        assert ann.open_socket(attempt) == 403
    assert ann.open_socket("x" * 47_000) != 101


def test_two_cookies_of_our_name_are_nobodys(ann, bob):
    name = next(name for name in ann.cookies if not name.endswith("-form"))
    mine, theirs = ann.cookies[name], bob.cookies[name]
    for sent in (
        f"{name}={mine}; {name}={theirs}",
        f"{name}={theirs}; {name} ={mine}",
        f'{name}="{mine}"; {name}={theirs}',
    ):
        assert ann.ask(headers={"Cookie": sent}).status == 302
    assert ann.ask().status == 200


@pytest.mark.parametrize(
    "target",
    [
        "///evil.example",
        "//evil.example",
        "https://evil.example",
        "/\\evil.example",
        "\\\\evil",
        "javascript:alert(1)",
        "/ferry//..//evil\r\nX: 1",
        "/elsewhere",
        "",
    ],
)
def test_who_has_signed_in_stays_here(site, target):
    client = Client(site.url)
    assert client.ask("login?next=" + quote(target)).status == 200
    found = client.enter("ann", then=target)
    assert (found.status, found.headers["Location"]) == (303, "/ferry/")
    assert client.enter("ann", then="/ferry/?draft=abc").headers["Location"] == "/ferry/?draft=abc"


def test_cookies_are_closed(site):
    client = Client(site.url)
    client.form()
    for header in client.enter("ann").headers.get_all("Set-Cookie"):
        assert "HttpOnly" in header
        assert "SameSite=Lax" in header
        assert "Path=/" in header


def test_a_form_of_another_site_signs_nobody_in_or_out(site, ann):
    stranger = Client(site.url)
    values = {"username": "eve", "password": PASSWORDS["eve"]}
    assert stranger.post("login", **values).status == 403
    assert stranger.post("login", **values, _xsrf="1").status == 403
    form = stranger.form()
    for headers in (
        {"Origin": "http://evil.example"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
    ):
        assert stranger.post("login", headers, **values, _xsrf=form).status == 403
    assert ann.post("logout", _xsrf="1").status == 403
    assert ann.ask("logout", headers={"Sec-Fetch-Site": "cross-site"}).status == 200
    assert ann.ask().status == 200


def test_who_has_signed_out_is_out_everywhere(site):
    client = signed_in(site.url, "ann")
    token, copied = client.ask().token, dict(client.cookies)
    assert client.ask("logout").status == 303
    thief = Client(site.url, copied)
    assert thief.ask().status == 302
    assert thief.open_socket(token) == 403
    assert signed_in(site.url, "ann").ask().status == 200


def test_wrong_passwords_are_tried_ten_times_and_then_seldom(site, ann):
    guess = Client(site.url)
    said = [guess.enter("eve", f"guess {number}").status for number in range(10)]
    assert said == [401] * 10
    late = guess.enter("eve")
    assert late.status == 429
    assert int(late.headers["Retry-After"]) > 0
    assert guess.enter("nobody of this name", "x").status == 401
    assert "sign-in of 'eve' from 127.0.0.1 failed" in site.log.read_text()
    time.sleep(int(late.headers["Retry-After"]))
    assert guess.enter("eve").status == 303


@pytest.mark.parametrize(
    "path",
    [
        "autoload.js?bokeh-autoload-element=x",
        "metadata",
        "liveness?endpoint=/",
        "components/antigravity/x/y/z",
        "components/os/path/__file__/x",
        "components/alertferry.estimates.worker/main/_esm/x",
        "static/../../../../etc/passwd",
        "static/%2e%2e/%2e%2e/%2e%2e/etc/passwd",
        "static/extensions/../../../../../etc/passwd",
        "download/../../jobs.sqlite",
        "download/..%2f..%2fjobs.sqlite",
        "rest/session_info",
        "admin",
        "%61utoload.js?x=1",
        "login/../metadata",
        "x" * 4000,
    ],
)
def test_there_is_nothing_at_other_addresses(ann, path):
    found = ann.ask(path)
    assert found.status in (400, 403, 404, 414)
    assert "root:" not in found.text
    assert "antigravity" not in found.text


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "CONNECT"])
def test_pages_are_fetched_and_not_written(ann, method):
    assert ann.ask(method=method, body=b"x").status in (400, 403, 405, 501)


def test_a_large_body_is_not_even_read(ann):
    for path in ("", "login", "nothing/here"):
        assert ann.ask(path, "POST", headers={"Content-Length": "90000000"}).status in (400, 403, 404, 405, 413)


def test_files_are_sent_by_their_page_only(ann, bob, site):
    ticket, uploads = "x" * 32, site.log.parent / "uploads"
    headers, before = {"Origin": "http://evil.example"}, set(uploads.iterdir())
    assert ann.ask(f"upload/{ticket}", "PUT", b"x", headers).status == 403
    assert ann.ask(f"upload/{ticket}", "PUT", b"x").status == 404
    assert set(uploads.iterdir()) <= before


def test_the_home_is_closed_to_others(site):
    home = site.log.parent
    assert home.stat().st_mode & 0o077 == 0
    assert (home / "ui" / "cookie-key").stat().st_mode & 0o077 == 0


def cookie_of(client):
    return "; ".join(f"{name}={value}" for name, value in client.cookies.items())


def in_a_page(client, script):
    """Do something in a page that is open; return what the page was told."""

    async def run():
        page = Puppet(client.url, cookie_of(client))
        try:
            await page.begin()
            await script(page)
        finally:
            page.close()
        return "\n".join(page.told)

    return asyncio.run(run())


async def closed(page):
    for _ in range(2000):
        if page.socket.close_code is not None or page._reader.done():
            return page.socket.close_code
        await asyncio.sleep(0.05)
    raise AssertionError("the socket was never closed")


def test_a_sign_out_closes_the_pages_that_are_open(site):
    client = signed_in(site.url, "ann")

    async def script(page):
        await asyncio.to_thread(client.ask, "logout")
        assert await closed(page) == 1000

    in_a_page(client, script)


@pytest.mark.parametrize("now", [None, "another password"])
def test_a_sign_in_ends_with_its_password(site, now):
    file = site.log.parent.parent / "users.json"
    file.write_text(json.dumps(PASSWORDS | {"zoe": "her words"}))
    client = signed_in(site.url, "zoe", "her words")
    token = client.ask().token

    async def script(page):
        file.write_text(json.dumps(PASSWORDS | ({"zoe": now} if now else {})))
        with suppress(WebSocketClosedError, StreamClosedError):
            await page.enter("Nights and ranges", "2026-03-01")
        assert await closed(page) == 1000

    try:
        in_a_page(client, script)
        assert client.ask().status == 302
        assert client.open_socket(token) == 403
    finally:
        file.write_text(json.dumps(PASSWORDS))


@pytest.mark.parametrize("binary", [False, True])
def test_a_page_that_sends_too_much_is_closed_and_no_other(ann, bob, binary):
    async def script(page):
        with suppress(WebSocketClosedError, StreamClosedError):
            if binary:  # buffers of one message, each as large as may be
                await page.socket.write_message(
                    json.dumps({"msgid": "x", "msgtype": "PATCH-DOC", "num_buffers": 10**9})
                )
                await page.socket.write_message("{}")
                await page.socket.write_message('{"events": []}')
                for number in range(20):
                    await page.socket.write_message(json.dumps({"id": str(number)}))
                    await page.socket.write_message(b"x" * 900_000, binary=True)
            else:
                await page.enter("Nights and ranges", "x" * 1_100_000)
        await closed(page)

    in_a_page(ann, script)
    assert bob.ask("liveness").status == 200


def test_what_is_too_long_is_said_and_not_kept(ann, site):
    async def script(page):
        await page.enter("Nights and ranges", "2026-03-01, " * 20_000)
        await page.until("a job file has room for 65,536")

    in_a_page(ann, script)
    kept = site.log.parent / "ui" / "drafts"
    assert max(file.stat().st_size for file in kept.rglob("*.json")) < 65_536


JOB = "version: 1\nsource: {kind: lsst, nights: [2026-03-01]%s}\nfilters: [%s]\noutput: {kind: kafka, packet: full}\n"


@pytest.mark.parametrize(
    ("lake", "step", "said"),
    [
        ("", "{kind: crossmatch, catalog: /etc/passwd, radius_arcsec: 1}", "not among your uploads"),
        ("", "{kind: crossmatch, catalog: ../../users.json, radius_arcsec: 1}", "not among your uploads"),
        ("", "{kind: any, of: [{kind: region, moc: /etc/passwd}]}", "not among your uploads"),
        ("", "{kind: region, skymap: ../jobs.sqlite}", "not among your uploads"),
        (", lake: /etc", "", "the site's own lakes only"),
        (", lake: 's3://bucket/x?endpoint_override=localhost:1'", "", "the site's own lakes only"),
    ],
)
def test_a_job_file_that_names_what_is_not_yours_is_not_looked_at(ann, lake, step, said):
    async def script(page):
        await page.go("review")
        await page.has("Open a job file")
        text = JOB % (lake, step)
        sent = await asyncio.to_thread(ann.ask, f"upload/{page.ticket}", "PUT", text.encode(), {"X-File-Name": "j.yml"})
        await page.send("Open a job file", file=json.loads(sent.text)["id"])
        await page.until("is open")
        await page.until(said)
        await page.go("filters")
        await page.has("Kind of filter")
        for kind in ("crossmatch", "region"):
            await page.send("Kind of filter", value=kind)
            await asyncio.sleep(1)

    told = in_a_page(ann, script)
    assert "root:x:0" not in told
    assert "the words of" not in told
    assert "no such file" not in told.lower()


def test_what_no_page_sends_fills_no_log(ann, site):
    before = site.log.stat().st_size
    odd = ([1, 2], {"type": "map", "entries": []}, 5, None, ["x" * 100_000], {"type": "ndarray"}, "y" * 100_000)

    async def script(page):
        for value in odd * 3:
            await page.enter("Nights and ranges", value)
            await page.set("Survey", value)
        for data in odd * 3:
            await page.send("Calendar", nights=data, on=data)
            await page.event("data_event", {"model": {"id": page.models["Calendar"]}, "data": data})
            await page.event(data, {"model": {"id": page.models["Calendar"]}})
        for model in ("p1", 7, None, "z" * 100_000):
            await page.event("data_event", {"model": {"id": model}, "data": {}})
        await page.enter("Nights and ranges", "2026-03-01")
        await page.send("Calendar", nights=["2026-03-04"], on=True)
        await page.until("2026-03-04")

    in_a_page(ann, script)
    said = site.log.read_text()[before:]
    assert "Traceback" not in said
    assert len(said) < 200 * 200


def test_pages_asked_for_at_once_are_no_more_than_a_user_may_have(tmp_path, ui_lakes):
    users, home = tmp_path / "users.json", tmp_path / "home"
    users.write_text(json.dumps(PASSWORDS))
    (home / "config" / "alertferry").mkdir(parents=True)
    (home / "config" / "alertferry" / "alertferry.toml").write_text("max_open_pages = 3\n")
    with serving(home, ui_lakes, "localhost:1", "--no-estimates", "--basic-auth", str(users)) as found:
        clients = [signed_in(found.url, "eve") for _ in range(12)]
        with ThreadPoolExecutor(len(clients)) as pool:
            said = sorted(answer.status for answer in pool.map(Client.ask, clients))
        assert signed_in(found.url, "ann").ask().status == 200
    assert said == [200] * 3 + [429] * 9
