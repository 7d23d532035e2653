"""Telling whether a process still runs."""

import subprocess
import time

from alertferry.core.jobs.processes import birth, process_of, this_process


def test_this_process_runs_and_is_always_the_same():
    assert this_process().alive
    assert this_process() == this_process()


def test_a_process_that_ended_is_gone_before_and_after_its_parent_noticed():
    child = subprocess.Popen(["sleep", "0"])
    seen = process_of(child.pid)
    time.sleep(0.2)
    assert birth(child.pid) is None
    assert not seen.alive
    child.wait()
    assert not seen.alive


def test_a_process_of_another_machine_is_not_taken_for_one_of_this():
    elsewhere = this_process().model_copy(update={"host": "elsewhere"})
    assert (elsewhere.here, elsewhere.alive) == (False, False)


def test_a_process_that_never_was_is_not_alive():
    assert not process_of(2**22 + 1).alive
