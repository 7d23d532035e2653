"""Where a Java program's loaded classes are kept, so that its next start need not load them one by one.

What the JDK calls an archive for class-data sharing (JEP 350).
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path

from alertferry.core.jars import java_command


def class_archive(jars: Sequence[Path]) -> Path:
    """Return where the loaded classes of these jars are kept; one Java cannot read another's.

    The JVM itself refuses an archive that does not fit the jars, and starts without it.
    """
    java = Path(java_command()).resolve()
    release = java.parent.parent / "release"
    identity = str(java) + (release.read_text(errors="replace") if release.is_file() else "")
    return jars[0].parent / f"classes-{hashlib.sha256(identity.encode()).hexdigest()[:8]}.jsa"
