"""The process that reads a stranger's file has nothing to do harm with."""

from __future__ import annotations

import json
import subprocess
import sys
import textwrap

import pytest

PROBE = """
import ctypes, json, os, resource, signal, socket, subprocess, sys, tempfile, urllib.request
import pickle, shutil, sqlite3
from pathlib import Path
from alertferry.catalogs.confine import confine

outside, memory, cpu = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
inherited = open(outside, "rb")
confine(memory, 1 << 20, cpu)

def udp():
    socket.socket(socket.AF_INET, socket.SOCK_DGRAM)

attempts = {
    "read another file": lambda: open("/etc/passwd").read(),
    "read by bytes": lambda: open(b"/etc/passwd").read(),
    "read through the library folder": lambda: open(os.__file__ + "/../../../../../../etc/passwd").read(),
    "low-level open": lambda: os.open("/etc/passwd", os.O_RDONLY),
    "own environment": lambda: open("/proc/self/environ").read(),
    "list a folder": lambda: os.listdir("/etc"),
    "scan a folder": lambda: os.scandir("/"),
    "write a file": lambda: Path(outside + ".new").write_text("x"),
    "write a library": lambda: open(os.__file__, "a"),
    "remove": lambda: os.remove(outside),
    "rename": lambda: os.rename(outside, outside + "2"),
    "temporary file": lambda: tempfile.mkstemp(dir=os.path.dirname(outside)),
    "TCP": lambda: socket.create_connection(("127.0.0.1", 9)),
    "UDP": udp,
    "name lookup": lambda: socket.getaddrinfo("example.org", 80),
    "http": lambda: urllib.request.urlopen("http://127.0.0.1:9"),
    "file URL": lambda: urllib.request.urlopen("file:///etc/passwd"),
    "program": lambda: subprocess.run(["true"]),
    "shell": lambda: os.system("true"),
    "fork": lambda: os.fork(),
    "exec": lambda: os.execv("/bin/true", ["true"]),
    "kill": lambda: os.kill(os.getppid(), 0),
    "pickle": lambda: pickle.loads(b"cos\\nsystem\\n(S'true'\\ntR."),
    "load a library": lambda: ctypes.CDLL("libc.so.6"),
    "raise a limit": lambda: resource.setrlimit(resource.RLIMIT_CPU, (1000, 1000)),
    "database": lambda: sqlite3.connect(outside + ".db"),
    "memory": lambda: bytearray(1 << 40),
    "core file": lambda: 1 / resource.getrlimit(resource.RLIMIT_CORE)[1],
}
result = {}
for name, attempt in attempts.items():
    try:
        attempt()
        result[name] = "done"
    except BaseException as error:
        result[name] = type(error).__name__
result["read what was open"] = len(inherited.read())
result["import"] = __import__("wave").__name__
if cpu == 1:
    while True:
        pass
print(json.dumps(result))
"""


def probe(outside: str, memory: int = 1 << 30, cpu: int = 20) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", textwrap.dedent(PROBE), outside, str(memory), str(cpu)]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


def test_nothing_but_the_open_files_can_be_reached(tmp_path_factory: pytest.TempPathFactory) -> None:
    outside = tmp_path_factory.mktemp("outside") / "secret"
    outside.write_bytes(b"12345")
    done = probe(str(outside))
    result = json.loads(done.stdout)
    assert result.pop("read what was open") == 5
    assert result.pop("import") == "wave"
    assert result.pop("memory") == "MemoryError"
    assert result.pop("core file") == "ZeroDivisionError"
    assert result == dict.fromkeys(result, "PermissionError")
    assert len(result) == 26
    assert [path.name for path in outside.parent.iterdir()] == ["secret"]


def test_processor_time_is_limited(tmp_path_factory: pytest.TempPathFactory) -> None:
    outside = tmp_path_factory.mktemp("outside") / "secret"
    outside.write_bytes(b"12345")
    assert probe(str(outside), cpu=1).returncode == -24  # SIGXCPU
