"""Logs: one JSON line an event, or a line for a person on a terminal. Fields are a closed list, none is a secret.

The standard library's logging with msgspec's JSON: a logging library would take a third of the time to start.
"""

import logging
import sys
import traceback
from datetime import UTC, datetime
from pathlib import Path

import msgspec

FIELDS = frozenset({"environment", "event", "reference", "reason", "client_id", "actor", "address", "error", "path"})
_LOG = logging.getLogger("workgate")
_LOG.addHandler(logging.NullHandler())  # quiet where nobody configured logging, as in somebody's test run
_ATTRIBUTE = "workgate_fields"


class _Lines(logging.Formatter):
    """Writes a record as JSON, or for a person."""

    def __init__(self, *, for_person: bool) -> None:
        super().__init__()
        self._for_person = for_person

    def format(self, record: logging.LogRecord) -> str:
        fields: dict[str, str] = getattr(record, _ATTRIBUTE, {})
        message = record.getMessage()
        if record.exc_info and record.exc_info[1] is not None:
            fields = {**fields, "error": described(record.exc_info[1])}
        if self._for_person:
            shown = "  ".join(
                f"{name}={value if value.isprintable() else ascii(value)}" for name, value in fields.items()
            )
            moment = datetime.fromtimestamp(record.created, UTC)
            return f"{moment:%H:%M:%S} {record.levelname.lower():7} {message}  {shown}".rstrip()
        moment = datetime.fromtimestamp(record.created, UTC)
        line = {"at": moment.isoformat(timespec="milliseconds"), "level": record.levelname.lower(), "event": message}
        return msgspec.json.encode({**line, **fields}).decode()


def configure_logging(*, debug: bool = False) -> None:
    """Set up logging to standard error for the whole process; with ``debug`` details too, never secrets."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_Lines(for_person=sys.stderr.isatty()))
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(logging.DEBUG if debug else logging.INFO)
    for chatty in ("alembic", "asyncio", "httpcore", "httpx", "uvicorn"):
        logging.getLogger(chatty).setLevel(logging.WARNING)


def described(error: BaseException) -> str:
    """Name an unexpected error and the lines that led to it; its own text might hold what it was given."""
    frames = traceback.extract_tb(error.__traceback__)[-6:]
    where = " < ".join(f"{Path(frame.filename).name}:{frame.lineno}" for frame in reversed(frames))
    return f"{type(error).__name__} at {where or 'unknown'}"


def log_refusal(**fields: str | None) -> None:
    """Say on the operator's log what was refused and why.

    Raises:
        ValueError: a field that is not in ``FIELDS``.
    """
    unknown = fields.keys() - FIELDS
    if unknown:
        raise ValueError(f"not fields of the log: {sorted(unknown)}")
    given = {name: value for name, value in fields.items() if value is not None and name != "event"}
    _LOG.warning("%s", fields.get("event") or "refused", extra={_ATTRIBUTE: given})
