"""Ten attackers at once, and somebody who works."""

import asyncio
import json
import subprocess
import sys
import time

import psutil
import pytest

from tests.ui.attacking import PASSWORDS, signed_in
from tests.ui.browsing import serving
from tests.ui.wire import Page


async def work(url, client, seconds):
    """Choose nights now and then; return how long each click took, in seconds."""
    page = Page(url, cookie="; ".join(f"{name}={value}" for name, value in client.cookies.items()))
    await page.open()
    end, on = time.monotonic() + seconds, True
    while time.monotonic() < end:
        await page.tick(["2026-03-01"], on)
        on = not on
        await asyncio.sleep(1)
    page.close()
    return [wait / 1000 for wait in page.waits_ms]


def attacked(tmp_path, lakes, seconds):
    """Let ten attackers loose; return the clicks of an honest user, what the attackers saw, and memory in bytes."""
    users = tmp_path / "users.json"
    users.write_text(json.dumps(PASSWORDS))
    home = tmp_path / "home"
    with serving(home, lakes, "localhost:1", "--no-estimates", "--basic-auth", str(users)) as found:
        (home / "secret.csv").write_text("ra,dec,an operator's secret\n1,2,3\n")
        client = signed_in(found.url, "ann")
        command = [sys.executable, "-m", "tests.ui.attackers", found.url, str(seconds)]
        process = psutil.Process(found.process.pid)
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as attackers:
            assert attackers.stdout.readline() == "begun\n"
            clicks = asyncio.run(work(found.url, client, seconds))
            memory = process.memory_info().rss
            said = json.loads(attackers.stdout.readline())
        assert found.process.poll() is None
        log = found.log.read_text()
        sent = sum(file.stat().st_size for file in (home / "uploads").rglob("*") if file.is_file())
    print(
        f"{len(clicks)} clicks, the longest {max(clicks):.2f} s; {memory / 1e6:.0f} MB; {sent / 1e6:.0f} MB sent; {said}"
    )
    assert "Traceback" not in log, log[max(0, log.index("Traceback") - 500) :][:5000]
    assert len(log) < 10_000_000
    return clicks, said, memory


def test_somebody_works_while_others_attack(tmp_path, ui_lakes):
    clicks, said, memory = attacked(tmp_path, ui_lakes, 15)
    assert clicks
    assert said["seen"] == []
    assert memory < 2 * 1024**3


@pytest.mark.soak
def test_no_click_takes_a_second_while_others_attack(tmp_path, ui_lakes):
    clicks, said, memory = attacked(tmp_path, ui_lakes, 180)
    assert max(clicks) < 1
    assert said["seen"] == []
    assert memory < 2 * 1024**3
