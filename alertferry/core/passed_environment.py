"""Which environment variables reach the processes that we start: those on a list, not all that a server has."""

from __future__ import annotations

import os
from collections.abc import Mapping
from fnmatch import fnmatchcase

VARIABLE = "ALERTFERRY_PASS_ENVIRONMENT"
"""Names of further variables, separated by commas; one that ends with ``*`` stands for all that begin so."""

PASSED = (
    # the system, and where programs and libraries are
    *("PATH", "HOME", "USER", "LOGNAME", "SHELL", "LANG", "LANGUAGE", "LC_*", "TZ", "TMPDIR", "XDG_*_HOME"),
    *("LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "VIRTUAL_ENV", "CONDA_PREFIX", "PYTHONPATH", "PYTHONHOME", "PYTHONUTF8"),
    *("PYTHONDONTWRITEBYTECODE", "PYTHONPYCACHEPREFIX", "PYTHONHASHSEED", "*_NUM_THREADS"),
    # Java, Spark, and the filesystems of lakes
    *("JAVA_HOME", "JAVA_TOOL_OPTIONS", "JDK_JAVA_OPTIONS", "SPARK_*", "PYSPARK_*", "HADOOP_*", "HDFS_*", "YARN_*"),
    *("CLASSPATH", "ARROW_*", "AWS_*", "AZURE_*", "GOOGLE_APPLICATION_CREDENTIALS", "KRB5*"),
    # the way out
    *("HTTP_PROXY", "HTTPS_PROXY", "FTP_PROXY", "ALL_PROXY", "NO_PROXY", "SSL_CERT_*", "REQUESTS_CA_BUNDLE"),
    *("CURL_CA_BUNDLE", "ALERTFERRY_*"),
)
"""Variables that are passed on; ``*`` stands for anything. Proxies count in small letters too."""

KEPT = ("ALERTFERRY_UI_*", "ALERTFERRY_JOBS_URL")
"""Ours, but the dashboard's and the queue's alone."""


def passed_environment(environ: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return the variables that a process we start gets: those of `PASSED`, and those that `VARIABLE` adds."""
    found = os.environ if environ is None else environ
    more = added_names(found)
    return {name: value for name, value in found.items() if _passes(name, more)}


def added_names(environ: Mapping[str, str]) -> tuple[str, ...]:
    """Return the names that a site adds, as they are written: some end with ``*``."""
    return tuple(name.strip() for name in environ.get(VARIABLE, "").split(",") if name.strip())


def _passes(name: str, more: tuple[str, ...]) -> bool:
    if _among(name, more):
        return True
    return (_among(name, PASSED) or (name.endswith("_proxy") and _among(name.upper(), PASSED))) and not _among(
        name, KEPT
    )


def _among(name: str, patterns: tuple[str, ...]) -> bool:
    return any(fnmatchcase(name, pattern) for pattern in patterns)
