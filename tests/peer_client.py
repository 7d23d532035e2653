"""The peer's client, unmodified, in a virtual environment of its own: installed once for this user."""

from __future__ import annotations

import fcntl
import os
import subprocess
import sys
import uuid
from dataclasses import dataclass
from pathlib import Path

PINS = Path(__file__).parent / "fink-client.txt"


def installed(home: Path) -> tuple[Path | None, str]:
    """Return the path of `finkctl` below a folder, installing it first; None and the reason where that is impossible."""
    folder = home / "fink-client-12.3.0"
    home.mkdir(parents=True, exist_ok=True)
    with (home / "fink-client.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / "complete").exists():
            subprocess.run([sys.executable, "-m", "venv", "--clear", str(folder)], check=True)
            install = [str(folder / "bin/pip"), "install", "-q", "--disable-pip-version-check", "-r", str(PINS)]
            done = subprocess.run(install, capture_output=True, text=True, check=False)
            if done.returncode:
                return None, done.stderr.splitlines()[-1]
            (folder / "complete").touch()
    return folder / "bin" / "finkctl", ""


@dataclass
class PeerClient:
    """`finkctl` with a home and a consumer group of its own."""

    program: Path
    home: Path
    survey: str

    @property
    def environment(self) -> dict[str, str]:
        """The environment it runs in."""
        return os.environ | {"HOME": str(self.home)}

    def register(self, servers: str, timeout: int = 4) -> None:
        """Tell it the broker, and how many seconds without a message end it."""
        words = ["-username", "x", "-maxtimeout", str(timeout), "-groupid"]
        self.call("auth", "register", "-survey", self.survey, *words, uuid.uuid4().hex, "-servers", servers)

    def transfer_command(self, topic: str, outdir: Path, *words: str, batch: int = 5) -> list[str]:
        """Return the command that fetches a topic with two consumers."""
        options = ["-outdir", str(outdir), "-nconsumers", "2", "-batchsize", str(batch), "-partitionby", "None", *words]
        return [str(self.program), "transfer", "-survey", self.survey, "-topic", topic, *options]

    def call(self, *words: str) -> None:
        """Run it; it must not fail."""
        command = [str(self.program), *words]
        done = subprocess.run(command, env=self.environment, cwd=self.home, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr


def warm(servers: str) -> None:
    """Make the broker create its offsets topic now: the peer's client gives up when it has to wait for it."""
    from confluent_kafka import Consumer, TopicPartition

    consumer = Consumer({"bootstrap.servers": servers, "group.id": "warm", "log_level": 0})
    for _ in range(20):
        try:
            consumer.committed([TopicPartition("__consumer_offsets", 0)], timeout=5)
            break
        except Exception:  # the coordinator is still being chosen
            continue
    consumer.close()
