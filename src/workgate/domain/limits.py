"""Limits on failures: whoever fails too often in a minute has to wait.

Only failures count, so a busy client that does everything right is never slowed. Kept in memory, for each
node by itself; the lock-out of an account is in the database. Of a key only its hash is kept: whoever fails
chooses how long it is.
"""

from collections import OrderedDict
from collections.abc import Hashable

from workgate.domain.ids import Milliseconds

_WINDOW = 60_000
_MOST_KEYS = 50_000


class FailureLimit:
    """At most so many failures a minute for each key.

    Args:
        at_most: failures allowed within a minute; the next attempt is then refused.
    """

    def __init__(self, at_most: int) -> None:
        self._at_most = at_most
        self._windows: OrderedDict[int, tuple[Milliseconds, int]] = OrderedDict()

    def wait(self, key: Hashable, now: Milliseconds) -> int | None:
        """How many whole seconds to wait before another attempt, or None if it may be made."""
        if not self._windows:
            return None
        began, failures = self._windows.get(hash(key), (now, 0))
        if failures < self._at_most or not 0 <= now - began < _WINDOW:
            return None
        return max(1, -(-(began + _WINDOW - now) // 1000))

    def failed(self, key: Hashable, now: Milliseconds) -> None:
        """Count a failure."""
        digest = hash(key)
        began, failures = self._windows.pop(digest, (now, 0))
        if not 0 <= now - began < _WINDOW:
            began, failures = now, 0
        self._windows[digest] = (began, failures + 1)
        if len(self._windows) > _MOST_KEYS:
            self._windows.popitem(last=False)
