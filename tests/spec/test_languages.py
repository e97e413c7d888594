"""Every page and message in English and Italian: which one a browser gets, and that nothing is missing in either."""

import html
import re
from gettext import GNUTranslations

import httpx
import pytest
from scripts import catalogs
from tests.browser import AUTHORIZE, CONSENT, TOKEN, Browser, World, authorize_params, query_of

from workgate.domain.texts import N_, N_several, Text
from workgate.oauth.errors import Fault
from workgate.web.languages import LANGUAGES, LOCALE_FOLDER, duration, negotiated

ITALIAN = LANGUAGES["it"]
_SWITCH = re.compile(r'<a href="(/language\?to=([a-z]+)[^"]*)"')


def language_of(page: httpx.Response) -> str:
    """The page's language, which it says twice."""
    said = re.search(r'<html lang="([a-z]+)" dir="ltr">', page.text)
    assert said is not None
    assert page.headers["content-language"] == said.group(1)
    assert page.headers["vary"] == "Accept-Language, Cookie"
    return said.group(1)


def switch_of(page: httpx.Response) -> str:
    """The link to the page in the other language."""
    ((address, _),) = _SWITCH.findall(page.text)
    return html.unescape(address)


def italian(browser: Browser) -> Browser:
    browser.http.headers["Accept-Language"] = "it"
    return browser


# --- nothing is missing


@pytest.mark.parametrize("tag", LANGUAGES)
def test_every_text_is_translated_and_fits_its_source(tag: str) -> None:
    catalog = catalogs.read(tag)
    assert catalogs.faults(catalog) == []
    assert {message.id for message in catalogs.texts(catalog)} == {
        message.id for message in catalogs.texts(catalogs.extracted())
    }, "run scripts/catalogs.sh"


@pytest.mark.parametrize("tag", LANGUAGES)
def test_the_compiled_catalogs_are_those_of_the_source(tag: str) -> None:
    said = LANGUAGES[tag].catalog
    for message in catalogs.texts(catalogs.read(tag)):
        match message.id, message.string:
            case str(msgid), translation:
                assert said.gettext(msgid) == translation, "run scripts/catalogs.sh"
            case (one, several), (of_one, of_several):
                for number in (0, 1, 2, 11):
                    translation = of_one if number == 1 else of_several
                    assert said.ngettext(one, several, number) == translation, "run scripts/catalogs.sh"


def test_there_is_a_catalog_for_each_language_and_no_other() -> None:
    assert sorted(LANGUAGES) == catalogs.TAGS
    assert sorted(path.name for path in LOCALE_FOLDER.iterdir()) == catalogs.TAGS
    for path in LOCALE_FOLDER.glob("*/LC_MESSAGES/*.mo"):
        with path.open("rb") as file:
            assert GNUTranslations(file).charset() == "utf-8"


@pytest.mark.parametrize(
    ("attribute", "value", "found"),
    [
        ("string", "", ["not translated"]),
        ("flags", {"fuzzy"}, ["fuzzy"]),
        ("string", "Manca {qualcosa}.", ["placeholders or tags differ"]),
        ("string", "Manca %(qualcosa)s.", ["placeholders or tags differ"]),
        ("string", "Manca <b>qualcosa</b>.", ["placeholders or tags differ"]),
        ("string", "Al 100 %.", ["placeholders or tags differ"]),
    ],
)
def test_the_check_notices(attribute: str, value: object, found: list[str]) -> None:
    catalog = catalogs.read("it")
    message = next(text for text in catalogs.texts(catalog) if text.id == "Sign out")
    setattr(message, attribute, value)
    assert catalogs.faults(catalog) == [f"{fault}: {message.id}" for fault in found]


def test_no_text_of_a_template_is_left_unmarked() -> None:
    for path in sorted((LOCALE_FOLDER.parent / "templates").glob("*.html")):
        source = re.sub(
            r"\{#.*?#\}|\{%-? *trans.*?endtrans *-?%\}|\{%.*?%\}|\{\{.*?\}\}", " ", path.read_text(), flags=re.S
        )
        texts = re.sub(r"<[^>]*>", "|", source)
        assert set(re.findall(r"[A-Za-z]{2,}", texts)) <= {"Workgate"}, path.name
        for attribute in re.findall(r'\b(?:alt|title|placeholder|aria-label)="([^"]*)"', source):
            assert attribute.strip() == "", path.name


# --- which one a browser gets


@pytest.mark.spec("RFC 9110", "12.5.4", "the language with the best quality that there is, English if there is none")
@pytest.mark.parametrize(
    ("accept_language", "tag"),
    [
        ("", "en"),
        ("it", "it"),
        ("it-CH", "it"),
        ("IT-it", "it"),
        ("en-GB,en;q=0.9,it;q=0.8", "en"),
        ("it-IT,it;q=0.9,en;q=0.8", "it"),
        ("en;q=0.5, it;q=0.7", "it"),
        ("en; q=0.5 ,it ; Q=0.7", "it"),
        ("de,fr;q=0.9,it;q=0.1", "it"),
        ("de", "en"),
        ("*", "en"),
        ("it;q=0.5,*;q=0.8", "en"),
        ("it,*;q=0.8", "it"),
        ("it;q=0", "en"),
        ("it;q=nan,en;q=0.1", "en"),
        ("it;q=2", "en"),
        ("it;level=1", "it"),
        ("italian", "en"),
        (",;;=,it;q=", "en"),
        ("\x00\xff, it", "it"),
        ("x," * 100_000 + "it", "en"),
    ],
)
def test_negotiation(accept_language: str, tag: str) -> None:
    assert negotiated(accept_language).tag == tag


def test_english_without_a_wish_and_italian_where_it_is_asked_for(shared: World) -> None:
    assert language_of(shared.http().get("/login")) == "en"
    page = italian(shared.browser()).http.get("/login")
    assert language_of(page) == "it"
    assert "Nome utente" in page.text


def test_the_switch_keeps_an_authorization_request(shared: World) -> None:
    browser = shared.browser()
    asked = authorize_params(shared.web, state="a b&c=%2F?ü" + "x" * 2000)
    login = browser.http.get(browser.authorize(**asked).headers["location"])
    browser.http.get(switch_of(login))
    assert browser.sign_in().status_code == 303
    consent = browser.authorize(**asked)
    assert language_of(consent) == "it"
    led_back = browser.http.get(switch_of(consent))
    assert led_back.status_code == 302
    assert query_of(led_back.headers["location"]) == asked
    again = browser.http.get(led_back.headers["location"])
    assert language_of(again) == "en"
    answer = browser.decide(again)
    assert query_of(answer.headers["location"])["state"] == asked["state"]


def test_the_choice_outweighs_what_the_browser_asks_for(shared: World) -> None:
    browser = italian(shared.browser())
    answer = browser.http.get(switch_of(browser.http.get("/login")))
    (cookie,) = answer.headers.get_list("set-cookie")
    assert cookie.startswith("workgate_lang=en;")
    assert {"HttpOnly", "Path=/", "SameSite=lax"} <= set(cookie.split("; "))
    assert language_of(browser.http.get("/login")) == "en"
    browser.http.cookies.set("workgate_lang", "../../etc")
    assert browser.http.get("/no-such-page").status_code == 404


def test_every_page_leads_back_to_itself_or_to_a_page_that_can_be_opened(shared: World, ann: Browser) -> None:
    stranger = shared.browser()
    shown = [
        ("/login?next=%2F", stranger.sign_in(password="wrong")),
        ("/login?next=%2Fx%3Fy", stranger.http.get("/login", params={"next": "/x?y"})),
        ("/", ann.http.post(CONSENT)),
        ("/", stranger.http.get("/no-such-page?a=b")),  # an error page repeats nothing of what was asked for
    ]
    for path, page in shown:
        assert query_of(switch_of(page)) == {"to": "it", "next": path}


@pytest.mark.spec("RFC 9700", "4.11", "no open redirector: next leads only to this server's own paths")
@pytest.mark.parametrize(
    "target", ["//evil.example", "/\\evil.example", "https://evil.example", "/\t/evil.example", ""]
)
def test_the_switch_leads_nowhere_else(shared: World, target: str) -> None:
    answer = shared.http().get("/language", params={"to": "it", "next": target})
    assert (answer.status_code, answer.headers["location"]) == (302, "/")
    # Nor does a page whose own address looks like another server's.
    http = shared.http()
    asked = http.build_request("GET", "/")
    asked.url = asked.url.copy_with(raw_path=b"//evil.example/")
    page = http.send(asked)
    assert page.status_code == 404
    assert query_of(switch_of(page))["next"] == "/"


@pytest.mark.spec("OWASP ASVS", "V3.5", "what another site links to chooses no language")
def test_another_site_chooses_no_language(shared: World) -> None:
    for site, kept in {"cross-site": 0, "same-site": 0, "same-origin": 1, "none": 1}.items():
        answer = shared.http().get("/language", params={"to": "it", "next": "/x"}, headers={"Sec-Fetch-Site": site})
        assert answer.headers["location"] == "/x"
        assert len(answer.headers.get_list("set-cookie")) == kept, site
    for to in ("", "fr", "it; Domain=example.com", "../it"):
        answer = shared.http().get("/language", params={"to": to})
        assert "set-cookie" not in answer.headers
    assert shared.http().post("/language").status_code == 405


# --- what is said


def test_what_was_decided_elsewhere_is_said_on_the_page(shared: World) -> None:
    browser = italian(shared.browser())
    for params, fault in (
        ({}, Fault.CLIENT_ID_MISSING),
        ({"client_id": "x"}, Fault.UNKNOWN_CLIENT),
        ({**authorize_params(shared.web), "redirect_uri": "https://x.example"}, Fault.REDIRECT_URI_MISMATCH),
        ({"client_id": shared.machine.application.client_id}, Fault.MACHINE_APPLICATION),
        ({"client_id": shared.web.application.client_id}, Fault.REDIRECT_URI_MISSING),
    ):
        page = browser.authorize(**params)
        assert page.status_code in {400, 401}
        assert ITALIAN.say(fault.text) != fault.description
        assert ITALIAN.say(fault.text) in html.unescape(page.text)
    for query, fault in (
        ("client_id=a&client_id=b", Fault.REPEATED_PARAMETER),
        ("client_id=%00", Fault.MALFORMED_PARAMETER),
    ):
        assert ITALIAN.say(fault.text) in html.unescape(browser.http.get(f"{AUTHORIZE}?{query}").text)


@pytest.mark.spec("RFC 6749", "5.2", "error_description is ASCII and English, whatever the client's language")
def test_developers_get_english(shared: World) -> None:
    answer = shared.http().post(TOKEN, data={"client_id": "x"}, headers={"Accept-Language": "it"})
    assert answer.json()["error_description"] == Fault.CLIENT_AUTHENTICATION.description
    assert "content-language" not in answer.headers
    browser = italian(shared.browser())
    refused = browser.authorize(**authorize_params(shared.web, response_type="token"))
    assert Fault.RESPONSE_TYPE.description in query_of(refused.headers["location"])["error_description"]
    assert all(fault.description.isascii() for fault in Fault)


def test_what_people_typed_stays_text_in_every_language(shared: World) -> None:
    evil = "<b>%(x)s{0}</b>"
    app = shared.stand_in.create_app(shared.acme, evil, developer_name=evil)
    for tag in LANGUAGES:
        browser = shared.browser()
        browser.http.headers["Accept-Language"] = tag
        browser.sign_in()
        page = browser.authorize(**authorize_params(app))
        assert language_of(page) == tag
        assert page.text.count(html.escape(evil)) >= 2
        assert evil not in page.text


def test_texts_dates_and_durations() -> None:
    english = LANGUAGES["en"]
    time = 1_795_623_840_000
    assert english.date(time) == "25 November 2026"
    assert ITALIAN.moment(time) == "25 novembre 2026, ore 16:24 UTC"
    spans = {1: "1 secondo", 0: "0 secondi", 60: "1 minuto", 90: "90 secondi", 7200: "2 ore", 86_400 * 90: "90 giorni"}
    assert {seconds: ITALIAN.duration(seconds) for seconds in spans} == spans
    wait = N_("Wait {time}, then try again.", time=duration(120))
    assert (str(wait), ITALIAN.say(wait)) == ("Wait 2 minutes, then try again.", "Attendi 2 minuti, poi riprova.")
    assert str(N_several("{number} day", "{number} days", 1)) == "1 day"
    assert ITALIAN.say(Text("100 % {unknown}")) == "100 % {unknown}"
