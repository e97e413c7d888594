"""Registering applications: what an administrator may enter, and the secrets that are shown once."""

import base64
from collections.abc import Sequence
from dataclasses import dataclass, field

from workgate.domain.accounts import Environment
from workgate.domain.ids import Clock, Entropy, RowIds, new_client_id
from workgate.domain.oauth import Application, ApplicationType, ClientSecret, ConsentPolicy
from workgate.domain.ports import ApplicationStore
from workgate.domain.problems import Problem
from workgate.oauth.client_auth import secret_digest
from workgate.oauth.redirects import registration_problem

LONGEST_NOTE = 64
LARGEST_LOGO = 256 * 1024
_LONGEST_NAME = 100
_LOGO_TYPES = ((b"\x89PNG\r\n\x1a\n", "image/png"), (b"\xff\xd8\xff", "image/jpeg"))


@dataclass(frozen=True, slots=True, kw_only=True)
class NewApplication:
    """What an administrator enters. Durations are whole seconds; None is without end."""

    name: str
    type: ApplicationType
    redirect_uris: Sequence[str] = ()
    rotate_refresh_tokens: bool = True
    refresh_absolute_seconds: int | None = None
    refresh_inactivity_seconds: int | None = None
    code_seconds: int = 120
    consent: ConsentPolicy = ConsentPolicy.ALWAYS
    description: str = ""
    description_url: str = ""
    developer_name: str = ""
    developer_email: str = ""
    privacy_url: str = ""
    logo: bytes | None = None


@dataclass(frozen=True, slots=True)
class Registered:
    """A new application, and its secret in readable form: the one time it is shown."""

    application: Application
    client_secret: str | None = field(repr=False)


class Registry:
    """The applications of environments.

    Args:
        at_most: how many applications an environment may have.
    """

    def __init__(
        self, *, applications: ApplicationStore, ids: RowIds, clock: Clock, entropy: Entropy, at_most: int
    ) -> None:
        self._applications = applications
        self._ids = ids
        self._clock = clock
        self._entropy = entropy
        self._at_most = at_most

    async def register(self, environment: Environment, new: NewApplication) -> Registered:
        """Create an application.

        Raises:
            Problem: a field is not usable, or the environment is full.
        """
        _check(new)
        now = self._clock.now()
        has_secret = new.type is not ApplicationType.SPA
        secret, client_secret = self._new_secret("") if has_secret else (None, None)
        application = Application(
            environment_id=environment.environment_id,
            client_id=new_client_id(self._entropy),
            name=new.name.strip(),
            type=new.type,
            redirect_uris=tuple(new.redirect_uris),
            rotate_refresh_tokens=new.rotate_refresh_tokens,
            refresh_absolute_seconds=new.refresh_absolute_seconds,
            refresh_inactivity_seconds=new.refresh_inactivity_seconds,
            code_seconds=new.code_seconds,
            consent=new.consent,
            description=new.description,
            description_url=new.description_url,
            developer_name=new.developer_name,
            developer_email=new.developer_email,
            privacy_url=new.privacy_url,
            has_logo=new.logo is not None,
            created_at=now,
            secrets=() if secret is None else (secret,),
        )
        logo = None if new.logo is None else (_logo_type(new.logo), new.logo)
        if not await self._applications.create_application(application, logo, at_most=self._at_most):
            raise Problem(
                f"{environment.domain}.{environment.lane} has {self._at_most} applications, which is the most: "
                "delete one first"
            )
        return Registered(application, client_secret)

    async def applications(self, environment: Environment) -> Sequence[Application]:
        """List an environment's applications, oldest first."""
        return await self._applications.applications(environment.environment_id)

    async def application(self, environment: Environment, client_id: str) -> Application:
        """Give one.

        Raises:
            Problem: there is none with this client_id in this environment.
        """
        application = await self._applications.application(environment.environment_id, client_id)
        if application is None:
            raise _unknown(environment, client_id)
        return application

    async def delete(self, environment: Environment, client_id: str) -> None:
        """Delete one: its codes, tokens and sessions are worth nothing from the next call on.

        Raises:
            Problem: there is none with this client_id in this environment.
        """
        if not await self._applications.delete_application(environment.environment_id, client_id):
            raise _unknown(environment, client_id)

    async def add_secret(self, environment: Environment, client_id: str, note: str) -> tuple[ClientSecret, str]:
        """Add a client secret; gives it in readable form, this once.

        Raises:
            Problem: no such application, one without secrets, or the note is too long.
        """
        application = await self.application(environment, client_id)
        if application.is_public:
            raise Problem(f"{application.name} is a single page application: it never has a secret")
        if len(note) > LONGEST_NOTE:
            raise Problem(f"the note has {len(note)} characters; {LONGEST_NOTE} are the most")
        secret, client_secret = self._new_secret(note)
        if not await self._applications.add_secret(environment.environment_id, client_id, secret):
            raise _unknown(environment, client_id)
        return secret, client_secret

    async def delete_secret(self, environment: Environment, client_id: str, secret_id: str) -> None:
        """Delete a client secret; tokens that it fetched live on until they expire.

        Raises:
            Problem: there is no such secret.
        """
        application = await self.application(environment, client_id)
        for secret in application.secrets:
            if str(secret.secret_id) == secret_id and await self._applications.delete_secret(
                environment.environment_id, client_id, secret.secret_id
            ):
                return
        raise Problem(f"{application.name} has no secret with the id {secret_id!r}")

    def _new_secret(self, note: str) -> tuple[ClientSecret, str]:
        client_secret = base64.urlsafe_b64encode(self._entropy(32)).rstrip(b"=").decode()
        now = self._clock.now()
        digest = secret_digest(client_secret)
        return ClientSecret(self._ids.next(now), digest, client_secret[-4:], note, now, None), client_secret


def _check(new: NewApplication) -> None:
    name = new.name.strip()
    if not name or len(name) > _LONGEST_NAME or not name.isprintable():
        raise Problem(f"the name must have 1 to {_LONGEST_NAME} characters and no control characters")
    if new.type is ApplicationType.MACHINE:
        if new.redirect_uris:
            raise Problem("a machine-to-machine application has no redirect URLs")
    elif not new.redirect_uris:
        raise Problem("name at least one redirect URL: codes are sent nowhere else")
    for uri in new.redirect_uris:
        problem = registration_problem(uri)
        if problem is not None:
            raise Problem(f"redirect URL {uri!r}: {problem}")
    if new.code_seconds not in {60, 120}:
        raise Problem("codes live 120 seconds, or 60 if the application asks for it")
    for seconds, what in (
        (new.refresh_absolute_seconds, "absolute"),
        (new.refresh_inactivity_seconds, "inactivity"),
    ):
        if seconds is not None and not 1 <= seconds <= 2**31 - 1:
            raise Problem(f"the {what} expiry must be at least one second, or 'never'")
    for address in (new.description_url, new.privacy_url):
        if address and not address.startswith(("https://", "http://")):
            raise Problem(f"{address!r} is not a web address: begin with https://")
    if new.logo is not None:
        _logo_type(new.logo)


def _logo_type(logo: bytes) -> str:
    if len(logo) > LARGEST_LOGO:
        raise Problem(f"the logo has {len(logo)} bytes; {LARGEST_LOGO} are the most")
    for magic, media_type in _LOGO_TYPES:
        if logo.startswith(magic):
            return media_type
    if logo[:4] == b"RIFF" and logo[8:12] == b"WEBP":
        return "image/webp"
    raise Problem("the logo must be a PNG, JPEG or WebP image")


def _unknown(environment: Environment, client_id: str) -> Problem:
    where = f"{environment.domain}.{environment.lane}"
    return Problem(f"{where} has no application with the client_id {client_id!r}: 'workgate app list' names them")
