"""Mails as values: what is written to whom, before and after it is in a language; and the links that some carry.

Text only. What people typed is written on one line, without characters that are not seen: no name makes a line of its
own, and no header.
"""

import re
import textwrap
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum

from workgate.domain.accounts import Environment, User
from workgate.domain.ids import EnvironmentId, Milliseconds, ObjectId, RowId
from workgate.domain.texts import N_, N_several, Text

_LONGEST_NAME = 120
_LONGEST_ADDRESS = 254
# RFC 5321 §4.1.2 without quoted local parts and machines by number: nothing here needs quoting in a header.
_ADDRESS = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~.-]{1,64}@[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?")
Say = Callable[[Text], str]


class LinkPurpose(StrEnum):
    """What a mailed link is for."""

    RESET = "reset"
    INVITE = "invite"

    @property
    def seconds(self) -> int:
        """How long such a link works."""
        return 3600 if self is LinkPurpose.RESET else 7 * 86_400


@dataclass(frozen=True, slots=True, kw_only=True)
class MailedLink:
    """A link that was mailed to a user, as its row says; ``epoch`` is the installation's. It works once."""

    environment_id: EnvironmentId
    link_id: RowId
    user_id: ObjectId
    purpose: LinkPurpose
    salt: bytes = field(repr=False)
    key_id: int
    expires_at: Milliseconds
    epoch: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Letter:
    """A mail before it is in a language: its subject and its paragraphs, among which addresses stay as they are."""

    subject: Text
    paragraphs: tuple[Text | str, ...] = field(repr=False)
    link: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Mail:
    """A mail to be sent; ``user_id`` is whose it is, for the log, which names no address."""

    to: str = field(repr=False)
    subject: str = field(repr=False)
    body: str = field(repr=False)
    link: str | None = field(default=None, repr=False)
    user_id: ObjectId


def is_usable(address: str) -> bool:
    """Tell whether mail can be sent there: a plain address, and nothing that a header would read as more than one."""
    return len(address) <= _LONGEST_ADDRESS and _ADDRESS.fullmatch(address) is not None and ".." not in address


def written(letter: Letter, user: User, say: Say) -> Mail:
    """Put a letter to a user into a language."""
    paragraphs = [text if isinstance(text, str) else _lines(say(text)) for text in letter.paragraphs]
    return Mail(
        to=user.email,
        subject=_on_one_line(say(letter.subject)),
        body="\n\n".join(paragraphs) + "\n",
        link=letter.link,
        user_id=user.user_id,
    )


def reset_letter(user: User, environment: Environment, link: str) -> Letter:
    """The answer to whoever forgot the password."""
    organisation = _on_one_line(environment.name)
    hours = LinkPurpose.RESET.seconds // 3600
    return Letter(
        subject=N_("Choose a new password at {organisation}", organisation=organisation),
        paragraphs=(
            _greeting(user),
            N_(
                "Somebody, probably you, forgot the password of your account {username} at {organisation}. "
                "Choose a new one at this address:",
                username=_on_one_line(user.username),
                organisation=organisation,
            ),
            link,
            N_several("It works once, within {number} hour.", "It works once, within {number} hours.", hours),
            N_("Was it not you? Then do nothing: your password stays as it is. Give the address to nobody."),
        ),
        link=link,
    )


def renewal(user: User, environment: Environment, link: str) -> Letter:
    """The word of an administrator to somebody who has a password already."""
    organisation = _on_one_line(environment.name)
    hours = LinkPurpose.RESET.seconds // 3600
    return Letter(
        subject=N_("Choose a new password at {organisation}", organisation=organisation),
        paragraphs=(
            _greeting(user),
            N_(
                "An administrator of {organisation} asks you to choose a new password for your account {username}. "
                "Do so at this address:",
                username=_on_one_line(user.username),
                organisation=organisation,
            ),
            link,
            N_several("It works once, within {number} hour.", "It works once, within {number} hours.", hours),
            N_("Give the address to nobody."),
        ),
        link=link,
    )


def sso_letter(user: User, environment: Environment, sign_in: str) -> Letter:
    """The answer to whoever has no password here to forget."""
    organisation = _on_one_line(environment.name)
    return Letter(
        subject=N_("Your password at {organisation}", organisation=organisation),
        paragraphs=(
            _greeting(user),
            N_(
                "Somebody, probably you, forgot the password of your account {username} at {organisation}. It has none "
                "here: you sign in with your organisation's single sign-on (SSO). Begin at this address:",
                username=_on_one_line(user.username),
                organisation=organisation,
            ),
            sign_in,
            N_("If single sign-on does not let you in, whoever looks after it in your organisation can help."),
        ),
    )


def invitation(user: User, environment: Environment, link: str) -> Letter:
    """The first mail to a user."""
    organisation = _on_one_line(environment.name)
    days = LinkPurpose.INVITE.seconds // 86_400
    return Letter(
        subject=N_("Your account at {organisation}", organisation=organisation),
        paragraphs=(
            _greeting(user),
            N_(
                "You have an account at {organisation}. Your user name is {username}. "
                "Choose your password at this address:",
                username=_on_one_line(user.username),
                organisation=organisation,
            ),
            link,
            N_several("It works once, within {number} day.", "It works once, within {number} days.", days),
            N_("Give the address to nobody. If you expected no account there, do nothing."),
        ),
        link=link,
    )


def changed_letter(user: User, environment: Environment, forgotten: str) -> Letter:
    """The word to whoever's password was changed, in case it was somebody else."""
    organisation = _on_one_line(environment.name)
    return Letter(
        subject=N_("Your password at {organisation} was changed", organisation=organisation),
        paragraphs=(
            _greeting(user),
            N_(
                "The password of your account {username} at {organisation} was changed just now, and everything that "
                "was signed in with the old one was signed out.",
                username=_on_one_line(user.username),
                organisation=organisation,
            ),
            N_("Was it not you? Then tell an administrator of your organisation, and choose another one here:"),
            forgotten,
        ),
    )


def _lines(text: str) -> str:
    """Break a paragraph into lines as short as RFC 5322 §2.1.1 would have them."""
    return textwrap.fill(text, 76, break_long_words=False, break_on_hyphens=False)


def _greeting(user: User) -> Text:
    return N_("Hello {name},", name=_on_one_line(user.name))


def _on_one_line(text: str) -> str:
    shown = "".join(character if character.isprintable() else " " for character in text)
    shown = " ".join(shown.split())
    return shown if len(shown) <= _LONGEST_NAME else f"{shown[:_LONGEST_NAME]}…"
