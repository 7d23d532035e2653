"""Coverage maps and sky maps in files, against mocpy and a plain computation."""

from __future__ import annotations

import gzip
import io
from pathlib import Path

import healpy
import numpy as np
import pytest
from astropy.io import fits
from mocpy import MOC

from alertferry.catalogs import coverage
from alertferry.catalogs.coverage import coverage_of_text, read_moc, read_skymap
from alertferry.catalogs.map_files import parse_moc, parse_skymap
from alertferry.core.errors import UsageError
from tests.foreign_files import COVERAGES, SKYMAPS, flat_map


def deepest(coverage: object) -> list[int]:
    """Return bounds at order 29."""
    shift = 2 * (29 - coverage.order)  # type: ignore[attr-defined]
    return [int(bound) << shift for bound in coverage.bounds]  # type: ignore[attr-defined]


@pytest.mark.parametrize("kind", ["moc fits", "moc text", "moc json"])
def test_mocs_are_those_of_mocpy(kind: str) -> None:
    written = COVERAGES[kind]()
    moc = MOC.from_fits(io.BytesIO(COVERAGES["moc fits"]()))
    assert deepest(parse_moc(io.BytesIO(written))) == moc.to_depth29_ranges.ravel().tolist()


def test_old_mocs_are_those_of_mocpy() -> None:
    moc = MOC.from_fits(io.BytesIO(COVERAGES["moc uniq"]()))
    found = parse_moc(io.BytesIO(COVERAGES["moc uniq"]()))
    assert deepest(found) == moc.to_depth29_ranges.ravel().tolist()
    assert found.order == 6


def test_the_finest_cells_are_exact() -> None:
    last = 12 * 4**29 - 1
    column = fits.Column("UNIQ", "K", array=np.array([4 * 4**29 + last, 4 * 4**27 + 12 * 4**27 - 1]))
    hdu = fits.BinTableHDU.from_columns([column])
    hdu.header.update({"ORDERING": "NUNIQ", "COORDSYS": "C"})
    out = io.BytesIO()
    fits.HDUList([fits.PrimaryHDU(), hdu]).writeto(out)
    assert deepest(parse_moc(out)) == [12 * 4**29 - 16, 12 * 4**29]


@pytest.mark.parametrize(
    ("text", "bounds", "order"),
    [
        ("0/0-11", [0, 12], 0),
        ("1/3,5 7", [3, 4, 5, 6, 7, 8], 1),
        ("1/0-10 2/4-7", [0, 44], 2),  # one part lies within another
        ("1/1 1/1", [1, 2], 1),
        ("1/1 3/", [16, 32], 3),
    ],
)
def test_the_text_of_a_moc(text: str, bounds: list[int], order: int) -> None:
    found = coverage_of_text(text)
    assert (found.bounds.tolist(), found.order) == (bounds, order)
    if text not in ("1/0-10 2/4-7", "1/1 1/1"):  # mocpy refuses parts that overlap
        assert deepest(found) == MOC.from_string(text.replace(",", " ")).to_depth29_ranges.ravel().tolist()


def test_a_text_is_taken_apart_once(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[str] = []
    monkeypatch.setattr(coverage, "_cells_of_text", lambda text: seen.append(text) or iter([(1, 2, 3)]))
    assert read_moc("1/2").bounds.tolist() == [2, 3]
    assert seen == ["1/2"]


@pytest.mark.parametrize("level", [0.1, 0.5, 0.9, 1.0])
@pytest.mark.parametrize("kind", list(SKYMAPS))
def test_the_credible_region_holds_what_it_should(kind: str, level: float, tmp_path: Path) -> None:
    (tmp_path / "map").write_bytes(SKYMAPS[kind]())
    found = parse_skymap(io.BytesIO(gzip.decompress(SKYMAPS[kind]()) if "gzip" in kind else SKYMAPS[kind]()), level)
    columns = fits.open(tmp_path / "map")[1].data
    if "UNIQ" in columns.names:
        order = (np.log2(columns["UNIQ"] // 4) // 2).astype(int)
        cell, density = columns["UNIQ"] - 4 * 4**order, columns["PROBDENSITY"]
    else:
        cell, density = np.arange(len(columns)), columns["PROB"]
        order = np.full(len(cell), 3)
        cell = cell if kind == "nested" else healpy.ring2nest(8, cell)
    probability = density / 4.0**order
    best = np.argsort(-density, kind="stable")
    count = np.searchsorted(np.cumsum(probability[best]), level * probability.sum() * (1 - 1e-12)) + 1
    shift = 2 * (29 - order[best[:count]])
    wanted = MOC.from_depth29_ranges(
        10, np.stack([cell[best[:count]] << shift, (cell[best[:count]] + 1) << shift], 1).astype("u8")
    )
    assert deepest(found) == wanted.to_depth29_ranges.ravel().tolist()


def test_ties_are_taken_in_the_order_of_the_file() -> None:
    column = fits.Column("PROB", "E", array=np.array([1.0] * 12, "f4"))
    hdu = fits.BinTableHDU.from_columns([column])
    hdu.header.update({"ORDERING": "NESTED", "NSIDE": 1})
    out = io.BytesIO()
    fits.HDUList([fits.PrimaryHDU(), hdu]).writeto(out)
    assert parse_skymap(out, 0.5).bounds.tolist() == [0, 6]


def test_a_part_of_the_sky_at_a_fine_resolution() -> None:
    columns = [fits.Column("PIXEL", "K", array=np.array([2**40, 5, 2**40 + 1]))]
    columns += [fits.Column("PROB", "D", array=np.array([0.5, 0.1, 0.4]))]
    hdu = fits.BinTableHDU.from_columns(columns)
    hdu.header.update({"ORDERING": "NESTED", "NSIDE": 2**25, "INDXSCHM": "EXPLICIT"})
    out = io.BytesIO()
    fits.HDUList([fits.PrimaryHDU(), hdu]).writeto(out)
    assert parse_skymap(out, 0.9).bounds.tolist() == [2**40, 2**40 + 2]


def test_files_are_read_by_the_confined_process(tmp_path: Path) -> None:
    (tmp_path / "map.fits").write_bytes(flat_map())
    (tmp_path / "moc.json").write_text('{"1": [1, 2], "3": [77]}')
    assert read_skymap(str(tmp_path / "map.fits"), 0.5).order == 3
    assert read_moc(str(tmp_path / "moc.json")).bounds.tolist() == [16, 48, 77, 78]
    (tmp_path / "moc.json").write_text("hello")
    with pytest.raises(UsageError, match=r"moc\.json is no MOC: neither FITS, JSON nor text as '3/1-4 5/77'"):
        read_moc(str(tmp_path / "moc.json"))
