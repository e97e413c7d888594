"""Runs Alembic's revisions on an embedded database."""

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.util import CommandError
from sqlalchemy import create_engine

from workgate.domain.ids import Milliseconds
from workgate.domain.ports import StoreUnavailable

MIGRATIONS = Path(__file__).parent / "migrations"


def upgrade(path: Path, now: Milliseconds) -> None:
    """Run every revision that the database lacks.

    Raises:
        StoreUnavailable: the database is at a revision that this release does not know.
    """
    engine = create_engine(f"sqlite:///{path}")
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    try:
        with engine.connect() as connection:
            config.attributes["connection"] = connection
            config.attributes["now"] = now
            command.upgrade(config, "head")
    except CommandError as error:
        raise StoreUnavailable(f"the database {path} was written by another version of Workgate: {error}") from error
    finally:
        engine.dispose()
