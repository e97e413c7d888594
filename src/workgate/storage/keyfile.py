"""The key ring as a file beside the database: mode 0600, replaced atomically, read again when it changed."""

import fcntl
import os
from collections.abc import Callable
from pathlib import Path

from workgate.crypto.keys import KeyRing, KeyRingError, new_key_ring, parse_key_ring
from workgate.domain.ids import Entropy


class KeyFile:
    """A key ring's file.

    ``made`` says whether it was this object that made it.

    Args:
        path: where it is, or where it is made on first use.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._stamp: tuple[int, int] | None = None
        self.made = False

    def load(self, entropy: Entropy) -> KeyRing:
        """Read the ring; make a new one if there is no file.

        Raises:
            KeyRingError: the file cannot be read, or others may read it.
        """
        try:
            if not self.path.exists():
                self._create(new_key_ring(entropy), entropy)
            status = self.path.stat()
            if status.st_mode & 0o077:
                raise KeyRingError(f"others can read the key file {self.path}: run chmod 600 on it")
            self._stamp = (status.st_mtime_ns, status.st_ino)
            return parse_key_ring(self.path.read_text(encoding="utf-8", errors="replace"))
        except OSError as error:
            raise KeyRingError(f"cannot use the key file {self.path}: {error}") from error

    def changed(self) -> bool:
        """Tell whether the file is another one than was loaded last."""
        try:
            status = self.path.stat()
        except OSError:
            return False
        return (status.st_mtime_ns, status.st_ino) != self._stamp

    def update(self, entropy: Entropy, change: Callable[[KeyRing], KeyRing]) -> KeyRing:
        """Replace the ring by a changed one; processes take turns.

        Raises:
            KeyRingError: the file cannot be read or written, or the change was refused.
        """
        try:
            folder = os.open(self.path.parent, os.O_RDONLY)
        except OSError as error:
            raise KeyRingError(f"cannot use the key file {self.path}: {error}") from error
        try:
            fcntl.flock(folder, fcntl.LOCK_EX)
            ring = change(self.load(entropy))
            temporary = self.path.with_name(self.path.name + ".new")
            temporary.unlink(missing_ok=True)
            _write(temporary, ring)
            temporary.replace(self.path)
            os.fsync(folder)
        except OSError as error:
            raise KeyRingError(f"cannot write the key file {self.path}: {error}") from error
        finally:
            os.close(folder)
        return ring

    def _create(self, ring: KeyRing, entropy: Entropy) -> None:
        # Written aside and linked into place: whoever comes second finds the first one's whole file. The name
        # is random, because in a container a process that was killed here and its successor share their number.
        temporary = self.path.with_name(f"{self.path.name}.{os.getpid()}.{entropy(8).hex()}")
        _write(temporary, ring)
        try:
            os.link(temporary, self.path)
            self.made = True
        except FileExistsError:
            pass
        finally:
            temporary.unlink()
        folder = os.open(self.path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


def _write(path: Path, ring: KeyRing) -> None:
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "w") as file:
        file.write(ring.to_text())
        file.flush()
        os.fsync(file.fileno())
