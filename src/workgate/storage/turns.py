"""Whose turn it is to write, among the processes that share an embedded database.

SQLite itself lets writers wait by sleeping and trying again, so that a busy process starves the others. Here the system
wakes who waits, and whoever wrote last waits behind whoever came meanwhile: to ask for the turn one must first be
next, and only one can be next. Both are locks on files of their own: closing the database's file would drop SQLite's.
"""

import contextlib
import fcntl
import os
from pathlib import Path


class Turn:
    """One process's place in the queue; between ``take`` and ``give_back`` no other process writes.

    Args:
        database: the database's file; the locks' files are made beside it.

    Raises:
        OSError: they cannot be made.
    """

    def __init__(self, database: Path) -> None:
        self._next = _opened(database.with_name(database.name + "-next"))
        try:
            self._turn = _opened(database.with_name(database.name + "-turn"))
        except OSError:
            os.close(self._next)
            raise

    def take_at_once(self) -> bool:
        """Take the turn if nobody has it and nobody waits for it. Never waits."""
        try:
            fcntl.flock(self._next, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return False
        try:
            fcntl.flock(self._turn, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return False
        finally:
            fcntl.flock(self._next, fcntl.LOCK_UN)
        return True

    def take(self) -> None:
        """Wait for the turn, however long that takes."""
        fcntl.flock(self._next, fcntl.LOCK_EX)
        try:
            fcntl.flock(self._turn, fcntl.LOCK_EX)
        finally:
            fcntl.flock(self._next, fcntl.LOCK_UN)

    def give_back(self) -> None:
        """Let the next one write."""
        with contextlib.suppress(OSError):
            fcntl.flock(self._turn, fcntl.LOCK_UN)

    def close(self) -> None:
        """Give the turn back, if it is ours, and leave."""
        os.close(self._next)
        os.close(self._turn)


def _opened(path: Path) -> int:
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
