"""Somebody does anything at all with the dashboard, in a real browser, and the page never disagrees with itself."""

import pytest

from tests.ui import walker
from tests.ui.browsing import CHROMIUM
from tests.ui.walked import walked

pytest.importorskip("playwright.sync_api")

pytestmark = [
    pytest.mark.browser,
    pytest.mark.kafka,
    pytest.mark.skipif(not CHROMIUM.exists(), reason="Debian's chromium is not installed (tools/chromium does it)"),
]


@pytest.fixture(scope="module")
def browser():
    with walker.chromium() as found:
        yield found


def walks(site, browser, seed, steps):
    report, found = walker.walk(site, browser, seed, steps)
    print(report)
    assert found is None, str(found)
    return report


@pytest.mark.soak  # until it has stayed green ten times on a busy machine
def test_sixty_steps(tmp_path, ui_lakes, broker, browser):
    with walked(tmp_path, ui_lakes, broker.bootstrap_servers) as site:
        assert walks(site, browser, 1, 60).steps == 60


@pytest.mark.soak
@pytest.mark.spark
@pytest.mark.parametrize("seed", range(1, 6))
def test_a_thousand_steps(tmp_path, ui_lakes, broker, browser, seed):
    with walked(tmp_path, ui_lakes, broker.bootstrap_servers, estimates=True) as site:
        assert walks(site, browser, seed, 1000).steps == 1000


def test_a_path_is_shortened_to_what_matters():
    path = [walker.Step("click", label=label) for label in "abcdefghijklmnop"]

    def again(steps):
        labels = "".join(step.label for step in steps)
        bad = "c" in labels and "k" in labels[labels.index("c") :]
        return walker.Finding("form", "", tuple(steps)) if bad else None

    found = walker.shortened(walker.Finding("form", "", tuple(path), seed=7), again)
    assert [step.label for step in found.path] == ["c", "k"]
    assert "seed 7" in str(found)
