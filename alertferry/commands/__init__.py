"""The commands of `alertferry`, by topic; each is a thin face of a function that Python users call too."""
