"""Fixtures of the tests of catalogues."""

from __future__ import annotations

import pytest

from tests.unit.catalogs.in_process import Reader, read_content


@pytest.fixture
def read() -> Reader:
    """Return a function that reads the content of a file; a pyarrow table stands for a Parquet file."""
    return read_content
