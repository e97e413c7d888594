"""What the admin API takes: bodies and queries. The lengths shown here are checked where services check all fields."""

from collections.abc import Mapping
from typing import Annotated, Any

from msgspec import UNSET, Meta, Struct, UnsetType

from workgate.crypto.public_keys import LONGEST_PEM
from workgate.domain.accounts import LONGEST_USERNAME
from workgate.domain.audit import AuditEvent
from workgate.domain.oauth import ApplicationType, ConsentPolicy
from workgate.domain.people import LONGEST_SEARCH
from workgate.domain.signing_in import SsoMode
from workgate.domain.sso import LONGEST_PROVIDER_NAME, LONGEST_SUBJECT, ProviderKind, Provisioning
from workgate.service import audit_queries, connections, identity_providers, people, sign_in_rules
from workgate.service.definitions import (
    CODE_SECONDS,
    LONGEST_ADDRESS,
    LONGEST_DESCRIPTION,
    LONGEST_NAME,
    LONGEST_NOTE,
    MOST_REDIRECT_URIS,
    NewApplication,
)
from workgate.service.provider_schemas import settings_schema


def _shown(**schema: object) -> Any:  # noqa: ANN401 - what Annotated takes
    return Meta(extra_json_schema=schema)


_LONGEST_SECONDS = 2**31 - 1
Name = Annotated[str, _shown(minLength=1, maxLength=LONGEST_NAME)]
RedirectUris = Annotated[list[str], _shown(maxItems=MOST_REDIRECT_URIS)]
Seconds = Annotated[int, _shown(minimum=1, maximum=_LONGEST_SECONDS)]
CodeSeconds = Annotated[int, _shown(enum=list(CODE_SECONDS))]
Description = Annotated[str, _shown(maxLength=LONGEST_DESCRIPTION)]
Address = Annotated[str, _shown(maxLength=LONGEST_ADDRESS)]
DeveloperName = Annotated[str, _shown(maxLength=LONGEST_NAME)]
Email = Annotated[str, _shown(maxLength=254)]
Note = Annotated[str, _shown(maxLength=LONGEST_NOTE)]
Pem = Annotated[str, _shown(maxLength=LONGEST_PEM)]
Lane = Annotated[str, Meta(pattern=r"^[a-z0-9-]{1,63}$")]
Place = Annotated[str, Meta(max_length=LONGEST_NAME, description="The `following` of the page before.")]
RowPlace = Annotated[str, Meta(pattern=r"^[0-9]{1,19}$", description="The `following` of the page before.")]
Limit = Annotated[int, Meta(ge=1, le=connections.LARGEST_PAGE, description="How many are given at most.")]
AuditLimit = Annotated[int, Meta(ge=1, le=audit_queries.LARGEST_PAGE, description="How many are given at most.")]
Instant = Annotated[str, _shown(format="date-time")]
Text = Annotated[str, Meta(max_length=LONGEST_NAME)]
UserId = Annotated[str, Meta(max_length=LONGEST_NAME, description="The user ID of who did it.")]
Username = Annotated[str, Meta(max_length=LONGEST_USERNAME, description="The user name of who did it.")]
UserNames = Annotated[str, _shown(maxLength=LONGEST_USERNAME)]
PersonName = Annotated[str, _shown(maxLength=people.LONGEST_PERSON_NAME)]
Search = Annotated[str, Meta(max_length=LONGEST_SEARCH, description="Words that must all occur.")]
UserPlace = Annotated[str, Meta(pattern=r"^(|[0-9a-f]{32})$", description="The `following` of the page before.")]
ProviderId = Annotated[str, Meta(pattern=r"^[0-9]{1,19}$")]
Subject = Annotated[str, _shown(minLength=1, maxLength=LONGEST_SUBJECT)]
ProviderName = Annotated[str, _shown(minLength=1, maxLength=LONGEST_PROVIDER_NAME)]
ProviderSettings = Annotated[
    dict[str, Any],
    Meta(
        description=(
            "Those of its kind. Of kind saml metadata, or metadata_url to fetch it from; certificate is ours, and what "
            "is sent for it does not count."
        ),
        extra_json_schema=settings_schema(),
    ),
]
Secret = Annotated[str, Meta(description="The client secret of kind oidc; it is never shown again.")]
Attribute = Annotated[str, _shown(maxLength=identity_providers.LONGEST_ATTRIBUTE)]
MinimumLength = Annotated[int, _shown(minimum=sign_in_rules.SHORTEST_MINIMUM, maximum=sign_in_rules.LONGEST_MINIMUM)]
Kinds = Annotated[int, _shown(minimum=0, maximum=sign_in_rules.MOST_KINDS)]
History = Annotated[int, _shown(minimum=0, maximum=sign_in_rules.LONGEST_HISTORY)]
Days = Annotated[int, _shown(minimum=1, maximum=sign_in_rules.MOST_DAYS)]
Tries = Annotated[int, _shown(minimum=1, maximum=sign_in_rules.MOST_TRIES)]
Minutes = Annotated[int, _shown(minimum=1, maximum=sign_in_rules.MOST_MINUTES)]


class Nothing(Struct, frozen=True, forbid_unknown_fields=True):
    """No parameters, or no body."""


class NewApplicationBody(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An application to create. Durations are whole seconds; null is without end."""

    name: Name
    type: ApplicationType
    redirect_uris: RedirectUris = []
    rotate_refresh_tokens: bool = True
    refresh_absolute_seconds: Seconds | None = None
    refresh_inactivity_seconds: Seconds | None = None
    code_seconds: CodeSeconds = 120
    consent: ConsentPolicy = ConsentPolicy.ALWAYS
    description: Description = ""
    description_url: Address = ""
    developer_name: DeveloperName = ""
    developer_email: Email = ""
    privacy_url: Address = ""

    def definition(self) -> NewApplication:
        """What a service is asked for."""
        return NewApplication(**given(self))


class ChangesBody(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is to change of an application; what is not named stays. Its type never changes."""

    name: Name | UnsetType = UNSET
    redirect_uris: RedirectUris | UnsetType = UNSET
    rotate_refresh_tokens: bool | UnsetType = UNSET
    refresh_absolute_seconds: Seconds | UnsetType | None = UNSET
    refresh_inactivity_seconds: Seconds | UnsetType | None = UNSET
    code_seconds: CodeSeconds | UnsetType = UNSET
    consent: ConsentPolicy | UnsetType = UNSET
    description: Description | UnsetType = UNSET
    description_url: Address | UnsetType = UNSET
    developer_name: DeveloperName | UnsetType = UNSET
    developer_email: Email | UnsetType = UNSET
    privacy_url: Address | UnsetType = UNSET

    def fields(self) -> Mapping[str, Any]:
        """Those that are given."""
        return given(self)


class NewSecretBody(Struct, frozen=True, forbid_unknown_fields=True):
    """A client secret to add."""

    note: Note = ""


class NoteBody(Struct, frozen=True, forbid_unknown_fields=True):
    """A client secret's new note."""

    note: Note


class NewKeyBody(Struct, frozen=True, forbid_unknown_fields=True):
    """A certificate or public key, in PEM, to add; it speaks for whoever adds it."""

    public_key: Pem
    note: Note = ""


class NewPairBody(Struct, frozen=True, forbid_unknown_fields=True):
    """A key pair to make; it speaks for whoever asks."""

    note: Note = ""


class CopyBody(Struct, frozen=True, forbid_unknown_fields=True):
    """The lane of the same organisation to copy an application to."""

    lane: Lane


class NewUserBody(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A user to create."""

    username: UserNames
    first_name: PersonName = ""
    last_name: PersonName = ""
    email: Email = ""
    is_admin: bool = False
    sso_only: bool = False


class UserChangesBody(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is to change of a user; what is not named stays."""

    username: UserNames | UnsetType = UNSET
    first_name: PersonName | UnsetType = UNSET
    last_name: PersonName | UnsetType = UNSET
    email: Email | UnsetType = UNSET
    is_admin: bool | UnsetType = UNSET
    is_active: bool | UnsetType = UNSET
    sso_only: bool | UnsetType = UNSET


class RulesBody(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is to change of how people sign in; what is not named stays."""

    sso: SsoMode | UnsetType = UNSET
    administrators_exempt: bool | UnsetType = UNSET
    two_step_required: bool | UnsetType = UNSET
    minimum_length: MinimumLength | UnsetType = UNSET
    kinds: Kinds | UnsetType = UNSET
    refuse_common: bool | UnsetType = UNSET
    history: History | UnsetType = UNSET
    expires_days: Days | UnsetType | None = UNSET
    lock_tries: Tries | UnsetType | None = UNSET
    lock_minutes: Minutes | UnsetType | None = UNSET


class ProvisioningBody(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Whether users are made of whom a provider vouches for, and which of its attributes become which fields."""

    enabled: bool = False
    username: Attribute = ""
    first_name: Attribute = ""
    last_name: Attribute = ""
    email: Attribute = ""

    def provisioning(self) -> Provisioning:
        """What a service is asked for."""
        return Provisioning(**given(self))


class NewProviderBody(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An identity provider to set up. Nobody signs in with it before it is ``enabled``."""

    kind: ProviderKind
    name: ProviderName
    settings: ProviderSettings
    secret: Secret | None = None
    enabled: bool = False
    provisioning: ProvisioningBody = ProvisioningBody()


class ProviderChangesBody(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is to change of an identity provider; what is not named stays.

    ``settings`` and ``provisioning`` are replaced as a whole. Another issuer needs another secret, or none.
    """

    name: ProviderName | UnsetType = UNSET
    settings: ProviderSettings | UnsetType = UNSET
    secret: Secret | UnsetType | None = UNSET
    enabled: bool | UnsetType = UNSET
    provisioning: ProvisioningBody | UnsetType = UNSET


class FederationBody(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A provider's subject, and nothing else of it."""

    provider_id: ProviderId
    subject: Subject


class UserQuery(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which page of the users."""

    search: Search = ""
    after: UserPlace = ""
    limit: Limit = 50


class PageQuery(Struct, frozen=True, forbid_unknown_fields=True):
    """Which page of a list."""

    after: Place = ""
    limit: Limit = 50


class AuditQuery(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which records of the audit log. ``since`` is included, ``until`` is not."""

    event: AuditEvent | UnsetType = UNSET
    actor: UserId | UnsetType = UNSET
    username: Username | UnsetType = UNSET
    client_id: Text | UnsetType = UNSET
    address: Text | UnsetType = UNSET
    reference: Text | UnsetType = UNSET
    since: Instant | UnsetType = UNSET
    until: Instant | UnsetType = UNSET


class AuditPageQuery(AuditQuery, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which page of the audit log, newest first."""

    before: RowPlace | UnsetType = UNSET
    limit: AuditLimit = 50


def given(body: Struct) -> dict[str, Any]:
    """Those fields of a body or query that were given."""
    fields = ((name, getattr(body, name)) for name in body.__struct_fields__)
    return {name: value for name, value in fields if value is not UNSET}
