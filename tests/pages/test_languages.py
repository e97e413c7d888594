"""Every page in Italian: nothing of it is English, it fits, axe finds nothing; and the switch, as a person uses it."""

import re

import pytest
from playwright.sync_api import Page, expect
from scripts import catalogs

from tests.pages.chromium import NARROW, WIDE
from tests.pages.conftest import OpenPage
from tests.pages.screens import OWN_SCREENS
from tests.pages.site import Site
from tests.pages.steps import allow, connect, expect_projects, sign_in
from tests.pages.test_accessibility import NARROWEST, SCHEMES, sideways, violations

pytestmark = pytest.mark.browser

# What is shown or read out, but for what the page says is in another language, what is code, and what was typed.
_TEXTS = """() => {
  const found = [document.title.split(" · ")[0]];
  const walk = (node) => {
    if (node.nodeType === Node.TEXT_NODE) found.push(node.data);
    if (node.nodeType !== Node.ELEMENT_NODE || ["SCRIPT", "STYLE", "CODE", "TEXTAREA"].includes(node.tagName)) return;
    if (node.lang && node.lang !== document.documentElement.lang) return;
    for (const name of ["aria-label", "alt", "title", "placeholder"]) found.push(node.getAttribute(name) ?? "");
    node.childNodes.forEach(walk);
  };
  walk(document.body);
  return found.map((text) => text.replace(/\\s+/g, " ").trim()).filter((text) => /\\p{L}{2}/u.test(text));
}"""
_DATA = re.compile(
    r"Workgate|Acme|my|preview|ann|bob|Ann Archer|Bob Baker"
    r"|ClientApp|Shows your projects on one page\.|ClientApp's developers|developers@clientapp\.example"
    r"|An application whose name takes up quite some room in every line that it is in"
    r"|Nightly export|Planwell|Boards|Widetools|widetools|acme|acmee|Plans your week around your projects\."
    r"|Planwell's makers|makers@planwell\.example"
    r"|Nightly export|Office laptop|A key on my key ring, whose name shows where lines break|Strict Inc\."
    r"|Tess Tester|tess-\d+|Login of Globex South, which is closed"
    r"|Globex|Globex login( that makes users)?|Nora|Nilsson|Everybody|Project managers|On call"
    r"|Corporate login|Campus login|Gone Away|newcomer [0-9a-f]{6}|Linus|Nils|auth0\|[0-9a-z-]+"
    r"|Wilhelmina-Alexandra von und zu Hohenstein-Wittelsbach|[a-z.]+@[a-z.]+"
    r"|Cat Cooper|cat|\(ann\)|21 settembre 2026, ore \d\d:\d\d(:\d\d)? UTC"
    r"|https?:/?|[a-z0-9.:]+/?|attask/?|api/?|v14\.0|[0-9A-Z]{4}-[0-9A-Z]{4}"
)


def pieces(tag: str) -> set[str]:
    """The catalog's texts as they stand in a page's text nodes: between tags and what is filled in."""
    found: set[str] = set()
    for message in catalogs.texts(catalogs.read(tag)):
        for text in [message.string] if isinstance(message.string, str) else message.string or ():
            found.update(piece.strip() for piece in re.split(r"<[^>]*>|%\(\w+\)s|\{\w+\}", text))
            found.add(f"{text[:1].upper()}{text[1:]}.")  # problems are written as sentences
    return found


def patterns(tag: str) -> list[re.Pattern[str]]:
    """The same for what is filled in without a tag around it: "%(used)s of %(most)s used"."""
    found: set[str] = set()
    for message in catalogs.texts(catalogs.read(tag)):
        for text in [message.string] if isinstance(message.string, str) else message.string or ():
            for piece in re.split(r"<[^>]*>", text):
                parts = re.split(r"%\(\w+\)s|\{\w+(?:!r)?\}", piece.strip())
                if len(parts) > 1 and re.search(r"[^\W\d_]{2}", "".join(parts)):
                    found.add(".+".join(map(re.escape, parts)) + r"\.?")
    return [re.compile(pattern, re.IGNORECASE) for pattern in sorted(found)]


def not_of(tag: str, page: Page) -> list[str]:
    """The texts of a page that its language's catalog does not have."""
    ours, filled = pieces(tag), patterns(tag)
    return [
        text
        for text in page.evaluate(_TEXTS)
        if text not in ours and not _DATA.fullmatch(text) and not any(pattern.fullmatch(text) for pattern in filled)
    ]


@pytest.mark.parametrize("name", OWN_SCREENS)
def test_a_page_in_italian(open_page: OpenPage, site: Site, axe: str, name: str) -> None:
    page, _ = open_page(locale="it-IT")
    page.add_init_script(axe)
    OWN_SCREENS[name](page, site)
    expect(page.locator("html")).to_have_attribute("lang", "it")
    assert not_of("it", page) == []
    for viewport in (WIDE, NARROW, NARROWEST):
        page.set_viewport_size({"width": viewport["width"], "height": viewport["height"]})
        assert sideways(page) == 0, viewport
        if name.startswith("consent"):
            heights = {button.bounding_box()["height"] for button in page.locator(".decision button").all()}  # type: ignore[index]
            assert max(heights) < 60, f"a button's words are broken, {viewport}"
    for scheme in SCHEMES:
        page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
        assert violations(page) == [], scheme


def test_english_would_be_noticed(page: Page, site: Site) -> None:
    page.goto(f"{site.url}/login")
    assert not_of("en", page) == []
    assert set(not_of("it", page)) >= {"Sign in", "User name", "Show password", "Language"}


def test_the_switch_in_the_middle_of_an_authorization(page: Page, site: Site) -> None:
    connect(page, site)
    page.get_by_role("link", name="Italiano").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Accedi per continuare con ClientApp")
    page.get_by_role("link", name="English").click()
    sign_in(page)
    page.get_by_role("link", name="Italiano").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Consentire a ClientApp di usare il tuo account?")
    page.get_by_role("link", name="English").click()
    allow(page)
    expect_projects(page, site)


def test_the_switch_without_javascript(open_page: OpenPage, site: Site) -> None:
    page, _ = open_page(java_script_enabled=False)
    page.goto(f"{site.url}/login?next=%2Fa%3Fb")
    page.get_by_role("link", name="Italiano").click()
    expect(page).to_have_url(f"{site.url}/login?next=%2Fa%3Fb")
    expect(page.get_by_role("heading", level=1)).to_have_text("Accedi")
