"""Who asks for something, by which way, and whether the site lets them name files and lakes of the machine."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Channel = Literal["command line", "page", "http"]
"""Way by which a job came in; the Python API counts as the command line."""


@dataclass(frozen=True)
class Site:
    """What holds for everybody who uses an installation in this way.

    ``confined``: whoever asks is not the user of this machine. Jobs may then name their owner's uploads and the site's
    lakes, and nothing else of the machine.
    """

    confined: bool = False


@dataclass(frozen=True)
class Access:
    """Who asks: the ``user`` who signed in (None where nobody signs in), the ``channel``, and the ``site``'s rules.

    Every function of the service that acts on a job takes one, and applies the site's rules to that very job.
    """

    user: str | None = None
    channel: Channel = "command line"
    site: Site = Site()

    @property
    def confined(self) -> bool:
        """Whether only uploads and the site's lakes may be named."""
        return self.site.confined


COMMAND_LINE = Access()
"""The user of this machine, who may name whatever they may read."""
