"""What a browser or program says it is, in words that its user recognises: "Firefox on Linux".

Decided by the User-Agent header, which says whatever its sender likes: it is only ever shown to that same user.
"""

import re

from workgate.domain.texts import N_, Text

# In this order: browsers name those they want to be taken for, too.
_BROWSERS = (
    ("Edg", "Edge"),
    ("OPR", "Opera"),
    ("SamsungBrowser", "Samsung Internet"),
    ("Vivaldi", "Vivaldi"),
    ("FxiOS", "Firefox"),
    ("Firefox", "Firefox"),
    ("CriOS", "Chrome"),
    ("Chromium", "Chromium"),
    ("HeadlessChrome", "Chromium"),
    ("Chrome", "Chrome"),
    ("Safari", "Safari"),
)
_SYSTEMS = (
    ("iPhone", "iPhone"),
    ("iPad", "iPad"),
    ("Android", "Android"),
    ("Windows", "Windows"),
    ("CrOS", "ChromeOS"),
    ("Mac OS X", "macOS"),
    ("Macintosh", "macOS"),
    ("Linux", "Linux"),
)
_PRODUCT = re.compile(r"([A-Za-z][\w.+-]{0,39})(?:/([\w.+-]{1,20}))?", re.ASCII)


def agent_words(agent: str | None) -> Text:
    """Name a browser and its system, or a program, as far as the header tells."""
    agent = agent or ""
    browser = next((name for sign, name in _BROWSERS if re.search(rf"\b{sign}/", agent)), None)
    system = next((name for sign, name in _SYSTEMS if sign in agent), None)
    if browser is not None and system is not None:
        return N_("{browser} on {system}", browser=browser, system=system)
    if browser is not None:
        return Text(browser)
    product = _PRODUCT.match(agent)
    if product is None or product[1] == "Mozilla":
        return N_("A browser or program that does not say what it is")
    name = product[1] if product[2] is None else f"{product[1]} {product[2]}"
    return N_("The program {name}", name=name)
