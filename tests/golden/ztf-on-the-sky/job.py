"""An alertferry job: spark-submit this file, or call main(spark)."""

from alertferry.core.run import Run
from alertferry.core.submit import submit
from alertferry.plugins.filters.classes import Class
from alertferry.plugins.filters.combine import AnyOf
from alertferry.plugins.filters.crossmatch import Crossmatch
from alertferry.plugins.filters.region import Region
from alertferry.plugins.filters.sql import Sql
from alertferry.plugins.filters.tags import Tags
from alertferry.plugins.outputs.kafka import Kafka
from alertferry.plugins.sources.ztf import Ztf

# job 08db775b1645bb00e818b0c6248add077727f15766b6b9327c5953156aa2d5ba


def main(spark):
    """Read, filter and write; return the report with the receipt."""
    run = Run(spark, name='counterparts')
    alerts = run.read(Ztf(nights=['2025-01-14', '2025-06-01..2025-06-30']))
    alerts = run.filter(alerts, Crossmatch(catalog="it's mine.csv", ra='RAJ2000', dec='DEJ2000', id='Name', radius='r', keep='all', columns=['z', "type 'b'"]))
    alerts = run.filter(alerts, Region(polygon=[[120.0, -10.0], [180.0, -20.0], [230.0, 40.0], [150.0, 50.0]]))
    alerts = run.filter(alerts, AnyOf(of=[Region(moc='1/30-40 3/77'), Class(any_of=['(TNS) SN Ia', 'Early SN Ia candidate'])]))
    alerts = run.filter(alerts, Tags(none_of=['sso_ztf']))
    alerts = run.filter(alerts, Sql(where=['candidate.magpsf < 19.5']))
    return run.write(alerts, Kafka(fields=['objectId', 'candidate.ra', 'candidate.dec', 'xmatch', 'tnsclass']))


if __name__ == "__main__":
    submit(main)
