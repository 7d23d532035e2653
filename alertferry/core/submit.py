"""The entry of a rendered script under ``spark-submit``: a session, the job, one last result line."""

from __future__ import annotations

import json
import os
import signal
import sys
import time
import traceback
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from alertferry.core.errors import UNTOLD, AlertferryError, JobError
from alertferry.core.run import PROCESS_BEGAN
from alertferry.core.settings import load_settings
from alertferry.core.spark_errors import from_spark_error

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


def submit(main: Callable[[SparkSession], Any]) -> None:
    """Run ``main(spark)`` and end the process: exit code 0, or the error's own.

    The last line on standard output is a JSON object ``{"event": "result", "state": ...}`` whatever happens.
    A traceback, where there is one, goes to standard error for the log, secrets redacted.
    """
    from pyspark.sql import SparkSession

    spark = SparkSession.builder.appName("alertferry").getOrCreate()
    spark.conf.set("spark.alertferry.events", "true")
    spark.conf.set(PROCESS_BEGAN, str(_began()))
    signal.signal(signal.SIGTERM, _cancel)
    code = 1
    try:
        main(spark)
        code = 0
    except KeyboardInterrupt as interrupt:
        told = UNTOLD not in interrupt.args
        said = "its topic says so and" if told else "its broker does not answer, and its topic"
        _result(state="cancelled", error=f"the job was cancelled; {said} is not complete", exit_code=1, told=told)
    except Exception as error:  # whatever fails must end in a result line
        code = _report(error)
    finally:
        spark.stop()
    sys.exit(code)


def _began() -> float:
    """Return when ``spark-submit`` was called: it becomes the JVM that calls this script."""
    import psutil

    try:
        return float(psutil.Process(os.getppid()).create_time())
    except psutil.Error:  # another user's, or gone
        return time.time()


def _cancel(*_: object) -> None:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)  # asked twice, it must still say in its topic that it was cancelled
    raise KeyboardInterrupt


def _report(error: Exception) -> int:
    settings = load_settings()
    known = from_spark_error(error)
    if not isinstance(error, AlertferryError) or error.__cause__:
        sys.stderr.write(settings.redact("".join(traceback.format_exception(error))))
    problems = [{"path": item.path, "message": item.message} for item in getattr(known, "problems", ())]
    extra = {"problems": problems} if isinstance(known, JobError) else {}
    _result(state="failed", error=settings.redact(str(known)), exit_code=known.exit_code, **extra)
    return known.exit_code


def _result(**details: Any) -> None:
    sys.stdout.write(json.dumps({"event": "result", **details}, separators=(",", ":")) + "\n")
    sys.stdout.flush()
