"""The door of the command line. Commands live in `alertferry.commands`."""

from __future__ import annotations

import os
import sys

INTERRUPTED = 130

DONE_WHEN_ANSWERED = ("consume", "verify")
"""Commands after which nothing is left to be done: what they write is on the disk, what they started has ended."""


def main() -> None:
    """Be the process of the command line."""
    try:
        call(own=True)
    except SystemExit as ended:
        if sys.argv[1:2] and sys.argv[1] in DONE_WHEN_ANSWERED and isinstance(ended.code, int):
            _leave(ended.code)
        raise


def call(own: bool = False) -> None:
    """Call the command that is named, ``own``: in a process of its own.

    Ctrl-C while it is still being loaded is no traceback either.
    """
    # pydantic would look for plugins of its own in all that is installed, to let them alter how we read jobs
    os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")
    try:
        from alertferry.commands.app import application, own_process, run

        if own:
            own_process()
        app = application(*sys.argv[1:2])
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)
    run(app)


def _leave(code: int) -> None:
    """End here and now: taking a Python with Arrow in it apart takes longer than it took to load half of that."""
    try:
        sys.stdout.flush()
        sys.stderr.flush()
    except OSError:
        return  # Python's own way to end says so
    os._exit(code)


if __name__ == "__main__":
    main()
