"""Where else an object or a position can be looked up: catalogues, images, other brokers."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import quote, urlencode

RADIUS_ARCSEC = 5

_BROKERS = {
    "lsst": (
        ("Fink", "https://lsst.fink-portal.org/{}"),
        ("ALeRCE", "https://lsst.alerce.online/object/{}?survey=lsst"),
        ("Lasair", "https://lasair.lsst.ac.uk/objects/{}/"),
    ),
    "ztf": (
        ("Fink", "https://ztf.fink-portal.org/{}"),
        ("ALeRCE", "https://alerce.online/object/{}"),
        ("Lasair", "https://lasair-ztf.lsst.ac.uk/objects/{}/"),
    ),
}
"""Pages of objects, by survey."""

_IDS = {"lsst": r"[0-9]{1,20}", "ztf": r"ZTF[0-9]{2}[a-z]{7}"}


def links(survey: str, object_id: str, ra: float | None, dec: float | None) -> list[dict[str, str]]:
    """Return the pages of a position, and those of an object where its survey is one that brokers have."""
    found = _by_position(ra, dec) if ra is not None and dec is not None else []
    if re.fullmatch(_IDS.get(survey, "(?!)"), object_id):
        found += [{"label": name, "href": page.format(quote(object_id))} for name, page in _BROKERS[survey]]
    return found


def _by_position(ra: float, dec: float) -> list[dict[str, str]]:
    at, arcmin = f"{ra:.6f} {dec:+.6f}", f"{RADIUS_ARCSEC / 60:.4f}"
    pages: dict[str, tuple[str, dict[str, Any]]] = {
        "SIMBAD": (
            "https://simbad.cds.unistra.fr/simbad/sim-coo",
            {"Coord": at, "CooFrame": "ICRS", "Radius": RADIUS_ARCSEC, "Radius.unit": "arcsec"},
        ),
        "NED": (
            "https://ned.ipac.caltech.edu/conesearch",
            {
                "search_type": "Near Position Search",
                "in_csys": "Equatorial",
                "in_equinox": "J2000",
                "ra": f"{ra:.6f}d",
                "dec": f"{dec:.6f}d",
                "radius": arcmin,
            },
        ),
        "TNS": (
            "https://www.wis-tns.org/search",
            {"ra": f"{ra:.6f}", "decl": f"{dec:.6f}", "radius": RADIUS_ARCSEC, "coords_unit": "arcsec"},
        ),
        "Legacy Survey": (
            "https://www.legacysurvey.org/viewer",
            {"ra": f"{ra:.6f}", "dec": f"{dec:.6f}", "layer": "ls-dr10", "zoom": 16, "mark": f"{ra:.6f},{dec:.6f}"},
        ),
    }
    return [
        {"label": name, "href": f"{page}?{urlencode(query, quote_via=quote)}"} for name, (page, query) in pages.items()
    ]
