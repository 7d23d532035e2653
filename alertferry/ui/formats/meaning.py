"""What the columns of a packet mean: unit, UCD and description, from the survey's documentation.

A packet may call a field by its last name alone, or with that of its section before it (``diaSource_ra``).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

from alertferry.core.field_table import FieldDoc, load_fields
from alertferry.core.survey import Survey

_ROLES = {
    "alert_id": "meta.id;meta.main",
    "object_id": "meta.id;src",
    "ra": "pos.eq.ra;meta.main",
    "dec": "pos.eq.dec;meta.main",
    "time": "time.epoch;meta.main",
}
_BY_NAME = {
    "ra": "pos.eq.ra",
    "dec": "pos.eq.dec",
    "band": "instr.bandpass",
    "fid": "instr.bandpass",
    "exptime": "time.duration;obs.exposure",
    "snr": "stat.snr",
    "fwhm": "instr.det.psf",
}
_BY_UNIT = {
    "mag": "phot.mag",
    "nJy": "phot.flux.density",
    "MJD": "time.epoch",
    "MJD TAI": "time.epoch",
    "JD": "time.epoch",
    "us": "time.epoch",
    "arcsec": "pos.angDistance",
    "mas": "pos.parallax",
    "Mpc": "pos.distance",
    "au": "pos.distance",
}
"""The words of UCD1+ (IVOA) that a unit is enough to tell."""

_MOMENTS = {"JD": "d", "MJD": "d", "MJD TAI": "d", "DN": "adu"}


@dataclass(frozen=True)
class Meaning:
    """What a column means; ``unit`` is as the documentation has it, ``leaf`` the name of the field in its section."""

    unit: str = ""
    ucd: str = ""
    description: str = ""
    role: str = ""

    def unit_as(self, standard: str) -> str:
        """Return the unit as ``fits`` or ``vounit`` write it; empty where the standard has none."""
        from astropy import units as u

        text = _MOMENTS.get(self.unit, self.unit)
        try:
            return str(u.Unit(text).to_string(standard)) if text else ""
        except ValueError:
            return ""

    @property
    def words(self) -> str:
        """The description, with the unit where no standard has it as the survey does."""
        odd = self.unit in _MOMENTS or (self.unit and not self.unit_as("vounit"))
        return f"{self.description} ({self.unit})" if odd and self.unit != "unit" else self.description


@dataclass(frozen=True)
class Meanings:
    """The documentation of a survey, None when it is not installed here."""

    survey: Survey | None

    @cached_property
    def _fields(self) -> dict[str, FieldDoc]:
        table = self.survey.field_table if self.survey else None
        return {doc.path: doc for doc in (load_fields(*table) if table else ())}

    @cached_property
    def _joined(self) -> dict[str, FieldDoc]:
        return {path.replace(".", "_"): doc for path, doc in self._fields.items()}

    @cached_property
    def _leaves(self) -> dict[str, FieldDoc]:
        """What last names mean: that of the detection first, else of the one section that has it."""
        section = self.survey.ra.rpartition(".")[0] if self.survey else ""
        found: dict[str, list[FieldDoc]] = {}
        for path, doc in self._fields.items():
            found.setdefault(path.rpartition(".")[2], []).append(doc)
        named = {leaf: self._fields.get(f"{section}.{leaf}") for leaf in found}
        own = {leaf: doc for leaf, doc in named.items() if doc}
        return {leaf: docs[0] for leaf, docs in found.items() if len(docs) == 1} | own

    @cached_property
    def _roles(self) -> dict[str, str]:
        return {path: role for role, path in self.survey.roles.items()} if self.survey else {}

    def of(self, path: str) -> Meaning:
        """Return what the column at a path of a packet means."""
        known = self._fields.get(path) or self._joined.get(path.rstrip("_"))
        if known is None and "." not in path:
            known = self._leaves.get(path.rstrip("_"))
        lake_path = known.path if known else path
        leaf, role = lake_path.rpartition(".")[2], self._roles.get(lake_path, "")
        unit = known.unit if known else ""
        ucd = _ROLES.get(role) or _ucd(leaf, unit, known.type if known else "")
        return Meaning(unit, ucd, known.description if known else "", role)


def _ucd(leaf: str, unit: str, kind: str) -> str:
    base = _BY_NAME.get(leaf) or _BY_UNIT.get(unit, "")
    if leaf.endswith(("Err", "_unc", "_err")) or leaf.startswith(("sigma", "e_")):
        return f"stat.error;{base}" if base else "stat.error"
    if not base and leaf.lower().endswith(("id", "candid")) and kind in ("long", "int", "string"):
        return "meta.id"
    return base or ("meta.code" if kind == "boolean" else "")


def meanings(survey: Any) -> Meanings:
    """Return the documentation of a survey."""
    return Meanings(survey)
