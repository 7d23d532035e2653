"""Alertferry."""
from alertferry._version import __version__ as __version__
