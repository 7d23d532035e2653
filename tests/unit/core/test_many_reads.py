"""Reading a little of many files."""

import threading
import time

import pytest

from alertferry.core.many_reads import THREADS, TOGETHER, read_many


def test_what_waits_is_read_by_threads_and_stays_in_order():
    items, seen = list(range(TOGETHER * 6 + 1)), set()

    def read(part):
        seen.add(threading.get_ident())
        time.sleep(0.1)
        return list(part)

    assert [item for found in read_many(items, read) for item in found] == items
    assert 1 < len(seen) <= THREADS + 1


def test_what_does_not_wait_is_read_here():
    seen = set()

    def read(part):
        seen.add(threading.get_ident())
        return list(part)

    assert [len(found) for found in read_many(range(TOGETHER * 3), read)] == [TOGETHER] * 3
    assert seen == {threading.get_ident()}
    assert list(read_many([], read)) == []


@pytest.mark.parametrize("pause", [0, 0.1])
def test_an_error_is_that_of_the_first_file(pause):
    def read(part):
        time.sleep(pause)
        if 3 * TOGETHER in part:
            raise OSError("a damaged file")
        return part

    with pytest.raises(OSError, match="a damaged file"):
        list(read_many(range(TOGETHER * 6), read))
