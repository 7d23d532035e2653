"""Our own programs start without numpy; who wants it afterwards still gets it."""

import subprocess
import sys

import pytest

ALONE = """
import sys, threading
from alertferry.consumer.starting import start_quickly
start_quickly()
[thread.join() for thread in threading.enumerate() if thread is not threading.current_thread()]
assert "pyarrow.parquet" in sys.modules
assert "numpy" not in sys.modules
import numpy
assert numpy.arange(3).sum() == 3
"""

WITH_NUMPY = """
import sys, threading
import numpy
from alertferry.consumer.starting import start_quickly
start_quickly()
[thread.join() for thread in threading.enumerate() if thread is not threading.current_thread()]
import pyarrow
assert pyarrow.array([1, 2]).to_numpy().sum() == 3
"""

DIVIDING = """
import sys
sys.modules["numpy"] = None
import pyarrow as pa
from alertferry.consumer.partitioning import plan
schema = pa.schema({"jd": pa.float64()})
batch = pa.record_batch([pa.array([2460736.5, None, float("nan"), float("inf"), -1e300])], schema=schema)
print(plan("time", schema, None).folders([batch]))
"""


def run(program: str) -> str:
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("program", [ALONE, WITH_NUMPY], ids=["without numpy", "where it is in use"])
def test_arrow_is_imported_without_numpy_unless_it_is_in_use(program):
    run(program)


def test_files_are_divided_by_time_where_there_is_no_numpy():
    """A light installation has none."""
    null = "'year=__null__/month=__null__/day=__null__'"
    assert run(DIVIDING).strip() == f"['year=2025/month=03/day=02', {', '.join([null] * 4)}]"
