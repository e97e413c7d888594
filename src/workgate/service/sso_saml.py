"""What sign-ins at SAML providers do their own way: request, proof of a response, our key pair, check of the settings.

Each provider knows us by an entity ID, an address and a key of its own: what one of them says to us is of no use to be
said by another.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from functools import lru_cache, partial

import msgspec

from workgate.crypto.certificates import Certificate, new_own_key, read_pem_certificate
from workgate.domain.accounts import Environment
from workgate.domain.ids import Clock, Entropy, EnvironmentId
from workgate.domain.limits import FailureLimit
from workgate.domain.problems import Problem, TooOften
from workgate.domain.sso import FetchFailed, IdentityProvider, NotVouched, ProviderKind, Vouched, callback_path
from workgate.domain.sso_ports import UsedAssertionStore
from workgate.service.provider_secrets import ProviderSecrets
from workgate.service.provider_settings import check_names, read_settings
from workgate.service.sso import Begun, Onward, Prepared
from workgate.signin.fetch import Fetcher
from workgate.signin.saml import NAME_ID_FORMATS, Saml, SamlProvider, SamlSettings
from workgate.signin.saml_assertion import LONGEST_LEEWAY_SECONDS
from workgate.signin.saml_metadata import IdentityProviderMetadata, OwnMetadata, read_metadata, write_metadata
from workgate.signin.saml_request import SendForm, SendRedirect
from workgate.signin.saml_response import Response
from workgate.signin.xmlsec import KeyUnknown

_LONGEST_ATTRIBUTE = 255
_PAIRS_A_MINUTE = 5
_FAILURES_A_MINUTE = 30
"""Of one address: a response that proves nothing may cost a process to find out."""


class SamlProtocol:
    """SAML 2.0, as ``service.sso.ProviderProtocol``.

    Args:
        saml: makes requests and checks responses.
        secrets: seals and opens our private keys.
        fetcher: gets metadata from providers.
        used: remembers assertions.
        clock: tells the time that assertions are held against.
        entropy: makes serial numbers of our certificates.
    """

    def __init__(
        self,
        *,
        saml: Saml,
        secrets: ProviderSecrets,
        fetcher: Fetcher,
        used: UsedAssertionStore,
        clock: Clock,
        entropy: Entropy,
    ) -> None:
        self._saml = saml
        self._secrets = secrets
        self._fetcher = fetcher
        self._used = used
        self._clock = clock
        self._entropy = entropy
        self._pairs = FailureLimit(_PAIRS_A_MINUTE)
        self._failures = FailureLimit(_FAILURES_A_MINUTE)
        self._looks = FailureLimit(1)
        # Newer metadata of providers, and what it is newer than.
        self._newer: dict[tuple[int, int], tuple[str, IdentityProviderMetadata]] = {}

    async def prepared(
        self, environment: Environment, protocol: Mapping[str, object], before: Mapping[str, object] | None
    ) -> Prepared:
        """Fetch the metadata if an address is given, keep our key pair or make one; see the protocol."""
        check_names(protocol, SamlSettings)  # before anything is fetched or made
        completed = dict(protocol)
        url = completed.get("metadata_url")
        if isinstance(url, str) and url:
            completed["metadata"] = await self._fetched(url)
        if before is not None and "certificate" in before:
            return Prepared({**completed, "certificate": before["certificate"]})
        # Whoever mistypes something has no pair made for it.
        self.check({**completed, "certificate": ""}, has_secret=True)
        now = self._clock.now()
        wait = self._pairs.wait(environment.environment_id, now)
        if wait is not None:
            raise TooOften("so many key pairs were made just now: wait {retry_after} s", retry_after=wait)
        self._pairs.failed(environment.environment_id, now)
        name = f"{environment.domain}.{environment.lane}"
        made = await asyncio.to_thread(new_own_key, name, now=now, entropy=self._entropy)
        return Prepared({**completed, "certificate": made.certificate}, made.private_key)

    async def onward(self, begun: Begun, *, origin: str) -> Onward:
        """Make the authentication request; see the protocol."""
        provider = self._provider(begun.provider, origin)
        sent = await self._saml.request(provider, begun.state.reveal(), now=self._clock.now())
        match sent:
            case SendRedirect(url):
                return Onward(url)
            case SendForm(action, saml_request):
                return Onward(action, {"SAMLRequest": saml_request})

    async def logout_address(self, provider: IdentityProvider, *, back_to: str) -> str | None:
        """Nowhere: signing out ends the sign-in here and leaves the provider's alone; see the protocol."""
        del provider, back_to
        return None

    def metadata(self, provider: IdentityProvider, *, origin: str) -> bytes:
        """Write what the provider must know of us."""
        return write_metadata(_own(provider, _settings(provider), origin))

    def wait(self, address: str) -> int | None:
        """How many seconds an address has to wait that lately brought too much which proved nothing; None: none."""
        return self._failures.wait(address, self._clock.now())

    def failed(self, address: str) -> None:
        """Count something that proved nothing."""
        self._failures.failed(address, self._clock.now())

    async def response(self, provider: IdentityProvider, field: str, *, origin: str) -> Response:
        """Read the form field ``SAMLResponse``, which tells what it answers and proves nothing yet.

        Raises:
            NotVouched: it is no response of this provider to us; the message is the private reason.
        """
        metadata = self._metadata(provider)
        acs_url = origin + callback_path(ProviderKind.SAML, provider.provider_id)
        return await self._saml.response(field, provider=metadata.entity_id, acs_url=acs_url)

    async def vouched(self, begun: Begun, response: Response, *, origin: str) -> Vouched:
        """Prove a response, once; gives whom the provider vouches for.

        Args:
            begun: the sign-in that it answers.
            response: what arrived.
            origin: scheme and host that this environment is reached at.

        Raises:
            NotVouched: it vouches for nobody, or did before; the message is the private reason.
            StoreUnavailable: nothing was used up.
        """
        provider = self._provider(begun.provider, origin)
        prove = partial(self._saml.proved, response=response, request_id=begun.state.reveal(), now=self._clock.now())
        try:
            proved = await prove(provider)
        except KeyUnknown:
            newer = await self._newer_metadata(begun.provider)
            if newer is None:
                raise
            proved = await prove(replace(provider, metadata=newer))
        environment_id = EnvironmentId(begun.provider.environment_id)
        if not await self._used.use(environment_id, proved.digest, until=proved.until):
            raise NotVouched("the assertion was used before")
        return proved.vouched

    def described(self, provider: IdentityProvider) -> tuple[IdentityProviderMetadata, Certificate]:
        """Say what a provider's metadata holds, its certificates' expiry too, and the certificate that is ours.

        Raises:
            NotVouched: the metadata cannot be read (any more).
        """
        return self._metadata(provider), read_pem_certificate(_settings(provider).certificate)

    def authority(self, protocol: Mapping[str, object]) -> str:
        """The entity ID of the provider's metadata; see the protocol."""
        try:
            return _read(str(protocol["metadata"]), self._insecure_http).entity_id
        except Problem:  # it was readable when it was set up, and need not be today
            return ""

    def check(self, protocol: Mapping[str, object], *, has_secret: bool) -> Mapping[str, object]:
        """Check the settings and fill their defaults in; see the protocol."""
        settings = read_settings(protocol, SamlSettings)
        if not self._saml.is_ready:
            raise Problem("the program xmlsec1 is not installed on this server", field="kind")
        if not has_secret:
            raise Problem("our own key is gone: delete this provider and set it up anew", field="certificate")
        now = self._clock.now()
        metadata = read_metadata(settings.metadata.encode(), now=now, insecure_http=self._insecure_http)
        if metadata.wants_signed_requests and not settings.sign_requests:
            raise Problem("this provider wants its requests signed", field="sign_requests")
        if settings.name_id_format not in NAME_ID_FORMATS:
            raise Problem("choose one of: {names}", field="name_id_format", names=", ".join(NAME_ID_FORMATS))
        attribute = settings.subject_attribute
        if len(attribute) > _LONGEST_ATTRIBUTE or not attribute.isprintable():
            raise Problem(
                "an attribute's name has at most 255 characters, none of them control characters",
                field="subject_attribute",
            )
        if not 0 <= settings.leeway_seconds <= LONGEST_LEEWAY_SECONDS:
            raise Problem(
                "the leeway is 0 to {most} seconds: it is for clocks that are not quite right",
                field="leeway_seconds",
                most=LONGEST_LEEWAY_SECONDS,
            )
        return dict(msgspec.to_builtins(settings))

    def close(self) -> None:
        """Let the threads end."""
        self._saml.close()

    async def _newer_metadata(self, provider: IdentityProvider) -> IdentityProviderMetadata | None:
        """Look whether the provider publishes other keys by now: they change, and nobody tells us.

        At most so often, for anybody can send a signature that nobody knows; and never another provider's.
        """
        settings, now = _settings(provider), self._clock.now()
        if not settings.metadata_url or self._looks.wait(_key(provider), now) is not None:
            return None
        self._looks.failed(_key(provider), now)
        try:
            document = await self._fetched(settings.metadata_url)
            newer = read_metadata(document.encode(), now=now, insecure_http=self._insecure_http)
        except Problem:
            return None
        known = self._metadata(provider)
        if newer.entity_id != known.entity_id or set(newer.public_keys) <= set(known.public_keys):
            return None
        self._newer[_key(provider)] = (settings.metadata, newer)
        return newer

    async def _fetched(self, url: str) -> str:
        try:
            fetched = await self._fetcher.get(url, accept="application/samlmetadata+xml, application/xml, text/xml")
        except FetchFailed as error:
            raise Problem(
                "the metadata could not be fetched: {reason}", field="metadata_url", reason=error.reason
            ) from None
        if fetched.status != 200:
            raise Problem("the metadata's address answers {status}", field="metadata_url", status=fetched.status)
        try:
            return fetched.body.decode("utf-8-sig")
        except UnicodeDecodeError:
            raise Problem("the metadata's address answers with something else", field="metadata_url") from None

    def _provider(self, provider: IdentityProvider, origin: str) -> SamlProvider:
        settings = _settings(provider)
        private_key = self._secrets.of(provider)
        if private_key is None:
            raise NotVouched("our own key for this provider is gone")
        own = _own(provider, settings, origin)
        return SamlProvider(settings=settings, metadata=self._metadata(provider), own=own, private_key=private_key)

    def _metadata(self, provider: IdentityProvider) -> IdentityProviderMetadata:
        """The metadata that was set up, unless newer one was looked up since."""
        settings = _settings(provider)
        of, newer = self._newer.get(_key(provider), ("", None))
        if newer is not None and of == settings.metadata:
            return newer
        try:
            return _read(settings.metadata, self._insecure_http)
        except Problem as problem:
            raise NotVouched(f"the provider's metadata: {problem}") from None

    @property
    def _insecure_http(self) -> bool:
        return self._fetcher.policy.insecure_http_and_private_addresses


def metadata_path(provider: IdentityProvider) -> str:
    """Where our metadata for a provider is; its address is the entity ID that the provider knows us by."""
    return f"/sso/saml/{provider.provider_id}/metadata"


@lru_cache(maxsize=32)
def _read(metadata: str, insecure_http: bool) -> IdentityProviderMetadata:
    """Read metadata that was checked when it was set up; a large one takes a while, and every sign-in needs it."""
    return read_metadata(metadata.encode(), insecure_http=insecure_http)


def _key(provider: IdentityProvider) -> tuple[int, int]:
    return provider.environment_id, provider.provider_id


def _own(provider: IdentityProvider, settings: SamlSettings, origin: str) -> OwnMetadata:
    return OwnMetadata(
        entity_id=origin + metadata_path(provider),
        acs_url=origin + callback_path(ProviderKind.SAML, provider.provider_id),
        certificate=settings.certificate,
        name_id_format=settings.name_id_format,
        signs_requests=settings.sign_requests,
    )


def _settings(provider: IdentityProvider) -> SamlSettings:
    return msgspec.convert(provider.protocol, SamlSettings)
