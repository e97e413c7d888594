"""Logs: one line an event, human on a terminal and JSON elsewhere. Fields are a closed list, none is a secret."""

import logging
import sys

import structlog

FIELDS = frozenset({"environment", "event", "reference", "reason", "client_id", "actor", "address", "error", "path"})


def configure_logging(*, debug: bool = False, plain: bool | None = None) -> None:
    """Set up logging to standard error for the whole process.

    Args:
        debug: log details too; secrets are never among them.
        plain: lines for a person instead of JSON; by default where standard error is a terminal.
    """
    for_person = sys.stderr.isatty() if plain is None else plain
    renderer: structlog.typing.Processor = (
        structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty()) if for_person else structlog.processors.JSONRenderer()
    )
    shared: list[structlog.typing.Processor] = [
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer],
        )
    )
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(logging.DEBUG if debug else logging.INFO)
    for chatty in ("alembic", "asyncio", "httpx", "uvicorn"):
        logging.getLogger(chatty).setLevel(logging.WARNING)


def log_refusal(**fields: str | None) -> None:
    """Say on the operator's log what was refused and why.

    Raises:
        ValueError: a field that is not in ``FIELDS``.
    """
    unknown = fields.keys() - FIELDS
    if unknown:
        raise ValueError(f"not fields of the log: {sorted(unknown)}")
    given = {name: value for name, value in fields.items() if value is not None and name != "event"}
    structlog.get_logger("workgate").warning(fields.get("event") or "refused", **given)
