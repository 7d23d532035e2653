"""The tags and blocks of Fink: what the installed fink-filters holds, whatever its version.

Functions are found, described and bound by reading files; only Spark's workers import and run them, unchanged.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from functools import cache
from typing import TYPE_CHECKING, Any

from alertferry.core.schema import Struct
from alertferry.tags.binding import Argument, UnboundError, bind
from alertferry.tags.installed import Module, imported_packages, is_installed, package_folder, read_module
from alertferry.tags.provider import Kind, Tag
from alertferry.tags.twins import FAMILY, twin_of

if TYPE_CHECKING:
    from pyspark.sql import Column

PACKAGE = "fink_filters"
_SURVEYS = {"ztf": "ztf", "lsst": "rubin"}
_HISTORY = {"ztf": ("prv_candidates", "candidate")}
_POSTING = ("fink_utils.tg_bot.utils",)
_ONLINE = {"astroquery": "it asks a web service about every candidate, and tags run without network"}
_RENAMED = {
    # as the broker prepares it, and as the docstrings of the functions do
    "cstampDatac": "cutoutScience.stampData",
    "linear_fit_slope": "lc_features_r.linear_fit_slope",
}
_USED_LATER = {
    # packages that are imported only when the function runs
    "sn_near_galaxy_candidate": ("scipy",),
}


class FinkProvider:
    """Serves fink-filters: livestream tags of ZTF and Rubin, and Rubin's blocks."""

    name = "fink-filters"

    def names(self, survey: str, kind: Kind) -> Sequence[str]:
        """Return what the installed version has for a survey; nothing when it is not installed."""
        return tuple(_places(survey, kind))

    def tag(self, survey: str, kind: Kind, name: str, schema: Struct) -> Tag:
        """Describe a function and bind it to the columns of a schema."""
        module = read_module(_places(survey, kind)[name])
        if module is None or name not in module.functions:
            return Tag(name, kind, survey, "", reason=f"fink-filters has no function {name} where it should be")
        bound, faults = _bind(module, name, survey, schema)
        needs = tuple(column for argument in bound for column in argument.columns)
        twin = twin_of(module.name, name)
        if twin and twin.fits(schema):
            return Tag(name, kind, survey, _description(module, name), twin.columns(schema), native=True)
        faults = [*_lacking(module.name, name), *faults]
        return Tag(name, kind, survey, _description(module, name), needs, "; ".join(dict.fromkeys(faults)) or None)

    def verdict(self, tag: Tag, schema: Struct) -> Column:
        """Return the native expression where there is one, else a call of the Python function."""
        place = _places(tag.survey, tag.kind)[tag.name]
        twin = twin_of(place, tag.name)
        if twin and twin.fits(schema):
            return twin.verdict(schema)
        return python_verdict(tag, schema)


PROVIDER = FinkProvider()


@cache
def _places(survey: str, kind: Kind) -> dict[str, str]:
    """Return name to module of everything installed for a survey."""
    folder = package_folder(PACKAGE)
    branch = _SURVEYS.get(survey)
    if folder is None or branch is None:
        return {}
    if kind == "block":
        place = f"{PACKAGE}.{branch}.blocks"
        blocks = read_module(place)
        return {name: place for name in (blocks.functions if blocks else ()) if name.startswith("b_")}
    files = sorted((folder / branch / "livestream").glob("filter_*/filter.py"))
    names = [file.parent.name.removeprefix("filter_") for file in files]
    return {name: f"{PACKAGE}.{branch}.livestream.filter_{name}.filter" for name in names}


def _bind(module: Module, name: str, survey: str, schema: Struct) -> tuple[list[Argument], list[str]]:
    """Return the bound arguments and what is wrong with the others."""
    bound, faults, absent = list[Argument](), list[str](), list[str]()
    for argument in module.functions[name].arguments:
        try:
            bound.append(bind(argument, schema, _RENAMED, _HISTORY.get(survey)))
        except UnboundError as error:
            absent += [repr(error.absent)] if error.absent else []
            faults += [] if error.absent else [str(error)]
    if absent:
        faults.append(f"no column {', '.join(dict.fromkeys(absent))} on these nights")
    return bound, faults


def _description(module: Module, name: str) -> str:
    """Return the module's own description, else how its documentation begins; for a block, that of the function."""
    own = module.functions[name].doc
    documented = own if name.startswith("b_") else module.doc or own
    return " ".join(str(module.literals.get("DESCRIPTION") or documented.split("\n\n")[0]).split())


def _lacking(place: str, name: str) -> list[str]:
    """Return what the function needs and this installation has not."""
    packages = [*imported_packages(place, FAMILY, frozenset(_POSTING)), *_USED_LATER.get(name, ())]
    online = [reason for package, reason in _ONLINE.items() if package in packages]
    missing = sorted(package for package in packages if package not in _ONLINE and not is_installed(package))
    faults = [f"it needs the package{'s' * (len(missing) > 1)} {', '.join(missing)}"] if missing else []
    return [*online, *faults, *_observatories(name)]


def _observatories(name: str) -> list[str]:
    """Return a fault when a tag looks up an observatory and astropy has not fetched its list yet."""
    if name != "mdwarf_flare":
        return []
    from astropy.utils.data import conf, is_url_in_cache

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # there may be no cache at all
        if is_url_in_cache(f"{conf.dataurl}coordinates/sites.json"):
            return []
    return [
        "it needs astropy's list of observatories, which is not in the cache; fetch it once with "
        "`python -c 'from astropy.coordinates import EarthLocation as e; e.get_site_names()'`"
    ]


def python_verdict(tag: Tag, schema: Struct) -> Column:
    """Return what the Python function says, whether or not it has a native twin; never null."""
    from pyspark.sql import functions as F
    from pyspark.sql.pandas.functions import pandas_udf
    from pyspark.sql.types import BooleanType

    from alertferry.tags.worker import Call, judge

    module = read_module(_places(tag.survey, tag.kind)[tag.name])
    assert module is not None
    bound, faults = _bind(module, tag.name, tag.survey, schema)
    assert not faults
    call = Call(f"the {tag.kind} {tag.name!r}", module.name, tag.name, _POSTING)
    make: Any = pandas_udf  # its overloads know no function of any number of columns
    function = make(judge(call), BooleanType())
    return F.coalesce(function(*(argument.column() for argument in bound)), F.lit(False))
