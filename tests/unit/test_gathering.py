"""Which operations go together, and when: the first at once, the others when it is back or overdue."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workgate.domain.ports import StoreUnavailable
from workgate.storage.gathering import BATCH_SIZES, Asked, Gathering, Take

Send = Callable[[list[int]], Coroutine[Any, Any, None]]


class Sent:
    """What was sent, batch by batch; each is answered when the gate is open."""

    def __init__(self, *, is_open: bool = True) -> None:
        self.batches: list[list[int]] = []
        self.gate = asyncio.Event()
        self.began = asyncio.Event()
        if is_open:
            self.gate.set()

    async def __call__(self, take: Take) -> None:
        batch = take()
        self.batches.append([asked.values["row"] for asked in batch])
        self.began.set()
        await self.gate.wait()
        for asked in batch:
            asked.answer([(asked.values["row"],)])


def asked(row: int) -> Asked:
    return Asked({"row": row}, asyncio.get_running_loop().create_future())


async def answered(*waiting: Asked) -> list[int]:
    found = []
    for one in waiting:
        assert one.future is not None
        found.append((await one.future)[0][0])
    return found


def test_the_first_goes_at_once_and_the_others_together() -> None:
    async def run() -> None:
        sent = Sent(is_open=False)
        gathering = Gathering(sent, ("row",))
        first = asked(1)
        gathering.add(first)
        await sent.began.wait()
        others = [asked(row) for row in range(2, 8)]
        for one in others:
            gathering.add(one)
        sent.gate.set()
        assert await answered(first, *others) == [1, 2, 3, 4, 5, 6, 7]
        assert sent.batches[0] == [1]
        assert sent.batches[1] == [2, 3, 4, 5, 6, 7]
        await gathering.finish()

    asyncio.run(run())


def test_what_takes_long_does_not_hold_up_the_others() -> None:
    async def run() -> None:
        sent = Sent(is_open=False)
        gathering = Gathering(sent, ("row",))
        gathering.add(asked(1))
        await sent.began.wait()
        sent.began.clear()
        gathering.add(asked(2))
        await sent.began.wait()  # though the first one is not back
        assert sent.batches == [[1], [2]]
        sent.gate.set()
        await gathering.finish()

    asyncio.run(run())


def test_two_of_one_row_do_not_go_together() -> None:
    async def run() -> None:
        sent = Sent()
        gathering = Gathering(sent, ("row",))
        every = [asked(row) for row in (1, 2, 1, 3, 1, 2)]
        for one in every:
            gathering.add(one)
        assert await answered(*every) == [1, 2, 1, 3, 1, 2]
        assert all(len(set(batch)) == len(batch) for batch in sent.batches)
        await gathering.finish()

    asyncio.run(run())


def test_too_many_are_refused() -> None:
    async def run() -> None:
        sent = Sent(is_open=False)
        gathering = Gathering(sent, ("row",))
        with pytest.raises(StoreUnavailable, match="too many"):
            for row in range(20_000):
                gathering.add(Asked({"row": row}, None))
        sent.gate.set()
        await gathering.finish()
        assert len({row for batch in sent.batches for row in batch}) == 10_000

    asyncio.run(run())


@given(st.lists(st.integers(0, 40), max_size=300))
def test_everything_is_sent_once_in_batches_of_known_sizes(rows: list[int]) -> None:
    async def run() -> None:
        sent = Sent()
        gathering = Gathering(sent, ("row",))
        every = [asked(row) for row in rows]
        for one in every:
            gathering.add(one)
        assert await answered(*every) == rows
        assert sorted(row for batch in sent.batches for row in batch) == sorted(rows)
        assert {len(batch) for batch in sent.batches} <= {0, *BATCH_SIZES}
        assert all(batch == sorted(set(batch)) for batch in sent.batches)
        await gathering.finish()

    asyncio.run(run())


@pytest.mark.parametrize("turns", range(8))
def test_nobody_waits_for_statements_that_are_over(turns: int) -> None:
    """Four end in one turn of the loop: whoever asks some turns later is sent, in whichever turn that is."""

    async def run() -> None:
        sent = Sent(is_open=False)
        gathering = Gathering(sent, ("row",))
        for row in range(4):
            sent.began.clear()
            gathering.add(asked(row))
            await sent.began.wait()
        sent.gate.set()
        for _ in range(turns):
            await asyncio.sleep(0)
        late = asked(9)
        gathering.add(late)
        assert await answered(late) == [9]
        await gathering.finish()

    asyncio.run(run())
