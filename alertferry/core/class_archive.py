"""Where a Java program's loaded classes are kept, so that its next start need not load them one by one.

What the JDK calls a dynamic archive for class-data sharing (JEP 350). A program writes it when it ends, header last, so
that a half-written one is never taken for whole.
"""

from __future__ import annotations

import contextlib
import hashlib
import shutil
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from alertferry.core.errors import UsageError
from alertferry.core.jars import java_command
from alertferry.core.locks import folder_lock

QUIET = "-Xlog:cds*=off"
"""An archive that does not fit is not a fault: Java starts without it, and need not say so."""

_DRAFT = "classes.jsa"
_KEPT = 3  # several installations may share a home; each has an archive of its own


@dataclass(frozen=True)
class ClassArchive:
    """An archive that exists, or is to be made by the first program that can.

    Attributes
    ----------
    path
        Its file, beside the jars.
    """

    path: Path

    @property
    def use(self) -> tuple[str, ...]:
        """The options for a Java that starts from the archive; none where there is none."""
        return (f"-XX:SharedArchiveFile={self.path}", QUIET) if _whole(self.path) and _plain(self.path) else ()

    def use_or_make(self, folder: Path, ended: Callable[[Path], bool | None]) -> tuple[str, ...]:
        """Return the options for a Java that starts from the archive, or writes it at its end if nobody has yet.

        Parameters
        ----------
        folder
            The program's own folder, which takes the draft.
        ended
            Whether the program of another folder, that was to write the archive, has ended well (True) or not
            (False); None while it runs. Only the classes of one that ended well are worth keeping.
        """
        if self.path.exists() or not _plain(self.path) or not _plain(folder):
            return self.use
        with contextlib.suppress(OSError, UsageError), folder_lock(self.path.parent):  # it only costs speed
            self._adopt(ended)
            if not self.path.exists() and not self._claim.exists():
                self._claim.write_text(str(folder))
                return (f"-XX:ArchiveClassesAtExit={folder / _DRAFT}", QUIET)
        return self.use

    @property
    def _claim(self) -> Path:
        return self.path.with_suffix(".making")

    def _adopt(self, ended: Callable[[Path], bool | None]) -> None:
        if not self._claim.exists():
            return
        folder = Path(self._claim.read_text())
        well = ended(folder)
        if well is None:
            return
        draft = folder / _DRAFT
        if well and _whole(draft):
            beside = self.path.with_suffix(".part")
            shutil.move(draft, beside)  # perhaps from another disk
            beside.replace(self.path)
            _forget_oldest(self.path.parent)
        draft.unlink(missing_ok=True)
        self._claim.unlink()


def class_archive(jars: Sequence[Path], also: Iterable[Path] = ()) -> ClassArchive:
    """Return the archive of a program's classes, kept beside its jars.

    One Java cannot read another's, nor any an archive of jars that were replaced since, be it by the same ones: each
    of them has its own.

    Parameters
    ----------
    jars
        What was fetched for the program; all in one folder.
    also
        What else is on its class path.
    """
    java = Path(java_command()).resolve()
    release = java.parent.parent / "release"
    parts = [str(java), release.read_text(errors="replace") if release.is_file() else ""]
    for jar in (*jars, *also):
        found = jar.stat()
        parts.append(f"{jar} {found.st_size} {found.st_mtime_ns}")
    identity = hashlib.sha256("\n".join(parts).encode()).hexdigest()[:8]
    return ClassArchive(jars[0].parent / f"classes-{identity}.jsa")


def _whole(archive: Path) -> bool:
    try:
        with archive.open("rb") as file:
            return any(file.read(4))
    except OSError:
        return False


def _plain(path: Path) -> bool:
    """Whether the path can stand in Java options, which Spark parts at spaces and quotes."""
    return not any(character in str(path) for character in " \t\"'\\")


def _forget_oldest(folder: Path) -> None:
    archives = sorted(folder.glob("classes-*.jsa"), key=lambda archive: archive.stat().st_mtime)
    for archive in archives[:-_KEPT]:
        archive.unlink()
