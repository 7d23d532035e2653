"""An alertferry job: spark-submit this file, or call main(spark)."""

from alertferry.core.run import Run
from alertferry.core.submit import submit
from alertferry.plugins.outputs.files import Files
from alertferry.plugins.sources.lsst import Lsst

# job a47470e0734752635bb71d8dbe47fc0220cf95b46ab6541397ebca3180e9dd88


def main(spark):
    """Read, filter and write; return the report with the receipt."""
    run = Run(spark, name=None)
    alerts = run.read(Lsst(times=['2026-01-01T02:00:00..2026-01-01T04:00:00']))
    return run.write(alerts, Files(packet='medium', path='out'))


if __name__ == "__main__":
    submit(main)
