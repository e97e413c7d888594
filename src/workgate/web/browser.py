"""What a browser brings to a page: its session, its anti-CSRF values, its environment."""

import re
from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import Response

from workgate import asgi
from workgate.crypto.tickets import issue_ticket, open_ticket
from workgate.crypto.tokens import Mint
from workgate.domain.accounts import Environment, Session, SessionOrigin
from workgate.domain.ids import Clock, Entropy
from workgate.oauth.errors import Refusal
from workgate.oauth.params import Params, from_form
from workgate.service.environments import EnvironmentDirectory
from workgate.service.sessions import SessionService
from workgate.service.signing_in import PENDING_SECONDS, Arrival

_FORM_SECONDS = 12 * 3600
# What a form is bound to is told apart by purpose: a browser chooses its own cookie, even one that names a session.
_SESSION_FORM, _SIGN_IN_FORM = b"form", b"sign-in form"
_FORM_COOKIE_VALUE = re.compile(r"[0-9a-f]{32}")


@dataclass(frozen=True, slots=True)
class Visitor:
    """A browser in an environment, with its live session if it has one."""

    environment: Environment
    session: Session | None
    address: str
    issuer: str

    @property
    def is_administrator(self) -> bool:
        """Whether an administrator of the environment is signed in."""
        return self.session is not None and self.session.user.is_admin


class Browsers:
    """Finds out who is visiting, and guards the forms against forgery.

    A form of a signed-in page is bound to that session. The sign-in form has none yet: it is bound to a
    random cookie of this browser, so that nobody can be signed in by somebody else's form.
    """

    def __init__(
        self,
        *,
        directory: EnvironmentDirectory,
        sessions: SessionService,
        mint: Mint,
        clock: Clock,
        entropy: Entropy,
    ) -> None:
        self._directory = directory
        self._sessions = sessions
        self._mint = mint
        self._clock = clock
        self._entropy = entropy

    async def visitor(self, request: Request) -> Visitor | None:
        """Tell who is visiting; None: no environment has this address. Raises ``StoreUnavailable``."""
        environment = await self._directory.by_host(asgi.host(request.scope))
        if environment is None:
            return None
        session_id = asgi.cookies(request.scope).get(asgi.session_cookie_name(request.scope))
        session = None
        if session_id:
            session = await self._sessions.check(environment.environment_id, session_id)
        # An access token is a session too, but its application must not consent in the user's name.
        if session is not None and session.origin is not SessionOrigin.BROWSER:
            session = None
        return Visitor(environment, session, asgi.address(request.scope), asgi.origin(request.scope))

    def form_of_session(self, session: Session) -> str:
        """The anti-CSRF value for forms of a signed-in page."""
        return self._issue(_SESSION_FORM, session.binding)

    def is_form_of_session(self, value: str, session: Session) -> bool:
        """Tell whether a posted value was made for this session."""
        return self._opens(value, _SESSION_FORM, session.binding)

    def form_of_browser(self, request: Request) -> tuple[str, str]:
        """The anti-CSRF value for the sign-in form, and the cookie value that it is bound to."""
        cookie = _form_cookie_value(request) or self._entropy(16).hex()
        return self._issue(_SIGN_IN_FORM, cookie.encode()), cookie

    def is_form_of_browser(self, value: str, request: Request) -> bool:
        """Tell whether a posted value was made for this browser."""
        cookie = _form_cookie_value(request)
        return cookie is not None and self._opens(value, _SIGN_IN_FORM, cookie.encode())

    def arrival(self, request: Request, visitor: Visitor, target: str = "/") -> Arrival:
        """From where somebody signs in, and which path of ours they want to."""
        cookie = _form_cookie_value(request)
        return Arrival(
            environment=visitor.environment,
            address=visitor.address,
            agent=asgi.header(request.scope, b"user-agent") or "",
            browser=None if cookie is None else cookie.encode(),
            target=target,
        )

    def _issue(self, purpose: bytes, binding: bytes) -> str:
        return issue_ticket(self._mint, purpose=purpose, binding=binding, payload=b"", now=self._clock.now())

    def _opens(self, value: str, purpose: bytes, binding: bytes) -> bool:
        now = self._clock.now()
        opened = open_ticket(self._mint, value, purpose=purpose, binding=binding, now=now, seconds=_FORM_SECONDS)
        return opened is not None


async def posted_fields(request: Request, *names: str) -> Params:
    """Read the named fields of a posted form; nothing at all of a form that is malformed or too large."""
    if asgi.content_type(request.scope) != "application/x-www-form-urlencoded":
        return {}
    body = await asgi.read_body(request.scope, request.receive)
    fields = from_form(body or b"", frozenset(names), longest=asgi.LARGEST_BODY)
    return {} if isinstance(fields, Refusal) else fields


def set_session_cookie(request: Request, response: Response, session_id: str) -> None:
    """Give the browser its session, for as long as it stays open."""
    _set_cookie(request, response, asgi.session_cookie_name(request.scope), session_id)


def forget_session(request: Request, response: Response) -> None:
    """Take the session's cookie back."""
    response.delete_cookie(
        asgi.session_cookie_name(request.scope), secure=_secure(request), httponly=True, samesite="lax"
    )


def set_form_cookie(request: Request, response: Response, value: str) -> None:
    """Give the browser the value that its sign-in form is bound to."""
    _set_cookie(request, response, _form_cookie(request), value)


def provider_of_browser(request: Request) -> str:
    """The identity provider that this browser last signed in at, by ID; empty: none. Nothing is proved by it."""
    return asgi.cookies(request.scope).get(_provider_cookie(request), "")


def set_provider_cookie(request: Request, response: Response, provider_id: str) -> None:
    """Let the browser remember where it signed in, for signing out there."""
    _set_cookie(request, response, _provider_cookie(request), provider_id)


def forget_provider(request: Request, response: Response) -> None:
    """Take it back."""
    response.delete_cookie(_provider_cookie(request), secure=_secure(request), httponly=True, samesite="lax")


def pending_ticket(request: Request) -> str:
    """What this browser holds of a sign-in under way; empty: nothing."""
    return asgi.cookies(request.scope).get(_pending_cookie(request), "")


def set_pending_ticket(request: Request, response: Response, ticket: str) -> None:
    """Let the browser hold a sign-in that owes a step."""
    _set_cookie(request, response, _pending_cookie(request), ticket, max_age=PENDING_SECONDS)


def forget_pending_ticket(request: Request, response: Response) -> None:
    """Take it back, if it holds one: the sign-in is complete, or given up."""
    if pending_ticket(request):
        response.delete_cookie(_pending_cookie(request), secure=_secure(request), httponly=True, samesite="lax")


def _set_cookie(request: Request, response: Response, name: str, value: str, *, max_age: int | None = None) -> None:
    response.set_cookie(name, value, path="/", secure=_secure(request), httponly=True, samesite="lax", max_age=max_age)


def _provider_cookie(request: Request) -> str:
    return "__Host-workgate_sso" if _secure(request) else "workgate_sso"


def _pending_cookie(request: Request) -> str:
    return "__Host-workgate_pending" if _secure(request) else "workgate_pending"


def _form_cookie(request: Request) -> str:
    return "__Host-workgate_form" if _secure(request) else "workgate_form"


def _form_cookie_value(request: Request) -> str | None:
    """The cookie if it is one that we made: another value could not be given back unchanged."""
    value = asgi.cookies(request.scope).get(_form_cookie(request), "")
    return value if _FORM_COOKIE_VALUE.fullmatch(value) else None


def _secure(request: Request) -> bool:
    return bool(request.scope["scheme"] == "https")
