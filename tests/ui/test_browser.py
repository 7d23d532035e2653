"""The dashboard as people use it: a real browser, a real server, real jobs, real files on disk."""

import json
import re
import shutil
import sys
import zipfile

import pandas as pd
import pyarrow.parquet as pq
import pytest
import yaml

from tests.ui.browsing import CHROMIUM, Tab, enter, serving

playwright = pytest.importorskip("playwright.sync_api")

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(not CHROMIUM.exists(), reason="Debian's chromium is not installed (tools/chromium does it)"),
]


@pytest.fixture(scope="module")
def chromium():
    with playwright.sync_playwright() as starter:
        browser = starter.chromium.launch(executable_path=str(CHROMIUM), args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def tab(chromium):
    context = chromium.new_context(viewport={"width": 1280, "height": 900}, accept_downloads=True)
    found = Tab(context.new_page())
    found.watch()
    yield found
    context.close()


@pytest.fixture(scope="module")
def dashboard(tmp_path_factory, ui_lakes, broker):
    home = tmp_path_factory.mktemp("ui-home")
    with serving(home, ui_lakes, broker.bootstrap_servers) as found:
        yield found


@pytest.fixture(scope="module")
def lonely(tmp_path_factory, ui_lakes):
    """A dashboard whose broker is down; pages and checks work, jobs cannot be submitted."""
    home = tmp_path_factory.mktemp("ui-lonely")
    with serving(home, ui_lakes, "localhost:1", "--no-estimates") as found:
        yield found


def all_nights(tab):
    tab.page.get_by_role("button", name="All nights", exact=True).click()
    tab.has_alerts("180")


def spoil_pages(file):
    """Spoil the values of a parquet file, not its footer: it can be listed and counted, but not read."""
    content = bytearray(file.read_bytes())
    footer = int.from_bytes(content[-8:-4], "little") + 8
    content[4 : len(content) - footer : 7] = b"\xff" * len(content[4 : len(content) - footer : 7])
    file.write_bytes(content)


def save(tab, kind, folder):
    with tab.page.expect_download() as waiting:  # one click
        tab.page.get_by_role("button", name=kind, exact=True).click()
    target = folder / waiting.value.suggested_filename
    waiting.value.save_as(target)
    return target


@pytest.mark.kafka
@pytest.mark.spark
def test_from_the_first_page_to_pandas(tab, dashboard, tmp_path):
    tab.open(dashboard.url)
    all_nights(tab)
    tab.next("Filters")
    tab.kind("Conditions")
    editor = tab.page.get_by_role("combobox", name="Conditions")
    editor.press_sequentially("diaSource.bandd = 'r'")
    tab.page.get_by_text("no field 'diaSource.bandd'").first.wait_for()
    editor.fill("")
    editor.press_sequentially("diaSource.ban")
    tab.page.get_by_role("option", name=re.compile(r"^diaSource\.band ")).click()
    editor.press_sequentially(" IN ('g', 'r')")
    tab.page.get_by_text("1 condition, no fault found").wait_for()
    tab.next("Content")
    tab.next("Review")
    tab.page.get_by_role("region", name="job.yml").get_by_text("diaSource.band IN").wait_for()
    tab.next("Running")
    assert tab.complaints == []
    tab.page.wait_for_url("**/?job=*")
    job = re.search(r"job=(\w{8})", tab.page.url)[1]
    other = Tab(tab.page.context.new_page())
    enter(other.page, dashboard.url)
    other.page.goto(tab.page.url)
    other.heading("Running").wait_for()
    assert dashboard.stop() == 0  # the job goes on, and is found again by its address
    dashboard.start()
    other.heading("Your data").wait_for(timeout=240_000)
    tab.heading("Your data").wait_for()
    tab.complaints.clear()  # that the server was gone
    assert tab.alerts == other.alerts
    other.page.close()
    csv, parquet = save(tab, "CSV", tmp_path), save(tab, "Parquet", tmp_path)
    alerts = pd.read_parquet(parquet)
    assert 0 < len(alerts) < 180
    assert set(alerts["band"]) == {"g", "r"}
    with zipfile.ZipFile(csv).open("alerts.csv") as stream:
        assert list(pd.read_csv(stream)["diaObjectId"]) == list(alerts["diaObjectId"])
    assert tab.alerts == f"{len(alerts):,}"
    tab.page.get_by_role("heading", name="On the sky").wait_for()
    tab.page.get_by_role("button", name="Jobs").click()
    tab.page.get_by_role("button", name=re.compile(f"^Edit: .*{job}")).click()
    tab.heading("Survey and nights").wait_for()
    assert tab.complaints == []
    assert tab.elsewhere == []


@pytest.mark.kafka
def test_every_way_between_pages_works_again_and_again(tab, dashboard):
    before = len(dashboard.log.read_text())
    jobs = tab.page.get_by_role("button", name="Jobs")
    new = tab.page.get_by_role("button", name="New request")

    def begin():
        tab.heading("Survey and nights").wait_for()
        all_nights(tab)
        tab.next("Filters")

    tab.open(dashboard.url)
    begin()
    for kind in ("Region", "Conditions", "Tags", "Region"):
        tab.kind(kind)
    tab.page.get_by_text("Polygon", exact=True).click()
    jobs.click()
    tab.heading("Jobs").wait_for()
    new.click()
    begin()
    for heading in ("Content", "Review"):
        tab.next(heading)
    known = set(dashboard.jobs())
    other = Tab(tab.page.context.new_page())
    other.open(tab.page.url)
    other.heading("Review").wait_for()
    tab.page.locator("button.next").dblclick()
    tab.heading("Running").wait_for()
    other.heading("Running").wait_for()  # the same request is shown there
    other.page.close()
    assert len(set(dashboard.jobs()) - known) == 1
    tab.page.get_by_role("button", name="Cancel this job").click()
    tab.page.get_by_role("button", name="Stop the job").click()
    tab.heading("The job was cancelled").wait_for(timeout=120_000)
    job = re.search(r"job=(\w{8})", tab.page.url)[1]
    for _ in range(3):
        jobs.click()
        tab.page.get_by_role("button", name=re.compile(f"^Open: .*{job}")).click()
        tab.heading("The job was cancelled").wait_for()
        jobs.click()
        tab.page.get_by_role("button", name=re.compile(f"^Edit: .*{job}")).click()
        tab.heading("Survey and nights").wait_for()
        tab.next("Filters")
        tab.kind("Region")
    tab.page.reload()
    tab.heading("Filters").wait_for()
    assert tab.complaints == []
    said = dashboard.log.read_text()[before:]
    assert "reference already known" not in said
    assert "Traceback" not in said


@pytest.mark.kafka
@pytest.mark.spark
def test_a_catalogue_good_and_bad(tab, dashboard, ui_lakes, tmp_path):
    rows = pq.read_table(next(ui_lakes["ztf"].rglob("*.parquet")), columns=["candidate"]).to_pylist()[:5]
    good, bad = tmp_path / "my sources.csv", tmp_path / "bad.csv"
    lines = [f"S{index},{row['candidate']['ra']:.7f},{row['candidate']['dec']:.7f}" for index, row in enumerate(rows)]
    good.write_text("Name,RA,Dec\n" + "\n".join(lines) + "\n")
    bad.write_text("<script>alert(1)</script>,b\n1,2\n")
    tab.open(dashboard.url)
    tab.page.get_by_text("Zwicky Transient Facility").click()
    all_nights(tab)
    tab.next("Filters")
    tab.kind("Catalogue")
    tab.page.get_by_label("Upload a catalogue of sources").set_input_files(bad)
    tab.page.get_by_text(re.compile("This catalogue cannot be used")).first.wait_for()
    tab.page.get_by_label("Upload a catalogue of sources").set_input_files(good)
    tab.page.get_by_text("5 of 5 sources can be used: ra from RA, dec from Dec, id from Name").wait_for()
    tab.page.get_by_text("S0", exact=True).wait_for()
    tab.next("Content")
    tab.next("Review")
    tab.next("Running")
    tab.heading("Your data").wait_for(timeout=240_000)
    alerts = pd.read_parquet(save(tab, "Parquet", tmp_path))
    assert {match["id"] for match in alerts["xmatch"]} == {f"S{index}" for index in range(5)}
    assert tab.complaints == []
    assert tab.elsewhere == []


@pytest.mark.spark
def test_a_job_that_fails_says_why_and_keeps_its_log(tab, tmp_path, ui_lakes, broker):
    lake = tmp_path / "damaged"
    shutil.copytree(ui_lakes["ztf"], lake)
    for file in lake.rglob("*.parquet"):
        spoil_pages(file)
    with serving(tmp_path / "home", {"ztf": lake}, broker.bootstrap_servers, "--no-estimates") as found:
        tab.open(found.url)
        all_nights(tab)
        for heading in ("Filters", "Content", "Review", "Running"):
            tab.next(heading)
        tab.page.get_by_text("The job failed").wait_for(timeout=120_000)
        said = tab.page.locator(".say.tone-error:visible").first.inner_text()
        assert "parquet" in said
        assert "Traceback" not in said
        assert "at org.apache" not in said
        assert not tab.page.get_by_role("region", name="Log").is_visible()
        tab.page.get_by_text("Show the log of Spark").click()
        playwright.expect(tab.page.get_by_role("region", name="Log")).to_contain_text("Spark")
        tab.page.get_by_role("button", name="Jobs").click()
        tab.page.locator(".state.failed").wait_for()
        print(said)
        assert tab.complaints == []


def test_a_reload_in_the_middle_loses_nothing(tab, lonely):
    tab.open(lonely.url)
    all_nights(tab)
    tab.next("Filters")
    tab.page.get_by_role("radiogroup", name="is_solar_system", exact=True).get_by_text("exclude").click()
    tab.has_alerts("≤ 180")
    tab.page.reload()
    tab.heading("Filters").wait_for()
    chosen = tab.page.get_by_role("radiogroup", name="is_solar_system", exact=True).get_by_label("exclude")
    playwright.expect(chosen).to_be_checked()
    for heading in ("Content", "Review"):
        tab.next(heading)
    name = tab.page.get_by_role("textbox", name="Name of the job (optional)")
    name.press_sequentially("My SNe")  # the entry is not left
    tab.page.reload()
    tab.heading("Review").wait_for()
    name.wait_for()
    playwright.expect(name).to_have_value("My SNe")
    assert tab.complaints == []


def test_each_view_is_an_entry_of_the_history(tab, lonely):
    """Back, Forward, reload and another tab lead to what the address names; two tabs of a request show the same."""
    page = tab.page
    tab.open(lonely.url)
    all_nights(tab)
    tab.next("Filters")
    tab.next("Content")
    page.get_by_role("button", name="Jobs").click()
    tab.heading("Jobs").wait_for()
    page.get_by_role("button", name="New request").click()
    tab.heading("Survey and nights").wait_for()
    tab.has_alerts("–")
    for heading in ("Jobs", "Content", "Filters"):
        page.go_back()
        tab.heading(heading).wait_for()
    tab.has_alerts("180")
    page.reload()
    tab.heading("Filters").wait_for()
    tab.has_alerts("180")
    page.go_back()
    tab.heading("Survey and nights").wait_for()
    page.evaluate("history.go(2); history.go(1)")  # as quick as can be
    tab.heading("Jobs").wait_for()
    page.go_back()
    tab.heading("Content").wait_for()
    page.go_forward()
    page.go_forward()
    tab.heading("Survey and nights").wait_for()
    tab.has_alerts("–")
    for _ in range(3):
        page.go_back()
    tab.heading("Filters").wait_for()
    page.reload(wait_until="commit")  # back before the page stands: the server was asked for another view
    page.go_back()
    tab.heading("Survey and nights").wait_for()
    page.go_forward()
    tab.heading("Filters").wait_for()
    other = Tab(page.context.new_page())
    other.watch()
    other.open(page.url)
    other.heading("Filters").wait_for()
    other.has_alerts("180")
    other.page.get_by_role("radiogroup", name="is_solar_system", exact=True).get_by_text("exclude").click()
    tab.has_alerts("≤ 180")
    chosen = page.get_by_role("radiogroup", name="is_solar_system", exact=True).get_by_label("exclude")
    playwright.expect(chosen).to_be_checked()
    assert tab.complaints == other.complaints == []
    other.page.close()


def test_no_quick_click_on_a_night_is_lost(tab, lonely):
    tab.open(lonely.url)
    nights = tab.page.locator("button.day")
    nights.first.wait_for()
    for _ in range(3):  # each night: chosen, given up, chosen
        nights.evaluate_all("found => found.forEach((day) => day.click())")
    tab.has_alerts("180")
    assert nights.evaluate_all("found => found.every((day) => day.isConnected && day.ariaPressed === 'true')")
    text = tab.page.get_by_role("textbox", name="Nights and ranges")
    tab.page.wait_for_timeout(1500)  # until the last of the clicks is answered, which the field shows too
    text.fill("2026-03-01, 2026-13-01")
    text.press("Enter")
    tab.page.get_by_text("2026-13-01").last.wait_for()
    tab.page.get_by_role("button", name=re.compile("^2026-03-04")).click()
    playwright.expect(text).to_have_value("2026-03-01, 2026-03-04, 2026-13-01")
    tab.page.get_by_role("button", name="Clear").click()
    playwright.expect(text).to_have_value("")
    assert tab.complaints == []


def test_a_press_that_outlasts_an_answer_is_a_click(tab, lonely):
    page = tab.page
    tab.open(lonely.url)
    all_nights(tab)
    tab.next("Filters")

    def pressed(target):
        """Press, let the page be told what changes the place that is pressed, and let go."""
        target.hover()
        page.mouse.down()
        page.evaluate("new Promise((done) => setTimeout(done, 1500))")
        page.mouse.up()

    tags = page.get_by_role("radiogroup", name="is_solar_system", exact=True)
    tags.get_by_text("exclude").click()  # the tabs tell how many tags are chosen
    pressed(page.get_by_role("group", name="Kind of filter").get_by_text("All filters", exact=True))
    page.get_by_label("Add a filter", exact=True).select_option("sql")  # and the steps that something is wrong
    pressed(page.get_by_role("button", name="Content", exact=True))
    tab.heading("Content").wait_for()
    assert tab.complaints == []


def test_a_restarted_server_goes_on_where_it_was(tab, tmp_path, ui_lakes):
    with serving(tmp_path, ui_lakes, "localhost:1", "--no-estimates") as found:
        tab.open(found.url)
        all_nights(tab)
        tab.next("Filters")
        tab.page.get_by_role("radiogroup", name="is_solar_system", exact=True).get_by_text("exclude").click()
        tab.has_alerts("≤ 180")
        assert found.stop() == 0
        tab.page.get_by_text("The connection to the server is lost").wait_for()
        tab.page.evaluate("window.before = true")
        found.start()
        tab.page.wait_for_function("window.before === undefined")  # by itself
        tab.heading("Filters").wait_for()
        chosen = tab.page.get_by_role("radiogroup", name="is_solar_system", exact=True).get_by_label("exclude")
        playwright.expect(chosen).to_be_checked()
        assert tab.elsewhere == []


def test_a_broker_that_is_down_is_said_and_nothing_is_lost(tab, lonely):
    tab.open(lonely.url)
    all_nights(tab)
    for heading in ("Filters", "Content", "Review"):
        tab.next(heading)
    playwright.expect(tab.page.locator("button.next")).to_be_enabled()
    tab.page.locator("button.next").click()
    tab.page.get_by_text("The job was not submitted").wait_for()
    tab.page.get_by_text(re.compile("localhost:1")).first.wait_for()
    tab.has_alerts("180")
    assert "Traceback" not in tab.page.content()


def test_conditions_arrive_as_they_were_typed(tab, lonely):
    tab.open(lonely.url)
    all_nights(tab)
    tab.next("Filters")
    tab.kind("Conditions")
    text = "diaSource.snr > 8 AND abs(diaSource.psfFlux) > 1e3 -- quickly\ndiaSource.band IN ('g', 'r', 'i')"
    editor = tab.page.get_by_role("combobox", name="Conditions")
    editor.press_sequentially(text)  # as fast as the browser takes it, while the server answers
    playwright.expect(editor).to_have_value(text)
    tab.page.get_by_text("2 conditions, all must hold").wait_for()
    editor.press_sequentially("\ndiaSource.dec < 0")
    tab.kind("Region")
    tab.kind("Conditions")
    playwright.expect(editor).to_have_value(text + "\ndiaSource.dec < 0")
    assert tab.page.locator("button.leaf.pick:visible").count() > 80  # the finder has all fields
    tab.page.get_by_text("3 conditions, all must hold").wait_for()


def test_an_address_of_no_job_is_said_beside_a_page_that_works(tab, lonely):
    enter(tab.page, lonely.url)
    tab.page.goto(f"{lonely.url}?job=0")
    tab.page.get_by_text("This job cannot be shown").wait_for()
    tab.page.get_by_text("There is no job 0. It may have been deleted.").wait_for()
    tab.page.get_by_role("button", name="Show all jobs").click()
    tab.page.get_by_role("heading", name="Jobs").wait_for()
    tab.page.go_back()
    all_nights(tab)
    assert "Traceback" not in tab.page.content()
    assert tab.complaints == []


def test_a_newcomer_finds_an_example_the_fields_and_help(tab, lonely):
    tab.open(lonely.url)
    tab.page.get_by_text(re.compile(r"180 alerts \(simulated, observed by nobody\)")).wait_for()
    tab.page.get_by_role("list", name="Examples").get_by_role("button", name="Bright sources").click()
    tab.has_alerts("≤ 180")
    tab.page.locator("summary", has_text="About nights").click()
    tab.page.get_by_role("button", name="Questions and answers").click()
    tab.heading("Help").wait_for()
    tab.page.get_by_text("My client says that the topic does not exist").click()
    tab.page.get_by_text("Topics expire").wait_for()
    tab.page.go_back()
    tab.heading("Survey and nights").wait_for()
    tab.has_alerts("≤ 180")
    tab.page.get_by_role("button", name="Fields", exact=True).click()
    tab.heading("Fields").wait_for()
    tab.page.get_by_text("Zwicky Transient Facility").locator("visible=true").click()
    tab.page.get_by_role("searchbox", name="Search by name").fill("magpsf")
    tab.page.get_by_role("rowheader", name="candidate.magpsf", exact=True).wait_for()
    tab.page.wait_for_url("**/?page=fields&survey=ztf")
    tab.page.reload()
    tab.page.get_by_text("candidate", exact=True).first.wait_for()
    tab.page.go_back()  # the survey is no entry of its own
    tab.heading("Survey and nights").wait_for()
    for heading in ("Filters", "Content", "Review"):
        tab.next(heading)
    tab.page.get_by_role("button", name="Test job").click()
    tab.page.get_by_text("The job was not submitted").wait_for()  # there is no broker
    assert tab.complaints == []


def test_by_keyboard_alone(tab, lonely):
    tab.open(lonely.url)
    night = tab.page.get_by_role("button", name=re.compile("^2026-03-01"))
    night.focus()
    tab.page.keyboard.press("Space")
    tab.has_alerts("60")
    tab.page.keyboard.press("ArrowRight")
    tab.page.keyboard.press("Enter")
    tab.has_alerts("120")
    tab.page.locator("button.next").focus()
    tab.page.keyboard.press("Enter")
    tab.heading("Filters").wait_for()


def test_filters_are_joined_in_groups_by_keyboard(tab, lonely):
    page = tab.page
    tab.open(lonely.url)
    all_nights(tab)
    tab.next("Filters")
    page.get_by_role("radiogroup", name="is_solar_system", exact=True).get_by_text("exclude").click()
    tab.kind("All filters")
    page.get_by_label("Add a filter", exact=True).select_option("any")
    page.get_by_label("Add a filter to this group").locator("visible=true").select_option("sql")
    editor = page.get_by_role("combobox", name="Conditions")
    editor.press_sequentially("diaSource.snr > 5")
    page.get_by_role("button", name="Back to all filters").click()  # at once: what was typed is for that filter
    down = page.get_by_role("button", name="Move down: 1 Tags")
    down.focus()
    page.keyboard.press("Enter")
    page.get_by_role("button", name="Move down: 1.1 Tags").wait_for()
    page.keyboard.press("Enter")  # the focus has gone with it
    playwright.expect(page.get_by_role("button", name="Move down: 1.2 Tags")).to_be_focused()
    page.get_by_role("button", name="Negate: 1.1 Conditions").click()
    page.reload()
    tab.heading("Filters").wait_for()
    for heading in ("Content", "Review"):
        tab.next(heading)
    job = page.get_by_role("region", name="job.yml")
    job.get_by_text("is_solar_system").wait_for()
    inner = [{"kind": "not", "of": [{"kind": "sql", "where": ["diaSource.snr > 5"]}]}]
    inner += [{"kind": "tags", "none_of": ["is_solar_system"]}]
    assert yaml.safe_load(job.inner_text())["filters"] == [{"kind": "any", "of": inner}]
    assert tab.complaints == []


def test_a_narrow_page_is_not_wider_than_its_window(chromium, lonely):
    context = chromium.new_context(viewport={"width": 360, "height": 740})
    tab = Tab(context.new_page())
    tab.watch()
    tab.open(lonely.url)
    all_nights(tab)
    for heading in ("Filters", "Content", "Review"):
        tab.next(heading)
        wide = tab.page.evaluate("document.scrollingElement.scrollWidth")
        assert wide <= 360, heading
    for page in ("Fields", "Help"):
        tab.page.get_by_role("button", name=page, exact=True).click()
        tab.heading(page).wait_for()
        assert tab.page.evaluate("document.scrollingElement.scrollWidth") <= 360, page
    assert tab.complaints == []
    context.close()


SEEN_GROUNDS = """
window.grounds = new Set()
const look = () => {
  const loader = document.getElementById("loader")
  if (loader && getComputedStyle(loader).display === "none") {
    window.grounds.add(getComputedStyle(document.body).backgroundColor)
  }
  requestAnimationFrame(look)
}
requestAnimationFrame(look)
"""


def test_whoever_likes_it_dark_never_sees_it_light(chromium, lonely):
    seen = {}
    for scheme in ("light", "dark"):
        context = chromium.new_context(color_scheme=scheme)
        tab = Tab(context.new_page())
        tab.page.add_init_script(SEEN_GROUNDS)
        tab.open(lonely.url)
        tab.page.wait_for_function("window.grounds.size > 0")
        tab.page.wait_for_timeout(1500)
        seen[scheme] = set(tab.page.evaluate("[...window.grounds]"))
        context.close()
    assert len(seen["light"]) == len(seen["dark"]) == 1, seen
    assert seen["light"] != seen["dark"]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_no_barrier(chromium, lonely, scheme):
    context = chromium.new_context(color_scheme=scheme)
    tab = Tab(context.new_page())
    tab.watch()
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="axe-playwright-python is not installed")
    tab.open(lonely.url)
    tab.page.wait_for_timeout(500)
    all_nights(tab)
    for heading in (None, "Filters", "Region", "Times", "All filters", "Content", "Review", "Fields", "Help"):
        if heading in ("Region", "Times", "All filters"):
            tab.kind(heading)
            tab.page.wait_for_timeout(400)
        elif heading in ("Fields", "Help"):
            tab.page.get_by_role("button", name=heading, exact=True).click()
            tab.heading(heading).wait_for()
            tab.page.locator("summary:visible").nth(1).click()
        elif heading:
            tab.next(heading)
        if heading:
            tab.page.wait_for_timeout(400)
        found = axe.Axe().run(tab.page, options={"resultTypes": ["violations"]})
        grave = [
            (item["id"], [node["html"][:160] for node in item["nodes"]][:3])
            for item in found.response["violations"]
            if item["impact"] in ("serious", "critical")
        ]
        assert grave == [], f"{heading or 'Nights'}: {json.dumps(grave, indent=1)}"
    context.close()


def test_users_see_their_own_jobs_only(chromium, tmp_path, ui_lakes):
    users = tmp_path / "users.json"
    users.write_text(json.dumps({"ann": "a", "bob": "b"}))
    with serving(
        tmp_path, ui_lakes, "localhost:1", "--no-estimates", "--basic-auth", str(users), "--prefix", "ferry"
    ) as found:
        drafts = {}
        for name, word in (("ann", "a"), ("bob", "b")):
            context = chromium.new_context()
            page = context.new_page()
            page.goto(found.url + (f"?draft={drafts['ann']}" if drafts else ""))
            page.get_by_role("textbox", name=re.compile("user", re.I)).or_(
                page.locator("input[name=username]")
            ).first.fill(name)
            page.locator("input[name=password]").fill(word)
            page.locator("input[name=password]").press("Enter")
            page.get_by_text(name, exact=True).first.wait_for()
            if name == "ann":
                page.get_by_role("button", name="All nights", exact=True).click()
                page.locator(".gauge.alerts b").get_by_text("180").wait_for()
                drafts[name] = re.search(r"draft=(\w+)", page.url)[1]
            else:
                page.locator(".gauge.alerts").get_by_text("choose nights").wait_for()
            context.close()


def test_no_spark_in_the_process_of_the_dashboard(tmp_path):
    import subprocess

    code = "import sys, alertferry.ui.server; sys.exit('pyspark' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
