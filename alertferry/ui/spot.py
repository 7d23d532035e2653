"""Which filter a panel shows and changes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from alertferry.ui.draft import Place, Plain, first_of, step_at, with_filter, with_step
from alertferry.ui.problems import Placed
from alertferry.ui.session import Session


class Spot:
    """A filter of the draft: the first of its kind, or the one at ``place`` that was picked among all.

    Where the first of its kind asks for nothing any more, it is gone; one that was picked stays, at fault.
    """

    def __init__(self, session: Session, kind: str) -> None:
        self.session, self.kind = session, kind
        self.place: Place | None = None

    @property
    def at(self) -> Place | None:
        """The place of the filter in the draft; None while there is none."""
        draft = self.session.draft
        if self.place is not None:
            step = step_at(draft, self.place)
            return self.place if step is not None and step.get("kind") == self.kind else None
        return next(((index,) for index, step in enumerate(draft.filters) if step.get("kind") == self.kind), None)

    @property
    def name(self) -> str:
        """What tells this filter from others: messages of a page that was showing another one are not for it."""
        return f"{self.session.draft_id} {self.kind} {self.place}"

    @property
    def step(self) -> Plain | None:
        """The filter as the draft has it."""
        if self.place is None:
            return first_of(self.session.draft, self.kind)
        return step_at(self.session.draft, self.place) if self.at is not None else None

    @property
    def options(self) -> dict[str, Any]:
        """Its options, none while there is no filter."""
        return {key: value for key, value in (self.step or {}).items() if key != "kind"}

    @property
    def problems(self) -> Sequence[Placed]:
        """What is wrong with it."""
        at = self.at
        return [item for item in self.session.problems if at is not None and item.at == at]

    def put(self, options: Plain | None) -> None:
        """Set its options; None, or none, for what asks for nothing."""
        draft = self.session.draft
        if self.place is None:
            self.session.update(with_filter(draft, self.kind, options))
        elif self.at is not None:
            self.session.update(with_step(draft, self.place, {"kind": self.kind, **(options or {})}))
