"""A clock that a process believes and a test moves: libfaketime in front of the system's."""

from pathlib import Path


def library() -> Path | None:
    """The library of Debian's package libfaketime; None: it is not installed."""
    return next(iter(sorted(Path("/usr/lib").glob("*/faketime/libfaketime.so.1"))), None)


class MovedClock:
    """The clock of every process that runs with ``environ``; it begins right.

    Args:
        folder: where the file lies that says how far it is off.
    """

    def __init__(self, folder: Path) -> None:
        found = library()
        assert found is not None, "libfaketime is not installed"
        self._file = folder / "clock"
        self.environ = {
            "LD_PRELOAD": str(found),
            "FAKETIME_TIMESTAMP_FILE": str(self._file),
            "FAKETIME_NO_CACHE": "1",
            # What waits for so many seconds waits for them: only the time of day is wrong.
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        }
        self.move(0)

    def move(self, seconds: float) -> None:
        """Be so many seconds ahead of the system's clock, or behind it."""
        new = self._file.with_suffix(".new")
        new.write_text(f"{seconds:+f}\n")
        new.replace(self._file)
