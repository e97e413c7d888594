"""What people type at the central host, and what strangers do: it leads to an organisation's own host, or nowhere."""

from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest
from tests.browser import World, a_world, query_of
from tests.central import ORGANISATION, Central, a_crowded_world, central, install, share

from workgate.service.applications import Registered

UNKNOWN = "No organisation of this name uses the application."
COOKIE = "workgate_organisation"


@pytest.fixture(scope="module")
def shared() -> Iterator[World]:
    """A world in which so many wrong names may come from one address."""
    with a_crowded_world() as made:
        yield made


@pytest.fixture(scope="module")
def app(shared: World) -> Registered:
    """An application of acme that globex installed."""
    return install(shared, share(shared, shared.stand_in.create_app(shared.acme, "Sync", developer_name="Sync Ltd")))


@pytest.fixture
def browser(shared: World) -> Central:
    return central(shared)


@pytest.mark.parametrize(
    "typed",
    [
        "globex",
        "  GLOBEX ",
        "globex.my",
        "globex.my.localhost",
        "globex.my.localhost:8400",
        "origin-globex.my.localhost",
        "http://globex.my.localhost/",
        "https://Globex.MY.localhost:8400/login?next=%2F#top",
        "https://globex.my.localhost?x=/@evil.example/",
    ],
)
def test_as_people_type_it(shared: World, app: Registered, browser: Central, typed: str) -> None:
    answer = browser.choose(browser.ask(app), typed)
    browser.follow(answer, shared.globex)
    assert answer.cookies[COOKIE] == "globex"


WRONG = [
    "nobody",
    "",
    " ",
    "oauth",
    "my",
    "localhost",
    "globex\0",
    "glo\0bex",
    "globex\n",
    "globex\r\nSet-Cookie: a=b",
    "\u202eglobex",
    "glob\u0435x",  # a Cyrillic letter
    "\uff47\uff4c\uff4f\uff42\uff45\uff58",  # full-width
    "globe\u0301x",
    "globex.",
    ".globex",
    "globex..my",
    "globex.my.",
    "globex.preview",
    "globex.preview.localhost",
    "acme.preview.localhost",
    "globex.my.evil.example",
    "globex.my.localhost.evil.example",
    "globex.my.localhost@evil.example",
    "globex@evil.example",
    "https://globex@evil.example/",
    "https://evil.example/globex.my.localhost",
    "https://globex.my.localhost\\@evil.example",
    "//globex.my.localhost",
    "//evil.example",
    "/globex",
    "javascript:globex",
    "ftp://globex.my.localhost",
    "https:globex.my.localhost",
    "globex%2eevil",
    "globex:99999999",
    "oauth.my.localhost",
    "<b>globex</b>",
    "globex' OR '1'='1",
    "127.0.0.1",
    "[::1]",
    "g" * 64,
    "globex" + "/" * 3000,
    "x" * 20_000,
]


@pytest.mark.spec("SECURITY", "6", "what is typed at the central host leads to an organisation's own host or nowhere")
@pytest.mark.parametrize("typed", WRONG)
def test_what_leads_nowhere(app: Registered, browser: Central, typed: str) -> None:
    page = browser.ask(app)
    answer = browser.choose(page, typed)
    assert answer.status_code == 422
    assert UNKNOWN in answer.text
    assert "location" not in answer.headers
    assert COOKIE not in answer.cookies
    # What was typed is kept, and quoted where it stands.
    assert "<b>globex</b>" not in answer.text
    assert browser.choose(answer, "globex").status_code == 303


@pytest.mark.spec(
    "Workgate", "central host", "an organisation that there is not and one without the application look alike"
)
def test_nobody_is_told_which_organisations_there_are(shared: World, app: Registered) -> None:
    (initech,) = shared.stand_in.create_org("initech", name="Initech")
    hidden = share(shared, shared.stand_in.create_app(initech, "Hidden"), initech)
    seen = set()
    for typed in ("nobody", "acme"):  # acme is there, and has not installed it
        browser = central(shared)
        answer = browser.choose(browser.ask(hidden), typed)
        tokens = {value for value in answer.text.split('"') if len(value) > 60 and "wg" not in value}
        text = answer.text.replace(typed, "…")
        for token in tokens:
            text = text.replace(token, "…")
        seen.add((answer.status_code, text.partition("<main>")[2]))
    assert len(seen) == 1
    # Its owner's own users can come through the central host, too.
    browser = central(shared)
    browser.follow(browser.choose(browser.ask(hidden), "initech"), initech)


@pytest.mark.spec("Workgate", "central host", "who guesses names has to wait")
def test_guessing_is_slowed() -> None:
    with a_world(sign_in_failures_per_address=3) as world:
        app = install(world, share(world, world.web))
        browser = central(world)
        page = browser.ask(app)
        assert [browser.choose(page, f"guess{number}").status_code for number in range(4)] == [422, 422, 422, 429]
        late = browser.choose(page, "globex")
        assert (late.status_code, late.headers["retry-after"]) == (429, "60")
        assert "Too many tries. Wait 60 seconds" in late.text
        world.clock.advance(60)
        assert browser.choose(page, "globex").status_code == 303


def test_the_organisation_is_remembered(shared: World, app: Registered, browser: Central) -> None:
    browser.choose(browser.ask(app), "globex.my.localhost")
    page = browser.ask(app, state="another")
    assert '<bdi dir="ltr">globex</bdi>' in page.text
    assert 'id="organisation"' not in page.text
    answer = browser.choose(page)
    _, target = browser.follow(answer, shared.globex)
    assert query_of(target)["state"] == "another"
    # Another one can be named at any time.
    other = page.text.partition('<p class="account"><a href="')[2].partition('"')[0].replace("&amp;", "&")
    assert urlsplit(other).path == ORGANISATION
    empty = browser.http.get(other)
    assert 'id="organisation"' in empty.text
    browser.follow(browser.choose(empty, "acme"), shared.acme)
    assert '<bdi dir="ltr">acme</bdi>' in browser.ask(app).text


@pytest.mark.parametrize(
    "value",
    ["evil.example", "globex@evil.example", "//evil.example", "oauth", "origin-globex", "a" * 64, '"><script>', ""],
)
def test_a_cookie_that_is_no_name_is_not_believed(app: Registered, browser: Central, value: str) -> None:
    browser.http.headers["Cookie"] = f"{COOKIE}={value}"
    page = browser.ask(app)
    assert page.status_code == 200
    assert 'id="organisation"' in page.text
    assert f'value="{value}"' not in page.text.replace('value=""', "")
    assert "<script>" not in page.text


def test_a_cookie_leads_no_further_than_the_form(shared: World, app: Registered, browser: Central) -> None:
    browser.http.cookies.set(COOKIE, "initrode")
    page = browser.ask(app)
    assert "initrode" in page.text
    assert browser.choose(page).status_code == 422
