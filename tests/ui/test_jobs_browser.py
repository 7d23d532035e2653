"""The list of jobs and a running one in a real browser, by mouse and by keyboard; the jobs need no Spark."""

import json
import re
import time

import pytest

from alertferry import service
from alertferry.core.access import Access
from tests.small_jobs import small_job
from tests.ui.browsing import CHROMIUM, Tab, serving
from tests.ui.test_jobs_page import put

playwright = pytest.importorskip("playwright.sync_api")
axe = pytest.importorskip("axe_playwright_python.sync_playwright")

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(not CHROMIUM.exists(), reason="Debian's chromium is not installed (tools/chromium does it)"),
]

TOLD = """window.told = []; window.Notification = class {
  static permission = "default"
  static async requestPermission() { return Notification.permission = "granted" }
  constructor(title, {body}) { window.told.push([title, body]) }
  close() {}
}"""
"""A browser that keeps what it would show; that of the tests has no desk to show it on."""


@pytest.fixture
def tab(installation, ui_lakes):
    config = installation.home / "config" / "alertferry"
    config.mkdir(parents=True)
    (config / "alertferry.toml").write_text('launcher = "small"\nmax_running_jobs = 2\n')
    with (
        serving(installation.home, ui_lakes, "localhost:1", "--no-estimates") as dashboard,
        playwright.sync_playwright() as starter,
    ):
        browser = starter.chromium.launch(executable_path=str(CHROMIUM), args=["--no-sandbox"])
        context = browser.new_context(viewport={"width": 1280, "height": 900})
        context.add_init_script(TOLD)
        found = Tab(context.new_page())
        found.watch()
        found.open(dashboard.url)
        yield found
        browser.close()


def grave(page):
    violations = axe.Axe().run(page).response["violations"]
    return json.dumps([item for item in violations if item["impact"] in ("serious", "critical")], indent=1)


def test_the_list_of_jobs(tab, installation):
    page, now = tab.page, time.time()
    put(installation, "finished", None, "complete", alerts=386, bytes=13_500_000, expires=now + 86_400 * 3)
    put(installation, "far larger", None, "complete", alerts=5, bytes=232_000_000)
    put(installation, None, None, "failed", reason="the broker does not answer", exit_code=1)
    rows = page.locator("table:visible tbody tr")

    def names():
        return rows.locator(".open").all_inner_texts()

    page.get_by_role("button", name="Jobs").click()
    tab.heading("Jobs").wait_for()
    playwright.expect(rows).to_have_count(3)
    assert "1 night, 1 January 2026; light-static packets to out" in names()
    search = page.get_by_role("searchbox", name=re.compile("Search jobs"))
    search.press_sequentially("finish")
    playwright.expect(page.get_by_text("1 of 3 jobs")).to_be_visible()
    assert names() == ["finished"]
    running = service.submit(small_job("complete 600"), Access())  # listed as soon as it is there, though nobody asks
    search.fill("")
    playwright.expect(page.get_by_role("progressbar", name="Progress: complete 600")).to_have_attribute(
        "aria-valuenow", "50"
    )
    page.get_by_role("button", name="Size", exact=True).click()
    playwright.expect(page.get_by_role("columnheader", name="Size")).to_have_attribute("aria-sort", "descending")
    assert names()[:2] == ["far larger", "finished"]
    page.get_by_role("button", name="Failed 1").click()
    playwright.expect(rows).to_have_count(1)
    page.get_by_role("button", name="All", exact=True).click()
    assert grave(page) == "[]"
    page.set_viewport_size({"width": 390, "height": 844})
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    page.set_viewport_size({"width": 1280, "height": 900})

    page.get_by_role("button", name="Open: complete 600").click()
    page.get_by_role("button", name="Tell me when it ends").click()
    page.get_by_role("button", name="You will be told when it ends").wait_for()
    page.wait_for_function("document.title == '50 % – alertferry'")
    assert grave(page) == "[]"
    page.get_by_role("button", name="Jobs").click()
    service.cancel_job(running.id)
    page.wait_for_function("window.told.length == 1")
    assert page.evaluate("window.told[0]") == ["Cancelled: complete 600", "the job was cancelled"]
    page.wait_for_function("document.title == 'Jobs – alertferry'")

    delete = page.get_by_role("button", name="Delete: finished")
    delete.focus()
    page.keyboard.press("Enter")
    page.get_by_role("dialog", name="Delete this job?").wait_for()
    assert grave(page) == "[]"
    page.keyboard.press("Enter")  # what comes first changes nothing
    playwright.expect(delete).to_be_focused()
    page.keyboard.press("Enter")
    page.get_by_role("button", name="Delete it").press("Enter")
    playwright.expect(delete).to_have_count(0)
    assert sorted(record.name or "" for record in service.list_jobs()) == ["", "complete 600", "far larger"]
    playwright.expect(page.get_by_role("button", name="Cancelled 1")).to_be_visible()
    assert (tab.complaints, tab.elsewhere) == ([], [])
