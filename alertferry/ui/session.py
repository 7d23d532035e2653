"""One user's page: the draft, the step it is at, and everybody who wants to know when they change."""

from __future__ import annotations

import logging
import weakref
from collections import Counter, defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

from alertferry import service
from alertferry.core.access import Access
from alertferry.core.access import Site as SiteRules
from alertferry.core.blame import named
from alertferry.core.errors import AlertferryError, Problem, UsageError
from alertferry.core.job import Job, MalformedJobError
from alertferry.core.schema import Struct
from alertferry.ui import drafts, lakes, uploads
from alertferry.ui.background import crew_of
from alertferry.ui.downloads import OFFERS
from alertferry.ui.draft import Draft, new_draft
from alertferry.ui.identity import Identity
from alertferry.ui.problems import Placed, problems_of

LOG = logging.getLogger("alertferry.ui")

AT_ONCE = 500
"""Characters that are read while the page waits: some 50 ms; for more, others would wait too."""

Schedule = Callable[[Callable[[], None]], None]


@dataclass(frozen=True)
class Site:
    """How this dashboard is served.

    ``signed_in``: users sign in, and jobs are theirs. ``confined``: it serves others than the user of this machine, who
    may name none of its files. ``estimates``: a worker with Spark may be started for estimates and previews.
    """

    signed_in: bool = False
    confined: bool = False
    estimates: bool = True
    max_upload_bytes: int = 100_000_000
    identity: Identity | None = None

    def access(self, owner: str | None) -> Access:
        """Return what the service is told of who asks."""
        return Access(owner, "page", SiteRules(self.confined))


_OPEN: Counter[str | None] = Counter()
_COMING: Counter[str | None] = Counter()
_PAGES: dict[tuple[str | None, str], weakref.WeakSet[Session]] = defaultdict(weakref.WeakSet)
"""The pages of each request: those of other tabs follow what is changed in one."""
_SUBMITTED: set[tuple[str | None, str]] = set()
"""Requests that are being submitted."""


def open_pages(owner: str | None) -> int:
    """Return how many pages of a user are open."""
    return _OPEN[owner]


def coming_pages(owner: str | None) -> int:
    """Return how many pages of a user were made and do not stand in a browser yet."""
    return _COMING[owner]


class Session:
    """The state of one page. Views read it, change it by `update`, and are told by the functions in ``watchers``.

    ``schedule`` brings a function into the page's own thread; without one it is called at once.
    """

    def __init__(self, owner: str | None, site: Site, schedule: Schedule | None = None) -> None:
        self.owner = owner
        self.site = site
        self.access = site.access(owner)
        _OPEN[owner] += 1
        _COMING[owner] += 1
        self._coming = True
        self.draft = start_draft()
        self.step = "nights"
        self.kept = False
        """Whether the draft has been kept on disk."""
        self.visited: set[str] = set()
        self.draft_id = ""
        self._turn_to(drafts.new_id())
        self.problems: tuple[Placed, ...] = ()
        self.job_id: str | None = None
        self.job: Job | None = None
        """The job that the draft makes, once that is known."""
        self.watchers: list[Callable[[], None]] = []
        self.showing: list[Callable[[], None]] = []
        self.jobs: list[Callable[[Any], None]] = []
        """Who shows a job that another page has made of the draft."""
        self.open_draft: Callable[[Draft], None] = self.update
        """What makes a new request of a draft; the page sets it."""
        self._looking: dict[str, Any] = {}
        self.closing: list[Callable[[], None]] = []
        self.go: Callable[[str], None] = lambda _: None
        """Turns to a step of the wizard."""
        self.closed = False
        self.ticket = uploads.TICKETS.issue(owner)
        self.offers: list[str] = []
        self._schedule = schedule or (lambda function: function())
        self._newest: dict[str, int] = {}

    def stands(self) -> None:
        """Note that the page stands in a browser, or that nobody waits for it any more."""
        if self._coming:
            self._coming = False
            _COMING[self.owner] -= 1

    def resume(self, draft_id: str) -> bool:
        """Go on with a draft that was kept; False when there is none of this owner."""
        found = drafts.load(draft_id, self.owner)
        if found is None:
            return False
        self.draft, self.step = found
        self._turn_to(draft_id)
        self.kept = True
        return True

    def begin(self, draft: Draft) -> None:
        """Begin another request; that of before stays what it was."""
        self.draft, self.kept = draft, False
        self._turn_to(drafts.new_id())

    def _turn_to(self, draft_id: str) -> None:
        self._leave()
        self.draft_id = draft_id
        self.visited.clear()
        _PAGES[self.owner, draft_id].add(self)

    def _leave(self) -> None:
        pages = _PAGES.get((self.owner, self.draft_id))
        if pages is not None:
            pages.discard(self)
            if not pages:
                del _PAGES[self.owner, self.draft_id]

    def _others(self) -> Callable[[Callable[[Session], None]], None]:
        """Return what calls a function with each other page of this request, as soon as that page is free."""
        request = self.owner, self.draft_id
        others = [page for page in _PAGES.get(request, ()) if page is not self]

        def tell(function: Callable[[Session], None]) -> None:
            for page in others:
                page._schedule(partial(_if_open, page, request, function))

        return tell

    def follow_draft(self, draft: Draft) -> None:
        """Show what another page has made of the draft."""
        if draft != self.draft:
            self.draft = draft
            self.changed()

    def follow_job(self, record: Any) -> None:
        """Show the job that another page has made of the draft."""
        for show in list(self.jobs):
            show(record)

    @property
    def submitting(self) -> bool:
        """Whether the draft is being submitted, by this page or another."""
        return (self.owner, self.draft_id) in _SUBMITTED

    def submits(self) -> Callable[[Any], None]:
        """Note that the draft is being submitted; what is returned is called with the job of it, or None, at the end.

        Other pages of the request follow.
        """
        request = self.owner, self.draft_id
        tell = self._others()

        def done(record: Any) -> None:
            if record is not None:
                tell(lambda page: page.follow_job(record))
            _SUBMITTED.discard(request)
            tell(Session.show_again)

        _SUBMITTED.add(request)
        tell(Session.show_again)
        return done

    def update(self, draft: Draft) -> None:
        """Take over a changed draft, keep it on disk and tell the views.

        Raises `UsageError`, and changes nothing, when it is larger than any job file may be.
        """
        if draft != self.draft:
            drafts.text_of(self.owner, draft, self.step)
            self.draft = draft
            self.keep()
            self._others()(lambda page: page.follow_draft(draft))
            self.changed()

    def keep(self) -> None:
        """Keep the draft on disk."""
        try:
            drafts.save(self.draft_id, self.owner, self.draft, self.step)
            self.kept = True
        except UsageError as error:
            LOG.warning("a draft could not be kept: %s", error)

    def changed(self) -> None:
        """Tell every view that the draft is another one."""
        for watcher in list(self.watchers):
            watcher()

    @property
    def lake(self) -> str | None:
        """The lake that the job names instead of the configured one; None also where the site does not let it."""
        return self.lake_of(self.draft)

    def lake_of(self, draft: Draft) -> str | None:
        """Return the lake of a draft that this page may look into."""
        named = draft.source.get("lake")
        try:
            return service.lake_to_look_at(str(named) if named else None, self.access)
        except UsageError:  # `check` tells
            return None

    def schema(self) -> Struct:
        """Return the fields of the chosen nights; those known so far, while they are looked up."""
        asked = self.draft.survey, self.draft.nights, self.lake
        found, fresh = lakes.schema_at_hand(*asked)
        if not fresh:
            self._look_up("schema", asked, found, lambda: lakes.schema_of(*asked))
        return found

    def look(self) -> lakes.Lake:
        """Return what is in the lake; what was there before, while it is looked at."""
        asked = self.draft.survey, self.lake
        found, fresh = lakes.look_at_hand(*asked)
        if not fresh:
            self._look_up("lake", asked, found, lambda: lakes.look(*asked))
        return found

    def _look_up(self, what: str, asked: Any, shown: Any, work: Callable[[], Any]) -> None:
        """Look something up elsewhere, once at a time, and show it if it is another than is shown."""
        if self._looking.get(what) == asked:
            return
        self._looking[what] = asked

        def done(found: Any, error: AlertferryError | None) -> None:
            self._looking.pop(what, None)
            if error is None and found != shown:
                self.show_again()

        self.later(what, work, done)

    def show_again(self) -> None:
        """Let every view show the same draft again: something about it has become known."""
        for show in list(self.showing):
            show()

    def examine(self, draft: Draft) -> tuple[tuple[Placed, ...], Job | None]:
        """Return every problem of a draft, also those of the site, and the job that it makes. Slow."""
        made: list[Job] = []

        def check(job: Job | MalformedJobError) -> list[Problem]:
            if isinstance(job, Job):
                made.append(job)
            return service.problems_of(job, self.access)

        problems = problems_of(draft, check)
        return problems, made[0] if made else None

    def check(self) -> tuple[Placed, ...]:
        """Return every problem of the draft, also those of the site. Slow."""
        return self.examine(self.draft)[0]

    def later(self, key: str, work: Callable[[], Any], done: Callable[[Any, AlertferryError | None], None]) -> None:
        """Do something slow elsewhere; ``done`` gets its result, unless the same key was asked for again meanwhile."""
        turn = self._newest[key] = self._newest.get(key, 0) + 1

        def wanted() -> bool:
            return self._newest.get(key) == turn and not self.closed

        def finish(result: Any, error: AlertferryError | None) -> None:
            if wanted():
                done(result, error)

        def go() -> None:
            if not wanted():
                return
            with service.while_wanted(wanted):
                result, error = attempt(work)
            if wanted():
                self._schedule(partial(finish, result, error))

        def drop() -> None:
            self._schedule(
                partial(finish, None, AlertferryError("too much is asked for at once; try again in a moment"))
            )

        crew_of(key).do(go, owner=self.owner, place=(id(self), key), dropped=drop)

    def read(
        self, key: str, size: int, work: Callable[[], Any], done: Callable[[Any, AlertferryError | None], None]
    ) -> None:
        """Read a text of some ``size`` in characters: at once where it is short, elsewhere where that takes long."""
        if size <= AT_ONCE:
            self.forget(key)
            done(*attempt(work))
        else:
            self.later(key, work, done)

    def soon(self, function: Callable[[], None]) -> None:
        """Do something as soon as the page is free: plots may be changed only then."""
        self._schedule(function)

    def forget(self, key: str) -> None:
        """Let no result of this key arrive any more."""
        self._newest[key] = self._newest.get(key, 0) + 1

    def offer(self, path: Any, name: str) -> str:
        """Offer a file for as long as this page is open; return its address."""
        address = OFFERS.make(path, name, self.owner)
        self.offers.append(address)
        return address

    def close(self) -> None:
        """Give back everything that this page held."""
        if self.closed:
            return
        self.closed = True
        _OPEN[self.owner] -= 1
        self.stands()
        self._leave()
        uploads.TICKETS.withdraw(self.ticket)
        for address in self.offers:
            OFFERS.withdraw(address)
        for function in self.closing:
            function()
        self.watchers.clear()
        self.showing.clear()
        self.jobs.clear()
        self.closing.clear()
        self.go = lambda _: None


def _if_open(page: Session, request: tuple[str | None, str], function: Callable[[Session], None]) -> None:
    """Call a function with a page that still shows a request."""
    if (page.owner, page.draft_id) == request and not page.closed:
        function(page)


def attempt(work: Callable[[], Any]) -> tuple[Any, AlertferryError | None]:
    """Do something; whatever goes wrong becomes a sentence that can be shown, the rest goes to the server's log."""
    try:
        return work(), None
    except AlertferryError as error:
        return None, error
    except NotImplementedError:
        return None, AlertferryError("this is not available in this installation")
    except Exception as error:  # a page must answer; what it was stands in the log
        LOG.exception("unexpected failure")
        other = AlertferryError("something went wrong in the dashboard; the server's log says more")
        return None, named(error) or other


def start_draft() -> Draft:
    """Return the draft of a fresh page: the first survey that has a lake, its lightest packet."""
    kinds = lakes.surveys()
    preferred = [kind for kind in ("lsst", "ztf") if kind in kinds] + sorted(kinds)
    kind = next((kind for kind in preferred if _has_nights(kind)), preferred[0])
    return new_draft(kind, light_packet(kind))


def _has_nights(kind: str) -> bool:
    known, fresh = lakes.look_at_hand(kind)
    return bool((known if fresh or known.nights else lakes.look(kind)).nights)


def light_packet(kind: str) -> str | None:
    """Return the packet that a survey is offered with first."""
    names = list(lakes.surveys()[kind].packets)
    return next((name for name in names if name.startswith("light")), names[0] if names else None)


def job_or_none(draft: Draft) -> Job | None:
    """Return the job that a draft makes, if it makes one."""
    try:
        return draft.to_job()
    except AlertferryError:
        return None
