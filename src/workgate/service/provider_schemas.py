"""The JSON Schema of an identity provider's settings, made of the types that read them."""

import inspect
from typing import Any

import msgspec

from workgate.domain.sso import ProviderKind
from workgate.signin.oidc import OidcSettings
from workgate.signin.saml import SamlSettings

_KINDS: dict[ProviderKind, type[object]] = {ProviderKind.OIDC: OidcSettings, ProviderKind.SAML: SamlSettings}
_NEEDED = {ProviderKind.OIDC: ["issuer", "client_id"], ProviderKind.SAML: []}  # metadata may be fetched instead


def settings_schema() -> dict[str, Any]:
    """The schema of settings of any kind: an object of one of them."""
    schema = {"type": "object", "anyOf": [_of(kind) for kind in ProviderKind]}
    return dict(msgspec.json.decode(msgspec.json.encode(schema)))  # defaults become what JSON has


def _of(kind: ProviderKind) -> dict[str, Any]:
    schema = msgspec.json.schema(_KINDS[kind])
    described = _without_references(schema, schema.get("$defs", {}))
    text = inspect.cleandoc(described["description"])
    return {**described, "title": f"Of kind {kind}", "description": text, "required": _NEEDED[kind]}


def _without_references(schema: dict[str, Any], definitions: dict[str, Any]) -> dict[str, Any]:
    if "$ref" in schema:
        named = definitions[schema["$ref"].rpartition("/")[2]]
        schema = named | {key: value for key, value in schema.items() if key not in {"$ref", "$defs"}}
    members = {name: _without_references(each, definitions) for name, each in schema.get("properties", {}).items()}
    return {**schema, "properties": members} if members else schema
