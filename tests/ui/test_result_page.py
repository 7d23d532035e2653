"""The page of a result in a real browser: its table, an alert that is opened, files, and why there is none."""

from __future__ import annotations

import json
import re
import time

import numpy as np
import pandas as pd
import pytest

from alertferry.core import working_folder
from alertferry.core.job import Job
from alertferry.core.jobs.entry import Context
from alertferry.core.jobs.store import NewJob, Store
from alertferry.core.settings import load_settings
from tests.publishing import Publisher, keyed
from tests.ui.browsing import CHROMIUM, Tab, serving
from tests.ui.test_results import fits_bytes

playwright = pytest.importorskip("playwright.sync_api")
pytestmark = [pytest.mark.kafka, pytest.mark.skipif(not CHROMIUM.exists(), reason="needs chromium")]

ALERTS = 1_200
FIRST = 2**60 + 1
PHOTOMETRY = [{"name": "psfFlux", "type": "float"}, {"name": "psfFluxErr", "type": "float"}]
PHOTOMETRY += [{"name": "band", "type": "string"}, {"name": "midpointMjdTai", "type": "double"}]
SCHEMA = {
    "type": "record",
    "name": "alert",
    "fields": [
        {"name": "diaSourceId", "type": "long"},
        {"name": "diaObjectId", "type": ["null", "long"]},
        {"name": "ra", "type": "double"},
        {"name": "dec", "type": "double"},
        *PHOTOMETRY,
        {
            "name": "prvDiaForcedSources",
            "type": {"type": "array", "items": {"type": "record", "name": "forced", "fields": PHOTOMETRY}},
        },
        {"name": "cutoutScience", "type": "bytes"},
    ],
}
STAMP = fits_bytes(np.arange(100, dtype="f4").reshape(10, 10))


def alert(number):
    seen = {"psfFlux": float(number), "psfFluxErr": 1.5, "band": "ugrizy"[number % 6]}
    forced = [seen | {"psfFlux": -2.0, "midpointMjdTai": 60990.0 + day} for day in range(3)]
    return seen | {
        "diaSourceId": FIRST + number,
        "diaObjectId": 10**17 + number,
        "ra": 0.25 * number,
        "dec": -30.0 + number % 40,
        "midpointMjdTai": 61000.0 + number,
        "prvDiaForcedSources": forced,
        "cutoutScience": STAMP,
    }


def finished(bootstrap, name, alerts, size):
    """Put a complete job into the store, its alerts in a topic."""
    topic = f"result-page-{name.replace(' ', '-')}-{time.time():.0f}"
    job = Publisher.create(bootstrap, topic, schema=SCHEMA, partitions=2)
    messages = keyed([alert(number) for number in range(alerts)], SCHEMA)
    job.begin(1)
    job.send(messages)
    receipt = job.finish([key for key, _ in messages if key])
    filters = [{"kind": "sql", "where": ["diaSource.snr > 2000"]}]
    source, output = {"kind": "lsst", "nights": ["2026-03-01"]}, {"kind": "kafka", "packet": "light-static"}
    data = {"version": 1, "name": name, "source": source, "filters": filters, "output": output}
    store, now = Store.open(load_settings()), time.time()
    context = Context(working_folder=working_folder.resolved(""))
    entry = store.add(NewJob(Job.from_dict(data), context, "local", f"{name}-unused", None))
    steps = json.dumps([{"name": "lsst", "alerts": 4321}, {"name": "sql", "alerts": alerts}])
    known = {"topic": topic, "destination": topic, "alerts": alerts, "bytes": size, "steps": steps, "seconds": 2.5}
    known |= {"receipt": receipt.model_dump_json(), "expires": now + 86_400, "exit_code": 0, "log_kept": False}
    store.change(entry.record.id, ("queued",), state="complete", started=now, ended=now, **known)


@pytest.fixture
def tab(broker, ui_lakes, tmp_path, monkeypatch):
    home = tmp_path / "home"
    monkeypatch.setenv("ALERTFERRY_HOME", str(home))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(home / "config"))
    finished(broker.bootstrap_servers, "My first SN", ALERTS, 501_000_000)
    finished(broker.bootstrap_servers, "nothing", 0, 0)
    with (
        serving(home, ui_lakes, broker.bootstrap_servers, "--no-estimates") as dashboard,
        playwright.sync_playwright() as p,
    ):
        browser = p.chromium.launch(executable_path=str(CHROMIUM), args=["--no-sandbox"])
        found = Tab(browser.new_page(viewport={"width": 1280, "height": 900}))
        found.watch()
        found.open(dashboard.url)
        yield found
        browser.close()


WHERE = """(row) => {
  const views = (found) => found.flatMap((view) => [view, ...views(view.children ? [...view.children()] : [])])
  const points = views([...Bokeh.index.roots]).find((view) => view.glyph?.sx?.length === 1000)
  const box = points.parent.canvas_view.el.getBoundingClientRect()
  return [box.left + points.glyph.sx[row], box.top + points.glyph.sy[row]]
}"""
"""Where an alert stands on the screen."""


def cells(tab, column):
    return [cell.inner_text() for cell in tab.page.locator(f"table:visible tbody tr td:nth-child({column})").all()[:3]]


def saved_by_a_double_click(page, name):
    saved = []
    page.on("download", lambda found: saved.append(found.suggested_filename))
    button = page.get_by_role("button", name=name, exact=True)
    button.click(click_count=2, delay=200)
    playwright.expect(button).to_be_enabled()
    page.wait_for_timeout(1_000)
    return saved


def test_the_page_of_a_result(tab, tmp_path):
    page = tab.page
    page.get_by_role("button", name="Jobs").click()
    page.get_by_role("button", name=re.compile("^Open: My first SN")).click()
    tab.heading("Your data").wait_for()

    # the first thousand of a result of any size, in any order, searched
    rows = page.get_by_role("button", name=re.compile("^Open alert"))
    rows.first.wait_for()
    page.get_by_text("These are 1,000 of 1,200 alerts").wait_for()
    flux = page.get_by_role("button", name="psfFlux", exact=True)
    flux.click()
    flux.click()
    head = page.get_by_role("columnheader", name=re.compile("^psfFlux"))
    playwright.expect(head.first).to_have_attribute("aria-sort", "descending")
    ids = [int(text) for text in cells(tab, 1)]
    assert ids == sorted(ids, reverse=True)  # the flux grows with the id
    assert len(page.locator("table:visible tbody tr").all()) == 100
    page.get_by_role("button", name=re.compile("^Show 100 more")).click()
    assert len(page.locator("table:visible tbody tr").all()) == 200
    wanted = str(ids[1])
    page.get_by_role("searchbox", name="Search in the table").fill(wanted)
    playwright.expect(rows).to_have_count(1)

    # a row opens by the keyboard: what it is, its light curve, its image, and where else to look
    rows.first.focus()
    page.keyboard.press("Enter")
    page.get_by_role("heading", name=f"Alert {wanted}").wait_for()
    page.get_by_text("⬤ this alert, ◇ 3 forced measurements").wait_for()
    page.get_by_role("img", name=re.compile(f"Science cutout, 10 by 10 pixels. Alert {wanted}")).wait_for()
    page.get_by_label("Stretch").select_option("asinh")
    page.get_by_label("Scale").select_option("95")
    fink = page.get_by_role("link", name=re.compile("^Fink"))
    playwright.expect(fink).to_have_attribute("href", re.compile(rf"/{10**17 + int(wanted) - FIRST}$"))
    playwright.expect(fink).to_have_attribute("rel", "noopener noreferrer")
    playwright.expect(page.locator("tr[aria-current]")).to_have_count(1)

    # so does a point on the sky
    page.get_by_role("heading", name="On the sky").scroll_into_view_if_needed()
    page.mouse.click(*page.evaluate(WHERE, 7))
    playwright.expect(page.get_by_role("heading", name=f"Alert {wanted}")).to_have_count(0)

    # one click, and the browser saves a file that is called as the job is
    playwright.expect(page.get_by_role("button", name="FITS", exact=True)).to_be_disabled()
    page.get_by_text("VOTable and FITS are made of topics up to 500 MB").wait_for()
    with page.expect_download() as waiting:
        page.get_by_role("button", name="Parquet", exact=True).click()
    assert waiting.value.suggested_filename == "My-first-SN.parquet"
    waiting.value.save_as(tmp_path / "saved.parquet")
    assert set(pd.read_parquet(tmp_path / "saved.parquet")["diaSourceId"]) == {FIRST + n for n in range(ALERTS)}

    # a double click saves one file, also where that of its first is there before its second
    assert saved_by_a_double_click(page, "Parquet") == ["My-first-SN.parquet"]
    assert tab.complaints == tab.elsewhere == []

    leads_from_no_alerts_to_the_filters(tab)
    assert tab.complaints == tab.elsewhere == []


def leads_from_no_alerts_to_the_filters(tab):
    """A result without alerts says why, and there is nothing to save."""
    page = tab.page
    page.get_by_role("button", name="Jobs").click()
    page.get_by_role("button", name=re.compile("^Open: nothing")).click()
    page.get_by_text("Conditions left none of the 4,321 alerts that reached it.").wait_for()
    playwright.expect(page.get_by_role("button", name="Parquet", exact=True)).to_have_count(0)
    page.get_by_role("button", name="Change the filters").click()
    tab.heading("Filters").wait_for()
