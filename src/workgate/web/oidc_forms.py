"""The form of an OpenID Connect provider: what is read of it, and what it shows."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from msgspec import UNSET, UnsetType

from workgate.domain.sso import IdentityProvider, Provisioning
from workgate.domain.texts import N_, Text

NO_CLIENT_AUTHENTICATION = "none"
CLIENT_AUTHENTICATIONS: Mapping[str, Text] = {
    "client_secret_basic": N_("Client secret in the Authorization header (usual)"),
    "client_secret_post": N_("Client secret in the body"),
    NO_CLIENT_AUTHENTICATION: N_("No secret: PKCE alone"),
}
_ATTRIBUTES = ("username", "first_name", "last_name", "email")
_TEXTS = ("name", "issuer", "client_id", "client_authentication", "scopes", *_ATTRIBUTES)
_BOXES = ("userinfo", "logout", "provisioning")
FIELDS = (*_TEXTS, "secret", *_BOXES)
_SUGGESTED = {
    "client_authentication": "client_secret_basic",
    "scopes": "openid profile email",
    "logout": "on",
    "username": "preferred_username",
    "first_name": "given_name",
    "last_name": "family_name",
    "email": "email",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Entered:
    """What was entered of a provider. ``secret`` UNSET: the present one stays; None: there is to be none."""

    name: str
    protocol: Mapping[str, object]
    provisioning: Provisioning
    secret: str | UnsetType | None = field(repr=False)


def values_of_new() -> dict[str, str]:
    """What the form of a new provider shows."""
    return {name: _SUGGESTED.get(name, "") for name in (*_TEXTS, *_BOXES)}


def values_of(provider: IdentityProvider) -> dict[str, str]:
    """What the form of a provider shows before anything is typed; never its secret."""
    protocol: Mapping[str, Any] = provider.protocol
    made = provider.provisioning
    return {
        "name": provider.name,
        "issuer": protocol["issuer"],
        "client_id": protocol["client_id"],
        "client_authentication": protocol["client_authentication"],
        "scopes": " ".join(protocol["scopes"]),
        "userinfo": "on" if protocol["userinfo"] else "",
        "logout": "on" if protocol["logout"] else "",
        "provisioning": "on" if made.enabled else "",
        **{name: getattr(made, name) for name in _ATTRIBUTES},
    }


def values_typed(form: Mapping[str, str]) -> dict[str, str]:
    """What the form shows again after it was posted: everything but the secret."""
    return {name: form.get(name, "") for name in (*_TEXTS, *_BOXES)}


def entered(form: Mapping[str, str], present: Mapping[str, object] | None = None) -> Entered:
    """Read the form.

    Args:
        form: what was posted.
        present: the settings that there are, of which those that the form does not show stay.
    """
    values = {name: form.get(name, "").strip() for name in _TEXTS}
    protocol = {
        **(present or {}),
        "issuer": values["issuer"],
        "client_id": values["client_id"],
        "client_authentication": values["client_authentication"],
        "scopes": values["scopes"].split(),
        "userinfo": form.get("userinfo") == "on",
        "logout": form.get("logout") == "on",
    }
    provisioning = Provisioning(
        enabled=form.get("provisioning") == "on", **{name: values[name] for name in _ATTRIBUTES}
    )
    secret: str | UnsetType | None = form.get("secret", "").strip() or UNSET
    if values["client_authentication"] == NO_CLIENT_AUTHENTICATION:
        secret = None
    return Entered(name=values["name"], protocol=protocol, provisioning=provisioning, secret=secret)
