"""What a person asked for and cannot have, said so that they can put it right."""

from workgate.domain.texts import Text


class Problem(Exception):
    """An administrator's or user's request that cannot be met; the message says what to do.

    Args:
        template: the message, a literal: ``scripts/catalogs.py`` takes it from here. With ``values`` it is a format
            string, so that pages can translate it and fill it in themselves; a ``Text`` among them is translated too.
        field: the field of a form that it is about.
        values: what the braces of the template stand for.
    """

    def __init__(self, template: str, /, *, field: str | None = None, **values: object) -> None:
        super().__init__(template.format(**values) if values else template)
        self.template = template
        self.field = field
        self.values = values

    @property
    def text(self) -> Text:
        """The message for pages, which show it in their language."""
        return Text(self.template, tuple(self.values.items()))


class NotAllowed(Problem):
    """Only an administrator of the environment may do that."""


class NotFound(Problem):
    """What was named is not there."""


class Conflict(Problem):
    """Nothing is wrong with what was entered, but what there is stands against it."""


class TooOften(Problem):
    """It was asked for too often within a minute; ``retry_after`` is how many seconds to wait."""

    def __init__(self, template: str, /, *, retry_after: int) -> None:
        super().__init__(template, retry_after=retry_after)
        self.retry_after = retry_after
