"""Words that catalogues and classifiers use, with the shares in which they turn up; None stands for a null."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

Shares = Mapping[Any, float]

PULSATING, VARIABLE, AGN, SUPERNOVA, CONSTANT, ARTEFACT, NEWCOMER, SOLAR_SYSTEM = range(8)
"""The order of the kinds of objects in both surveys, and of the vocabularies below."""

_NOTHING: Shares = {"Unknown": 0.99, "Fail": 0.01}

SIMBAD: tuple[Shares, ...] = (
    {"RRLyrae": 40, "RRLyrae_Candidate": 8, "Cepheid": 4, "delSctV*": 6, "PulsV*": 6, "Star": 4, "Unknown": 30},
    {"EclBin": 14, "EB*_Candidate": 12, "LongPeriodV*": 8, "Mira": 6, "CataclyV*": 4, "CV*_Candidate": 2}
    | {"YSO": 4, "TTauri*": 2, "RSCVnV*": 3, "Star": 10, "Unknown": 33},
    {"QSO": 30, "Seyfert1": 12, "Seyfert2": 4, "BLLac": 5, "Blazar": 4, "AGN_Candidate": 6, "Galaxy": 9, "Unknown": 30},
    {"Unknown": 62, "Galaxy": 25, "EmissionG": 3, "GinGroup": 3, "PartofG": 3, "SN": 2, "Fail": 1},
    {"Star": 40, "PM*": 20, "HighPM*": 10, "**": 5, "Unknown": 25},
    _NOTHING,
    {"Unknown": 96, "Galaxy": 3, "Fail": 1},
    {"Unknown": 99, "Star": 1},
)

SIMBAD_2021: tuple[Shares, ...] = (
    {"RRLyr": 40, "Candidate_RRLyr": 8, "Cepheid": 4, "PulsV*delSct": 6, "PulsV*": 6, "Star": 4, "Unknown": 30},
    {"EB*": 14, "Candidate_EB*": 12, "LPV*": 8, "Mira": 6, "CataclyV*": 4, "Candidate_CV*": 2}
    | {"Candidate_YSO": 4, "TTau*": 2, "RSCVn": 3, "Star": 10, "Unknown": 33},
    {
        "QSO": 30,
        "Seyfert_1": 12,
        "Seyfert_2": 4,
        "BLLac": 5,
        "Blazar": 4,
        "AGN_Candidate": 6,
        "Galaxy": 9,
        "Unknown": 30,
    },
    {"Unknown": 62, "Galaxy": 25, "EmG": 3, "GinGroup": 3, "PartofG": 3, "Candidate_SN*": 2, "Fail": 1},
    {"Star": 40, "PM*": 20, "low-mass*": 10, "**": 5, "Unknown": 25},
    _NOTHING,
    {"Unknown": 96, "Galaxy": 3, "Fail": 1},
    {"Unknown": 99, "Star": 1},
)

# Rubin's broker writes null where ZTF's writes Unknown, and finds far fewer counterparts so deep.
SIMBAD_LSST: tuple[Shares, ...] = (
    {None: 92, "RR*": 6, "dS*": 1, "*": 1},
    {None: 93, "EB*": 2, "LP*": 2, "*": 3},
    {None: 68, "QSO": 6, "AGN": 3, "Sy1": 3, "G": 5, "Galaxy": 15},
    {None: 66, "Galaxy": 27, "GinGroup": 4, "SN": 3},
    {None: 90, "*": 10},
    {None: 1},
    {None: 84, "Galaxy": 14, "Fail 504": 2},
    {None: 1},
)

VSX: tuple[Shares, ...] = (
    {"RRAB": 40, "RRC": 15, "DSCT": 6, "DCEP": 3, "nan": 36},
    {"EW": 22, "EA": 12, "EB": 4, "M": 8, "SR": 12, "L": 3, "UG": 4, "nan": 35},
    {"AGN": 8, "BLLAC": 3, "QSO": 6, "nan": 83},
    {"nan": 99, "SN": 1},
    {"VAR": 2, "nan": 98},
    {"nan": 1},
    {"nan": 1},
    {"nan": 1},
)

GCVS: tuple[Shares, ...] = (
    {"RRAB": 12, "RRC": 3, "Unknown": 85},
    {"EA": 5, "EW": 3, "M": 4, "UG": 2, "Unknown": 86},
    {"BLLAC": 1, "Unknown": 99},
    *({"Unknown": 1},) * 5,
)

GAIA_CLASS: tuple[Shares, ...] = (
    {"RR": 45, "DSCT|GDOR|SXPHE": 8, "CEP": 4, "nan": 43},
    {"ECL": 30, "LPV": 15, "CV": 4, "YSO": 5, "RS": 5, "nan": 41},
    {"AGN": 40, "nan": 60},
    {"nan": 1},
    {"SOLAR_LIKE": 10, "nan": 90},
    *({"nan": 1},) * 3,
)

GAIA_SHARE = (0.95, 0.85, 0.6, 0.05, 0.98, 0.05, 0.04, 0.03)
"""Chance of a Gaia counterpart, by kind."""

PARALLAX = (0.4, 0.8, 0.0, 0.0, 2.5, 0.5, 0.5, 0.5)
"""Typical parallax (mas) of Gaia counterparts, by kind."""

TNS: tuple[Shares, ...] = (
    {"": 1},
    {"": 97, "CV": 2, "Varstar": 1},
    {"": 99, "AGN": 1},
    {"": 55, "SN Ia": 25, "SN II": 9, "SN Ic": 2, "SN Ib": 2, "SN IIn": 2, "SN Ia-91T-like": 1, "TDE": 1, "SLSN-I": 1},
    *({"": 1},) * 4,
)

SPICY: Shares = {"ClassI": 10, "FS": 15, "ClassII": 60, "ClassIII": 10, "uncertain": 5}

CLASSES_T2 = (
    *("M-dwarf", "KN", "AGN", "SLSN-I", "RRL", "Mira", "SNIax"),
    *("TDE", "SNIa", "SNIbc", "SNIa-91bg", "mu-Lens-Single", "EB", "SNII"),
)

WIDE_REASONS: Shares = {"pairs_gr_33.0": 30, "pairs_ri_33.0": 30, "pairs_iz_33.0": 20, "singles_i": 15, "greedy": 5}
WIDE_TARGETS: Shares = {"lowdust": 75, "bulgy, lowdust": 8, "dusty_plane": 7, "nes": 6, "scp": 4}
