"""Any column has a path and a name in Avro, or is refused with the other that would share it."""

import json
import re

import fastavro
import pytest
from hypothesis import given
from hypothesis import strategies as st

from alertferry.core.columns import name_columns, role_column
from alertferry.core.content import field_problems, name_problems
from alertferry.core.naming import ORIGINAL, avro_name, avro_path, clashes, note_originals, renamed, with_originals
from alertferry.core.paths import as_part, join_path, quoted, split_path
from alertferry.core.schema import Array, Field, Map, Primitive, Struct, find, paths
from alertferry.plugins.sources.lsst import SURVEY

VALID = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
LONG = Primitive("long")
names = st.text(st.sampled_from('aA1_.`- é中𝛼\n"'), max_size=4) | st.text(max_size=6)


@pytest.mark.parametrize(
    ("name", "called"),
    [
        ("3hsp", "_3hsp"),
        ("a.b", "a_b"),
        ("ra-dec", "ra_dec"),
        ("mag (AB)", "mag__AB_"),
        ("α", "u03b1"),
        ("flux_é", "flux_u00e9"),
        ("x`y", "x_y"),
        ("", "_"),
        ("psfFlux", "psfFlux"),
        ("_1", "_1"),
        ("٣", "u0663"),
    ],
)
def test_names_in_avro(name, called):
    assert avro_name(name) == called


@given(names)
def test_every_name_is_valid_in_avro_and_stays_if_it_was(name):
    assert VALID.fullmatch(avro_name(name))
    assert avro_name(avro_name(name)) == avro_name(name)
    if VALID.fullmatch(name):
        assert avro_name(name) == name


@given(st.lists(names, min_size=1, max_size=4))
def test_paths_are_taken_apart_as_they_were_joined(parts):
    assert split_path(join_path(parts)) == parts


@given(st.text(max_size=8))
def test_any_text_is_a_path(text):
    parts = split_path(text)
    assert split_path(join_path(parts)) == parts


def test_paths_as_people_write_them():
    assert split_path("a.b") == ["a", "b"]
    assert split_path("`x.y`.ra") == ["x.y", "ra"]
    assert split_path("`candid`") == ["candid"]
    assert split_path("a``b") == ["a``b"]
    assert split_path("`a``.b`") == ["a`.b"]
    assert split_path("`a.b") == ["`a", "b"]
    assert (as_part("x.y"), as_part("ra"), as_part("3hsp"), as_part(""), quoted("a`")) == (
        "`x.y`",
        "ra",
        "3hsp",
        "``",
        "`a```",
    )


kinds = st.recursive(
    st.just(LONG),
    lambda inner: (
        st.builds(Array, inner)
        | st.builds(Map, st.just(Primitive("string")), inner)
        | st.lists(names, min_size=1, max_size=3, unique=True).flatmap(
            lambda found: st.tuples(*[inner] * len(found)).map(
                lambda kinds: Struct(tuple(Field(name, kind) for name, kind in zip(found, kinds, strict=True)))
            )
        )
    ),
    max_leaves=6,
)
structs = kinds.map(lambda kind: kind if isinstance(kind, Struct) else Struct((Field("only", kind),)))


def spark_json(kind):
    """The type as Spark writes it."""
    match kind:
        case Struct(fields):
            own = [{"name": f.name, "type": spark_json(f.type), "nullable": True, "metadata": {}} for f in fields]
            return {"type": "struct", "fields": own}
        case Array(element):
            return {"type": "array", "elementType": spark_json(element), "containsNull": True}
        case Map(key, value):
            return {
                "type": "map",
                "keyType": spark_json(key),
                "valueType": spark_json(value),
                "valueContainsNull": True,
            }
    return kind.name


def avro_of(kind, name="top"):
    """The Avro schema of a type of Spark, as its converter makes it."""
    match kind:
        case {"type": "struct", "fields": fields}:
            own = [{"name": f["name"], "type": [avro_of(f["type"], f"{name}.{f['name']}"), "null"]} for f in fields]
            return {"type": "record", "name": name, "fields": own}
        case {"type": "array"}:
            return {"type": "array", "items": [avro_of(kind["elementType"], name), "null"]}
        case {"type": "map"}:
            return {"type": "map", "values": [avro_of(kind["valueType"], name), "null"]}
    return kind


def documented(avro):
    """Every field of an Avro schema, as (name, original name)."""
    match avro:
        case list():
            return [item for branch in avro for item in documented(branch)]
        case {"fields": fields}:
            inner = [item for field in fields for item in documented(field["type"])]
            return [(field["name"], field.get("doc", field["name"])) for field in fields] + inner
        case {"items": below} | {"values": below}:
            return documented(below)
    return []


def all_names(kind):
    match kind:
        case Struct(fields):
            return [name for field in fields for name in [field.name, *all_names(field.type)]]
        case Array(inner) | Map(_, inner):
            return all_names(inner)
    return []


@given(structs)
def test_any_schema_is_valid_avro_or_refused_by_name(schema):
    found = list(clashes((field.name, field.type) for field in schema))
    if found:
        first, second, name = found[0]
        assert first != second
        assert avro_path(first).split(".")[-1].lower() == avro_path(second).split(".")[-1].lower() == name.lower()
        return
    original = spark_json(schema)
    avro = with_originals(avro_of(renamed(original)), original)
    fastavro.parse_schema(json.loads(json.dumps(avro)))
    assert sorted(documented(avro)) == sorted((avro_name(name), name) for name in all_names(schema))


@given(structs)
def test_every_path_leads_to_its_field(schema):
    for path, field in paths(schema):
        assert find(schema, path) == field


def test_columns_of_any_name_are_chosen_by_path():
    schema = Struct((Field("x.y", LONG), Field("x", Struct((Field("y", LONG), Field("3hsp", LONG))))))
    assert [item.name for item in name_columns(["`x.y`", "x.y", "x.3hsp"])] == ["x.y", "y", "3hsp"]
    assert find(schema, "`x.y`") is schema.fields[0]
    assert SURVEY.packets["full"].paths(schema) == ("`x.y`", "x")
    assert role_column(name_columns(["x", "`x.y`"]), "x.y") == "x.y"
    assert role_column(name_columns(["`x.y`"]), "`x.y`") == "`x.y`"
    assert role_column(name_columns(["`x.y`"]), "x.y") is None
    assert not list(field_problems(["`x.y`", "x.`3hsp`", "x.3hsp"], schema, (), SURVEY))
    (problem,) = field_problems(["a.b"], Struct((Field("a.b", LONG),)), (), SURVEY)
    assert "did you mean '`a.b`'" in problem.message


@pytest.mark.parametrize(("one", "other"), [("ra-dec", "ra_dec"), ("FLUX", "flux"), ("3x", "_3X"), ("a.b", "a b")])
def test_columns_that_would_share_a_name_are_both_named(one, other):
    schema = Struct((Field(one, LONG), Field("z", LONG), Field(other, LONG)))
    contents = name_columns(map(as_part, schema.names))
    (problem,) = name_problems(contents, schema, chosen=False)
    assert problem.path == "packet"
    assert repr(as_part(one)) in problem.message
    assert repr(as_part(other)) in problem.message
    inner = Struct((Field("s", Array(schema)),))
    (problem,) = name_problems(name_columns(["s"]), inner, chosen=True)
    assert repr(join_path(["s", one])) in problem.message
    assert problem.path == "fields"


@pytest.mark.parametrize("kind", ["long", {"type": "array", "elementType": "long", "containsNull": True}])
def test_columns_of_any_type_keep_the_name_of_their_source(kind):
    inner = {"name": "B_V", "type": kind, "nullable": True, "metadata": {}}
    struct = {"type": "struct", "fields": [inner]}
    field = {"name": "x", "type": {"type": "array", "elementType": struct, "containsNull": True}, "metadata": {}}
    note_originals(field, "x", {"x.B_V": "B-V"})
    assert inner["metadata"] == {ORIGINAL: "B-V"}
