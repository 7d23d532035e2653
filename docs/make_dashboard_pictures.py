"""Take the pictures of the dashboard in ``docs/images/ui``: ``python docs/make_dashboard_pictures.py``.

Both surveys are carried from the first page to the alerts on simulated lakes, wide and narrow, light and dark.
"""

import re
import sys
import tempfile
from datetime import date, timedelta
from io import BytesIO
from pathlib import Path

from PIL import Image
from playwright.sync_api import sync_playwright

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))

from alertferry.broker import running_broker  # noqa: E402
from alertferry.core.settings import load_settings  # noqa: E402
from alertferry.testing.simulator import simulate  # noqa: E402
from tests.ui.browsing import CHROMIUM, Tab, enter, serving  # noqa: E402

TARGET = ROOT / "docs" / "images" / "ui"
SIZES = {"wide": (1400, 900), "narrow": (360, 740)}
NIGHTS = [date(2026, 2, 20) + timedelta(days=day) for day in range(24) if day % 9 != 5]
COLOURS = 128
PATIENCE_MS = 240_000


class Camera:
    """Takes pictures of a page under names that say what they show."""

    def __init__(self, tab: Tab, suffix: str) -> None:
        self.tab, self.suffix = tab, suffix

    def take(self, name: str, pause_ms: int = 700) -> None:
        """Keep what the window shows, in few colours so that the files stay small."""
        self.tab.page.wait_for_timeout(pause_ms)
        picture = Image.open(BytesIO(self.tab.page.screenshot())).convert("RGB")
        TARGET.mkdir(parents=True, exist_ok=True)
        small = picture.quantize(COLOURS, dither=Image.Dither.NONE)
        small.save(TARGET / f"{name}-{self.suffix}.png", optimize=True)

    def scroll(self, pixels: int) -> None:
        """Scroll down."""
        self.tab.page.mouse.move(200, 400)
        self.tab.page.mouse.wheel(0, pixels)


def around(camera: Camera, url: str) -> None:
    """Show what is seen first, what helps, and what a request looks like that cannot be submitted yet."""
    tab, page = camera.tab, camera.tab.page
    page.goto(url)
    page.get_by_text("observed by nobody").wait_for()
    camera.take("home", 1500)
    page.locator("summary", has_text="About nights").click()
    page.get_by_role("button", name="Questions and answers").click()
    tab.heading("Help").wait_for()
    camera.take("help")
    page.get_by_role("button", name="Fields", exact=True).click()
    page.get_by_role("searchbox", name="Search by name").fill("flux")
    page.get_by_role("rowheader").first.wait_for()
    camera.take("fields")
    page.goto(url)
    page.get_by_role("button", name="all nights of March 2026").click()
    tab.next("Filters")
    page.get_by_role("radiogroup", name="is_solar_system", exact=True).get_by_text("exclude").click()
    tab.kind("All filters")
    page.get_by_label("Add a filter", exact=True).select_option("any")
    page.get_by_label("Add a filter to this group").locator("visible=true").select_option("sql")
    page.get_by_role("combobox", name="Conditions").press_sequentially("diaSource.snrr > 5")
    page.get_by_role("button", name="Back to all filters").click()
    page.get_by_role("button", name="Move down: 1 Tags").click()
    camera.take("lsst-2-groups", 1500)
    tab.next("Content")
    tab.next("Review")
    camera.take("lsst-4-faults", 4000)
    page.get_by_role("button", name="New request").click()


def lsst(camera: Camera, url: str) -> None:
    """Carry some LSST alerts home."""
    tab, page = camera.tab, camera.tab.page
    page.goto(url)
    page.get_by_role("button", name="all nights of March 2026").click()
    camera.take("lsst-1-nights", 1500)
    tab.next("Filters")
    page.get_by_role("radiogroup", name="is_solar_system", exact=True).get_by_text("exclude").click()
    camera.take("lsst-2-tags")
    tab.kind("Conditions")
    editor = page.get_by_role("combobox", name="Conditions")
    editor.press_sequentially("diaSource.snr > 8\ndiaSource.bandd IN ('g', 'r', 'i')")
    editor.press("Escape")
    camera.take("lsst-2-conditions")
    editor.fill("diaSource.snr > 8\ndiaSource.band IN ('g', 'r', 'i')\ndiaSource.psfFl")
    editor.press("End")
    editor.press_sequentially("u")
    camera.take("lsst-2-completion")
    editor.fill("diaSource.snr > 8\ndiaSource.band IN ('g', 'r', 'i')")
    editor.press("Escape")
    tab.kind("Region")
    page.get_by_text("Cone", exact=True).click()
    for label, value in (("RA of the centre", "75"), ("Dec of the centre", "-30"), ("Radius (degrees)", "35")):
        page.get_by_label(label).fill(value)
    page.get_by_label("Radius (degrees)").press("Tab")
    camera.take("lsst-2-region", 2500)
    page.get_by_text("Whole sky", exact=True).click()
    tab.next("Content")
    camera.take("lsst-3-content")
    page.get_by_text("Fields of your choice").click()
    page.get_by_placeholder("Search fields by name").locator("visible=true").wait_for()
    page.locator("summary", has_text="diaSource").first.locator(".twist").click()
    camera.scroll(700)
    camera.take("lsst-3-fields")
    page.get_by_text("light-static", exact=True).click()
    tab.next("Review")
    page.locator(".gauge.alerts").get_by_text(re.compile("95 %|counted")).wait_for()
    page.get_by_role("region", name="First records").get_by_role("cell").first.wait_for()
    camera.take("lsst-4-review")
    camera.scroll(700)
    camera.take("lsst-4-preview")


def carry(camera: Camera) -> str:
    """Submit the request at hand; return the address of its job when it is complete."""
    camera.tab.next("Running")
    camera.take("lsst-5-run", 12_000)
    camera.tab.heading("Your data").wait_for()
    return str(camera.tab.page.url)


def alerts(camera: Camera, url: str) -> None:
    """Show the alerts of a job."""
    page = camera.tab.page
    page.goto(url)
    page.get_by_role("heading", name="On the sky").wait_for()
    camera.take("lsst-6-data", 1500)
    page.get_by_role("heading", name="On the sky").evaluate("heading => heading.scrollIntoView({block: 'center'})")
    camera.take("lsst-6-plots", 1500)
    page.get_by_role("button", name=re.compile("^Open alert")).first.click()
    page.get_by_role("heading", name=re.compile("^Alert ")).wait_for()
    camera.take("lsst-6-alert", 2500)
    page.get_by_role("button", name="Jobs").click()
    camera.take("jobs", 1500)


def ztf(camera: Camera, url: str, catalogue: Path) -> None:
    """Show what differs for ZTF, and a catalogue."""
    tab, page = camera.tab, camera.tab.page
    page.goto(url)
    page.get_by_text("Zwicky Transient Facility").click()
    page.get_by_role("button", name="Newest night").click()
    camera.take("ztf-1-nights", 1500)
    tab.next("Filters")
    camera.take("ztf-2-tags")
    tab.kind("Catalogue")
    page.get_by_label("Upload a catalogue of sources").set_input_files(catalogue)
    page.get_by_text(re.compile("sources can be used")).wait_for()
    camera.take("ztf-2-catalogue", 2500)
    tab.next("Content")
    camera.take("ztf-3-content")


def failures(camera: Camera, url: str) -> None:
    """Show how things look that do not work."""
    page = camera.tab.page
    enter(page, url)
    page.goto(f"{url}?job=0")
    page.get_by_text("This job cannot be shown").wait_for()
    camera.take("error-no-job")


def sources(path: Path, lake: Path) -> Path:
    """Write a catalogue of which some sources have alerts."""
    import pyarrow.parquet as pq

    rows = pq.read_table(sorted(lake.rglob("*.parquet"))[-1], columns=["candidate"]).to_pylist()[:40]
    lines = [
        f"J{i:03d},{r['candidate']['ra']:.6f},{r['candidate']['dec']:.6f},{i / 100:.2f}" for i, r in enumerate(rows)
    ]
    path.write_text("Name,RAJ2000,DEJ2000,z\n" + "\n".join([*lines, "J999,12:00:xx,1.0,0.5"]) + "\n")
    return path


def main() -> None:
    """Take every picture."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        lakes = {survey: root / survey for survey in ("lsst", "ztf")}
        for survey, lake in lakes.items():
            simulate(survey, lake, NIGHTS, 150, seed=11)
        catalogue = sources(root / "blazars.csv", lakes["ztf"])
        with running_broker(root / "broker", jars_home=load_settings().home) as broker, sync_playwright() as starter:
            browser = starter.chromium.launch(executable_path=str(CHROMIUM), args=["--no-sandbox"])
            with serving(root / "home", lakes, broker.bootstrap_servers) as dashboard:
                job = ""
                for size, (width, height) in SIZES.items():
                    for scheme in ("light", "dark"):
                        context = browser.new_context(viewport={"width": width, "height": height}, color_scheme=scheme)
                        tab = Tab(context.new_page())
                        tab.watch()
                        tab.page.set_default_timeout(PATIENCE_MS)
                        tab.open(dashboard.url)
                        camera = Camera(tab, f"{size}-{scheme}")
                        around(camera, dashboard.url)
                        lsst(camera, dashboard.url)
                        job = job or carry(camera)
                        alerts(camera, job)
                        ztf(camera, dashboard.url, catalogue)
                        failures(camera, dashboard.url)
                        context.close()
            browser.close()


if __name__ == "__main__":
    main()
