"""What a job raised, in words."""

from itertools import product

import pytest

from alertferry.core.errors import DamagedError
from alertferry.core.spark_errors import from_spark_error

READING = "[FAILED_READ_FILE.{}] Encountered error while reading file file:///l%20b/p.parquet. "


@pytest.mark.parametrize(
    ("text", "said", "code"),
    [
        (
            READING.format("NO_HINT") + " SQLSTATE: KD001\nCaused by: java.io.IOException: could not read page Page",
            "/l b/p.parquet cannot be read: it is damaged",
            4,
        ),
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


ELSEWHERE = (
    ("java.net.ConnectException: Call From a to b:8020 failed on connection exception", "its server refuses", 1),
    ("java.net.SocketTimeoutException: 60000 millis timeout while waiting for channel", "did not answer in time", 1),
    (
        "org.apache.hadoop.hdfs.BlockMissingException: Could not obtain block: BP-1 file=/x",
        "none of its servers has",
        1,
    ),
    (
        "java.io.FileNotFoundException: /l b/p.parquet (Too many open files)",
        "too many files are open; raise the limit",
        1,
    ),
    ("java.net.UnknownHostException: namenode", "no machine has the name namenode; correct the lake's address", 1),
    ("java.io.EOFException: Unexpected EOF while trying to read response from server", "broke the connection off", 1),
    ("java.net.SocketException: Connection reset", "broke the connection off", 1),
    ("java.io.IOException: Input/output error", "the disk reports errors", 1),
    ("javax.net.ssl.SSLHandshakeException: PKIX path building failed", "certificate is not one that Java trusts", 1),
    ("javax.security.auth.login.LoginException: no keytab", "with the credentials that Spark has", 2),
    ("java.nio.file.AccessDeniedException: s3a://b/k: 403 Forbidden", "with the credentials that Spark has", 2),
    ("com.example.NovelException: the moon was in the way", "cannot be read now: NovelException: the moon was in", 1),
    ("", "cannot be read now; run the job again", 1),
)
"""What a disk or a network says, and what users are told."""

WRAPPED = (
    "Caused by: {}",
    "java.io.IOException: Could not read footer for file\nCaused by: {}",
    "org.apache.parquet.io.ParquetDecodingException: Can not read value at 0\nCaused by: {}",
    "java.io.IOException: could not read page Page [bytes.size=7]\n\tat org.apache.parquet.X.y(X.java:1)\nCaused by: {}",
)


@pytest.mark.parametrize(("cause", "wrapped"), list(product(ELSEWHERE, WRAPPED)))
def test_a_file_is_not_damaged_because_a_disk_or_a_network_fails(cause, wrapped):
    text, said, code = cause
    if wrapped != WRAPPED[0] and said.startswith("cannot be read now"):
        return  # parquet's own sign stands alone then
    error = from_spark_error(RuntimeError(READING.format("NO_HINT") + " SQLSTATE: KD001\n" + wrapped.format(text)))
    assert not isinstance(error, DamagedError)
    assert str(error).startswith("file:///l b/p.parquet cannot be read now")
    assert said in str(error)
    assert "Kafka" not in str(error)
    assert error.exit_code == code


@pytest.mark.parametrize(
    "text",
    [
        "java.lang.RuntimeException: file:/x is not a Parquet file. Expected magic number at tail, but found [0, 0]",
        "org.apache.parquet.io.ParquetDecodingException: Corrupted RLE data",
        "org.apache.parquet.CorruptStatistics: no",
        "java.io.IOException: could not decode the dictionary for [s]\nCaused by: java.io.IOException: gzip stream CRC failure",
        "java.io.EOFException: Reached the end of stream with 7 bytes left to read",
        "java.io.IOException: can not read class org.apache.parquet.format.PageHeader: don't know what type: 14",
        "org.xerial.snappy.X: FAILED_TO_UNCOMPRESS(5)",
        "java.lang.IndexOutOfBoundsException",
    ],
)
def test_a_file_is_damaged_where_parquet_says_so(text):
    if "PageHeader" in text:
        text += "\nCaused by: shaded.parquet.org.apache.thrift.protocol.TProtocolException: don't know what type: 14"
    error = from_spark_error(RuntimeError(READING.format("NO_HINT") + " SQLSTATE: KD001\nCaused by: " + text))
    assert isinstance(error, DamagedError)
    assert "it is damaged or incomplete; write it again or remove it" in str(error)


def test_a_job_that_was_cancelled_while_it_read_a_file_is_not_about_the_file():
    text = READING.format("NO_HINT") + " SQLSTATE: KD001\nJob 3 cancelled because SparkContext was shut down"
    assert str(from_spark_error(RuntimeError(text))) == "the job was cancelled"
