"""Object types of SIMBAD: their labels, and what they were called before the taxonomy changed in June 2022.

Lakes keep the label of the day an alert came in, so that a class has two spellings. The pairs are those that CDS
publishes with SIMBAD's guide to object types.
"""

from __future__ import annotations

from functools import cache
from importlib import resources

HOSTS = (
    *("Galaxy", "galaxy", "EmG", "Seyfert", "Seyfert_1", "Seyfert_2", "LINER", "IG", "Void", "PartofG"),
    *("BlueCompG", "StarburstG", "LSB_G", "HII_G", "High_z_G", "Compact_Gr_G", "GravLens_Candidate"),
    *("PairG", "GroupG", "ClG", "SuperClG", "BClG", "GinPair", "GinGroup", "GinCl", "Possible_ClG", "Possible_SClG"),
    *("SN", "Candidate_SN*", "SN*_Candidate", "Transient"),
    *("Unknown", "Fail", "Fail 504"),
)
"""Labels that leave room for a supernova: galaxies, transients, and no counterpart at all."""


@cache
def _pairs() -> dict[str, tuple[str, str]]:
    """Return label of either spelling to (before, since)."""
    text = resources.files("alertferry.tags").joinpath("simbad_labels.tsv").read_text(encoding="utf-8")
    pairs = [(before, since) for before, _, since in (line.partition("\t") for line in text.splitlines()[1:])]
    return {label: pair for pair in pairs for label in pair}


def labels() -> tuple[str, ...]:
    """Return every label, in both spellings."""
    return tuple(_pairs())


def spellings(label: str) -> tuple[str, ...]:
    """Return the spellings of a label: as given when it is not known or never changed."""
    return tuple(dict.fromkeys(_pairs().get(label, (label,))))
