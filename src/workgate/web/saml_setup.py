"""The setup page of a SAML provider, new or there already: its metadata by file or address, and when keys expire."""

from collections.abc import Mapping, Sequence
from http import HTTPStatus

from starlette.requests import Request
from starlette.responses import Response

from workgate.domain.ids import Clock, Milliseconds
from workgate.domain.problems import NotFound, Problem
from workgate.domain.sso import IdentityProvider, NotVouched, ProviderKind, Provisioning, callback_path
from workgate.domain.texts import N_, Text
from workgate.service.identity_providers import ProviderChanges
from workgate.service.sso_saml import SamlProtocol, metadata_path
from workgate.web.entrance import Administrator
from workgate.web.multipart import NOTHING, Posted, posted_form
from workgate.web.provider_page import SENT_TWICE, ProviderPage, done
from workgate.web.setup_page import TOO_OLD

SOON_DAYS = 30
_DAY = 86_400_000
NAME_ID_FORMATS: Mapping[str, Text] = {
    "urn:oasis:names:tc:SAML:2.0:nameid-format:persistent": N_("Persistent: an ID that never changes (best)"),
    "urn:oasis:names:tc:SAML:1.1:nameid-format:emailAddress": N_("E-mail address"),
    "urn:oasis:names:tc:SAML:1.1:nameid-format:unspecified": N_("Whatever the provider sends"),
    "urn:oasis:names:tc:SAML:2.0:nameid-format:transient": N_("Transient: needs an attribute as federation ID"),
}
_ATTRIBUTES = ("username", "first_name", "last_name", "email")
_TEXTS = ("name", "metadata_url", "name_id_format", "subject_attribute", *_ATTRIBUTES)
_BOXES = ("sign_requests", "provisioning")
_FILE = "metadata"
FIELDS = (*_TEXTS, *_BOXES, _FILE)


class SamlSetup:
    """``provider_page.KindOfSetup`` of SAML."""

    def __init__(self, page: ProviderPage, saml: SamlProtocol, clock: Clock) -> None:
        self._page = page
        self._saml = saml
        self._clock = clock

    async def new(self, request: Request, admin: Administrator) -> Response:
        """Show the empty form; see the protocol."""
        values = {**dict.fromkeys((*_TEXTS, *_BOXES), ""), "sign_requests": "on"}
        return await self._form_of_new(request, admin, values)

    async def create(self, request: Request, admin: Administrator) -> Response:
        """Set up what was entered; see the protocol."""
        posted = await _posted(request)
        if posted is None:
            return self._page.setup.too_large(request, admin)
        values = _typed(posted)
        if not self._page.setup.is_own(posted.texts, admin):
            return await self._form_of_new(request, admin, values, problem=TOO_OLD, status=HTTPStatus.FORBIDDEN)
        if posted.texts.get("seen", "") != await self._page.seen(admin):
            return await self._form_of_new(request, admin, values, problem=SENT_TWICE, status=HTTPStatus.CONFLICT)
        try:
            if _FILE not in posted.files and not values["metadata_url"].strip():
                raise Problem("choose the provider's metadata file, or enter its address", field=_FILE)
            provider = await self._page.providers.create(
                admin.environment,
                ProviderKind.SAML,
                values["name"],
                _protocol(posted, {}),
                provisioning=_provisioning(values),
                by=admin.acting,
            )
        except Problem as problem:
            status = HTTPStatus.UNPROCESSABLE_ENTITY
            return await self._form_of_new(request, admin, values, problem=problem, status=status)
        return done(provider, "created")

    async def show(
        self,
        request: Request,
        admin: Administrator,
        provider: IdentityProvider,
        *,
        problem: Text | None = None,
        status: int = HTTPStatus.OK,
    ) -> Response:
        """Show a provider; see the protocol."""
        return await self._form(request, admin, provider, _values_of(provider), problem=problem, status=status)

    async def change(self, request: Request, admin: Administrator, provider: IdentityProvider) -> Response:
        """Save what was entered; see the protocol."""
        posted = await _posted(request)
        if posted is None:
            return self._page.setup.too_large(request, admin)
        values = _typed(posted)
        if not self._page.setup.is_own(posted.texts, admin):
            if posted is NOTHING:
                values = _values_of(provider)
            return await self._form(request, admin, provider, values, problem=TOO_OLD, status=HTTPStatus.FORBIDDEN)
        try:
            changes = ProviderChanges(
                name=values["name"],
                protocol=_protocol(posted, provider.protocol),
                provisioning=_provisioning(values),
            )
            await self._page.providers.change(admin.environment, str(provider.provider_id), changes, by=admin.acting)
        except NotFound:
            raise
        except Problem as problem:
            status = HTTPStatus.UNPROCESSABLE_ENTITY
            return await self._form(request, admin, provider, values, problem=problem, status=status)
        return done(provider, "saved")

    async def _form_of_new(
        self,
        request: Request,
        admin: Administrator,
        values: Mapping[str, str],
        *,
        problem: Problem | Text | None = None,
        status: int = HTTPStatus.OK,
    ) -> Response:
        return await self._page.of_new(
            request, admin, ProviderKind.SAML, _choices(values), problem=problem, status=status
        )

    async def _form(
        self,
        request: Request,
        admin: Administrator,
        provider: IdentityProvider,
        values: Mapping[str, str],
        *,
        problem: Problem | Text | None = None,
        status: int = HTTPStatus.OK,
    ) -> Response:
        origin = admin.visitor.issuer
        context = {
            **_choices(values),
            "metadata_url": origin + metadata_path(provider),
            "acs_url": origin + callback_path(provider.kind, provider.provider_id),
            "there": self._described(provider),
            "soon_days": SOON_DAYS,
        }
        return await self._page.of_one(request, admin, provider, context, problem=problem, status=status)

    def _described(self, provider: IdentityProvider) -> dict[str, object] | None:
        """What the provider's metadata says, and when certificates end; None: it cannot be read any more."""
        try:
            metadata, own = self._saml.described(provider)
        except NotVouched:
            return None
        return {
            "entity_id": metadata.entity_id,
            "certificates": [self._until(one.fingerprint, one.not_after) for one in metadata.certificates],
            "own": self._until(own.fingerprint, own.not_after),
        }

    def _until(self, fingerprint: str, not_after: Milliseconds) -> dict[str, object]:
        now = self._clock.now()
        return {
            "fingerprint": fingerprint,
            "not_after": not_after,
            "is_over": not_after <= now,
            "is_soon": not_after <= now + SOON_DAYS * _DAY,
        }


async def _posted(request: Request) -> Posted | None:
    texts = frozenset({"csrf", "seen", *_TEXTS, *_BOXES})
    return await posted_form(request, texts=texts, files=frozenset({_FILE}))


def _typed(posted: Posted) -> dict[str, str]:
    return {name: posted.texts.get(name, "") for name in (*_TEXTS, *_BOXES)}


def _values_of(provider: IdentityProvider) -> dict[str, str]:
    protocol, made = provider.protocol, provider.provisioning
    return {
        "name": provider.name,
        "metadata_url": str(protocol["metadata_url"]),
        "name_id_format": str(protocol["name_id_format"]),
        "subject_attribute": str(protocol["subject_attribute"]),
        "sign_requests": "on" if protocol["sign_requests"] else "",
        "provisioning": "on" if made.enabled else "",
        **{name: getattr(made, name) for name in _ATTRIBUTES},
    }


def _protocol(posted: Posted, present: Mapping[str, object]) -> Mapping[str, object]:
    """Read the settings; a file that was chosen counts, and without one the address. Raises ``Problem``."""
    values = _typed(posted)
    protocol: dict[str, object] = {
        **present,
        "metadata_url": values["metadata_url"].strip(),
        "name_id_format": values["name_id_format"],
        "subject_attribute": values["subject_attribute"].strip(),
        "sign_requests": values["sign_requests"] == "on",
    }
    if _FILE in posted.files:
        try:
            text = posted.files[_FILE].decode("utf-8-sig")
        except UnicodeDecodeError:
            raise Problem("the file is no metadata: it must be XML in UTF-8", field=_FILE) from None
        protocol |= {"metadata": text, "metadata_url": ""}
    return protocol


def _provisioning(values: Mapping[str, str]) -> Provisioning:
    return Provisioning(enabled=values["provisioning"] == "on", **{name: values[name].strip() for name in _ATTRIBUTES})


def _choices(values: Mapping[str, str]) -> dict[str, object]:
    chosen = values["name_id_format"]
    formats: Sequence[tuple[str, Text, bool]] = [
        (value, text, value == chosen) for value, text in NAME_ID_FORMATS.items()
    ]
    return {"values": values, "fields": FIELDS, "name_id_formats": formats}
