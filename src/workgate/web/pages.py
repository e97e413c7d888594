"""Pages for people: templates in each language, the headers that every page carries, and where a page may lead to."""

import functools
import hashlib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote

from jinja2 import Environment as Templates
from jinja2 import FileSystemLoader, StrictUndefined, select_autoescape
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from workgate.domain.accounts import Environment
from workgate.domain.texts import Text
from workgate.web.languages import LANGUAGES, Language, language_of

_HERE = Path(__file__).parent
STATIC_FOLDER = _HERE / "static"
_PLACEHOLDER = "/-/"

LANGUAGE_PATH = "/language"
AUDIT_PATH = "/setup/audit"

SECURITY_HEADERS = {
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
}


class Pages:
    """Renders pages of the folder ``templates``."""

    def render(
        self,
        request: Request,
        template: str,
        environment: Environment | None,
        context: Mapping[str, Any],
        *,
        status: int = 200,
        form_action: Iterable[str] = (),
        headers: Mapping[str, str] | None = None,
        here: str | None = None,
    ) -> Response:
        """Make a page's response, in the language of whoever asked.

        Args:
            request: what is answered.
            template: the file's name.
            environment: whose page it is.
            context: what the template says it needs; a ``Text`` in it appears in the page's language.
            status: the HTTP status.
            form_action: CSP sources besides our own that answers to the page's forms may redirect to.
            headers: more headers.
            here: the path that shows this page in another language; by default the request's own, or of a post the
                start page.
        """
        language = language_of(request)
        if here is None:
            here = path_and_query(request) if request.method in {"GET", "HEAD"} else "/"
        other_languages = [
            {
                "tag": other.tag,
                "name": other.name,
                "url": f"{LANGUAGE_PATH}?to={other.tag}&next={quote(own_path(here), safe='')}",
            }
            for other in LANGUAGES.values()
            if other is not language
        ]
        body = (
            _templates(language)
            .get_template(template)
            .render(environment=environment, language=language, other_languages=other_languages, **context)
        )
        targets = " ".join(["'self'", *form_action])
        policy = (
            "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self'; "
            f"form-action {targets}; base-uri 'none'; frame-ancestors 'none'"
        )
        return Response(
            body,
            status_code=status,
            media_type="text/html",
            headers={
                **SECURITY_HEADERS,
                "Content-Security-Policy": policy,
                "Content-Language": language.tag,
                "Vary": "Accept-Language, Cookie",
                **(headers or {}),
            },
        )

    def error(
        self,
        request: Request,
        environment: Environment | None,
        *,
        status: int,
        title: Text,
        text: Text,
        hint: Text | None = None,
        start: bool = False,
        reference: str | None = None,
        for_administrator: bool = False,
        headers: Mapping[str, str] | None = None,
    ) -> Response:
        """Make an error page, which says what to do next.

        Args:
            request: what is answered.
            environment: whose page it is.
            status: the HTTP status.
            title: what is wrong, in a few words.
            text: the same in a sentence.
            hint: what to do next.
            start: whether to link to the start page.
            reference: what the audit log keeps the private reason under.
            for_administrator: an administrator of the environment reads it, for whom the reference is a link.
            headers: more headers.
        """
        context = {
            "title": title,
            "text": text,
            "hint": hint,
            "start": start,
            "reference": reference,
            "reference_url": f"{AUDIT_PATH}/{reference}" if for_administrator and reference is not None else None,
        }
        # What was asked for is not repeated, in a link's address either: the other language begins at the start page.
        return self.render(request, "error.html", environment, context, status=status, headers=headers, here="/")


@functools.cache
def _templates(language: Language) -> Templates:
    """The templates in a language, when its first page is asked for; what they print of ``Text`` is translated."""
    templates = Templates(
        loader=FileSystemLoader(_HERE / "templates"),
        autoescape=select_autoescape(default=True),
        undefined=StrictUndefined,
        trim_blocks=False,
        auto_reload=False,
        extensions=["jinja2.ext.i18n"],
        finalize=lambda value: language.say(value) if isinstance(value, Text) else value,
    )
    # As scripts/catalogs.py extracts them: a block's line breaks and indentation are no part of its text.
    templates.policies["ext.i18n.trimmed"] = True
    catalog = language.catalog
    templates.install_gettext_callables(catalog.gettext, catalog.ngettext, newstyle=True)  # type: ignore[attr-defined]
    templates.filters.update(
        date=language.date, moment=language.moment, instant=language.instant, duration=language.duration
    )
    # Of problems, which begin in lower case for the command line.
    templates.filters["sentence"] = lambda text: _sentence(text, language)
    templates.globals["static"] = _static_address
    return templates


def _sentence(text: Text, language: Language) -> str:
    said = language.say(text)
    # A name at the beginning is written as its owner writes it.
    if not text.msgid.startswith("{") or any(isinstance(value, Text) for _, value in text.values):
        said = said[:1].upper() + said[1:]
    return said if said.endswith((".", "?", "!")) else f"{said}."


def redirect(location: str, *, after_post: bool) -> Response:
    """Lead the browser on: 303 after a post, so that it is never posted again, else 302."""
    response = RedirectResponse(_PLACEHOLDER, status_code=303 if after_post else 302, headers=SECURITY_HEADERS)
    # Sent as it is: the framework would quote it again, and a client's redirect URI must not change.
    response.headers["location"] = location
    return response


def own_path(target: str | None) -> str:
    """Give ``target`` if it is a path of this server, else the start page: no redirect leads elsewhere."""
    if target is None or len(target) > 32_768:
        return "/"
    plain = target.isascii() and target.isprintable() and "\\" not in target and " " not in target
    return target if plain and target.startswith("/") and not target.startswith("//") else "/"


def path_and_query(request: Request) -> str:
    """Give the path and query of a request as they were sent."""
    query = request.scope["query_string"].decode("latin-1")
    path: str = request.scope["path"]
    return f"{path}?{query}" if query else path


@functools.cache
def _static_address(name: str) -> str:
    """The address of a static file; its content's digest is part of it, so that it may be kept for ever."""
    digest = hashlib.sha256((STATIC_FOLDER / name).read_bytes()).hexdigest()[:12]
    return f"/static/{name}?v={digest}"
