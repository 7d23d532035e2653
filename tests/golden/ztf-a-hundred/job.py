"""An alertferry job: spark-submit this file, or call main(spark)."""

from alertferry.core.run import Run
from alertferry.core.submit import submit
from alertferry.plugins.filters.sql import Sql
from alertferry.plugins.outputs.kafka import Kafka
from alertferry.plugins.sources.ztf import Ztf

# job 50f589ef2d70541649758a05a7dc3c72df143e372d196b57669f906f8ba02afb


def main(spark):
    """Read, filter and write; return the report with the receipt."""
    run = Run(spark, name=None)
    alerts = run.read(Ztf(nights=['2021-11-22']))
    alerts = run.filter(alerts, Sql(where=['candidate.drb > 0.5']))
    alerts = run.limit(alerts, 100)
    return run.write(alerts, Kafka(packet='light'))


if __name__ == "__main__":
    submit(main)
