"""Is this node fit to serve? Its clock, its database, its key ring, and whether it is about to stop.

Tokens are worth what the clock is worth: when it begins, and whenever its clock was set, a node answers nothing until
it compared its time with the database's. The rules are functions over values; ``Health`` asks the database.
"""

import asyncio
from collections.abc import Callable
from enum import StrEnum

from workgate.domain.ids import Clock, Milliseconds
from workgate.domain.ports import InstallationStore, StoreUnavailable

TOLERANCE = 2000
"""How many milliseconds a node's clock may differ from its database's."""

_DATABASE_SECONDS = 1.0
_NANOSECONDS = 1_000_000


class Unfit(StrEnum):
    """Why a node should get no requests, in a word that tells outsiders nothing else."""

    DRAINING = "draining"
    KEYS = "keys"
    CLOCK = "clock"
    DATABASE = "database"


class WatchedClock:
    """The time of day, and whether somebody set it: that shows against a clock that nobody can set.

    Args:
        wall: the time of day, in nanoseconds.
        steady: time since some instant, in nanoseconds, suspended or not.
    """

    def __init__(self, wall: Callable[[], int], steady: Callable[[], int]) -> None:
        self._wall = wall
        self._steady = steady
        self.accept()

    def now(self) -> Milliseconds:
        """Give the present instant."""
        return Milliseconds(self._wall() // _NANOSECONDS)

    def was_set(self) -> bool:
        """Tell whether the time moved by more than the tolerance, now or at an earlier look, since it was accepted."""
        if not self._lowest <= self._wall() - self._steady() <= self._highest:
            self._moved = True
        return self._moved

    def stand(self) -> int:
        """How far, in nanoseconds, the time is from the steady one: that changes only when somebody sets it."""
        return self._wall() - self._steady()

    def accept(self) -> None:
        """Take the time as it is now for right."""
        difference = self.stand()
        self._lowest = difference - TOLERANCE * _NANOSECONDS
        self._highest = difference + TOLERANCE * _NANOSECONDS
        self._moved = False


def agrees(database: Milliseconds, *, before: Milliseconds, after: Milliseconds) -> bool:
    """Tell whether the database's time, read between these two of ours, is near enough."""
    return before - TOLERANCE <= database <= after + TOLERANCE


class Health:
    """What this node knows about its fitness.

    Args:
        clock: the node's clock.
        installation: for asking the database.
    """

    def __init__(self, clock: Clock, installation: InstallationStore) -> None:
        self._clock = clock
        self._watched = clock if isinstance(clock, WatchedClock) else None
        self._installation = installation
        self._compared = self._watched is None
        self.draining = False
        self.keys_readable = True

    def now(self) -> Milliseconds:
        """Give the present instant, for what must not happen at a wrong one.

        Raises:
            StoreUnavailable: since it began or was set, the clock has not been found to agree with the database's.
        """
        now = self._clock.now()
        if self._must_compare():
            raise StoreUnavailable("the machine's clock was set, or never compared with the database's")
        return now

    async def unfit(self) -> list[Unfit]:
        """Give the reasons why this node should get no requests; none: it is fit."""
        found = [Unfit.DRAINING] if self.draining else []
        if not self.keys_readable:
            found.append(Unfit.KEYS)
        doubt = await self._doubt()
        if doubt is None and self._must_compare():
            doubt = Unfit.CLOCK
        return found if doubt is None else [*found, doubt]

    async def settle(self) -> bool | None:
        """If the clock just began or was set, compare it with the database's: True: it is right; False: it is not.

        None: there was no reason to. An embedded database has no clock of its own, so the new time is taken for right.
        """
        if self._watched is None or not self._must_compare():
            return None
        stand = self._watched.stand()
        if await self._doubt() is not None or abs(self._watched.stand() - stand) > TOLERANCE * _NANOSECONDS:
            return False  # wrong, or set once more while the database was answering
        self._watched.accept()
        self._compared = True
        return True

    def _must_compare(self) -> bool:
        return self._watched is not None and (not self._compared or self._watched.was_set())

    async def _doubt(self) -> Unfit | None:
        before = self._clock.now()
        try:
            async with asyncio.timeout(_DATABASE_SECONDS):
                time = await self._installation.database_time()
        except (StoreUnavailable, TimeoutError):
            return Unfit.DATABASE
        if self._watched is None:  # a clock that is an argument has its own time, on purpose
            return None
        right = time is None or agrees(time, before=before, after=self._clock.now())
        return None if right else Unfit.CLOCK
