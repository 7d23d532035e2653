"""A result as one file in a format of astronomers: CSV, VOTable, FITS."""
