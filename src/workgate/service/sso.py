"""Sign-ins at identity providers, whichever protocol they speak: begun here, expected back once, and what comes of it.

A sign-in that goes to a provider is a row. What the provider must send back is derived from that row and the key ring;
the row is bound to the provider, to the environment and to the browser that began it, and is used up by whoever takes
it first. What a protocol proves in between is a ``Vouched``; whom it stands for is decided here, by provider and
subject alone.
"""

import base64
import hashlib
import hmac
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol

import msgspec

from workgate.crypto.keys import UnknownKeyError
from workgate.crypto.tokens import SALT_BYTES, Mint, TokenKind, TokenValue, read_token
from workgate.domain.accounts import Environment, User
from workgate.domain.audit import AuditEvent, AuditRecord
from workgate.domain.ids import Clock, Entropy, Milliseconds, RowIds
from workgate.domain.limits import FailureLimit
from workgate.domain.problems import NotAllowed
from workgate.domain.provider_states import ProviderStateStore
from workgate.domain.sign_in_ports import SignInRulesStore
from workgate.domain.signing_in import SignInRules, SsoMode
from workgate.domain.sso import (
    REQUEST_SECONDS,
    IdentityProvider,
    NewPerson,
    NotVouched,
    Purpose,
    SignInRequest,
    Vouched,
    read_provider_id,
)
from workgate.domain.sso_ports import IdentityProviderStore, SignInRequestStore
from workgate.domain.texts import Text
from workgate.ops.audit import AuditLog
from workgate.service.acting import Acting, until_new
from workgate.service.federations import Federations, shown_subject
from workgate.service.provider_secrets import ProviderSecrets
from workgate.service.signing_in import Arrival, SignIn, SigningIn, SignInLimited

_BEGINS_A_MINUTE = 60


@dataclass(frozen=True, slots=True)
class Begun:
    """A sign-in that is about to go to a provider.

    ``state`` is what must come back with the answer. It begins with a letter and has letters, digits, ``-`` and ``_``
    only, so a SAML request may have it as its ID; ``nonce`` and ``code_verifier`` are OpenID Connect's.
    """

    provider: IdentityProvider
    request: SignInRequest
    state: TokenValue
    nonce: str = field(repr=False)
    code_verifier: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Onward:
    """Where the browser goes to sign in: by redirect, or with ``fields`` by a form that posts them there."""

    address: str = field(repr=False)
    fields: Mapping[str, str] | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Prepared:
    """A provider's settings with what nobody enters: what was fetched or made.

    ``secret`` is one of our own making, to be sealed beside them; None: there is none, or it is there already.
    """

    protocol: Mapping[str, object]
    secret: str | None = field(default=None, repr=False)


class ProviderProtocol(Protocol):
    """What each kind of provider does its own way."""

    async def prepared(
        self, environment: Environment, protocol: Mapping[str, object], before: Mapping[str, object] | None
    ) -> Prepared:
        """Complete the settings that somebody entered, before they are checked.

        Args:
            environment: whose provider it is.
            protocol: what was entered.
            before: the settings until now; None: the provider is new.

        Raises:
            Problem: something could not be fetched or made; it names the field.
        """

    async def onward(self, begun: Begun, *, origin: str) -> Onward:
        """Make the request to the provider.

        Args:
            begun: the sign-in.
            origin: scheme and host that this environment is reached at, of which its callback is a part.

        Raises:
            NotVouched, FetchFailed: the provider cannot be asked; the message is private.
        """

    async def logout_address(self, provider: IdentityProvider, *, back_to: str) -> str | None:
        """Where to sign out at the provider, which then leads back to an address of ours; None: nowhere."""

    def authority(self, protocol: Mapping[str, object]) -> str:
        """Who vouches, by checked settings: the issuer, the entity ID. Another one's subjects are other people."""

    def check(self, protocol: Mapping[str, object], *, has_secret: bool) -> Mapping[str, object]:
        """Give a provider's settings of this kind with their defaults.

        Raises:
            Problem: one of them is not usable; it names the field.
        """


@dataclass(frozen=True, slots=True)
class NoSuchProvider:
    """This environment has no such provider, or does not use it."""


@dataclass(frozen=True, slots=True)
class SsoRefused:
    """Nobody was signed in. ``unknown``: the provider vouched for somebody whom this environment does not know."""

    reference: str | None
    unknown: bool = False


@dataclass(frozen=True, slots=True)
class Tested:
    """What arrived in a test, and what a sign-in would come to: a user's, a new user's, or why to nobody's."""

    vouched: Vouched
    would: User | NewPerson | Text


@dataclass(frozen=True, slots=True)
class Taken:
    """A sign-in that came back to the browser that began it, and now comes back no more."""

    provider: IdentityProvider
    begun: Begun
    arrived: Vouched | None
    """What was held for it; see ``hold``."""

    @property
    def request(self) -> SignInRequest:
        """The request that it answers."""
        return self.begun.request


class SingleSignOn:
    """The identity providers of environments, and sign-ins at them."""

    def __init__(
        self,
        *,
        providers: IdentityProviderStore,
        states: ProviderStateStore,
        requests: SignInRequestStore,
        federations: Federations,
        secrets: ProviderSecrets,
        rules: SignInRulesStore,
        signing_in: SigningIn,
        mint: Mint,
        ids: RowIds,
        clock: Clock,
        entropy: Entropy,
        audit: AuditLog,
    ) -> None:
        self._providers = providers
        self._states = states
        self._requests = requests
        self._federations = federations
        self._secrets = secrets
        self._rules = rules
        self._signing_in = signing_in
        self._mint = mint
        self._ids = ids
        self._clock = clock
        self._entropy = entropy
        self._audit = audit
        self._begins = FailureLimit(_BEGINS_A_MINUTE)

    async def offered(self, environment: Environment) -> tuple[SignInRules, Sequence[IdentityProvider]]:
        """Give an environment's rules, and the providers that its sign-in page offers.

        Raises:
            StoreUnavailable: they could not be read.
        """
        rules = await self._rules.rules(environment.environment_id)
        if rules.sso is SsoMode.NONE:
            return rules, ()
        providers = await self._providers.providers(environment.environment_id)
        return rules, tuple(provider for provider in providers if provider.enabled)

    async def provider(self, environment: Environment, provider_id: str) -> IdentityProvider | None:
        """Give the provider of this environment that an address names, enabled or not; None: there is none."""
        number = read_provider_id(provider_id)
        return None if number is None else await self._providers.provider(environment.environment_id, number)

    async def begin(
        self, arrival: Arrival, provider_id: str, *, purpose: Purpose, by: Acting | None = None
    ) -> Begun | NoSuchProvider | SignInLimited:
        """Begin a sign-in at a provider.

        Args:
            arrival: the browser, which must be bound to a cookie, and where it wants to.
            provider_id: as the address names it.
            purpose: to sign in, or to test; only an administrator tests, a provider that is not enabled too.
            by: who is signed in.

        Raises:
            NotAllowed: somebody else wants to test.
            StoreUnavailable: nothing was begun.
        """
        environment = arrival.environment
        provider = await self.provider(environment, provider_id)
        if provider is None or arrival.browser is None:
            return NoSuchProvider()
        if purpose is Purpose.TEST:
            _administrator(by, environment)
        elif not await self._is_used(environment, provider):
            return NoSuchProvider()
        now = self._clock.now()
        wait = self._begins.wait(arrival.address, now)
        if wait is not None:
            return SignInLimited(wait)
        self._begins.failed(arrival.address, now)
        renewed = self._secrets.renewed(provider)
        if renewed is not None and await self._providers.reseal(provider, renewed):
            provider = replace(provider, sealed_secret=renewed)
        return await until_new(lambda: self._begun(arrival, provider, purpose, now))

    async def expected(self, environment: Environment, provider: IdentityProvider, state: str) -> Begun | None:
        """Give the sign-in that an answer of this provider belongs to; None: none that is still expected.

        It uses nothing up and proves nothing about the browser: ``take`` does.
        """
        token = read_token(TokenKind.STATE, state)
        if token is None:
            return None
        now = self._clock.now()
        request = await self._requests.request(environment.environment_id, token.row_id, now=now)
        if request is None or request.provider_id != provider.provider_id:
            return None
        try:
            begun = self._named(provider, request)
        except UnknownKeyError:  # it was retired within these ten minutes
            return None
        return begun if hmac.compare_digest(begun.state.reveal(), state) else None

    async def hold(self, begun: Begun, vouched: Vouched) -> bool:
        """Keep what arrived without the browser's cookies until it comes with them; False: something did before.

        Raises:
            StoreUnavailable: nothing was kept.
        """
        arrived = msgspec.json.encode(vouched).decode()
        return await self._requests.arrive(begun.request, arrived, now=self._clock.now())

    async def take(self, arrival: Arrival, provider: IdentityProvider, state: str) -> Taken:
        """Use up the sign-in that an answer belongs to, in the browser that began it.

        Raises:
            NotVouched: it is not expected (any more), or not in this browser: then nothing was used up.
            StoreUnavailable: nothing was used up.
        """
        begun = await self.expected(arrival.environment, provider, state)
        if begun is None:
            raise NotVouched("the answer's state is of no sign-in that is expected back from this provider")
        request = begun.request
        if arrival.browser is None or not hmac.compare_digest(request.browser, _bound(arrival)):
            raise NotVouched("the sign-in was begun in another browser")
        if request.purpose is Purpose.SIGN_IN and not await self._is_used(arrival.environment, provider):
            raise NotVouched("the provider was switched off meanwhile")
        if not await self._requests.use(request, now=self._clock.now()):
            raise NotVouched("the answer came before")
        arrived = None if request.arrived is None else msgspec.json.decode(request.arrived, type=Vouched)
        return Taken(provider, begun, arrived)

    async def finish(
        self, arrival: Arrival, taken: Taken, vouched: Vouched, *, by: Acting | None = None
    ) -> SignIn | SsoRefused | Tested:
        """Sign in whom the provider vouched for, or in a test say what would happen.

        Args:
            arrival: the browser.
            taken: the sign-in that the answer belongs to.
            vouched: what the protocol proved.
            by: who is signed in; a test's answer is for the administrators of the environment.

        Raises:
            NotAllowed: somebody else brings back a test.
            StoreUnavailable: nobody was signed in.
        """
        environment, provider = arrival.environment, taken.provider
        if taken.request.purpose is Purpose.TEST:
            acting = _administrator(by, environment)
            record = acting.entry(
                self._audit, AuditEvent.PROVIDER_TESTED, environment, reason=shown_subject(provider, vouched.subject)
            )
            would = await self._federations.would_be(environment, provider, vouched)
            await self._note_test(provider, would, record)
            return Tested(vouched, would)
        user = await self._federations.user(environment, provider, vouched, address=arrival.address)
        if isinstance(user, Text):
            whom = shown_subject(provider, vouched.subject)
            return SsoRefused(self._refuse(arrival, f"{whom} stands for nobody here: {user}"), unknown=True)
        return await self._signing_in.by_provider(replace(arrival, target=taken.request.target), user)

    def refused(self, arrival: Arrival, provider: IdentityProvider, reason: str) -> SsoRefused:
        """Record that nobody was signed in, and why."""
        return SsoRefused(self._refuse(arrival, f"provider {provider.provider_id} ({provider.kind}): {reason}"))

    async def _note_test(self, provider: IdentityProvider, would: User | NewPerson | Text, record: AuditRecord) -> None:
        """Record a test; a provider that would have signed somebody in who is there is known to work from now on."""
        if isinstance(would, User):
            await self._states.tested(provider.environment_id, provider.provider_id, record.at, record=record)
        else:
            self._audit.record(record)

    async def _is_used(self, environment: Environment, provider: IdentityProvider) -> bool:
        rules = await self._rules.rules(environment.environment_id)
        return provider.enabled and rules.sso is not SsoMode.NONE

    async def _begun(self, arrival: Arrival, provider: IdentityProvider, purpose: Purpose, now: Milliseconds) -> Begun:
        request = SignInRequest(
            environment_id=arrival.environment.environment_id,
            request_id=self._ids.next(now),
            provider_id=provider.provider_id,
            purpose=purpose,
            target=arrival.target,
            browser=_bound(arrival),
            salt=self._entropy(SALT_BYTES),
            key_id=self._mint.current_key(now),
            expires_at=Milliseconds(now + REQUEST_SECONDS * 1000),
        )
        await self._requests.begin(request)
        return self._named(provider, request)

    def _named(self, provider: IdentityProvider, request: SignInRequest) -> Begun:
        """A sign-in with what is derived from its row. The installation's epoch has no part: it lives ten minutes."""
        state = self._mint.derive(
            TokenKind.STATE,
            key_id=request.key_id,
            environment_id=request.environment_id,
            row_id=request.request_id,
            generation=0,
            epoch=0,
            salt=request.salt,
        )
        return Begun(provider, request, state, self._derived(b"sso nonce", request), self._derived(b"pkce", request))

    def _derived(self, purpose: bytes, request: SignInRequest) -> str:
        """43 characters that only this installation can make of the row."""
        row = struct.pack(">QQ32s", request.environment_id, request.request_id, request.salt)
        return base64.urlsafe_b64encode(self._mint.ring.mac(request.key_id, purpose, row)).rstrip(b"=").decode()

    def _refuse(self, arrival: Arrival, reason: str) -> str | None:
        return self._audit.refuse(
            AuditEvent.SIGN_IN_FAILED, arrival.environment, reason=reason, address=arrival.address
        )


def _administrator(by: Acting | None, environment: Environment) -> Acting:
    if by is None:
        raise NotAllowed("nobody is signed in")
    by.must_administer(environment)
    return by


def _bound(arrival: Arrival) -> bytes:
    """What a sign-in is bound to: this browser's cookie, of which only the digest is kept."""
    return hashlib.sha256(b"sso %d " % arrival.environment.environment_id + (arrival.browser or b"")).digest()
