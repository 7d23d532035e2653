"""Patience: with and without following, with and without a broker that answers."""

import time

from alertferry.consumer.intake import Limits
from alertferry.consumer.pacing import Pacing
from alertferry.consumer.source import Outlook
from tests.delivered import complete, manifest
from tests.publishing import keyed, light_alerts

LIMITS = Limits(timeout=0.05)
PUBLISHING = Outlook(manifest(), {0: 0}, {0: 10})


def waited(follow, outlook):
    pacing = Pacing(LIMITS, follow)
    pacing.saw(outlook)
    time.sleep(0.06)
    return pacing


def test_a_job_without_news_is_given_up_unless_it_is_followed():
    assert waited(False, PUBLISHING).gave_up()
    assert not waited(True, PUBLISHING).gave_up()


def test_only_a_job_that_publishes_is_followed():
    assert waited(True, Outlook(None, {0: 0}, {0: 10})).gave_up()
    assert waited(True, Outlook(complete(keyed(light_alerts(10)), {0: 10}), {0: 0}, {0: 10})).gave_up()


def test_news_begin_the_wait_anew():
    pacing = waited(False, PUBLISHING)
    pacing.saw(Outlook(manifest(), {0: 0}, {0: 11}))
    assert not pacing.gave_up()


def test_an_answer_without_news_is_an_answer():
    pacing = waited(True, PUBLISHING)
    assert pacing.unanswered()
    pacing.saw(PUBLISHING)
    assert not pacing.unanswered()
