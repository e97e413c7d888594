"""Is the node fit to serve? Decided with a clock that the test holds, and a database that has one of its own."""

import asyncio
from dataclasses import dataclass, field

import pytest
from tests.builders import NOW, later

from workgate.domain.ids import Milliseconds
from workgate.domain.ports import StoreUnavailable
from workgate.service.health import Health, Unfit, WatchedClock, agrees

SECOND = 1_000_000_000


@dataclass
class Machine:
    """A machine's two clocks, in nanoseconds."""

    wall: int = NOW * 1_000_000
    steady: int = 7 * SECOND
    clock: WatchedClock = field(init=False)

    def __post_init__(self) -> None:
        self.clock = WatchedClock(lambda: self.wall, lambda: self.steady)

    def wait(self, seconds: float) -> None:
        """Let time pass."""
        self.wall += round(seconds * SECOND)
        self.steady += round(seconds * SECOND)

    def set(self, seconds: float) -> None:
        """Set the time of day."""
        self.wall += round(seconds * SECOND)


@dataclass
class Database:
    """A database with its own clock; None: an embedded one, which has none."""

    time: Milliseconds | None = None
    down: bool = False

    async def database_time(self) -> Milliseconds | None:
        """Tell the time."""
        if self.down:
            raise StoreUnavailable("down")
        return self.time

    async def has_issued(self) -> bool:
        """Nobody asks for it here."""
        raise NotImplementedError

    async def raise_epoch(self, now: Milliseconds) -> int:
        """Nobody asks for it here."""
        raise NotImplementedError


class Hanging(Database):
    """A database that never answers."""

    async def database_time(self) -> Milliseconds | None:
        """Wait for ever."""
        await asyncio.Event().wait()
        return None


@pytest.fixture
def machine() -> Machine:
    return Machine()


def test_time_that_passes_is_no_setting(machine: Machine) -> None:
    machine.wait(86_400)
    assert machine.clock.now() == later(86_400)
    machine.set(2)
    machine.wait(1)
    machine.set(-4)
    assert machine.clock.now() == later(86_399)
    assert not machine.clock.was_set()


@pytest.mark.parametrize("seconds", [2.001, -2.001, 86_400, -86_400])
def test_a_clock_that_was_set(machine: Machine, seconds: float) -> None:
    machine.set(seconds)
    assert machine.clock.now() == later(seconds)
    assert machine.clock.was_set()
    machine.set(-seconds)
    assert machine.clock.was_set()  # who knows what the time is now
    machine.clock.accept()
    assert not machine.clock.was_set()


def test_how_far_clocks_may_be_apart() -> None:
    for seconds, right in ((-2.001, False), (-2, True), (0, True), (5, True), (7, True), (7.001, False)):
        assert agrees(later(seconds), before=NOW, after=later(5)) is right


def test_a_fit_node(machine: Machine) -> None:
    for time in (None, NOW, later(2), later(-2)):
        health = Health(machine.clock, Database(time))
        assert asyncio.run(health.settle()) is True
        assert asyncio.run(health.unfit()) == []
        assert health.now() == NOW
        assert asyncio.run(health.settle()) is None


def test_a_node_begins_with_a_doubtful_clock(machine: Machine) -> None:
    health = Health(machine.clock, Database(later(3)))
    assert asyncio.run(health.settle()) is False
    with pytest.raises(StoreUnavailable, match="never compared"):
        health.now()
    assert asyncio.run(health.unfit()) == [Unfit.CLOCK]


def test_reasons(machine: Machine) -> None:
    health = Health(machine.clock, Database(later(3)))
    health.draining, health.keys_readable = True, False
    assert asyncio.run(health.unfit()) == [Unfit.DRAINING, Unfit.KEYS, Unfit.CLOCK]
    for database in (Database(down=True), Hanging()):
        assert asyncio.run(Health(machine.clock, database).unfit()) == [Unfit.DATABASE]


def test_a_set_clock_is_compared_with_the_databases(machine: Machine) -> None:
    database = Database(NOW)
    health = Health(machine.clock, database)
    machine.set(10)
    with pytest.raises(StoreUnavailable, match="clock was set"):
        health.now()
    assert asyncio.run(health.unfit()) == [Unfit.CLOCK]
    assert asyncio.run(health.settle()) is False
    database.down = True
    assert asyncio.run(health.settle()) is False
    database.down, database.time = False, later(8)
    # It is near enough now, but until it was compared it is not believed.
    assert asyncio.run(health.unfit()) == [Unfit.CLOCK]
    assert asyncio.run(health.settle()) is True
    assert asyncio.run(health.unfit()) == []
    assert health.now() == later(10)


def test_an_embedded_databases_node_believes_its_clock(machine: Machine) -> None:
    health = Health(machine.clock, Database(None))
    machine.set(-3600)
    with pytest.raises(StoreUnavailable):
        health.now()
    assert asyncio.run(health.unfit()) == [Unfit.CLOCK]
    assert asyncio.run(health.settle()) is True
    assert health.now() == later(-3600)


def test_a_clock_that_is_set_while_the_database_answers(machine: Machine) -> None:
    class SetMeanwhile(Database):
        async def database_time(self) -> Milliseconds | None:
            machine.set(3600)
            return later(1800)

    health = Health(machine.clock, SetMeanwhile())
    assert asyncio.run(health.settle()) is False
    with pytest.raises(StoreUnavailable):
        health.now()
