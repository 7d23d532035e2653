"""An alertferry job: spark-submit this file, or call main(spark)."""

from alertferry.core.run import Run
from alertferry.core.submit import submit
from alertferry.plugins.filters.sql import Sql
from alertferry.plugins.outputs.files import Files
from alertferry.plugins.sources.lsst import Lsst

# job be7ffd7799323343d46b31d78a85638561fd6880b2f556b0bc4dfa0d83d0e4ba


def main(spark):
    """Read, filter and write; return the report with the receipt."""
    run = Run(spark, name='fields (a few)')
    alerts = run.read(Lsst(nights=['2026-01-01'], lake="/lake/it's here"))
    alerts = run.filter(alerts, Sql(where=['diaSource.snr > 5']))
    alerts = run.filter(alerts, Sql(where=['xm.simbad_otype = \'"""\'']))
    return run.write(alerts, Files(fields=['diaSourceId', 'diaSource.ra', 'diaObject.ra', 'prvDiaSources.psfFlux'], path='out'))


if __name__ == "__main__":
    submit(main)
