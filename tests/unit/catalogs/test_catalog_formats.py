"""Every format and every way of writing one, read in this process."""

from __future__ import annotations

import csv
import gzip
import io
import math
import random
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from astropy.io import fits
from astropy.table import MaskedColumn, Table

from alertferry.core.errors import UsageError
from tests.unit.catalogs.in_process import Read, Reader

PLAIN = "id,ra,dec\na,10.5,-20.5\nb,350.25,+0.25\n"


def check_plain(found: Read) -> None:
    assert (found.ids, found.ra, found.dec) == (["a", "b"], [10.5, 350.25], [-20.5, 0.25])


def table() -> Table:
    return Table(
        {
            "id": ["a", "b"],
            "ra": MaskedColumn([10.5, 350.25], unit="deg"),
            "dec": MaskedColumn([-20.5, 0.25], unit="deg"),
            "n": MaskedColumn([7, 8], mask=[False, True], dtype="i4"),
        }
    )


def astropy_file(kind: str, content: Table | None = None, **options: Any) -> bytes:
    out = io.BytesIO()
    (content or table()).write(out, format=kind, **options)
    return out.getvalue()


def text_file(kind: str, **options: Any) -> str:
    out = io.StringIO()
    table()["id", "ra", "dec"].write(out, format=kind, **options)
    return out.getvalue()


@pytest.mark.parametrize(
    "content",
    [
        PLAIN,
        "\ufeff" + PLAIN,
        PLAIN.replace("\n", "\r\n"),
        PLAIN.replace("\n", "\r"),
        PLAIN.rstrip("\n"),
        PLAIN.replace(",", ";"),
        PLAIN.replace(",", "\t"),
        PLAIN.replace(",", "|"),
        PLAIN.replace(",", " | "),
        PLAIN.replace(",", "   "),
        "  " + PLAIN.replace(",", "   ").replace("\n", "  \r\n "),
        '"id" ra dec\na\t10.5 -20.5\nb\t350.25\t +0.25\n',
        "# by me\n#\n" + PLAIN,
        "# id ra dec\na 10.5 -20.5\nb 350.25 +0.25\n",
        "#id,ra,dec\na,10.5,-20.5\n# a remark, with, commas\nb,350.25,+0.25\n",
        "\n\n" + PLAIN.replace("\n", "\n\n") + "   \n",
        '"id" "ra" "dec"\n"a" 10.5 -20.5\n"b"   350.25 +0.25\n',
        'id,"ra",dec\n"a","10.5",-20.5\n"b",350.25, +0.25 \n',
        "id, ra, dec\na, 10.5, -20.5\nb, 350.25, +0.25\n",
        "id,ra,dec\na,00:42:00,-20:30:00\nb,23:21:00,+00:15:00\n",
    ],
    ids=range(20),
)
def test_text_tables(read: Reader, content: str) -> None:
    found = read(content, on_bad_rows="fail")
    if found.ids == ["a ", "b "]:  # blanks beside a delimiter belong to the identifier
        assert " | " in content
        return
    check_plain(found)


@pytest.mark.parametrize("kind", ["ascii.csv", "ascii.ecsv", "ascii.commented_header", "ascii.basic", "ascii.tab"])
def test_text_tables_of_astropy(read: Reader, kind: str) -> None:
    check_plain(read(text_file(kind)))


def test_ecsv_gives_units(read: Reader) -> None:
    content = Table({"ra": [math.pi], "dec": [0.5], "id": ["x"]}, units={"ra": "rad", "dec": "rad"})
    out = io.StringIO()
    content.write(out, format="ascii.ecsv")
    assert read(out.getvalue()).ra == [180.0]


def test_vizier_gives_units_below_the_header(read: Reader) -> None:
    content = (
        "#RESOURCE=yCat\n#Column\t_RAJ2000\t(F9.5)\n_RAJ2000\t_DEJ2000\tName\trad\n"
        '"h:m:s"\t"d:m:s"\t\tarcsec\n--------\t--------\t----\t---\n'
        "00 42 00\t-20 30 00\ta\t1.5\n23 21 00\t+00 15 00\tb\t2.5\n\n"
    )
    found = read(content, radius="rad")
    check_plain(found)
    assert found.table.column("radius_arcsec").to_pylist() == [1.5, 2.5]


def test_dashes_without_units(read: Reader) -> None:
    check_plain(read(PLAIN.replace("\na", "\n--,--,--\na")))


def test_latin_1_is_read(read: Reader) -> None:
    content = "id,ra,dec\nétoile°,187°30',−1\n".replace("−", "-").encode("latin-1")
    assert read(content.replace(b",-1", b",-1.0")).ids == ["étoile°"]


def test_windows_dashes_are_read(read: Reader) -> None:
    found = read("id,ra,dec\n“x”,12:30:00,–01:30:00\n".encode("cp1252"))
    assert (found.ids, found.ra, found.dec) == (["“x”"], [187.5], [-1.5])


def test_bytes_of_no_encoding_are_latin_1(read: Reader) -> None:
    assert read(b"id,ra,dec\n\x81\xe9,1,2\n").ids == ["\x81é"]


def test_a_multibyte_character_across_blocks_is_read(read: Reader) -> None:
    name = "é" * 400
    rows = "".join(f"x{name},{index % 360},1\n" for index in range(6000))
    found = read("id,ra,dec\n" + rows)
    assert set(found.ids) == {"x" + name}
    assert found.ra == [float(index % 360) for index in range(6000)]


def test_hashes_inside_quotes_are_no_comments(read: Reader) -> None:
    found = read('ra,dec,id\n1,2,"a\n#b"\n# c\n3,4,d\n')
    assert found.ids == ["a\n#b", "d"]
    assert found.report.warnings == ["1 lines below the header start with '#' and were taken as comments"]


def test_a_quote_within_a_field_is_just_a_character(read: Reader) -> None:
    assert read('ra,dec,id\n1,2,5" seeing\n').ids == ['5" seeing']


def test_unnamed_columns_get_names(read: Reader) -> None:
    found = read(",ra,dec,id,\n0,1,2,x,\n", columns=("column_1", "column_5"))
    assert found.carried(0).to_pylist() == [0]
    assert found.carried(1).to_pylist() == [None]


def test_rows_that_do_not_fit_the_header_are_bad(read: Reader) -> None:
    found = read("id,ra,dec\na,1,2\nb,1\n\nc,1,2,3\nd,x,2\ne,3,4\n   \nf,5\n", on_bad_rows="drop")
    assert found.ids == ["a", "e"]
    assert found.bad == [
        (2, "", "has 2 fields where the header has 3"),
        (3, "", "has 4 fields where the header has 3"),
        (4, "ra", "is not a number, but most of the column is decimal degrees"),
        (6, "", "has 2 fields where the header has 3"),
    ]


def test_carried_columns_of_text_have_types_only_when_nothing_is_lost(read: Reader) -> None:
    content = (
        "id,ra,dec,int,float,zeros,exp,mixed,none,big,empty\n"
        "a,1,2,-7,0.5,007,1e5,1,,12345678901234567890,\n"
        "b,1,2,,nan,1,2e5,x,,1,3\n"
    )
    names = ("int", "float", "zeros", "exp", "mixed", "none", "big", "empty")
    found = read(content, columns=names)
    kinds = {name: str(found.carried(index).type) for index, name in enumerate(names)}
    assert kinds == {
        "int": "int64",
        "float": "double",
        "zeros": "string",
        "exp": "string",
        "mixed": "string",
        "none": "string",
        "big": "string",
        "empty": "int64",
    }
    assert found.carried(0).to_pylist() == [-7, None]
    assert found.carried(2).to_pylist() == ["007", "1"]


def test_parquet_carries_types(read: Reader) -> None:
    carried = {
        "f": pa.array([1.5, None], pa.float32()),
        "when": pa.array([1, 2], pa.timestamp("us", "UTC")),
        "list": pa.array([[1.0], None]),
        "kind": pa.array(["QSO", "BLL"]).dictionary_encode(),
        "a.b `c`": [True, None],
    }
    content = pa.table({"id": ["a", "b"], "ra": [10.5, 350.25], "dec": [-20.5, 0.25], **carried})
    found = read(content, columns=tuple(carried))
    check_plain(found)
    assert [str(found.carried(index).type) for index in range(5)] == [
        *("float", "timestamp[us, tz=UTC]", "list<element: double>", "string", "bool")
    ]
    assert found.carried(3).to_pylist() == ["QSO", "BLL"]


def test_parquet_texts_can_be_sexagesimal(read: Reader) -> None:
    check_plain(read(pa.table({"id": ["a", "b"], "ra": ["00 42 00", "23 21 00"], "dec": ["-20:30", "0:15"]})))


def test_parquet_with_decimals_and_integers(read: Reader) -> None:
    content = pa.table({"id": [1], "ra": pa.array([10]), "dec": pa.array([-20]).cast(pa.decimal128(21, 1))})
    assert (read(content).ra, read(content).dec) == ([10.0], [-20.0])


@pytest.mark.parametrize("kind", ["tabledata", "binary", "binary2"])
def test_votables(read: Reader, kind: str) -> None:
    unmasked = Table(table(), masked=False)
    unmasked["n"] = [7, 8]
    unmasked["n"] = unmasked["n"].astype("i4")
    found = read(astropy_file("votable", unmasked if kind == "binary" else None, tabledata_format=kind), columns=("n",))
    check_plain(found)
    assert found.report.format == "votable"
    assert found.carried().type == pa.int32()
    assert found.carried().to_pylist() == [7, 8 if kind == "binary" else None]


def test_votable_values_and_units(read: Reader) -> None:
    content = """<?xml version="1.0"?><!-- x --><vot:VOTABLE xmlns:vot="http://www.ivoa.net/xml/VOTable/v1.3">
      <vot:RESOURCE><vot:LINK href="http://example.org"/><vot:TABLE name="empty"><vot:FIELD name="q"/></vot:TABLE>
      <vot:TABLE><vot:FIELD name="p" ucd="pos.eq.ra;meta.main" datatype="char" arraysize="*" unit='"h:m:s"'/>
      <vot:FIELD name="q" ucd="pos.eq.dec;meta.main" datatype="float" unit="rad"/>
      <vot:FIELD name="id" datatype="char" arraysize="*"><vot:VALUES null="none"/></vot:FIELD>
      <vot:FIELD name="flag" datatype="boolean"/><vot:FIELD name="bad" datatype="int"/>
      <vot:DATA><vot:TABLEDATA>
      <vot:TR><vot:TD>12 30 00</vot:TD><vot:TD>0</vot:TD><vot:TD> a&amp;<![CDATA[b]]></vot:TD>
      <vot:TD>T</vot:TD><vot:TD>x1</vot:TD></vot:TR>
      <vot:TR><vot:TD>12 30 00</vot:TD><vot:TD>1</vot:TD><vot:TD>none</vot:TD><vot:TD>?</vot:TD></vot:TR>
      </vot:TABLEDATA></vot:DATA></vot:TABLE></vot:RESOURCE></vot:VOTABLE>"""
    found = read(content, columns=("flag", "bad"))
    assert (found.ra, found.ids) == ([187.5, 187.5], [" a&b", None])
    assert found.dec == pytest.approx([0.0, math.degrees(1.0)])
    assert found.carried(0).to_pylist() == [True, None]
    assert found.carried(1).to_pylist() == ["x1", None]
    assert "the file holds 2 tables; table 2 '' was read, as it alone has rows" in found.report.warnings[0]
    assert found.report.warnings[1:] == [
        "column 'bad' holds values that are no int; it is kept as text",
        "'q' is stored in single precision: positions are good to about 0.1 arcsec only",
    ]


@pytest.mark.parametrize("kind", ["tabledata", "binary", "binary2"])
def test_votable_cells_of_every_kind(read: Reader, kind: str) -> None:
    content = Table(
        {
            "id": ["0é", "b"],
            "ra": [1.0, 2.0],
            "dec": [1.0, 2.0],
            "flag": MaskedColumn([True, False]),
            "u1": np.array([1, 255], dtype="u1"),
            "i2": np.array([-1, 2], dtype="i2"),
            "i8": np.array([-(2**63), 2**63 - 1]),
            "f4": np.array([0.5, math.inf], dtype="f4"),
            "vector": np.array([[1.0, 2.0], [3.0, 4.0]]),
        }
    )
    names = ("flag", "u1", "i2", "i8", "f4", "vector")
    found = read(astropy_file("votable", content, tabledata_format=kind), columns=names)
    assert found.ids == ["0é", "b"]
    carried = [found.carried(index).to_pylist() for index in range(len(names))]
    assert carried[:5] == [[True, False], [1, 255], [-1, 2], [-(2**63), 2**63 - 1], [0.5, math.inf]]
    assert carried[5] == (["1 2", "3 4"] if kind == "tabledata" else [[1.0, 2.0], [3.0, 4.0]])


def test_the_frame_of_a_votable_counts(read: Reader) -> None:
    content = astropy_file("votable").decode()
    framed = content.replace("<TABLE", '<COOSYS ID="sys" system="eq_FK4" equinox="B1950"/><TABLE', 1)
    with pytest.raises(UsageError, match="column 'ra' holds 'eq_FK4' coordinates; convert them to ICRS"):
        read(framed.replace('name="ra"', 'name="ra" ref="sys"'))
    check_plain(read(framed.replace("eq_FK4", "ICRS").replace('name="ra"', 'name="ra" ref="sys"')))


def test_fits_tables(read: Reader) -> None:
    found = read(astropy_file("fits"), columns=("n",))
    check_plain(found)
    assert found.report.format == "fits"
    assert found.carried().type == pa.int32()
    assert found.carried().to_pylist() == [7, None]


def test_fits_columns_of_every_kind(read: Reader) -> None:
    columns = [
        fits.Column("RA", "D", "rad", array=[math.pi, 0.0]),
        fits.Column("DEC", "E", "deg", array=[1.0, -1.0]),
        fits.Column("NAME", "8A", array=[" a", "b"]),
        fits.Column("U", "J", bzero=2**31, array=np.array([1, 2**32 - 1], dtype=np.uint32)),
        fits.Column("SCALED", "I", array=np.array([3, 4], dtype=np.int16)),
        fits.Column("VECTOR", "3D", array=np.arange(6.0).reshape(2, 3)),
        fits.Column("VAR", "PD()", array=np.array([np.array([1.0]), np.array([1.0, 2.0])], dtype=object)),
        fits.Column("FLAG", "L", array=[True, False]),
    ]
    hdu = fits.BinTableHDU.from_columns(columns)
    hdu.header["TSCAL5"] = 0.5
    hdu.header["TUCD1"] = "pos.eq.ra;meta.main"
    out = io.BytesIO()
    fits.HDUList([fits.PrimaryHDU(np.zeros((10, 10))), fits.ImageHDU(np.zeros(3)), hdu]).writeto(out)
    found = read(out.getvalue(), columns=("U", "SCALED", "VECTOR", "VAR", "FLAG"))
    assert (found.ids, found.ra, found.dec) == ([" a", "b"], [180.0, 0.0], [1.0, -1.0])
    assert [found.carried(index).to_pylist() for index in range(5)] == [
        *([1, 2**32 - 1], [1.5, 2.0], [[0, 1, 2], [3, 4, 5]], [[1.0], [1.0, 2.0]], [True, False])
    ]
    assert found.report.columns[0].ucd == "pos.eq.ra;meta.main"


def test_the_equinox_of_a_fits_table_counts(read: Reader) -> None:
    content = Table(table(), meta={"EQUINOX": 1950.0})
    with pytest.raises(UsageError, match="column 'ra' holds 'B1950' coordinates"):
        read(astropy_file("fits", content))


@pytest.mark.parametrize("content", [PLAIN.encode(), astropy_file("votable"), astropy_file("fits")])
def test_gzip_of_any_format(read: Reader, content: bytes) -> None:
    check_plain(read(gzip.compress(content)))
    check_plain(read(gzip.compress(content[:50]) + gzip.compress(content[50:]) + b"\0" * 100))


@pytest.mark.parametrize("count", [1, 2])
def test_small_catalogues(read: Reader, count: int) -> None:
    rows = "".join(f"x{index},1,2\n" for index in range(count))
    assert len(read("id,ra,dec\n" + rows).ids) == count


@pytest.mark.parametrize("block", [1024, 4096, 65_536])
@pytest.mark.parametrize("seed", range(4))
def test_quoted_values_over_several_lines_are_counted_exactly(
    read: Reader, monkeypatch: pytest.MonkeyPatch, block: int, seed: int
) -> None:
    from alertferry.catalogs import text_layout, text_table

    for module in (text_layout, text_table):
        monkeypatch.setattr(module, "BLOCK_BYTES", block)
    rng = random.Random(seed)
    tails = ("", "\nx", "\n\n#c", '"q"', ",c")
    ids = [f"s{index}" + rng.choice(tails) * rng.choice((0, 0, 1, 3)) for index in range(3000)]
    out = io.StringIO()
    writer = csv.writer(out, quoting=rng.choice((csv.QUOTE_ALL, csv.QUOTE_MINIMAL)), lineterminator="\r\n")
    writer.writerows([["id", "ra", "dec"], *([name, index % 360, index % 90] for index, name in enumerate(ids))])
    found = read(out.getvalue())
    assert found.ids == ids
    assert found.report.rows == 3000
