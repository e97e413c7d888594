"""What a person asked for and cannot have, said so that they can put it right."""


class Problem(Exception):
    """An administrator's or user's request that cannot be met; the message says what to do."""
