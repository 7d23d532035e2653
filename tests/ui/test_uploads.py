"""Files from users: counted by the server, under ids of the server, for their owner only."""

import http.client
import json
import resource
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from tornado.httpserver import HTTPServer
from tornado.ioloop import IOLoop
from tornado.web import Application, create_signed_value

from alertferry import uploads as kept
from alertferry.core.access import Access, Site
from alertferry.core.job import Job
from alertferry.core.registry import default_registry
from alertferry.core.settings import load_settings
from alertferry.policy import objections
from alertferry.ui import downloads, uploads
from alertferry.ui.identity import PANELS, Identity
from tests.waiting import until

SECRET = "a secret of this test only"


@pytest.fixture
def port(ui_home):
    """A server with nothing but the addresses for files."""
    started, box = threading.Event(), {}

    def run():
        loop, who = IOLoop(make_current=True), Identity(PANELS, SECRET, ui_home)
        server = HTTPServer(Application([*uploads.routes(who, 1_000_000), *downloads.routes(who)]))
        server.listen(0, "127.0.0.1")
        box["loop"], box["port"] = loop, next(iter(server._sockets.values())).getsockname()[1]
        started.set()
        loop.start()
        server.stop()
        loop.close()

    thread = threading.Thread(target=run)
    thread.start()
    started.wait(10)
    yield box["port"]
    box["loop"].add_callback(box["loop"].stop)
    thread.join(10)


def signed_in(owner):
    return {"Cookie": f"{PANELS}={create_signed_value(SECRET, PANELS, owner).decode()}"}


def put(port, ticket, body, name="cat.csv", headers=None, owner="ann", method="PUT"):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        sent = {"X-File-Name": name} | signed_in(owner) | (headers or {})
        connection.request(method, f"/upload/{ticket}", body, sent)
        answer = connection.getresponse()
        return answer.status, answer.read().decode()
    finally:
        connection.close()


def test_a_file_arrives_under_an_id_of_the_server(port):
    ticket = uploads.TICKETS.issue("ann")
    status, text = put(port, ticket, b"ra,dec\n1,2\n", "../../etc/passwd%00.csv")
    assert status == 200
    identifier = text.split('"')[3]
    found = uploads.find(identifier, "ann")
    assert found.reference == f"upload:{identifier}"
    assert "/" not in found.name
    assert found.file.read_bytes() == b"ra,dec\n1,2\n"


def test_what_the_disk_refuses_is_said_and_leaves_nothing(port):
    ticket = uploads.TICKETS.issue("ann")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, hard))  # as a disk that is full
    try:
        status, text = put(port, ticket, b"x" * 900_000)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert (status, json.loads(text)) == (507, {"error": "The file cannot be stored on the server: File too large."})
    assert list(uploads.folder().iterdir()) == []
    assert put(port, ticket, b"x" * 900_000)[0] == 200


def test_nobody_else_finds_it(port):
    _, text = put(port, uploads.TICKETS.issue("ann"), b"x")
    identifier = text.split('"')[3]
    assert uploads.find(identifier, "bob") is None
    assert uploads.find(identifier, None) is None
    assert uploads.find("../" + identifier, "ann") is None
    for text in (f"upload:{identifier}", f"{identifier}/cat.csv"):
        assert uploads.named(text, "ann").id == identifier
        assert uploads.named(text, "bob") is None
    assert uploads.named(f"{identifier}/.owner", "ann") is None
    assert uploads.named(f"{identifier}/../{identifier}/cat.csv", "ann") is None


def test_without_a_ticket_nothing_is_taken(port):
    ticket = uploads.TICKETS.issue("ann")
    assert put(port, ticket, b"x", owner="bob")[0] == 404
    assert put(port, ticket, b"x", headers={"Cookie": "who=ann"})[0] == 403
    uploads.TICKETS.withdraw(ticket)
    assert put(port, ticket, b"x")[0] == 404
    assert put(port, "made-up", b"x")[0] == 404


def test_a_large_file_is_refused_by_the_server(port):
    ticket = uploads.TICKETS.issue("ann")
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    connection.putrequest("PUT", f"/upload/{ticket}")
    connection.putheader("Content-Length", "1000001")
    connection.putheader("Cookie", signed_in("ann")["Cookie"])
    connection.endheaders()
    answer = connection.getresponse()  # before a single byte of it is sent
    assert answer.status == 413
    assert "larger than" in answer.read().decode()
    connection.close()
    assert [place for place in uploads.folder().glob("*") if place.is_dir()] == []


def test_a_file_that_grows_over_the_limit_is_removed(ui_home):
    receiving = uploads.Receiving("a.csv", None, 10)
    receiving.write(b"12345")
    with pytest.raises(uploads.UploadError, match="larger"):
        receiving.write(b"123456")
    assert list(uploads.folder().glob("*")) == []


def test_a_page_sends_so_many_files_and_no_more(ui_home):
    ticket = uploads.TICKETS.issue(None)
    for _ in range(uploads.MAX_FILES):
        uploads.TICKETS.take(ticket, None)
    with pytest.raises(uploads.UploadError, match="At most"):
        uploads.TICKETS.take(ticket, None)


@pytest.mark.parametrize("name", ["../x.csv", "/etc/passwd", "a\\b.csv", "", "...", "💥.csv", "x" * 5000, "a\nb\0.csv"])
def test_names_lead_nowhere(name):
    found = uploads.safe_name(name)
    assert 0 < len(found) <= 80
    assert not set(found) & set("/\\\n\0")
    assert not found.startswith(".")


def test_a_file_is_offered_for_as_long_as_its_page_is_open(port, tmp_path):
    file = tmp_path / "alerts.csv"
    file.write_bytes(b"a" * 3_000_000)
    address = downloads.OFFERS.make(file, "höhe.csv", "ann")

    def get(owner="ann"):
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
        connection.request("GET", f"/{address}", headers=signed_in(owner))
        answer = connection.getresponse()
        found = answer.status, answer.read(), answer.headers
        connection.close()
        return found

    status, body, headers = get()
    assert (status, len(body)) == (200, 3_000_000)
    assert "h%C3%B6he.csv" in headers["Content-Disposition"]
    assert get("bob")[0] == 404
    downloads.OFFERS.withdraw(address)
    assert get()[0] == 404


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "DELETE", "PATCH", "OPTIONS", "TRACE", "FROB"])
def test_other_methods_leave_nothing_behind(port, method):
    ticket = uploads.TICKETS.issue("ann")
    assert put(port, ticket, b"x" * 1000, method=method)[0] in (405, 501)
    assert not uploads.folder().exists() or list(uploads.folder().iterdir()) == []


def test_a_file_that_breaks_off_is_removed(port):
    ticket = uploads.TICKETS.issue("ann")
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    connection.putrequest("PUT", f"/upload/{ticket}")
    connection.putheader("Content-Length", "1000")
    connection.putheader("Cookie", signed_in("ann")["Cookie"])
    connection.endheaders()
    connection.send(b"x" * 10)
    until(lambda: len(list(uploads.folder().glob("*/.part"))) == 1)
    connection.close()
    until(lambda: list(uploads.folder().iterdir()) == [])


def test_files_of_a_user_have_a_limit_together_also_when_they_arrive_side_by_side(port, monkeypatch):
    monkeypatch.setenv("ALERTFERRY_MAX_USER_UPLOAD_BYTES", "1500000")
    tickets = [uploads.TICKETS.issue("ann") for _ in range(6)]
    with ThreadPoolExecutor(6) as pool:
        said = list(pool.map(lambda ticket: put(port, ticket, b"x" * 400_000), tickets))
    assert {status for status, _ in said} == {200, 413}
    assert "together" in next(text for status, text in said if status == 413)
    assert sum(file.stat().st_size for file in uploads.folder().glob("*/cat.csv")) <= 1_500_000
    assert put(port, uploads.TICKETS.issue("bob"), b"x", owner="bob")[0] == 200


CONFINED = Site(confined=True)


def objected(data, user):
    job = Job.from_dict(data)
    return [
        problem.path for problem in objections(job, Access(user, "page", CONFINED), load_settings(), default_registry())
    ]


def test_a_confined_site_reads_nothing_but_uploads_and_its_own_lakes(ui_home):
    mine = kept.Receiving("mine.csv", "ann").finish()
    job = {
        "source": {"kind": "lsst", "nights": ["2026-03-01"], "lake": "/elsewhere"},
        "filters": [
            {"kind": "crossmatch", "catalog": mine.reference, "radius_arcsec": 1},
            {"kind": "crossmatch", "catalog": "/etc/passwd", "radius_arcsec": 1, "name": "b"},
            {"kind": "region", "moc": "3/1-4"},
            {"kind": "any", "of": [{"kind": "not", "of": [{"kind": "region", "skymap": "../../x.fits"}]}]},
            {"kind": "crossmatch", "catalog": f"{mine.id}/mine.csv", "radius_arcsec": 1, "name": "c"},
        ],
        "output": {"kind": "files", "path": "/tmp/x", "packet": "full"},
    }
    assert objected(job, "ann") == ["source.lake", "filters[1].catalog", "filters[3].of[0].of[0].skymap", "output.kind"]
    assert {"filters[0].catalog", "filters[4].catalog"} <= set(objected(job, "bob"))
    job["source"]["lake"] = "ztf"
    assert "source.lake" not in objected(job, "ann")
    assert objections(Job.from_dict(job), Access("ann"), load_settings(), default_registry()) == []
