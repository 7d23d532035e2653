"""The door of the command line. Commands live in `alertferry.commands`."""

from __future__ import annotations

import sys

INTERRUPTED = 130


def main() -> None:
    """Run the command line. Ctrl-C while it is still being loaded is no traceback either."""
    try:
        from alertferry.commands.app import run
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)
    run()


if __name__ == "__main__":
    main()
