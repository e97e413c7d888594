"""Second steps that people set up for themselves: an authenticator app, passkeys, recovery codes; and their reset.

Changing one's own asks for a recent sign-in: whoever finds a browser open must not be able to lock its owner out.
"""

import struct
from collections.abc import Sequence
from dataclasses import dataclass, field

from workgate.crypto.sealing import seal, unseal
from workgate.crypto.tokens import Mint
from workgate.domain.accounts import Environment, User
from workgate.domain.audit import AuditEvent
from workgate.domain.ids import Clock, Entropy, EnvironmentId, Milliseconds, ObjectId, RowId, RowIds
from workgate.domain.ports import AlreadyExists
from workgate.domain.problems import Conflict, NotFound, Problem
from workgate.domain.second_factors import (
    LONGEST_FACTOR_NAME,
    MOST_FACTORS,
    RECOVERY_CODES,
    FactorKind,
    Passkey,
    RelyingParty,
    SecondFactor,
    is_recent,
    recovery_code,
)
from workgate.domain.sign_in_ports import SecondFactorStore, SignInRulesStore
from workgate.ops.audit import AuditLog
from workgate.service.acting import Acting, until_new
from workgate.service.once import Question, Questions
from workgate.signin.passkeys import PasskeyRefused, PasskeyUser, check_registration, registration_options
from workgate.signin.totp import SECRET_BYTES, matching_step, provisioning_uri, secret_text

_TOTP_SECRET = b"totp secret"
_NEW_TOTP, _NEW_PASSKEY = b"new authenticator app", b"new passkey"
_CODE_BYTES = 16
_KEY = struct.Struct(">H")


class NotRecent(Problem):
    """Whoever asks signed in too long ago: first the password again."""


@dataclass(frozen=True, slots=True)
class Person:
    """Who changes their own second steps, and in which browser.

    ``binding`` is what that browser's forms are bound to, ``since`` when they last showed who they are.
    """

    environment: Environment
    user: User
    binding: bytes = field(repr=False)
    since: Milliseconds
    address: str

    @property
    def bound(self) -> bytes:
        """What is asked of this person in this browser, and of nobody else."""
        return b"%d %s " % (self.environment.environment_id, self.user.user_id.encode()) + self.binding

    @property
    def acting(self) -> Acting:
        """The same, for the audit log."""
        return Acting(self.user, self.address)


@dataclass(frozen=True, slots=True)
class OwnSteps:
    """What somebody has set up; ``required``: the environment wants two steps, so one must stay."""

    factors: Sequence[SecondFactor]
    codes_left: int
    required: bool


@dataclass(frozen=True, slots=True)
class NewAuthenticator:
    """What an authenticator app is to be given, as a QR code or typed."""

    ticket: str
    secret: str = field(repr=False)
    uri: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class NewPasskey:
    """What the browser is to be asked for a new passkey, as JSON."""

    ticket: str
    options: str


class SecondSteps:
    """Second steps of the people of every environment."""

    def __init__(
        self,
        *,
        factors: SecondFactorStore,
        rules: SignInRulesStore,
        questions: Questions,
        mint: Mint,
        ids: RowIds,
        clock: Clock,
        entropy: Entropy,
        audit: AuditLog,
    ) -> None:
        self._factors = factors
        self._rules = rules
        self._questions = questions
        self._mint = mint
        self._ids = ids
        self._clock = clock
        self._entropy = entropy
        self._audit = audit

    async def of(self, environment: Environment, user: User) -> OwnSteps:
        """Tell what a user has set up."""
        factors = await self._factors.factors(environment.environment_id, user.user_id)
        codes = await self._factors.recovery_digests(environment.environment_id, user.user_id)
        rules = await self._rules.rules(environment.environment_id)
        return OwnSteps(factors, codes_left(self._mint, codes), rules.two_step_required)

    def new_authenticator(self, person: Person, ticket: str = "") -> NewAuthenticator:
        """Make the secret of a new authenticator app, or give once more the one that a ticket stands for.

        Raises:
            NotRecent: first the password again.
        """
        self.must_be_recent(person)
        asked = self._questions.asked(_NEW_TOTP, person.bound, ticket) if ticket else None
        asked = asked or self._questions.ask(_NEW_TOTP, person.bound)
        secret, environment = asked.value[:SECRET_BYTES], person.environment
        name = environment.name if environment.lane == "my" else f"{environment.name} ({environment.lane})"
        uri = provisioning_uri(secret, issuer=name, account=person.user.username)
        return NewAuthenticator(asked.ticket, secret_text(secret), uri)

    async def add_authenticator(self, person: Person, *, ticket: str, code: str) -> Sequence[str]:
        """Set up an authenticator app that shows the right code; it takes the place of the one before.

        Returns:
            The new recovery codes if it is the first second step; else nothing.

        Raises:
            NotRecent: first the password again.
            Problem: the code is wrong, or the secret was made too long ago.
        """
        self.must_be_recent(person)
        asked = self._questions.asked(_NEW_TOTP, person.bound, ticket)
        if asked is None:
            raise _too_old()
        secret, now = asked.value[:SECRET_BYTES], self._clock.now()
        step = matching_step(secret, code, now)
        if step is None:
            raise Problem("this is not the code that the app shows now: check the clock of its device", field="code")
        factor_id = self._ids.next(now)
        sealed = seal_totp(self._mint, secret, person.user, factor_id, now=now, entropy=self._entropy)
        factor = self._factor(person, factor_id, FactorKind.TOTP, "", step, sealed_secret=sealed)
        return await self._add(person, factor, asked)

    async def new_passkey(self, person: Person, party: RelyingParty) -> NewPasskey:
        """Say what the browser is to be asked for a new passkey.

        Raises:
            NotRecent: first the password again.
        """
        self.must_be_recent(person)
        user = person.user
        asked = self._questions.ask(_NEW_PASSKEY, person.bound)
        existing = await self._factors.factors(person.environment.environment_id, user.user_id)
        whose = PasskeyUser(user_handle(user.user_id), user.username, user.name)
        passkeys = [factor.passkey for factor in existing if factor.passkey is not None]
        return NewPasskey(asked.ticket, registration_options(party, whose, asked.value, passkeys))

    async def add_passkey(
        self, person: Person, party: RelyingParty, *, ticket: str, answer: str, name: str
    ) -> Sequence[str]:
        """Keep the passkey that the browser made.

        Returns:
            The new recovery codes if it is the first second step; else nothing.

        Raises:
            NotRecent: first the password again.
            Problem: the name or the passkey is not usable, or it was asked for too long ago.
        """
        self.must_be_recent(person)
        if len(name) > LONGEST_FACTOR_NAME or not name.isprintable():
            raise Problem(
                "a name has at most {most} characters, all of them to be seen", field="name", most=LONGEST_FACTOR_NAME
            )
        asked = self._questions.asked(_NEW_PASSKEY, person.bound, ticket)
        if asked is None:
            raise _too_old()
        try:
            passkey, counter = check_registration(party, answer=answer, challenge=asked.value)
        except PasskeyRefused as refused:
            reference = self._refused(person, str(refused))
            raise Problem("this passkey was not taken: try once more ({reference})", reference=reference) from None
        factor_id = self._ids.next(self._clock.now())
        factor = self._factor(person, factor_id, FactorKind.PASSKEY, name.strip(), counter, passkey=passkey)
        return await self._add(person, factor, asked)

    async def remove(self, person: Person, factor_id: RowId) -> None:
        """Remove one of one's own second steps. Nothing else ends.

        Raises:
            NotRecent: first the password again.
            NotFound: there is none of that ID.
            Conflict: it is the last one, and the environment wants two steps.
        """
        self.must_be_recent(person)
        environment_id, user_id = person.environment.environment_id, person.user.user_id
        own = await self.of(person.environment, person.user)
        removed = next((factor for factor in own.factors if factor.factor_id == factor_id), None)
        if removed is None:
            raise NotFound("no second step of yours has this ID")
        done = await until_new(
            lambda: self._factors.remove_factor(
                environment_id,
                user_id,
                factor_id,
                keep_one=own.required,
                record=person.acting.entry(
                    self._audit,
                    AuditEvent.SECOND_FACTOR_REMOVED,
                    person.environment,
                    reason=f"{removed.kind}, {removed.name!r}",
                ),
            )
        )
        if not done:
            left = await self._factors.factors(environment_id, user_id)
            if any(factor.factor_id == factor_id for factor in left):
                raise Conflict("your organisation asks for two steps: add another one before you remove the last")
            raise NotFound("no second step of yours has this ID")

    async def new_recovery_codes(self, person: Person) -> Sequence[str]:
        """Make ten recovery codes; those before are worth nothing any more.

        Raises:
            NotRecent: first the password again.
            Conflict: there is no second step that they could stand in for.
        """
        self.must_be_recent(person)
        codes = self._new_codes()
        digests = [self._digest(person, code) for code in codes]
        environment, user_id = person.environment, person.user.user_id
        done = await until_new(
            lambda: self._factors.replace_recovery_codes(
                environment.environment_id,
                user_id,
                digests,
                record=person.acting.entry(self._audit, AuditEvent.RECOVERY_CODES_MADE, environment),
            )
        )
        if not done:
            raise Conflict("recovery codes stand in for a second step: set one up first")
        return codes

    async def reset(self, environment: Environment, user: User, *, by: Acting) -> bool:
        """Remove all second steps of a user who lost them, as an administrator; the password then signs in alone.

        Returns:
            False: there was none.

        Raises:
            NotAllowed: whoever asks is no administrator.
        """
        by.must_administer(environment)
        return await until_new(
            lambda: self._factors.remove_factors(
                environment.environment_id,
                user.user_id,
                record=by.entry(
                    self._audit, AuditEvent.SECOND_FACTORS_RESET, environment, reason=f"of user {user.user_id}"
                ),
            )
        )

    async def _add(self, person: Person, factor: SecondFactor, asked: Question) -> Sequence[str]:
        existing = await self._factors.factors(factor.environment_id, factor.user_id)
        codes = [] if existing else self._new_codes()
        try:
            added = await self._factors.add_factor(
                factor,
                at_most=MOST_FACTORS,
                once=asked.once,
                recovery_digests=[self._digest(person, code) for code in codes],
                record=person.acting.entry(
                    self._audit,
                    AuditEvent.SECOND_FACTOR_ADDED,
                    person.environment,
                    reason=f"{factor.kind}, {factor.name!r}",
                ),
            )
        except AlreadyExists:
            raise Conflict("this was set up already: nothing was added just now") from None
        if not added:
            raise Conflict("nobody can have more than {most} second steps: remove one first", most=MOST_FACTORS)
        return codes

    def _factor(
        self,
        person: Person,
        factor_id: RowId,
        kind: FactorKind,
        name: str,
        last_step: int,
        *,
        passkey: Passkey | None = None,
        sealed_secret: bytes | None = None,
    ) -> SecondFactor:
        return SecondFactor(
            environment_id=person.environment.environment_id,
            user_id=person.user.user_id,
            factor_id=factor_id,
            kind=kind,
            name=name,
            passkey=passkey,
            sealed_secret=sealed_secret,
            last_step=last_step,
            created_at=self._clock.now(),
        )

    def _new_codes(self) -> list[str]:
        return [recovery_code(self._entropy(_CODE_BYTES)) for _ in range(RECOVERY_CODES)]

    def _digest(self, person: Person, code: str) -> bytes:
        return recovery_digest(self._mint, self._mint.current_key(self._clock.now()), person.user, code)

    def must_be_recent(self, person: Person) -> None:
        """Let whoever showed lately who they are pass.

        Raises:
            NotRecent: first the password again.
        """
        if not is_recent(person.since, self._clock.now()):
            raise NotRecent("enter your password again before you change how you sign in")

    def _refused(self, person: Person, reason: str) -> str:
        reference = self._audit.refuse(
            AuditEvent.SIGN_IN_FAILED,
            person.environment,
            reason=f"a new passkey: {reason}",
            actor=person.user.user_id,
            address=person.address,
        )
        return reference or ""


def user_handle(user_id: ObjectId) -> bytes:
    """What an authenticator knows a user by: the bytes of the ID, which says nothing about the person."""
    return bytes.fromhex(user_id)


def seal_totp(mint: Mint, secret: bytes, user: User, factor_id: RowId, *, now: Milliseconds, entropy: Entropy) -> bytes:
    """Hide an authenticator app's secret, for its own row."""
    belongs_to = _row(user.environment_id, user.user_id, factor_id)
    return seal(mint.ring, mint.current_key(now), secret, purpose=_TOTP_SECRET, belongs_to=belongs_to, entropy=entropy)


def unseal_totp(mint: Mint, factor: SecondFactor) -> bytes:
    """Give it back.

    Raises:
        Unsealable: it was altered, or its key is gone.
    """
    belongs_to = _row(factor.environment_id, factor.user_id, factor.factor_id)
    return unseal(mint.ring, factor.sealed_secret or b"", purpose=_TOTP_SECRET, belongs_to=belongs_to)


def _row(environment_id: EnvironmentId, user_id: ObjectId, factor_id: RowId) -> bytes:
    return b"%d %s %d" % (environment_id, user_id.encode(), factor_id)


def recovery_digest(mint: Mint, key_id: int, user: User, code: str) -> bytes:
    """What is kept of a recovery code, the key's ID before it: without the key ring nobody can try codes against it."""
    message = b"%d %s %s" % (user.environment_id, user.user_id.encode(), code.encode())
    return _KEY.pack(key_id) + mint.ring.mac(key_id, b"recovery code", message)


def codes_left(mint: Mint, digests: Sequence[bytes]) -> int:
    """How many recovery codes still count: those of a retired key do not."""
    keys = {key.key_id for key in mint.ring.keys}
    return sum(1 for digest in digests if _KEY.unpack_from(digest)[0] in keys)


def _too_old() -> Problem:
    return Problem("this page was open for too long: nothing was added, begin once more")
