"""The stores of identity providers, of whom their subjects stand for, and of sign-ins under way."""

import os
from dataclasses import replace
from typing import Any

import pytest
from tests.builders import a_user
from tests.contract.kit import START, Stores, at

from workgate.domain.accounts import User
from workgate.domain.audit import AuditEvent
from workgate.domain.ids import ObjectId, RowId
from workgate.domain.ports import AlreadyExists
from workgate.domain.sso import FederatedUser, IdentityProvider, ProviderKind, Provisioning, Purpose, SignInRequest


def a_provider(stores: Stores, **changes: Any) -> IdentityProvider:
    provider = IdentityProvider(
        environment_id=stores.acme.environment_id,
        provider_id=stores.ids.next(START),
        kind=ProviderKind.OIDC,
        name="Corporate",
        enabled=True,
        provisioning=Provisioning(enabled=True, username="upn"),
        protocol={"issuer": "https://provider.example", "scopes": ["openid"]},
        sealed_secret=b"\x00sealed\xff",
        created_at=START,
    )
    return replace(provider, **changes)


def created(stores: Stores, **changes: Any) -> IdentityProvider:
    provider = a_provider(stores, **changes)
    record = stores.record(AuditEvent.PROVIDER_CREATED, provider.environment_id)
    assert stores.run(stores.database.identity_providers.create_provider(provider, at_most=20, record=record))
    return provider


def a_request(stores: Stores, provider: IdentityProvider, **changes: Any) -> SignInRequest:
    request = SignInRequest(
        environment_id=provider.environment_id,
        request_id=stores.ids.next(START),
        provider_id=provider.provider_id,
        purpose=Purpose.SIGN_IN,
        target="/setup?a=b",
        browser=os.urandom(32),
        salt=os.urandom(32),
        key_id=1,
        expires_at=at(600),
    )
    request = replace(request, **changes)
    stores.run(stores.database.sign_in_requests.begin(request))
    return request


def federated(provider: IdentityProvider, subject: str, user: User) -> FederatedUser:
    return FederatedUser(
        environment_id=provider.environment_id,
        provider_id=provider.provider_id,
        subject=subject,
        user_id=user.user_id,
        created_at=START,
    )


def test_providers_are_kept_as_they_were_given(stores: Stores) -> None:
    store, run, acme = stores.database.identity_providers, stores.run, stores.acme.environment_id
    first, second = created(stores), created(stores, kind=ProviderKind.SAML, enabled=False, sealed_secret=None)
    theirs = created(stores, environment_id=stores.globex.environment_id)
    assert run(store.providers(acme)) == [first, second]
    assert run(store.provider(acme, first.provider_id)) == first
    assert run(store.provider(acme, theirs.provider_id)) is None
    changed = replace(
        first, name="Ünïcode", enabled=False, provisioning=Provisioning(), protocol={"a": 1}, sealed_secret=None
    )
    record = stores.record(AuditEvent.PROVIDER_CHANGED)
    assert run(store.update_provider(changed, seen=first, record=record))
    assert run(store.provider(acme, first.provider_id)) == changed
    gone = replace(changed, provider_id=RowId(5))
    assert not run(store.update_provider(gone, seen=gone, record=stores.record(AuditEvent.PROVIDER_CHANGED)))
    latest = run(stores.database.audit.latest(acme, 10))
    assert [found.event for found in latest].count(AuditEvent.PROVIDER_CHANGED) == 1


def test_a_secret_is_kept_under_another_seal_only_while_it_is_the_same(stores: Stores) -> None:
    store, provider = stores.database.identity_providers, created(stores)
    assert not stores.run(store.reseal(replace(provider, sealed_secret=b"another"), b"new"))
    assert not stores.run(store.reseal(replace(provider, environment_id=stores.globex.environment_id), b"new"))
    assert stores.run(store.reseal(provider, b"new"))
    assert not stores.run(store.reseal(provider, b"newer"))
    found = stores.run(store.provider(provider.environment_id, provider.provider_id))
    assert found == replace(provider, sealed_secret=b"new")


def test_there_are_at_most_so_many_also_at_once(stores: Stores) -> None:
    store = stores.database.identity_providers
    results = stores.gather(
        store.create_provider(a_provider(stores), at_most=3, record=stores.record(AuditEvent.PROVIDER_CREATED))
        for _ in range(8)
    )
    assert results.count(True) == 3
    assert stores.count("identity_providers") == 3


def test_deleting_a_provider_takes_its_subjects_and_sign_ins_along(stores: Stores) -> None:
    run, database = stores.run, stores.database
    one, other = created(stores), created(stores)
    for provider in (one, other):
        a_request(stores, provider)
        record = stores.record(AuditEvent.USER_CHANGED)
        assert run(database.federated_users.federate(federated(provider, "s", stores.ann), record=record))
    delete = database.identity_providers.delete_provider
    assert run(delete(one.environment_id, one.provider_id, record=stores.record(AuditEvent.PROVIDER_DELETED)))
    assert not run(delete(one.environment_id, one.provider_id, record=stores.record(AuditEvent.PROVIDER_DELETED)))
    assert stores.count("federated_users") == stores.count("sign_in_requests") == 1
    assert run(database.federated_users.federated(one.environment_id, one.provider_id, "s")) is None
    assert run(database.federated_users.federated(one.environment_id, other.provider_id, "s")) == stores.ann


def test_a_subject_stands_for_one_user_of_its_environment(stores: Stores) -> None:
    run, store = stores.run, stores.database.federated_users
    provider, bob, theirs = created(stores), stores.user("bob"), stores.user("ann", stores.globex)

    def federate(user: User, subject: str = "s-1", where: IdentityProvider = provider) -> bool:
        return run(store.federate(federated(where, subject, user), record=stores.record(AuditEvent.USER_CHANGED)))

    assert federate(stores.ann)
    assert not federate(bob)
    assert not federate(theirs, "s-2")
    assert not federate(bob, "s-2", replace(provider, provider_id=RowId(5)))
    assert federate(stores.ann, "S-1")
    acme, key = stores.acme.environment_id, provider.provider_id
    assert run(store.federated(acme, key, "s-1")) == stores.ann
    assert run(store.federated(acme, key, "s-1 ")) is None
    assert run(store.federated(acme, key, "s-1\x00")) is None
    assert run(store.federated(stores.globex.environment_id, key, "s-1")) is None
    assert [found.subject for found in run(store.federations(acme, stores.ann.user_id))] == ["S-1", "s-1"]
    assert run(store.unfederate(acme, key, "S-1", record=stores.record(AuditEvent.USER_CHANGED)))
    assert not run(store.unfederate(acme, key, "S-1", record=stores.record(AuditEvent.USER_CHANGED)))
    assert [found.subject for found in run(store.federations(acme, stores.ann.user_id))] == ["s-1"]


def test_a_user_is_made_with_the_subject_or_not_at_all(stores: Stores) -> None:
    run, store, users = stores.run, stores.database.federated_users, stores.database.users
    provider = created(stores)

    def provision(username: str, subject: str, where: IdentityProvider = provider) -> User | None:
        user = a_user(
            environment_id=stores.acme.environment_id,
            user_id=ObjectId(os.urandom(16).hex()),
            username=username,
            session_epoch=0,
        )
        record = stores.record(AuditEvent.USER_PROVISIONED)
        return user if run(store.provision(user, federated(where, subject, user), record=record)) else None

    made = provision("dora", "d-1")
    assert made is not None
    assert run(store.federated(stores.acme.environment_id, provider.provider_id, "d-1")) == made
    account = run(users.account(stores.acme.environment_id, made.user_id))
    assert account is not None
    assert account.password_hash is None
    before = stores.count("users"), stores.count("audit_events")
    assert provision("eva", "d-1") is None
    assert provision("eva", "d-4", replace(provider, provider_id=RowId(5))) is None
    for username, subject in (("ANN", "d-2"), ("dora", "d-3")):
        with pytest.raises(AlreadyExists):
            provision(username, subject)
    assert (stores.count("users"), stores.count("audit_events")) == before
    assert run(store.federated(stores.acme.environment_id, provider.provider_id, "d-2")) is None


def test_a_sign_in_is_used_up_once(stores: Stores) -> None:
    store, provider = stores.database.sign_in_requests, created(stores)
    request = a_request(stores, provider)
    where = stores.acme.environment_id
    assert stores.run(store.request(where, request.request_id, now=at(599))) == request
    assert stores.run(store.request(where, request.request_id, now=at(600))) is None
    assert stores.run(store.request(stores.globex.environment_id, request.request_id, now=START)) is None
    assert not stores.run(store.use(request, now=at(600)))
    assert stores.gather(store.use(request, now=START) for _ in range(10)).count(True) == 1
    assert stores.run(store.request(where, request.request_id, now=START)) is None
    with pytest.raises(AlreadyExists):
        again = a_request(stores, provider)
        stores.run(store.begin(again))


def test_something_arrives_for_a_sign_in_once(stores: Stores) -> None:
    store, request = stores.database.sign_in_requests, a_request(stores, created(stores))
    assert not stores.run(store.arrive(request, "late", now=at(600)))
    results = stores.gather(store.arrive(request, f"number {number}", now=START) for number in range(5))
    assert results.count(True) == 1
    found = stores.run(store.request(request.environment_id, request.request_id, now=START))
    assert found is not None
    assert found.arrived == f"number {results.index(True)}"
    assert stores.run(store.use(request, now=START))
    assert not stores.run(store.arrive(request, "after", now=START))


def test_expired_sign_ins_are_swept(stores: Stores) -> None:
    provider = created(stores)
    a_request(stores, provider)
    live = a_request(stores, provider, expires_at=at(1200))
    stores.run(stores.database.sweeper.sweep(at(600)))
    assert stores.count("sign_in_requests") == 1
    store = stores.database.sign_in_requests
    assert stores.run(store.request(live.environment_id, live.request_id, now=at(600))) == live
