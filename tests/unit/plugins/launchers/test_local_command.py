"""What every user of the machine can read of ``spark-submit``, and what is said of one that died."""

import pytest

from alertferry.core.jobs.events import EVENTS_FILE, LOG_FILE
from alertferry.core.settings import Settings
from alertferry.plugins.launchers.local import Local, _last_words


def test_secret_options_travel_in_a_private_file(tmp_path):
    conf = {"spark.hadoop.fs.s3a.secret.key": "c\\anary", "spark.hadoop.fs.s3a.endpoint": "https://s3"}
    command = Local()._command(tmp_path, Settings(spark_packages=(), spark_conf=conf))
    assert "canary" not in " ".join(command).replace("\\", "")
    assert "spark.hadoop.fs.s3a.endpoint=https://s3" in command
    file = tmp_path / "spark.conf"
    assert command[command.index("--properties-file") + 1] == str(file)
    assert "--load-spark-defaults" in command
    assert file.read_text() == "spark.hadoop.fs.s3a.secret.key=c\\\\anary\n"
    assert file.stat().st_mode & 0o777 == 0o600


def test_without_secrets_the_site_defaults_stay_alone(tmp_path):
    command = Local()._command(tmp_path, Settings(spark_packages=(), spark_conf={"spark.x": "1"}))
    assert not {"--properties-file", "--load-spark-defaults"} & set(command)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("log", "events", "said"),
    [
        ("WARN a\n1 INFO Hook: gone\n", '{"event": "step"}\npython: no such file\n', "python: no such file"),
        ("java.lang.OutOfMemoryError: heap\n1 INFO Hook: gone\n", "", "java.lang.OutOfMemoryError: heap"),
        ("1 INFO Hook: gone\n", '{"event": "step"}\n', "its log does not say why"),
    ],
)
def test_last_words_are_not_routine(tmp_path, log, events, said):
    (tmp_path / LOG_FILE).write_text(log)
    (tmp_path / EVENTS_FILE).write_text(events)
    assert _last_words(tmp_path).startswith(f"Spark ended without a result ({said}); see `alertferry jobs log")
