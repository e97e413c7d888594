"""What only one of several nodes should do: it holds a lease, renews it in good time, and loses it by being gone."""

from workgate.domain.ids import Clock, Milliseconds
from workgate.domain.ports import LeaseStore

LEASE_MILLISECONDS = 30_000
RENEWAL_MILLISECONDS = 10_000


class Lease:
    """One node's claim to a lease.

    Args:
        store: where leases are kept.
        name: what the lease is for.
        holder: this node; no other may use the same word.
        clock: the node's clock.
    """

    def __init__(self, store: LeaseStore, *, name: str, holder: str, clock: Clock) -> None:
        self._store = store
        self._name = name
        self._holder = holder
        self._clock = clock
        self._asked_at: Milliseconds | None = None
        self._held = False

    async def held(self) -> bool:
        """Tell whether this node holds it now, asking the store every ten seconds. Raises ``StoreUnavailable``."""
        now = self._clock.now()
        if self._asked_at is None or not 0 <= now - self._asked_at < RENEWAL_MILLISECONDS:
            self._held = False
            until = Milliseconds(now + LEASE_MILLISECONDS)
            self._held = await self._store.hold(self._name, self._holder, now=now, until=until)
            self._asked_at = now
        return self._held

    async def release(self) -> None:
        """Let another node have it at once. Raises ``StoreUnavailable``; then it frees itself by time."""
        if self._held:
            self._held, self._asked_at = False, None
            now = self._clock.now()
            await self._store.hold(self._name, self._holder, now=now, until=now)
