"""How the folder of a `files` job appears, on a disk that stands in for Hadoop's."""

import shutil
from pathlib import Path

from alertferry.plugins.outputs.files import _Folder


class Disk:
    """The few calls of a Hadoop filesystem that end a job."""

    def exists(self, path):
        return Path(path).exists()

    def rename(self, old, new):
        Path(old).rename(new)
        return True

    def delete(self, path, _recursive):
        shutil.rmtree(path, ignore_errors=True)

    def create(self, path):
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        return Path(path).open("wb")


def finished(around: Path, receipt: str) -> str | None:
    folder = object.__new__(_Folder)
    folder._files, folder._path = Disk(), str
    folder.target, folder.partial, folder.records = (str(around / name) for name in ("a", ".a.partial", "_a.records"))
    Path(folder.partial).mkdir()
    return folder.finish(receipt)


def test_records_of_a_folder_that_was_moved_are_kept(tmp_path):
    for number in range(3):
        former = finished(tmp_path, f"receipt {number}")
        assert former == (str(tmp_path / f"_a.records.{number}") if number else None)
        (tmp_path / "a").rename(tmp_path / f"moved{number}")
    receipts = [tmp_path / f"_a.records{end}" / "_receipt.json" for end in (".1", ".2", "")]
    assert [path.read_text() for path in receipts] == ["receipt 0", "receipt 1", "receipt 2"]
