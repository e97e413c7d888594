"""Everything an operator can set: from ``workgate.toml`` and from the environment (``WORKGATE_…``).

The environment wins over the file. Only the composition root and the command line read this.
"""

import os
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

_PREFIX = "WORKGATE_"
_LISTS = frozenset({"base_domains", "trusted_proxies"})


class Settings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The settings with their defaults; durations in the unit that the name says."""

    database_url: Annotated[str, Meta(description="sqlite:///path of the database, or postgresql://user@host/name")] = (
        "sqlite:///workgate.db"
    )
    keys: Annotated[
        str | None, Meta(description="the key ring's text, or file:PATH; by default a file by the database")
    ] = None
    base_domains: Annotated[tuple[str, ...], Meta(description="suffixes of environments' hosts, by commas")] = (
        "localhost",
    )
    default_environment: Annotated[str | None, Meta(description="domain.lane that plain hosts stand for")] = None
    trusted_proxies: Annotated[
        tuple[str, ...], Meta(description="addresses whose forwarded headers are believed, by commas")
    ] = ()
    error_style: Annotated[Literal["rfc", "workfront"], Meta(description="text or boolean in token errors")] = "rfc"
    refresh_retry_seconds: Annotated[
        int, Meta(ge=0, le=300, description="how long a lost answer may be fetched again")
    ] = 30
    session_overlap_seconds: Annotated[
        int, Meta(ge=0, le=600, description="life of an old session after a rotation")
    ] = 60
    lock_tries: Annotated[int, Meta(ge=1, le=100, description="wrong passwords in a row that lock an account")] = 5
    lock_minutes: Annotated[int, Meta(ge=1, le=1440, description="how long it stays locked")] = 10
    sign_in_failures_per_address: Annotated[int, Meta(ge=1, description="failed sign-ins a minute from an address")] = (
        30
    )
    sign_in_failures_per_account: Annotated[int, Meta(ge=1, description="failed sign-ins a minute for a user name")] = (
        20
    )
    client_failures: Annotated[int, Meta(ge=1, description="refused requests a minute of a client at an address")] = 120
    applications_per_environment: Annotated[int, Meta(ge=1, description="how many may be registered")] = 10
    audit_days: Annotated[int, Meta(ge=1, description="how long audit records are kept")] = 90
    smtp_url: Annotated[
        str | None, Meta(description="smtp://user:password@host:587 (STARTTLS) or smtps://…, through which mail goes")
    ] = None
    mail_folder: Annotated[str | None, Meta(description="a folder where mail lands, instead of being sent")] = None
    mail_from: Annotated[str, Meta(description="the sender of mail")] = "Workgate <workgate@localhost>"
    mail_origin: Annotated[
        str | None, Meta(description="what links in mail begin with, as https://{domain}.{lane}.acme.example")
    ] = None
    sso_private_addresses: Annotated[
        bool, Meta(description="whether identity providers may be at http:// or in a private network")
    ] = False
    drain_seconds: Annotated[
        int, Meta(ge=0, le=600, description="how long a node that was told to stop goes on serving")
    ] = 0
    debug: Annotated[bool, Meta(description="log details; never secrets")] = False

    @property
    def embedded_path(self) -> Path | None:
        """The embedded database's file; None: the address is PostgreSQL's.

        Raises:
            ValueError: the address names neither.
        """
        scheme, separator, path = self.database_url.partition("://")
        if separator and scheme in {"postgresql", "postgres"}:
            return None
        if scheme != "sqlite" or not path.startswith("/") or path == "/":
            raise ValueError(
                "the database address is not one: use sqlite:///path/of/workgate.db or postgresql://user@host/database"
            )
        return Path(path[1:])


def load_settings(
    environ: Mapping[str, str] = os.environ,
    **arguments: Any,  # noqa: ANN401 - any setting, which is then checked
) -> Settings:
    """Put the settings together: arguments win over the environment, and that over the file.

    Raises:
        ValueError: a setting is unknown or has a value that it cannot have; the message names it.
        OSError: the file that ``WORKGATE_CONFIG`` names cannot be read.
    """
    values = {**_of_file(environ), **_of_environment(environ), **arguments}
    try:
        return msgspec.convert(values, Settings, strict=False)
    except msgspec.ValidationError as error:
        raise ValueError(f"settings: {error}") from None


def _of_file(environ: Mapping[str, str]) -> dict[str, Any]:
    named = environ.get(_PREFIX + "CONFIG")
    file = Path(named or "workgate.toml")
    if named is None and not file.exists():
        return {}
    try:
        return tomllib.loads(file.read_text())
    except tomllib.TOMLDecodeError as error:
        raise ValueError(f"{file}: {error}") from error


def _of_environment(environ: Mapping[str, str]) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for name in Settings.__struct_fields__:
        text = environ.get(_PREFIX + name.upper())
        if text is not None:
            values[name] = [part.strip() for part in text.split(",") if part.strip()] if name in _LISTS else text
    return values
