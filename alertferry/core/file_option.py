"""Options of steps that name a file or a lake: declared by their type, so that a site's rules find them in any plugin.

A filter says ``catalog: FileOption``, or ``FileOption | None``, ``tuple[FileOption, ...]``, in a model of its own,
nested as deep as it likes. An option of the type `pathlib.Path` counts as one too. What is declared as plain text
cannot be told from any other text.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, is_dataclass
from pathlib import PurePath
from typing import Annotated, Any, Literal, get_args, get_origin

from pydantic import BaseModel, Field

from alertferry.core.steps import Step


@dataclass(frozen=True)
class NamesFile:
    """Marks a text as the name of a file, except where ``unless`` says that it is the content itself."""

    unless: Callable[[str], bool] | None = None


@dataclass(frozen=True)
class NamesLake:
    """Marks a text as the path, the URL or the configured name of a lake."""


FileOption = Annotated[str, Field(min_length=1), NamesFile()]
"""A file: a path on the command line and in Python, ``upload:ID`` in a page and over HTTP.

`alertferry.core.working_folder.resolved` returns where it is on this machine.
"""

LakeOption = Annotated[str, Field(min_length=1), NamesLake()]
"""A lake: a path or URL, or the name under which the settings have it."""


@dataclass(frozen=True)
class Named:
    """A text in the options of a step: its place, as ``of[0].catalog``, and what its type says that it is."""

    path: str
    value: str
    names: Literal["file", "lake", "text"]


def file_options(step: type[Step]) -> tuple[str, ...]:
    """Return the options of a step that hold the name of one file."""
    return tuple(name for name, declared in step.model_fields.items() if _holds_file(declared))


def _holds_file(declared: Any) -> bool:
    marks = [*declared.metadata, *_marks(declared.annotation)]
    several = any(get_origin(mark) in (list, tuple, set, frozenset, dict) for mark in marks)
    paths = any(isinstance(mark, type) and issubclass(mark, PurePath) for mark in marks)
    return not several and (paths or any(isinstance(mark, NamesFile) for mark in marks))


def named_in(step: Step) -> Iterator[Named]:
    """Yield every text in the options of a step, also those inside of models; not those of nested steps."""
    yield from _of_model(step, "", step.nested)


def nested_in(step: Step) -> Iterator[tuple[str, Step]]:
    """Yield the steps inside a step (``any``, ``not``) with their places."""
    for option in step.nested:
        for index, inner in enumerate(getattr(step, option)):
            yield f"{option}[{index}]", inner


def _of_model(model: BaseModel, path: str, without: Sequence[str] = ()) -> Iterator[Named]:
    for name, declared in type(model).model_fields.items():
        if name in without:
            continue
        marks = [*declared.metadata, *_marks(declared.annotation)]
        for found in _texts(getattr(model, name), f"{path}.{name}" if path else name):
            if isinstance(found, Named):  # of a model inside, which has judged it
                yield found
            else:
                yield from _judged(*found, marks)


def _marks(annotation: Any) -> Iterator[Any]:
    """Yield everything that stands anywhere in an annotation: types, and marks of ``Annotated``."""
    yield annotation
    for part in get_args(annotation):
        yield from _marks(part)


def _texts(value: Any, path: str) -> Iterator[Named | tuple[str, str | PurePath]]:
    if isinstance(value, str | PurePath):
        yield path, value
    elif isinstance(value, BaseModel):
        yield from _of_model(value, path)
    elif isinstance(value, Mapping):
        for key, item in value.items():
            yield from _texts(item, f"{path}.{key}")
    elif isinstance(value, list | tuple | set | frozenset):
        for index, item in enumerate(value):
            yield from _texts(item, f"{path}[{index}]")
    elif is_dataclass(value) and not isinstance(value, type):
        for part in fields(value):
            yield from _texts(getattr(value, part.name), f"{path}.{part.name}")


def _judged(path: str, value: str | PurePath, marks: list[Any]) -> Iterator[Named]:
    files = [mark for mark in marks if isinstance(mark, NamesFile)]
    if isinstance(value, PurePath) or any(isinstance(mark, type) and issubclass(mark, PurePath) for mark in marks):
        yield Named(path, str(value), "file")
    elif any(isinstance(mark, NamesLake) for mark in marks):
        yield Named(path, value, "lake")
    elif files and not any(mark.unless and mark.unless(value) for mark in files):
        yield Named(path, value, "file")
    else:
        yield Named(path, value, "text")
