"""Options of any step by a form made from its model, also those of a plugin."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import Any, Literal

from alertferry.core.errors import UsageError
from alertferry.core.file_option import file_options
from alertferry.core.registry import default_registry
from alertferry.core.steps import Step
from alertferry.ui import uploads
from alertferry.ui.components import OptionForm, Upload
from alertferry.ui.draft import with_options
from alertferry.ui.drafts import MAX_BYTES
from alertferry.ui.forms import Entry, at_fault, entries_of, texts, with_text
from alertferry.ui.problems import Placed
from alertferry.ui.session import Session
from alertferry.ui.spot import Spot
from alertferry.ui.theme import card, stack


def known_step(role: str, kind: str) -> type[Step] | None:
    """Return the model of a kind, if there is one."""
    found = default_registry().steps[role].get(kind)
    return found.step if found else None


class Form:
    """The form of some options; ``put`` takes the options as they are after each entry."""

    def __init__(self, label: str, put: Callable[[dict[str, Any]], None]) -> None:
        self.view = OptionForm(label=label)
        self.view.on_message = self._entered
        self._put = put
        self.entries: Sequence[Entry] = ()
        self.options: dict[str, Any] = {}

    def show(self, of: str, entries: Sequence[Entry], options: dict[str, Any], problems: Sequence[Placed]) -> None:
        """Show options as they are in the draft, and which of them are at fault."""
        self.entries, self.options = entries, options
        self.view.param.update(
            of=of,
            entries=[entry.to_page() for entry in entries],
            values=texts(entries, options),
            faults=at_fault(entries, [item.option for item in problems]),
        )

    def _entered(self, message: dict[str, Any]) -> None:
        entry = next((entry for entry in self.entries if entry.path == message["path"]), None)
        if entry is None or message["of"] != self.view.of:  # another form is shown by now
            return
        if len(message["text"]) > MAX_BYTES:
            size = len(message["text"])
            raise UsageError(f"this text has {size:,} characters; a job file has room for {MAX_BYTES:,}")
        self._put(with_text(entry, self.options, message["text"]))


class TextForm:
    """One text that stands by itself; ``put`` takes it as it was typed."""

    def __init__(self, label: str, put: Callable[[str], None], hint: str = "") -> None:
        self._form = Form(label, lambda options: put(options.get("text", "")))
        self._entries = (Entry("text", label, hint=hint),)
        self.view = self._form.view

    def show(self, of: str, text: str, *, fault: bool = False) -> None:
        """Show a text; ``of`` says which draft's."""
        self._form.show(of, self._entries, {"text": text} if text else {}, ())
        self.view.faults = ["text"] if fault else []


class OptionsPanel:
    """A filter that has no panel of its own: all its options in a form, and uploads for those that name a file."""

    def __init__(self, session: Session, kind: str) -> None:
        self.session = session
        self.spot = Spot(session, kind)
        model = known_step("filter", kind)
        self.entries = entries_of(model) if model else ()
        title = kind.replace("_", " ").replace("-", " ").capitalize()
        self.form = Form(title, self.spot.put)
        self.uploads = {}
        for option in file_options(model) if model else ():
            upload = Upload(ticket=session.ticket, max_bytes=session.site.max_upload_bytes)
            upload.title = f"Upload a file: {option.replace('_', ' ')}"
            upload.on_message = partial(self._sent, option)
            self.uploads[option] = upload
        hint = " ".join((model.__doc__ or "").split("\n\n")[0].replace("`", "").split()) if model else ""
        self.view = card(stack(self.form.view, *self.uploads.values()), title=title, hint=hint)

    def refresh(self) -> None:
        """Show the draft."""
        options = self.spot.options
        self.form.show(self.spot.name, self.entries, options, self.spot.problems)
        for option, upload in self.uploads.items():
            found = uploads.named(str(options.get(option, "")), self.session.owner)
            upload.file = found.name if found else ""

    def _sent(self, option: str, message: dict[str, Any]) -> None:
        found = uploads.find(message["file"], self.session.owner)
        if found is not None and self.spot.at is not None:
            self.spot.put({**self.spot.options, option: found.reference})


class PartForm:
    """Options of the source or of the output, but those that have controls elsewhere."""

    def __init__(self, session: Session, role: Literal["source", "output"], without: Sequence[str], label: str) -> None:
        self.session, self.role, self.without = session, role, without
        self.form = Form(label, self._put)
        self.view = self.form.view
        self.words: dict[str, tuple[str, str]] = {}
        """What the page calls some options, with an example; they are those that many need."""

    def _worded(self, entry: Entry) -> Entry:
        label, hint = self.words.get(entry.path, (entry.label, entry.hint))
        few = not entry.required and entry.path not in self.words
        return replace(entry, label=label, hint=hint, more=few, about=entry.about if few else "")

    def refresh(self, problems: Sequence[Placed] = ()) -> None:
        """Show the draft."""
        part = getattr(self.session.draft, self.role)
        kind = str(part.get("kind"))
        model = known_step(self.role, kind)
        found = entries_of(model) if model else ()
        entries = [self._worded(entry) for entry in found if entry.path.partition(".")[0] not in self.without]
        options = {key: value for key, value in part.items() if key != "kind"}
        self.form.show(f"{self.session.draft_id} {kind}", entries, options, problems)
        self.view.visible = bool(entries)

    def _put(self, options: dict[str, Any]) -> None:
        self.session.update(with_options(self.session.draft, self.role, options))
