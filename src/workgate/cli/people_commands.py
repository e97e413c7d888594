"""``workgate user list``, ``show``, ``change`` and ``invite``: what the setup pages of people do, for the operator."""

from typing import Annotated, Any

import typer
from msgspec import to_builtins

from workgate.cli.context import AsJson, Database, Lane, Org, environment_of, fail, run, show
from workgate.cli.user_commands import Username
from workgate.domain.accounts import Environment
from workgate.domain.people import Person, PersonChanges
from workgate.server import Workgate
from workgate.service.acting import OPERATOR
from workgate.service.mailed_links import Mailing
from workgate.service.shown_people import show_invitation, show_user

_PAGE = 200
commands = typer.Typer(no_args_is_help=True)


@commands.command("list")
def list_users(
    org: Org,
    lane: Lane = "my",
    search: Annotated[str, typer.Option("--search", help="Words of the names or the e-mail address.")] = "",
    database: Database = None,
    as_json: AsJson = False,
) -> None:
    """List the users, by user name."""

    async def work(workgate: Workgate) -> list[dict[str, Any]]:
        environment = await environment_of(workgate, org, lane)
        found: list[dict[str, Any]] = []
        after: str | None = ""
        while after is not None:
            page = await workgate.services.people.people(
                environment, search=search, after=after, limit=_PAGE, by=OPERATOR
            )
            found += [_shown(workgate, person) for person in page.people]
            after = page.following
        return found

    users = run(database, work)
    show(as_json, {"users": users}, "\n".join(_line(user) for user in users) or "nobody")


@commands.command("show")
def show_one(
    username: Username, org: Org, lane: Lane = "my", database: Database = None, as_json: AsJson = False
) -> None:
    """Show a user."""

    async def work(workgate: Workgate) -> dict[str, Any]:
        environment = await environment_of(workgate, org, lane)
        return _shown(workgate, await _named(workgate, environment, username))

    user = run(database, work)
    show(as_json, user, "\n".join(f"{name}: {value}" for name, value in user.items()))


@commands.command("change")
def change(
    username: Username,
    org: Org,
    lane: Lane = "my",
    new_username: Annotated[str | None, typer.Option("--username", help="Another user name.")] = None,
    first_name: Annotated[str | None, typer.Option("--first-name")] = None,
    last_name: Annotated[str | None, typer.Option("--last-name")] = None,
    email: Annotated[str | None, typer.Option("--email")] = None,
    admin: Annotated[bool | None, typer.Option("--admin/--no-admin", help="Whether an administrator.")] = None,
    active: Annotated[bool | None, typer.Option("--active/--no-active", help="Whether the user can sign in.")] = None,
    sso_only: Annotated[bool | None, typer.Option("--sso-only/--no-sso-only", help="No password works.")] = None,
    unlock: Annotated[bool, typer.Option("--unlock", help="Forget wrong passwords.")] = False,
    end_sessions: Annotated[bool, typer.Option("--end-sessions", help="End all sessions.")] = False,
    database: Database = None,
    as_json: AsJson = False,
) -> None:
    """Change a user; what is not named stays as it is."""
    changes = PersonChanges(
        username=new_username,
        first_name=first_name,
        last_name=last_name,
        email=email,
        is_admin=admin,
        is_active=active,
        sso_only=sso_only,
    )
    if changes == PersonChanges() and not (unlock or end_sessions):
        fail("name at least one thing to change")

    async def work(workgate: Workgate) -> dict[str, Any]:
        environment, people = await environment_of(workgate, org, lane), workgate.services.people
        user = (await _named(workgate, environment, username)).user
        await people.change(environment, user.user_id, changes, by=OPERATOR)
        if unlock:
            await people.unlock(environment, user.user_id, by=OPERATOR)
        if end_sessions:
            await people.end_sessions(environment, user.user_id, by=OPERATOR)
        return _shown(workgate, await people.person(environment, user.user_id, by=OPERATOR))

    changed = run(database, work)
    show(as_json, changed, _line(changed))


@commands.command("invite")
def invite(
    username: Username,
    org: Org,
    lane: Lane = "my",
    origin: Annotated[
        str, typer.Option("--origin", help="Where people reach this server, if WORKGATE_MAIL_ORIGIN does not say.")
    ] = "http://localhost:8400",
    database: Database = None,
    as_json: AsJson = False,
) -> None:
    """Mail a user a link to set a password; where no mail can be sent, print it."""

    async def work(workgate: Workgate) -> dict[str, Any]:
        environment = await environment_of(workgate, org, lane)
        user = (await _named(workgate, environment, username)).user
        invited = await workgate.services.mailed_links.invite(
            environment, user, by=OPERATOR, mailing=Mailing(origin, str)
        )
        await workgate.outbox.flush()
        return dict(to_builtins(show_invitation(invited)))

    invited = run(database, work)
    text = f"mailed; it works until {invited['expires']}" if invited["mailed"] else str(invited["link"])
    show(as_json, {"username": username, **invited}, text)


async def _named(workgate: Workgate, environment: Environment, username: str) -> Person:
    return await workgate.services.people.named(environment, username, by=OPERATOR)


def _shown(workgate: Workgate, person: Person) -> dict[str, Any]:
    return dict(to_builtins(show_user(person, workgate.clock.now())))


def _line(user: dict[str, Any]) -> str:
    marks = {
        "disabled": not user["is_active"],
        "locked": user["locked_until"] is not None,
        "administrator": user["is_admin"],
        "SSO only": user["sso_only"],
    }
    told = [user["id"], *(word for word, holds in marks.items() if holds)]
    return f"{user['username']}  {', '.join(told)}"
