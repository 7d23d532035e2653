"""The database of the job store: a SQLite file, or any server that SQLAlchemy knows.

Times are seconds since 1970; what has structure is JSON text. Every change that several processes may want to make
at once is one statement with a condition, so that exactly one of them succeeds.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Connection,
    Double,
    Engine,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    create_engine,
    event,
    insert,
    make_url,
    select,
)
from sqlalchemy.exc import ArgumentError, IntegrityError, NoSuchModuleError, ProgrammingError, SQLAlchemyError

from alertferry.core.errors import AlertferryError, UsageError
from alertferry.core.locks import folder_lock
from alertferry.core.private import made, private_file

if TYPE_CHECKING:
    from alertferry.core.settings import Settings

FORMAT = 1
"""Version of the tables; a store of a later version is refused."""

BUSY_SECONDS = 30
"""How long a process waits for another to finish writing to a SQLite file."""

METADATA = MetaData()

JOBS = Table(
    "jobs",
    METADATA,
    Column("id", String(32), primary_key=True),
    Column("name", Text),
    Column("owner", String(255)),
    Column("state", String(16), nullable=False),
    Column("job", Text, nullable=False),
    Column("survey", String(64), nullable=False),
    Column("launcher", String(64), nullable=False),
    Column("script", Text, nullable=False),
    Column("context", Text, nullable=False),
    Column("submitted", Double, nullable=False),
    Column("started", Double),
    Column("ended", Double),
    Column("waiter", Text),
    Column("starter", Text),
    Column("handle", Text),
    Column("planned_topic", Text, nullable=False),
    Column("topic", Text),
    Column("destination", Text),
    Column("alerts", BigInteger),
    Column("bytes", BigInteger),
    Column("steps", Text, nullable=False, default="[]"),
    Column("progress", Text),
    Column("reason", Text),
    Column("exit_code", Integer),
    Column("problems", Text, nullable=False, default="[]"),
    Column("receipt", Text),
    Column("seconds", Double),
    Column("cancel_asked", Double),
    Column("tell_after", Double),
    Column("expires", Double),
    Column("expired", Boolean, nullable=False, default=False),
    Column("log_kept", Boolean, nullable=False, default=True),
    Index("jobs_by_state", "state", "submitted"),
    Index("jobs_by_owner", "owner", "submitted"),
)
"""One row a job. ``waiter`` is the process that alone may start it, ``starter`` the one that does.

``cancel_asked`` is when somebody began to stop it. ``tell_after`` is the next time to tell the destination that the
job has died, where that is still owed.
"""

DELETED = Table(
    "deleted",
    METADATA,
    Column("id", String(32), primary_key=True),
    Column("owner", String(255)),
    Column("submitted", Double, nullable=False),
)
"""Jobs that were deleted: for an hour they count among those that their owner has submitted."""

STORE = Table(
    "store",
    METADATA,
    Column("id", Integer, primary_key=True),
    Column("format", Integer, nullable=False),
    Column("turn", BigInteger, nullable=False),
    Column("swept", Double, nullable=False),
)
"""One row: the version of the tables; ``turn`` is written first by whoever chooses a job to start, so that others
wait; ``swept`` is the time of the last removal of old things."""


def url_of(settings: Settings) -> str:
    """Return the SQLAlchemy URL of an installation's store."""
    return settings.jobs_url or f"sqlite:///{settings.home.absolute() / 'jobs.sqlite'}"


def connect(settings: Settings) -> Engine:
    """Return the database with its tables made. Raises `UsageError` or `AlertferryError` saying what to do."""
    return _engine(url_of(settings), settings.home, os.getpid())


@contextmanager
def reading(engine: Engine) -> Iterator[Connection]:
    """Give a connection for questions. Raises `AlertferryError` when the database does not answer."""
    with _explained(engine), engine.connect() as connection:
        yield connection


@contextmanager
def writing(engine: Engine) -> Iterator[Connection]:
    """Give a connection whose changes are kept together at the end. Raises as `reading` does."""
    with _explained(engine), engine.begin() as connection:
        yield connection


@contextmanager
def _explained(engine: Engine) -> Iterator[None]:
    try:
        yield
    except SQLAlchemyError as error:
        said = str(getattr(error, "orig", None) or error).strip()
        shown = engine.url.render_as_string(hide_password=True)
        raise AlertferryError(
            f"the job store {shown} does not answer ({said}); check ALERTFERRY_JOBS_URL and ALERTFERRY_HOME"
        ) from None


@lru_cache(maxsize=16)
def _engine(url: str, home: Path, process: int) -> Engine:  # noqa: ARG001 - connections do not survive a fork
    engine = _create(url)
    with folder_lock(home / "jobs"), _explained(engine):
        _prepare(engine)
    return engine


def _create(url: str) -> Engine:
    try:
        parsed = make_url(url)
        if parsed.get_backend_name() != "sqlite":
            return create_engine(parsed, pool_pre_ping=True)
        if parsed.database and parsed.database != ":memory:":
            _make_private(Path(parsed.database))
        engine = create_engine(parsed, connect_args={"timeout": BUSY_SECONDS})
    except OSError as error:
        raise UsageError(
            f"cannot write the job store {parsed.database}: {error.strerror}; set ALERTFERRY_HOME, or "
            "ALERTFERRY_JOBS_URL where that is set, to a place of yours"
        ) from None
    except (ArgumentError, NoSuchModuleError, ImportError) as error:
        said = str(error) if not isinstance(error, ArgumentError) else "it is not a database URL"
        raise UsageError(
            f"the job store of ALERTFERRY_JOBS_URL cannot be used: {said}; give an SQLAlchemy URL as "
            "sqlite:////path/jobs.sqlite or postgresql+psycopg://user@host/database, with its driver installed"
        ) from None
    event.listen(engine, "connect", _durable)
    return engine


def _make_private(path: Path) -> None:
    """Make the file before SQLite does, readable for its user only."""
    made(path.parent)
    private_file(path)


def _durable(connection: Any, _: object) -> None:
    """Let readers and a writer work side by side, and survive a loss of power."""
    cursor = connection.cursor()
    if cursor.execute("PRAGMA journal_mode").fetchone()[0] != "wal":
        cursor.execute("PRAGMA journal_mode=WAL")
    cursor.execute("PRAGMA synchronous=FULL")
    cursor.close()


def _prepare(engine: Engine) -> None:
    with suppress(ProgrammingError, IntegrityError):  # another machine's process may just do it
        METADATA.create_all(engine)
    METADATA.create_all(engine)
    with suppress(IntegrityError), engine.begin() as connection:
        if connection.execute(select(STORE.c.id)).first() is None:
            connection.execute(insert(STORE).values(id=1, format=FORMAT, turn=0, swept=0.0))
    with engine.connect() as connection:
        found = connection.execute(select(STORE.c.format)).scalar_one()
    if found > FORMAT:
        raise UsageError(f"the job store was written by a newer alertferry (format {found}); upgrade this one")
