"""Many pages in one server: none outlives its user, and none works for the clicks of others."""

import asyncio
import gc

import panel as pn

from alertferry.ui.app import POLL_SECONDS, App
from alertferry.ui.server import Serving, make_server, url_of
from tests.ui.wire import Page

QUIET = Serving(estimates=False)


def living():
    gc.collect()
    return [item for item in gc.get_objects() if type(item) is App]


async def with_pages(count, look):
    server = make_server(QUIET)
    server.start()
    pages = [Page(url_of(server, QUIET)) for _ in range(count)]
    try:
        await asyncio.gather(*(page.open() for page in pages))
        for page in pages:
            await page.tick(["2026-03-01"], True)
        look()
        for page in pages:
            page.close()
        for context in server._tornado._applications.values():
            for session in list(context.sessions):
                while session.connection_count:
                    await asyncio.sleep(0.05)
                await context._discard_session(session, lambda _: True)
                del session
        await asyncio.sleep(2 * POLL_SECONDS)  # what looks after the job of a page learns of its end
    finally:
        server.stop()


def test_a_closed_page_leaves_nothing_behind(ui_home, caplog):
    caplog.set_level("WARNING", logger="panel")  # pytest keeps what is logged, with the pages it is about
    before, seen = len(living()), []
    asyncio.run(with_pages(3, lambda: seen.append(len(living()))))
    assert seen == [before + 3]
    gc.collect()  # the server leaves that to Python
    assert len(living()) == before


def test_no_page_follows_whether_the_server_is_busy_with_others(ui_home):
    def followers():
        return len(pn.state.param.watchers.get("busy", {}).get("value", []))

    before, seen = followers(), []
    asyncio.run(with_pages(2, lambda: seen.append(followers())))
    assert seen == [before]
