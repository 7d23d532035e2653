"""Whoever asks for much waits for those who ask for little."""

import asyncio
import time
from itertools import pairwise

from alertferry.ui.shares import HALF_LIFE_SECONDS, ROUNDS, Making, Shares


def spin(seconds):
    end = time.thread_time() + seconds
    while time.thread_time() < end:
        pass


def test_who_has_had_least_comes_first():
    order = []

    async def work(user):
        order.append(user)
        spin(0.01)

    async def main():
        shares = Shares()
        greedy = [shares.do("eve", work("eve")) for _ in range(20)]
        tasks = [asyncio.ensure_future(item) for item in greedy]
        await asyncio.sleep(0)
        tasks += [asyncio.ensure_future(shares.do(user, work(user))) for user in ("ann", "bob")]
        await asyncio.gather(*tasks)

    asyncio.run(main())
    assert order[0] == "eve"
    assert sorted(order[1:3]) == ["ann", "bob"]
    assert order.count("eve") == 20


def test_one_thing_is_begun_at_a_time_and_others_go_on_between():
    seen = []

    async def work(number):
        seen.append(number)

    async def pulse():
        while len(seen) - seen.count("other") < 5:
            seen.append("other")
            await asyncio.sleep(0)

    async def main():
        shares = Shares()
        await asyncio.gather(*(shares.do(n, work(n)) for n in range(5)), pulse())

    asyncio.run(main())
    numbers = [index for index, item in enumerate(seen) if item != "other"]
    assert all(after - before > ROUNDS for before, after in pairwise(numbers))


def test_who_is_handed_on_several_times_comes_before_what_is_greedy():
    """The parts of a message, a lock, a thread's answer: after each, ten pages of somebody else were begun."""
    order = []

    async def page(user):
        order.append(user)
        spin(0.01)

    async def click(shares):
        for _ in range(4):
            await asyncio.sleep(0)
        await shares.do("ann", page("ann"))

    async def main():
        shares = Shares()
        shares.charge("ann", 0.001)
        await asyncio.gather(*(shares.do("eve", page("eve")) for _ in range(10)), click(shares))

    asyncio.run(main())
    assert order.index("ann") == 1


def test_what_goes_on_after_a_wait_takes_its_turn_too():
    """Many pages of one user that come back at once went on one after the other, and a click waited for all."""
    order = []

    async def work(user, go):
        await go.wait()
        spin(0.02)
        order.append(user)

    async def main():
        shares, go = Shares(), asyncio.Event()
        tasks = [asyncio.ensure_future(shares.do("eve", work("eve", go))) for _ in range(6)]
        await asyncio.sleep(0.05)
        tasks.append(asyncio.ensure_future(shares.do("ann", work("ann", go))))
        await asyncio.sleep(0.05)
        go.set()
        await asyncio.gather(*tasks)

    asyncio.run(main())
    assert order.index("ann") <= 1


def test_only_the_time_of_the_thread_is_counted_and_it_is_forgotten():
    now = [0.0]
    shares = Shares(lambda: now[0])

    async def work():
        spin(0.05)
        await asyncio.sleep(0.3)
        spin(0.05)
        return "done"

    assert asyncio.run(shares.do("ann", work())) == "done"
    assert 0.1 <= shares.had("ann") < 0.25
    before = shares.had("ann")
    now[0] += HALF_LIFE_SECONDS
    assert abs(shares.had("ann") - before / 2) < 1e-9
    assert shares.had("bob") == 0


def test_an_error_comes_back_and_who_gave_up_is_not_waited_for():
    async def fail():
        await asyncio.sleep(0)
        raise LookupError("of the work")

    async def main():
        shares = Shares()
        gone = asyncio.ensure_future(shares.do("eve", fail()))
        await asyncio.sleep(0)
        gone.cancel()
        try:
            await shares.do("ann", fail())
        except LookupError as error:
            return str(error)

    assert asyncio.run(main()) == "of the work"


def test_clicks_come_before_pages_and_pages_go_on_all_the_same():
    now, order = [0.0], []

    async def work(name, seconds):
        order.append(name)
        now[0] += seconds

    async def main():
        shares = Shares(lambda: now[0])
        pages = [shares.do(Making("ann"), work("page", 0.3)) for _ in range(3)]
        clicks = [shares.do("eve", work("click", 0.1)) for _ in range(12)]
        await asyncio.gather(*pages, *clicks)
        assert shares.had("ann") == 0

    asyncio.run(main())
    assert order.count("page") == 3
    places = [index for index, name in enumerate(order) if name == "page"]
    assert all(after - before >= 3 for before, after in pairwise(places))
    assert places[-1] < 12
