"""Everything an operator can set: from ``workgate.toml`` and from the environment (``WORKGATE_…``).

The environment wins over the file. Only the composition root and the command line read this.
"""

import os
from pathlib import Path
from typing import Literal

from pydantic import Field
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

DEFAULT_DATABASE = "sqlite:///workgate.db"


class Settings(BaseSettings):
    """The settings with their defaults; durations in the unit that the name says."""

    model_config = SettingsConfigDict(env_prefix="WORKGATE_", extra="forbid", frozen=True)

    database_url: str = Field(default=DEFAULT_DATABASE, description="sqlite:///path of the database")
    keys: str | None = Field(
        default=None, description="the key ring's text, or file:PATH; by default a file by the database"
    )
    base_domains: tuple[str, ...] = Field(default=("localhost",), description="suffixes of environments' hosts")
    default_environment: str | None = Field(default=None, description="domain.lane that plain hosts stand for")
    trusted_proxies: tuple[str, ...] = Field(default=(), description="addresses whose forwarded headers are believed")
    error_style: Literal["rfc", "workfront"] = Field(default="rfc", description="text or boolean in token errors")
    refresh_retry_seconds: int = Field(
        default=30, ge=0, le=300, description="how long a lost answer may be fetched again"
    )
    session_overlap_seconds: int = Field(
        default=60, ge=0, le=600, description="life of an old session after a rotation"
    )
    lock_tries: int = Field(default=5, ge=1, le=100, description="wrong passwords in a row that lock an account")
    lock_minutes: int = Field(default=10, ge=1, le=1440, description="how long it stays locked")
    sign_in_failures_per_address: int = Field(default=30, ge=1, description="failed sign-ins a minute from an address")
    sign_in_failures_per_account: int = Field(default=20, ge=1, description="failed sign-ins a minute for a user name")
    client_failures: int = Field(default=120, ge=1, description="refused requests a minute of a client at an address")
    applications_per_environment: int = Field(default=10, ge=1, description="how many may be registered")
    audit_days: int = Field(default=90, ge=1, description="how long audit records are kept")
    debug: bool = Field(default=False, description="log details; never secrets")

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Read arguments first, then the environment, then the file."""
        del dotenv_settings, file_secret_settings
        file = Path(os.environ.get("WORKGATE_CONFIG", "workgate.toml"))
        return init_settings, env_settings, TomlConfigSettingsSource(settings_cls, file)

    @property
    def database_path(self) -> Path:
        """The embedded database's file.

        Raises:
            ValueError: the address names no embedded database.
        """
        scheme, separator, path = self.database_url.partition(":///")
        if scheme != "sqlite" or not separator or not path:
            raise ValueError(f"{self.database_url!r} is not a database address: use sqlite:///path/of/workgate.db")
        return Path(path)
