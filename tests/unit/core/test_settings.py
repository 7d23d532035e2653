import os

import pytest

from alertferry.core.errors import UsageError
from alertferry.core.settings import load_settings
from alertferry.core.working_folder import VARIABLE, environment


def read(tmp_path, text="", **environ):
    folder = tmp_path / "alertferry"
    folder.mkdir(exist_ok=True)
    (folder / "alertferry.toml").write_text(text)
    return load_settings({"XDG_CONFIG_HOME": str(tmp_path), **environ})


def test_later_places_win(tmp_path):
    named = tmp_path / "named.toml"
    named.write_text('launcher = "cluster"\nbootstrap_servers = "b:1"\n[lakes]\nlsst = "/named"')
    settings = read(
        tmp_path,
        'launcher = "x"\ntopic_partitions = 3\n[lakes]\nztf = "/file"\nlsst = "/file"',
        ALERTFERRY_CONFIG=str(named),
        ALERTFERRY_BOOTSTRAP_SERVERS="c:1",
    )
    assert (settings.launcher, settings.bootstrap_servers, settings.topic_partitions) == ("cluster", "c:1", 3)
    assert settings.lakes == {"ztf": "/file", "lsst": "/named"}


@pytest.mark.parametrize(
    "address", ["https://example.org/help?a=b#c", "HTTP://localhost:1/", "mailto:help@example.org"]
)
def test_a_page_may_link_to_what_the_site_sets(tmp_path, address):
    assert read(tmp_path, ALERTFERRY_CONTACT_URL=address).contact_url == address
    assert read(tmp_path, f'docs_url = "{address}"').docs_url == address


@pytest.mark.parametrize("address", ["javascript:alert(1)", "data:text/html,x", "//x", "https://", "https://a b", "x"])
def test_a_page_may_link_to_nothing_that_runs(tmp_path, address):
    with pytest.raises(UsageError, match="contact_url: must be an address that begins with https://"):
        read(tmp_path, ALERTFERRY_CONTACT_URL=address)


def test_relative_paths_are_those_of_this_folder_for_whoever_runs_elsewhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "named.toml").write_text('tns_table = "tns.parquet"\n[lakes]\nztf = "lakes/ztf"')
    settings = read(tmp_path, ALERTFERRY_HOME="h", ALERTFERRY_CONFIG="named.toml", ALERTFERRY_LAKE_LSST="hdfs://n/lake")
    assert settings.home == tmp_path / "h"
    assert settings.lakes == {"ztf": str(tmp_path / "lakes/ztf"), "lsst": "hdfs://n/lake"}
    assert settings.tns_table == str(tmp_path / "tns.parquet")
    monkeypatch.chdir("/")
    monkeypatch.setenv(VARIABLE, str(tmp_path))
    assert read(tmp_path, ALERTFERRY_HOME="h", ALERTFERRY_CONFIG="named.toml").home == tmp_path / "h"


def test_processes_elsewhere_find_our_modules_and_settings(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(["src", "/abs", ""]))
    monkeypatch.setenv("ALERTFERRY_CONFIG", "named.toml")
    assert environment()["PYTHONPATH"] == os.pathsep.join([str(tmp_path / "src"), "/abs", str(tmp_path)])
    assert environment()["ALERTFERRY_CONFIG"] == str(tmp_path / "named.toml")
    for name in ("PYTHONPATH", "ALERTFERRY_CONFIG"):
        monkeypatch.delenv(name)
        assert name not in environment()


def test_environment_names(tmp_path):
    settings = read(
        tmp_path,
        ALERTFERRY_HOME="/h",
        ALERTFERRY_LAKE_MYSURVEY="s3a://lake",
        ALERTFERRY_KAFKA_SECURITY_PROTOCOL="SASL_SSL",
        ALERTFERRY_SPARK_CONF="a.b=1; c.d=x=y",
    )
    assert str(settings.home) == "/h"
    assert settings.lakes == {"mysurvey": "s3a://lake"}
    assert settings.kafka == {"security.protocol": "SASL_SSL"}
    assert settings.spark_conf == {"a.b": "1", "c.d": "x=y"}


def test_administrators_are_named_and_nobody_is_one_by_default(tmp_path):
    assert read(tmp_path).admins == ()
    assert read(tmp_path, ALERTFERRY_ADMINS=" ana, ben ,").admins == ("ana", "ben")
    assert read(tmp_path, 'admins = ["ana"]').admins == ("ana",)
    with pytest.raises(UsageError, match="admins"):
        read(tmp_path, 'admins = [""]')


def test_secrets_do_not_show(tmp_path):
    settings = read(tmp_path, ALERTFERRY_KAFKA_SASL_PASSWORD="canary-7", ALERTFERRY_KAFKA_SASL_USERNAME="me")
    assert "canary-7" not in repr(settings)
    assert settings.redact("login me canary-7 failed") == "login me *** failed"


def test_secrets_are_redacted_however_they_are_written(tmp_path):
    settings = read(
        tmp_path,
        ALERTFERRY_KAFKA_SASL_PASSWORD='can"ary\\8',
        ALERTFERRY_SPARK_CONF="spark.hadoop.fs.s3a.secret.key=canary-9;spark.x.password=canary-9-long;spark.y=kept",
        ALERTFERRY_KAFKA_SASL_OAUTHBEARER_TOKEN_ENDPOINT_URL="https://login",
    )
    said = 'can"ary\\8 can\\"ary\\\\8 canary-9 canary-9-long kept https://login'
    assert settings.redact(said) == "*** *** *** *** kept https://login"
    assert "canary" not in repr(settings)


def test_kafka_options_of_a_file_as_people_write_them(tmp_path):
    text = '[kafka]\nsasl.username = "me"\n"sasl.password" = "pw"\nenable.idempotence = true\nqueued.min.messages = 5'
    named = tmp_path / "named.toml"
    named.write_text('[kafka]\nsasl.mechanism = "PLAIN"\nsasl.username = "you"')
    settings = read(tmp_path, text, ALERTFERRY_CONFIG=str(named), ALERTFERRY_KAFKA_SASL_PASSWORD="other")
    assert settings.kafka == {
        "sasl.username": "you",
        "sasl.mechanism": "PLAIN",
        "sasl.password": "other",
        "enable.idempotence": "true",
        "queued.min.messages": "5",
    }


def test_a_secret_of_the_wrong_kind_does_not_show(tmp_path):
    with pytest.raises(UsageError) as caught:
        read(tmp_path, '[kafka]\n"sasl.password" = ["canary-10"]')
    assert "kafka.sasl.password" in str(caught.value)
    assert "canary" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "environ", "message"),
    [
        ("launchr = 'x'", {}, "no setting 'launchr'; did you mean 'launcher'?"),
        ("a = ", {}, "cannot read the settings file"),
        ("", {"ALERTFERRY_CONFIG": "/nowhere.toml"}, "ALERTFERRY_CONFIG names /nowhere.toml, which does not exist"),
        ("", {"ALERTFERRY_SPARK_CONF": "oops"}, "ALERTFERRY_SPARK_CONF must be JSON or 'name=value;name=value'"),
        ("", {"ALERTFERRY_TOPIC_PARTITIONS": "0"}, "topic_partitions"),
        ("", {"ALERTFERRY_TOPIC_ACLS": "yes"}, "topic_acls"),
        ("", {"ALERTFERRY_OWNER_PRINCIPAL": "{owner}"}, "owner_principal"),
    ],
)
def test_mistakes_are_named(tmp_path, text, environ, message):
    with pytest.raises(UsageError) as caught:
        read(tmp_path, text, **environ)
    assert message in str(caught.value)
