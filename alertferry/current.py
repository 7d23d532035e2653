"""The settings of this moment: of the site, and of the broker that runs on this machine. Imports no jobs or plugins."""

from __future__ import annotations

from alertferry.core.settings import Settings, load_settings


def current_settings() -> Settings:
    """Return the settings; where no broker is configured but the embedded one runs, that one."""
    settings = load_settings()
    if settings.bootstrap_servers is None:
        from alertferry.broker import status

        running = status(settings.home)
        if running:
            settings = settings.model_copy(update={"bootstrap_servers": running.bootstrap_servers})
    return settings
