"""A visitor who does anything: a real browser that clicks, types, goes back and loses its connection, by chance.

A walk begins at the home page. Each step is chosen by a seeded chance among what can be used on the page; after it the
page has to agree with its draft, its address, the store of jobs and the server's log (`Walker.wrong`). What was found is
told with its seed and its shortest path. ``python -m tests.ui.walker SEED STEPS`` walks by hand and tells everything.
"""

from __future__ import annotations

import json
import os
import random
import re
import signal
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import yaml

from alertferry.core.errors import AlertferryError
from alertferry.core.job import Job
from alertferry.ui import drafts
from alertferry.ui.conditions import pieces
from alertferry.ui.draft import Draft, chosen_nights, first_of, tag_choices
from alertferry.ui.session import Session
from alertferry.ui.session import Site as UiSite
from tests.ui.browsing import CHROMIUM
from tests.ui.walked import FOREIGN, ME, Walked

LOOK = Path(__file__).with_name("look.js").read_text()

KNOWN: set[str] = set()
"""Checks that cannot pass yet: they are made and told, and no walk ends by them."""

LASTING = ("browser", "log", "reference", "store", "foreign", "job")
"""Checks that do not pass later by themselves."""

PATIENCE_SECONDS = 10.0
"""How long the page may take to agree with everything, on a machine that has nothing else to do; see `busy`."""

AGAIN_SECONDS = 5.0
"""The same, where a path that was found is gone again to make it shorter."""

SHORT_SECONDS = 1.5
"""How long is waited for what is known to be wrong."""

BLUR = """() => {
  let at = document.activeElement
  while (at?.shadowRoot?.activeElement) { at = at.shadowRoot.activeElement }
  at?.blur()
}"""

CLICK_MS = 3_000
REPLAYS, REPLAY_SECONDS = 40, 180.0
"""Walks that may be made to shorten the path of one finding, and how long they may take."""


def busy() -> float:
    """Return how many times longer everything takes now, as others use this machine as well."""
    return max(1.0, os.getloadavg()[0] / (os.cpu_count() or 1))


HEADINGS = {
    "nights": "Survey and nights",
    "filters": "Filters",
    "content": "Content",
    "review": "Review",
    "run": "Running",
    "data": "Your data",
}
OVER_HEADINGS = {"run": ("The job is complete", "The job failed", "The job was cancelled")}
SUBMITS = ("Submit", "Test job")
SIZES = ((1280, 900), (390, 844), (2000, 1100), (640, 450))
SHAPES = ("cone", "box", "polygon", "moc", "skymap")

NIGHTS = ("2026-03-01", "2026-03-01..2026-03-04", "2026-03-02, 2026-03-04", "2026-03-01 to 2026-03-02", "", "1 March")
NIGHTS += ("2026-13-01", "2026-03-04..2026-03-01", "1999-01-01", "2026-03", "0001-01-01..9999-12-31")
RA = {"150.1": 150.1, "10:00:24": 150.1, "350": 350.0, "10h00m24s": 150.1, "M31": None, "": None, "370": 370.0}
DEC = {"2.2": 2.2, "+02:12:00": 2.2, "-5": -5.0, "95": 95.0, "north": None, "": None}
RADIUS = {"1.5": 1.5, "0.1": 0.1, "1 arcmin": None, "-1": -1.0, "1e1": 10.0, "": None}
CORNERS = ("120, -10\n180, -20\n230, 40", "10 10\n20 10\n20 20", "1, 2", "a, b\nc, d\ne, f", "")
WORDS: tuple[tuple[str, Sequence[str]], ...] = (
    ("nights and ranges", NIGHTS),
    ("^ra ", tuple(RA)),
    ("^dec ", tuple(DEC)),
    (r"radius \(deg", tuple(RADIUS)),
    (
        "^times of",
        ("2026-03-01T03:00..2026-03-01T05:30", "2026-03-01T03:00..2026-03-01T05:30\n2026-03-02", "night", ""),
    ),
    (r"radius \(arcsec", ("2", "0.5", "1 arcmin", "-1", "")),
    ("corners", CORNERS),
    ("credible", ("0.9", "0.5", "90 %", "1.5", "")),
    ("cells", ("3/1-4 5/77", "3/", "M31", "")),
    ("^at most so many", ("10", "1", "0", "-3", "1e3", "ten", "٣", "")),
    ("^search", ("snr", "is_", "zzzz", "")),
    ("name of the job", ("my job", "", "complete 1", "die", "refuse", "Étoiles <b>✓</b>", "a" * 250, "x: y #1", " ")),
    (
        "^conditions",
        (
            "diaSource.snr > 8",
            "candidate.magpsf < 19\ncandidate.drb > 0.7",
            "detection.mag < 6.5",
            "diaSource.snr > 8 AND\ndiaSource.band IN ('g', 'r')",
            "diaSource.bandd = 'r'",
            "where diaSource.snr > 20",
            "diaSource.psfFlux",
            "diaSource.snr > 1, diaSource.snr = 2",
            "diaSource.snr > 'abc",
            "((",
            "diaSource.snr >> ",
            "",
        ),
    ),
)
"""What is typed where: good, broken, empty; now and then what belongs elsewhere."""


@dataclass(frozen=True)
class Step:
    """Something that was done: to the ``nth`` control of this description, with this value, in this way."""

    act: str
    kind: str = ""
    group: str = ""
    label: str = ""
    nth: int = 0
    value: Any = None
    how: str = ""

    def __str__(self) -> str:
        place = f" of {self.group!r}" if self.group else ""
        which = f" ({self.nth + 1})" if self.nth else ""
        value = "" if self.value is None else f" <- {self.value!r}"
        return f"{self.act} {self.kind} {self.label!r}{place}{which}{value} {self.how}".rstrip()


@dataclass(frozen=True)
class Finding:
    """What is wrong after some steps: the check that failed, and what it saw."""

    check: str
    detail: str
    path: tuple[Step, ...]
    seed: int = 0

    def __str__(self) -> str:
        steps = "\n".join(f"  {number}. {step}" for number, step in enumerate(self.path, 1))
        return f"seed {self.seed}: {self.check}: {self.detail}\nshortest path found, from the home page:\n{steps}"


def described(controls: Sequence[dict[str, Any]]) -> list[tuple[str, str, str, int]]:
    """Return a description of each control by which it is found again on the same page."""
    seen: dict[tuple[str, str, str], int] = {}
    found = []
    for item in controls:
        label = re.sub(r"(, (complete|has problems|\d+ chosen))+$", "", item["label"])
        label = re.sub(r"\b[0-9a-f]{8}\b", "(id)", label)
        key = item["type"], item["group"], label
        seen[key] = seen.get(key, -1) + 1
        found.append((*key, seen[key]))
    return found


class Walker:
    """One visitor with a browser; the same steps can be gone again by `go`."""

    def __init__(self, site: Walked, browser: Any, state: Any = None, tell: bool = False) -> None:
        self.site, self.tell, self.patience = site, tell, PATIENCE_SECONDS
        self.context = browser.new_context(
            viewport=dict(zip(("width", "height"), SIZES[0], strict=True)), storage_state=state, accept_downloads=True
        )
        self.context.grant_permissions(["clipboard-read", "clipboard-write"])
        self.context.add_init_script(
            "window.sockets = []; const Plain = WebSocket; window.WebSocket = class extends Plain {"
            "constructor(...given) { super(...given); window.sockets.push(this) } }"
        )
        self.complaints: list[str] = []
        self.page = self._watched(self.context.new_page())
        self.said = site.log_bytes()
        self.jobs = set(site.jobs())
        self.stopped = {job for job, entry in site.jobs().items() if self._stopped(entry)}
        self.may_add = self.may_stop = self.may_delete = 0
        self.promised: dict[str, Any] | None = None
        self.opened: str | None = None
        self.walk: list[tuple[Any, ...]] = []
        self.at = -1
        self.path: list[Step] = []
        self.waits: list[float] = []
        self.known: dict[str, str] = {}
        self.pending: Step | None = None
        self.stray = ""
        self.others: list[float] = []

    def _watched(self, page: Any) -> Any:
        page.set_default_timeout(PATIENCE_SECONDS * 1000 * busy())
        page.on("console", lambda m: self.complaints.append(f"console: {m.text}") if m.type == "error" else None)
        page.on("pageerror", lambda error: self.complaints.append(f"page error: {error}"))
        return page

    @staticmethod
    def _stopped(entry: Any) -> bool:
        return entry.cancel_asked is not None or entry.state == "cancelled"

    def close(self) -> None:
        self.context.close()

    # ---- looking

    def look(self, page: Any = None) -> dict[str, Any]:
        """Return what the page shows; looks again while the page is being loaded."""
        end = time.monotonic() + PATIENCE_SECONDS * busy()
        while True:
            try:
                return (page or self.page).evaluate(LOOK)
            except Exception:  # between two pages there is nothing to look at
                if time.monotonic() > end:
                    raise
                time.sleep(0.05)

    def begin(self) -> Finding | None:
        """Open the home page, and sign in where that is asked."""
        self.page.goto(self.site.dashboard.url)
        if self.page.locator("input[name=username]").count():
            self.page.locator("input[name=username]").fill(ME)
            self.page.locator("input[name=password]").fill(ME)
            self.page.locator("input[name=password]").press("Enter")
        self.page.locator("h1").first.wait_for(timeout=60_000)  # the first page of a server that has just started
        return self.settle(lambda state: state["h1"] == HEADINGS["nights"])

    def settle(self, answered: Callable[[dict[str, Any]], bool] | None = None) -> Finding | None:
        """Wait until the page agrees with everything; return what it did not agree with."""
        begun = time.monotonic()
        while True:
            state = self.look()
            wrong = self.wrong(state)
            if answered is not None and not answered(state):
                act = f"answer to {self.path[-1].act}" if self.path else "answer"
                wrong[act] = f"nothing came of it; the page shows {state['h1']!r} at {state['url'].partition('?')[2]!r}"
            waited = time.monotonic() - begun
            new = {check: detail for check, detail in wrong.items() if check not in KNOWN}
            if "reference" in wrong and "reference" in KNOWN:
                new = {}  # whatever else is wrong now may be wrong for this reason
            if not wrong or set(LASTING) & set(wrong) or waited > (self.patience * busy() if new else SHORT_SECONDS):
                break
            time.sleep(0.1)
        if not wrong:
            self.waits.append(waited)
        self._remember(state)
        for check, detail in wrong.items():
            self.known.setdefault(check, f"after {len(self.path)} steps: {detail}")
        self.complaints.clear()
        self.said = self.site.log_bytes()
        if "reference" in wrong and not new:  # from now on nothing on this page need work
            self.page.reload()
            return self.settle()
        return Finding(*next(iter(new.items())), tuple(self.path)) if new else None

    # ---- what must agree

    def wrong(self, state: dict[str, Any]) -> dict[str, str]:
        """Return what does not agree now, by the name of the check."""
        found: dict[str, str] = {}
        if self.complaints:
            found["browser"] = "; ".join(self.complaints)[:500]
        log = self.site.log(self.said)
        if "reference already known" in log:
            found["reference"] = log.strip()[:300]
        if bad := re.search(r"Traceback|BokehUserWarning(?!: reference already)|isn't known|ERROR", log):
            found["log"] = log[max(0, bad.start() - 200) : bad.start() + 1500]
        if state["lost"]:
            found["lost"] = "the page says that the connection is lost"
        found |= self._wrong_jobs(state)
        asked = {key: values[0] for key, values in parse_qs(urlsplit(state["url"]).query).items()}
        place = state["page"].lower() or ("job" if state["step"] in ("run", "data") else "draft")
        said = asked.get("page", "job" if "job" in asked else "draft" if "draft" in asked else "")
        if place == "fields":  # its address names the survey, too
            chosen = (c["value"] for c in state["controls"] if (c["group"], c["on"]) == ("Survey", True))
            place, said = f"fields of {next(chosen, '')}", f"{said} of {asked.get('survey')}"
        if amiss := self._wrong_view(state):
            found["view"] = amiss
        if state["url"] != self.stray:
            self.stray = ""
        if self.stray:  # what is known to be wrong here makes all that hangs on the address wrong
            return found
        if place != said:
            found["address"] = f"{state['h1']!r} ({place}) stands at the address {state['url'].partition('?')[2]!r}"
        elif place == "draft" and state["h1"]:
            kept = drafts.load(asked["draft"], ME)
            if kept is None:
                found["draft"] = "the draft of this address is not kept"
            else:
                found |= self._wrong_draft(state, *kept)
        return found

    @staticmethod
    def _wrong_view(state: dict[str, Any]) -> str:
        """Return how the heading does not fit to where the page says it is."""
        step = state["step"]
        wanted = (state["page"],) if state["page"] else (HEADINGS.get(step), *OVER_HEADINGS.get(step, ()))
        return "" if state["h1"] in wanted else f"{wanted} should be shown, and the heading is {state['h1']!r}"

    def _wrong_jobs(self, state: dict[str, Any]) -> dict[str, str]:
        now = self.site.jobs()
        added = [job for job in now if job not in self.jobs]
        stopped = [job for job, entry in now.items() if self._stopped(entry) and job not in self.stopped]
        gone = [job for job in self.jobs if job not in now]
        found = {}
        if len(added) > self.may_add or len(stopped) > self.may_stop or len(gone) > self.may_delete:
            found["store"] = (
                f"{len(added)} jobs submitted, {len(stopped)} cancelled, {len(gone)} deleted; asked for were at most "
                f"{self.may_add}, {self.may_stop} and {self.may_delete}"
            )
        if FOREIGN in str([state["listed"], state["h1"], state["notes"]]) or any(now[job].owner != ME for job in added):
            found["foreign"] = "a job of somebody else is shown or made"
        if self.promised is not None and added:
            held = Job.from_yaml(now[added[0]].job).to_dict()
            if held != self.promised:
                found["job"] = f"the page had {self.promised}, and {held} was submitted"
        return found

    def _wrong_draft(self, state: dict[str, Any], draft: Draft, step: str) -> dict[str, str]:
        """Compare what the form shows with the draft, and with whether it can be submitted."""
        found = {}
        if step != state["step"]:
            found["step"] = f"the page is at {state['step']!r}, the draft at {step!r}"
        marked = any(state["marks"].values()) or bool(state["errors"]) or any(c["invalid"] for c in state["controls"])
        differ = [f"{what}: shown {shown!r}, held {held!r}" for what, shown, held in self._forms(state, draft, marked)]
        if differ:
            found[f"form of {state['step']}"] = "; ".join(differ)
        if state["step"] == "nights" and not draft.filters and state["bar"].get("alerts", "–") != "–":
            counts = {c["day"]: int(re.sub(r"\D", "", c["label"][10:])) for c in state["controls"] if c["day"]}
            total = sum(counts.get(str(night), 0) for night in chosen_nights(draft))
            if state["bar"]["alerts"] not in (f"{total:,}", "0"):
                found["gauge"] = f"{state['bar']['alerts']} alerts are shown for nights that hold {total:,}"
        if self.opened == "" and any(" is open" in note for note in state["notes"]):
            self.opened = state["url"]  # of the new request that a job file became
        if any(" is open" in note for note in state["notes"]) and self.opened != state["url"]:
            found["stale"] = f"{state['notes']} belongs to an earlier request"
        if state["step"] == "review":
            found |= self._wrong_review(state, draft)
        return found

    def _wrong_review(self, state: dict[str, Any], draft: Draft) -> dict[str, str]:
        found = {}
        session = Session(ME, UiSite(signed_in=True, confined=True, estimates=False))
        try:
            session.draft = draft
            problems = [item.problem for item in session.check()]
        finally:
            session.close()
        shown = [text for text in state["errors"] if "was not submitted" not in text]
        faults = [name for name, at_fault in state["marks"].items() if at_fault]
        is_open = state["bar"].get("open") and state["bar"].get("next") == "Submit"
        if is_open and (problems or shown or faults):
            found["submit"] = f"Submit is open although: {[str(p) for p in problems]}, {shown}, {faults}"
        elif not is_open and not (problems or shown or faults) and state["bar"].get("next") == "Submit":
            found["submit"] = "Submit is closed, and nothing says why"
        text = next((text for name, text in state["code"].items() if name.endswith(".yml")), None)
        if text is not None:
            shown_job, held = yaml.safe_load(text) if text else None, draft.to_dict()
            try:
                shown_job, held = Job.from_dict(shown_job).to_dict(), draft.to_job().to_dict()
            except (AlertferryError, TypeError, AttributeError):
                shown_job = yaml.safe_load(text) if text else None
            if json.dumps(shown_job, default=str) != json.dumps(held, default=str):  # YAML makes dates of nights
                found["yaml"] = f"shown {shown_job}, held {held}"
        return found

    def _forms(self, state: dict[str, Any], draft: Draft, marked: bool) -> Iterator[tuple[str, Any, Any]]:
        """Give (what, shown, held) of every control of this step that shows something else than the draft."""
        controls = state["controls"]
        chosen = {c["group"]: c["value"] for c in controls if c["type"] == "radio" and c["on"]}

        def text(label: str) -> str | None:
            item = next(
                (c for c in controls if c["label"].startswith(label) and c["type"] in ("text", "textarea", "combobox")),
                None,
            )
            return None if item is None or self._being_typed(item) else item["value"]

        def differ(what: str, shown: Any, held: Any) -> Iterator[tuple[str, Any, Any]]:
            if shown != held:
                yield what, shown, held

        if state["step"] == "nights":
            days = {c["day"]: c["on"] for c in controls if c["day"]}
            held = {str(night) for night in chosen_nights(draft)} & set(days)
            yield from differ("nights", sorted(day for day, on in days.items() if on), sorted(held))
            yield from differ("survey", chosen.get("Survey"), draft.survey)
            typed = text("Nights and ranges")
            if typed is not None:
                yield from differ(
                    "nights as text", re.split(r"[\s,;]+", typed.strip()) if typed.strip() else [], list(draft.nights)
                )
        elif state["step"] == "filters":
            yield from self._filters(chosen, text, draft, marked, state)
        elif state["step"] == "content":
            own = "own" if draft.output.get("packet") is None else draft.output["packet"]
            yield from differ("deliver to", chosen.get("Deliver to"), draft.output["kind"])
            yield from differ("packet", chosen.get("Packet"), own)
            limit = text("At most so many alerts")
            if limit is not None:
                yield from differ("limit", limit.strip()[:20], "" if draft.limit is None else str(draft.limit))
            yield from differ("fields", state["ticked"], list(draft.output.get("fields") or []))
        elif state["step"] == "review":
            name = text("Name of the job")
            if name is not None:
                yield from differ("name", name.strip(), draft.name or "")

    def _filters(
        self, chosen: Any, text: Any, draft: Draft, marked: bool, state: Any
    ) -> Iterator[tuple[str, Any, Any]]:
        kind = chosen.get("Kind of filter")
        if kind in ("tags", "blocks", "class"):
            held = tag_choices(draft, kind)
            shown = {c["group"]: c["value"] for c in state["controls"] if c["type"] == "radio" and c["on"]}
            shown = {name: value for name, value in shown.items() if name != "Kind of filter" and value != "any"}
            there = {c["group"] for c in state["controls"] if c["type"] == "radio"}
            held = {name: value for name, value in held.items() if name in there}
            if shown != held:
                yield kind, shown, held
        elif kind == "sql" and (typed := text("Conditions")) is not None:
            where = (first_of(draft, "sql") or {}).get("where", ())
            held = [where] if isinstance(where, str) else list(where)
            shown = [piece.text for piece in pieces(typed)]
            if shown != held:
                yield "conditions", shown, held
        elif kind == "region":
            step = first_of(draft, "region") or {}
            held = next((shape for shape in SHAPES if step.get(shape) is not None), "whole")
            shape = chosen.get("Shape")
            if shape != held:
                if not marked:  # what is not complete has to be a fault
                    yield "shape", shape, held
            elif shape == "cone":
                entries = {"ra": ("RA of", RA), "dec": ("Dec of", DEC), "radius_deg": ("Radius (degrees)", RADIUS)}
                yield from self._numbers(step["cone"], entries, text, marked)
        elif kind == "crossmatch" and (step := first_of(draft, "crossmatch")) is not None:
            if "radius" not in step:
                yield from self._numbers(step, {"radius_arcsec": ("Radius (arcsec)", {})}, text, marked)
            for label, option in (("Rows that cannot be used", "on_bad_rows"), ("Matches", "keep")):
                box = next((c for c in state["controls"] if c["label"] == label), None)
                if box and box["value"] != step.get(option, ""):
                    yield label, box["value"], step.get(option)

    @staticmethod
    def _numbers(held: Any, entries: Any, text: Any, marked: bool) -> Iterator[tuple[str, Any, Any]]:
        """Compare numbers of a form with the draft's; what is no number has to be a fault."""
        for name, (label, meanings) in entries.items():
            typed = text(label)
            if typed is None:
                continue
            try:
                meant = meanings[typed] if typed in meanings else float(typed)
            except ValueError:
                meant = None
            value = held.get(name) if isinstance(held, dict) else None
            same = meant is not None and isinstance(value, int | float) and abs(meant - value) < 1e-9
            if not same and not (meant is None and marked):
                yield label, typed, value

    def _being_typed(self, item: dict[str, Any]) -> bool:
        """Tell whether somebody is still typing here: not entered yet, so the draft need not know."""
        return bool(item["focused"] and self.pending and self.pending.how.endswith("and stays"))

    # ---- history

    def _view(self, state: dict[str, Any]) -> tuple[Any, ...]:
        return state["h1"], state["step"], state["page"], state["title"]

    def _remember(self, state: dict[str, Any]) -> None:
        """Note where the walk is; steps and pages are entries of the history."""
        view = self._view(state)
        if self.at < 0 or view != self.walk[self.at]:
            self.walk[self.at + 1 :] = [view]
            self.at += 1

    # ---- doing

    def choose(self, chance: random.Random) -> Step:
        """Choose what to do next among what can be done."""
        if len(self.path) % 10 == 9 and not self.stray:
            return Step("twin")
        state = self.look()
        items = list(zip(described(state["controls"]), state["controls"], strict=True))
        items = [
            (key, item)
            for key, item in items
            if (item["label"] not in ("Sign out", "") and (item["label"] != "Toggle theme" or not len(self.path) % 20))
            or item["type"] == "file"
        ]
        popup = [(key, item) for key, item in items if item["type"] == "option"]
        if popup and chance.random() < 0.7:
            return Step("click", *chance.choice(popup)[0])
        kinds: dict[str, list[Any]] = {}
        for key, item in items:
            kinds.setdefault(self._sort(item), []).append((key, item))
        weights = {"go": 6, "bar": 5, "submit": 2, "pick": 6, "day": 3, "fill": 5, "row": 3, "file": 1.5, "option": 0.1}
        weights |= {"cancel": 2, "history": 2.5, "rare": 2}
        names = [*kinds, "history", "rare"]
        name = chance.choices(names, [weights[name] for name in names])[0]
        if name == "history":
            return Step(chance.choice(("back", "back", "forward", "reload")))
        if name == "rare":
            return self._rare(chance, items)
        groups = sorted({key[1] if item["type"] == "radio" else "" for key, item in kinds[name]})
        group = chance.choice(groups)
        among = [(key, item) for key, item in kinds[name] if (key[1] if item["type"] == "radio" else "") == group]
        key, _ = chance.choice(among)
        if name == "fill":
            return Step("fill", *key, self._words(chance, key[2]), chance.choice(WAYS) + chance.choice(ENDS))
        if key[0] == "select":
            return Step("choose_one", *key, chance.randrange(100))
        if name == "file":
            return Step("upload", *key, chance.choice(sorted(self.site.files)))
        if name == "day" and chance.random() < 0.4:
            return Step("quick", value=tuple(chance.sample([k[2] for k, _ in among], min(len(among), 3))))
        return Step("double" if chance.random() < 0.12 else "click", *key)

    @staticmethod
    def _sort(item: dict[str, Any]) -> str:
        if item["group"] == "bar":
            return "submit" if item["text"] in SUBMITS else "bar"
        if item["group"] in ("Pages", "Steps"):
            return "go"
        if item["type"] in ("text", "textarea", "search", "number") or (
            item["type"] == "combobox" and item["label"] == "Conditions"
        ):
            return "fill"
        if item["type"] in ("file", "option"):
            return item["type"]
        if item["label"].lower().startswith(("cancel", "delete")):
            return "cancel"
        return "row" if item["group"] == "Jobs" else "day" if item["day"] else "pick"

    @staticmethod
    def _words(chance: random.Random, label: str) -> str:
        mine = next((words for wanted, words in WORDS if re.search(wanted, label, re.I)), None)
        if mine is None or chance.random() < 0.1:
            mine = chance.choice(WORDS)[1]
        return chance.choice(mine)

    def _rare(self, chance: random.Random, items: list[Any]) -> Step:
        act = chance.choice(("resize", "key", "key", "drop", "address"))
        if act == "resize":
            return Step("resize", value=chance.choice(SIZES))
        if act == "key":
            return Step(
                "key", value=chance.choice(("Tab", "Tab", "Shift+Tab", "Escape", "Enter", "Space", "ArrowDown"))
            )
        if act == "address":
            return Step(
                "address",
                value=chance.choice(("", "?page=jobs", "?page=help", "foreign", "?draft=" + "0" * 24, "?job=nobody")),
            )
        safe = [
            key for key, item in items if self._sort(item) in ("day", "pick") and item["type"] in ("radio", "button")
        ]
        return Step("drop", *(chance.choice(safe) if safe and chance.random() < 0.5 else ()))

    def do(self, step: Step) -> Finding | None:
        """Do something and wait until the page agrees with everything; a step that cannot be done is none."""
        if self.pending and step.act not in ("click", "double", "fill", "upload", "quick", "key"):
            self.page.evaluate(BLUR)
            self.pending = None
            self.settle()
        state, begun = self.look(), time.monotonic()
        self.path.append(step)
        self.pending = step if step.act == "fill" else self.pending
        try:
            answered = getattr(self, f"_{step.act}")(step, state)
        except LookupError:
            self.path.pop()
            return None
        except Exception as error:
            if "not attached" in str(error):  # the page has just made it anew; a hand would not have noticed
                self.path.pop()
                return self.settle()
            if type(error).__name__ != "TimeoutError" and "TimeoutError" not in str(error):
                raise
            if step.act in ("click", "double", "fill", "quick"):  # something lies over it, or it has just gone
                self.page.keyboard.press("Escape")
                answered = None
            else:
                return Finding(
                    "answer", f"{step.act} took longer than {PATIENCE_SECONDS:.0f} s: {error}"[:500], tuple(self.path)
                )
        found = answered if isinstance(answered, Finding) else self.settle(answered)
        if step.act not in ("fill", "key"):
            self.pending = None
        if self.tell:
            print(f"{time.monotonic() - begun:6.2f} s  {step}", found.check if found else "", flush=True)
            print(found.detail if found else "", end="\n" if found else "", flush=True)
        return found

    def _find(self, step: Step, state: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
        keys = described(state["controls"])
        at = (
            keys.index((step.kind, step.group, step.label, step.nth))
            if (step.kind, step.group, step.label, step.nth) in keys
            else -1
        )
        if at < 0:
            raise LookupError(step.label)
        handle = self.page.evaluate_handle("(at) => window.seenControls[at]", at).as_element()
        return handle, state["controls"][at]

    def _ask(self, item: dict[str, Any], state: dict[str, Any]) -> None:
        """Note what a press may do to the store of jobs."""
        label = item["label"]
        if item["group"] == "bar" and item["text"] in SUBMITS:
            self.may_add += 1
            asked = parse_qs(urlsplit(state["url"]).query).get("draft")
            kept = drafts.load(asked[0], ME) if asked else None
            known = set(self.site.jobs())
            if kept and known == self.jobs:
                try:
                    job = kept[0].to_job()
                    self.promised = (job.as_test() if item["text"] == "Test job" else job).to_dict()
                except AlertferryError:
                    self.promised = None
        elif label.startswith(("Run again", "Newer nights")):
            self.may_add += 1
        elif label.lower().startswith("cancel"):
            self.may_stop += 1
        elif label.lower().startswith("delete"):
            self.may_delete += 1

    def _click(self, step: Step, state: dict[str, Any], times: int = 1) -> Any:
        handle, item = self._find(step, state)
        self._close_books()
        self._ask(item, state)
        (handle.dblclick if times == 2 else handle.click)(timeout=CLICK_MS)
        return self._expected(item, state, times)

    def _double(self, step: Step, state: dict[str, Any]) -> Any:
        return self._click(step, state, 2)

    def _close_books(self) -> None:
        """Begin to count anew: what was asked for before has come, or will be one too many."""
        now = self.site.jobs()
        self.may_add = max(0, self.may_add - len(set(now) - self.jobs))
        self.may_stop = max(0, self.may_stop - len({i for i, e in now.items() if self._stopped(e)} - self.stopped))
        self.may_delete = max(0, self.may_delete - len(self.jobs - set(now)))
        self.jobs, self.stopped = set(now), {job for job, entry in now.items() if self._stopped(entry)}
        self.promised = None

    def _expected(
        self, item: dict[str, Any], state: dict[str, Any], times: int
    ) -> Callable[[dict[str, Any]], bool] | None:
        """Return what must be seen after a press, where that is certain."""
        label, group = item["label"].partition(",")[0].removeprefix("Next: "), item["group"]
        names = {title: name for name, title in (*((n, n.capitalize()) for n in HEADINGS), ("data", "Get data"))}
        if group == "Pages" and label == "Jobs":
            return lambda now: now["h1"] == "Jobs" and bool(now["listed"] or now["empty"])
        if group == "Pages" and label in ("Fields", "Help"):
            return lambda now: now["h1"] == label
        if group == "Examples":
            return lambda now: now["h1"] == HEADINGS["nights"] and now["url"] != state["url"]
        if group == "Pages" and label == "New request":
            return lambda now: now["h1"] == HEADINGS["nights"]
        if group in ("Steps", "bar") and label in names:  # of a double click, the second is not for the next step
            return lambda now: now["step"] == names[label]
        if group == "Jobs" and label.startswith("Open:"):
            return lambda now: now["step"] in ("run", "data")
        if group == "Jobs" and label.startswith(("Edit:", "Run again:", "Newer nights:")):
            return lambda now: now["h1"] != "Jobs" or bool(now["errors"] or now["notes"])
        if group == "bar" and item["text"] in SUBMITS:
            return lambda now: now["step"] in ("run", "data") or bool(now["errors"])
        if item["day"]:
            on = item["on"] if times == 2 else not item["on"]
            return lambda now: any(c["day"] == item["day"] and c["on"] == on for c in now["controls"])
        if item["type"] == "radio":
            return lambda now: (
                not now["controls"]
                or any((c["group"], c["value"], c["on"]) == (group, item["value"], True) for c in now["controls"])
            )
        return None

    def _quick(self, step: Step, state: dict[str, Any]) -> Any:
        """Click one night after the other, faster than any answer."""
        days = {c["label"]: c for c in state["controls"] if c["day"]}
        if not set(step.value) <= set(days):
            raise LookupError
        self._close_books()
        found = [self._find(Step("click", "button", days[label]["group"], label), state)[0] for label in step.value]
        for handle in found:
            handle.evaluate("(node) => node.scrollIntoView({block: 'center'})")
        boxes = [handle.bounding_box() for handle in found]  # where they are when the page stands still
        high = self.page.viewport_size["height"] - 130
        for box in boxes:
            if box and 0 < box["y"] < high:
                self.page.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
                self.page.wait_for_timeout(30)
        if any(not box or not 0 < box["y"] < high for box in boxes):
            return None
        wanted = {label: not days[label]["on"] for label in step.value}
        return lambda now: wanted.items() <= {c["label"]: c["on"] for c in now["controls"] if c["day"]}.items()

    def _fill(self, step: Step, state: dict[str, Any]) -> Any:
        handle, _ = self._find(step, state)
        self._close_books()
        handle.click(timeout=CLICK_MS)
        self.page.keyboard.press("Control+A")
        if step.how.startswith("typed"):
            self.page.keyboard.press("Delete")
            self.page.keyboard.type(step.value)
        elif step.how.startswith("pasted") and step.value:
            self.page.evaluate("(text) => navigator.clipboard.writeText(text)", step.value)
            self.page.keyboard.press("Control+V")
        else:
            handle.fill(step.value)
        if step.how.endswith("Enter") and "\n" not in step.value and step.kind == "text":
            self.page.keyboard.press("Enter")
        elif not step.how.endswith("stays"):
            handle.evaluate("(node) => node.blur()")

    def _choose_one(self, step: Step, state: dict[str, Any]) -> Any:
        handle, _ = self._find(step, state)
        self._close_books()
        handle.select_option(index=step.value % handle.evaluate("(node) => node.options.length"))

    def _upload(self, step: Step, state: dict[str, Any]) -> Any:
        handle, item = self._find(step, state)
        self._close_books()
        handle.set_input_files(str(self.site.files[step.value]))
        if "job" in item["label"]:
            self.opened = "" if state["step"] == "nights" else state["url"]

    def _key(self, step: Step, state: dict[str, Any]) -> Any:
        held = next((c for c in state["controls"] if c["focused"]), None)
        if held and held["label"] == "Sign out":
            raise LookupError
        self._close_books()
        if held and step.value in ("Enter", "Space"):
            self._ask(held, state)
        self.page.keyboard.press(step.value)
        presses = held and step.value in ("Space", "Enter") and held["type"] == "button"
        return self._expected(held, state, 1) if held and presses else None

    def _resize(self, step: Step, state: dict[str, Any]) -> Any:
        self.page.set_viewport_size(dict(zip(("width", "height"), step.value, strict=True)))

    def _reload(self, step: Step, state: dict[str, Any]) -> Any:
        self._close_books()
        before = self._view(state)
        self.page.reload()
        return lambda now: bool(self.stray) or self._view(now) == before

    def _back(self, step: Step, state: dict[str, Any], by: int = -1) -> Any:
        if not 0 <= self.at + by < len(self.walk):
            raise LookupError
        self._close_books()
        self.page.evaluate("(by) => history.go(by)", by)
        wanted = self.walk[self.at + by]
        begun = time.monotonic()
        while (view := self._view(self.look())) != wanted and time.monotonic() - begun < self._patience("history"):
            time.sleep(0.05)
        if view == wanted:
            self.at += by
            return None
        detail = f"{step.act} should lead to {wanted[:2]}, and leads to {view[:2]}"
        if "history" not in KNOWN:
            return Finding("history", detail, tuple(self.path))
        self.known.setdefault("history", f"after {len(self.path)} steps: {detail}")
        self.walk, self.at, self.stray = [], -1, self.look()["url"]
        return None

    def _patience(self, check: str) -> float:
        return SHORT_SECONDS if check in KNOWN else self.patience * busy()

    def _forward(self, step: Step, state: dict[str, Any]) -> Any:
        return self._back(step, state, 1)

    def _address(self, step: Step, state: dict[str, Any]) -> Any:
        """Open an address of the dashboard: of other pages, of what is not there, of somebody else's job."""
        theirs = next(job for job, entry in self.site.jobs().items() if entry.owner != ME)
        self._close_books()
        self.page.goto(self.site.dashboard.url + step.value.replace("foreign", f"?job={theirs}"))

    def _drop(self, step: Step, state: dict[str, Any]) -> Any:
        """Lose the connection, perhaps choose something meanwhile, and get it back."""
        chosen = self._find(step, state) if step.kind else None
        self._close_books()
        self.page.evaluate("window.before = true")
        self.context.set_offline(True)
        self.page.evaluate("window.sockets.forEach((socket) => socket.close())")
        self.page.wait_for_function("window.sockets.every((socket) => socket.readyState === 3)")
        wanted = None
        if chosen:
            handle, item = chosen
            try:
                handle.click(timeout=1000)
                wanted = self._expected(item, state, 1)
            except Exception:  # it is closed while there is no connection, as it may be
                wanted = None
        self.context.set_offline(False)
        self.page.wait_for_function("window.before === undefined", timeout=20_000 * busy())
        network = re.compile("ERR_INTERNET_DISCONNECTED|ERR_NETWORK|[Ww]eb[Ss]ocket|Failed to fetch|onnect")
        self.complaints[:] = [text for text in self.complaints if not network.search(text)]
        before = self._view(state)
        return lambda now: bool(self.stray) or (self._view(now) == before and (wanted is None or wanted(now)))

    def _twin(self, step: Step, state: dict[str, Any]) -> Any:
        """Open this address in a tab of its own: it has to lead to the same view with the same values."""
        if self.stray:
            raise LookupError
        other = self._watched(self.context.new_page())
        try:
            other.goto(state["url"])
            end = time.monotonic() + self._patience("twin") + 2
            while (there := self._shown(self.look(other))) != (here := self._shown(self.look())):
                if time.monotonic() > end:
                    words = [f"{a!r} there, {b!r} here" for a, b in zip(there, here, strict=True) if a != b]
                    detail = f"{state['url'].partition('?')[2]}: {'; '.join(words)}"[:800]
                    if "twin" not in KNOWN:
                        return Finding("twin", detail, tuple(self.path))
                    self.known.setdefault("twin", f"after {len(self.path)} steps: {detail}")
                    break
                time.sleep(0.1)
        finally:
            other.close()
        return None

    def _shown(self, state: dict[str, Any]) -> tuple[Any, ...]:
        kept = {"text", "textarea", "radio", "checkbox"}
        step = state["step"]
        values = [
            (
                c["group"],
                c["label"].partition(",")[0],
                c["on"] if c["type"] in ("radio", "checkbox") or c["day"] else c["value"],
            )
            for c in state["controls"]
            if (c["type"] in kept or c["day"]) and step not in ("filters", "review")
        ]
        return *self._view(state), values


WAYS = ("typed", "pasted", "set")
ENDS = (", Enter", ", leaves", ", leaves", " and stays")


def shortened(found: Finding, again: Callable[[Sequence[Step]], Finding | None], replays: int = REPLAYS) -> Finding:
    """Return a finding of the same check with as few steps as some replays could leave."""
    best, end = found, time.monotonic() + REPLAY_SECONDS

    def fails(path: Sequence[Step]) -> bool:
        nonlocal best, replays
        replays = replays - 1 if time.monotonic() < end else 0
        other = again(path) if path else None
        if other is None or other.check != found.check:
            return False
        best = other
        return True

    length = 1  # the end of the path is enough as a rule
    while length < len(found.path) and replays > 0 and not fails(found.path[-length:]):
        length *= 2
    size = len(best.path) // 2
    while size and replays > 0:
        start = 0
        while start < len(best.path) and replays > 0:
            if not fails(best.path[:start] + best.path[start + size :]):
                start += size
        size //= 2
    return replace(best, seed=found.seed)


@dataclass
class Report:
    """What a walk was like."""

    steps: int = 0
    waits: list[float] = field(default_factory=list)
    known: dict[str, str] = field(default_factory=dict)

    def __str__(self) -> str:
        waits = sorted(self.waits) or [0.0]
        told = "".join(f"\n  known: {check}: {detail[:300]}" for check, detail in self.known.items())
        return f"{self.steps} steps, 95 % of them answered within {waits[int(len(waits) * 0.95) - 1]:.2f} s" + told


def walk(site: Walked, browser: Any, seed: int, steps: int, *, tell: bool = False) -> tuple[Report, Finding | None]:
    """Walk; return what the walk was like, and the first finding by its shortest path."""
    chance = random.Random(seed)
    walker = Walker(site, browser, tell=tell)
    report = Report(waits=walker.waits, known=walker.known)
    found = walker.begin()
    state = walker.context.storage_state(indexed_db=False)
    tried = 0
    while found is None and report.steps < steps and tried < 3 * steps:
        tried += 1
        before = len(walker.path)
        found = walker.do(walker.choose(chance))
        report.steps += len(walker.path) - before
    walker.close()
    if found is None:
        return report, None
    found = Finding(found.check, found.detail, found.path, seed)
    return report, shortened(found, partial(_again, site, browser, state))


def _again(site: Walked, browser: Any, state: Any, path: Sequence[Step]) -> Finding | None:
    walker = Walker(site, browser, state)
    try:
        found = walker.begin()
        walker.patience = AGAIN_SECONDS
        for step in path if found is None else ():
            if found := walker.do(step):
                return found
        return None
    finally:
        walker.close()


@contextmanager
def chromium() -> Iterator[Any]:
    """Give a browser."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as starter:
        browser = starter.chromium.launch(executable_path=str(CHROMIUM), args=["--no-sandbox"])
        yield browser
        browser.close()


def main(seed: int, steps: int) -> None:
    """Walk by hand, and go on with the next seed after each finding until all steps are gone."""
    import tempfile
    from datetime import date

    from alertferry.broker import running_broker
    from alertferry.core.settings import load_settings
    from alertferry.testing.simulator import simulate
    from tests.ui.walked import walked

    nights = (date(2026, 3, 1), date(2026, 3, 2), date(2026, 3, 4))
    with tempfile.TemporaryDirectory(prefix="alertferry-walk-") as name:
        root = Path(name)
        for survey in ("lsst", "ztf"):
            simulate(survey, root / survey, nights, 60, seed=3)
        lakes = {survey: root / survey for survey in ("lsst", "ztf")}
        with (
            running_broker(root / "broker", jars_home=load_settings().home) as broker,
            walked(root / "site", lakes, broker.bootstrap_servers) as site,
            chromium() as browser,
        ):
            while steps > 0:
                report, found = walk(site, browser, seed, steps, tell=True)
                print(f"seed {seed}: {report}\n{found or ''}\n", flush=True)
                KNOWN.update([found.check] if found else ())
                steps -= max(1, report.steps)
                seed += 1


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # what was started is stopped
    KNOWN.update(sys.argv[3:])
    main(*map(int, sys.argv[1:3]))
