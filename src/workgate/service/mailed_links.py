"""Links that are mailed: for a forgotten password, and for the first one of somebody who was invited.

A link is derived like every token and works once; looking at it does not use it up, for programs that examine mail
do so. What is asked for in the name of an account is done in the background: the answer is the same, and as fast,
whether there is such an account or not.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

from workgate.crypto.tokens import SALT_BYTES, Mint, TokenKind, read_token
from workgate.domain.accounts import LONGEST_USERNAME, Environment, User, username_key
from workgate.domain.audit import AuditEvent
from workgate.domain.ids import Clock, Entropy, Milliseconds, RowIds
from workgate.domain.limits import FailureLimit
from workgate.domain.link_origins import LinkOrigins
from workgate.domain.mails import (
    LinkPurpose,
    Mail,
    MailedLink,
    Say,
    changed_letter,
    invitation,
    is_usable,
    renewal,
    reset_letter,
    sso_letter,
    written,
)
from workgate.domain.ports import UserStore
from workgate.domain.problems import Conflict, NotFound
from workgate.domain.sign_in_ports import LinkStore, PasswordStore, SignInRulesStore
from workgate.domain.signing_in import Account, why_no_password
from workgate.domain.texts import Text
from workgate.ops.audit import AuditLog
from workgate.ops.telemetry import log_refusal
from workgate.service.acting import Acting, until_new
from workgate.service.outbox import Outbox
from workgate.service.passwords import Overtaken, PasswordDesk, PasswordSet, RulesBroken

RESET_PATH = "/reset"
FORGOTTEN_PATH = "/forgotten"
_SIGN_IN_PATH = "/login"
_MOST_LINKS = 5
_MOST_WITH_ONE_ADDRESS = 5
_REQUESTS_PER_ADDRESS = 10
_REQUESTS_PER_ACCOUNT = 3


@dataclass(frozen=True, slots=True)
class Mailing:
    """How a mail is written: what its links begin with, and in which language."""

    origin: str
    say: Say = field(repr=False)


@dataclass(frozen=True, slots=True)
class Invited:
    """A link for the user's first password. ``mailed``: it is on its way; else somebody has to hand it over."""

    address: str = field(repr=False)
    expires_at: Milliseconds
    mailed: bool


@dataclass(frozen=True, slots=True)
class Holder:
    """Whoever has a link that works: whose account it is for."""

    link: MailedLink
    account: Account


class MailedLinks:
    """Mails links, and takes the passwords that are chosen with them."""

    def __init__(
        self,
        *,
        links: LinkStore,
        users: UserStore,
        passwords: PasswordStore,
        rules: SignInRulesStore,
        desk: PasswordDesk,
        outbox: Outbox,
        origins: LinkOrigins,
        mint: Mint,
        ids: RowIds,
        clock: Clock,
        entropy: Entropy,
        audit: AuditLog,
    ) -> None:
        self._links = links
        self._users = users
        self._passwords = passwords
        self._rules = rules
        self._desk = desk
        self._outbox = outbox
        self._origins = origins
        self._mint = mint
        self._ids = ids
        self._clock = clock
        self._entropy = entropy
        self._audit = audit
        self._by_address = FailureLimit(_REQUESTS_PER_ADDRESS)
        self._by_account = FailureLimit(_REQUESTS_PER_ACCOUNT)

    @property
    def can_mail(self) -> bool:
        """Whether mail leaves this installation."""
        return self._outbox.is_open

    def forgotten(self, environment: Environment, typed: str, *, address: str, mailing: Mailing) -> int | None:
        """Have a link mailed to whoever has this user name or e-mail address, if anybody has.

        Args:
            environment: where.
            typed: the user name or e-mail address.
            address: who asks.
            mailing: how the mail is written.

        Returns:
            None: it was taken; else for how many seconds to wait, because too much was asked lately. Neither depends
            on whether there is such an account.
        """
        now = self._clock.now()
        typed = typed.strip()[: LONGEST_USERNAME + 1]
        account = (environment.environment_id, username_key(typed))
        limits = ((self._by_address, address), (self._by_account, account))
        waits = [wait for limit, key in limits if (wait := limit.wait(key, now)) is not None]
        if waits:
            return max(waits)
        for limit, key in limits:
            limit.failed(key, now)
        self._outbox.post(lambda: self._answer_forgotten(environment, typed, address, mailing))
        return None

    async def invite(self, environment: Environment, user: User, *, by: Acting, mailing: Mailing) -> Invited:
        """Make a link with which a user chooses the first password, and mail it; earlier ones of the kind end.

        Of somebody who has a password it is a link for another one, which works for an hour.

        Args:
            environment: where.
            user: who is invited.
            by: the administrator who does it.
            mailing: how the mail is written.

        Raises:
            NotAllowed: whoever does it is no administrator.
            NotFound: the environment has no such user.
            Conflict: the user is disabled, or signs in with SSO only.
            StoreUnavailable: nothing was done.
        """
        by.must_administer(environment)
        account = await self._users.account(environment.environment_id, user.user_id)
        if account is None:
            raise NotFound("no user of this environment has this ID")
        if not account.user.is_active:
            raise Conflict("the user is disabled: enable them first")
        if why_no_password(await self._rules.rules(environment.environment_id), account) is not None:
            raise Conflict("this user signs in with single sign-on and has no password to choose")
        purpose = LinkPurpose.INVITE if account.password_hash is None else LinkPurpose.RESET
        user = account.user
        link = await self._make(environment, user, purpose, by, at_most=1, instead=True)
        if link is None:
            raise Conflict("another link was made at this moment: try once more")
        address = self._address(environment, link, mailing)
        mailed = self._outbox.is_open and is_usable(user.email)
        if mailed:
            letter = invitation if purpose is LinkPurpose.INVITE else renewal
            mail = written(letter(user, environment, address), user, mailing.say)
            self._outbox.post(lambda: _these([mail]))
        return Invited(address, link.expires_at, mailed)

    async def holder(self, environment: Environment, text: str) -> Holder | None:
        """Tell whose account a link is for; None: it is none of this environment, was used, or is over.

        Raises:
            StoreUnavailable: it could not be looked up.
        """
        token = read_token(TokenKind.LINK, text)
        if token is None:
            return None
        link = await self._links.link(environment.environment_id, token.row_id, now=self._clock.now())
        if link is None or not self._mint.verify(
            token, environment_id=environment.environment_id, epoch=link.epoch, salt=link.salt
        ):
            return None
        account = await self._users.account(environment.environment_id, link.user_id)
        if account is None or not account.user.is_active:
            return None
        rules = await self._rules.rules(environment.environment_id)
        return Holder(link, account) if why_no_password(rules, account) is None else None

    async def asked(self, environment: Environment, holder: Holder) -> Sequence[Text]:
        """Say what is asked of the password that is chosen."""
        return await self._desk.asked(environment, holder.account)

    async def choose(
        self, environment: Environment, holder: Holder, new: str, *, address: str, mailing: Mailing
    ) -> PasswordSet | RulesBroken | Overtaken:
        """Take the password that the holder of a link chose; the link is used up with it, in the same commit.

        Raises:
            StoreUnavailable: nothing was changed.
        """
        user = holder.account.user
        chosen = await self._desk.choose(
            environment,
            holder.account,
            new,
            event=AuditEvent.PASSWORD_RESET,
            by=Acting(user, address),
            link_id=holder.link.link_id,
        )
        if isinstance(chosen, PasswordSet) and holder.link.purpose is LinkPurpose.RESET:
            self.tell_changed(environment, user, mailing)
        return chosen

    def tell_changed(self, environment: Environment, user: User, mailing: Mailing) -> None:
        """Mail a user that the password was changed, in case it was somebody else who did it."""
        if self._outbox.is_open and is_usable(user.email):
            forgotten = self._origins.of(environment, mailing.origin) + FORGOTTEN_PATH
            mail = written(changed_letter(user, environment, forgotten), user, mailing.say)
            self._outbox.post(lambda: _these([mail]))

    async def _answer_forgotten(
        self, environment: Environment, typed: str, address: str, mailing: Mailing
    ) -> Sequence[Mail]:
        rules = await self._rules.rules(environment.environment_id)
        mails = []
        for account in await self._accounts(environment, typed):
            user = account.user
            if not user.is_active or not is_usable(user.email):
                log_refusal(event="mail_not_sent", actor=user.user_id, reason="disabled, or no usable e-mail address")
            elif why_no_password(rules, account) is not None:
                sign_in = self._origins.of(environment, mailing.origin) + _SIGN_IN_PATH
                mails.append(written(sso_letter(user, environment, sign_in), user, mailing.say))
            else:
                by = Acting(user, address)
                link = await self._make(environment, user, LinkPurpose.RESET, by, at_most=_MOST_LINKS, instead=False)
                if link is not None:
                    letter = reset_letter(user, environment, self._address(environment, link, mailing))
                    mails.append(written(letter, user, mailing.say))
        return mails

    async def _accounts(self, environment: Environment, typed: str) -> Sequence[Account]:
        """Whoever has this user name; if nobody has, whoever has this e-mail address."""
        environment_id = environment.environment_id
        if not 0 < len(typed) <= LONGEST_USERNAME:
            return []
        account = await self._users.account_named(environment_id, typed)
        if account is not None:
            return [account]
        if not is_usable(typed):
            return []
        ids = await self._passwords.users_with_email(environment_id, typed, _MOST_WITH_ONE_ADDRESS)
        found = [await self._users.account(environment_id, user_id) for user_id in ids]
        return [account for account in found if account is not None]

    async def _make(
        self, environment: Environment, user: User, purpose: LinkPurpose, by: Acting, *, at_most: int, instead: bool
    ) -> MailedLink | None:
        """Keep a new link; gives it as it is kept, None if the user has enough of them."""

        async def make() -> MailedLink | None:
            now = self._clock.now()
            link = MailedLink(
                environment_id=environment.environment_id,
                link_id=self._ids.next(now),
                user_id=user.user_id,
                purpose=purpose,
                salt=self._entropy(SALT_BYTES),
                key_id=self._mint.current_key(now),
                expires_at=Milliseconds(now + purpose.seconds * 1000),
                epoch=0,
            )
            event = AuditEvent.USER_INVITED if purpose is LinkPurpose.INVITE else AuditEvent.LINK_MAILED
            record = by.entry(self._audit, event, environment, reason=f"of user {user.user_id}")
            kept = await self._links.create_link(link, now=now, at_most=at_most, instead=instead, record=record)
            return await self._links.link(link.environment_id, link.link_id, now=now) if kept else None

        return await until_new(make)

    def _address(self, environment: Environment, link: MailedLink, mailing: Mailing) -> str:
        token = self._mint.derive(
            TokenKind.LINK,
            key_id=link.key_id,
            environment_id=link.environment_id,
            row_id=link.link_id,
            generation=0,
            epoch=link.epoch,
            salt=link.salt,
        )
        return f"{self._origins.of(environment, mailing.origin)}{RESET_PATH}?link={token.reveal()}"


async def _these(mails: Sequence[Mail]) -> Sequence[Mail]:
    return mails
