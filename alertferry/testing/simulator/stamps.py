"""Cutouts: a pool of FITS stamps, made once, from which alerts draw theirs.

ZTF stamps are gzip-compressed images of 63 by 63 pixels, Rubin's are plain FITS files with the image, its variance
and the PSF, of the sizes found in the alert samples.
"""

from __future__ import annotations

import gzip
import io
from collections.abc import Mapping
from functools import cache
from typing import Any

import numpy as np
import pyarrow as pa

from alertferry.testing.simulator.draws import Array

POOL_SIZE = 64
KINDS = ("Science", "Template", "Difference")

_ZTF_SIDE = 63
_LSST_SIDE = 30


@cache
def stamp_pool(survey: str, seed: int) -> Mapping[str, Any]:
    """Return `POOL_SIZE` stamps of each of `KINDS` as Arrow binary arrays; place ``i`` of each shows the same source.

    The first half shows brightening, the second fading sources.
    """
    rng = np.random.default_rng([seed, len(survey)])
    encode = _ztf_file if survey == "ztf" else _lsst_file
    pool: dict[str, list[bytes]] = {kind: [] for kind in KINDS}
    for index in range(POOL_SIZE):
        images = _images(rng, _ZTF_SIDE if survey == "ztf" else _LSST_SIDE, 1 if index < POOL_SIZE // 2 else -1)
        for kind, image in images.items():
            pool[kind].append(encode(image, rng, kind == "Template" and index % 5 == 0))
    return {kind: pa.array(files, pa.binary()) for kind, files in pool.items()}


def _images(rng: np.random.Generator, side: int, sign: int) -> dict[str, Array]:
    """Return a science, a template and a difference image of a variable source, with or without a host galaxy."""
    flux, width = rng.uniform(300, 6000), rng.uniform(0.9, 1.5)
    source = flux * _spot(side, width, rng.uniform(-0.5, 0.5, 2))
    host = rng.choice([0.0, 4.0]) * flux * _spot(side, rng.uniform(2.0, 5.0), rng.uniform(-3, 3, 2))
    star = rng.uniform(0, 5000) * _spot(side, width, rng.uniform(-side / 2, side / 2, 2))
    noise = rng.normal(0, 8.0, (2, side, side))
    steady = 150.0 + host + star + (source if sign < 0 else 0.0)
    science, template = steady + sign * source * 0.6 + noise[0], steady + 0.4 * noise[1]
    return {"Science": science, "Template": template, "Difference": science - template}


def _spot(side: int, width: float, centre: Array) -> Array:
    y, x = np.mgrid[:side, :side] - (side - 1) / 2.0
    spot = np.exp(-((x - centre[0]) ** 2 + (y - centre[1]) ** 2) / (2 * width**2))
    return np.asarray(spot / (2 * np.pi * width**2))


def _ztf_file(image: Array, _rng: np.random.Generator, _wide: bool) -> bytes:
    from astropy.io import fits

    unit = fits.PrimaryHDU(image.astype(np.float32))
    unit.header["BUNIT"] = "DN"
    return gzip.compress(_bytes(fits.HDUList([unit])), compresslevel=6, mtime=0)


def _lsst_file(image: Array, rng: np.random.Generator, wide: bool) -> bytes:
    from astropy.io import fits

    side = 49 if wide else 41
    primary = fits.PrimaryHDU((image - 150.0).astype(np.float32))
    primary.header.update(_lsst_header(rng))
    variance = fits.ImageHDU((64.0 + np.abs(image)).astype(np.float32), name="UNCERT")
    variance.header["UTYPE"] = "VarianceUncertainty"
    shape = _spot(side, rng.uniform(1.5, 2.5), rng.normal(0, 0.05, 2)) + rng.normal(0, 1e-5, (side, side))
    psf = fits.ImageHDU(shape, name="PSFIMAGE")
    return _bytes(fits.HDUList([primary, variance, psf]))


def _lsst_header(rng: np.random.Generator) -> dict[str, Any]:
    turn, scale = rng.uniform(-np.pi, np.pi), 0.2 / 3600
    return {
        "CUTMINX": int(rng.integers(0, 4000)),
        "CUTMINY": int(rng.integers(0, 4000)),
        "ROTPA": float(np.degrees(turn)),
        "BUNIT": "nJy",
        "WCSAXES": 2,
        "CRPIX1": 15.5,
        "CRPIX2": 15.5,
        "PC1_1": -scale * float(np.cos(turn)),
        "PC1_2": scale * float(np.sin(turn)),
        "PC2_1": scale * float(np.sin(turn)),
        "PC2_2": scale * float(np.cos(turn)),
        "CDELT1": 1.0,
        "CDELT2": 1.0,
        "CRVAL1": float(rng.uniform(0, 360)),
        "CRVAL2": float(rng.uniform(-70, 10)),
    }


def _bytes(file: Any) -> bytes:
    buffer = io.BytesIO()
    file.writeto(buffer)
    return buffer.getvalue()
