"""Passwords: argon2id, computed in a few threads so that the event loop never waits for it.

A check costs the same whether the user exists or not.
"""

import asyncio
import functools
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

_T = TypeVar("_T")
LONGEST_PASSWORD = 1024
SHORTEST_PASSWORD = 8


class Passwords:
    """Hashes and checks passwords.

    Args:
        threads: how many are computed at once; more wait for their turn.
        memory_kib: argon2's memory cost.
        passes: argon2's time cost.
    """

    def __init__(self, *, threads: int = 2, memory_kib: int = 19 * 1024, passes: int = 2) -> None:
        self._hasher = PasswordHasher(time_cost=passes, memory_cost=memory_kib, parallelism=1)
        self._pool = ThreadPoolExecutor(max_workers=threads, thread_name_prefix="workgate-argon2")

    async def hash(self, password: str) -> str:
        """Hash a new password."""
        return await self.in_thread(functools.partial(self._hasher.hash, password))

    async def verify(self, password_hash: str | None, password: str) -> bool:
        """Compare; without a hash (no such user, no password set) it costs the same and is False."""
        if len(password) > LONGEST_PASSWORD:
            return False
        found = await self.in_thread(functools.partial(self._matches, password_hash, password))
        return found and password_hash is not None

    async def in_thread(self, work: "functools.partial[_T]") -> _T:
        """Do in one of the threads what would hold the event loop up."""
        return await asyncio.get_running_loop().run_in_executor(self._pool, work)

    def close(self) -> None:
        """Let the threads end."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    @functools.cached_property
    def _nobody(self) -> str:
        return self._hasher.hash("the password of nobody")

    def _matches(self, password_hash: str | None, password: str) -> bool:
        try:
            return self._hasher.verify(password_hash or self._nobody, password)
        except (VerificationError, InvalidHashError):
            return False
