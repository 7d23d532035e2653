"""The door of the command line. Commands live in `alertferry.commands`."""

from __future__ import annotations

import os
import sys

INTERRUPTED = 130


def main() -> None:
    """Run the command line. Ctrl-C while it is still being loaded is no traceback either."""
    # pydantic would look for plugins of its own in all that is installed, to let them alter how we read jobs
    os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")
    try:
        from alertferry.commands.app import application, run

        app = application(*sys.argv[1:2])
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)
    run(app)


if __name__ == "__main__":
    main()
