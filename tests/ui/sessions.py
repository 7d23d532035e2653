"""Pages without a browser: what their background threads want done is done by the thread of the test."""

from contextlib import suppress
from queue import Empty, SimpleQueue

from alertferry.ui.session import Site
from tests import waiting

QUIET = Site(estimates=False)
"""No test of a page without a browser needs a JVM."""

TODO: SimpleQueue = SimpleQueue()
"""What background threads want done in the page: by the thread of the test, as a server does it in its own."""


def until(look):
    """Do what is to be done in the page until the answer is true, and return it."""

    def looked():
        with suppress(Empty):
            while True:
                TODO.get_nowait()()
        return look()

    return waiting.until(looked)


def enter(form, **texts):
    """Enter something in a form, as a page does."""
    form = getattr(form, "view", form)
    for path, text in texts.items():
        form._handle_msg({"of": form.of, "path": path, "text": text})


def turn_to(wizard, name):
    """Turn to a step, as a click does, and wait until it stands."""
    wizard.go(name)
    until(lambda: name in wizard.made and wizard.body.shown == name)
