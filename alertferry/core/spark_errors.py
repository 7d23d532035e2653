"""Turning what Spark, Java and Kafka throw into sentences a user can act on."""

from __future__ import annotations

import re
from collections.abc import Callable
from urllib.parse import unquote

from alertferry.core.blame import named
from alertferry.core.errors import AlertferryError, DamagedError, UsageError
from alertferry.core.hadoop_errors import cause, innermost, java_text

OVERSIZE = "alertferry: oversize packet"
"""Start of the message a task raises for a packet that no broker would take."""

TAG_FAILED = "alertferry: tag: "
"""Start of the message a task raises for a tag that cannot judge; the rest is for users."""

REORDERED = "alertferry: a task that was tried again did not get the rows of its first attempt in the same order"
"""Message of a task that cannot tell any more which of its alerts are published."""

NOT_EXACT = "alertferry: not exact: "
"""Start of the message a task raises for a value that cannot be read exactly; then the file, in angle brackets."""

_READING = re.compile(r"while reading file (\w+:.+?)\. +(?:SQLSTATE|Data type|File does not|Could not)")
_FILE = re.compile(r"(?:file|hdfs|s3a?|abfss?|gs|wasbs?|viewfs|oss|cosn):[^\s,;\"'\]\)]+?\.parquet")


def from_spark_error(error: BaseException) -> AlertferryError:
    """Return the error to show for whatever a job raised; ours are returned as they are."""
    if isinstance(error, AlertferryError):
        return error
    if isinstance(error, KeyboardInterrupt):
        return AlertferryError("it was interrupted")
    text = _full_text(error)
    for pattern, build in _KNOWN:
        match = re.search(pattern, text, re.S)
        if match:
            return build(match, text)
    plugins = named(error)
    if plugins is not None:
        return plugins
    return AlertferryError(f"the job failed: {_first_line(error)}; the log has the whole story")


def names_no_file(error: BaseException) -> bool:
    """Tell whether an error is what a decoder stumbles over in a damaged file, and says of no file that it is read."""
    text = _full_text(error)
    return bool(_STUMBLED.search(text)) and not (_READING.search(text) or _FILE.search(text))


def _full_text(error: BaseException) -> str:
    """Return the message and those of all causes, Java's included."""
    java = getattr(error, "java_exception", None) or getattr(error, "_origin", None)
    parts = [str(error), java_text(java)]
    if error.__cause__ is not None:
        parts.append(_full_text(error.__cause__))
    return "\n".join(parts)


def _first_line(error: BaseException) -> str:
    java = getattr(error, "java_exception", None)
    text = str(java.getMessage()) if java is not None else str(error)
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return f"{type(error).__name__}: {lines[0][:500]}" if lines else type(error).__name__


Builder = Callable[[re.Match[str], str], AlertferryError]


def _says(sentence: str, kind: type[AlertferryError] = AlertferryError) -> Builder:
    """Return a builder of errors; ``{name}`` in the sentence is a group of the pattern."""

    def build(match: re.Match[str], _: str) -> AlertferryError:
        return kind(sentence.format_map({name: text.strip() for name, text in match.groupdict().items()}))

    return build


def _file(text: str) -> str:
    """Return the file of the lake that a message names."""
    named = _READING.search(text)
    if named:
        return unquote(named[1])
    named = _FILE.search(text)
    return named[0] if named else "a file of the lake"


def _unread(_: re.Match[str], text: str) -> AlertferryError:
    """Return why a file could not be read: it is called damaged only where parquet says so, and no disk or network."""
    known = cause(text)
    if known:
        return known.kind(f"{_file(text)} cannot be read now: {known}")
    if _DAMAGED.search(text):
        return DamagedError(f"{_file(text)} cannot be read: it is damaged or incomplete; write it again or remove it")
    said = innermost(text)
    because = f": {said}" if said else ""
    return AlertferryError(f"{_file(text)} cannot be read now{because}; run the job again, or see the log")


def _of_file(sentence: str, kind: type[AlertferryError] = AlertferryError) -> Builder:
    """Return a builder of errors about a file; ``{name}`` in the sentence is a group of the pattern."""

    def build(match: re.Match[str], text: str) -> AlertferryError:
        return kind(f"{_file(text)} {sentence.format_map(match.groupdict())}")

    return build


def _not_exact(match: re.Match[str], _: str) -> AlertferryError:
    file = unquote(match["file"])
    return UsageError(f"{file}: {match['said']}; leave the column out of filters and packet, or ask for other nights")


_DAMAGED = re.compile(
    r"is not a Parquet file|ParquetDecodingException|CorruptStatistics|could not (?:read page|decode the dictionary)"
    r"|EOFException|TProtocolException|InvalidRecordException|FAILED_TO_UNCOMPRESS|ZstdIOException"
    r"|IndexOutOfBoundsException|NegativeArraySizeException|NullPointerException"
)
"""Parquet's own signs of a file that is not whole; the last are what its decoders stumble over in random bytes."""

_STUMBLED = re.compile(
    r"(?:\b|Array)IndexOutOfBoundsException|NegativeArraySizeException|BufferUnderflowException|ParquetDecodingException"
)

_KNOWN: tuple[tuple[str, Builder], ...] = (
    (
        rf"{OVERSIZE} id=(?P<id>\S*) size=(?P<size>\d+) limit=(?P<limit>\d+)",
        _says(
            "alert {id} makes a packet of {size} bytes, and the topic takes at most {limit}; choose a smaller packet "
            "(without cutouts or history), let the job go on with `oversize: drop-cutouts` or `oversize: skip` in its "
            "output, or raise ALERTFERRY_MAX_MESSAGE_BYTES"
        ),
    ),
    (
        re.escape(REORDERED),
        _says(
            "a task that Spark tried again got its alerts in another order, so that those already published cannot be "
            "told from the others; run the job again, or with `delivery: at-least-once`"
        ),
    ),
    (rf"{TAG_FAILED}(?P<said>[^\n]+)", _says("{said}")),
    (rf"{NOT_EXACT}(?P<said>[^\n]+?), in <(?P<file>[^>\n]*)>", _not_exact),
    (
        r"RecordTooLargeException",
        _says(
            "the broker refused a packet as too large; choose a smaller packet (without cutouts or history), or raise "
            "the broker's message.max.bytes"
        ),
    ),
    (
        r"FILE_NOT_EXIST|FileNotFoundException: File",
        _of_file("was removed while the job read the lake; run the job again when nobody writes to these nights"),
    ),
    (
        r"FAILED_READ_FILE.*(?:Permission denied|AccessControlException)",
        _of_file("may not be read by this user; ask the lake's operator for the right to read it", UsageError),
    ),
    (
        r"ChecksumException",
        _of_file(
            "does not match the checksum in the hidden .crc file beside it: it was changed by a program that left the "
            "old one there. If the file is right, remove its .crc file, else write it again",
            DamagedError,
        ),
    ),
    (
        r"ParquetCryptoRuntimeException|KeyAccessDeniedException|[Ee]ncrypted (?:column|footer)",
        _of_file("has encrypted columns, and cannot be read without their keys; ask for other nights", UsageError),
    ),
    (
        r"reading Parquet column <?(?P<column>[^>\n]+?)>?\. Expected Spark type <?(?P<wanted>[^>\n]+?)>?, "
        r"actual Parquet type <?(?P<stored>[^>\n.]+)",
        _of_file(
            "stores the column {column} as {stored}, which Spark cannot read as {wanted}; ask for this night in a job "
            "of its own, or leave the column out",
            UsageError,
        ),
    ),
    (
        r"FAILED_READ_FILE"
        r"(?!.*(?:OutOfMemoryError|No space left on device|cancelled because|SparkContext was shut down))"
        r"|is not a Parquet file|ParquetDecodingException|CorruptStatistics|could not read page",
        _unread,
    ),
    (
        r"SaslAuthenticationException|LoginException",
        _says(
            "the Kafka broker refuses Spark's login; check ALERTFERRY_KAFKA_SASL_MECHANISM, "
            "ALERTFERRY_KAFKA_SASL_USERNAME and ALERTFERRY_KAFKA_SASL_PASSWORD"
        ),
    ),
    (
        r"SslAuthenticationException|SSLHandshakeException",
        _says(
            "Spark and the Kafka broker do not agree on TLS: the broker's certificate is not signed by the authority "
            "in ALERTFERRY_KAFKA_SSL_CA_LOCATION (Java does not know those of the system), is not for this host name, "
            "or the broker wants a certificate of ours"
        ),
    ),
    (
        r"AuthorizationException: (?P<said>[^\n]+)",
        _says(
            "the Kafka broker does not let this user publish ({said}); ask its operator for CREATE and WRITE on topics "
            "that begin with ftransfer_ and fxmatch_"
        ),
    ),
    (
        r"org\.apache\.kafka\.common\.\S+\.(?:Invalid)?Config\w*Exception: (?P<said>[^\n]+)",
        _says("Spark's Kafka client refuses its options ({said}); correct the ALERTFERRY_KAFKA_* settings", UsageError),
    ),
    (
        r"org\.apache\.kafka\.common\.errors\.(TimeoutException|NetworkException|DisconnectException)",
        _says(
            "the Kafka broker stopped answering while alerts were published; the topic stays without a receipt. Check "
            "the broker and run the job again: it gets a new topic"
        ),
    ),
    (
        r"OutOfMemoryError",
        _says(
            "Spark ran out of memory; give it more with ALERTFERRY_SPARK_CONF='spark.driver.memory=8g', or choose a "
            "smaller packet"
        ),
    ),
    (
        r"No space left on device",
        _says("no space left on the disk that Spark or the output uses; free some and run again"),
    ),
    (r"cancelled because|SparkContext was shut down", _says("the job was cancelled", UsageError)),
)
