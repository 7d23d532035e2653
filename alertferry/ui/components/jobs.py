"""Controls of the pages that are about jobs: their list, a question before what costs or destroys, word of an end."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import param

from alertferry.ui.components import Part


class JobsTable(Part):
    """Jobs to search, filter and sort; ``live`` holds what changes all the time of those under way, by their keys."""

    sends = {"action": str, "key": str}, {"everybody": bool}

    jobs = param.List(default=[])
    live = param.Dict(default={})
    note = param.String(default="")
    loaded = param.Boolean(default=False)
    admin = param.Boolean(default=False)
    everybody = param.Boolean(default=False)


class Ask(Part):
    """A question that must be answered before anything happens; one at a time."""

    sends = ({"yes": bool, "turn": int},)

    turn = param.Integer(default=0)
    """Which question it is; 0 while there is none."""
    title = param.String(default="")
    lines = param.List(default=[])
    yes = param.String(default="")
    no = param.String(default="")
    danger = param.Boolean(default=False)

    def __init__(self, **params: Any) -> None:
        super().__init__(**params)
        self._asked = 0
        self._then: Callable[[], None] | None = None
        self.on_message = self._answered

    def ask(
        self,
        title: str,
        lines: Sequence[str],
        answers: tuple[str, str],
        then: Callable[[], None],
        *,
        danger: bool = False,
    ) -> None:
        """Ask something; ``then`` is called when the answer is the first of the two."""
        yes, no = answers
        self._asked, self._then = self._asked + 1, then
        self.param.update(title=title, lines=list(lines), yes=yes, no=no, danger=danger, turn=self._asked)

    def drop(self) -> None:
        """Ask nothing any more."""
        self.turn, self._then = 0, None

    def _answered(self, message: dict[str, Any]) -> None:
        then = self._then
        if message["turn"] != self.turn or then is None:
            return
        self.drop()
        if message["yes"]:
            then()


class TellMe(Part):
    """Lets a user be told by the browser that a job has ended; `Nav.news` does so."""
