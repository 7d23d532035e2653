"""What launchers and outputs may offer so that the queue can look after their jobs better; none of it is required."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

from alertferry.core.receipt import Manifest
from alertferry.core.settings import Settings
from alertferry.core.steps import Handle

JOB_OPTION = "spark.alertferry.job"
"""Spark option by which a launcher learns the id of the job, to be the name of the job's folder."""

FOLDER_OPTION = "spark.alertferry.working_folder"
"""Spark option with the folder where relative file names of the job start."""

TOPIC_OPTION = "spark.alertferry.topic"
"""Spark option with the topic that the job is to create."""

OWNER_OPTION = "spark.alertferry.owner"
"""Spark option with the owner of the job, where it has one."""


@runtime_checkable
class Finds(Protocol):
    """A launcher that can find a job of which only the id is known, after whoever submitted it has died."""

    def find(self, id: str, settings: Settings) -> Handle | None:
        """Return the job's handle; None when nothing of it was started."""


@runtime_checkable
class Abandons(Protocol):
    """An output that can say, after a job has died, that nothing more will come."""

    def abandon(self, topic: str, state: str, reason: str, settings: Settings) -> Manifest | None:
        """Say so, unless the job had its last word; return the last word, None where nothing was ever said.

        ``state`` is ``failed`` or ``cancelled``. Raises `AlertferryError` when it cannot be said now.
        """
