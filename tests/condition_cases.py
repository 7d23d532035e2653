"""What the tests of conditions share: lists of cases in text files, and schemas."""

from pathlib import Path

from alertferry.core.conditions.gate import field_paths

_CASES = Path(__file__).parent / "integration"


def lines(name):
    """Return the lines of a list of cases, without empty lines and comments."""
    return [line for line in (_CASES / name).read_text().split("\n") if line and not line.startswith("#")]


def simple_schema(frame):
    """Return the schema as `lint` takes it."""
    types = {}
    for path in field_paths(frame):
        kind = frame.schema
        for name in path.split("."):
            kind = getattr(kind, "elementType", kind)
            kind = getattr(kind, "valueType", kind)
            kind = kind[name].dataType
        types[path] = kind.simpleString()
    return types
