"""Identity providers of an environment, whom they vouch for, and which user would be made of that.

Whoever arrives is known by the provider and the subject that it gave, and by nothing else: an e-mail address or a user
name from outside never says who somebody is here. Both protocols, OpenID Connect and SAML, end in a ``Vouched``.
"""

import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from workgate.domain.accounts import LONGEST_USERNAME
from workgate.domain.ids import EnvironmentId, Milliseconds, ObjectId, RowId
from workgate.domain.texts import N_, Text

REQUEST_SECONDS = 600
LONGEST_SUBJECT = 255
LONGEST_PROVIDER_NAME = 64
_LONGEST_FIELD = 254


class NotVouched(Exception):
    """What came back from a provider proves nothing. The message is private, for the audit log, and quotes nothing."""


class FetchFailed(Exception):
    """A provider could not be asked. The message is for the audit log, and quotes nothing of what came back.

    Args:
        reason: what is wrong; of an address that an administrator entered, for pages too.
    """

    def __init__(self, reason: Text) -> None:
        super().__init__(str(reason))
        self.reason = reason


class ProviderKind(StrEnum):
    """Which protocol a provider speaks."""

    OIDC = "oidc"
    SAML = "saml"


class Purpose(StrEnum):
    """What a sign-in at a provider is for: to sign in, or to look at what arrives."""

    SIGN_IN = "sign_in"
    TEST = "test"


@dataclass(frozen=True, slots=True, kw_only=True)
class Provisioning:
    """Whether users are made of whom the provider vouches for, and which attribute becomes which field.

    An empty name of an attribute leaves the field empty; without one for the user name it is the subject.
    """

    enabled: bool = False
    username: str = ""
    first_name: str = ""
    last_name: str = ""
    email: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class IdentityProvider:
    """A provider of one environment. ``protocol`` are the settings of its kind, as JSON values."""

    environment_id: EnvironmentId
    provider_id: RowId
    kind: ProviderKind
    name: str
    enabled: bool
    provisioning: Provisioning
    protocol: Mapping[str, object]
    sealed_secret: bytes | None = field(repr=False)
    created_at: Milliseconds


@dataclass(frozen=True, slots=True, kw_only=True)
class FederatedUser:
    """A subject of a provider that stands for a user here."""

    environment_id: EnvironmentId
    provider_id: RowId
    subject: str
    user_id: ObjectId
    created_at: Milliseconds


@dataclass(frozen=True, slots=True, kw_only=True)
class SignInRequest:
    """A sign-in that went to a provider and is expected back once, in the browser that began it.

    ``browser`` is a digest of what binds it to that; what the provider must send back is derived from ``salt``.
    ``target`` is the path of ours that it leads to. ``arrived`` is what a SAML response told, until its browser comes.
    """

    environment_id: EnvironmentId
    request_id: RowId
    provider_id: RowId
    purpose: Purpose
    target: str
    browser: bytes
    salt: bytes
    key_id: int
    expires_at: Milliseconds
    arrived: str | None = None

    def __repr__(self) -> str:
        """Leave the salt out of tracebacks and logs."""
        return f"SignInRequest({self.request_id} at {self.provider_id}, {self.purpose})"


@dataclass(frozen=True, slots=True)
class Vouched:
    """Whom a provider vouched for: its checked answer, with whatever attributes it told, each with all its values."""

    subject: str
    attributes: Mapping[str, tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class NewPerson:
    """The fields of a user that would be made of an vouched."""

    username: str
    first_name: str
    last_name: str
    email: str


def new_person(provisioning: Provisioning, vouched: Vouched) -> NewPerson | Text:
    """Map what a provider told to a user's fields, or say why no user can be made of it."""

    def of(attribute: str) -> str:
        values = vouched.attributes.get(attribute, ()) if attribute else ()
        return values[0].strip() if values else ""

    username = of(provisioning.username) if provisioning.username else vouched.subject.strip()
    if not username:
        return N_(
            "The attribute {attribute} did not arrive, of which the user name is made.", attribute=provisioning.username
        )
    person = NewPerson(username, of(provisioning.first_name), of(provisioning.last_name), of(provisioning.email))
    fields = (person.username, person.first_name, person.last_name, person.email)
    if len(username) > LONGEST_USERNAME or any(len(text) > _LONGEST_FIELD for text in fields):
        return N_("What arrived is too long for the fields of a user.")
    if any(unicodedata.category(letter).startswith("C") for text in fields for letter in text):
        return N_("What arrived has control characters, which the fields of a user cannot have.")
    return person


def usable_subject(subject: object) -> bool:
    """Tell whether a provider's subject can be kept: a text of 1 to 255 characters without control characters."""
    return (
        isinstance(subject, str)
        and 0 < len(subject) <= LONGEST_SUBJECT
        and not any(unicodedata.category(letter) in {"Cc", "Cs"} for letter in subject)
    )


def read_provider_id(text: str) -> RowId | None:
    """Read a provider's ID as addresses write it; None: it is none."""
    if not (text.isascii() and text.isdecimal() and len(text) < 20):
        return None
    number = int(text)
    return None if number >> 63 or str(number) != text else RowId(number)


def callback_path(kind: ProviderKind, provider_id: RowId) -> str:
    """Where a provider sends its answers: each has an address of its own, so none answers in another's name."""
    return f"/sso/{kind}/{provider_id}/{'callback' if kind is ProviderKind.OIDC else 'acs'}"
