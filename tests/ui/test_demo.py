"""Where nothing is configured there is something to try."""

import os

from alertferry.core.settings import load_settings
from alertferry.ui import lakes
from alertferry.ui.demo import demo_lakes


def test_lakes_are_made_once_and_found(ui_home, monkeypatch):
    for survey in ("LSST", "ZTF"):
        monkeypatch.setenv(f"ALERTFERRY_LAKE_{survey}", "elsewhere")
    said = []
    made = demo_lakes(load_settings(), said.append, nights=2, alerts_per_night=10)
    assert len(said) == 2
    assert os.environ["ALERTFERRY_LAKE_LSST"] == str(made["lsst"])
    lakes.forget()
    assert [item.alerts for item in lakes.look("ztf").nights] == [10, 10]
    demo_lakes(load_settings(), said.append, nights=2, alerts_per_night=10)
    assert len(said) == 2
