"""The watch over the pages notices what it is there for."""

import pytest
from playwright.sync_api import Browser

from tests.pages.chromium import a_page
from tests.pages.site import Site

pytestmark = pytest.mark.browser

INLINE_SCRIPT = "() => { const it = document.createElement('script'); it.text = '1'; document.body.append(it); }"


@pytest.mark.parametrize(
    ("deed", "fault"),
    [
        (INLINE_SCRIPT, "Content Security Policy"),
        ("() => { document.body.style.cssText; document.body.setAttribute('style', 'color: red'); }", "style"),
        ("() => { setTimeout(() => { throw new Error('on purpose'); }); }", "on purpose"),
        ("() => { console.error('a complaint'); }", "a complaint"),
        ("() => { new Image().src = 'http://elsewhere.invalid/x.png'; }", "Content Security Policy"),
    ],
)
def test_a_fault_is_noticed(chromium: Browser, site: Site, deed: str, fault: str) -> None:
    with a_page(chromium) as (page, watch):
        page.goto(f"{site.url}/login")
        assert watch.faults == []
        page.evaluate(deed)
        page.evaluate("() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")
        assert any(fault in said for said in watch.faults), watch.faults


def test_a_page_that_was_refused_is_no_fault_but_its_missing_image_is(chromium: Browser, site: Site) -> None:
    with a_page(chromium) as (page, watch):
        page.goto(f"{site.url}/no-such-page")
        assert watch.faults == []
        page.evaluate("() => new Promise(done => { const i = new Image(); i.onerror = done; i.src = '/none.png'; })")
        page.evaluate("() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")
        assert len(watch.faults) == 1, watch.faults
