"""Writing packets as parquet to any Hadoop filesystem, without Kafka: whole or not at all."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Self

from pydantic import Field

from alertferry.core.content import PacketOutput
from alertferry.core.errors import AlertferryError, UsageError
from alertferry.core.hooks import hookimpl
from alertferry.core.receipt import RECEIPT_FILE
from alertferry.core.steps import Alerts, Output, Report
from alertferry.core.working_folder import is_url, resolved
from alertferry.plugins.outputs import packing
from alertferry.plugins.outputs.measures import Measures, observed

if TYPE_CHECKING:
    from alertferry.core.run import Run

_KEY = "__alertferry_key"


class Files(PacketOutput):
    """Write packets as parquet files with a receipt.

    The folder appears under its name only when everything is in it.
    """

    kind: ClassVar[str] = "files"

    path: Annotated[str, Field(min_length=1)]
    """Folder to make, as a path or URL; it must not exist yet. Relative ones start where the job was submitted."""

    @classmethod
    def examples(cls) -> tuple[Self, ...]:
        """Return a typical folder."""
        return (cls(path="alerts", packet="medium"),)

    def write(self, alerts: Alerts, run: Run) -> Report:
        """Write beside the target, add the receipt, rename."""
        from pyspark.sql import functions as F

        folder = _Folder(run, self.path if is_url(self.path) else resolved(self.path))
        folder.refuse_existing()
        packed = packing.pack(self, alerts, run)
        manifest = packing.manifest(run, alerts, packed, folder.target, datetime.now(UTC).isoformat())
        rows = alerts.frame.select(packed.key.alias(_KEY), *packed.columns)
        frame, seen = observed(rows, F.col(_KEY), F.lit(0))
        try:
            with run.timed("write"):
                frame.drop(_KEY).write.parquet(folder.partial, compression="zstd")
            measured = packing.receipt(run, alerts, packed, Measures.of(seen))
            receipt = measured.model_copy(update={"bytes": folder.size()})
            complete = manifest.model_copy(update={"state": "complete", "receipt": receipt})
            folder.finish(complete.to_json())
        except BaseException:  # also when interrupted: nothing half-written stays
            folder.drop()
            raise
        return Report(destination=folder.target, receipt=receipt)


class _Folder:
    """A folder that is written under another name and renamed when complete."""

    def __init__(self, run: Run, path: str) -> None:
        jvm = run.spark._jvm
        assert jvm is not None
        self._path: Any = jvm.org.apache.hadoop.fs.Path
        conf = run.spark._jsparkSession.sessionState().newHadoopConf()
        self._files = self._path(path).getFileSystem(conf)
        target = self._files.makeQualified(self._path(path))
        self.target = str(target.toString())
        hidden = f".{target.getName()}.partial-{secrets.token_hex(4)}"
        self.partial = str(self._path(target.getParent(), hidden).toString())

    def refuse_existing(self) -> None:
        if self._files.exists(self._path(self.target)):
            raise UsageError(f"output.path: {self.target} exists already; choose another folder or remove it")

    def size(self) -> int:
        """Return the bytes of the data files."""
        statuses = self._files.listStatus(self._path(self.partial))
        return sum(status.getLen() for status in statuses if not status.getPath().getName().startswith((".", "_")))

    def finish(self, receipt: str) -> None:
        stream = self._files.create(self._path(f"{self.partial}/{RECEIPT_FILE}"))
        try:
            stream.write(receipt.encode())
        finally:
            stream.close()
        self.refuse_existing()
        if not self._files.rename(self._path(self.partial), self._path(self.target)):
            raise AlertferryError(f"{self.partial} cannot be renamed to {self.target}; check the rights on its parent")

    def drop(self) -> None:
        self._files.delete(self._path(self.partial), True)


@hookimpl
def register_outputs() -> Sequence[type[Output]]:
    """Offer ``kind: files``."""
    return [Files]
