"""Stops a broker when the process it was started for is gone: ``python -m alertferry.broker.guard HOME PID``.

That process holds the other end of standard input, which closes even when it is killed.
"""

from __future__ import annotations

import sys
from pathlib import Path

from alertferry.broker.lifecycle import stop


def main(arguments: list[str]) -> None:
    """Wait until standard input ends, then stop the broker of a home if it is still the given process."""
    home, pid = arguments
    sys.stdin.buffer.read()
    stop(Path(home), pid=int(pid))


if __name__ == "__main__":
    main(sys.argv[1:])
