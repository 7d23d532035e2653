"""The field tables: their format, and that those shipped say what the lakes hold."""

from __future__ import annotations

from pathlib import Path

import pytest

from alertferry.core.errors import AlertferryError
from alertferry.core.field_table import FieldDoc, load_fields, parse_fields
from tests.simulated import LAKE, SAMPLES, needs_samples

SOURCES = "alertferry.plugins.sources"
HEADER = "path\ttype\tnullable\tversions\tunit\tdescription\n"
KNOWN_TYPES = {
    *("long", "int", "float", "double", "boolean", "string", "binary", "timestamp", "struct", "array<struct>"),
    *("map<string,struct>", "map<string,string>", "map<string,float>"),
}


def spark_name(kind: object) -> str:
    """Return Spark's simple name of an Arrow type."""
    import pyarrow as pa

    if pa.types.is_struct(kind):
        return "struct"
    if pa.types.is_list(kind):
        return f"array<{spark_name(kind.value_type)}>"
    if pa.types.is_map(kind):
        return f"map<string,{spark_name(kind.item_type)}>"
    names = {"int64": "long", "int32": "int", "bool": "boolean"}
    return "timestamp" if pa.types.is_timestamp(kind) else names.get(str(kind), str(kind))


def leaves(parent: object, prefix: str = "") -> list[tuple[str, str, bool]]:
    """Return path, type and nullability of every field of an Arrow schema or struct, parents before children."""
    import pyarrow as pa

    size = len(parent) if isinstance(parent, pa.Schema) else parent.num_fields
    found = []
    for field in (parent.field(index) for index in range(size)):
        kind = field.type
        found.append((prefix + field.name, spark_name(kind), field.nullable))
        inner = kind.value_type if pa.types.is_list(kind) else kind.item_type if pa.types.is_map(kind) else kind
        if pa.types.is_struct(inner):
            found += leaves(inner, f"{prefix}{field.name}.")
    return found


def test_a_line_becomes_a_field() -> None:
    text = HEADER + "a\tstruct\t1\t1.0,2.0\t\tOuter\na.b\tfloat\t0\t2.0\tnJy\tInner\n"
    assert parse_fields(text) == (
        FieldDoc("a", "struct", True, ("1.0", "2.0"), "", "Outer"),
        FieldDoc("a.b", "float", False, ("2.0",), "nJy", "Inner"),
    )


def test_references_are_expanded_in_place() -> None:
    text = HEADER + "a\tstruct\t1\t1\t\tA\na.b\tint\t1\t1\tmag\tB\nh\tarray<struct @a>\t1\t2\t\tH\nz\tint\t1\t1\t\tZ\n"
    fields = parse_fields(text)
    assert [field.path for field in fields] == ["a", "a.b", "h", "h.b", "z"]
    assert fields[2].type == "array<struct>"
    assert fields[3] == FieldDoc("h.b", "int", True, ("2",), "mag", "B")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "line 1: expected the header"),
        (HEADER + "a\tint\t1\t1\n", "line 2: expected 6 columns, found 4"),
        (HEADER + "a\tint\tyes\t1\t\tA\n", "line 2: nullable must be 0 or 1, got 'yes'"),
        (HEADER + "a\tint\t1\t1\t\tA\na\tint\t1\t1\t\tA\n", "'a' is described twice"),
        (HEADER + "a\tstruct @b\t1\t1\t\tA\n", "'a' refers to 'b', which is not in the table"),
    ],
)
def test_a_damaged_table_is_refused(text: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        parse_fields(text)


def test_loading_a_damaged_table_names_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = tmp_path / "lone_survey_of_this_test"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "bad.tsv").write_text("nonsense")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(AlertferryError, match=r"the field table bad\.tsv of lone_survey_of_this_test is damaged"):
        load_fields(package.name, "bad.tsv")


@pytest.mark.parametrize("name", ["ztf_fields.tsv", "lsst_fields.tsv"])
def test_shipped_tables_are_complete(name: str) -> None:
    fields = load_fields(SOURCES, name)
    assert {field.type for field in fields} <= KNOWN_TYPES
    assert all(field.description and len(field.description) <= 150 for field in fields)
    paths = {field.path for field in fields}
    assert len(paths) == len(fields)
    assert all(path.rpartition(".")[0] in paths for path in paths if "." in path)


def test_newer_rubin_fields_have_their_own_version() -> None:
    newer = [field.path for field in load_fields(SOURCES, "lsst_fields.tsv") if field.versions == ("10.0+",)]
    assert newer == ["xm.tns_fullname", "timestamp"]


def test_loading_again_costs_nothing() -> None:
    assert load_fields(SOURCES, "ztf_fields.tsv") is load_fields(SOURCES, "ztf_fields.tsv")


@needs_samples
@pytest.mark.parametrize(("survey", "version", "night"), SAMPLES)
def test_tables_agree_with_real_lakes(survey: str, version: str, night: str) -> None:
    import pyarrow.parquet as pq

    file = next((LAKE / survey / night).glob("*.parquet"))
    real = leaves(pq.read_schema(file))
    documented = [field for field in load_fields(SOURCES, f"{survey}_fields.tsv") if version in field.versions]
    if version == "2021":
        assert {(field.path, field.type) for field in documented} == {(path, kind) for path, kind, _ in real}
    else:
        assert [(field.path, field.type, field.nullable) for field in documented] == real
