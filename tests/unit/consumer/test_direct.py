"""Large files past the page cache: what was given is what is in the file, whatever the file system says to it."""

import errno
import fcntl
import os
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from alertferry.consumer.direct import _DIRECT, BLOCK_BYTES, PIECE_BYTES
from alertferry.consumer.durable import checksum, write_durably

CONTENT = os.urandom(2 * PIECE_BYTES + 12_345)
EDGES = (0, 1, BLOCK_BYTES - 1, BLOCK_BYTES, BLOCK_BYTES + 1, PIECE_BYTES - 1, PIECE_BYTES, PIECE_BYTES + 1)


def parts_of(content: bytes, *sizes: int) -> list[bytes]:
    found = []
    for size in sizes:
        found.append(content[:size])
        content = content[size:]
    return [*found, content]


def direct(descriptor: int) -> bool:
    return bool(fcntl.fcntl(descriptor, fcntl.F_GETFL) & _DIRECT)


def allows_direct(folder: Path) -> bool:
    with tempfile.TemporaryFile(dir=folder) as file:
        try:
            fcntl.fcntl(file, fcntl.F_SETFL, fcntl.fcntl(file, fcntl.F_GETFL) | _DIRECT)
        except OSError:
            return False
        return bool(_DIRECT)


def seen_writes(monkeypatch, instead=None) -> list[tuple[bool, int]]:
    """Whether each write was direct, and its bytes; ``instead`` may raise or return how many bytes to write."""
    write, seen = os.write, []

    def watched(descriptor, data):
        seen.append((direct(descriptor), len(data)))
        return write(descriptor, data[: instead(seen[-1])] if instead else data)

    monkeypatch.setattr(os, "write", watched)
    return seen


@given(st.lists(st.sampled_from(EDGES) | st.integers(0, 3 * BLOCK_BYTES), max_size=6), st.sampled_from(EDGES))
@settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))
def test_a_file_holds_what_was_given(tmp_path_factory, sizes, last):
    path = tmp_path_factory.getbasetemp() / "given"
    content = CONTENT[: min(len(CONTENT), sum(sizes) + last)]
    written = write_durably(path, parts_of(content, *sizes))
    assert path.read_bytes() == content
    assert (written.bytes, written.checksum) == (len(content), checksum(path))


def test_whole_pieces_go_directly_and_the_rest_as_usual(tmp_path, monkeypatch):
    if not allows_direct(tmp_path):
        pytest.skip("the file system of the tests has no direct writes")
    seen = seen_writes(monkeypatch)
    write_durably(tmp_path / "large", parts_of(CONTENT, 100, 5_000_000))
    blocks = 12_345 - 12_345 % BLOCK_BYTES
    assert seen == [(True, PIECE_BYTES), (True, PIECE_BYTES), (True, blocks), (False, 12_345 - blocks)]
    seen.clear()
    write_durably(tmp_path / "small", [CONTENT[: PIECE_BYTES - 1]])
    assert seen == [(False, PIECE_BYTES - 1)]


def test_a_file_system_that_only_says_so_when_written_to_gets_it_as_usual(tmp_path, monkeypatch):
    def refuse(write):
        if write[0]:
            raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))
        return write[1]

    seen = seen_writes(monkeypatch, refuse)
    write_durably(tmp_path / "file", [CONTENT])
    assert (tmp_path / "file").read_bytes() == CONTENT
    assert [size for was_direct, size in seen if not was_direct][:2] == [PIECE_BYTES, PIECE_BYTES]


def test_writes_cut_short_are_gone_on_with(tmp_path, monkeypatch):
    """After one that ends within a block nothing can be written directly."""
    seen_writes(monkeypatch, lambda write: max(1, write[1] // 3))
    write_durably(tmp_path / "file", [CONTENT])
    assert (tmp_path / "file").read_bytes() == CONTENT


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EIO])
def test_a_fault_of_the_disk_is_told_and_nothing_stays(tmp_path, monkeypatch, number):
    def fail(_):
        raise OSError(number, os.strerror(number))

    seen_writes(monkeypatch, fail)
    with pytest.raises(OSError, match=os.strerror(number)):
        write_durably(tmp_path / "file", [CONTENT])
    assert list(tmp_path.iterdir()) == []


def test_in_memory_too(tmp_path):
    """Not every kernel's memory file system takes direct writes."""
    shared = Path("/dev/shm")
    if not os.access(shared, os.W_OK):
        pytest.skip("no /dev/shm to write to")
    with tempfile.TemporaryDirectory(dir=shared) as folder:
        path = Path(folder) / "file"
        write_durably(path, [CONTENT])
        assert path.read_bytes() == CONTENT


def test_threads_do_not_share_what_they_write(tmp_path):
    contents = [bytes([number]) * (PIECE_BYTES + number) for number in range(12)]

    def write(number):
        write_durably(tmp_path / str(number), parts_of(contents[number], 10, 1_000_000))

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(write, range(len(contents))))
    assert all((tmp_path / str(number)).read_bytes() == content for number, content in enumerate(contents))
