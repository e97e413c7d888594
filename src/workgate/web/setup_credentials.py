"""Setup pages of an application's client secrets and public keys. What opens something is shown once, then gone."""

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import Response

from workgate.domain.ids import Clock
from workgate.domain.oauth import Application, ApplicationKey, ApplicationType, ClientSecret, safe_to_delete
from workgate.domain.ports import UserStore
from workgate.domain.problems import NotFound, Problem
from workgate.domain.texts import N_, Text
from workgate.service.application_keys import MOST_KEYS, ApplicationKeys
from workgate.service.applications import MOST_SECRETS, Registry
from workgate.service.definitions import LONGEST_NOTE
from workgate.web.entrance import Administrator
from workgate.web.multipart import posted_form
from workgate.web.pages import redirect
from workgate.web.setup_page import TOO_OLD, SetupPages, application_path, seen, setup_context

_CHANGED = N_(
    "What is listed here has changed since the page was opened, perhaps by sending it twice. Nothing was added just "
    "now: press the button again if you want one more."
)


class SecretPages:
    """The client secrets of an application that may have some."""

    def __init__(self, *, setup: SetupPages, registry: Registry, clock: Clock) -> None:
        self._setup = setup
        self._registry = registry
        self._clock = clock

    async def show(self, request: Request, admin: Administrator) -> Response:
        """List them."""
        return self._page(request, admin, await self._application(request, admin))

    async def add(self, request: Request, admin: Administrator) -> Response:
        """Add one and show it, this once."""
        application = await self._application(request, admin)
        form = await self._setup.fields(request, admin, "note", "seen")
        if form is None:
            return self._page(request, admin, application, problem=TOO_OLD, status=403)
        note = form.get("note", "").strip()
        if form.get("seen", "") != _seen_secrets(application):
            return self._page(request, admin, application, note=note, problem=_CHANGED, status=409)
        try:
            _, client_secret = await self._registry.add_secret(
                admin.environment, application.client_id, note, by=admin.acting
            )
        except NotFound:
            raise
        except Problem as problem:
            return self._page(request, admin, application, note=note, problem=problem, status=422)
        context = {
            "application": setup_context(application),
            "client_secret": client_secret,
            "lane": None,
            "new_application": False,
        }
        here = application_path(application.client_id, "secrets")
        return self._setup.page(request, admin, "setup_secret_shown.html", context, here=here)

    async def note(self, request: Request, admin: Administrator) -> Response:
        """Give a secret another note."""
        application = await self._application(request, admin)
        secret = _secret(request, application)
        form = await self._setup.fields(request, admin, "note")
        if form is None:
            return self._page(request, admin, application, problem=TOO_OLD, status=403)
        note = form.get("note", "").strip()
        try:
            await self._registry.note_secret(
                admin.environment, application.client_id, str(secret.secret_id), note, by=admin.acting
            )
        except NotFound:
            raise
        except Problem as problem:
            wrong = (str(secret.secret_id), note, problem.text)
            return self._page(request, admin, application, wrong_note=wrong, status=422)
        return redirect(f"{application_path(application.client_id, 'secrets')}?done=noted", after_post=True)

    async def ask_to_delete(self, request: Request, admin: Administrator) -> Response:
        """Say what a secret was used for last, and ask."""
        application = await self._application(request, admin)
        return self._question(request, admin, application, _secret(request, application))

    async def delete(self, request: Request, admin: Administrator) -> Response:
        """Delete a secret."""
        application = await self._application(request, admin)
        secret = _secret(request, application)
        if await self._setup.fields(request, admin) is None:
            return self._question(request, admin, application, secret, problem=TOO_OLD, status=403)
        await self._registry.delete_secret(
            admin.environment, application.client_id, str(secret.secret_id), by=admin.acting
        )
        return redirect(f"{application_path(application.client_id, 'secrets')}?done=secret-deleted", after_post=True)

    async def _application(self, request: Request, admin: Administrator) -> Application:
        client_id = request.path_params["client_id"]
        application = await self._registry.application(admin.environment, client_id, by=admin.acting)
        if application.is_public:
            raise NotFound("a single page application never has a secret")
        return application

    def _page(
        self,
        request: Request,
        admin: Administrator,
        application: Application,
        *,
        note: str = "",
        wrong_note: tuple[str, str, Text] | None = None,
        problem: Problem | Text | None = None,
        status: int = HTTPStatus.OK,
    ) -> Response:
        context = {
            "application": setup_context(application),
            "secrets": [self._shown(secret, application) for secret in reversed(application.secrets)],
            "most": MOST_SECRETS,
            "longest_note": LONGEST_NOTE,
            "note": note,
            "wrong_note": wrong_note,
            "seen": _seen_secrets(application),
        }
        here = application_path(application.client_id, "secrets")
        return self._setup.page(
            request, admin, "setup_secrets.html", context, here=here, problem=problem, status=status
        )

    def _question(
        self,
        request: Request,
        admin: Administrator,
        application: Application,
        secret: ClientSecret,
        *,
        problem: Text | None = None,
        status: int = HTTPStatus.OK,
    ) -> Response:
        context = {
            "application": setup_context(application),
            "secret": self._shown(secret, application),
            "only": len(application.secrets) == 1,
        }
        here = application_path(application.client_id, "secrets", str(secret.secret_id), "delete")
        return self._setup.page(
            request, admin, "setup_secret_delete.html", context, here=here, problem=problem, status=status
        )

    def _shown(self, secret: ClientSecret, application: Application) -> dict[str, object]:
        return {
            "id": str(secret.secret_id),
            "last_four": secret.last_four,
            "note": secret.note,
            "created_at": secret.created_at,
            "last_used_at": secret.last_used_at,
            "safe_to_delete": safe_to_delete(secret, application.secrets, self._clock.now()),
            "path": application_path(application.client_id, "secrets", str(secret.secret_id)),
        }


class KeyPages:
    """The public keys of a machine-to-machine application."""

    def __init__(self, *, setup: SetupPages, registry: Registry, keys: ApplicationKeys, users: UserStore) -> None:
        self._setup = setup
        self._registry = registry
        self._keys = keys
        self._users = users

    async def show(self, request: Request, admin: Administrator) -> Response:
        """List them, with what adds one."""
        return await self._page(request, admin, await self._application(request, admin))

    async def add(self, request: Request, admin: Administrator) -> Response:
        """Add a key that was pasted or uploaded."""
        application = await self._application(request, admin)
        posted = await posted_form(
            request, texts=frozenset({"csrf", "note", "public_key"}), files=frozenset({"key_file"})
        )
        if posted is None:
            return self._setup.too_large(request, admin)
        typed = {name: posted.texts.get(name, "").strip() for name in ("note", "public_key")}
        if not self._setup.is_own(posted.texts, admin):
            return await self._page(request, admin, application, typed=typed, problem=TOO_OLD, status=403)
        pem = typed["public_key"]
        try:
            if "key_file" in posted.files:
                if pem:
                    raise Problem("paste a key or choose a file, not both", field="public_key")
                pem = posted.files["key_file"].decode("latin-1")
            await self._keys.add(admin.environment, application.client_id, pem, note=typed["note"], by=admin.acting)
        except NotFound:
            raise
        except Problem as problem:
            # A private key that was pasted must not be written into the page again.
            typed["public_key"] = "" if "PRIVATE" in pem else typed["public_key"]
            return await self._page(request, admin, application, typed=typed, problem=problem, status=422)
        return redirect(f"{application_path(application.client_id, 'keys')}?done=key-added", after_post=True)

    async def generate(self, request: Request, admin: Administrator) -> Response:
        """Make a pair, and give the private half, this once."""
        application = await self._application(request, admin)
        form = await self._setup.fields(request, admin, "note", "seen")
        if form is None:
            return await self._page(request, admin, application, problem=TOO_OLD, status=403)
        keys = await self._keys.keys(admin.environment, application.client_id, by=admin.acting)
        if form.get("seen", "") != _seen_keys(keys):
            return await self._page(request, admin, application, problem=_CHANGED, status=409)
        try:
            made = await self._keys.generate(
                admin.environment, application.client_id, note=form.get("note", "").strip(), by=admin.acting
            )
        except NotFound:
            raise
        except Problem as problem:
            return await self._page(request, admin, application, problem=problem.text, status=422)
        context = {
            "application": setup_context(application),
            "key": await self._shown(made.key, admin),
            "private_key": made.private_key,
            "download": f"data:application/x-pem-file;charset=us-ascii,{quote(made.private_key)}",
            "customer_id": admin.environment.customer_id,
        }
        here = application_path(application.client_id, "keys")
        return self._setup.page(request, admin, "setup_key_shown.html", context, here=here)

    async def ask_to_delete(self, request: Request, admin: Administrator) -> Response:
        """Say what a key was used for last, and ask."""
        application = await self._application(request, admin)
        return await self._question(request, admin, application)

    async def delete(self, request: Request, admin: Administrator) -> Response:
        """Delete a key."""
        application = await self._application(request, admin)
        if await self._setup.fields(request, admin) is None:
            return await self._question(request, admin, application, problem=TOO_OLD, status=403)
        key_id = request.path_params["key_id"]
        await self._keys.delete(admin.environment, application.client_id, key_id, by=admin.acting)
        return redirect(f"{application_path(application.client_id, 'keys')}?done=key-deleted", after_post=True)

    async def _application(self, request: Request, admin: Administrator) -> Application:
        client_id = request.path_params["client_id"]
        application = await self._registry.application(admin.environment, client_id, by=admin.acting)
        if application.type is not ApplicationType.MACHINE:
            raise NotFound("only machine-to-machine applications have keys")
        return application

    async def _page(
        self,
        request: Request,
        admin: Administrator,
        application: Application,
        *,
        typed: Mapping[str, str] | None = None,
        problem: Problem | Text | None = None,
        status: int = HTTPStatus.OK,
    ) -> Response:
        keys = await self._keys.keys(admin.environment, application.client_id, by=admin.acting)
        context = {
            "application": setup_context(application),
            "keys": [await self._shown(key, admin) for key in reversed(keys)],
            "most": MOST_KEYS,
            "longest_note": LONGEST_NOTE,
            "typed": typed or {"note": "", "public_key": ""},
            "seen": _seen_keys(keys),
            "me": admin.session.user.name,
        }
        here = application_path(application.client_id, "keys")
        return self._setup.page(request, admin, "setup_keys.html", context, here=here, problem=problem, status=status)

    async def _question(
        self,
        request: Request,
        admin: Administrator,
        application: Application,
        *,
        problem: Text | None = None,
        status: int = HTTPStatus.OK,
    ) -> Response:
        key_id = request.path_params["key_id"]
        keys = await self._keys.keys(admin.environment, application.client_id, by=admin.acting)
        key = next((key for key in keys if str(key.key_id) == key_id), None)
        if key is None:
            raise NotFound("there is no such key")
        context = {
            "application": setup_context(application),
            "key": await self._shown(key, admin),
            "only": len(keys) == 1,
        }
        here = application_path(application.client_id, "keys", key_id, "delete")
        return self._setup.page(
            request, admin, "setup_key_delete.html", context, here=here, problem=problem, status=status
        )

    async def _shown(self, key: ApplicationKey, admin: Administrator) -> dict[str, object]:
        owner = await self._users.user(admin.environment.environment_id, key.user_id)
        return {
            "owner": key.user_id if owner is None else owner.username,
            "owner_id": key.user_id,
            "note": key.note,
            "bits": key.bits,
            "fingerprint": key.fingerprint,
            "created_at": key.created_at,
            "last_used_at": key.last_used_at,
            "path": application_path(key.client_id, "keys", str(key.key_id)),
        }


def _secret(request: Request, application: Application) -> ClientSecret:
    secret_id = request.path_params["secret_id"]
    for secret in application.secrets:
        if str(secret.secret_id) == secret_id:
            return secret
    raise NotFound("there is no such secret")


def _seen_secrets(application: Application) -> str:
    return seen(secret.secret_id for secret in application.secrets)


def _seen_keys(keys: Sequence[ApplicationKey]) -> str:
    return seen(key.key_id for key in keys)
