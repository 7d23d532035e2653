"""Catalogues as STILTS, the command line of TOPCAT, writes them."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from tests.unit.catalogs.in_process import Reader

pytestmark = pytest.mark.skipif(shutil.which("stilts") is None, reason="stilts is not installed")

ECSV = """# %ECSV 1.0
# ---
# delimiter: ','
# datatype:
# - {name: id, datatype: int64}
# - {name: name, datatype: string}
# - {name: ra, unit: rad, datatype: float64}
# - {name: dec, unit: rad, datatype: float64}
# - {name: r, unit: arcmin, datatype: float64}
id,name,ra,dec,r
9223372036854775807,007,3.254232711,-0.003565708,1.0
-1,b c,0.186483340,0.720275567,2.0
"""
FORMATS = (
    *("ecsv", "csv", "ascii", "text", "ipac", "fits-basic", "fits-plus", "votable-tabledata", "votable-binary-inline"),
    *("votable-binary2-inline", "votable-fits-inline"),
)


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Write one table in every format, in as few starts of Java as there are formats."""
    folder = tmp_path_factory.mktemp("stilts")
    (folder / "in.ecsv").write_text(ECSV)
    for kind in FORMATS:
        command = ["stilts", "tcopy", f"in={folder}/in.ecsv", "ifmt=ecsv", f"out={folder}/{kind}", f"ofmt={kind}"]
        done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=120)
        if "No table handler available for ecsv" in done.stderr:
            pytest.skip("this stilts knows no ECSV; install starlink-ecsv-java")
        assert done.returncode == 0, done.stderr
    return {kind: folder / kind for kind in FORMATS}


@pytest.mark.parametrize("kind", FORMATS)
def test_what_stilts_writes_is_read(read: Reader, written: dict[str, Path], kind: str) -> None:
    # Text formats without units leave the question to the job.
    units = {} if kind not in ("csv", "ascii", "text") else {"unit": "rad"}
    found = read(written[kind].read_bytes(), id="id", radius="r", columns=("name",), **units)
    assert found.ids == ["9223372036854775807", "-1"]
    assert found.ra == pytest.approx([186.4538, 10.6847], abs=1e-4)
    assert found.dec == pytest.approx([-0.2043, 41.26875], abs=1e-4)
    assert found.carried().to_pylist() == ["007", "b c"]
    radius = found.table.column("radius_arcsec").to_pylist()
    assert radius == ([1.0, 2.0] if units else [60.0, 120.0])
