"""A small disk of the test's own, to fill up."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.database.cluster import own

_BLOCK = 64 * 1024


class SmallDisk:
    """A file system of a few megabytes.

    Args:
        folder: where it is mounted.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._ballast = folder / "ballast"

    def fill(self, leave: int = 0) -> None:
        """Take all space that is left, but for some bytes."""
        status = os.statvfs(self.folder)
        free = status.f_bavail * status.f_frsize
        with self._ballast.open("wb", buffering=0) as ballast:
            try:
                for _ in range((free - leave) // _BLOCK):
                    ballast.write(b"\0" * _BLOCK)
                while leave == 0:
                    ballast.write(b"\0" * 512)
            except OSError:
                return  # it is full

    def free(self) -> None:
        """Give the space back."""
        self._ballast.unlink()


@contextmanager
def a_small_disk(folder: Path, megabytes: int) -> Iterator[SmallDisk]:
    """Mount one; only root may."""
    folder.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={megabytes}m", "tmpfs", str(folder)], check=True)
    try:
        own(folder)
        yield SmallDisk(folder)
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)
