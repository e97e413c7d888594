"""What all forms for a new password have in common: typed twice, and every rule that it breaks beside its field."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from starlette.requests import Request

from workgate.domain.texts import N_, Text
from workgate.oauth.params import Params
from workgate.service.mailed_links import Mailing
from workgate.web.browser import Visitor
from workgate.web.languages import language_of

AGAIN = "again"


@dataclass(frozen=True, slots=True)
class Wrong:
    """What is wrong with a form: in general, and with each field."""

    title: Text | None = None
    text: Text | None = None
    fields: Mapping[str, Sequence[Text]] = field(default_factory=dict)


TOO_OLD = Wrong(
    N_("Please try once more"),
    N_("This page was open for too long, or your browser did not keep its cookie. Nothing was changed."),
)


def same_twice(form: Params) -> Wrong | None:
    """Say whether the new password was typed in two ways, or not at all; None: neither."""
    if not form.get("new"):
        return Wrong(fields={"new": [N_("Type a new password.")]})
    if form["new"] != form.get(AGAIN):
        return Wrong(fields={AGAIN: [N_("You typed another password here than above. Type both once more.")]})
    return None


def rules_broken(texts: Sequence[Text]) -> Wrong:
    """Say which rules a new password breaks."""
    return Wrong(fields={"new": texts})


def mailing_for(request: Request, visitor: Visitor) -> Mailing:
    """How mail is written to whoever sends this request."""
    return Mailing(visitor.issuer, language_of(request).say)
