"""Draw ``docs/images/demo.svg`` from a real run of the demonstration: ``python docs/make_demo_picture.py``."""

import io
import re
import subprocess
import sys
import tempfile
from pathlib import Path

from rich.console import Console
from rich.text import Text

TARGET = Path(__file__).parent / "images" / "demo.svg"


def main() -> None:
    """Run ``alertferry demo`` in an empty folder and export what it printed."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "alertferry.cli", "demo", "--folder", f"{folder}/demo"]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
    shown = re.sub(r"/tmp/\w+/demo", "alertferry-demo", done.stdout)  # noqa: S108
    console = Console(record=True, width=118, file=io.StringIO())
    console.print(Text("$ make demo", style="bold green"))
    console.print(Text(shown))
    console.save_svg(str(TARGET), title="alertferry")


if __name__ == "__main__":
    main()
