"""The command line's commands, put together. Each is loaded when it is asked for, and all of them for the help."""

import contextlib
import gc
from collections.abc import Callable, Iterator, Mapping
from typing import Annotated, Any

import typer
from typer.core import TyperGroup
from typer.main import get_command

from workgate import __version__


def _serve() -> typer.Typer:
    from workgate.cli.serve import serve

    return _single("serve", serve)


def _migrate() -> typer.Typer:
    from workgate.cli.database_commands import migrate

    return _single("migrate", migrate)


def _copy() -> typer.Typer:
    from workgate.cli.database_commands import copy

    return _single("copy", copy)


def _demo() -> typer.Typer:
    from workgate.cli.demo import demo

    return _single("demo", demo)


def _org() -> typer.Typer:
    from workgate.cli import org_commands, rules_commands

    rules = "How people sign in to an environment."
    org_commands.commands.add_typer(rules_commands.commands, name="rules", help=rules)
    return _group(org_commands.commands, "Organisations: a domain with its lanes.")


def _user() -> typer.Typer:
    from workgate.cli import people_commands, sso_commands, user_commands

    commands = user_commands.commands
    commands.add_typer(people_commands.commands)  # without a name: its commands are those of ``user``, too
    commands.command("federate")(sso_commands.federate)
    commands.command("unfederate")(sso_commands.unfederate)
    return _group(commands, "The people of an environment.")


def _app() -> typer.Typer:
    from workgate.cli import app_central_commands, app_commands, app_credential_commands

    commands = app_commands.commands
    secrets, keys = app_credential_commands.secret_commands, app_credential_commands.key_commands
    commands.add_typer(secrets, name="secret", help="Client secrets of an application.")
    commands.add_typer(keys, name="key", help="Public keys of a machine-to-machine application.")
    for command in (
        app_central_commands.central,
        app_central_commands.available,
        app_central_commands.install,
        app_central_commands.uninstall,
    ):
        commands.command()(command)
    return _group(commands, "OAuth2 applications.")


def _sso() -> typer.Typer:
    from workgate.cli.sso_commands import commands

    return _group(commands, "Identity providers, at which people sign in.")


def _keys() -> typer.Typer:
    from workgate.cli.key_commands import keys

    return _group(keys, "The key ring, under which all tokens are made.")


def _epoch() -> typer.Typer:
    from workgate.cli.key_commands import epoch

    return _group(epoch, "The installation's epoch.")


def _audit() -> typer.Typer:
    from workgate.cli.audit_commands import commands

    return _group(commands, "What happened, and what a reference stands for.")


_LOAD: Mapping[str, Callable[[], typer.Typer]] = {
    "serve": _serve,
    "migrate": _migrate,
    "copy": _copy,
    "demo": _demo,
    "org": _org,
    "user": _user,
    "app": _app,
    "sso": _sso,
    "keys": _keys,
    "epoch": _epoch,
    "audit": _audit,
}


def _single(name: str, function: Callable[..., None]) -> typer.Typer:
    made = typer.Typer(add_completion=False, rich_markup_mode=None)
    made.command(name)(function)
    return made


def _group(commands: typer.Typer, text: str) -> typer.Typer:
    """The same for a group: what it says of itself, and that its first line is help where no command is named."""
    made = typer.Typer(add_completion=False, rich_markup_mode=None, no_args_is_help=True, help=text)
    made.callback()(lambda: None)
    made.add_typer(commands)
    return made


@contextlib.contextmanager
def _collector_at_rest() -> Iterator[None]:
    """Hardly anything that loading makes is garbage: looking for some among it would take an eighth of the start."""
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()  # what was loaded stays: it need not be walked again and again
        gc.enable()


class _Commands(Mapping[str, Any]):
    """The program's commands by name, each loaded once."""

    def __init__(self) -> None:
        self._loaded: dict[str, Any] = {}

    def __getitem__(self, name: str) -> Any:  # noqa: ANN401 - a command of the library's, whose class it keeps to itself
        if name not in self._loaded:
            with _collector_at_rest():
                self._loaded[name] = get_command(_LOAD[name]())
        return self._loaded[name]

    def __iter__(self) -> Iterator[str]:
        return iter(_LOAD)

    def __len__(self) -> int:
        return len(_LOAD)


class _Program(TyperGroup):
    """The program itself."""

    def __init__(self, **given: Any) -> None:  # noqa: ANN401 - they are passed on
        super().__init__(**{**given, "commands": {}})
        self.commands = _Commands()  # type: ignore[assignment]  # nobody adds to them


cli = typer.Typer(
    name="workgate",
    help="Workgate: Workfront's OAuth2 applications, sessions and API, to run yourself.",
    cls=_Program,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)


def _show_version(asked: bool) -> None:
    if asked:
        print(f"workgate {__version__}")
        raise typer.Exit


@cli.callback()
def program(
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Take the options that belong to no command."""
    del version
