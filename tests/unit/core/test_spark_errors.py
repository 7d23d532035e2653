"""What a job raised, in words."""

from alertferry.core.spark_errors import from_spark_error


def test_an_interruption_is_no_failure_with_a_log():
    assert str(from_spark_error(KeyboardInterrupt())) == "it was interrupted"
    assert str(from_spark_error(ValueError("odd"))) == "the job failed: ValueError: odd; the log has the whole story"
