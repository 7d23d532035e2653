"""A simulator of survey lakes: alerts in the true schemas, of objects that come back night after night.

`simulate` makes a lake from nothing, `amplify` makes a larger one out of real alerts.
"""

from alertferry.testing.simulator.amplify import amplify
from alertferry.testing.simulator.lake import SimulatedLake
from alertferry.testing.simulator.schema import DEFAULT_VERSION, VERSIONS, lake_schema
from alertferry.testing.simulator.simulate import simulate

__all__ = ["DEFAULT_VERSION", "VERSIONS", "SimulatedLake", "amplify", "lake_schema", "simulate"]
