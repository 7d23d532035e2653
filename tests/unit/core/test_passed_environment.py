import pytest

from alertferry.broker.java import environment as brokers
from alertferry.catalogs.sandbox import environment as parsers
from alertferry.core.passed_environment import VARIABLE, passed_environment
from alertferry.core.settings import load_settings
from alertferry.core.working_folder import environment as workers
from alertferry.plugins.launchers.local import _environment as jobs

STRANGE = (
    "GITHUB_TOKEN",
    "DATABASE_URL",
    "SLACK_WEBHOOK",
    "PANEL_COOKIE_SECRET",
    "PASSWORD",
    "MY_HOME",
    "AWS",
    "X_proxy",
)
OURS_ALONE = ("ALERTFERRY_UI_COOKIE_SECRET", "ALERTFERRY_UI_BASIC_AUTH", "ALERTFERRY_JOBS_URL")
NEEDED = (
    *("PATH", "HOME", "LANG", "LC_CTYPE", "TZ", "JAVA_HOME", "SPARK_LOCAL_IP", "HADOOP_CONF_DIR", "PYSPARK_PYTHON"),
    *("ALERTFERRY_HOME", "ALERTFERRY_KAFKA_SASL_PASSWORD", "AWS_SECRET_ACCESS_KEY", "https_proxy", "HTTPS_PROXY"),
    *("SSL_CERT_FILE", "KRB5CCNAME", "XDG_CONFIG_HOME", "PYTHONPATH"),
)


def test_what_is_needed_passes_and_nothing_else():
    everything = dict.fromkeys((*STRANGE, *OURS_ALONE, *NEEDED), "x")
    assert set(passed_environment(everything)) == set(NEEDED)


def test_a_site_adds_what_its_plugins_need():
    more = {VARIABLE: "GITHUB_TOKEN, MY_*", "GITHUB_TOKEN": "x", "MY_HOME": "y", "MYSELF": "z"}
    assert set(passed_environment(more)) == {VARIABLE, "GITHUB_TOKEN", "MY_HOME"}


@pytest.mark.parametrize("environment", [workers, brokers, parsers, lambda: jobs(load_settings())])
def test_no_process_that_we_start_gets_what_a_server_happens_to_have(environment, monkeypatch):
    for name in (*STRANGE, *OURS_ALONE[:2]):
        monkeypatch.setenv(name, "s3cret-of-the-server")
    found = environment()
    assert "s3cret-of-the-server" not in found.values()
    assert found["PATH"]
