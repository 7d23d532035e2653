"""The schemas of a topic as files, for readers in other languages."""

from __future__ import annotations

from pathlib import Path

from alertferry.consumer.archive import Recipe
from alertferry.consumer.durable import storage_errors, write_durably
from alertferry.consumer.layout import SCHEMAS_FOLDER
from alertferry.consumer.schemas import UnsupportedSchemaError, arrow_schema
from alertferry.consumer.selection import Selection


def dump_schemas(topic: str, recipe: Recipe, records: Path) -> None:
    """Write ``avro_schema_<topic>.json`` and ``arrow_schema_<topic>.metadata`` into ``_schemas`` among the records.

    The second is read by ``pyarrow.parquet.read_schema``; it is left out where parquet cannot hold the schema.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    target = records / SCHEMAS_FOLDER
    with storage_errors(records):
        target.mkdir(exist_ok=True)
        write_durably(target / f"avro_schema_{topic}.json", [recipe.schema_json.encode()])
        try:
            schema = Selection(recipe.select, arrow_schema(recipe.schema_json)).schema
        except UnsupportedSchemaError:
            return
        sink = pa.BufferOutputStream()
        pq.write_metadata(schema, sink)
        write_durably(target / f"arrow_schema_{topic}.metadata", [sink.getvalue()])
