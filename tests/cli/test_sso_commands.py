"""Identity providers and federation IDs from the command line."""

from collections.abc import Iterator
from typing import Any

import pytest
from tests.browser import World, a_world
from tests.processes import Ran, forked

ACME = ("--org", "acme")
ISSUER = ("--issuer", "https://login.example/tenant", "--client-id", "workgate")


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    """A running server; the commands work on its database, beside it."""
    with a_world() as made:
        yield made


def typed(world: World, *args: str, **more: Any) -> Ran:
    url = f"sqlite:///{world.stand_in.folder / 'workgate.db'}"
    return forked(*args, "--database", url, "--json", folder=world.stand_in.folder, **more)


def test_a_provider_from_its_first_day_to_its_last(world: World) -> None:
    secret = "a-secret-that-nobody-sees-again"
    args = ("sso", "add", "Corporate", *ACME, *ISSUER, "--secret-stdin", "--scope", "openid", "--scope", "groups")
    made = typed(world, *args, "--provision", "--username-from", "upn", stdin=secret + "\n")
    provider = made.json
    assert secret not in made.out
    assert (provider["enabled"], provider["has_secret"]) == (False, True)
    assert provider["settings"]["scopes"] == ["openid", "groups"]
    assert provider["provisioning"]["username"] == "upn"
    assert provider["callback_path"] == f"/sso/oidc/{provider['id']}/callback"
    one = (provider["id"], *ACME)
    assert typed(world, "sso", "show", *one).json == provider
    assert typed(world, "sso", "enable", *one).json == {**provider, "enabled": True}
    assert typed(world, "sso", "use", "optional", *ACME).json["sso"] == "optional"
    listed = typed(world, "sso", "list", *ACME).json
    assert (listed["sso"], [row["enabled"] for row in listed["providers"]]) == ("optional", [True])
    assert "Corporate" in world.browser().http.get("/login").text
    assert typed(world, "sso", "disable", *one).json == provider
    assert typed(world, "sso", "delete", *one).json == {"id": provider["id"], "deleted": True}
    again = typed(world, "sso", "show", *one)
    assert (again.code, "there is no identity provider" in again.complaint) == (1, True)


def test_federation_ids(world: World) -> None:
    provider = typed(world, "sso", "add", "Other", *ACME, *ISSUER, "--client-authentication", "none").json["id"]
    named = (*ACME, "--provider", provider, "--subject", "0042")
    (federation,) = typed(world, "user", "federate", "bob", *named).json["federations"]
    assert (federation["subject"], federation["user_id"]) == ("0042", world.bob.user_id)
    taken = typed(world, "user", "federate", "ann", *named)
    assert (taken.code, "stands for the user 'bob' already" in taken.complaint) == (1, True)
    assert typed(world, "user", "unfederate", "ann", *named).code == 1
    assert typed(world, "user", "unfederate", "bob", *named).json["federations"] == []
    assert typed(world, "user", "unfederate", "bob", *named).code == 1


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        (("--issuer", "http://login.example"), "https://"),
        (("--issuer", "https://login.example?x=y"), "query"),
        (("--client-id", ""), "client ID"),
        (("--scope", "email"), "openid"),
        (("--scope", "openid", "--scope", 'a"b'), "quotes"),
        (("--algorithm", "HS256"), "RS256"),
        (("--algorithm", "none"), "RS256"),
        (("--client-authentication", "client_secret_post"), "secret"),
        (("--secret", "x"), "no client secret"),
        (("--secret", "x", "--secret-stdin"), "not both"),
    ],
)
def test_what_cannot_be_set_up(world: World, options: tuple[str, ...], complaint: str) -> None:
    ran = typed(world, "sso", "add", "Wrong", *ACME, *ISSUER, "--client-authentication", "none", *options)
    assert ran.code == 1
    assert complaint in ran.complaint
    assert "Wrong" not in typed(world, "sso", "list", *ACME).out


def test_another_environment(world: World) -> None:
    provider = typed(world, "sso", "add", "Mine", *ACME, *ISSUER, "--client-authentication", "none").json["id"]
    for where in (("--org", "globex"), ("--org", "acme", "--lane", "preview")):
        assert typed(world, "sso", "show", provider, *where).code == 1
        assert typed(world, "sso", "delete", provider, *where).code == 1
        federate = ("user", "federate", "ann", *where, "--provider", provider, "--subject", "1")
        assert typed(world, *federate).code == 1
