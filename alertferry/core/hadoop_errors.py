"""What Hadoop's filesystems say when they cannot be asked, in words, each with what to do about it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, NamedTuple

from alertferry.core.errors import AlertferryError, UsageError


class Cause(NamedTuple):
    """Why a filesystem gave nothing: what is the matter, what to do; and whose turn it is, by the kind of error."""

    said: str
    remedy: str
    kind: type[AlertferryError] = AlertferryError

    def __str__(self) -> str:
        return f"{self.said}; {self.remedy}"


_AGAIN = "run it again when the lake's servers answer, or ask its operator"
_JARS = "give Spark its jars, as ALERTFERRY_SPARK_CONF='spark.jars.packages=...' (for s3a: hadoop-aws)"
_LOGIN = "give Spark credentials that the lake takes, or ask its operator for the right to read it"

_KNOWN = (
    (
        r'No (?:AbstractFileSystem|FileSystem) (?:configured )?for scheme:? "?(?P<name>[\w.+-]+)',
        Cause("Spark knows no filesystem {name}", f"{_JARS}, or correct the lake's address", UsageError),
    ),
    (r"Class (?P<name>[\w.$]+) not found|ClassNotFound\w+: (?:Class )?(?P<other>[\w.$]+)|NoClassDefFoundError",
        Cause("Spark lacks the program for this filesystem {name}", _JARS, UsageError)),
    (r"UnknownHostException(?:: (?P<name>[^\s:;]+))?",
        Cause("no machine has the name {name}", "correct the lake's address, or run it again when the network "
        "answers")),
    (r"NoRouteToHost|ConnectException|Connection refused|HttpHostConnect",
        Cause("its server refuses connections", _AGAIN)),
    (r"SocketTimeout|ConnectTimeout|\btimed out\b|ConnectionPoolTimeout|ApiCallTimeout",
        Cause("its server did not answer in time", _AGAIN)),
    (r"BlockMissingException|Could not obtain block|MissingBlock",
        Cause("none of its servers has a part of it now", _AGAIN)),
    (r"StandbyException|SafeModeException|RetriableException|Name node is in safe mode|SlowDown|503 Service",
        Cause("its servers are not ready", _AGAIN)),
    (r"Connection reset|Broken pipe|Premature EOF|Unexpected EOF while trying to read response|NoHttpResponse"
     r"|ClosedChannelException|Connection closed|Filesystem closed",
        Cause("its server broke the connection off", _AGAIN)),
    (r"Too many open files", Cause("too many files are open", "raise the limit (ulimit -n) where Spark runs")),
    (r"Input/output error|Stale file handle", Cause("the disk reports errors", "ask its operator to look after it")),
    (r"SSLHandshakeException|SSLPeerUnverified|PKIX path",
        Cause("its server's certificate is not one that Java trusts", "add the authority to Java's trust store")),
    (r"(?:Kerberos|Kerb)\w*Exception|LoginException|GSSException|SaslException|Client cannot authenticate via"
     r"|NoAuthWithAWS|NoAwsCredentials|AccessControlException|AuthorizationException|AccessDenied|Permission denied"
     r"|403 Forbidden|Status Code: 403|SignatureDoesNotMatch|InvalidAccessKeyId|InvalidToken|ExpiredToken",
        Cause("it may not be read with the credentials that Spark has", _LOGIN, UsageError)),
)  # fmt: skip


def cause(text: str) -> Cause | None:
    """Return what Java's text of an error says of a filesystem; None where it says nothing known."""
    for pattern, known in _KNOWN:
        match = re.search(pattern, text)
        if match:
            name = next((found for found in match.groups() if found), "")
            return known._replace(said=known.said.format(name=name).strip())
    return None


def innermost(text: str) -> str:
    """Return the last exception that a text names, after its kind: a cause that is not known here; empty for none."""
    found = re.findall(r"^(?:Caused by: )?(?:[\w$]+\.)*([\w$]+(?:Exception|Error)): ([^\n]+)", text, re.MULTILINE)
    return f"{found[-1][0]}: {found[-1][1].strip()[:300]}" if found else ""


def java_text(java: Any) -> str:
    """Return the messages of a Java exception and of its causes, one a line."""
    return "\n".join(f"{item.getClass().getName()}: {item.getMessage()}" for item in _chain(java))


def _chain(java: Any) -> Iterator[Any]:
    for _ in range(20):
        if java is None or not hasattr(java, "getCause"):
            return
        yield java
        java = java.getCause()
