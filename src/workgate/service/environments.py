"""Environments and their people: found by host, created and changed by administrators."""

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

from workgate.domain.accounts import LONGEST_USERNAME, Environment, User
from workgate.domain.hosts import (
    BadHost,
    CentralHost,
    DefaultEnvironment,
    NamedEnvironment,
    parse_host,
    usable_domain,
    valid_label,
)
from workgate.domain.ids import Clock, Entropy, EnvironmentId, Milliseconds, RowIds, new_object_id
from workgate.domain.ports import AlreadyExists, EnvironmentStore, UserStore
from workgate.domain.problems import Problem
from workgate.signin.password import LONGEST_PASSWORD, SHORTEST_PASSWORD, Passwords

_REMEMBERED_MILLISECONDS = 1000
_MOST_HOSTS = 10_000


@dataclass(frozen=True, slots=True)
class DefaultName:
    """Which environment plain hosts stand for; without one it is the oldest."""

    domain: str
    lane: str


class EnvironmentDirectory:
    """Finds the environment that a request's host names.

    Args:
        environments: where they are kept.
        clock: for how long an answer is remembered: one second.
        base_domains: the suffixes under which environments live.
        default: what plain hosts stand for.
    """

    def __init__(
        self,
        environments: EnvironmentStore,
        clock: Clock,
        *,
        base_domains: tuple[str, ...],
        default: DefaultName | None,
    ) -> None:
        self._environments = environments
        self._clock = clock
        self.base_domains = base_domains
        self._default = default
        self._remembered: dict[str, tuple[Milliseconds, Environment]] = {}

    async def by_host(self, host: str) -> Environment | None:
        """Give the environment of a ``Host`` header; None: there is none. Raises ``StoreUnavailable``."""
        now = self._clock.now()
        remembered = self._remembered.get(host)
        if remembered is not None and 0 <= now - remembered[0] < _REMEMBERED_MILLISECONDS:
            return remembered[1]
        environment = await self._look_up(host)
        if environment is not None:
            if len(self._remembered) >= _MOST_HOSTS:
                self._remembered.clear()
            self._remembered[host] = (now, environment)
        return environment

    def central_host(self, host: str) -> CentralHost | None:
        """Give the central host that a ``Host`` header names; None: it is none."""
        found = parse_host(host, self.base_domains)
        return found if isinstance(found, CentralHost) else None

    async def _look_up(self, host: str) -> Environment | None:
        match parse_host(host, self.base_domains):
            case BadHost() | CentralHost():
                return None
            case NamedEnvironment(domain, lane):
                return await self._environments.environment(domain, lane)
            case DefaultEnvironment():
                if self._default is None:
                    return await self._environments.oldest_environment()
                return await self._environments.environment(self._default.domain, self._default.lane)


class Administration:
    """What an administrator does to environments and users."""

    def __init__(
        self,
        *,
        environments: EnvironmentStore,
        users: UserStore,
        passwords: Passwords,
        ids: RowIds,
        clock: Clock,
        entropy: Entropy,
    ) -> None:
        self._environments = environments
        self._users = users
        self._passwords = passwords
        self._ids = ids
        self._clock = clock
        self._entropy = entropy

    async def create_environments(
        self,
        domain: str,
        lanes: Sequence[str],
        *,
        name: str,
        session_idle_seconds: int = 8 * 3600,
        session_absolute_seconds: int = 7 * 86400,
    ) -> Sequence[Environment]:
        """Create a domain's environments in these lanes.

        Raises:
            Problem: a name is not usable, or one of them exists.
        """
        for label, what in ((domain, "domain"), *((lane, "lane") for lane in lanes)):
            if not valid_label(label):
                raise Problem(f"{what} {label!r}: use lower-case letters, digits and '-', at most 63")
        if not usable_domain(domain):
            raise Problem(f"the domain {domain!r} is reserved: choose another one")
        if len(set(lanes)) != len(lanes):
            raise Problem("a lane is named twice")
        if not 60 <= session_idle_seconds <= session_absolute_seconds:
            raise Problem("sessions must last at least a minute, and their absolute lifetime no less than the idle one")
        taken = {environment.lane for environment in await self._environments.environments(domain)}
        for lane in lanes:
            if lane in taken:
                raise Problem(f"the environment {domain}.{lane} exists already")
        created = []
        for lane in lanes:
            now = self._clock.now()
            environment = Environment(
                environment_id=EnvironmentId(self._ids.next(now)),
                customer_id=new_object_id(now, self._entropy),
                domain=domain,
                lane=lane,
                name=name.strip() or domain,
                session_idle_seconds=session_idle_seconds,
                session_absolute_seconds=session_absolute_seconds,
            )
            try:
                await self._environments.create_environment(environment, now)
            except AlreadyExists:
                raise Problem(f"the environment {domain}.{lane} exists already") from None
            created.append(environment)
        return created

    async def environment(self, domain: str, lane: str) -> Environment:
        """Give an environment.

        Raises:
            Problem: there is none of that name.
        """
        environment = await self._environments.environment(domain, lane)
        if environment is None:
            raise Problem(
                f"there is no environment {domain}.{lane}: create it with 'workgate org create {domain} --lane {lane}'"
            )
        return environment

    async def create_user(
        self,
        environment: Environment,
        username: str,
        *,
        password: str,
        first_name: str = "",
        last_name: str = "",
        email: str = "",
        is_admin: bool = False,
    ) -> User:
        """Create a user.

        Raises:
            Problem: the user name or password is not usable, or the name is taken.
        """
        username = username.strip()
        if not 1 <= len(username) <= LONGEST_USERNAME or any(unicodedata.category(c).startswith("C") for c in username):
            raise Problem(f"the user name must have 1 to {LONGEST_USERNAME} characters and no control characters")
        now = self._clock.now()
        user = User(
            environment_id=environment.environment_id,
            user_id=new_object_id(now, self._entropy),
            username=username,
            first_name=first_name,
            last_name=last_name,
            email=email,
            is_admin=is_admin,
            is_active=True,
            session_epoch=0,
        )
        try:
            await self._users.create_user(user, await self._hashed(password), now)
        except AlreadyExists:
            name = f"{environment.domain}.{environment.lane}"
            raise Problem(f"a user named {username!r} exists in {name} already") from None
        return user

    async def set_active(self, environment: Environment, username: str, *, active: bool) -> None:
        """Disable or enable a user; every session of the user ends.

        Raises:
            Problem: nobody has that name.
        """
        if not await self._users.set_active(environment.environment_id, username, active=active):
            raise _nobody(username)

    async def user_named(self, environment: Environment, username: str) -> User:
        """Give a user by name.

        Raises:
            Problem: nobody has that name.
        """
        record = await self._users.account_named(environment.environment_id, username)
        if record is None:
            raise _nobody(username)
        return record.user

    async def _hashed(self, password: str) -> str:
        if not SHORTEST_PASSWORD <= len(password) <= LONGEST_PASSWORD:
            raise Problem(f"the password must have {SHORTEST_PASSWORD} to {LONGEST_PASSWORD} characters")
        return await self._passwords.hash(password)


def _nobody(username: str) -> Problem:
    return Problem(f"nobody in this environment has the user name {username!r}")
