"""Starting Spark from kept classes: they are made with the jars, used by Spark, and nobody's start depends on them."""

import subprocess

import pytest

from alertferry.core import spark_java
from alertferry.core.class_archive import class_archive
from alertferry.core.jars import fetch_jars, pyspark_folder
from alertferry.core.settings import SPARK_PACKAGES
from alertferry.core.spark_java import CLASS_PATH, JAVA_OPTIONS, java_conf, merged

pytestmark = pytest.mark.spark

SHARED = "shared objects file (top)"


def classes_loaded(conf, folder):
    """Return how Spark's own start loads its classes, line by line."""
    log = folder / "classes.log"
    options = merged(conf, {JAVA_OPTIONS: f"-Xlog:class+load:file={log}"})
    confs = [part for name, value in options.items() for part in ("--conf", f"{name}={value}")]
    subprocess.run([pyspark_folder() / "bin" / "spark-submit", *confs, "--version"], check=True, capture_output=True)
    return log.read_text().splitlines()


@pytest.fixture
def kept(jars_home):
    archive = class_archive(fetch_jars(SPARK_PACKAGES, jars_home))
    if not archive.exists() or not archive.stat().st_size:
        pytest.skip(f"{archive} is not there: the jars were fetched by an earlier version, or could not be prepared")
    return archive


def test_spark_starts_from_kept_classes_also_where_the_home_is_a_link(kept, jars_home, tmp_path):
    link = tmp_path / "home"
    link.symlink_to(jars_home)
    found = classes_loaded(java_conf(SPARK_PACKAGES, link), tmp_path)
    shared = [line for line in found if SHARED in line]
    assert len(shared) > 0.5 * len(found)


def test_an_archive_that_does_not_fit_is_passed_over_in_silence(jars_home, tmp_path):
    """Another Java's, a damaged or an empty one: Spark starts as if there were none."""
    archive = tmp_path / "classes.jsa"
    archive.touch()
    conf = java_conf(SPARK_PACKAGES, jars_home)
    conf[JAVA_OPTIONS] = " ".join((*spark_java.COMPILE_LATER, f"-XX:SharedArchiveFile={archive}", "-Xlog:cds*=off"))
    assert not any(SHARED in line for line in classes_loaded(conf, tmp_path))


def test_classes_are_prepared_with_the_jars_and_not_for_jars_that_are_there(monkeypatch, tmp_path):
    trained = []
    jar = tmp_path / "jars" / "some" / "a.jar"
    monkeypatch.setattr(spark_java, "fetch_jars", lambda *_: (jar,))
    monkeypatch.setattr(spark_java, "_train", lambda jars, archive: trained.append((jars, archive)))
    monkeypatch.setattr(spark_java, "jars_at_hand", lambda *_: True)
    assert java_conf(["a:b:1"], tmp_path)[CLASS_PATH] == str(jar)
    assert trained == []
    monkeypatch.setattr(spark_java, "jars_at_hand", lambda *_: False)
    java_conf(["a:b:1"], tmp_path)
    assert trained == [((jar,), class_archive((jar,)))]


def test_java_was_replaced(monkeypatch, tmp_path):
    """The classes that another Java has left say that this one should have some too."""
    trained = []
    jar = tmp_path / "a.jar"
    (tmp_path / "classes-00000000.jsa").touch()
    monkeypatch.setattr(spark_java, "fetch_jars", lambda *_: (jar,))
    monkeypatch.setattr(spark_java, "_train", lambda *found: trained.append(found))
    monkeypatch.setattr(spark_java, "jars_at_hand", lambda *_: True)
    java_conf(["a:b:1"], tmp_path)
    assert len(trained) == 1


def test_a_preparation_that_fails_is_not_tried_again(monkeypatch, tmp_path):
    archive = tmp_path / "classes.jsa"
    monkeypatch.setattr(spark_java, "_run", lambda *_: False)
    spark_java._train((tmp_path / "a.jar",), archive)
    assert archive.stat().st_size == 0
    monkeypatch.setattr(spark_java, "_run", lambda *_: pytest.fail("tried again"))
    spark_java._train((tmp_path / "a.jar",), archive)
    assert not list(tmp_path.glob(".training-*"))


def test_a_site_adds_to_our_java_options_and_replaces_the_rest():
    ours = {JAVA_OPTIONS: "-Xours", "spark.driver.memory": "2g", "spark.ui.enabled": "false"}
    site = {JAVA_OPTIONS: "-Xtheirs", "spark.driver.memory": "9g"}
    assert merged(ours, site) == {
        JAVA_OPTIONS: "-Xours -Xtheirs",
        "spark.driver.memory": "9g",
        "spark.ui.enabled": "false",
    }
