"""What every command does alike: open the installation, print its result, fail in one line."""

import asyncio
import json
import os
import re
import sys
from collections.abc import Callable, Coroutine
from typing import Annotated, Any, NoReturn, TypeVar

import typer

from workgate.crypto.keys import KeyRingError, UnknownKeyError
from workgate.domain.accounts import Environment
from workgate.domain.ports import AlreadyExists, StoreUnavailable
from workgate.domain.problems import Problem
from workgate.opening import SystemClock
from workgate.ops.settings import Settings, load_settings
from workgate.server import Workgate

T = TypeVar("T")
Database = Annotated[
    str | None,
    typer.Option(
        "--database",
        envvar="WORKGATE_DATABASE_URL",
        help="sqlite:///path.db or postgresql://user@host/name",
        show_default="workgate.db",
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object and nothing else.")]
Org = Annotated[str, typer.Option("--org", help="The organisation's domain.")]
Lane = Annotated[str, typer.Option("--lane", help="The lane.")]

_DURATION = re.compile(r"(\d{1,9})([smhdw]?)")
_UNIT = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}
FAILURES = (
    Problem,
    StoreUnavailable,
    AlreadyExists,
    KeyRingError,
    UnknownKeyError,
    ValueError,
    OSError,
)


def fail(message: str) -> NoReturn:
    """Say what is wrong on one line of standard error, and exit with 1."""
    complain(message)
    raise typer.Exit(1)


def complain(message: str) -> None:
    """Say what is wrong on one line of standard error."""
    print("workgate: " + " ".join(str(message).split()), file=sys.stderr)


def settings_for(database: str | None, **options: int | None) -> Settings:
    """Read the settings; options that were given win over all."""
    given = {"database_url": database, **options}
    try:
        return load_settings(os.environ, **{name: value for name, value in given.items() if value is not None})
    except (ValueError, OSError) as error:
        fail(str(error))


def run(database: str | None, work: Callable[[Workgate], Coroutine[None, None, T]], *, may_begin: bool = False) -> T:
    """Open the installation, do the work, close it; failures end the command with one line.

    Args:
        database: as it was named.
        work: the work.
        may_begin: where there is no embedded database, make one; a mistyped name begins no second installation.
    """

    async def within_loop() -> T:
        settings = settings_for(database)
        path = settings.embedded_path
        if path is not None and not may_begin and not path.exists():
            raise Problem(
                f"there is no database {path}: name it with --database or WORKGATE_DATABASE_URL, or begin one with "
                "'workgate org create'"
            )
        workgate = Workgate(settings, clock=SystemClock())
        try:
            await workgate.ready()
            return await work(workgate)
        finally:
            await workgate.close()

    try:
        return asyncio.run(within_loop())
    except FAILURES as error:
        fail(str(error))


def run_in(
    org: str, lane: str, database: str | None, work: Callable[[Workgate, Environment], Coroutine[None, None, T]]
) -> T:
    """Do some work in the environment that ``--org`` and ``--lane`` name; see ``run``."""

    async def within(workgate: Workgate) -> T:
        return await work(workgate, await environment_of(workgate, org, lane))

    return run(database, within)


def show(as_json: bool, result: dict[str, Any], text: str) -> None:
    """Print a command's result: the JSON object, or lines for a person."""
    print(json.dumps(result) if as_json else text)


def duration(text: str | None) -> int | None:
    """Read ``90d``, ``12h``, ``30m``, ``45s`` or ``never`` as seconds; None is without end.

    Raises:
        Problem: it is none of these.
    """
    if text is None or text == "never":
        return None
    match = _DURATION.fullmatch(text)
    if match is None:
        raise Problem(f"{text!r} is not a duration: write 90d, 12h, 30m, 45s or never")
    return int(match[1]) * _UNIT[match[2]]


async def environment_of(workgate: Workgate, org: str, lane: str) -> Environment:
    """Give the environment that ``--org`` and ``--lane`` name."""
    return await workgate.services.administration.environment(org, lane)
