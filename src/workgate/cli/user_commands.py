"""``workgate user``."""

import getpass
import sys
from typing import Annotated, Any

import typer

from workgate.cli.context import AsJson, Database, Lane, Org, environment_of, fail, run, show
from workgate.domain.audit import AuditEvent
from workgate.domain.people import PersonChanges
from workgate.server import Workgate
from workgate.service.acting import OPERATOR

commands = typer.Typer(no_args_is_help=True)

Username = Annotated[str, typer.Argument(help="The name to sign in with, often an e-mail address.")]
Password = Annotated[str | None, typer.Option("--password", help="The password.")]
PasswordStdin = Annotated[bool, typer.Option("--password-stdin", help="Read the password from standard input.")]


@commands.command("create")
def create(
    username: Username,
    org: Org,
    lane: Lane = "my",
    password: Password = None,
    password_stdin: PasswordStdin = False,
    first_name: Annotated[str, typer.Option("--first-name")] = "",
    last_name: Annotated[str, typer.Option("--last-name")] = "",
    email: Annotated[str, typer.Option("--email")] = "",
    admin: Annotated[bool, typer.Option("--admin", help="Make the user an administrator.")] = False,
    database: Database = None,
    as_json: AsJson = False,
) -> None:
    """Create a user."""
    secret = _password(password, password_stdin)

    async def work(workgate: Workgate) -> dict[str, Any]:
        environment = await environment_of(workgate, org, lane)
        user = await workgate.services.administration.create_user(
            environment,
            username,
            password=secret,
            first_name=first_name,
            last_name=last_name,
            email=email,
            is_admin=admin,
        )
        reason = f"user {user.user_id}" + (", an administrator" if user.is_admin else "")
        workgate.audit.record(OPERATOR.entry(workgate.audit, AuditEvent.USER_CREATED, environment, reason=reason))
        return {"id": user.user_id, "username": user.username, "admin": user.is_admin}

    result = run(database, work)
    show(as_json, result, f"{result['username']}  id {result['id']}")


@commands.command("password")
def set_password(
    username: Username,
    org: Org,
    lane: Lane = "my",
    password: Password = None,
    password_stdin: PasswordStdin = False,
    any_password: Annotated[
        bool, typer.Option("--any-password", help="Even one that the environment's policy does not take.")
    ] = False,
    database: Database = None,
    as_json: AsJson = False,
) -> None:
    """Give a user another password, which the policy must take; every session of the user ends."""
    secret = _password(password, password_stdin)

    async def work(workgate: Workgate) -> None:
        environment = await environment_of(workgate, org, lane)
        await workgate.services.password_desk.set_by_operator(environment, username, secret, any_password=any_password)

    run(database, work)
    show(as_json, {"username": username}, f"{username} has another password; all sessions ended")


@commands.command("disable")
def disable(
    username: Username, org: Org, lane: Lane = "my", database: Database = None, as_json: AsJson = False
) -> None:
    """Disable a user: sessions end, and tokens are worth nothing while it lasts."""
    _set_active(username, org, lane, database, active=False)
    show(as_json, {"username": username, "active": False}, f"{username} is disabled")


@commands.command("enable")
def enable(username: Username, org: Org, lane: Lane = "my", database: Database = None, as_json: AsJson = False) -> None:
    """Enable a user again."""
    _set_active(username, org, lane, database, active=True)
    show(as_json, {"username": username, "active": True}, f"{username} is enabled")


@commands.command("reset-second-steps")
def reset_second_steps(
    username: Username, org: Org, lane: Lane = "my", database: Database = None, as_json: AsJson = False
) -> None:
    """Remove a user's passkeys, authenticator app and recovery codes; the password then signs in alone."""

    async def work(workgate: Workgate) -> bool:
        environment = await environment_of(workgate, org, lane)
        user = await workgate.services.administration.user_named(environment, username)
        return await workgate.services.second_steps.reset(environment, user, by=OPERATOR)

    was_reset = run(database, work)
    told = f"{username} has no second step any more" if was_reset else f"{username} had no second step"
    show(as_json, {"username": username, "reset": was_reset}, told)


@commands.command("withdraw")
def withdraw(
    username: Username,
    org: Org,
    app: Annotated[str, typer.Option("--app", help="The application's client_id.")],
    lane: Lane = "my",
    database: Database = None,
    as_json: AsJson = False,
) -> None:
    """Withdraw a user's consent to an application: its tokens and sessions end."""

    async def work(workgate: Workgate) -> int:
        environment = await environment_of(workgate, org, lane)
        user = await workgate.services.administration.user_named(environment, username)
        return await workgate.services.connections.withdraw_of(environment, app, user.user_id, by=OPERATOR)

    ended = run(database, work)
    show(as_json, {"username": username, "ended": ended}, f"{ended} authorizations ended")


def _set_active(username: str, org: str, lane: str, database: str | None, *, active: bool) -> None:
    async def work(workgate: Workgate) -> None:
        environment = await environment_of(workgate, org, lane)
        user = (await workgate.services.people.named(environment, username, by=OPERATOR)).user
        await workgate.services.people.change(environment, user.user_id, PersonChanges(is_active=active), by=OPERATOR)

    run(database, work)


def _password(password: str | None, from_stdin: bool) -> str:
    if from_stdin and password is None:
        return sys.stdin.readline().rstrip("\r\n")
    if from_stdin:
        fail("give the password with --password or with --password-stdin, not both")
    if password is None and sys.stdin.isatty():
        return getpass.getpass("Password: ")
    if password is None:
        fail("give the password with --password or with --password-stdin")
    return password
