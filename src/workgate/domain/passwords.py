"""Which passwords an environment's policy takes: every rule that a password breaks is named at once.

Decides by the password and by what is known of its owner. Which words are common is an argument; whether a password
was used before only its hashes tell, at which ``service/passwords.py`` looks. NIST SP 800-63B §3.1.1.2, ASVS 5.0 §6.2.
"""

import itertools
import unicodedata
from collections.abc import Callable, Container, Iterator, Sequence
from dataclasses import dataclass

from workgate.domain.accounts import Environment, User
from workgate.domain.signing_in import PasswordPolicy
from workgate.domain.texts import N_, N_several, Text

LONGEST_PASSWORD = 1024
KINDS = 4
_SHORTEST_WORD = 4
_SHORTEST_UNIT = 4
_SIGN_OF = {
    "4": "a",
    "@": "a",
    "8": "b",
    "3": "e",
    "9": "g",
    "!": "i",
    "|": "i",
    "0": "o",
    "5": "s",
    "$": "s",
    "7": "t",
}
_READINGS = tuple(str.maketrans({**_SIGN_OF, "1": one}) for one in "il")


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule of a policy: what it asks, in words for whoever chooses a password, and whether a password keeps it."""

    text: Text
    keeps: Callable[[str], bool]


def rules(policy: PasswordPolicy, user: User, environment: Environment, common: Container[str]) -> Sequence[Rule]:
    """The rules that a new password of this user must keep, but for the history.

    Args:
        policy: the environment's.
        user: whose names the password must not be.
        environment: whose names it must not be either.
        common: words that attackers try first, case-folded.
    """
    fewest = policy.minimum_length
    made = [
        Rule(
            N_several("Use at least {number} character.", "Use at least {number} characters.", fewest),
            lambda password: len(password) >= fewest,
        )
    ]
    if policy.kinds > 1:
        made.append(Rule(_kinds_text(policy.kinds), lambda password: kinds_in(password) >= policy.kinds))
    if policy.refuse_common:
        made.append(
            Rule(
                N_("Do not use a word or a password that many people use, nor one with a few digits or signs added."),
                lambda password: not is_common(password, common),
            )
        )
    names = tuple(_names(user, environment))
    made.append(
        Rule(
            N_("Do not use your name, your user name, your e-mail address or the name of your organisation."),
            lambda password: not _is_made_of(names, password),
        )
    )
    return made


def remembered(policy: PasswordPolicy) -> int:
    """How many of the last passwords, the present one included, a new one must not be."""
    # To let the same one go on would be no expiry.
    return max(policy.history, 0 if policy.expires_days is None else 1)


def history_rule(policy: PasswordPolicy) -> Text | None:
    """What a policy says of passwords that the user had before; None: nothing."""
    number = remembered(policy)
    if number < 1:
        return None
    return N_several(
        "Do not use the password that you have now.", "Do not use any of your last {number} passwords.", number
    )


def broken(asked: Sequence[Rule], password: str) -> Sequence[Text]:
    """Name the rules that a password breaks. Of one that is too long nothing else is looked at."""
    if len(password) > LONGEST_PASSWORD:
        return [N_("Use at most {number} characters.", number=LONGEST_PASSWORD)]
    return [rule.text for rule in asked if not rule.keeps(password)]


def kinds_in(password: str) -> int:
    """How many kinds of characters there are: lower-case letters, capital letters, digits, and all others."""
    return len({_kind(character) for character in password})


def is_common(password: str, common: Container[str]) -> bool:
    """Whether attackers would try it early: a common word, also disguised or decorated, a repetition or a sequence."""
    folded = _folded(password)
    unit = _unit(folded)
    if len(unit) < _SHORTEST_UNIT or _is_sequence(folded):
        return True
    return any(form in common or form[::-1] in common for word in {folded, unit} for form in _forms(word))


def _kinds_text(kinds: int) -> Text:
    if kinds >= KINDS:
        return N_("Use lower-case letters, capital letters, digits and other characters.")
    return N_(
        "Use at least {number} of these kinds: lower-case letters, capital letters, digits, other characters.",
        number=kinds,
    )


def _kind(character: str) -> str:
    if character.isdigit():
        return "digit"
    if character.islower():
        return "lower-case"
    return "capital" if character.isupper() else "other"


def _folded(text: str) -> str:
    return unicodedata.normalize("NFKC", text).casefold()


def _forms(word: str) -> Iterator[str]:
    """A word as it is and as it might be meant: without what stands before and after it, signs read as letters.

    What is left must be at least half of it: a long row of digits is no word because of one at its end.
    """
    letters = [place for place, character in enumerate(word) if character.isalpha()]
    first, last = (letters[0], letters[-1] + 1) if letters else (0, len(word))
    for part in {word, word[first:], word[:last], word[first:last]}:
        if 2 * len(part) >= len(word):
            yield part
            yield from (part.translate(reading) for reading in _READINGS)


def _unit(text: str) -> str:
    """What a text is a repetition of, itself if it is none."""
    return text[: (text + text).find(text, 1)] if text else text


def _is_sequence(text: str) -> bool:
    steps = {ord(after) - ord(before) for before, after in itertools.pairwise(text)}
    return steps in ({1}, {-1})


def _names(user: User, environment: Environment) -> Iterator[str]:
    """The names of a user and the organisation, without what is neither letter nor digit."""
    first, last = user.first_name, user.last_name
    for name in (
        user.username,
        user.username.partition("@")[0],
        user.email,
        user.email.partition("@")[0],
        first,
        last,
        first + last,
        last + first,
        environment.domain,
        environment.name,
    ):
        word = _letters_and_digits(_folded(name))
        if len(word) >= _SHORTEST_WORD:
            yield word


def _is_made_of(names: Sequence[str], password: str) -> bool:
    """Whether one of the names is at least half of the password."""
    folded = _folded(password)
    forms = {_letters_and_digits(form) for form in (folded, *(folded.translate(reading) for reading in _READINGS))}
    return any(name in form and 2 * len(name) >= len(password) for name in names for form in forms)


def _letters_and_digits(text: str) -> str:
    return "".join(character for character in text if character.isalnum())
