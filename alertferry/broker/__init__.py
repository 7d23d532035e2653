"""A real Apache Kafka on this machine, for the demonstration, tests and laptops.

One node in KRaft mode, reachable from this machine only, run by the user, kept in ``home/broker``.
"""

from alertferry.broker.lifecycle import running_broker, start, status, stop
from alertferry.broker.security import Security, kafka_options
from alertferry.broker.state import BrokerInfo

__all__ = ["BrokerInfo", "Security", "kafka_options", "running_broker", "start", "status", "stop"]
