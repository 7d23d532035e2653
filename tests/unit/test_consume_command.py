"""`alertferry consume` as typed: what is refused before any broker is asked."""

import pytest

from alertferry.commands.data import batch_sizes
from alertferry.core.errors import UsageError


@pytest.mark.parametrize(
    ("texts", "sizes"),
    [
        ([], {}),
        (["20000"], {"batch_alerts": 20_000}),
        (["64MB"], {"batch_bytes": 64_000_000}),
        (["1 GB", "7"], {"batch_bytes": 10**9, "batch_alerts": 7}),
        (["500kB"], {"batch_bytes": 500_000}),
    ],
)
def test_sizes_of_files(texts, sizes):
    assert batch_sizes(texts) == sizes


@pytest.mark.parametrize("text", ["", "0", "-5", "64mb", "1.5GB", "MB", "64MiB", "0MB", "10 alerts"])
def test_texts_that_are_no_size(text):
    with pytest.raises(UsageError, match="--batch"):
        batch_sizes([text])


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--shard", "6/5"], "--shard 6/5: the first number goes from 1 to the second"),
        (["--shard", "two"], "for example 2/5"),
        (["--select", "ra", "--format", "avro"], "--select needs --format parquet"),
        (["--batch", "big"], "--batch big: write a number of alerts"),
    ],
)
def test_what_cannot_be_meant(alertferry, tmp_path, words, said):
    called = alertferry("consume", "some-topic", "--outdir", str(tmp_path / "a"), *words)
    assert (called.code, said in called.err) == (2, True), called.err
    assert not (tmp_path / "a").exists()
