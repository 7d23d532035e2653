"""Spark on this machine: it starts from the classes that the first job kept, and nobody's start depends on them."""

import json
import subprocess

import pytest

from alertferry.core.jars import pyspark_folder
from alertferry.core.jobs.processes import this_process
from alertferry.core.local_spark import CLASS_PATH, JAVA_OPTIONS, local_conf, merged
from alertferry.core.settings import SPARK_PACKAGES
from alertferry.plugins.launchers import local

SHARED = "shared objects file (top)"


def started(conf, folder):
    """Start Spark for a moment; return how it loaded its classes, line by line."""
    log = folder / "classes.log"
    options = merged(conf, {JAVA_OPTIONS: f"-Xlog:class+load:file={log}"})
    confs = [part for name, value in options.items() for part in ("--conf", f"{name}={value}")]
    said = subprocess.run(
        [pyspark_folder() / "bin" / "spark-submit", *confs, "--version"], check=True, capture_output=True, text=True
    )
    assert "archive" not in said.stdout + said.stderr
    return log.read_text().splitlines()


def of_archive(lines):
    return sum(SHARED in line for line in lines) / len(lines)


@pytest.mark.spark
def test_spark_starts_from_the_classes_that_another_kept_also_where_the_home_is_a_link(jars_home, tmp_path):
    """The archive lies elsewhere than the user's, whose own depends on what has run here."""
    first, link = tmp_path / "first", tmp_path / "home"
    first.mkdir()
    link.symlink_to(jars_home)

    def elsewhere(found):
        return type(found)(tmp_path / found.path.name)

    def conf(ended):
        return local_conf(
            SPARK_PACKAGES, link, classes=lambda kept: elsewhere(kept).use_or_make(first, lambda _: ended)
        )

    assert of_archive(started(conf(None), tmp_path)) == 0
    assert of_archive(started(conf(True), tmp_path)) > 0.5


@pytest.mark.spark
def test_an_archive_that_does_not_fit_is_passed_over_in_silence(jars_home, tmp_path):
    """Another Java's, or a damaged one: Spark starts as if there were none."""
    archive = tmp_path / "classes.jsa"
    archive.write_bytes(b"of another Java")

    def conf(kept):
        return type(kept)(archive).use

    options = local_conf(SPARK_PACKAGES, jars_home, classes=conf)
    assert str(archive) in options[JAVA_OPTIONS]
    assert of_archive(started(options, tmp_path)) == 0


def test_without_connectors_there_is_nothing_to_keep(tmp_path):
    conf = local_conf((), tmp_path, "-Xmine")
    assert conf[CLASS_PATH] == ""
    assert conf[JAVA_OPTIONS] == "-Xmine"


def test_a_site_adds_to_our_java_options_and_replaces_the_rest():
    ours = {JAVA_OPTIONS: "-Xours", "spark.driver.memory": "2g", "spark.ui.enabled": "false"}
    site = {JAVA_OPTIONS: "-Xtheirs", "spark.driver.memory": "9g"}
    assert merged(ours, site) == {
        JAVA_OPTIONS: "-Xours -Xtheirs",
        "spark.driver.memory": "9g",
        "spark.ui.enabled": "false",
    }


@pytest.mark.parametrize(
    ("state", "alive", "well"),
    [("complete", False, True), ("failed", False, False), (None, False, False), ("complete", True, None)],
)
def test_only_a_complete_job_that_is_gone_has_classes_worth_keeping(tmp_path, state, alive, well):
    process = this_process().model_dump()
    details = process if alive else {**process, "birth": "long ago"}
    (tmp_path / local.HANDLE_FILE).write_text(json.dumps(details))
    (tmp_path / local.EVENTS_FILE).write_text(
        json.dumps({"event": "result", "state": state}) + "\n" if state is not None else ""
    )
    assert local._ended_well(tmp_path) is well


def test_a_job_that_is_about_to_start_is_waited_for_and_one_that_never_did_is_not(tmp_path, monkeypatch):
    assert local._ended_well(tmp_path) is None
    monkeypatch.setattr(local, "SUBMIT_SECONDS", 0)
    assert local._ended_well(tmp_path) is False
    assert local._ended_well(tmp_path / "removed") is False
