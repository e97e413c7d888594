"""What sign-ins at OpenID Connect providers do their own way: the request, the answer's proof, the settings' check."""

import re
from collections.abc import Mapping

import msgspec

from workgate.domain.accounts import Environment
from workgate.domain.ids import Clock, Milliseconds
from workgate.domain.problems import Problem
from workgate.domain.sso import REQUEST_SECONDS, FetchFailed, IdentityProvider, ProviderKind, Vouched, callback_path
from workgate.oauth.pkce import s256
from workgate.service.provider_secrets import ProviderSecrets
from workgate.service.provider_settings import check_names, read_settings
from workgate.service.sso import Begun, Onward, Prepared, Taken
from workgate.signin.id_tokens import KEY_TYPES
from workgate.signin.oidc import Asked, Callback, ClientAuthentication, OidcClient, OidcSettings

_SCOPE = re.compile(r"[\x21\x23-\x5b\x5d-\x7e]{1,128}")
_MOST_SCOPES = 30


class OidcProtocol:
    """OpenID Connect, as ``service.sso.ProviderProtocol``.

    Args:
        client: speaks to providers.
        secrets: opens ours.
        clock: tells how old what they publish is.
    """

    def __init__(self, *, client: OidcClient, secrets: ProviderSecrets, clock: Clock) -> None:
        self._client = client
        self._secrets = secrets
        self._clock = clock

    async def prepared(
        self, environment: Environment, protocol: Mapping[str, object], before: Mapping[str, object] | None
    ) -> Prepared:
        """Leave the settings as they were entered; see the protocol."""
        del environment, before
        check_names(protocol, OidcSettings)
        return Prepared(protocol)

    async def onward(self, begun: Begun, *, origin: str) -> Onward:
        """Make the authorization request; see the protocol."""
        address = await self._client.authorization_address(
            _settings(begun.provider),
            redirect_uri=origin + callback_path(ProviderKind.OIDC, begun.provider.provider_id),
            state=begun.state.reveal(),
            nonce=begun.nonce,
            code_challenge=s256(begun.code_verifier),
            now=self._clock.now(),
        )
        return Onward(address)

    async def vouched(self, taken: Taken, answer: Mapping[str, str], *, origin: str) -> Vouched:
        """Prove an answer; gives whom the provider vouches for.

        Args:
            taken: the sign-in that it belongs to.
            answer: the parameters that the browser brought back (OpenID Connect Core §3.1.2.5 and §3.1.2.6).
            origin: scheme and host that this environment is reached at.

        Raises:
            FetchFailed: the provider does not answer.
            NotVouched: it vouches for nobody; the message is the private reason.
        """
        provider, begun = taken.provider, taken.begun
        asked = Asked(
            redirect_uri=origin + callback_path(ProviderKind.OIDC, provider.provider_id),
            nonce=begun.nonce,
            code_verifier=begun.code_verifier,
            begun_at=Milliseconds(begun.request.expires_at - REQUEST_SECONDS * 1000),
        )
        callback = Callback(code=answer.get("code"), iss=answer.get("iss"), error=answer.get("error"))
        secret = self._secrets.of(provider)
        return await self._client.vouched(_settings(provider), secret, asked, callback, now=self._clock.now())

    async def logout_address(self, provider: IdentityProvider, *, back_to: str) -> str | None:
        """Where to sign out at the provider; see the protocol."""
        settings = _settings(provider)
        if not settings.logout:
            return None
        return await self._client.logout_address(settings, post_logout_redirect_uri=back_to, now=self._clock.now())

    def authority(self, protocol: Mapping[str, object]) -> str:
        """The issuer; see the protocol."""
        return str(protocol["issuer"])

    def check(self, protocol: Mapping[str, object], *, has_secret: bool) -> Mapping[str, object]:
        """Check the settings and fill their defaults in; see the protocol."""
        settings = read_settings(protocol, OidcSettings)
        self._check_issuer(settings.issuer)
        if not 0 < len(settings.client_id) <= 255 or not settings.client_id.isprintable():
            raise Problem(
                "the client ID is what the provider calls this server: 1 to 255 characters", field="client_id"
            )
        if "openid" not in settings.scopes or len(settings.scopes) > _MOST_SCOPES:
            raise Problem("the scopes must have openid among them, at most 30 in all", field="scopes")
        if not all(_SCOPE.fullmatch(scope) for scope in settings.scopes):
            raise Problem("a scope has no spaces, quotes or other than ASCII characters", field="scopes")
        for field in ("scopes", "algorithms"):
            if len(set(named := getattr(settings, field))) != len(named):
                raise Problem("one of them is named twice", field=field)
        if not settings.algorithms or not set(settings.algorithms) <= KEY_TYPES.keys():
            raise Problem("the signatures must be of {names}", field="algorithms", names=", ".join(KEY_TYPES))
        needs_secret = settings.client_authentication is not ClientAuthentication.NONE
        if needs_secret and not has_secret:
            raise Problem("this client authentication needs a client secret", field="secret")
        if has_secret and not needs_secret:
            raise Problem("without client authentication there is no client secret", field="secret")
        # As the row will give them back, lists and not tuples: settings are compared with those of the row.
        return dict(msgspec.json.decode(msgspec.json.encode(settings)))

    def _check_issuer(self, issuer: str) -> None:
        try:
            parts = self._client.check(issuer)
        except FetchFailed as error:
            raise Problem("the issuer cannot be used: {reason}", field="issuer", reason=error.reason) from None
        if parts.query:
            raise Problem("the issuer cannot have a query", field="issuer")


def _settings(provider: IdentityProvider) -> OidcSettings:
    return msgspec.convert(provider.protocol, OidcSettings)
