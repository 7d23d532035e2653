"""Contract tests for plugin authors, and simulators of what the plugins read."""
