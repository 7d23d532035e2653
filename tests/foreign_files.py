"""Good files of every format that is read, and what a damaged line, disk or attacker makes of them."""

from __future__ import annotations

import gzip
import io
import random
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from astropy.io import fits
from astropy.table import MaskedColumn, Table
from mocpy import MOC

ROWS = 25


def table() -> Table:
    """Return 25 sources with identifiers, positions in degrees and some more columns."""
    rng = np.random.default_rng(1)
    return Table(
        {
            "name": [f"s{index:03d}" for index in range(ROWS)],
            "ra": MaskedColumn(rng.uniform(0, 360, ROWS), unit="deg"),
            "dec": MaskedColumn(rng.uniform(-90, 90, ROWS), unit="deg"),
            "n": rng.integers(-(2**62), 2**62, ROWS),
            "mag": rng.uniform(10, 20, ROWS).astype("f4"),
        }
    )


def _astropy(kind: str, content: Table | None = None, **options: Any) -> bytes:
    out: Any = io.BytesIO() if kind in ("fits", "votable") else io.StringIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        (content or table()).write(out, format=kind, **options)
    written = out.getvalue()
    return written if isinstance(written, bytes) else written.encode()


def _fits(*hdus: Any) -> bytes:
    out = io.BytesIO()
    fits.HDUList([fits.PrimaryHDU(), *hdus]).writeto(out)
    return out.getvalue()


def _parquet() -> bytes:
    out = io.BytesIO()
    pq.write_table(pa.table({name: table()[name].tolist() for name in table().colnames}), out)
    return out.getvalue()


def _sexagesimal() -> bytes:
    rows = (f"s{i};{i % 24:02d}:{i:02d}:0{i % 9}.5;-{i:02d} 30 {i:02d}\n" for i in range(ROWS))
    return ("id;RAJ2000;DEJ2000\n" + "".join(rows)).encode()


def _simbad() -> bytes:
    head = (
        "C.D.S.  -  SIMBAD4 rel 1.8\n\n#| identifier |typ| coord1 (ICRS,J2000/2000) |\n-|------------|---|--------|\n"
    )
    rows = (f"{i}|SN {i}|SN*|{i % 24:02d} 35 27.9875 -{i:02d} 16 11.107|\n" for i in range(1, ROWS))
    return (head + "".join(rows) + "=====\n").encode()


def _moc() -> MOC:
    return MOC.from_lonlat(table()["ra"].quantity, table()["dec"].quantity, max_norder=6)


def _moc_fits(old: bool) -> bytes:
    if old:
        column = fits.Column("UNIQ", "K", array=np.array([4 * 4**5 + 7, 4 * 4**6 + 99, 4 * 4**6 + 100]))
        hdu = fits.BinTableHDU.from_columns([column])
        hdu.header.update({"PIXTYPE": "HEALPIX", "ORDERING": "NUNIQ", "COORDSYS": "C", "MOCORDER": 6})
        return _fits(hdu)
    out = io.BytesIO()
    _moc().serialize("fits").writeto(out)
    return out.getvalue()


def flat_map(nside: int = 8, ordering: str = "RING") -> bytes:
    """Return a sky map of one resolution."""
    column = fits.Column("PROB", "D", array=np.random.default_rng(2).exponential(size=12 * nside**2))
    hdu = fits.BinTableHDU.from_columns([column])
    hdu.header.update({"PIXTYPE": "HEALPIX", "ORDERING": ordering, "NSIDE": nside, "COORDSYS": "C"})
    return _fits(hdu)


def multi_map() -> bytes:
    """Return a sky map of several resolutions."""
    unique = np.concatenate([4 * 4**3 + np.arange(400), 4 * 4**4 + np.arange(1600, 1800)])
    columns = [fits.Column("UNIQ", "K", array=unique), fits.Column("PROBDENSITY", "D", array=1.0 / unique)]
    hdu = fits.BinTableHDU.from_columns(columns)
    hdu.header.update({"PIXTYPE": "HEALPIX", "ORDERING": "NUNIQ", "COORDSYS": "C"})
    return _fits(hdu)


CATALOGUES: dict[str, Callable[[], bytes]] = {
    "csv": lambda: _astropy("ascii.csv"),
    "tsv": lambda: _astropy("ascii.tab"),
    "blanks": lambda: _astropy("ascii.basic"),
    "sexagesimal": _sexagesimal,
    "ecsv": lambda: _astropy("ascii.ecsv"),
    "mrt": lambda: _astropy("ascii.mrt", table()["name", "ra", "dec", "n"]),
    "ipac": lambda: _astropy("ascii.ipac"),
    "simbad": _simbad,
    "tabledata": lambda: _astropy("votable", tabledata_format="tabledata"),
    "binary": lambda: _astropy("votable", tabledata_format="binary"),
    "binary2": lambda: _astropy("votable", tabledata_format="binary2"),
    "fits": lambda: _astropy("fits"),
    "parquet": _parquet,
    "gzip": lambda: gzip.compress(_astropy("ascii.csv"), mtime=0),
}

COVERAGES: dict[str, Callable[[], bytes]] = {
    "moc fits": lambda: _moc_fits(old=False),
    "moc uniq": lambda: _moc_fits(old=True),
    "moc text": lambda: _moc().serialize("str").encode(),
    "moc json": lambda: str(_moc().serialize("json")).replace("'", '"').encode(),
}

SKYMAPS: dict[str, Callable[[], bytes]] = {
    "flat": flat_map,
    "nested": lambda: flat_map(ordering="NESTED"),
    "multi-order": multi_map,
    "flat gzip": lambda: gzip.compress(flat_map(), mtime=0),
}

_WORDS = (
    *(
        b"\0",
        b"\xff\xfe",
        b"\xef\xbb\xbf",
        b"\r",
        b"\n\n",
        b'"',
        b"'",
        b"|",
        b",",
        b"#",
        b"\\",
        b"<![CDATA[",
        b"&a;",
        b"<!ENTITY",
    ),
    *(b"-1", b"0", b"9999999999999999999", b"nan", b"inf", b"1e999", b"END     ", b"NAXIS2  =", b"TFORM1  =", b"PAR1"),
    *(
        "é".encode(),
        "−".encode(),
        "\u202e".encode(),
        b"\x1b[31m",
        b"# %ECSV 1.0\n",
        b"Byte-by-byte Description of file: x\n",
    ),
)


def damaged(content: bytes, others: list[bytes], seed: int) -> bytes:
    """Return ``content`` cut, overwritten, repeated, shuffled, or mixed with another file; the same for the same seed."""
    rng = random.Random(seed)
    made = bytearray(content)
    for _ in range(rng.choice((1, 1, 2, 5))):
        made = _once(made, others, rng)
    return bytes(made)


def _once(made: bytearray, others: list[bytes], rng: random.Random) -> bytearray:
    at, end = sorted(rng.randrange(len(made) + 1) for _ in range(2))
    end = min(end, at + 400)
    other = rng.choice(others)
    kind = rng.randrange(8)
    if kind == 0:
        return made[:at]
    if kind == 1:
        return made[:at] + made[end:]
    if kind == 2:
        return made[:at] + made[at:end] * rng.choice((2, 3, 50)) + made[end:]
    if kind == 3:
        return made[:at] + rng.choice(_WORDS) + made[at:]
    if kind == 4:
        word = rng.choice(_WORDS)
        return made[:at] + word + made[at + len(word) :]
    if kind == 5:
        return made[:at] + bytearray(other[: rng.randrange(len(other) + 1)]) + made[at:]
    if kind == 6:
        return made[:at] + bytearray(other[at:]) if at < len(other) else made[::-1]
    for _ in range(rng.choice((1, 3, 20))):
        if made:
            made[rng.randrange(len(made))] = rng.randrange(256)
    return made


def hostile() -> Iterator[tuple[str, bytes]]:
    """Give files that were made to do harm, by name."""
    deep = b"<VOTABLE>" + b"<RESOURCE>" * 100_000
    laughs = b'<?xml version="1.0"?><!DOCTYPE l [<!ENTITY a "ha">' + b"".join(
        b'<!ENTITY a%d "%s">' % (i, b"&a%d;" % (i - 1) * 10 if i else b"&a;" * 10) for i in range(12)
    )
    yield "deep XML", deep
    yield (
        "billion laughs",
        laughs + b"]><VOTABLE><RESOURCE><TABLE><DESCRIPTION>&a11;</DESCRIPTION></TABLE></RESOURCE></VOTABLE>",
    )
    yield "external entity", b'<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]><VOTABLE>&e;</VOTABLE>'
    yield "UTF-16", "id,ra,dec\na,1,2\n".encode("utf-16")
    yield "UTF-16 XML", '<?xml version="1.0" encoding="utf-16"?><VOTABLE></VOTABLE>'.encode("utf-16")
    yield "lone carriage returns", b"id,ra,dec\ra,1,2\rb,3,4\r"
    yield "a million columns", b",".join(b"c%d" % index for index in range(1_000_000)) + b"\n"
    yield "a million columns in short lines", b"id,ra,dec\n" + b"," * 900_000 + b"\n"
    yield "NUL bytes", b"id,ra,dec\n\0\0\0\n"
    yield "only a mark of byte order", b"\xef\xbb\xbf"
    yield (
        "ECSV with aliases",
        b"# %ECSV 1.0\n# ---\n# a: &a [1,1,1]\n"
        + b"".join(
            b"# a%d: &a%d [%s]\n" % (i, i, b",".join([b"*a" if i == 0 else b"*a%d" % (i - 1)] * 10)) for i in range(9)
        )
        + b"# datatype: *a8\nid ra dec\na 1 2\n",
    )
    yield (
        "ECSV with tags",
        b"# %ECSV 1.0\n# ---\n# datatype: !!python/object/apply:os.system ['true']\nid ra dec\na 1 2\n",
    )
    yield "ECSV nested deep", b"# %ECSV 1.0\n# ---\n# a: " + b"[" * 50_000 + b"\nid ra dec\na 1 2\n"
    yield "gzip bomb", gzip.compress(b"id,ra,dec\n" + b"a,1,2\n" * 20_000_000, mtime=0)
    yield "gzip in gzip", gzip.compress(gzip.compress(b"id,ra,dec\na,1,2\n"))
    for claim in (b"10000000000000", b"-1", b"9223372036854775807", b"1.5", b"T"):
        yield f"FITS with {claim.decode()} rows", _claiming(CATALOGUES["fits"](), b"NAXIS2", claim)
        yield f"map with {claim.decode()} rows", _claiming(flat_map(), b"NAXIS2", claim)
        yield f"MOC with {claim.decode()} rows", _claiming(_moc_fits(old=False), b"NAXIS2", claim)
    yield "FITS of zero width", _claiming(_claiming(flat_map(), b"NAXIS1", b"0"), b"NAXIS2", b"10000000000000")
    yield "FITS with a negative axis", _claiming(CATALOGUES["fits"](), b"NAXIS1", b"-8")
    yield "FITS with a heap beyond the end", _claiming(CATALOGUES["fits"](), b"PCOUNT", b"99999999999")
    yield "FITS and CSV in one", CATALOGUES["fits"]()[:2880] + b"\nid,ra,dec\na,1,2\n"
    yield "Parquet and CSV in one", b"PAR1\nid,ra,dec\na,1,2\nPAR1"
    yield "a resolution beyond any", _claiming(flat_map(), b"NSIDE", b"536870912")


def _claiming(content: bytes, card: bytes, value: bytes) -> bytes:
    at = content.index(card.ljust(8) + b"=", 2880)
    return content[: at + 10] + value.rjust(20) + content[at + 30 :]
