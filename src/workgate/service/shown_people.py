"""How users and what belongs to them are shown as JSON, by the command line and by the admin API alike."""

from msgspec import Struct

from workgate.domain.ids import Milliseconds
from workgate.domain.people import Person
from workgate.domain.signing_in import SignInRules, SsoMode
from workgate.domain.sso import FederatedUser
from workgate.service.descriptions import Moment, moment
from workgate.service.mailed_links import Invited
from workgate.service.sign_in_rules import flat


class ShownUser(Struct, frozen=True, kw_only=True):
    """A user. ``second_steps`` is how many authenticators and passkeys there are; ``locked_until`` null: not locked."""

    id: str
    username: str
    first_name: str
    last_name: str
    email: str
    is_admin: bool
    is_active: bool
    sso_only: bool
    has_password: bool
    second_steps: int
    locked_until: Moment | None
    last_sign_in: Moment | None
    created: Moment | None


class ShownRules(Struct, frozen=True, kw_only=True):
    """How people sign in to an environment.

    ``kinds`` is how many of lower case, upper case, digits and others a password needs, ``history`` how many of the
    last passwords cannot be used again; ``expires_days`` null: never; ``lock_tries`` and ``lock_minutes`` null: as the
    operator has set.
    """

    sso: SsoMode
    administrators_exempt: bool
    two_step_required: bool
    minimum_length: int
    kinds: int
    refuse_common: bool
    history: int
    expires_days: int | None
    lock_tries: int | None
    lock_minutes: int | None


class ShownInvitation(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A link by which a user sets a password, once. ``link`` is there only if it was not mailed: hand it over."""

    mailed: bool
    expires: Moment | None
    link: str | None = None

    def __repr__(self) -> str:
        """Leave the link out of tracebacks and logs."""
        return f"ShownInvitation(mailed={self.mailed}, expires={self.expires})"


class ShownFederation(Struct, frozen=True, kw_only=True):
    """A provider's subject that stands for a user."""

    provider_id: str
    subject: str
    created: Moment | None


def show_invitation(invited: Invited) -> ShownInvitation:
    """Show a link that was just made."""
    link = None if invited.mailed else invited.address
    return ShownInvitation(mailed=invited.mailed, expires=moment(invited.expires_at), link=link)


def show_federation(federated: FederatedUser) -> ShownFederation:
    """Show a subject that stands for a user."""
    created = moment(federated.created_at)
    return ShownFederation(provider_id=str(federated.provider_id), subject=federated.subject, created=created)


def show_user(person: Person, now: Milliseconds) -> ShownUser:
    """Show a user."""
    user = person.user
    return ShownUser(
        id=user.user_id,
        username=user.username,
        first_name=user.first_name,
        last_name=user.last_name,
        email=user.email,
        is_admin=user.is_admin,
        is_active=user.is_active,
        sso_only=person.sso_only,
        has_password=person.has_password,
        second_steps=person.second_steps,
        locked_until=moment(person.locked_until) if person.is_locked(now) else None,
        last_sign_in=moment(person.last_sign_in_at),
        created=moment(person.created_at),
    )


def show_rules(rules: SignInRules) -> ShownRules:
    """Show an environment's rules."""
    return ShownRules(**flat(rules))
