"""Who waits for whom: kinds of work apart, users in turns, newer questions in the place of older ones."""

import threading

import pytest

from alertferry.ui import background
from alertferry.ui.background import MOST_WAITING, Crew, crew_of
from alertferry.ui.session import Session, Site
from tests.waiting import until


class Desk:
    """Tasks that note when they begin, and go on when they are let."""

    def __init__(self):
        self.begun, self.gates = [], {}

    def task(self, name, *, held=False):
        gate = self.gates[name] = threading.Event()
        if not held:
            gate.set()

        def run():
            self.begun.append(name)
            gate.wait(60)

        return run

    def let(self, name):
        self.gates[name].set()


@pytest.fixture
def desk():
    found = Desk()
    yield found
    for gate in found.gates.values():
        gate.set()


def test_users_take_turns(desk):
    crew = Crew("test", 1)
    crew.do(desk.task("first", held=True), owner="mallory")
    assert until(lambda: desk.begun == ["first"])
    for number in range(3):
        crew.do(desk.task(f"m{number}"), owner="mallory")
    crew.do(desk.task("honest"), owner="ann")
    crew.do(desk.task("other"), owner="bob")
    desk.let("first")
    assert until(lambda: len(desk.begun) == 6)
    assert desk.begun == ["first", "m0", "honest", "other", "m1", "m2"]


def test_one_user_never_holds_every_thread(desk):
    crew = Crew("test", 3, share=2)
    for number in range(5):
        crew.do(desk.task(f"m{number}", held=True), owner="mallory")
    assert until(lambda: desk.begun == ["m0", "m1"])
    crew.do(desk.task("honest"), owner="ann")
    assert until(lambda: desk.begun[-1] == "honest")
    desk.let("m0")
    assert until(lambda: desk.begun[-1] == "m2")


def test_a_newer_question_takes_the_place_of_one_that_waits(desk):
    crew = Crew("test", 1)
    crew.do(desk.task("busy", held=True), owner="ann")
    assert until(lambda: desk.begun == ["busy"])
    for number in range(50):
        crew.do(desk.task(f"estimate {number}"), owner="ann", place="estimate")
    crew.do(desk.task("preview"), owner="ann", place="preview")
    desk.let("busy")
    assert until(lambda: len(desk.begun) == 3)
    assert desk.begun == ["busy", "estimate 49", "preview"]


def test_what_waits_is_bounded_and_told(desk):
    crew, dropped = Crew("test", 1), []
    crew.do(desk.task("busy", held=True), owner="mallory")
    assert until(lambda: desk.begun == ["busy"])
    for number in range(MOST_WAITING + 3):
        crew.do(desk.task(f"m{number}"), owner="mallory", dropped=lambda number=number: dropped.append(number))
    assert dropped == [0, 1, 2]
    desk.let("busy")
    assert until(lambda: len(desk.begun) == 1 + MOST_WAITING)


@pytest.mark.parametrize("key", ["estimate", "preview", "catalogue", "catalogue map", "region map", "result", "file x"])
def test_submitting_and_checking_wait_for_nothing_slow(key):
    assert crew_of(key) not in (crew_of("submit"), crew_of("check"), crew_of("jobs"), crew_of("log"))


def test_a_page_is_told_what_was_dropped_and_hears_no_old_answer(desk, monkeypatch):
    crew = Crew("test", 1)
    monkeypatch.setattr(background, "ESTIMATES", crew)
    monkeypatch.setitem(background._CREW_OF, "estimate", crew)
    page, told = Session("ann", Site()), []
    crew.do(desk.task("busy", held=True), owner="ann")
    assert until(lambda: desk.begun == ["busy"])
    for number in range(3):
        page.later("estimate", lambda number=number: number, lambda result, error: told.append((result, error)))
    desk.let("busy")
    assert until(lambda: told)
    assert told == [(2, None)]
    page.close()
