"""The second step of a sign-in: an authenticator app's code, a passkey or a recovery code, each good for one time.

Wrong answers count as wrong passwords do, against the account and the address, so none can be guessed.
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from workgate.crypto.sealing import Unsealable, sealed_under
from workgate.crypto.tokens import Mint
from workgate.domain.audit import AuditEvent
from workgate.domain.ids import Clock, Entropy
from workgate.domain.second_factors import FactorKind, Passkey, RelyingParty, SecondFactor, read_recovery_code
from workgate.domain.sign_in_ports import SecondFactorStore
from workgate.domain.signing_in import Step, why_locked
from workgate.ops.audit import AuditLog
from workgate.service.acting import Acting, until_new
from workgate.service.once import Questions
from workgate.service.second_steps import codes_left, recovery_digest, seal_totp, unseal_totp, user_handle
from workgate.service.signing_in import Arrival, Pending, SignIn, SigningIn
from workgate.signin.passkeys import PasskeyRefused, authentication_options, check_authentication, credential_id_in
from workgate.signin.totp import matching_step

_USE_PASSKEY = b"use passkey"


class _Wrong(Exception):
    """The answer does not count; the message is the private reason."""


@dataclass(frozen=True, slots=True)
class Ways:
    """How somebody can show the second step. ``passkeys`` are those that this address can ask for."""

    has_app: bool
    passkeys: int
    recovery_codes: int


@dataclass(frozen=True, slots=True)
class AskedPasskey:
    """What the browser is to be asked, as JSON; ``ticket`` comes back with the answer."""

    ticket: str
    options: str


class SecondStepAnswers:
    """Checks the second step of sign-ins under way."""

    def __init__(
        self,
        *,
        signing_in: SigningIn,
        factors: SecondFactorStore,
        questions: Questions,
        mint: Mint,
        clock: Clock,
        entropy: Entropy,
        audit: AuditLog,
    ) -> None:
        self._signing_in = signing_in
        self._factors = factors
        self._questions = questions
        self._mint = mint
        self._clock = clock
        self._entropy = entropy
        self._audit = audit

    async def ways(self, pending: Pending, party: RelyingParty | None) -> Ways:
        """Tell how the user of a sign-in can show the second step."""
        user = pending.account.user
        factors = await self._factors.factors(user.environment_id, user.user_id)
        codes = await self._factors.recovery_digests(user.environment_id, user.user_id)
        return Ways(
            has_app=any(factor.kind is FactorKind.TOTP for factor in factors),
            passkeys=sum(1 for f in factors if party and f.passkey and f.passkey.rp_id == party.rp_id),
            recovery_codes=codes_left(self._mint, codes),
        )

    async def ask_passkey(self, arrival: Arrival, pending: Pending, party: RelyingParty) -> AskedPasskey:
        """Say what the browser is to be asked."""
        user = pending.account.user
        factors = await self._factors.factors(user.environment_id, user.user_id)
        asked = self._questions.ask(_USE_PASSKEY, _bound(arrival, pending))
        passkeys = [factor.passkey for factor in factors if factor.passkey is not None]
        return AskedPasskey(asked.ticket, authentication_options(party, asked.value, passkeys))

    async def by_code(self, arrival: Arrival, pending: Pending, code: str) -> SignIn:
        """Check an authenticator app's code. Its secret is sealed anew if the key ring has a newer key."""
        return await self._answer(arrival, pending, lambda: self._use_code(pending, code))

    async def by_recovery_code(self, arrival: Arrival, pending: Pending, code: str) -> SignIn:
        """Check a recovery code, and use it up."""
        return await self._answer(arrival, pending, lambda: self._use_recovery_code(arrival, pending, code))

    async def by_passkey(
        self, arrival: Arrival, pending: Pending, party: RelyingParty, *, ticket: str, answer: str
    ) -> SignIn:
        """Check what the browser answered for a passkey."""
        return await self._answer(
            arrival, pending, lambda: self._use_passkey(arrival, pending, party, ticket=ticket, answer=answer)
        )

    async def _answer(self, arrival: Arrival, pending: Pending, use: Callable[[], Awaitable[None]]) -> SignIn:
        """Check an answer with ``use``, which uses it up or raises ``_Wrong``.

        Of many at once at most as many count as an account may fail: a right one too counts only if the account is
        not locked when it has been used up, and by then those before it have been counted.
        """
        username = pending.account.user.username
        limited = self._signing_in.limited(arrival, username)
        if limited is not None:
            return limited
        try:
            if pending.step is not Step.SECOND_STEP:
                raise _Wrong("the sign-in owes another step")
            locked = why_locked(pending.account, self._clock.now())
            if locked is not None:
                raise _Wrong(locked)
            await use()
        except _Wrong as wrong:
            return await self._signing_in.failed(arrival, username, pending.account, f"second step: {wrong}")
        return await self._signing_in.done(arrival, pending)

    async def _use_code(self, pending: Pending, code: str) -> None:
        user, now = pending.account.user, self._clock.now()
        for factor in await self._factors.factors(user.environment_id, user.user_id):
            if factor.kind is not FactorKind.TOTP:
                continue
            secret = self._secret(factor)
            step = matching_step(secret, code, now)
            if step is None:
                raise _Wrong("the app shows another code")
            sealed = None
            if sealed_under(factor.sealed_secret or b"") != self._mint.current_key(now):
                sealed = seal_totp(self._mint, secret, user, factor.factor_id, now=now, entropy=self._entropy)
            if not await self._factors.use_factor(factor, step=step, now=now, sealed_secret=sealed):
                raise _Wrong("this code, or a later one, was used before")
            return
        raise _Wrong("the user has no authenticator app")

    async def _use_recovery_code(self, arrival: Arrival, pending: Pending, code: str) -> None:
        user, read = pending.account.user, read_recovery_code(code)
        if read is None:
            raise _Wrong("this is no recovery code")
        kept = await self._factors.recovery_digests(user.environment_id, user.user_id)
        digests = (recovery_digest(self._mint, key.key_id, user, read) for key in self._mint.ring.keys)
        digest = next((digest for digest in digests if digest in kept), None)
        by = Acting(user, arrival.address)
        if digest is None or not await until_new(
            lambda: self._factors.use_recovery_code(
                user.environment_id,
                user.user_id,
                digest,
                record=by.entry(
                    self._audit, AuditEvent.RECOVERY_CODE_USED, arrival.environment, reason=f"{len(kept) - 1} left"
                ),
            )
        ):
            raise _Wrong("this recovery code is not one of the user's, or was used before")

    async def _use_passkey(
        self, arrival: Arrival, pending: Pending, party: RelyingParty, *, ticket: str, answer: str
    ) -> None:
        user = pending.account.user
        asked = self._questions.asked(_USE_PASSKEY, _bound(arrival, pending), ticket)
        if asked is None:
            raise _Wrong("what was asked of the passkey is too old, or was asked of another browser")
        try:
            credential_id = credential_id_in(answer)
            factor, passkey = self._named(await self._factors.factors(user.environment_id, user.user_id), credential_id)
            counter = check_authentication(
                party,
                answer=answer,
                challenge=asked.value,
                passkey=passkey,
                counter=factor.last_step,
                handle=user_handle(user.user_id),
            )
        except PasskeyRefused as refused:
            raise _Wrong(str(refused)) from None
        if not await self._factors.use_factor(factor, step=counter, now=self._clock.now(), once=asked.once):
            raise _Wrong("this answer of the passkey was used before")

    def _secret(self, factor: SecondFactor) -> bytes:
        try:
            return unseal_totp(self._mint, factor)
        except Unsealable as error:
            raise _Wrong(f"the app's secret cannot be read: {error}") from None

    @staticmethod
    def _named(factors: Sequence[SecondFactor], credential_id: bytes) -> tuple[SecondFactor, Passkey]:
        for factor in factors:
            if factor.passkey is not None and factor.passkey.credential_id == credential_id:
                return factor, factor.passkey
        raise _Wrong("the passkey is not one of the user's")


def _bound(arrival: Arrival, pending: Pending) -> bytes:
    """What is asked of this user in this browser, and of nobody else."""
    user = pending.account.user
    return b"%d %s " % (user.environment_id, user.user_id.encode()) + (arrival.browser or b"")
