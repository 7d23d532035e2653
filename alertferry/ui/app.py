"""One page of the dashboard, made anew for every session."""

from __future__ import annotations

import asyncio
import logging
import time
import weakref
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlencode

import panel as pn
import panel_material_ui as pmui
from panel.io.document import hold
from panel.io.state import set_curdoc
from panel.util import edit_readonly
from tornado.ioloop import IOLoop

from alertferry import service
from alertferry.core.errors import AlertferryError, UsageError
from alertferry.ui.components import Nav, Notice
from alertferry.ui.draft import Draft
from alertferry.ui.fields_page import FieldsPage
from alertferry.ui.help_page import HelpPage
from alertferry.ui.jobs_page import JobsPage
from alertferry.ui.problems import STEPS
from alertferry.ui.sentence import title_of
from alertferry.ui.session import Session, Site, start_draft
from alertferry.ui.shares import SHARES
from alertferry.ui.steps.running import news_of, page_title
from alertferry.ui.theme import FREE, MAIN_WIDTH_PX, THEME, Deck
from alertferry.ui.wizard import LABELS, Wizard

TITLE = "alertferry"
PAGES = [["new", "New request"], ["jobs", "Jobs"], ["fields", "Fields"], ["help", "Help"]]
SORRY = "Something is wrong on the server, whose log says more. Reload this page, or come back later."
POLL_SECONDS = 0.7

TEMPLATE = Path(__file__).with_name("page.html")
"""What stands in the page before its scripts have run."""

LOG = logging.getLogger("alertferry.ui")

_MAIN = f"""
:host {{
  max-width: {MAIN_WIDTH_PX + 48}px; width: 100%; min-width: 0; margin: 0 auto !important; gap: 0;
  padding: 20px 24px 128px;
}}
@media (max-width: 760px) {{ :host {{ padding: 12px 12px 168px; }} }}
"""


class App:
    """The page: the wizard, the list of jobs or another page, and the address that leads back to it."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self._arrives = True
        """Whether the next view is the one that an address asked for, whose place in the history it takes."""
        self._moves = 0
        self._watched: str | None = None
        """The job that was seen under way by this page."""
        self.wizard = Wizard(session, self._went)
        self.wizard.progressed = self._progressed
        self.wizard.help.on_message = self._navigate
        self.wizard.notice.on_message = lambda _: self._show_page("jobs")
        session.open_draft = self._open_draft
        self.jobs = JobsPage(session, self._open_job, self._open_draft)
        self._fields: FieldsPage | None = None
        self._help: HelpPage | None = None
        self.pages = Deck()
        self.main = pn.Column(self.pages.view, stylesheets=[_MAIN, FREE], sizing_mode="stretch_width")
        self.nav = Nav(items=PAGES, user=session.owner or "", sizing_mode=None)
        self.nav.on_message = self._navigate
        self.page = pmui.Page(
            title=TITLE,
            header=[self.nav],
            main=[self.main],
            theme_config=THEME,
            template=TEMPLATE,
            site_url="./",
            meta_description="Choose alerts of a survey and receive them",
        )
        with edit_readonly(self.page):
            # made to follow whether the server is busy, with any page: every click of anyone would be work for all
            # pages, also for those long closed
            self.page.busy = self.wizard.bar.param.busy
        self.page.param.watch(lambda event: setattr(self.nav, "dark", bool(event.new)), "dark_theme")

    def begin(self, query: dict[str, str]) -> None:
        """Show what the page was asked for, unless the browser has moved on in its history before the page stood."""
        self.session.stands()
        if not self._moves:
            self.open(query)

    def open(self, query: dict[str, str]) -> None:
        """Show what an address asks for: when the page is made, and when the browser moves in its history."""
        self._arrives = True
        if query.get("page") in ("jobs", "fields", "help"):
            self._show_page(query["page"], query.get("survey", ""))
        elif "job" in query:
            self._open_job(query["job"], query.get("step", ""))
        else:
            self._open_request(query.get("draft", ""), query.get("step", ""))

    def _open_request(self, draft_id: str, step: str) -> None:
        self.session.forget("open")
        lost = False
        if draft_id != self.session.draft_id:
            self.wizard.leave_job()
            lost = not self.session.resume(draft_id)
            if lost and self.session.kept:
                self.session.begin(start_draft())
        self._show_request(step)
        if lost and draft_id:
            lines = ["Requests are kept for a week. This is a new one."]
            self.wizard.say("This request is gone", lines, "warning")

    def _show_request(self, step: str = "") -> None:
        self._show_wizard()
        self.wizard.draft_changed()
        self.wizard.go(next((name for name in (step, self.session.step) if name in STEPS), "nights"))

    def _navigate(self, message: dict[str, Any]) -> None:
        name = message.get("go")
        if "dark" in message:
            self.page.dark_theme = message["dark"]
        elif "address" in message:
            self._moves = message["moves"]
            self.open({key: values[0] for key, values in parse_qs(message["address"].removeprefix("?")).items()})
        elif name == "new":
            self._open_draft(start_draft())
        elif name in ("jobs", "fields", "help"):
            self._show_page(name)

    def _show_page(self, name: str, survey: str = "") -> None:
        """Turn to a page that is not the wizard."""
        self.session.forget("open")
        address = {"page": name}
        if name == "jobs":
            view = self.jobs.view
            self.jobs.refresh(anew=True)
        elif name == "help":
            self._help = self._help or HelpPage()
            view = self._help.view
        else:
            self._fields = self._fields or FieldsPage(self.session, self._fields_turned)
            self._fields.show(survey)
            view, address = self._fields.view, {**address, "survey": self._fields.survey.value}
        self.pages.show(name, view)
        self.nav.active = name
        self._address(address)
        self._progressed()

    def _fields_turned(self) -> None:
        """Keep the survey of the fields in the address; it is no other page."""
        assert self._fields is not None
        self._arrives = True
        self._address({"page": "fields", "survey": self._fields.survey.value})

    def _show_wizard(self) -> None:
        self.pages.show("wizard", self.wizard.view)
        self.nav.active = ""

    def _open_job(self, identifier: str, step: str = "") -> None:
        owner = self.session.owner

        def work() -> Any:
            record = service.show_job(identifier, owner=owner)
            title_of(record.job)  # read here, and kept for the page
            return record, _draft_of(record)

        self.session.later("open", work, partial(self._job_found, step))

    def _job_found(self, step: str, found: Any, error: AlertferryError | None) -> None:
        if error is not None:
            self.wizard.leave_job()
            self._show_request()
            self.wizard.say_no_job(error)
            return
        record, draft = found
        if draft is not None and draft != self.session.draft:  # not that of the page, which stays what it is
            self.session.begin(draft)
        self._show_wizard()
        self.wizard.draft_changed()
        self.wizard.open_job(record, step)

    def _open_draft(self, draft: Draft) -> None:
        self.session.forget("open")
        self.wizard.leave_job()
        self.session.begin(draft)
        self._show_request("nights")

    def _went(self) -> None:
        if self.nav.active:  # a job of this page goes on while another page is shown
            return
        step = self.session.step
        if self.session.job_id is not None and step in ("run", "data"):
            # while a job runs, its address leads to wherever the job is by then
            looked_back = {"step": step} if step == "run" and self.wizard.has_data else {}
            self._address({"job": self.session.job_id, **looked_back})
        else:
            self._address({"draft": self.session.draft_id, "step": step})

    def _address(self, query: dict[str, str]) -> None:
        self.nav.address = ["?" + urlencode(query), self._arrives, self._moves]
        self._arrives = False

    def _progressed(self) -> None:
        """Let the title of the page, and the browser where the user wants that, say what has become of the job."""
        record, step, other = self.wizard.record, self.session.step, self.nav.active
        if record is not None and not record.over:
            self._watched = record.id
        elif record is not None and self._watched == record.id:
            self._watched, self.nav.news = None, news_of(record)
        if record is not None and (not record.over or (not other and step in ("run", "data"))):
            title = page_title(record)
        else:
            title = other.capitalize() or LABELS[step]
        self.nav.title = f"{title} – {TITLE}"

    async def follow(self) -> None:
        """Look after the job of this page, and the list of jobs while it is shown, until the page is closed."""
        while not self.session.closed:
            self.wizard.watch_job()
            if self.nav.active == "jobs":
                self.jobs.follow()
            await asyncio.sleep(POLL_SECONDS)


def _draft_of(record: Any) -> Draft | None:
    from alertferry.core.job import Job

    try:
        return Draft.of(Job.from_yaml(record.job))
    except AlertferryError:
        return None


def page(site: Site) -> Any:
    """Return the page for the session at hand; one that says so when it cannot be made."""
    try:
        return _page(site)
    except Exception:  # a page must answer; what it was stands in the log
        LOG.exception("a page could not be made")
        sorry = Notice(tone="error", title="The dashboard cannot be shown", lines=[SORRY])
        main = [pn.Column(sorry, stylesheets=[_MAIN, FREE])]
        return pmui.Page(title=TITLE, main=main, theme_config=THEME, template=TEMPLATE)


def _page(site: Site) -> Any:
    document = pn.state.curdoc
    owner = _owner(site)
    apps: list[weakref.ref[App]] = []

    def failed(error: Exception) -> None:
        # Panel keeps the settings of a page for as long as they keep the page: they must not hold it
        _failed(apps[0]() if apps else None, error)

    session = Session(owner, site, partial(_in_page, IOLoop.current(), document, owner, failed))
    app = App(session)
    apps.append(weakref.ref(app))
    pn.config.exception_handler = failed
    pn.state.on_session_destroyed(lambda _: session.close())
    query = {key: values[0].decode(errors="replace") for key, values in pn.state.session_args.items() if values}

    def begin() -> None:
        app.begin(query)
        pn.state.execute(app.follow, schedule="auto")

    pn.state.onload(begin)
    return app.page


def _owner(site: Site) -> str | None:
    """Return whose page this is: as the signed cookie said when the page was asked for."""
    if site.identity is None:
        return None
    found = site.identity.of(pn.state.cookies)
    if found is None:
        raise PermissionError("nobody has signed in to this page")
    return found.owner


def _failed(app: App | None, error: Exception) -> None:
    """Say that something went wrong: what a user can correct in its own words, the rest without its inner details."""
    mine = isinstance(error, UsageError)
    if not mine:
        LOG.error("a callback failed", exc_info=error)
    if app is not None:
        lines = [str(error) if mine else SORRY]
        app.wizard.say("That did not work", lines)


def _in_page(
    loop: IOLoop, document: Any, owner: str | None, failed: Callable[[Exception], None], function: Callable[[], None]
) -> None:
    """Run a function in the server's thread when it is the user's turn, if the page is still open."""

    def run() -> None:
        started = time.thread_time()
        with set_curdoc(document), hold(document):
            try:
                function()
            except Exception as error:  # as in a callback of Panel's: told in the page
                failed(error)
        SHARES.charge(owner, time.thread_time() - started)

    async def come() -> None:
        await SHARES.turn(owner)
        if document.session_context is not None and not getattr(document.session_context, "destroyed", False):
            document.add_next_tick_callback(run)

    loop.add_callback(come)
