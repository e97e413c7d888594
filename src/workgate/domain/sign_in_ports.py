"""The stores of signing in, as ``domain/ports.py`` says of all of them."""

from collections.abc import Sequence
from typing import Protocol

from workgate.domain.accounts import User
from workgate.domain.audit import AuditRecord
from workgate.domain.ids import EnvironmentId, Milliseconds, ObjectId, RowId
from workgate.domain.mails import Mail, MailedLink
from workgate.domain.own_sessions import OwnSession
from workgate.domain.second_factors import Once, SecondFactor
from workgate.domain.signing_in import Account, SignInRules


class SignInRulesStore(Protocol):
    """What each environment decided about signing in."""

    async def rules(self, environment_id: EnvironmentId) -> SignInRules:
        """Give an environment's rules; the defaults where nothing was decided."""

    async def set_rules(self, environment_id: EnvironmentId, rules: SignInRules, *, record: AuditRecord) -> None:
        """Write them, with the record of it, in one commit."""


class MailFailed(Exception):
    """A mail could not be handed over; the message says why, and names nobody. ``again``: trying again can help."""

    def __init__(self, reason: str, *, again: bool) -> None:
        super().__init__(reason)
        self.again = again


class Mailer(Protocol):
    """How mail leaves."""

    async def send(self, mail: Mail) -> None:
        """Hand a mail over. Raises ``MailFailed``."""

    def close(self) -> None:
        """Let go of what it needed."""


class PasswordStore(Protocol):
    """Passwords that are changed, and those that were before."""

    async def history(self, environment_id: EnvironmentId, user_id: ObjectId, limit: int) -> Sequence[str]:
        """Give hashes of a user's former passwords, the newest first; the present one is not among them."""

    async def change_password(
        self,
        seen: Account,
        password_hash: str,
        *,
        now: Milliseconds,
        keep: int,
        link_id: RowId | None = None,
        record: AuditRecord,
    ) -> bool:
        """Change a password: sessions, the lock and mailed links of the user end, and the old hash joins the history.

        The user's ``session_epoch`` is one more than it was seen to be.

        False: nothing was changed, for the user was disabled or another change came first, or the link was used or
        is over. May raise ``AlreadyExists`` for the record's ID: then nothing was changed, try again.

        Args:
            seen: the account as it was read.
            password_hash: of the new password.
            now: the present instant.
            keep: how many former passwords the history keeps.
            link_id: the mailed link of that user that is used up by this; None: there is none.
            record: of the change, written with it.
        """

    async def users_with_email(self, environment_id: EnvironmentId, email: str, limit: int) -> Sequence[ObjectId]:
        """Find the IDs of users by their e-mail address, written like that or in lower case."""


class LinkStore(Protocol):
    """Mailed links that were not used yet."""

    async def create_link(
        self, link: MailedLink, *, now: Milliseconds, at_most: int, instead: bool, record: AuditRecord
    ) -> bool:
        """Keep a link that is about to be mailed. False: the user has ``at_most`` live ones for that purpose.

        With ``instead`` earlier ones for that purpose are worth nothing from now on. May raise ``AlreadyExists`` for an
        ID: then nothing was changed, try again.
        """

    async def link(self, environment_id: EnvironmentId, link_id: RowId, *, now: Milliseconds) -> MailedLink | None:
        """Find one that works still; None: there is none."""


class OwnSessionStore(Protocol):
    """The sessions that a person signed in for, as that person sees and ends them."""

    async def sessions_of(
        self, user: User, *, now: Milliseconds, before: RowId | None, limit: int
    ) -> Sequence[OwnSession]:
        """List those that live, the newest first, a page at a time; ``before`` is the last one of the page before."""

    async def end_own(self, user: User, row_id: RowId, *, record: AuditRecord) -> bool:
        """End one of them; False: there is none. May raise ``AlreadyExists`` for the record's ID."""

    async def end_others(self, user: User, row_id: RowId, *, record: AuditRecord) -> bool:
        """End all of them but one; False: there is no other. May raise ``AlreadyExists`` for the record's ID."""


class SecondFactorStore(Protocol):
    """Second steps of users, and their recovery codes. What is used up is used up by the write that finds it unused."""

    async def factors(self, environment_id: EnvironmentId, user_id: ObjectId) -> Sequence[SecondFactor]:
        """List a user's, oldest first."""

    async def add_factor(
        self,
        factor: SecondFactor,
        *,
        at_most: int,
        once: Once,
        recovery_digests: Sequence[bytes],
        record: AuditRecord,
    ) -> bool:
        """Add one; False: the user has ``at_most``, or is disabled or gone.

        An authenticator app takes the place of the one before. With ``recovery_digests`` those replace all of the
        user's recovery codes. Raises ``AlreadyExists`` if ``once`` was used, or somebody here has that passkey.
        """

    async def use_factor(
        self,
        factor: SecondFactor,
        *,
        step: int,
        now: Milliseconds,
        once: Once | None = None,
        sealed_secret: bytes | None = None,
    ) -> bool:
        """Note that one was used, and keep its secret as it is sealed now.

        False: not there, or that step, a later one or ``once`` was used before: refuse.
        """

    async def remove_factor(
        self,
        environment_id: EnvironmentId,
        user_id: ObjectId,
        factor_id: RowId,
        *,
        keep_one: bool,
        record: AuditRecord,
    ) -> bool:
        """Remove one, with the last one the recovery codes too; False: not there, or with ``keep_one`` the last."""

    async def remove_factors(self, environment_id: EnvironmentId, user_id: ObjectId, *, record: AuditRecord) -> bool:
        """Remove all of a user's with the recovery codes; False: there was none."""

    async def recovery_digests(self, environment_id: EnvironmentId, user_id: ObjectId) -> Sequence[bytes]:
        """Give what is kept of a user's recovery codes that were not used."""

    async def replace_recovery_codes(
        self, environment_id: EnvironmentId, user_id: ObjectId, digests: Sequence[bytes], *, record: AuditRecord
    ) -> bool:
        """Put others in their place; False: the user has no second step that they could stand in for."""

    async def use_recovery_code(
        self, environment_id: EnvironmentId, user_id: ObjectId, digest: bytes, *, record: AuditRecord
    ) -> bool:
        """Use one up; False: it was used before, so refuse."""
