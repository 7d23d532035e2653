"""An alertferry job: spark-submit this file, or call main(spark)."""

from alertferry.core.run import Run
from alertferry.core.submit import submit
from alertferry.plugins.filters.sql import Sql
from alertferry.plugins.outputs.kafka import Kafka
from alertferry.plugins.sources.lsst import Lsst

# job 635b9bf2a41a33c00e95c54e01cd2cd8fb8ab040b8b007eb3c124a35e59baeb4


def main(spark):
    """Read, filter and write; return the report with the receipt."""
    run = Run(spark, name='bright-blazars')
    alerts = run.read(Lsst(nights=['2026-01-01', '2026-03-01..2026-03-07']))
    alerts = run.filter(alerts, Sql(where=['diaSource.psfFlux > 13500', "diaSource.band IN ('g','r')"]))
    return run.write(alerts, Kafka(packet='light-static'))


if __name__ == "__main__":
    submit(main)
