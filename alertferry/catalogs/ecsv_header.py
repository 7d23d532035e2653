"""The header of an ECSV file (Enhanced Character-Separated Values, APE 6): names, types and units of its columns.

Only the tree of the YAML is looked at, whatever its tags are: nothing is made of it, so that neither tags nor aliases
can do anything.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import yaml

from alertferry.catalogs.display import shown
from alertferry.catalogs.model import Column
from alertferry.core.errors import UsageError


def read_ecsv_header(comments: Sequence[str]) -> dict[str, Column] | None:
    """Return the declared columns by name, or None when the comments of a text table are no header of ECSV.

    Parameters
    ----------
    comments
        The lines above the table that start with ``#``, without it.

    Raises
    ------
    UsageError
        The header is not the YAML that it should be.
    """
    if not comments or not comments[0].strip().startswith("%ECSV"):
        return None
    text = "\n".join(line.removeprefix(" ") for line in comments[1:])
    try:
        tree = yaml.compose(text, Loader=yaml.SafeLoader)
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        raise UsageError(f"has an ECSV header that is not YAML: {shown(error, 200)}") from None
    declared = (_column(node) for node in _items(tree))
    return {column.name: column for column in declared if column.name}


def _items(tree: yaml.Node | None) -> Iterator[yaml.Node]:
    if isinstance(tree, yaml.SequenceNode):
        yield from tree.value
    elif isinstance(tree, yaml.MappingNode):
        for key, value in tree.value:
            if key.value == "datatype" and isinstance(value, yaml.SequenceNode):
                yield from value.value


def _column(node: yaml.Node) -> Column:
    if not isinstance(node, yaml.MappingNode):
        return Column("")
    plain = {key.value: value.value for key, value in node.value if isinstance(value, yaml.ScalarNode)}
    return Column(plain.get("name", ""), plain.get("datatype", "text"), plain.get("unit", ""), plain.get("ucd", ""))
