"""Reading a user's catalogue of sources safely: any common format, positions checked, identifiers untouched."""

from alertferry.catalogs.guess import guess_columns
from alertferry.catalogs.model import PREVIEW_OPTIONS, ROW_NUMBER, BadRow, Catalog, Column, Guess, Preview, ProperMotion
from alertferry.catalogs.reading import preview_catalog, read_catalog

__all__ = [
    "PREVIEW_OPTIONS",
    "ROW_NUMBER",
    "BadRow",
    "Catalog",
    "Column",
    "Guess",
    "Preview",
    "ProperMotion",
    "guess_columns",
    "preview_catalog",
    "read_catalog",
]
