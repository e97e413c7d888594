"""The redirect URIs of single page applications: read for each call from a page, so they are never older than it."""

import json

from sqlalchemy import update
from tests.contract.kit import START, Stores

from workgate.domain.ids import EnvironmentId
from workgate.domain.oauth import ApplicationType
from workgate.storage.applications import SqlApplicationStore
from workgate.storage.engine import Change, given
from workgate.storage.schema import applications, environments


def test_of_single_page_applications_of_one_environment(stores: Stores) -> None:
    def found() -> tuple[str, ...]:
        return stores.run(stores.database.applications.spa_redirect_uris(stores.acme.environment_id))

    assert found() == ()
    stores.application(type=ApplicationType.WEB, redirect_uris=("https://web.example/",))
    stores.application(stores.globex, type=ApplicationType.SPA, redirect_uris=("https://elsewhere.example/",))
    assert found() == ()
    stores.application(type=ApplicationType.SPA, redirect_uris=("https://one.example/", "com.example.app:/"))
    assert found() == ("https://one.example/", "com.example.app:/")
    stores.application(type=ApplicationType.SPA, redirect_uris=("https://two.example/",))
    assert sorted(found()) == ["com.example.app:/", "https://one.example/", "https://two.example/"]
    assert found() == found()


def test_what_is_remembered_holds_until_a_change_is_counted(stores: Stores) -> None:
    engine, acme = stores.database.engine, stores.acme.environment_id
    app = stores.application(type=ApplicationType.SPA, redirect_uris=("https://before.example/",))
    nodes = [stores.database.applications, SqlApplicationStore(engine)]
    here = environments.c.environment_id == given(environments.c.environment_id)
    change = engine.prepare(
        update(applications)
        .where(applications.c.client_id == given(applications.c.client_id))
        .values(redirect_uris=given(applications.c.redirect_uris, "uris"))
    )
    count = engine.prepare(
        update(environments).where(here).values(registry_version=environments.c.registry_version + 1)
    )
    values = {"client_id": app.client_id, "uris": json.dumps(["https://after.example/"])}

    def found() -> list[tuple[str, ...]]:
        return [stores.run(node.spa_redirect_uris(acme)) for node in nodes]

    assert found() == [("https://before.example/",)] * 2
    # No program of ours changes an application without counting; this shows that nothing was read again.
    stores.run(engine.apply(Change(((change, values),))))
    assert found() == [("https://before.example/",)] * 2
    stores.run(engine.apply(Change(((count, {"environment_id": acme}),))))
    assert found() == [("https://after.example/",)] * 2


def test_of_an_environment_that_is_not_there(stores: Stores) -> None:
    unknown = EnvironmentId(stores.ids.next(START))
    assert stores.run(stores.database.applications.spa_redirect_uris(unknown)) == ()
