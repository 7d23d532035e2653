import pytest

from alertferry.core.encoder.column import on_executors

JAR = "/home/me/.local/share/alertferry/jars/alertferry-encoder-12345678.jar"


@pytest.mark.parametrize(
    ("conf", "there"),
    [
        ({"spark.master": "local"}, True),
        ({"spark.master": "local[*]"}, True),
        ({"spark.master": "local[2,4]"}, True),
        ({"spark.master": "local-cluster[2,1,1024]"}, False),
        ({"spark.master": "yarn"}, False),
        ({"spark.master": "yarn", "spark.driver.extraClassPath": JAR}, False),
        ({"spark.master": "yarn", "spark.jars": f"/opt/other.jar,{JAR}"}, True),
        ({"spark.master": "spark://here:7077", "spark.executor.extraClassPath": f"/opt/other.jar:{JAR}"}, True),
    ],
)
def test_executors_have_the_encoder_when_they_were_given_it(conf, there):
    assert on_executors(conf) is there
