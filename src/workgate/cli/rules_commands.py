"""``workgate org rules``: how people sign in to an environment."""

from typing import Annotated, Any

import typer
from msgspec import UNSET, to_builtins

from workgate.cli.context import AsJson, Database, Lane, Org, environment_of, fail, run, show
from workgate.domain.problems import Problem
from workgate.domain.signing_in import SignInRules, SsoMode
from workgate.server import Workgate
from workgate.service.acting import OPERATOR
from workgate.service.shown_people import show_rules
from workgate.service.sign_in_rules import RulesChanges

commands = typer.Typer(no_args_is_help=True)


@commands.command("show")
def show_them(org: Org, lane: Lane = "my", database: Database = None, as_json: AsJson = False) -> None:
    """Show how people sign in."""

    async def work(workgate: Workgate) -> SignInRules:
        return await workgate.services.sign_in.rules(await environment_of(workgate, org, lane), by=OPERATOR)

    _print(as_json, run(database, work))


@commands.command("set")
def set_them(
    org: Org,
    lane: Lane = "my",
    sso: Annotated[SsoMode | None, typer.Option("--sso", help="none, optional or only.")] = None,
    administrators_exempt: Annotated[
        bool | None, typer.Option(help="Whether administrators may use passwords in any case.")
    ] = None,
    two_step_required: Annotated[bool | None, typer.Option(help="Whether passwords need a second step.")] = None,
    minimum_length: Annotated[int | None, typer.Option(help="The fewest characters of a new password.")] = None,
    kinds: Annotated[int | None, typer.Option(help="How many kinds of characters it needs: 0 to 4.")] = None,
    refuse_common: Annotated[bool | None, typer.Option(help="Whether passwords that many use are refused.")] = None,
    history: Annotated[int | None, typer.Option(help="How many former passwords cannot be used again.")] = None,
    expires_days: Annotated[str | None, typer.Option(help="Days until it must be changed, or never.")] = None,
    lock_tries: Annotated[str | None, typer.Option(help="Wrong ones in a row that lock, or default.")] = None,
    lock_minutes: Annotated[str | None, typer.Option(help="Minutes that it stays locked, or default.")] = None,
    database: Database = None,
    as_json: AsJson = False,
) -> None:
    """Change how people sign in; what is not named stays as it is."""
    named: dict[str, Any] = {
        "sso": sso,
        "administrators_exempt": administrators_exempt,
        "two_step_required": two_step_required,
        "minimum_length": minimum_length,
        "kinds": kinds,
        "refuse_common": refuse_common,
        "history": history,
    }
    given = {name: value for name, value in named.items() if value is not None}
    words = {"expires_days": (expires_days, "never"), "lock_tries": (lock_tries, "default")}
    words["lock_minutes"] = (lock_minutes, "default")
    try:
        given |= {name: _number(name, text, word) for name, (text, word) in words.items() if text is not None}
    except Problem as problem:
        fail(str(problem))
    if not given:
        fail("name at least one rule to change")

    async def work(workgate: Workgate) -> SignInRules:
        changes = RulesChanges(**{name: given.get(name, UNSET) for name in RulesChanges.__struct_fields__})
        return await workgate.services.sign_in.change(await environment_of(workgate, org, lane), changes, by=OPERATOR)

    _print(as_json, run(database, work))


def _number(name: str, text: str, word: str) -> int | None:
    if text == word:
        return None
    if not (text.isascii() and text.isdigit() and len(text) <= 9):
        raise Problem(f"--{name.replace('_', '-')}: write a whole number, or {word}")
    return int(text)


def _print(as_json: bool, rules: SignInRules) -> None:
    shown = dict(to_builtins(show_rules(rules)))
    show(as_json, shown, "\n".join(f"{name}: {value}" for name, value in shown.items()))
