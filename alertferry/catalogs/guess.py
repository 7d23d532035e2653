"""Which columns of a catalogue are right ascension, declination and identifier, by UCD and by name.

UCDs are those of the IVOA's list (``pos.eq.ra;meta.main``) and of its predecessor (``POS_EQ_RA_MAIN``). Names are
tried from the plainest to the least plain; the first kind of name that occurs decides.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence

from alertferry.catalogs.display import listing
from alertferry.catalogs.model import ROW_NUMBER, Guess
from alertferry.core.errors import UsageError

_Tiers = Sequence[frozenset[str]]


def _tiers(text: str) -> _Tiers:
    return tuple(frozenset(line.split()) for line in text.strip().splitlines())


# VizieR adds `_RAJ2000`, computed for every row, to catalogues that have their own `RAJ2000`.
_RA_NAMES = _tiers("""
    ra
    radeg radegrees radegree raindeg
    _raj2000
    raj2000 ra2000 raj2000deg
    raicrs _raicrs
    _ra
    rightascension alpha alphaj2000 alphadeg alphaicrs
    sra coordra
""")
_DEC_NAMES = _tiers("""
    dec de decl
    decdeg dedeg decldeg decdegrees decdegree decindeg
    _dej2000 _decj2000
    dej2000 decj2000 dec2000 de2000 dej2000deg decj2000deg
    deicrs decicrs _deicrs _decicrs
    _de _dec
    declination delta deltaj2000 deltadeg deltaicrs
    sdec coorddec
""")
_ID_NAMES = _tiers("""
    id
    objectid objid sourceid mainid identifier designation diaobjectid
    name
    objectname objname sourcename mainname iauname
    targetid targetname target object source catid oid
    srcid srcname srcno sourceno
    number recno seq
""")

_RA_TOKENS = frozenset(("ra", "radeg", "raj2000"))
_DEC_TOKENS = frozenset(("dec", "de", "decl", "decdeg", "dedeg", "dej2000", "decj2000"))
_ID_TOKENS = frozenset(("id", "name", "designation", "identifier"))
_DERIVED_WORDS = """
    e err error errors sigma sig std stddev unc uncertainty cov corr var variance rms pm pmra diff offset n num
"""
_UNIT_WORDS = frozenset(
    ("d", "deg", "degree", "degrees", "h", "hr", "hrs", "hour", "hours", "rad", "radian", "radians")
)
"""Words that may differ between the names of a pair: `RA_h` goes with `DEC_d`."""

_DERIVED = frozenset(_DERIVED_WORDS.split())


COORDINATE_PARTS = ("RAh", "RAm", "RAs", "DE-", "DEd", "DEm", "DEs")
NEEDED_PARTS = ("RAh", "RAm", "DEd", "DEm")
"""What CDS calls the parts of coordinates, and those without which they say too little."""


def guess_columns(names: Sequence[str], units: Sequence[str], ucds: Sequence[str]) -> Guess:
    """Guess the columns of position and identifier.

    Parameters
    ----------
    names, units, ucds
        One element a column; an empty string where the file says nothing. A column with a unit is no identifier.

    Returns
    -------
    Guess
        Roles without a candidate, and roles with several equally good ones (see `Guess.unclear`), are None.
        Right ascension and declination are guessed together or not at all.
    """
    ucd_of = dict(zip(names, ucds, strict=True))
    usable = [name for name in names if "1950" not in name]
    ra = _candidates(usable, ucd_of, _RA_NAMES, _RA_TOKENS, _is_position("ra"))
    dec = _candidates(usable, ucd_of, _DEC_NAMES, _DEC_TOKENS, _is_position("dec"))
    ra, dec = _paired(ra, dec)
    unitless = [name for name, unit in zip(names, units, strict=True) if not unit and name not in (*ra, *dec)]
    found = {"ra": ra, "dec": dec, "id": _candidates(unitless, ucd_of, _ID_NAMES, _ID_TOKENS, _is_identifier)}
    sole = {role: columns[0] for role, columns in found.items() if len(columns) == 1}
    if "ra" not in sole or "dec" not in sole:
        sole = {role: name for role, name in sole.items() if role == "id"}
    return Guess(**sole, unclear={role: tuple(columns) for role, columns in found.items() if len(columns) > 1})


def require(guess: Guess, role: str, names: Sequence[str]) -> str:
    """Return the column guessed for ``role``, the row number where none looks like an identifier.

    Raises `UsageError` naming the columns there are when none looks like the role, or several do.
    """
    column: str | None = getattr(guess, role)
    if column is not None:
        return column
    if role == "id" and role not in guess.unclear:
        return ROW_NUMBER
    what = {"ra": "right ascension", "dec": "declination", "id": "an identifier"}[role]
    also = ", or id: '#' for the row number" if role == "id" else ""
    if role in guess.unclear:
        problem = f"several columns look like {what} ({listing(guess.unclear[role])}); choose one with {role}:{also}"
    elif _split_coordinates(names):
        problem = "the coordinates are split into hours, minutes and seconds; join each into one column (12:34:56.7)"
    elif parts := [name for name in names if name in COORDINATE_PARTS]:
        lacking = [name for name in NEEDED_PARTS if name not in names]
        problem = (
            f"the coordinates are in parts, but of {listing(NEEDED_PARTS)} the file has no {listing(lacking)}, only "
            f"{listing(parts)}; add the others, or name one column for each coordinate with ra: and dec:, and with "
            "ra_unit: hour if it holds hours"
        )
    else:
        problem = f"no column looks like {what}; name one with {role}:"
    raise UsageError(f"{problem}. Columns: {listing(names)}")


def _candidates(
    names: Sequence[str],
    ucd_of: dict[str, str],
    tiers: _Tiers,
    tokens: frozenset[str],
    told: Callable[[str, bool], bool],
) -> list[str]:
    """Return the columns of the first kind that has any; more than one only when nothing tells them apart."""
    main = [name for name in names if told(ucd_of[name].lower(), True)]
    if len(main) == 1:
        return main
    named = ([name for name in names if _key(name) in tier] for tier in tiers)
    meant = [name for name in names if told(ucd_of[name].lower(), False)]
    spelled = [name for name in names if _ends_with(name, tokens)]
    kinds: Iterator[list[str]] = iter([main, *named, meant, spelled])
    return next((kind for kind in kinds if kind), [])


def _paired(ra: list[str], dec: list[str]) -> tuple[list[str], list[str]]:
    """Narrow several candidates down to the pair whose names differ only in the word for the coordinate."""
    pairs = [(a, d) for a in ra for d in dec if _rest(a, _RA_TOKENS) == _rest(d, _DEC_TOKENS)]
    return ([pairs[0][0]], [pairs[0][1]]) if len(pairs) == 1 else (ra, dec)


def _is_position(axis: str) -> Callable[[str, bool], bool]:
    def told(ucd: str, main: bool) -> bool:
        words = ucd.split(";")
        if main:
            return ucd == f"pos_eq_{axis}_main" or (words[0] == f"pos.eq.{axis}" and "meta.main" in words)
        return ucd in (f"pos_eq_{axis}", f"pos_eq_{axis}_main") or words[0] == f"pos.eq.{axis}"

    return told


def _is_identifier(ucd: str, main: bool) -> bool:
    words = ucd.split(";")
    if main:
        return ucd == "id_main" or (words[0] == "meta.id" and "meta.main" in words)
    return words == ["meta.id"]


def _key(name: str) -> str:
    """Return a name without its unit, case and separators; a leading underscore stays."""
    bare = name_without_unit(name).strip().lower()
    return ("_" if bare.startswith("_") else "") + re.sub(r"[^a-z0-9]", "", bare)


def _words(name: str) -> list[str]:
    spaced = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", " ", name_without_unit(name))
    return [word for word in re.split(r"[^a-z0-9]+", spaced.lower()) if word]


def _ends_with(name: str, tokens: frozenset[str]) -> bool:
    words = _words(name)
    return bool(tokens.intersection(words)) and not _DERIVED.intersection(words)


def _rest(name: str, tokens: frozenset[str]) -> tuple[str, ...]:
    return tuple(word for word in _words(name) if word not in tokens and word not in _UNIT_WORDS)


def _split_coordinates(names: Sequence[str]) -> bool:
    return {"rah", "ram", "ras"} <= {_key(name) for name in names}


def last_word(name: str) -> str:
    """Return the last of several words of a name in lower case: ``h`` of ``RA_h``, ``deg`` of ``raDeg``."""
    words = _words(name)
    return words[-1] if len(words) > 1 else ""


def name_without_unit(name: str) -> str:
    """Return ``RA`` for ``RA (deg)`` and ``RA [deg]``."""
    return re.sub(r"\s*[(\[][^()\[\]]*[)\]]\s*$", "", name)


def unit_in_name(name: str) -> str:
    """Return ``deg`` for ``RA (deg)`` and ``RA [deg]``, else an empty string."""
    found = re.search(r"[(\[]([^()\[\]]*)[)\]]\s*$", name)
    return found.group(1).strip() if found else ""
