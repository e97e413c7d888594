"""``workgate sso``: identity providers, and whom their subjects stand for."""

import sys
from typing import Annotated, Any

import typer
from msgspec import UNSET, to_builtins

from workgate.cli.context import AsJson, Database, Lane, Org, environment_of, fail, run, show
from workgate.domain.accounts import Environment
from workgate.domain.signing_in import SsoMode
from workgate.domain.sso import ProviderKind, Provisioning
from workgate.server import Workgate
from workgate.service.acting import OPERATOR
from workgate.service.identity_providers import ProviderChanges
from workgate.service.shown_providers import show_federation, show_provider
from workgate.service.sign_in_rules import RulesChanges
from workgate.signin.oidc import ClientAuthentication

commands = typer.Typer(no_args_is_help=True)

ProviderId = Annotated[str, typer.Argument(help="The provider's id, as 'sso list' gives it.")]
Provider = Annotated[str, typer.Option("--provider", help="The provider's id, as 'sso list' gives it.")]
Subject = Annotated[str, typer.Option("--subject", help="What the provider calls this person: its federation ID.")]
User = Annotated[str, typer.Argument(help="The user name.")]


@commands.command("add")
def add(
    name: Annotated[str, typer.Argument(help="What people read on the sign-in page's button.")],
    org: Org,
    issuer: Annotated[str, typer.Option(help="Where the OpenID provider is, https://…")],
    client_id: Annotated[str, typer.Option(help="What it calls this server.")],
    lane: Lane = "my",
    secret: Annotated[str | None, typer.Option(help="The client secret.")] = None,
    secret_stdin: Annotated[bool, typer.Option("--secret-stdin", help="Read it from standard input.")] = False,
    client_authentication: Annotated[ClientAuthentication, typer.Option()] = ClientAuthentication.BASIC,
    scope: Annotated[list[str] | None, typer.Option(help="May be repeated; openid is among them.")] = None,
    algorithm: Annotated[list[str] | None, typer.Option(help="Signatures to accept; may be repeated.")] = None,
    userinfo: Annotated[bool, typer.Option(help="Ask for more attributes there.")] = False,
    provision: Annotated[bool, typer.Option(help="Make users of whom it vouches for.")] = False,
    username_from: Annotated[str, typer.Option(help="The attribute that the user name is made of.")] = "",
    first_name_from: Annotated[str, typer.Option()] = "",
    last_name_from: Annotated[str, typer.Option()] = "",
    email_from: Annotated[str, typer.Option()] = "",
    enabled: Annotated[bool, typer.Option(help="Sign people in with it at once.")] = False,
    database: Database = None,
    as_json: AsJson = False,
) -> None:
    """Set up an OpenID Connect provider."""
    if secret is not None and secret_stdin:
        fail("give the secret with --secret or with --secret-stdin, not both")
    given = sys.stdin.readline().rstrip("\r\n") if secret_stdin else secret
    settings: dict[str, object] = {
        "issuer": issuer,
        "client_id": client_id,
        "client_authentication": client_authentication.value,
        "userinfo": userinfo,
    }
    settings |= {name: value for name, value in {"scopes": scope, "algorithms": algorithm}.items() if value}
    provisioning = Provisioning(
        enabled=provision,
        username=username_from,
        first_name=first_name_from,
        last_name=last_name_from,
        email=email_from,
    )

    async def work(workgate: Workgate) -> dict[str, Any]:
        provider = await workgate.services.identity_providers.create(
            await environment_of(workgate, org, lane),
            ProviderKind.OIDC,
            name,
            settings,
            secret=given,
            enabled=enabled,
            provisioning=provisioning,
            by=OPERATOR,
        )
        return dict(to_builtins(show_provider(provider)))

    result = run(database, work)
    show(
        as_json, result, f"id {result['id']}\nits redirect URI: {result['callback_path']} at the organisation's address"
    )


@commands.command("list")
def list_providers(org: Org, lane: Lane = "my", database: Database = None, as_json: AsJson = False) -> None:
    """List an environment's identity providers."""

    async def work(workgate: Workgate) -> dict[str, Any]:
        environment = await environment_of(workgate, org, lane)
        rules = await workgate.services.sign_in.rules(environment, by=OPERATOR)
        found = await workgate.services.identity_providers.providers(environment, by=OPERATOR)
        return {"sso": rules.sso.value, "providers": [to_builtins(show_provider(provider)) for provider in found]}

    result = run(database, work)
    lines = [
        f"{row['id']}  {row['kind']}  {'on ' if row['enabled'] else 'off'}  {row['name']}"
        for row in result["providers"]
    ]
    show(as_json, result, "\n".join([f"SSO: {result['sso']}", *lines]))


@commands.command("show")
def show_one(
    provider_id: ProviderId, org: Org, lane: Lane = "my", database: Database = None, as_json: AsJson = False
) -> None:
    """Show an identity provider, but not its secret."""

    async def work(workgate: Workgate) -> dict[str, Any]:
        environment = await environment_of(workgate, org, lane)
        provider = await workgate.services.identity_providers.provider(environment, provider_id, by=OPERATOR)
        return dict(to_builtins(show_provider(provider)))

    result = run(database, work)
    show(as_json, result, "\n".join(f"{name}: {value}" for name, value in result.items()))


@commands.command("enable")
def enable(
    provider_id: ProviderId, org: Org, lane: Lane = "my", database: Database = None, as_json: AsJson = False
) -> None:
    """Sign people in with an identity provider from now on."""
    _switch(provider_id, org, lane, database, as_json, enabled=True)


@commands.command("disable")
def disable(
    provider_id: ProviderId, org: Org, lane: Lane = "my", database: Database = None, as_json: AsJson = False
) -> None:
    """Sign nobody in with an identity provider any more. Sessions live on."""
    _switch(provider_id, org, lane, database, as_json, enabled=False)


@commands.command("delete")
def delete(
    provider_id: ProviderId, org: Org, lane: Lane = "my", database: Database = None, as_json: AsJson = False
) -> None:
    """Delete an identity provider with its federation IDs. Users and their sessions stay."""

    async def work(workgate: Workgate) -> None:
        environment = await environment_of(workgate, org, lane)
        await workgate.services.identity_providers.delete(environment, provider_id, by=OPERATOR)

    run(database, work)
    show(as_json, {"id": provider_id, "deleted": True}, f"the identity provider {provider_id} is deleted")


@commands.command("use")
def use(
    mode: Annotated[SsoMode, typer.Argument(help="none, optional (or a password), only.")],
    org: Org,
    lane: Lane = "my",
    administrators_exempt: Annotated[
        bool | None, typer.Option(help="With 'only': administrators may use their passwords.")
    ] = None,
    database: Database = None,
    as_json: AsJson = False,
) -> None:
    """Say whether an environment's people sign in at identity providers. It opens what somebody locked, too."""

    async def work(workgate: Workgate) -> dict[str, Any]:
        environment = await environment_of(workgate, org, lane)
        exempt = UNSET if administrators_exempt is None else administrators_exempt
        rules = await workgate.services.sign_in.change(
            environment, RulesChanges(sso=mode, administrators_exempt=exempt), by=OPERATOR
        )
        return {"sso": rules.sso.value, "administrators_exempt": rules.administrators_exempt}

    result = run(database, work)
    show(as_json, result, f"SSO: {result['sso']}")


def federate(
    username: User,
    org: Org,
    provider: Provider,
    subject: Subject,
    lane: Lane = "my",
    database: Database = None,
    as_json: AsJson = False,
) -> None:
    """Let a person whom an identity provider vouches for sign in as this user."""

    async def work(workgate: Workgate) -> list[dict[str, Any]]:
        environment = await environment_of(workgate, org, lane)
        found = await workgate.services.identity_providers.provider(environment, provider, by=OPERATOR)
        user = await workgate.services.administration.user_named(environment, username)
        await workgate.services.federations.federate(environment, found, subject, user, by=OPERATOR)
        return await _federations(workgate, environment, username)

    show(as_json, {"username": username, "federations": run(database, work)}, f"{subject} signs in as {username}")


def unfederate(
    username: User,
    org: Org,
    provider: Provider,
    subject: Subject,
    lane: Lane = "my",
    database: Database = None,
    as_json: AsJson = False,
) -> None:
    """Take that back. Sessions live on."""

    async def work(workgate: Workgate) -> list[dict[str, Any]]:
        environment = await environment_of(workgate, org, lane)
        found = await workgate.services.identity_providers.provider(environment, provider, by=OPERATOR)
        user = await workgate.services.administration.user_named(environment, username)
        await workgate.services.federations.unfederate(environment, found, subject, user=user, by=OPERATOR)
        return await _federations(workgate, environment, username)

    show(as_json, {"username": username, "federations": run(database, work)}, f"{subject} signs in as nobody")


async def _federations(workgate: Workgate, environment: Environment, username: str) -> list[dict[str, Any]]:
    user = await workgate.services.administration.user_named(environment, username)
    found = await workgate.services.federations.of(environment, user, by=OPERATOR)
    return [dict(to_builtins(show_federation(federated))) for federated in found]


def _switch(provider_id: str, org: str, lane: str, database: str | None, as_json: bool, *, enabled: bool) -> None:
    async def work(workgate: Workgate) -> dict[str, Any]:
        environment = await environment_of(workgate, org, lane)
        changes = ProviderChanges(enabled=enabled)
        provider = await workgate.services.identity_providers.change(environment, provider_id, changes, by=OPERATOR)
        return dict(to_builtins(show_provider(provider)))

    result = run(database, work)
    show(as_json, result, f"{result['name']} is {'on' if enabled else 'off'}")
