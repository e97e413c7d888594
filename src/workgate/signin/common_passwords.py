"""Words that attackers try first: the 30,000 most used passwords, English words and names, as zxcvbn carries them.

The lists are data of the package ``zxcvbn`` (MIT): passwords of published leaks, words of Wikipedia and of subtitles,
names of the census of the United States. They are loaded with the first password that is chosen.
"""

import functools


class CommonPasswords:
    """A container of case-folded words. To look into it the first time takes a tenth of a second."""

    def __contains__(self, word: object) -> bool:
        """Tell whether a word is one of them."""
        return word in _words()


@functools.cache
def _words() -> frozenset[str]:
    # Of what the server loads at its start, this would be the largest part.
    from zxcvbn.frequency_lists import FREQUENCY_LISTS  # noqa: PLC0415

    return frozenset(word for words in FREQUENCY_LISTS.values() for word in words)
