"""Kept classes: one program makes them, only a whole draft of one that ended well counts, a failure costs nothing."""

import pytest

from alertferry.core import class_archive as module
from alertferry.core.class_archive import class_archive

WHOLE = b"\xa8\xab\x0b\xf0 classes"


def in_work(_):
    return None


def well(_):
    return True


def badly(_):
    return False


@pytest.fixture
def jars(tmp_path):
    folder = tmp_path / "jars"
    folder.mkdir()
    (folder / "a.jar").write_bytes(b"jar")
    return (folder / "a.jar",)


@pytest.fixture
def program(tmp_path):
    """Return a function that makes a program's folder, with a draft if it has written one."""

    def made(name, draft=None):
        folder = tmp_path / name
        folder.mkdir()
        if draft is not None:
            (folder / "classes.jsa").write_bytes(draft)
        return folder

    return made


def makes(options):
    return any(option.startswith("-XX:ArchiveClassesAtExit=") for option in options)


def test_the_first_program_makes_the_archive_and_the_next_ones_use_it(jars, program):
    archive = class_archive(jars)
    first = program("first", WHOLE)
    assert archive.use == ()
    assert makes(archive.use_or_make(first, in_work))
    assert archive.use_or_make(program("second"), in_work) == ()
    used = archive.use_or_make(program("third"), well)
    assert used == archive.use == (f"-XX:SharedArchiveFile={archive.path}", "-Xlog:cds*=off")
    assert archive.path.read_bytes() == WHOLE
    assert not (first / "classes.jsa").exists()
    assert [path.name for path in sorted(jars[0].parent.iterdir()) if path.suffix != ".lock"] == [
        ".lock",
        "a.jar",
        archive.path.name,
    ]


@pytest.mark.parametrize(
    ("draft", "ended"),
    [(WHOLE, badly), (b"\0\0\0\0 half", well), (b"", well), (None, well), (None, badly)],
)
def test_what_is_not_worth_keeping_is_made_anew(jars, program, draft, ended):
    archive = class_archive(jars)
    first = program("first", draft)
    archive.use_or_make(first, in_work)
    assert makes(archive.use_or_make(program("second"), ended))
    assert not archive.path.exists()
    assert not (first / "classes.jsa").exists()


def test_jars_that_were_replaced_have_an_archive_of_their_own(jars, tmp_path):
    other = tmp_path / "spark.jar"
    other.write_bytes(b"spark")
    before = class_archive(jars, [other]).path
    assert class_archive(jars, [other]).path == before
    assert class_archive(jars).path != before
    other.write_bytes(b"spark again")
    assert class_archive(jars, [other]).path != before


def test_few_archives_are_kept(jars, program, monkeypatch):
    monkeypatch.setattr(module, "_KEPT", 2)
    made = []
    for number in range(4):
        jars[0].write_bytes(b"jar" * (number + 1))
        archive = class_archive(jars)
        archive.use_or_make(program(f"program {number}".replace(" ", "-"), WHOLE), in_work)
        archive.use_or_make(program(f"next-{number}"), well)
        made.append(archive.path)
    assert [path.exists() for path in made] == [False, False, True, True]


def test_a_path_that_java_options_cannot_hold(jars, program):
    archive = class_archive(jars)
    assert archive.use_or_make(program("with a space"), in_work) == ()
    assert makes(archive.use_or_make(program("plain"), in_work))


def test_a_folder_that_is_not_ours_costs_no_job(jars, program, monkeypatch):
    def refused(_):
        raise module.UsageError("cannot write")

    monkeypatch.setattr(module, "folder_lock", refused)
    assert class_archive(jars).use_or_make(program("first"), in_work) == ()
