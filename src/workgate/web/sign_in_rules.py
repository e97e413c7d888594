"""The setup page of an environment's rules of signing in."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from workgate.domain.problems import Problem
from workgate.domain.signing_in import SignInRules, SsoMode
from workgate.domain.texts import N_, N_several, Text
from workgate.service.sign_in_rules import MOST_KINDS, RulesChanges, SignInAdministration, flat
from workgate.web.entrance import Administrator, Entrance
from workgate.web.pages import redirect
from workgate.web.setup_page import TOO_OLD, SetupPages

SIGN_IN_RULES_PATH = "/setup/sign-in"
DONE: Mapping[str, Text] = {"saved": N_("Your changes are saved. They hold from the next sign-in on.")}
_BOXES = ("administrators_exempt", "two_step_required", "refuse_common")
_NUMBERS = ("minimum_length", "kinds", "history")
_NUMBERS_OR_NONE = ("expires_days", "lock_tries", "lock_minutes")
_FIELDS = ("sso", *_BOXES, *_NUMBERS, *_NUMBERS_OR_NONE)
_MODES: Mapping[SsoMode, Text] = {
    SsoMode.NONE: N_("Off: everybody signs in with a password"),
    SsoMode.OPTIONAL: N_("Optional: with SSO or with a password"),
    SsoMode.ONLY: N_("SSO only: no passwords"),
}


class SignInRulesPage:
    """One form, and nothing else."""

    def __init__(self, *, setup: SetupPages, administration: SignInAdministration) -> None:
        self._setup = setup
        self._administration = administration

    def routes(self, entrance: Entrance) -> list[BaseRoute]:
        """Its address."""
        return [
            Route(SIGN_IN_RULES_PATH, entrance.administrators(self.show), methods=["GET"]),
            Route(SIGN_IN_RULES_PATH, entrance.administrators(self.change, keeps_entries=True), methods=["POST"]),
        ]

    async def show(self, request: Request, admin: Administrator) -> Response:
        """Show the rules."""
        rules = await self._administration.rules(admin.environment, by=admin.acting)
        return self._form(request, admin, _values_of(rules))

    async def change(self, request: Request, admin: Administrator) -> Response:
        """Save what was entered, or show the form again with what is wrong."""
        form, own = await self._setup.read(request, admin, *_FIELDS)
        values = {name: form.get(name, "") for name in _FIELDS}
        if not own:
            return self._form(request, admin, values, problem=TOO_OLD, status=HTTPStatus.FORBIDDEN)
        try:
            await self._administration.change(admin.environment, _changes(values), by=admin.acting)
        except Problem as problem:
            return self._form(request, admin, values, problem=problem, status=HTTPStatus.UNPROCESSABLE_ENTITY)
        return redirect(f"{SIGN_IN_RULES_PATH}?done=saved", after_post=True)

    def _form(
        self,
        request: Request,
        admin: Administrator,
        values: Mapping[str, str],
        *,
        problem: Problem | Text | None = None,
        status: int = HTTPStatus.OK,
    ) -> Response:
        kinds = [(str(number), _kinds(number), values["kinds"] == str(number)) for number in _KINDS_OFFERED]
        context = {
            "values": values,
            "fields": _FIELDS,
            "modes": [(mode.value, text, values["sso"] == mode.value) for mode, text in _MODES.items()],
            "kinds": kinds,
            "rules_path": SIGN_IN_RULES_PATH,
        }
        return self._setup.page(
            request, admin, "setup_sign_in.html", context, here=SIGN_IN_RULES_PATH, problem=problem, status=status
        )


_KINDS_OFFERED = (0, *range(2, MOST_KINDS + 1))


def _kinds(number: int) -> Text:
    if number == 0:
        return N_("No rule")
    return N_several("At least {number} kind", "At least {number} kinds", number)


def _values_of(rules: SignInRules) -> dict[str, str]:
    """What the form shows before anything is typed."""
    values = flat(rules)
    shown = {name: "" if values[name] is None else str(values[name]) for name in (*_NUMBERS, *_NUMBERS_OR_NONE)}
    # One kind is no rule: every password has one.
    shown["kinds"] = "0" if values["kinds"] <= 1 else shown["kinds"]
    return {"sso": rules.sso.value, **{name: "on" if values[name] else "" for name in _BOXES}, **shown}


def _changes(values: Mapping[str, str]) -> RulesChanges:
    """Read the form. Raises ``Problem`` for a value that the form does not offer."""
    try:
        sso = SsoMode(values["sso"])
    except ValueError:
        raise Problem("choose one of the list", field="sso") from None
    entered: dict[str, Any] = {name: values[name] == "on" for name in _BOXES}
    entered |= {name: _number(name, values[name]) for name in _NUMBERS}
    entered |= {name: _number(name, values[name]) if values[name].strip() else None for name in _NUMBERS_OR_NONE}
    return RulesChanges(sso=sso, **entered)


def _number(field: str, text: str) -> int:
    text = text.strip()
    if not (text.isascii() and text.isdigit() and len(text) <= 9):
        raise Problem("write a whole number", field=field)
    return int(text)
