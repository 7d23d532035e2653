"""What a job raised, in words."""

import pytest

from alertferry.core.spark_errors import from_spark_error

READING = "[FAILED_READ_FILE.{}] Encountered error while reading file file:///l%20b/p.parquet. "


@pytest.mark.parametrize(
    ("text", "said", "code"),
    [
        (READING.format("NO_HINT") + " SQLSTATE: KD001", "/l b/p.parquet cannot be read: it is damaged", 4),
        (
            READING.format("FILE_NOT_EXIST") + "File does not exist. It is",
            "/l b/p.parquet was removed while the job",
            1,
        ),
        (
            READING.format("NO_HINT")
            + " SQLSTATE: KD001\norg.apache.hadoop.fs.ChecksumException: Checksum error: file:/x",
            "/l b/p.parquet does not match the checksum in the hidden .crc file",
            4,
        ),
        (
            READING.format("NO_HINT")
            + " SQLSTATE: KD001\njava.io.FileNotFoundException: /l b/p.parquet (Permission denied)",
            "/l b/p.parquet may not be read by this user",
            2,
        ),
        (
            READING.format("PARQUET_COLUMN_DATA_TYPE_MISMATCH")
            + "Data type mismatches when reading Parquet column <[t]>. "
            "Expected Spark type bigint, actual Parquet type BINARY. SQLSTATE: KD001",
            "/l b/p.parquet stores the column [t] as BINARY, which Spark cannot read as bigint",
            2,
        ),
        (
            "alertferry: not exact: candid holds 1.5, no whole number, in <file:///l%20b/p.parquet> SQLSTATE: P0001",
            "/l b/p.parquet: candid holds 1.5, no whole number; leave the column out",
            2,
        ),
    ],
)
def test_what_is_wrong_with_a_file_is_said_with_its_name(text, said, code):
    error = from_spark_error(RuntimeError(text))
    assert str(error).startswith(f"file://{said}")
    assert error.exit_code == code


def test_an_interruption_is_no_failure_with_a_log():
    assert str(from_spark_error(KeyboardInterrupt())) == "it was interrupted"
    assert str(from_spark_error(ValueError("odd"))) == "the job failed: ValueError: odd; the log has the whole story"
