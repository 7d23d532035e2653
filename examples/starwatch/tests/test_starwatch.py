"""The contracts that alertferry has for every plugin, and one job from the lake to parquet."""

from datetime import date

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from starwatch import SURVEY, Brighter, Starwatch

from alertferry.core.run import Run
from alertferry.core.settings import Settings
from alertferry.plugins.outputs.files import Files
from alertferry.testing import PredicateContract, SourceContract
from alertferry.testing.fixtures import spark  # noqa: F401

NIGHTS = (date(2026, 3, 1), date(2026, 3, 2))


@pytest.fixture(scope="session")
def lake(tmp_path_factory):
    """Write two nights of ten alerts."""
    root = tmp_path_factory.mktemp("starwatch")
    for number, night in enumerate(NIGHTS):
        folder = root / f"year={night.year}" / f"month={night.month:02d}" / f"day={night.day:02d}"
        folder.mkdir(parents=True)
        detections = [
            {"ra": 36.0 * i, "dec": 8.0 * i - 40, "mjd": 61100.0 + number, "mag": None if i == 9 else 2.0 + i}
            for i in range(10)
        ]
        kind = pa.struct([("ra", pa.float64()), ("dec", pa.float64()), ("mjd", pa.float64()), ("mag", pa.float32())])
        ids = [100 * number + i for i in range(10)]
        columns = {"alertId": ids, "starId": [f"HR {i}" for i in range(10)], "detection": pa.array(detections, kind)}
        pq.write_table(pa.table(columns), folder / "part.parquet")
    return root


@pytest.fixture(scope="session")
def alerts(spark, lake):  # noqa: F811
    """Give the alerts to the contracts."""
    return [Starwatch(nights=("2026-03-01..2026-03-02",), lake=str(lake)).load(spark, Settings())]


class TestStarwatch(SourceContract):
    step = Starwatch


class TestBrighter(PredicateContract):
    step = Brighter


def test_a_job(spark, lake, tmp_path):  # noqa: F811
    run = Run(spark)
    alerts = run.read(Starwatch(nights=("2026-03-01",), lake=str(lake)))
    alerts = run.filter(alerts, Brighter(than=5.0))
    report = run.write(alerts, Files(path=str(tmp_path / "out"), packet="light"))
    assert report.receipt.alerts == 3
    assert SURVEY.packets["light"].fields[0] in pq.read_table(tmp_path / "out").column_names
