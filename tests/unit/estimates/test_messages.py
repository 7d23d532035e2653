"""What the worker and its clients say to each other."""

import socket
import threading

import pytest
from pydantic import ValidationError

from alertferry.core.errors import AlertferryError, DamagedError, JobError, Problem, UsageError
from alertferry.core.settings import Settings
from alertferry.estimates.client import ask_estimate, stop_worker
from alertferry.estimates.guard import hung_up
from alertferry.estimates.messages import Question, Reply, lines, received, send, shared
from alertferry.estimates.packets import columns
from alertferry.estimates.place import Place, connect, listen
from alertferry.estimates.worker import _no_spark


@pytest.mark.parametrize(
    "error", [UsageError("a"), DamagedError("b"), AlertferryError("c"), JobError([Problem("x.y", "d")])]
)
def test_errors_arrive_as_they_left(error):
    reply = Reply.model_validate_json(Reply.of(error).model_dump_json())
    with pytest.raises(type(error)) as found:
        reply.raise_error()
    assert str(found.value) == str(error)
    assert getattr(found.value, "problems", None) == getattr(error, "problems", None)


def test_a_reply_without_error_raises_nothing():
    Reply(result={}).raise_error()


def test_no_secret_travels():
    settings = Settings(kafka={"sasl.password": "hunter2"}, lakes={"lsst": "/x"}, sample_alerts=123)
    question = Question(ask="warm", settings=shared(settings))
    assert "hunter2" not in question.model_dump_json()
    own = Settings(kafka={"sasl.password": "other"})
    assert received(question, own).lakes == {"lsst": "/x"}
    assert received(question, own).sample_alerts == 123
    assert received(question, own).kafka == {"sasl.password": "other"}


def test_strange_questions_are_refused():
    with pytest.raises(ValidationError):
        Question.model_validate_json('{"ask": "exec", "job": {}}')


def test_a_long_home_is_no_obstacle(tmp_path):
    folder = tmp_path.joinpath(*["a-very-long-name-of-a-folder"] * 6)
    folder.mkdir(parents=True)
    place = Place.of(Settings(home=tmp_path)).socket
    path = folder / place.name
    assert len(str(path)) > 150
    with listen(path) as listener:
        assert path.stat().st_mode & 0o777 == 0o600
        with connect(path) as client:
            server, _ = listener.accept()
            with server:
                send(client, Question(ask="stop"))
                assert Question.model_validate_json(next(lines(server))).ask == "stop"
                assert not hung_up(server)
                client.close()
                assert hung_up(server)


def test_lines_come_whole_however_they_are_cut():
    left, right = socket.socketpair()
    with left, right:
        threading.Thread(
            target=lambda: (right.sendall(b'{"a'), right.sendall(b'":1}\n{"b":2}\nrest'), right.close())
        ).start()
        assert list(lines(left)) == [b'{"a":1}', b'{"b":2}']


def test_settings_of_spark_have_a_worker_of_their_own(tmp_path):
    one, other = Settings(home=tmp_path), Settings(home=tmp_path, spark_conf={"spark.driver.memory": "1g"})
    assert Place.of(one) == Place.of(one)
    assert Place.of(one).identity != Place.of(other).identity


def test_there_is_nothing_to_stop_where_nothing_runs(tmp_path):
    assert stop_worker(Settings(home=tmp_path)) is False


def test_types_are_words():
    schema = (
        '{"type":"record","name":"r","fields":[{"name":"a","type":"long"},{"name":"b","type":["bytes","null"]},'
        '{"name":"c","type":[{"type":"array","items":[{"type":"record","name":"s","fields":[]},"null"]},"null"]},'
        '{"name":"d","type":{"type":"map","values":["float","null"]}}]}'
    )
    assert [(item.name, item.type) for item in columns(schema)] == [
        ("a", "long"),
        ("b", "bytes?"),
        ("c", "array of record?"),
        ("d", "map of float"),
    ]


def test_a_home_that_cannot_be_written_to_is_named(tmp_path):
    from alertferry.core.job import Job

    blocked = tmp_path / "file"
    blocked.write_text("")
    job = Job.from_dict(
        {"source": {"kind": "lsst", "nights": "2026-01-01"}, "output": {"kind": "kafka", "packet": "full"}}
    )
    with pytest.raises(UsageError, match=r"cannot write to .*file/estimates"):
        ask_estimate(job, Settings(home=blocked))


def test_a_spark_that_does_not_start_says_what_java_said(tmp_path):
    place = Place(tmp_path, "code-settings")
    assert "check Java (17 is needed)" in _no_spark(place)
    place.log.write_text(
        "WARNING: x\nInvalid maximum heap size: -Xmx1\nError: Could not create the Java Virtual Machine.\n"
    )
    assert "did not start (Invalid maximum heap size: -Xmx1); check Java" in _no_spark(place)
