"""What readers make of a delivered folder by their plain call: run by each reader's own Python, which has nothing of ours.

``python read_folder.py READER FOLDER`` prints rows as JSON, whole numbers as text (JSON has too few digits).
"""

import json
import math
import sys


def by_pandas(folder):
    import pandas as pd

    return pd.read_parquet(folder).to_dict("records")


def by_pandas_arrow(folder):
    import pandas as pd

    return pd.read_parquet(folder, dtype_backend="pyarrow").to_dict("records")


def by_pyarrow(folder):
    import pyarrow.parquet as pq

    return pq.read_table(folder).to_pylist()


def by_polars(folder):
    import polars as pl

    assert pl.scan_parquet(folder).collect().equals(pl.read_parquet(folder))
    return pl.read_parquet(folder).to_dicts()


def by_duckdb(folder):
    import duckdb

    found = duckdb.sql(f"select * from read_parquet('{folder}/**/*.parquet')")
    return [dict(zip(found.columns, row, strict=True)) for row in found.fetchall()]


def by_dask(folder):
    import dask.dataframe as dd

    return dd.read_parquet(folder).compute().to_dict("records")


def by_nested_pandas(folder):
    import nested_pandas
    import pyarrow as pa

    frame = nested_pandas.read_parquet(folder)
    columns = {name: pa.array(frame[name]).to_pylist() for name in frame}  # as it holds them: it prints floats
    return [{name: values[row] for name, values in columns.items()} for row in range(len(frame))]


def by_fastparquet(folder):
    import fastparquet

    return fastparquet.ParquetFile(folder).to_pandas().to_dict("records")


def by_astropy(folder):
    import pandas as pd
    from astropy.table import Table

    table = Table.from_pandas(pd.read_parquet(folder))
    columns = {name: table[name].tolist() for name in table.colnames}
    return [{name: values[row] for name, values in columns.items()} for row in range(len(table))]


def by_spark(folder):
    from pyspark.sql import SparkSession

    spark = SparkSession.builder.master("local[1]").getOrCreate()
    return [row.asDict(recursive=True) for row in spark.read.format("avro").load(folder).collect()]


def plain(value):
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    if type(value).__module__.split(".")[0] == "pandas" and hasattr(value, "to_dict"):
        return plain(value.to_dict("records"))
    if isinstance(value, (list, tuple)) or type(value).__name__ == "ndarray":
        return [plain(item) for item in value]
    if value is None or type(value).__name__ in ("NAType", "NaTType"):
        return None
    if isinstance(value, float):
        return None if math.isnan(value) else value
    if isinstance(value, (bool, str)):
        return value
    if type(value).__name__.startswith(("int", "uint")):
        return str(int(value))
    if type(value).__name__ in ("bool_", "bool"):
        return bool(value)
    if type(value).__name__.startswith("float"):
        return plain(float(value))
    return repr(value)


if __name__ == "__main__":
    print(json.dumps([plain(row) for row in globals()["by_" + sys.argv[1]](sys.argv[2])]))
