"""What ``ProviderStateStore`` promises, on every engine."""

from dataclasses import replace

from tests.contract.kit import START, Stores

from workgate.domain.accounts import User
from workgate.domain.audit import AuditEvent
from workgate.domain.ids import RowId
from workgate.domain.people import PersonChanges
from workgate.domain.provider_states import ProviderState
from workgate.domain.sso import FederatedUser, IdentityProvider, ProviderKind, Provisioning


def a_provider(stores: Stores, *, enabled: bool = True) -> IdentityProvider:
    made = IdentityProvider(
        environment_id=stores.acme.environment_id,
        provider_id=stores.ids.next(START),
        kind=ProviderKind.OIDC,
        name="Corporate",
        enabled=enabled,
        provisioning=Provisioning(),
        protocol={"issuer": "https://login.example"},
        sealed_secret=b"sealed",
        created_at=START,
    )
    record = stores.record(AuditEvent.PROVIDER_CREATED)
    assert stores.run(stores.database.identity_providers.create_provider(made, at_most=10, record=record))
    return made


def note_test(stores: Stores, provider_id: RowId) -> bool:
    record = stores.record(AuditEvent.PROVIDER_TESTED)
    where = stores.acme.environment_id
    return stores.run(stores.database.provider_states.tested(where, provider_id, START, record=record))


def update(stores: Stores, provider: IdentityProvider) -> None:
    store, record = stores.database.identity_providers, stores.record(AuditEvent.PROVIDER_CHANGED)
    seen = stores.run(store.provider(provider.environment_id, provider.provider_id))
    assert seen is not None
    assert stores.run(store.update_provider(provider, seen=seen, record=record))


def state(stores: Stores, provider: IdentityProvider) -> ProviderState:
    return stores.run(stores.database.provider_states.states(stores.acme.environment_id))[provider.provider_id]


def federate(stores: Stores, provider: IdentityProvider, subject: str, user: User) -> None:
    row = FederatedUser(
        environment_id=provider.environment_id,
        provider_id=provider.provider_id,
        subject=subject,
        user_id=user.user_id,
        created_at=START,
    )
    record = stores.record(AuditEvent.USER_CHANGED)
    assert stores.run(stores.database.federated_users.federate(row, record=record))


def test_tests(stores: Stores) -> None:
    states, where = stores.database.provider_states, stores.acme.environment_id
    provider, other = a_provider(stores), a_provider(stores, enabled=False)
    assert not stores.run(states.works(where))
    assert note_test(stores, provider.provider_id)
    assert state(stores, provider).tested_at == START
    assert stores.run(states.works(where))
    assert not stores.run(states.works(where, but=provider.provider_id))
    assert not stores.run(states.works(stores.globex.environment_id))
    # One that is off does not count, tested or not.
    assert note_test(stores, other.provider_id)
    assert not stores.run(states.works(where, but=provider.provider_id))
    latest = stores.run(stores.database.audit.latest(where, 1))
    assert latest[0].event is AuditEvent.PROVIDER_TESTED
    assert not note_test(stores, RowId(1))
    assert stores.run(stores.database.audit.latest(where, 1)) == latest


def test_a_test_holds_for_what_was_tested(stores: Stores) -> None:
    provider = a_provider(stores)
    assert note_test(stores, provider.provider_id)
    for same in (replace(provider, name="Another name"), replace(provider, enabled=False), provider):
        update(stores, same)
        assert state(stores, provider).tested_at == START
    for other in (
        replace(provider, protocol={"issuer": "https://other.example"}),
        replace(provider, provisioning=Provisioning(enabled=True)),
        replace(provider, sealed_secret=b"another"),
        replace(provider, sealed_secret=None),
    ):
        update(stores, provider)
        assert note_test(stores, provider.provider_id)
        update(stores, other)
        assert state(stores, provider).tested_at is None
    # None to none is the same.
    update(stores, replace(provider, sealed_secret=None))
    assert note_test(stores, provider.provider_id)
    update(stores, replace(provider, sealed_secret=None, name="Third"))
    assert state(stores, provider).tested_at == START


def test_whom_they_sign_in(stores: Stores) -> None:
    provider, other = a_provider(stores), a_provider(stores)
    bob = stores.user("bob")
    assert state(stores, provider) == ProviderState(None, 0, 0)
    federate(stores, provider, "one", stores.ann)
    federate(stores, provider, "two", stores.ann)
    federate(stores, provider, "three", bob)
    federate(stores, other, "one", bob)
    changes = PersonChanges(sso_only=True)
    assert stores.run(
        stores.database.people.change(
            bob.environment_id,
            bob.user_id,
            changes,
            keep_administrator=True,
            record=stores.record(AuditEvent.USER_CHANGED),
        )
    )
    assert state(stores, provider) == ProviderState(None, 2, 1)
    assert state(stores, other) == ProviderState(None, 1, 1)
    assert stores.run(stores.database.provider_states.states(stores.globex.environment_id)) == {}


def test_of_two_who_change_one_at_once_the_second_is_told(stores: Stores) -> None:
    provider, store = a_provider(stores), stores.database.identity_providers
    changes = (replace(provider, enabled=False), replace(provider, name="Renamed"))
    works = [
        store.update_provider(changed, seen=provider, record=stores.record(AuditEvent.PROVIDER_CHANGED))
        for changed in changes
    ]
    assert sorted(stores.gather(works)) == [False, True]


def test_of_two_that_work_one_is_left(stores: Stores) -> None:
    store, where = stores.database.identity_providers, stores.acme.environment_id
    both = [a_provider(stores), a_provider(stores)]
    for provider in both:
        assert note_test(stores, provider.provider_id)
    off, deleted = both
    works = (
        store.update_provider(
            replace(off, enabled=False),
            seen=off,
            if_another_works=True,
            record=stores.record(AuditEvent.PROVIDER_CHANGED),
        ),
        store.delete_provider(
            where, deleted.provider_id, if_another_works=True, record=stores.record(AuditEvent.PROVIDER_DELETED)
        ),
    )
    assert sorted(stores.gather(works)) == [False, True]
    assert stores.run(stores.database.provider_states.works(where))
