"""Start, look at and stop the broker of a home."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from alertferry.broker.java import broker_command, format_storage, kafka_jars
from alertferry.broker.process import attach, claim, end, is_broker, spawn
from alertferry.broker.properties import choose_ports, server_properties
from alertferry.broker.readiness import PortLostError, check_properties, wait_until_ready
from alertferry.broker.security import (
    Kept,
    Security,
    check_same,
    format_arguments,
    read_security,
    settle_security,
    write_private,
)
from alertferry.broker.state import HOST, BrokerInfo, BrokerRecord, broker_folder, read_record, write_record
from alertferry.core.class_archive import class_archive
from alertferry.core.errors import AlertferryError, UsageError
from alertferry.core.locks import folder_lock

_ATTEMPTS = 3


@dataclass(frozen=True)
class _Request:
    """What a start asks for; see `start`."""

    home: Path
    port: int | None
    properties: Mapping[str, str]
    heap_mib: int
    jars_home: Path
    attached: bool
    security: Security | None

    @property
    def folder(self) -> Path:
        return broker_folder(self.home)


def start(  # noqa: PLR0913 - each is an option of its own on the command line
    home: Path,
    port: int | None = None,
    *,
    properties: Mapping[str, str] | None = None,
    attached: bool = False,
    heap_mib: int = 512,
    jars_home: Path | None = None,
    security: Security | None = None,
) -> BrokerInfo:
    """Start the broker of ``home`` and return when it answers; a running one is returned as it is.

    Parameters
    ----------
    home
        Everything is kept in ``home/broker``; topics and offsets survive a stop.
    port
        Port on 127.0.0.1; when None the last one, or a free one if that is taken.
    properties
        Broker properties of Apache Kafka that replace ours.
    attached
        Stop the broker when the calling process ends, even when it is killed.
    heap_mib
        Largest Java heap, in MiB.
    jars_home
        Home that holds the jars, when it is another one.
    security
        Users and encryption of a new broker, an open one when None; a stopped broker keeps its own.

    Raises
    ------
    UsageError
        The port is taken, a property is wrong, or the running broker does not fit the request.
    AlertferryError
        The broker ended or did not answer in time; the message holds the telling lines of its log.
    """
    return _start(_Request(home, port, dict(properties or {}), heap_mib, jars_home or home, attached, security))[0]


def stop(home: Path, pid: int | None = None) -> bool:
    """Stop the broker of ``home`` and return whether one was running; only process ``pid`` when given.

    The broker is asked to close its files; it is killed only when it does not end in time.
    """
    folder = broker_folder(home)
    if not folder.is_dir():
        return False
    with folder_lock(folder):
        record = _running(folder)
        if record is None or pid not in (None, record.info.pid):
            return False
        _end(record)
        return True


def status(home: Path) -> BrokerInfo | None:
    """Return the running broker of ``home``, or None."""
    record = _running(broker_folder(home))
    return record.info if record else None


@contextmanager
def running_broker(  # noqa: PLR0913 - as `start`
    home: Path,
    port: int | None = None,
    *,
    properties: Mapping[str, str] | None = None,
    heap_mib: int = 512,
    jars_home: Path | None = None,
    security: Security | None = None,
) -> Iterator[BrokerInfo]:
    """Give a broker for the length of a ``with`` block, as `start` does, and stop it after.

    It also stops when this process is interrupted or killed. A broker that was running before is given
    as it is, and keeps running.
    """
    request = _Request(home, port, dict(properties or {}), heap_mib, jars_home or home, True, security)
    info, launched = _start(request)
    try:
        yield info
    finally:
        if launched:
            stop(home, info.pid)


def _start(request: _Request) -> tuple[BrokerInfo, bool]:
    """Return the broker and whether it was started now."""
    _check_path(request.folder)
    _check_path(request.jars_home)
    with folder_lock(request.folder):
        running = _running(request.folder)
        if running is not None and _joins(running, request):
            return running.info, False
        jars = kafka_jars(request.jars_home)
        for _ in range(_ATTEMPTS - 1):
            try:
                return _launch(request, jars), True
            except PortLostError:
                if request.port is not None:
                    raise
        return _launch(request, jars), True


def _launch(request: _Request, jars: tuple[Path, ...]) -> BrokerInfo:
    with claim(request.folder) as hold:
        record = _spawn(request, jars, hold)
    try:
        write_record(request.folder, record)
        if request.attached:
            attach(record.info.pid, request.home)
        wait_until_ready(record.info)
        check_properties(record.info, request.properties)
    except BaseException:  # also when interrupted: no broker stays that nobody knows of
        _end(record)
        raise
    return record.info


def _spawn(request: _Request, jars: tuple[Path, ...], hold: int) -> BrokerRecord:
    folder = request.folder
    last = read_record(folder)
    if last is not None and last.dump is not None:
        last.dump.unlink(missing_ok=True)  # nobody saw it finished
    port, controller_port = choose_ports(request.port, last)
    kept = settle_security(folder, request.security)
    _prepare(folder, server_properties(folder, port, controller_port, request.properties, kept), jars, kept)
    archive = class_archive(jars).path
    dump = None if archive.exists() else archive.with_name(f"{archive.stem}-{os.getpid()}.jsa.part")
    log = folder / "broker.log"
    pid = spawn(broker_command(folder, jars, request.heap_mib, archive, dump), folder, log, hold)
    info = BrokerInfo(
        bootstrap_servers=f"{HOST}:{port}", pid=pid, port=port, folder=folder, log=log, started=datetime.now(UTC)
    )
    return BrokerRecord(info=info, controller_port=controller_port, properties=dict(request.properties), dump=dump)


def _prepare(folder: Path, properties: str, jars: tuple[Path, ...], kept: Kept) -> None:
    """Write the settings, clear what the last run left, and format the data folder once."""
    shutil.rmtree(folder / "tmp", ignore_errors=True)
    write_private(folder / "server.properties", properties)
    if not (folder / "data" / "meta.properties").exists():
        with format_arguments(folder, kept) as users:
            format_storage(folder, jars, users)


def _running(folder: Path) -> BrokerRecord | None:
    record = read_record(folder)
    return record if record is not None and is_broker(record.info.pid, folder) else None


def _check_path(folder: Path) -> None:
    found = [character for character in ",:" if character in str(folder)]
    if found:
        raise UsageError(f"the broker cannot work in {folder}: {found[0]!r} separates folders; choose another home")


def _joins(record: BrokerRecord, request: _Request) -> bool:
    """Return whether a broker found alive can be used; not when it was on its way out.

    Raises `UsageError` when it does not fit the request, `AlertferryError` when it does not answer.
    """
    where = f"the broker is already running on {record.info.bootstrap_servers}"
    if request.port not in (None, record.info.port):
        raise UsageError(f"{where}; stop it before starting it on port {request.port}")
    if request.properties and dict(request.properties) != record.properties:
        raise UsageError(f"{where} with other properties; stop it before changing them")
    check_same(request.folder, read_security(request.folder), request.security)
    try:
        wait_until_ready(record.info)
    except AlertferryError:
        if is_broker(record.info.pid, record.info.folder):
            raise
        return False
    return True


def _end(record: BrokerRecord) -> None:
    graceful = end(record.info.pid, record.info.folder)
    if record.dump is None or not record.dump.exists():
        return
    if graceful:
        record.dump.replace(record.dump.with_name(record.dump.name.rpartition("-")[0] + ".jsa"))
    else:
        record.dump.unlink()
