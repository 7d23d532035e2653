"""Fetching jars with the real Ivy, from a Maven repository that each test writes to disk."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from alertferry.core.errors import AlertferryError, UsageError
from alertferry.core.jars import explain_ivy, fetch_jars, java_command, pyspark_folder
from alertferry.core.settings import SPARK_PACKAGES
from tests.waiting import PATIENCE_SECONDS

APP = "org.example:app:1.0"


class Repository:
    """A Maven repository in a folder, and the Ivy settings that make it the only one."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.settings = folder / "ivysettings.xml"
        folder.mkdir()
        self.settings.write_text(
            '<ivysettings><settings defaultResolver="here"/><resolvers>'
            f'<ibiblio name="here" m2compatible="true" root="{folder.as_uri()}"/>'
            "</resolvers></ivysettings>"
        )

    def add(self, coordinate: str, *needs: str, classifiers: tuple[str, ...] = ()) -> None:
        """Publish a module; a need is a coordinate, followed by ``!scope`` or ``!optional``."""
        group, artifact, version = coordinate.split(":")
        home = self.folder / group.replace(".", "/") / artifact / version
        home.mkdir(parents=True)
        for suffix in ("", *(f"-{classifier}" for classifier in classifiers)):
            with zipfile.ZipFile(home / f"{artifact}-{version}{suffix}.jar", "w") as jar:
                jar.writestr("name.txt", coordinate + suffix)
        (home / f"{artifact}-{version}.pom").write_text(
            "<project><modelVersion>4.0.0</modelVersion>"
            f"<groupId>{group}</groupId><artifactId>{artifact}</artifactId><version>{version}</version>"
            f"<dependencies>{''.join(map(self._need, needs))}</dependencies></project>"
        )

    @staticmethod
    def _need(text: str) -> str:
        coordinate, _, how = text.partition("!")
        group, artifact, version = coordinate.split(":")
        extra = "<optional>true</optional>" if how == "optional" else f"<scope>{how or 'compile'}</scope>"
        return (
            f"<dependency><groupId>{group}</groupId><artifactId>{artifact}</artifactId>"
            f"<version>{version}</version>{extra}</dependency>"
        )

    def fetch(self, home: Path, *coordinates: str, for_spark: bool = False) -> list[str]:
        jars = fetch_jars(coordinates, home, for_spark=for_spark, ivy_settings=self.settings)
        assert all(jar.is_file() for jar in jars)
        return [jar.name for jar in jars]


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    return Repository(tmp_path / "repository")


@pytest.mark.parametrize("bad", ["", "kafka", "a:b", "a:b:c:d", "a:b:", "a b:c:1", 'a:b:1"/>', "a:b:[1,2)", "a:b:1.+"])
def test_a_malformed_coordinate_is_the_users_mistake(bad: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=re.escape(f"{bad!r} is not a Maven coordinate; write group:artifact:version")):
        fetch_jars([APP, bad], tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_no_coordinates_need_nothing(tmp_path: Path) -> None:
    assert fetch_jars([], tmp_path) == ()
    assert list(tmp_path.iterdir()) == []


def test_missing_programs_say_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("JAVA_HOME", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(UsageError, match="no java found; install Java 17"):
        java_command()
    monkeypatch.setenv("JAVA_HOME", str(tmp_path))
    with pytest.raises(UsageError, match=r"JAVA_HOME is .* which has no bin/java"):
        java_command()
    monkeypatch.setitem(sys.modules, "pyspark", None)
    with pytest.raises(UsageError, match=r"pyspark is not installed; pip install 'alertferry\[spark\]'"):
        fetch_jars([APP], tmp_path)


def test_pyspark_is_found_without_importing_it() -> None:
    code = (
        "import sys; from alertferry.core.jars import pyspark_folder; print(pyspark_folder(), 'pyspark' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == [str(pyspark_folder()), "False"]


def test_a_home_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "home").write_text("a file")
    with pytest.raises(UsageError, match=r"cannot write to .*home/jars: .*; set ALERTFERRY_HOME"):
        fetch_jars([APP], tmp_path / "home", for_spark=False)


@pytest.mark.spark
def test_what_is_needed_at_run_time_is_fetched_and_nothing_else(repository: Repository, tmp_path: Path) -> None:
    repository.add(
        APP,
        "org.example:compile:1",
        "org.example:runtime:2!runtime",
        "org.example:test:1!test",
        "org.example:provided:1!provided",
        "org.example:extra:1!optional",
        classifiers=("sources", "javadoc", "tests"),
    )
    repository.add("org.example:compile:1", "org.example:deep:3")
    for coordinate in ("runtime:2", "test:1", "provided:1", "extra:1", "deep:3"):
        repository.add(f"org.example:{coordinate}")

    assert repository.fetch(tmp_path / "home", APP) == [
        "org.example_app-1.0.jar",
        "org.example_compile-1.jar",
        "org.example_deep-3.jar",
        "org.example_runtime-2.jar",
    ]


@pytest.mark.spark
def test_several_coordinates_agree_on_versions(repository: Repository, tmp_path: Path) -> None:
    repository.add("org.example:a:1", "org.example:shared:1.0")
    repository.add("org.example:b:1", "org.example:shared:2.0")
    repository.add("org.example:shared:1.0")
    repository.add("org.example:shared:2.0")
    assert repository.fetch(tmp_path / "home", "org.example:a:1", "org.example:b:1") == [
        "org.example_a-1.jar",
        "org.example_b-1.jar",
        "org.example_shared-2.0.jar",
    ]


@pytest.mark.spark
def test_what_spark_has_is_not_fetched_again(repository: Repository, tmp_path: Path) -> None:
    shipped = {jar.name for jar in (pyspark_folder() / "jars").iterdir()}
    lz4 = next(name for name in shipped if name.startswith("lz4-java-")).removesuffix(".jar").rpartition("-")[2]
    repository.add(
        APP,
        # Neither of these is in the repository: asking for them would fail.
        "org.apache.spark:spark-tags_2.13:4.0.0",
        "org.apache.hadoop:hadoop-client-runtime:3.4.1",
        f"org.lz4:lz4-java:{lz4}",
        "org.lz4:lz4-pure-java:1",
    )
    repository.add(f"org.lz4:lz4-java:{lz4}")
    repository.add("org.lz4:lz4-pure-java:1")
    home = tmp_path / "home"
    assert repository.fetch(home, APP, for_spark=True) == ["org.example_app-1.0.jar", "org.lz4_lz4-pure-java-1.jar"]
    with pytest.raises(AlertferryError, match=r"org\.apache\.spark:spark-tags_2\.13:4\.0\.0: not found"):
        repository.fetch(home, APP, for_spark=False)


@pytest.mark.spark
def test_the_second_call_needs_no_repository(
    repository: Repository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    repository.add(APP)
    home = tmp_path / "home"
    first = repository.fetch(home, APP)
    folder = next(path for path in (home / "jars").iterdir() if path.is_dir())
    assert folder.name.startswith("app-1.0-")
    assert json.loads((folder / "contents.json").read_text())["coordinates"] == [APP]

    monkeypatch.setenv("PATH", "")
    monkeypatch.setenv("JAVA_HOME", str(tmp_path / "no-java"))
    assert repository.fetch(home, APP) == first


@pytest.mark.spark
def test_a_cache_that_lost_a_file_is_filled_again(repository: Repository, tmp_path: Path) -> None:
    repository.add(APP)
    home = tmp_path / "home"
    (jar,) = fetch_jars([APP], home, for_spark=False, ivy_settings=repository.settings)
    whole = jar.read_bytes()
    jar.write_bytes(whole[:10])
    assert repository.fetch(home, APP) == [jar.name]
    assert jar.read_bytes() == whole


@pytest.mark.spark
def test_nothing_is_written_outside_the_home(
    repository: Repository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    repository.add(APP)
    user = tmp_path / "user"
    user.mkdir()
    monkeypatch.setenv("HOME", str(user))
    monkeypatch.setenv("JAVA_TOOL_OPTIONS", f"-Duser.home={user}")
    repository.fetch(tmp_path / "höme of mine", APP)
    assert list(user.iterdir()) == []
    assert sorted(path.name for path in (tmp_path / "höme of mine").iterdir()) == ["ivy", "jars"]


@pytest.mark.spark
def test_two_processes_at_once_share_one_fetch(repository: Repository, tmp_path: Path) -> None:
    repository.add(APP, "org.example:deep:3")
    repository.add("org.example:deep:3")
    code = (
        "import sys; from pathlib import Path; from alertferry.core.jars import fetch_jars;"
        "print(*fetch_jars([sys.argv[1]], Path(sys.argv[2]), for_spark=False, ivy_settings=Path(sys.argv[3])))"
    )
    command = [sys.executable, "-c", code, APP, str(tmp_path / "home"), str(repository.settings)]
    running = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(3)]
    printed = [process.communicate(timeout=PATIENCE_SECONDS)[0].split() for process in running]
    assert [process.returncode for process in running] == [0, 0, 0]
    assert printed[0] == printed[1] == printed[2]
    assert [Path(jar).read_bytes()[:2] for jar in printed[0]] == [b"PK", b"PK"]
    left = sorted(path.name for path in (tmp_path / "home" / "jars").iterdir())
    assert left == [".lock", Path(printed[0][0]).parent.name]


@pytest.mark.spark
def test_an_unknown_coordinate_is_explained_in_few_lines(repository: Repository, tmp_path: Path) -> None:
    repository.add(APP, "org.example:gone:1")
    with pytest.raises(AlertferryError) as caught:
        repository.fetch(tmp_path / "home", APP, "org.example:ghost:9")
    message = str(caught.value)
    assert message.splitlines()[0] == f"cannot fetch {APP}, org.example:ghost:9:"
    assert "  org.example:ghost:9: not found" in message
    assert "  org.example:gone:1: not found" in message
    assert "Check the coordinates and the network" in message
    assert len(message.splitlines()) <= 10
    assert [path.name for path in (tmp_path / "home" / "jars").iterdir()] == [".lock"]


@pytest.mark.spark
def test_a_registry_out_of_reach_is_explained(tmp_path: Path) -> None:
    settings = tmp_path / "settings.xml"
    settings.write_text(
        '<ivysettings><settings defaultResolver="away"/><resolvers>'
        '<ibiblio name="away" m2compatible="true" root="http://127.0.0.1:9/maven"/></resolvers></ivysettings>'
    )
    with pytest.raises(AlertferryError, match=r"127\.0\.0\.1:9/maven/.*Connection refused") as caught:
        fetch_jars([APP], tmp_path / "home", for_spark=False, ivy_settings=settings)
    assert "JAVA_TOOL_OPTIONS" in str(caught.value)


def test_explanations_never_show_what_java_picked_up() -> None:
    report = "Picked up JAVA_TOOL_OPTIONS: -Dhttps.proxyPassword=hush\n" + "\n".join(f"line {n}" for n in range(300))
    assert explain_ivy(report) == [f"line {n}" for n in range(295, 300)]


@pytest.mark.spark
def test_the_connectors_are_what_spark_lacks(jars_home: Path) -> None:
    names = [jar.name.partition("_")[2] for jar in fetch_jars(SPARK_PACKAGES, jars_home)]
    assert sorted(re.sub(r"-\d+(\.\d+)+\.jar$", "", name) for name in names) == [
        "commons-pool2",
        "kafka-clients",
        "spark-avro_2.13",
        "spark-sql-kafka-0-10_2.13",
        "spark-token-provider-kafka-0-10_2.13",
    ]
