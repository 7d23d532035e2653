"""Types of the Transient Name Server: that of the nearest object of a table which the site keeps."""

from __future__ import annotations

import os
from dataclasses import replace
from functools import lru_cache
from typing import TYPE_CHECKING

from alertferry.core.errors import UsageError
from alertferry.core.projection import quote
from alertferry.core.settings import load_settings
from alertferry.core.steps import Alerts
from alertferry.core.working_folder import identity, resolved

if TYPE_CHECKING:
    from alertferry.catalogs.cell_table import CellTable

NAME = "tnsclass"
"""Column of ZTF alerts."""

LSST_NAME = "tns_type_recomputed"
"""Column of LSST alerts."""

PREFIX = "(TNS) "
"""What stands before a type in the table, and in the menus of Fink's portal."""

UNKNOWN = "Unknown"
RADIUS_ARCSEC = 1.5

_COLUMN = "type"

TNS_TYPES = (
    *("AGN", "Afterglow", "CV", "FRB", "Galaxy", "ILRT", "Impostor-SN", "Kilonova", "LBV", "LRN", "Light-Echo"),
    *("M dwarf", "Nova", "Other", "QSO", "SLSN-I", "SLSN-II", "SN", "SN I", "SN II", "SN II-pec", "SN IIL", "SN IIP"),
    *("SN IIb", "SN IIn", "SN IIn-pec", "SN Ia", "SN Ia-91T-like", "SN Ia-91bg-like", "SN Ia-CSM", "SN Ia-pec"),
    *("SN Iax[02cx-like]", "SN Ib", "SN Ib-Ca-rich", "SN Ib-pec", "SN Ib/c", "SN Ibn", "SN Ic", "SN Ic-BL"),
    *("SN Ic-pec", "SN Icn", "TDE", "Varstar"),
)
"""The types that objects of the Transient Name Server have."""


def unavailable() -> str:
    """Return why types cannot be derived here; empty when they can."""
    path = load_settings().tns_table
    if path is None:
        return "no table of TNS objects is known: set ALERTFERRY_TNS_TABLE to a file with columns ra, declination, type"
    return "" if os.path.isfile(resolved(path)) else f"ALERTFERRY_TNS_TABLE names {path}, which is no file"


def derive(alerts: Alerts) -> Alerts:
    """Return the alerts with the column ``tnsclass``; ``Unknown`` where no object is within 1.5 arcsec."""
    return _with_type(alerts, NAME)


def derive_lsst(alerts: Alerts) -> Alerts:
    """Return the alerts with the column ``tns_type_recomputed``, as `derive` does for ZTF."""
    return _with_type(alerts, LSST_NAME)


def _with_type(alerts: Alerts, name: str) -> Alerts:
    from alertferry.catalogs.counterparts import Nearest, Position, with_nearest

    reason = unavailable()
    if reason:
        raise UsageError(reason)
    path = resolved(load_settings().tns_table or "")
    table = _table(path, identity(path))
    position = Position(quote(alerts.survey.ra), quote(alerts.survey.dec))
    return replace(alerts, frame=with_nearest(alerts.frame, position, table, Nearest(name, "c0", UNKNOWN)))


@lru_cache(maxsize=1)
def _table(path: str, known: tuple[int, ...]) -> CellTable:  # noqa: ARG001 - a changed file is read again
    from alertferry.catalogs import ROW_NUMBER, read_catalog
    from alertferry.catalogs.cell_table import cell_table

    found = read_catalog(path, id=ROW_NUMBER, columns=[_COLUMN], on_bad_rows="drop")
    return cell_table(found, RADIUS_ARCSEC, None)
