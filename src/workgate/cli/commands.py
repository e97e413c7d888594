"""The command line's commands, put together."""

import typer

from workgate.cli import (
    app_central_commands,
    app_commands,
    app_credential_commands,
    audit_commands,
    database_commands,
    key_commands,
    org_commands,
    people_commands,
    rules_commands,
    serve,
    sso_commands,
    user_commands,
)
from workgate.cli.demo import demo

cli = typer.Typer(
    name="workgate",
    help="Workgate: Workfront's OAuth2 applications, sessions and API, to run yourself.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
cli.add_typer(org_commands.commands, name="org", help="Organisations: a domain with its lanes.")
org_commands.commands.add_typer(rules_commands.commands, name="rules", help="How people sign in to an environment.")
user_commands.commands.add_typer(people_commands.commands)  # without a name: its commands are those of ``user``, too
cli.add_typer(user_commands.commands, name="user", help="The people of an environment.")
cli.add_typer(app_commands.commands, name="app", help="OAuth2 applications.")
app_commands.commands.add_typer(
    app_credential_commands.secret_commands, name="secret", help="Client secrets of an application."
)
app_commands.commands.add_typer(
    app_credential_commands.key_commands, name="key", help="Public keys of a machine-to-machine application."
)
cli.add_typer(sso_commands.commands, name="sso", help="Identity providers, at which people sign in.")
user_commands.commands.command("federate")(sso_commands.federate)
user_commands.commands.command("unfederate")(sso_commands.unfederate)
for command in (
    app_central_commands.central,
    app_central_commands.available,
    app_central_commands.install,
    app_central_commands.uninstall,
):
    app_commands.commands.command()(command)
cli.add_typer(key_commands.keys, name="keys", help="The key ring, under which all tokens are made.")
cli.add_typer(key_commands.epoch, name="epoch", help="The installation's epoch.")
cli.add_typer(audit_commands.commands, name="audit", help="What happened, and what a reference stands for.")
cli.command("serve")(serve.serve)
cli.command("migrate")(database_commands.migrate)
cli.command("copy")(database_commands.copy)
cli.command("demo")(demo)
