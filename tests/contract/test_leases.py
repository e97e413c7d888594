"""A lease has one holder at a time, on every engine; it is renewed, runs out, and is given back."""

import pytest
from tests.contract.kit import START, Stores, at

from workgate.domain.ids import Milliseconds
from workgate.service.leases import Lease
from workgate.testing import HeldClock


def held(stores: Stores, holder: str, seconds: float, name: str = "clean-up") -> bool:
    now = at(seconds)
    return stores.run(stores.database.leases.hold(name, holder, now=now, until=Milliseconds(now + 30_000)))


def test_one_holder(stores: Stores) -> None:
    assert held(stores, "a", 0)
    assert not held(stores, "b", 0)
    assert not held(stores, "b", 29.999)
    assert held(stores, "b", 30)
    assert not held(stores, "a", 30)


def test_renewing(stores: Stores) -> None:
    assert held(stores, "a", 0)
    for seconds in (10, 20, 30, 40):
        assert held(stores, "a", seconds)
    assert not held(stores, "b", 69.999)
    assert held(stores, "b", 70)


def test_each_name_is_a_lease_of_its_own(stores: Stores) -> None:
    assert held(stores, "a", 0)
    assert held(stores, "b", 0, name="another")
    assert not held(stores, "a", 0, name="another")


@pytest.mark.parametrize("before", [False, True])
def test_many_want_it_at_once(stores: Stores, before: bool) -> None:
    if before:  # the row is there, and has run out
        assert held(stores, "somebody", -60)
    hold = stores.database.leases.hold
    won = stores.gather(hold("clean-up", f"node {n}", now=START, until=at(30)) for n in range(20))
    assert sorted(won) == [False] * 19 + [True]


def test_a_node_asks_every_ten_seconds(stores: Stores) -> None:
    clocks = HeldClock(START), HeldClock(START)
    a, b = (
        Lease(stores.database.leases, name="clean-up", holder=holder, clock=clock)
        for holder, clock in zip("ab", clocks, strict=True)
    )
    assert stores.run(a.held())
    assert not stores.run(b.held())
    for _ in range(5):
        clocks[0].advance(9)
        assert stores.run(a.held())
    # It asked at 0, 18 and 36 s, so it holds it until 66 s.
    clocks[1].advance(65.999)
    assert not stores.run(b.held())
    clocks[1].advance(10)
    assert stores.run(b.held())
    clocks[0].advance(31)
    assert not stores.run(a.held())


def test_giving_it_back(stores: Stores) -> None:
    clock = HeldClock(START)
    a, b = (Lease(stores.database.leases, name="clean-up", holder=holder, clock=clock) for holder in "ab")
    stores.run(b.release())  # has none
    assert stores.run(a.held())
    stores.run(a.release())
    assert stores.run(b.held())
    assert not stores.run(a.held())
