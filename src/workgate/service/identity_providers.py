"""Setting identity providers up: created, changed, switched on and deleted by administrators of their environment.

What a provider needs depends on its kind, whose own check decides; secrets are sealed and never shown again.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from msgspec import UNSET, UnsetType

from workgate.domain.accounts import Environment
from workgate.domain.audit import AuditEvent, AuditRecord
from workgate.domain.ids import Clock, RowId, RowIds
from workgate.domain.problems import Conflict, NotFound, Problem
from workgate.domain.provider_states import ProviderState, ProviderStateStore
from workgate.domain.sign_in_ports import SignInRulesStore
from workgate.domain.signing_in import SsoMode
from workgate.domain.sso import LONGEST_PROVIDER_NAME, IdentityProvider, ProviderKind, Provisioning, read_provider_id
from workgate.domain.sso_ports import IdentityProviderStore
from workgate.ops.audit import AuditLog
from workgate.service.acting import Acting, until_new
from workgate.service.provider_secrets import ProviderSecrets
from workgate.service.sso import ProviderProtocol

MOST_PROVIDERS = 20
_LONGEST_SECRET = 1024
LONGEST_ATTRIBUTE = 255


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderChanges:
    """What to change; what is ``UNSET`` stays. ``protocol`` replaces all settings of the kind; no secret: None."""

    name: str | UnsetType = UNSET
    enabled: bool | UnsetType = UNSET
    provisioning: Provisioning | UnsetType = UNSET
    protocol: Mapping[str, object] | UnsetType = UNSET
    secret: str | UnsetType | None = field(default=UNSET, repr=False)


class IdentityProviders:
    """The identity providers of environments, for those who administer them.

    Args:
        protocols: what each kind needs.
    """

    def __init__(
        self,
        *,
        providers: IdentityProviderStore,
        states: ProviderStateStore,
        rules: SignInRulesStore,
        protocols: Mapping[ProviderKind, ProviderProtocol],
        secrets: ProviderSecrets,
        ids: RowIds,
        clock: Clock,
        audit: AuditLog,
    ) -> None:
        self._providers = providers
        self._states = states
        self._rules = rules
        self._protocols = protocols
        self._secrets = secrets
        self._ids = ids
        self._clock = clock
        self._audit = audit

    @property
    def kinds(self) -> Sequence[ProviderKind]:
        """The kinds that can be set up here; SAML needs libraries that are not installed everywhere."""
        return tuple(self._protocols)

    async def providers(self, environment: Environment, *, by: Acting) -> Sequence[IdentityProvider]:
        """List an environment's providers, oldest first.

        Raises:
            NotAllowed: whoever asks is no administrator.
        """
        by.must_administer(environment)
        return await self._providers.providers(environment.environment_id)

    async def provider(self, environment: Environment, provider_id: str, *, by: Acting) -> IdentityProvider:
        """Give one.

        Raises:
            NotAllowed: whoever asks is no administrator.
            NotFound: there is none of that ID in this environment.
        """
        by.must_administer(environment)
        number = read_provider_id(provider_id)
        provider = None
        if number is not None:
            provider = await self._providers.provider(environment.environment_id, number)
        if provider is None:
            raise NotFound("there is no identity provider {provider_id!r} here", provider_id=provider_id[:20])
        return provider

    async def states(self, environment: Environment, *, by: Acting) -> Mapping[RowId, ProviderState]:
        """Tell of each provider, by ID, whether it was seen to work, and whom it signs in.

        Raises:
            NotAllowed: whoever asks is no administrator.
        """
        by.must_administer(environment)
        return await self._states.states(environment.environment_id)

    async def create(
        self,
        environment: Environment,
        kind: ProviderKind,
        name: str,
        protocol: Mapping[str, object],
        *,
        secret: str | None = None,
        enabled: bool = False,
        provisioning: Provisioning = Provisioning(),  # noqa: B008 - a frozen value
        by: Acting,
    ) -> IdentityProvider:
        """Set a provider up.

        Raises:
            NotAllowed: whoever asks is no administrator.
            Problem: something is not usable; it names the field.
            Conflict: the environment has so many already.
        """
        by.must_administer(environment)
        adapter = self._protocol(kind)
        # Whatever can be refused is, before anything is fetched or a key pair made.
        if secret is not None:
            _check_takes_secret(kind)
        name, provisioning = _checked_name(name), _checked_provisioning(provisioning)
        if len(await self._providers.providers(environment.environment_id)) >= MOST_PROVIDERS:
            raise _too_many()
        prepared = await adapter.prepared(environment, protocol, None)
        now = self._clock.now()
        provider = IdentityProvider(
            environment_id=environment.environment_id,
            provider_id=self._ids.next(now),
            kind=kind,
            name=name,
            enabled=enabled,
            provisioning=provisioning,
            protocol=adapter.check(prepared.protocol, has_secret=bool(prepared.secret or secret)),
            sealed_secret=None,
            created_at=now,
        )
        sealed = self._sealed(provider, secret)
        if prepared.secret is not None:
            sealed = self._secrets.sealed(provider, prepared.secret)
        provider = replace(provider, sealed_secret=sealed)
        created = await until_new(
            lambda: self._providers.create_provider(
                provider,
                at_most=MOST_PROVIDERS,
                record=self._entry(by, AuditEvent.PROVIDER_CREATED, environment, provider),
            )
        )
        if not created:
            raise _too_many()
        return provider

    async def change(
        self, environment: Environment, provider_id: str, changes: ProviderChanges, *, by: Acting
    ) -> IdentityProvider:
        """Change a provider.

        Raises:
            NotAllowed: whoever asks is no administrator.
            NotFound: there is none of that ID.
            Problem: something is not usable; it names the field.
            Conflict: somebody else changed it meanwhile, or nobody could be sure to come in again without it.
        """
        provider = await self.provider(environment, provider_id, by=by)
        new: dict[str, Any] = {}
        if changes.name is not UNSET:
            new["name"] = _checked_name(changes.name)
        if changes.enabled is not UNSET:
            new["enabled"] = changes.enabled
        if changes.provisioning is not UNSET:
            new["provisioning"] = _checked_provisioning(changes.provisioning)
        if changes.secret is not UNSET:
            _check_takes_secret(provider.kind)
            new["sealed_secret"] = self._sealed(provider, changes.secret)
        changed = replace(provider, **new)
        adapter = self._protocol(provider.kind)
        asked = provider.protocol
        if changes.protocol is not UNSET:
            prepared = await adapter.prepared(environment, changes.protocol, provider.protocol)
            _check_secret_stays_there(provider, changes)
            asked = prepared.protocol
            if prepared.secret is not None:
                changed = replace(changed, sealed_secret=self._secrets.sealed(provider, prepared.secret))
        # What was good when it was entered can be switched off and renamed for ever, whatever expired meanwhile.
        if changes.protocol is not UNSET or changes.secret is not UNSET:
            has_secret = changed.sealed_secret is not None
            changed = replace(changed, protocol=adapter.check(asked, has_secret=has_secret))
        must_leave = _gives_up(provider, changed) and await self._must_leave_one(environment, provider)
        before, after = adapter.authority(provider.protocol), adapter.authority(changed.protocol)
        if before != after:
            await self._must_know_nobody(environment, provider)
        written = await until_new(
            lambda: self._providers.update_provider(
                changed,
                seen=provider,
                if_another_works=must_leave,
                if_nobody_is_known=before != after,
                record=self._entry(by, AuditEvent.PROVIDER_CHANGED, environment, changed, before=before),
            )
        )
        if not written:
            raise await self._overtaken(environment, provider, another=before != after)
        return changed

    async def delete(self, environment: Environment, provider_id: str, *, by: Acting) -> None:
        """Delete a provider: nobody signs in with it any more. Sessions live on, and so do users.

        Raises:
            NotAllowed: whoever asks is no administrator.
            NotFound: there is none of that ID.
            Conflict: nobody could be sure to come in again.
        """
        provider = await self.provider(environment, provider_id, by=by)
        must_leave = await self._must_leave_one(environment, provider)
        deleted = await until_new(
            lambda: self._providers.delete_provider(
                environment.environment_id,
                provider.provider_id,
                if_another_works=must_leave,
                record=self._entry(by, AuditEvent.PROVIDER_DELETED, environment, provider),
            )
        )
        if not deleted:
            raise await self._overtaken(environment, provider)

    async def _must_leave_one(self, environment: Environment, provider: IdentityProvider) -> bool:
        """Whether somebody could be locked out without this provider. Raises ``Conflict`` if everybody would be."""
        rules = await self._rules.rules(environment.environment_id)
        if not provider.enabled or rules.sso is not SsoMode.ONLY or rules.administrators_exempt:
            return False
        if not await self._states.works(environment.environment_id, but=provider.provider_id):
            raise _locked_out()
        return True

    async def _must_know_nobody(self, environment: Environment, provider: IdentityProvider) -> None:
        """Raise ``Conflict`` if subjects of the provider stand for users: another authority's are other people."""
        state = (await self._states.states(environment.environment_id)).get(provider.provider_id)
        if state is not None and state.users:
            raise Conflict(
                "people are known here by the IDs of this provider, and the IDs of another one are other people's: set "
                "it up as a provider of its own"
            )

    async def _overtaken(self, environment: Environment, seen: IdentityProvider, *, another: bool = False) -> Problem:
        """Why a change was not made that could be made a moment ago."""
        there = await self._providers.provider(environment.environment_id, seen.provider_id)
        if there is None:
            return NotFound("the identity provider was deleted meanwhile")
        if there != seen:
            return Conflict("somebody else changed the provider at this moment: look at it, and try once more")
        if another:
            await self._must_know_nobody(environment, seen)
        return _locked_out()

    def _protocol(self, kind: ProviderKind) -> ProviderProtocol:
        protocol = self._protocols.get(kind)
        if protocol is None:
            raise Problem("{kind} is not installed here: pip install 'workgate[saml]'", field="kind", kind=kind.value)
        return protocol

    def _sealed(self, provider: IdentityProvider, secret: str | None) -> bytes | None:
        if not secret:
            return None
        if len(secret) > _LONGEST_SECRET or not secret.isprintable():
            raise Problem("the secret is too long or has control characters: paste it again", field="secret")
        return self._secrets.sealed(provider, secret)

    def _entry(
        self,
        by: Acting,
        event: AuditEvent,
        environment: Environment,
        provider: IdentityProvider,
        *,
        before: str | None = None,
    ) -> AuditRecord:
        state = "on" if provider.enabled else "off"
        makes = ", makes users" if provider.provisioning.enabled else ""
        adapter = self._protocols.get(provider.kind)
        now = "" if adapter is None else adapter.authority(provider.protocol)
        where = f" at {now}" if now else ""
        where += f", before at {before}" if before not in {None, now} else ""
        reason = f"provider {provider.provider_id} ({provider.kind}) {provider.name!r}{where}, {state}{makes}"
        return by.entry(self._audit, event, environment, reason=reason)


def _too_many() -> Conflict:
    return Conflict("there are {most} identity providers: delete one first", most=MOST_PROVIDERS)


def _locked_out() -> Conflict:
    return Conflict(
        "everybody here signs in with SSO only, and no other provider was seen to work: let administrators use "
        "their passwords first"
    )


def _check_takes_secret(kind: ProviderKind) -> None:
    if kind is ProviderKind.SAML:
        raise Problem("a SAML provider has no secret: our key pair for it is made here", field="secret")


def _gives_up(before: IdentityProvider, after: IdentityProvider) -> bool:
    """Whether people could sign in with it until now, and it is not known whether they still can."""
    as_it_was = (before.protocol, before.sealed_secret) == (after.protocol, after.sealed_secret)
    return before.enabled and not (after.enabled and as_it_was)


def _check_secret_stays_there(provider: IdentityProvider, changes: ProviderChanges) -> None:
    """A secret goes to the issuer that it was entered for, and to no other."""
    if provider.kind is not ProviderKind.OIDC or provider.sealed_secret is None:
        return
    if changes.protocol is UNSET or changes.secret is not UNSET:
        return
    if changes.protocol.get("issuer") != provider.protocol.get("issuer"):
        raise Problem("another issuer must not learn the secret of the one before: enter its own", field="secret")


def _checked_name(name: str) -> str:
    name = " ".join(name.split())
    if not 0 < len(name) <= LONGEST_PROVIDER_NAME or not name.isprintable():
        raise Problem(
            "the name must have 1 to {longest} characters: people read it on the sign-in page's button",
            field="name",
            longest=LONGEST_PROVIDER_NAME,
        )
    return name


def _checked_provisioning(provisioning: Provisioning) -> Provisioning:
    for name in ("username", "first_name", "last_name", "email"):
        attribute = getattr(provisioning, name)
        if len(attribute) > LONGEST_ATTRIBUTE or not attribute.isprintable():
            raise Problem("an attribute's name has at most 255 characters, none of them control characters", field=name)
    return provisioning
