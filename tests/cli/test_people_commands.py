"""The commands about people and how they sign in: as a shell sees them, beside a running server."""

from collections.abc import Iterator

import pytest
from tests.browser import World, a_world, form_fields
from tests.cli.test_application_commands import ACME, as_typed, beside


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    with a_world() as made:
        yield made


def test_people(world: World) -> None:
    browser = world.browser()
    assert browser.sign_in("bob").status_code == 303
    assert [user["username"] for user in beside(world, "user", "list", *ACME).json["users"]] == ["ann", "bob"]
    assert [user["id"] for user in beside(world, "user", "list", *ACME, "--search", "BAKER").json["users"]] == [
        world.bob.user_id
    ]
    changed = beside(world, "user", "change", "bob", *ACME, "--email", "bob@example.com", "--no-active").json
    assert (changed["email"], changed["is_active"], changed["first_name"]) == ("bob@example.com", False, "Bob")
    assert browser.http.get("/").status_code == 302
    assert "disabled" in as_typed(world, "user", "list", *ACME).out
    assert beside(world, "user", "change", "bob", *ACME, "--active", "--unlock", "--end-sessions").json["is_active"]
    assert beside(world, "user", "show", "BOB", *ACME).json == {**changed, "is_active": True, "last_sign_in": CLOCK}
    assert "name at least one thing" in beside(world, "user", "change", "bob", *ACME).complaint
    assert "nobody in this environment" in beside(world, "user", "show", "eve", *ACME).complaint
    assert "exists already" in beside(world, "user", "change", "bob", *ACME, "--username", "ANN").complaint


CLOCK = "2026-09-21T14:13:20+00:00"
"""When the tests' clock stands."""


def test_an_invitation_is_a_link_that_works(world: World) -> None:
    invited = beside(world, "user", "invite", "bob", *ACME, "--origin", world.stand_in.url).json
    assert (invited["username"], invited["mailed"]) == ("bob", False)
    assert invited["link"].startswith(f"{world.stand_in.url}/reset?link=wgl_")


def test_rules(world: World) -> None:
    rules = beside(world, "org", "rules", "show", *ACME).json
    assert (rules["sso"], rules["minimum_length"], rules["expires_days"]) == ("none", 8, None)
    options = ("--minimum-length", "12", "--expires-days", "90", "--lock-tries", "3", "--two-step-required")
    changed = beside(world, "org", "rules", "set", *ACME, *options).json
    expected = {"minimum_length": 12, "expires_days": 90, "lock_tries": 3, "two_step_required": True}
    assert changed == {**rules, **expected}
    back = ("--expires-days", "never", "--lock-tries", "default", "--no-two-step-required", "--minimum-length", "8")
    assert beside(world, "org", "rules", "set", *ACME, *back).json == rules
    for wrong, complaint in (
        ((), "name at least one rule"),
        (("--minimum-length", "5"), "from 8 to 128"),
        (("--expires-days", "soon"), "--expires-days: write a whole number, or never"),
        (("--sso", "only", "--no-administrators-exempt"), "test it"),
    ):
        assert complaint in beside(world, "org", "rules", "set", *ACME, *wrong).complaint
    assert "minimum_length: 8" in as_typed(world, "org", "rules", "show", *ACME).out
    # Nothing of it reaches another lane.
    assert beside(world, "org", "rules", "set", *ACME, "--sso", "optional").json["sso"] == "optional"
    assert beside(world, "org", "rules", "show", *ACME, "--lane", "preview").json["sso"] == "none"
    assert form_fields(world.http().get("/login").text, "/login")
