"""Who and what stands behind the IDs that the audit log and connections keep, so that pages can say names."""

import asyncio
import re
from collections.abc import Iterable, Mapping

from workgate.domain.accounts import LONGEST_USERNAME, Environment, User
from workgate.domain.ids import ObjectId
from workgate.domain.oauth import Application
from workgate.domain.ports import ApplicationStore, UserStore

_USER_ID = re.compile(r"[0-9a-f]{32}")


class Naming:
    """Names of one environment's users and applications. It decides nothing about who may know them."""

    def __init__(self, *, users: UserStore, applications: ApplicationStore) -> None:
        self._users = users
        self._applications = applications

    async def user(self, environment: Environment, user_id: str) -> User | None:
        """Give the user of this environment with this ID; None: there is none."""
        if not _USER_ID.fullmatch(user_id):
            return None
        return await self._users.user(environment.environment_id, ObjectId(user_id))

    async def users(self, environment: Environment, user_ids: Iterable[str | None]) -> Mapping[str, User]:
        """Give the users with these IDs, by ID; those that are not there are left out."""
        wanted = sorted({user_id for user_id in user_ids if user_id is not None})
        found = await asyncio.gather(*(self.user(environment, user_id) for user_id in wanted))
        return {user.user_id: user for user in found if user is not None}

    async def user_named(self, environment: Environment, text: str) -> User | None:
        """Give the user with this user name, or else with this ID; None: there is none."""
        text = text.strip()
        if not 0 < len(text) <= LONGEST_USERNAME:
            return None
        record = await self._users.account_named(environment.environment_id, text)
        return await self.user(environment, text.lower()) if record is None else record.user

    async def applications(self, environment: Environment) -> Mapping[str, Application]:
        """Give the applications that there are, by client_id; what was deleted has no name any more."""
        own = await self._applications.applications(environment.environment_id)
        installed = await self._applications.installed(environment.environment_id)
        return {found.client_id: found for found in (*own, *installed)}
