"""OpenID Connect as a relying party: what is asked of a provider, and what its answers must be.

Discovery with the issuer's check, the authorization request, the exchange of the code, the ID token's keys with their
rotation, userinfo, and where to sign out there (OpenID Connect Core 1.0, Discovery 1.0, RP-Initiated Logout 1.0; RFC
7636, RFC 9207). It keeps what providers publish for a while and nothing else; who may sign in is decided elsewhere.
"""

import asyncio
import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TypeVar
from urllib.parse import SplitResult, quote_plus, urlencode

import msgspec

from workgate.domain.ids import Milliseconds
from workgate.domain.sso import FetchFailed, NotVouched, Vouched
from workgate.domain.texts import N_
from workgate.signin.fetch import Fetched, Fetcher
from workgate.signin.id_tokens import Claims, Expected, Jwk, UnknownKey, verified_claims

T = TypeVar("T")
DISCOVERY_PATH = "/.well-known/openid-configuration"
_KEPT = 3_600_000
_FAILED_KEPT = 5_000
_KEYS_NOT_AGAIN = 10_000
"""However many ID tokens name unknown keys, a provider is asked for new ones this seldom."""
_MOST_KEPT = 1000
_MOST_KEYS = 100
_MOST_ATTRIBUTES, _LONGEST_VALUE = 200, 1024
_OF_THE_TOKEN = frozenset({"iss", "aud", "azp", "exp", "iat", "nbf", "jti", "nonce", "at_hash", "c_hash", "s_hash"})


class ClientAuthentication(StrEnum):
    """How we show the provider who we are at its token endpoint (OpenID Connect Core §9)."""

    BASIC = "client_secret_basic"
    POST = "client_secret_post"
    NONE = "none"


@dataclass(frozen=True, slots=True, kw_only=True)
class OidcSettings:
    """What a provider of this kind is set up with.

    ``algorithms`` are the signatures that ID tokens may have; ``userinfo``: whether it is asked for more attributes;
    ``logout``: whether who signs out here is offered to sign out there.
    """

    issuer: str
    client_id: str
    client_authentication: ClientAuthentication = ClientAuthentication.BASIC
    scopes: tuple[str, ...] = ("openid", "profile", "email")
    algorithms: tuple[str, ...] = ("RS256", "PS256", "ES256")
    userinfo: bool = False
    logout: bool = True


class Metadata(msgspec.Struct, frozen=True, kw_only=True):
    """What a provider says of itself (OpenID Connect Discovery §3), as far as it matters here."""

    issuer: str
    authorization_endpoint: str
    token_endpoint: str
    jwks_uri: str
    userinfo_endpoint: str | None = None
    end_session_endpoint: str | None = None
    authorization_response_iss_parameter_supported: bool = False


class _JwkSet(msgspec.Struct, frozen=True):
    keys: list[dict[str, object]]


class _TokenAnswer(msgspec.Struct, frozen=True):
    id_token: str
    token_type: str
    access_token: str | None = None

    def __repr__(self) -> str:
        """Leave the tokens out of tracebacks and logs."""
        return f"_TokenAnswer({self.token_type})"


@dataclass(frozen=True, slots=True, kw_only=True)
class Callback:
    """What a browser brought back from the provider."""

    code: str | None = field(repr=False)
    iss: str | None
    error: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """The request that a callback answers. ``begun_at`` is when it was made."""

    redirect_uri: str
    nonce: str = field(repr=False)
    code_verifier: str = field(repr=False)
    begun_at: Milliseconds


@dataclass(slots=True)
class _Kept:
    """A document, or why there is none, and since when."""

    at: Milliseconds
    found: object


class OidcClient:
    """Speaks to providers.

    Args:
        fetcher: makes the requests.
    """

    def __init__(self, fetcher: Fetcher) -> None:
        self._fetcher = fetcher
        self._kept: dict[tuple[str, str], _Kept] = {}
        self._under_way: dict[tuple[str, str], asyncio.Lock] = {}

    def check(self, url: str) -> SplitResult:
        """Take an address apart if a provider can have it. Raises ``FetchFailed``."""
        return self._fetcher.check(url)

    async def metadata(self, issuer: str, *, now: Milliseconds) -> Metadata:
        """Give what the provider publishes, at most an hour old.

        Raises:
            FetchFailed: it could not be fetched.
            NotVouched: it is another provider's, or not usable.
        """
        return await self._remembered("metadata", issuer, Metadata, now=now, not_older_than=_KEPT)

    async def authorization_address(
        self,
        settings: OidcSettings,
        *,
        redirect_uri: str,
        state: str,
        nonce: str,
        code_challenge: str,
        now: Milliseconds,
    ) -> str:
        """Give the address of the authorization request (OpenID Connect Core §3.1.2.1; RFC 7636 §4.3).

        Raises:
            FetchFailed, NotVouched: the provider does not say where that is.
        """
        metadata = await self.metadata(settings.issuer, now=now)
        query = {
            "response_type": "code",
            "client_id": settings.client_id,
            "redirect_uri": redirect_uri,
            "scope": " ".join(settings.scopes),
            "state": state,
            "nonce": nonce,
            "code_challenge": code_challenge,
            "code_challenge_method": "S256",
        }
        return with_query(metadata.authorization_endpoint, query)

    async def vouched(
        self, settings: OidcSettings, secret: str | None, asked: Asked, callback: Callback, *, now: Milliseconds
    ) -> Vouched:
        """Redeem the code and check all that comes of it; gives whom the provider vouches for.

        Raises:
            FetchFailed: the provider does not answer.
            NotVouched: it vouches for nobody; the message is the private reason.
        """
        metadata = await self.metadata(settings.issuer, now=now)
        # RFC 9207 §2.4: an answer of another provider, or of none, stops here, before any code is sent anywhere.
        if callback.iss != metadata.issuer and (
            callback.iss is not None or metadata.authorization_response_iss_parameter_supported
        ):
            raise NotVouched("the answer's iss is missing, or is another provider's")
        if callback.error is not None:
            raise NotVouched(f"the provider answered with the error {_printable(callback.error)}")
        if not callback.code:
            raise NotVouched("the answer has neither code nor error")
        tokens = await self._redeem(metadata, settings, secret, asked, callback.code)
        expected = Expected(
            issuer=metadata.issuer,
            client_id=settings.client_id,
            algorithms=settings.algorithms,
            nonce=asked.nonce,
            access_token=tokens.access_token,
            begun_at=asked.begun_at,
            now=now,
        )
        claims = await self._verified(tokens.id_token, metadata, expected)
        if settings.userinfo:
            claims = {**await self._userinfo(metadata, tokens, claims), **claims}
        return Vouched(str(claims["sub"]), attributes_of(claims))

    async def logout_address(
        self, settings: OidcSettings, *, post_logout_redirect_uri: str, now: Milliseconds
    ) -> str | None:
        """Where to sign out at the provider (RP-Initiated Logout §2); None: it has no such place.

        The ID token would spare the user a question there, but it would have to be kept for as long as the session.
        """
        try:
            metadata = await self.metadata(settings.issuer, now=now)
        except (FetchFailed, NotVouched):
            return None
        if metadata.end_session_endpoint is None:
            return None
        query = {"client_id": settings.client_id, "post_logout_redirect_uri": post_logout_redirect_uri}
        return with_query(metadata.end_session_endpoint, query)

    async def _redeem(
        self, metadata: Metadata, settings: OidcSettings, secret: str | None, asked: Asked, code: str
    ) -> _TokenAnswer:
        """Exchange the code (OpenID Connect Core §3.1.3; RFC 6749 §2.3.1)."""
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": asked.redirect_uri,
            "code_verifier": asked.code_verifier,
        }
        authorization = None
        match settings.client_authentication:
            case ClientAuthentication.BASIC:
                pair = f"{quote_plus(settings.client_id)}:{quote_plus(secret or '')}"
                authorization = f"Basic {base64.b64encode(pair.encode()).decode()}"
            case ClientAuthentication.POST:
                form |= {"client_id": settings.client_id, "client_secret": secret or ""}
            case ClientAuthentication.NONE:
                form |= {"client_id": settings.client_id}
        answer = await self._fetcher.post(metadata.token_endpoint, form, authorization=authorization)
        if answer.status != 200:
            raise NotVouched(f"the token endpoint answered {answer.status} {_error_of(answer)}".rstrip())
        tokens = _decoded(answer, _TokenAnswer, "token endpoint")
        if tokens.token_type.lower() != "bearer":
            raise NotVouched("the token endpoint's token_type is not Bearer")
        return tokens

    async def _verified(self, id_token: str, metadata: Metadata, expected: Expected) -> Claims:
        """Check the ID token, once more with freshly fetched keys if none of those at hand signed it."""
        keys = await self._keys(metadata, now=expected.now, not_older_than=_KEPT)
        try:
            return verified_claims(id_token, keys, expected)
        except UnknownKey:
            fresh = await self._keys(metadata, now=expected.now, not_older_than=_KEYS_NOT_AGAIN)
            return verified_claims(id_token, fresh, expected)

    async def _keys(self, metadata: Metadata, *, now: Milliseconds, not_older_than: int) -> Sequence[Jwk]:
        found = await self._remembered("keys", metadata.jwks_uri, _JwkSet, now=now, not_older_than=not_older_than)
        return found.keys[:_MOST_KEYS]

    async def _userinfo(self, metadata: Metadata, tokens: _TokenAnswer, claims: Claims) -> Claims:
        """Fetch more attributes (OpenID Connect Core §5.3); they must be of the same subject (§5.3.2)."""
        if metadata.userinfo_endpoint is None or tokens.access_token is None:
            return {}
        answer = await self._fetcher.get(metadata.userinfo_endpoint, bearer=tokens.access_token)
        if answer.status != 200 or answer.media_type != "application/json":
            raise NotVouched(f"the userinfo endpoint answered {answer.status}, or something else than JSON")
        found = _decoded(answer, dict[str, object], "userinfo endpoint")
        if found.get("sub") != claims["sub"]:
            raise NotVouched("the userinfo endpoint's sub is not the ID token's")
        return found

    async def _remembered(self, what: str, name: str, kind: type[T], *, now: Milliseconds, not_older_than: int) -> T:
        """A document as it was fetched a while ago, or fetched now, by one caller for all that wait."""
        key = (what, name)
        async with self._under_way.setdefault(key, asyncio.Lock()):
            kept = self._kept.get(key)
            if kept is not None:
                age, failed = now - kept.at, isinstance(kept.found, Exception)
                if 0 <= age < (_FAILED_KEPT if failed else not_older_than):
                    if isinstance(kept.found, FetchFailed | NotVouched):
                        raise type(kept.found)(*kept.found.args)
                    if isinstance(kept.found, kind):
                        return kept.found
            try:
                found = await self._fetched(what, name, kind)
            except (FetchFailed, NotVouched) as error:
                self._keep(key, _Kept(now, error.with_traceback(None)))
                raise
            self._keep(key, _Kept(now, found))
            return found

    async def _fetched(self, what: str, name: str, kind: type[T]) -> T:
        url = name.removesuffix("/") + DISCOVERY_PATH if what == "metadata" else name
        answer = await self._fetcher.get(url)
        if answer.status != 200:
            raise FetchFailed(N_("{url} answered with the status {status}", url=url, status=answer.status))
        found = _decoded(answer, kind, what)
        if isinstance(found, Metadata):
            # Discovery §4.3: the issuer is the one that was asked, letter by letter.
            if found.issuer != name:
                raise NotVouched("the provider's metadata name another issuer")
            for endpoint in (found.authorization_endpoint, found.token_endpoint, found.jwks_uri):
                self._fetcher.check(endpoint)
            for optional in (found.userinfo_endpoint, found.end_session_endpoint):
                if optional is not None:
                    self._fetcher.check(optional)
        return found

    def _keep(self, key: tuple[str, str], kept: _Kept) -> None:
        if key not in self._kept and len(self._kept) >= _MOST_KEPT:
            oldest = next(iter(self._kept))
            del self._kept[oldest]
            self._under_way.pop(oldest, None)
        self._kept[key] = kept


def with_query(endpoint: str, query: Mapping[str, str]) -> str:
    """Add parameters to an endpoint that may have some (RFC 6749 §3.1)."""
    return endpoint + ("&" if "?" in endpoint else "?") + urlencode(query)


def attributes_of(claims: Claims) -> Mapping[str, tuple[str, ...]]:
    """Claims of a person as attributes: texts, numbers and booleans, and lists of those.

    What the token says of itself is none, and a claim within another has no name.
    """
    attributes: dict[str, tuple[str, ...]] = {}
    of_person = [(name, value) for name, value in claims.items() if name not in _OF_THE_TOKEN]
    for name, value in of_person[:_MOST_ATTRIBUTES]:
        several = value if isinstance(value, list) else [value]
        texts = [_text(one) for one in several[:_MOST_ATTRIBUTES]]
        known = tuple(text[:_LONGEST_VALUE] for text in texts if text is not None)
        if known:
            attributes[name[:_LONGEST_VALUE]] = known
    return attributes


def _text(value: object) -> str | None:
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value) if isinstance(value, str | int | float) else None


def _decoded(answer: Fetched, kind: type[T], what: str) -> T:
    try:
        return msgspec.json.decode(answer.body, type=kind)
    except (ValueError, RecursionError):
        raise NotVouched(f"what the {what} answered is not the JSON that it must be") from None


def _error_of(answer: Fetched) -> str:
    """The error code of a refusal (RFC 6749 §5.2), which is one of a few words."""
    try:
        return _printable(msgspec.json.decode(answer.body)["error"])
    except (ValueError, RecursionError, KeyError, TypeError):
        return ""


def _printable(text: object) -> str:
    return "".join(letter for letter in str(text)[:40] if letter.isascii() and (letter.isalnum() or letter in "_-."))
