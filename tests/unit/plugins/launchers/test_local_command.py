"""What stands in the arguments of ``spark-submit``, which every user of the machine can read."""

from alertferry.core.settings import Settings
from alertferry.plugins.launchers.local import Local


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
