"""An alertferry job: spark-submit this file, or call main(spark)."""

from alertferry.core.run import Run
from alertferry.core.submit import submit
from alertferry.plugins.outputs.kafka import Kafka
from alertferry.plugins.sources.ztf import Ztf

# job 038eaa8fd9b12c6c82192d4c45798655df406adb251e7471d3a7107b4b6b6018


def main(spark):
    """Read, filter and write; return the report with the receipt."""
    run = Run(spark, name=None)
    alerts = run.read(Ztf(nights=['2021-11-22', '2025-01-14..2025-06-14']))
    return run.write(alerts, Kafka(packet='full', partitions=4))


if __name__ == "__main__":
    submit(main)
