"""``workgate keys`` and ``workgate epoch``."""

import os
from typing import Annotated, Any

import typer

from workgate.cli.context import FAILURES, AsJson, Database, fail, run, settings_for, show
from workgate.domain.ids import Milliseconds
from workgate.domain.problems import Problem
from workgate.opening import key_file
from workgate.server import Workgate
from workgate.storage.keyfile import KeyFile

keys = typer.Typer(no_args_is_help=True)
epoch = typer.Typer(no_args_is_help=True)

_HEAD_START = Milliseconds(10_000)
"""A new key is used this much later, so that every process has read the file by then."""


@keys.command("create")
def create(database: Database = None, as_json: AsJson = False) -> None:
    """Make a key ring where there is none. Tokens that were made under another one are worth nothing under it."""
    settings = settings_for(database)
    try:
        file = key_file(settings)
        ring = file.load(os.urandom)
    except FAILURES as error:
        fail(str(error))
    if not file.made:
        fail(f"there is a key ring already: {file.path}")
    result = {"path": str(file.path), "keys": [key.key_id for key in ring.keys]}
    show(as_json, result, f"{file.path} holds a new key ring: give every node a copy")


@keys.command("rotate")
def rotate(database: Database = None, as_json: AsJson = False) -> None:
    """Add a key, for all tokens from ten seconds on. Nobody is signed out: older keys go on verifying."""

    async def work(workgate: Workgate) -> dict[str, Any]:
        used_from = Milliseconds(workgate.clock.now() + _HEAD_START)
        ring = _file(workgate).update(
            workgate.entropy,
            lambda old: old.with_new_key(used_from=used_from, entropy=workgate.entropy),
        )
        return {"id": ring.keys[-1].key_id, "keys": [key.key_id for key in ring.keys]}

    result = run(database, work)
    show(as_json, result, f"key {result['id']} is used in ten seconds; keys in the ring: {result['keys']}")


@keys.command("retire")
def retire(
    key_id: Annotated[int, typer.Argument(help="The key's id.")],
    database: Database = None,
    as_json: AsJson = False,
) -> None:
    """Take an older key out of the ring: tokens that were made under it end."""

    async def work(workgate: Workgate) -> dict[str, Any]:
        now = workgate.clock.now()
        ring = _file(workgate).update(workgate.entropy, lambda old: old.without(key_id, now))
        return {"id": key_id, "keys": [key.key_id for key in ring.keys]}

    result = run(database, work)
    show(as_json, result, f"key {key_id} is retired; keys in the ring: {result['keys']}")


@epoch.command("raise")
def raise_epoch(database: Database = None, as_json: AsJson = False) -> None:
    """End every code, session and refresh token: for after an older backup was put back."""

    async def work(workgate: Workgate) -> int:
        return await workgate.database.installation.raise_epoch(workgate.clock.now())

    result = run(database, work)
    show(as_json, {"epoch": result}, f"the epoch is {result}: every token issued before has ended")


def _file(workgate: Workgate) -> KeyFile:
    if workgate.keys.file is None:
        raise Problem("the key ring is in the setting WORKGATE_KEYS: change it there")
    return workgate.keys.file
