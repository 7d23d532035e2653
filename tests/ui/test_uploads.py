"""Files from users: counted by the server, under ids of the server, for their owner only."""

import http.client
import threading

import pytest
from tornado.httpserver import HTTPServer
from tornado.ioloop import IOLoop
from tornado.web import Application

from alertferry.ui import downloads, uploads
from alertferry.ui.policy import site_problems


@pytest.fixture
def port(ui_home):
    """A server with nothing but the addresses for files."""
    started, box = threading.Event(), {}

    def run():
        loop = IOLoop(make_current=True)
        server = HTTPServer(Application([*uploads.routes(1_000_000), *downloads.routes()]))
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


def put(port, ticket, body, name="cat.csv", headers=None):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        connection.request("PUT", f"/upload/{ticket}", body, {"X-File-Name": name} | (headers or {}))
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
    assert found.path == f"{identifier}/{found.name}"
    assert "/" not in found.name
    assert (uploads.folder() / found.path).read_bytes() == b"ra,dec\n1,2\n"


def test_nobody_else_finds_it(port):
    _, text = put(port, uploads.TICKETS.issue("ann"), b"x")
    identifier = text.split('"')[3]
    assert uploads.find(identifier, "bob") is None
    assert uploads.find(identifier, None) is None
    assert uploads.find("../" + identifier, "ann") is None


def test_without_a_ticket_nothing_is_taken(port):
    ticket = uploads.TICKETS.issue(None)
    uploads.TICKETS.withdraw(ticket)
    assert put(port, ticket, b"x")[0] == 404
    assert put(port, "made-up", b"x")[0] == 404


def test_a_large_file_is_refused_by_the_server(port):
    ticket = uploads.TICKETS.issue(None)
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    connection.putrequest("PUT", f"/upload/{ticket}")
    connection.putheader("Content-Length", "1000001")
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
        uploads.TICKETS.take(ticket)
    with pytest.raises(uploads.UploadError, match="At most"):
        uploads.TICKETS.take(ticket)


@pytest.mark.parametrize("name", ["../x.csv", "/etc/passwd", "a\\b.csv", "", "...", "💥.csv", "x" * 5000, "a\nb\0.csv"])
def test_names_lead_nowhere(name):
    found = uploads.safe_name(name)
    assert 0 < len(found) <= 80
    assert not set(found) & set("/\\\n\0")
    assert not found.startswith(".")


def test_a_file_is_offered_for_as_long_as_its_page_is_open(port, tmp_path):
    file = tmp_path / "alerts.csv"
    file.write_bytes(b"a" * 3_000_000)
    address = downloads.OFFERS.make(file, "höhe.csv")

    def get():
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
        connection.request("GET", f"/{address}")
        answer = connection.getresponse()
        found = answer.status, answer.read(), answer.headers
        connection.close()
        return found

    status, body, headers = get()
    assert (status, len(body)) == (200, 3_000_000)
    assert "h%C3%B6he.csv" in headers["Content-Disposition"]
    downloads.OFFERS.withdraw(address)
    assert get()[0] == 404


def test_a_confined_site_reads_nothing_but_uploads(ui_home):
    receiving = uploads.Receiving("mine.csv", "ann")
    mine = receiving.finish().path
    job = {
        "source": {"kind": "lsst", "nights": ["2026-03-01"], "lake": "/elsewhere"},
        "filters": [
            {"kind": "crossmatch", "catalog": mine, "radius_arcsec": 1},
            {"kind": "crossmatch", "catalog": "/etc/passwd", "radius_arcsec": 1},
            {"kind": "region", "moc": "3/1-4"},
            {"kind": "any", "of": [{"kind": "not", "of": [{"kind": "region", "skymap": "../../x.fits"}]}]},
        ],
        "output": {"kind": "files", "path": "/tmp/x"},
    }
    paths = [problem.path for problem in site_problems(job, "ann")]
    assert paths == ["filters[1].catalog", "filters[3].of[0].of[0].skymap", "source.lake", "output.kind"]
    assert "filters[0].catalog" in [problem.path for problem in site_problems(job, "bob")]
