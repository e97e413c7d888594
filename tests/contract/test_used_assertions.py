"""The store of SAML assertions that were used."""

import asyncio
import os

from tests.contract.kit import START, Stores, at


def test_an_assertion_is_used_once(stores: Stores) -> None:
    used, acme, globex = stores.database.used_assertions, stores.acme.environment_id, stores.globex.environment_id
    digest = os.urandom(32)
    assert stores.run(used.use(acme, digest, until=at(60)))
    assert not stores.run(used.use(acme, digest, until=at(60)))
    # Another environment's is another one, whatever its name.
    assert stores.run(used.use(globex, digest, until=at(60)))
    assert stores.run(used.use(acme, os.urandom(32), until=at(60)))


def test_of_several_at_once_one_uses_it(stores: Stores) -> None:
    digest = os.urandom(32)

    async def all_at_once() -> list[bool]:
        uses = (
            stores.database.used_assertions.use(stores.acme.environment_id, digest, until=at(60)) for _ in range(20)
        )
        return await asyncio.gather(*uses)

    assert sorted(stores.run(all_at_once())) == [False] * 19 + [True]


def test_they_are_forgotten_an_hour_after_they_expired(stores: Stores) -> None:
    used, acme, digest = stores.database.used_assertions, stores.acme.environment_id, os.urandom(32)
    assert stores.run(used.use(acme, digest, until=START))
    stores.run(stores.database.sweeper.sweep(at(3599)))
    assert not stores.run(used.use(acme, digest, until=START))
    stores.run(stores.database.sweeper.sweep(at(3601)))
    assert stores.run(used.use(acme, digest, until=START))
