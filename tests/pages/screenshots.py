"""Takes every page wide and narrow, light and dark, in English or Italian.

``python -m tests.pages.screenshots OUTDIR [en|it]``.
"""

import sys
from pathlib import Path
from typing import Literal

from playwright.sync_api import Browser

from tests.pages.chromium import NARROW, WIDE, a_chromium, a_page
from tests.pages.screens import OWN_SCREENS, SCREENS, Screen
from tests.pages.site import Site, a_site

_SCHEMES: tuple[Literal["light", "dark"], ...] = ("light", "dark")


_LANGUAGES: dict[str, tuple[str, dict[str, Screen]]] = {"en": ("en-GB", SCREENS), "it": ("it-IT", OWN_SCREENS)}


def take(browser: Browser, site: Site, name: str, folder: Path, locale: str) -> list[Path]:
    """Take one page's four pictures."""
    taken = []
    with a_page(browser, locale=locale) as (page, _):
        SCREENS[name](page, site)
        for width, viewport in {"wide": WIDE, "narrow": NARROW}.items():
            for scheme in _SCHEMES:
                page.set_viewport_size({"width": viewport["width"], "height": viewport["height"]})
                page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
                path = folder / f"{name}-{width}-{scheme}.png"
                page.screenshot(path=path, full_page=True)
                taken.append(path)
    return taken


def main() -> None:
    """Take them all into the folder that the command line names."""
    language = sys.argv[2] if len(sys.argv) == 3 else "en"
    if len(sys.argv) not in {2, 3} or language not in _LANGUAGES:
        sys.exit("usage: python -m tests.pages.screenshots OUTDIR [en|it]")
    locale, screens = _LANGUAGES[language]
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    with a_site() as site, a_chromium() as browser:
        for name in screens:
            for path in take(browser, site, name, folder, locale):
                print(path)


if __name__ == "__main__":
    main()
