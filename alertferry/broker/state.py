"""What is known of a broker between commands: ``home/broker/broker.json``."""

from __future__ import annotations

import os
from datetime import datetime
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field

HOST = "127.0.0.1"


class BrokerInfo(BaseModel):
    """A running broker: how to reach it, its process, and where its data and log are.

    ``started`` is in UTC. ``folder`` holds everything that belongs to this broker.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    bootstrap_servers: str
    pid: int
    port: int
    folder: Path
    log: Path
    started: datetime


class BrokerRecord(BaseModel):
    """The last start of a broker, kept after its end so that the next start takes the same ports.

    ``properties`` are those the user gave. ``dump`` is the file of loaded classes that the broker writes when
    it ends, if it was asked to.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    info: BrokerInfo
    controller_port: int
    properties: dict[str, str] = Field(default_factory=dict)
    dump: Path | None = None


def broker_folder(home: Path) -> Path:
    """Return the folder of the broker that belongs to ``home``."""
    return home.absolute() / "broker"


def read_record(folder: Path) -> BrokerRecord | None:
    """Return the last start; None when there was none or its record is damaged."""
    try:
        return BrokerRecord.model_validate_json((folder / "broker.json").read_text())
    except (OSError, ValueError):
        return None


def write_record(folder: Path, record: BrokerRecord) -> None:
    """Replace the record at once, so that no reader meets half of it."""
    scratch = folder / f".broker.json.{os.getpid()}"
    scratch.write_text(record.model_dump_json(indent=1))
    scratch.replace(folder / "broker.json")
