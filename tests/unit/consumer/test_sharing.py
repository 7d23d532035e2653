"""Workers that share: nothing is lost or done twice, and nobody waits for an answer for ever."""

import random

from hypothesis import given, settings
from hypothesis import strategies as st

from alertferry.consumer.sharing import Sharing
from alertferry.consumer.spans import Span, coverage, share, total

SMALLEST = 50


class Worker:
    """What a worker process does with its spans, without the process."""

    def __init__(self, spans):
        self.left = list(spans)
        self.done = []
        self.asked = self.ended = False

    def fetch(self, count):
        """Fetch some of the first span; return the offsets."""
        span = self.left.pop(0)
        cut = min(span.size, count)
        self.done.append(Span(span.partition, span.start, span.start + cut))
        if cut < span.size:
            self.left.insert(0, Span(span.partition, span.start + cut, span.end))
        return cut

    def halve(self):
        wanted, given = total(self.left) // 2, []
        while wanted >= SMALLEST and self.left:
            span = self.left.pop()
            cut = min(wanted, span.size)
            given.append(Span(span.partition, span.end - cut, span.end))
            if cut < span.size:
                self.left.append(Span(span.partition, span.start, span.end - cut))
            wanted -= cut
        return given


@given(st.lists(st.integers(1, 5_000), min_size=1, max_size=6), st.integers(1, 5), st.randoms(use_true_random=False))
@settings(max_examples=150, deadline=None)
def test_everything_is_fetched_once_and_everybody_ends(sizes, workers, chance: random.Random):
    wanted = [Span(number, 0, size) for number, size in enumerate(sizes)]
    shares = share(wanted, workers)
    shares += [[] for _ in range(workers - len(shares))]
    crew = {number: Worker(spans) for number, spans in enumerate(shares)}
    sharing = Sharing({number: total(spans) for number, spans in enumerate(shares)})
    letters = []
    for _ in range(20_000):
        if all(worker.ended for worker in crew.values()):
            break
        # letters may be on the way for a while, in any order but the sender's
        if letters and chance.random() < 0.5:
            number, message = letters.pop(0)
            if "halve" in message:
                letters += sharing.gives(number, crew[number].halve())
            else:
                crew[number].left = [Span(*numbers) for numbers in message["spans"]]
                crew[number].ended = not crew[number].left
                crew[number].asked = False
                if crew[number].ended:
                    letters += sharing.gone(number)
            continue
        able = [number for number, worker in crew.items() if not worker.ended and not worker.asked]
        if not able:
            continue
        number = chance.choice(able)
        if crew[number].left:
            sharing.committed(number, crew[number].fetch(chance.choice([1, 60, 700])))
        else:
            crew[number].asked = True
            letters += sharing.waits(number)
    assert all(worker.ended for worker in crew.values())
    pieces = [span for worker in crew.values() for span in worker.done]
    assert total(pieces) == total(wanted)
    assert {number: parts[0].end for number, parts in coverage(pieces).items()} == dict(enumerate(sizes))


def test_the_richest_is_asked_first_and_then_the_next():
    sharing = Sharing({"a": 100, "b": 900, "c": 10})
    assert sharing.waits("c") == [("b", {"halve": True})]
    assert sharing.gives("b", []) == [("a", {"halve": True})]
    assert sharing.gives("a", [Span(0, 50, 100)]) == [("c", {"spans": [[0, 50, 100]]})]


def test_whoever_stops_is_told_at_once():
    sharing = Sharing({"a": 100, "b": 900})
    assert sharing.waits("a") == [("b", {"halve": True})]
    assert sharing.gone("b") == [("a", {"spans": []})]
    sharing = Sharing({"a": 100, "b": 900})
    assert sharing.stop() == []
    assert sharing.waits("a") == [("a", {"spans": []})]


def test_a_gift_for_somebody_who_has_died_is_dropped():
    sharing = Sharing({"a": 100, "b": 900})
    sharing.waits("a")
    assert sharing.gone("a") == []
    assert sharing.gives("b", [Span(0, 0, 450)]) == []
