"""Reading a file of events while a job writes it."""

import json

from hypothesis import given, settings
from hypothesis import strategies as st

from alertferry.core.jobs.events import latest_events, look_at, read_events, result_of

EVENTS = st.lists(
    st.builds(
        lambda event, name, alerts: {"event": event, "name": name, "alerts": alerts},
        st.sampled_from(["step", "note"]),
        st.text(max_size=20),
        st.integers(),
    ),
    max_size=12,
)


def line(event):
    return json.dumps(event, separators=(",", ":")).encode() + b"\n"


def test_nothing_is_there_yet(tmp_path):
    path = tmp_path / "events.jsonl"
    assert read_events(path) == ([], 0)
    assert (latest_events(path), result_of(path), look_at(path).begun) == ([], None, False)


@settings(max_examples=40, deadline=None)
@given(events=EVENTS, cuts=st.lists(st.integers(0, 400), max_size=6))
def test_every_event_is_read_once_however_it_arrives(tmp_path_factory, events, cuts):
    """Also when a look falls in the middle of a line."""
    path = tmp_path_factory.mktemp("events") / "events.jsonl"
    text = b"".join(line(event) for event in events)
    seen, position, written = [], 0, 0
    for cut in [*sorted(min(cut, len(text)) for cut in cuts), len(text)]:
        with path.open("ab") as stream:
            stream.write(text[written:cut])
        written = cut
        found, position = read_events(path, position)
        seen += found
    assert seen == events
    assert read_events(path, position) == ([], position)


def test_what_is_no_event_is_passed_over(tmp_path):
    path = tmp_path / "events.jsonl"
    path.write_bytes(
        b'Spark says\n{"event": broken\n{"event":"a"\n[1]\n{"event":"step","name":"x","alerts":1}\n\xff\xfe\n'
    )
    assert [event["event"] for event in read_events(path)[0]] == ["step"]


def test_the_end_of_a_long_file_is_found_without_reading_all(tmp_path):
    path = tmp_path / "events.jsonl"
    progress = line({"event": "progress", "n": 1, "text": "x" * 200})
    receipt = {"event": "result", "state": "complete", "lacking": "y" * 300_000}
    path.write_bytes(line({"event": "step", "name": "ztf", "alerts": 3}) + progress * 5000)
    assert len(latest_events(path)) < 1000
    seen = look_at(path)
    assert (seen.steps, seen.progress["n"]) == (({"name": "ztf", "alerts": 3},), 1)
    with path.open("ab") as stream:
        stream.write(line(receipt))
    assert result_of(path) == receipt
    with path.open("ab") as stream:
        stream.write(line({"event": "result", "state": "later"})[:-5])
    assert result_of(path) == receipt
