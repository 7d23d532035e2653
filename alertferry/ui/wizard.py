"""The wizard: steps, gauges, and what happens between them."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable
from functools import partial
from typing import Any

from alertferry import service
from alertferry.core.access import Access
from alertferry.core.errors import AlertferryError
from alertferry.core.job import Job
from alertferry.core.settings import load_settings
from alertferry.ui import gauges, lakes
from alertferry.ui.background import ESTIMATES
from alertferry.ui.components import ActionBar, Help, Notice, Stepper
from alertferry.ui.draft import Draft, with_name
from alertferry.ui.gauges import Gauge
from alertferry.ui.help_page import texts
from alertferry.ui.problems import STEPS, general, in_words, told
from alertferry.ui.sentence import title_of
from alertferry.ui.session import Session, attempt
from alertferry.ui.steps.content import ContentStep
from alertferry.ui.steps.data import DataStep
from alertferry.ui.steps.filters import FiltersStep
from alertferry.ui.steps.nights import NightsStep
from alertferry.ui.steps.review import ReviewStep
from alertferry.ui.steps.running import RunningStep
from alertferry.ui.theme import Deck, stack

NAMES = (*STEPS, "run", "data")
_MAKERS: dict[str, Any] = {
    "nights": NightsStep,
    "filters": FiltersStep,
    "content": ContentStep,
    "review": ReviewStep,
    "run": RunningStep,
    "data": DataStep,
}
LABELS = {name: maker.label for name, maker in _MAKERS.items()}
_NEXT = {
    "nights": "Next: Filters",
    "filters": "Next: Content",
    "content": "Next: Review",
    "review": "Submit",
    "run": "Next: Get data",
    "data": "",
}

ALL_JOBS = "Show all jobs"

ESTIMATE_PAUSE_SECONDS = 0.3
"""How long choices must rest before an estimate is asked for."""

PAINT_SECONDS = 1.0
"""How long the start of Spark waits, so that the page stands first."""

WARM_SECONDS = 300.0
"""How long no other page need ask for Spark to be started."""

_KEPT_ESTIMATES = 500
_ESTIMATES: OrderedDict[tuple[str, Access], Any] = OrderedDict()


_WARM = lakes.Cache(WARM_SECONDS)


def warm_up() -> None:
    """Start Spark for estimates, while the user still looks around, unless a page asked for that lately."""
    _WARM.get("spark", lambda: ESTIMATES.do(_start_spark))


def _start_spark() -> None:
    time.sleep(PAINT_SECONDS)
    if any(lakes.look(kind).nights for kind in lakes.surveys()):
        attempt(service.warm_up)  # what is wrong with Spark, an estimate will tell


def estimate(job: Job, access: Access) -> Any:
    """Return the estimate of a job; the newest are kept for all pages of a user."""
    key = (job.model_copy(update={"name": None}).hash, access)
    found = _ESTIMATES.get(key)
    if found is None:
        found = _ESTIMATES[key] = service.estimate(job, access)
        while len(_ESTIMATES) > _KEPT_ESTIMATES:
            _ESTIMATES.popitem(last=False)
    return found


class Wizard:
    """The steps of one page. ``went`` is called when the page's address should change."""

    def __init__(self, session: Session, went: Callable[[], None]) -> None:
        self.session, self._went = session, went
        self.progressed: Callable[[], None] = lambda: None
        """Called when more has become known of the job."""
        self.stepper = Stepper(active=session.step)
        self.stepper.on_message = lambda message: self.go(message["go"])
        self.bar = ActionBar()
        self.bar.on_message = self._pressed
        self.body = Deck()
        self.notice = Notice(visible=False)
        self.help = Help(more="Questions and answers", docs=load_settings().docs_url or "")
        self.view = stack(self.stepper, self.notice, self.help, self.body.view, self.bar, gap=20)
        self.record: Any = None
        self._made: dict[str, Any] = {}
        self._estimate: Any = None
        self._estimate_fault = ""
        self._estimated: Draft | None = None
        """The draft, without the name of the job, that the estimate is of."""
        self._asked: str | None = None
        session.watchers.append(self.draft_changed)
        session.showing.append(self._show_again)
        session.jobs.append(self.open_job)
        session.go = self.go
        if session.site.estimates:
            warm_up()

    @property
    def made(self) -> dict[str, Any]:
        """The steps that have been shown so far."""
        return self._made

    def step(self, name: str) -> Any:
        """Return a step's view, made when it is first shown."""
        if name not in self._made:
            self._made[name] = _MAKERS[name](self.session)
        return self._made[name]

    def go(self, name: str) -> None:
        """Turn to a step."""
        if (
            name not in NAMES
            or (name in ("run", "data") and self.record is None)
            or (name == "data" and not self.has_data)
        ):
            return
        self.session.step = name
        self.session.visited.add(name)
        self.notice.visible = False
        if name in STEPS:
            self.session.keep()
        self.help.param.update(**texts()["steps"][name])
        self.stepper.active = name
        self._show_steps()
        self._show_bar()
        if name in self._made:
            self._show(name)
        else:
            self.body.hide()
            self.session.soon(partial(self._make, name))
        self._went()
        self.progressed()

    def say(self, title: str, lines: list[str], tone: str = "error", actions: tuple[str, ...] = ()) -> None:
        """Say something above the step, until the page turns to another one."""
        self.notice.param.update(visible=True, tone=tone, title=title, lines=lines, actions=list(actions))

    def say_no_job(self, error: AlertferryError) -> None:
        """Say why a job is not shown."""
        self.say("This job cannot be shown", [told(error)], actions=(ALL_JOBS,))

    def _make(self, name: str) -> None:
        """Make a step, and show it in a turn of its own: both take a quarter of a second, in which nobody is served."""
        if self.session.step == name:
            self.step(name)
            self.session.soon(partial(self._show, name))

    def _show(self, name: str) -> None:
        """Show a step that is made, unless the page has turned to another one."""
        if self.session.step != name or self.session.closed:
            return
        if name in STEPS:
            self.step(name).refresh()
        else:
            self._show_job()
        self._show_estimate()
        self.body.show(name, self.step(name).view)

    def draft_changed(self) -> None:
        """Show the draft again, and ask for what takes longer."""
        session, draft = self.session, self.session.draft
        session.problems, session.job = (), None
        if with_name(draft, "") != self._estimated:
            self._estimate, self._estimate_fault, self._asked = None, "", None
            self._estimated = with_name(draft, "")
            session.forget("estimate")
        self._show_bar()
        session.later("check", lambda: session.examine(draft), self._checked)
        self._refresh()

    def _show_again(self) -> None:
        self._refresh()
        self._show_bar()

    def _refresh(self) -> None:
        if self.session.step in STEPS and self.session.step in self._made:
            self.step(self.session.step).refresh()
        self._show_estimate()
        self._show_steps()

    def _show_estimate(self) -> None:
        if self.session.step == "review" and "review" in self._made:
            self.step("review").show_estimate(self._estimate)

    def _checked(self, found: Any, error: AlertferryError | None) -> None:
        if error is not None:
            self.say("The request cannot be checked", [str(error)])
            return
        problems, job = self.session.problems, self.session.job = found
        self._refresh()
        unknown = self._estimate is None and not self._estimate_fault and self._asked is None
        if job is not None and not problems and self.session.site.estimates and unknown:
            self._ask_estimate(job)
        self._show_bar()

    def _ask_estimate(self, job: Job) -> None:
        access = self.session.access

        def work() -> Any:
            time.sleep(ESTIMATE_PAUSE_SECONDS)
            return estimate(job, access) if self._asked == job.hash else None

        self._asked = job.hash
        self.session.later("estimate", work, self._found_estimate)

    def _found_estimate(self, found: Any, error: AlertferryError | None) -> None:
        self._asked = None
        self._estimate, self._estimate_fault = found, str(error) if error else ""
        self._show_estimate()
        self._show_bar()

    def gauge(self) -> Gauge:
        """Return what the gauges show now."""
        session, draft = self.session, self.session.draft
        packet = lakes.content_bytes(draft.survey, draft.output, session.schema(), session.lake)
        if self.record is not None and session.step in ("run", "data"):
            return _of_record(self.record)
        if self._estimate is not None:
            return gauges.measured(self._estimate, packet)
        found = gauges.at_once(draft, session.look(), packet, self._asked is not None)
        if not self._estimate_fault or not draft.filters:
            return found
        said = "no estimate: " + self._estimate_fault.splitlines()[0][:60]
        return Gauge(found.alerts, said, found.size, found.size_note)

    def _show_bar(self) -> None:
        found, step = self.gauge(), self.session.step
        ready = not self.session.problems and self.session.job is not None
        back = NAMES[NAMES.index(step) - 1].capitalize() if step not in ("nights", "run", "data") else ""
        back = "Request" if step == "run" else "Run" if step == "data" else back
        submitting = step == "review" and self.session.submitting
        blocked = submitting or (step == "review" and not ready) or (step == "run" and not self.has_data)
        self.bar.param.update(
            step=step,
            alerts=found.alerts,
            alerts_note=found.alerts_note,
            size_text=found.size,
            size_note=found.size_note,
            busy=found.busy,
            back=back,
            next="Submitting …" if submitting else _NEXT[step],
            next_disabled=blocked,
            also="Test job" if step == "review" else "",
            also_disabled=blocked,
        )

    def _show_steps(self) -> None:
        faults = {item.step for item in self.session.problems}
        now = NAMES.index(self.session.step)
        steps = []
        for index, name in enumerate(NAMES):
            done = index < now or (self.record is not None and name in STEPS) or (name == "run" and self.has_data)
            fault = name in faults and (done or name in self.session.visited) and (name != "nights" or now > 0)
            state = "fault" if fault else "done" if done else "todo"
            closed = (name == "run" and self.record is None) or (name == "data" and not self.has_data)
            steps.append({"name": name, "label": LABELS[name], "state": state, "disabled": closed})
        self.stepper.steps = steps

    def _pressed(self, message: dict[str, Any]) -> None:
        step = self.session.step
        if message["step"] != step:
            return
        if message["press"] == "back" and step != "nights":
            self.go("review" if step == "run" else NAMES[NAMES.index(step) - 1])
        elif message["press"] == "also" and step == "review":
            self._submit(test=True)
        elif message["press"] == "next":
            self._submit() if step == "review" else self.go(NAMES[min(NAMES.index(step) + 1, len(NAMES) - 1)])

    def _submit(self, *, test: bool = False) -> None:
        """Submit the very job that is shown, or a test of it; the service checks what it is given, as it is."""
        job, access, session = self.session.job, self.session.access, self.session
        if job is None or session.problems or session.submitting:  # a double click asks for one job
            return
        done = session.submits()
        self._show_bar()

        def submit() -> Any:
            record = None
            try:
                record = service.submit(job, access, test=test)
                title_of(record.job)  # read here, and kept for the page
                return record
            finally:  # also when the page is closed or shows something else by then
                done(record)

        session.later(f"submit {session.draft_id}", submit, partial(self._submitted, session.draft_id, job))

    def _submitted(self, draft_id: str, job: Job, record: Any, error: AlertferryError | None) -> None:
        here = draft_id == self.session.draft_id
        if error is not None:
            self._show_bar()
            lines = [in_words(problem, Draft.of(job)) for problem in general(error)]
            title = "The job was not submitted" if here else "The request of before was not submitted"
            self.say(title, lines)
        elif here:  # else something else is shown by now; the job stands in the list of all
            self.open_job(record)

    def open_job(self, record: Any, step: str = "") -> None:
        """Show a job, under way or over, at a step if it has that one."""
        self.record = record
        self.session.job_id = record.id
        self.go("data" if self.has_data and step != "run" else "run")

    def leave_job(self) -> None:
        """Show no job any more."""
        self.record, self.session.job_id = None, None

    @property
    def has_data(self) -> bool:
        """Whether the job that is shown has ended with a topic to read."""
        return self.record is not None and self.record.state == "complete" and bool(self.record.topic)

    def watch_job(self) -> None:
        """Look at the job again; called every now and then while it is not over."""
        identifier, owner = self.session.job_id, self.session.owner
        if identifier is None or self.record is None or self.record.over:
            return
        self.session.later("job", lambda: look_at_job(identifier, owner), self._looked)

    def _looked(self, found: Any, error: AlertferryError | None) -> None:
        if error is not None:
            self.say_no_job(error)
            return
        self.record = found
        if self.session.step == "run":
            self._show("run")
            self.go("data") if self.has_data else self._show_bar()
        self._show_steps()
        self.progressed()

    def _show_job(self) -> None:
        if self.session.step == "data":
            self.step("data").show(self.record)
            return
        self.step("run").show(self.record)
        self.step("run").fetch_log()


_LOOKS = lakes.Cache(0.5)


def look_at_job(identifier: str, owner: str | None) -> Any:
    """Return a job; the pages that follow one look at it together."""

    def look() -> Any:
        record = service.show_job(identifier, owner=owner)
        title_of(record.job)  # read here, and kept for the page
        return record

    return _LOOKS.get((identifier, owner), look)


def _of_record(record: Any) -> Gauge:
    progress = record.progress or {}
    if record.alerts is not None:
        return Gauge(f"{record.alerts:,}", "delivered", gauges.size_text(record.bytes or 0), "in the topic")
    if record.over:
        return Gauge("–", record.state, "–", "")
    published = progress.get("alerts_published")
    said = "not started" if published is None else "published so far"
    return Gauge("–" if published is None else f"{published:,}", said, "–", "", True)
