"""Pools for peers whose rows cannot be written from outside: taken from their real flow, ahead of the measurement."""

from collections.abc import Callable, Generator

from bench import load
from bench.load import Answer, Script, Step
from bench.operations import Pool, Wire, token_answer

ToCode = Generator[Step, Answer, str]
"""The part of a flow that ends with a code."""


def fill(
    wire: Wire,
    port: int,
    to_code: Callable[[int], ToCode],
    codes: int,
    live: int,
    connections: int = 1,
    anew: Callable[[int], ToCode] | None = None,
) -> Pool:
    """Go through the flow often enough for so many codes, live refresh tokens and live access tokens.

    Args:
        wire: how the server is spoken to.
        port: where it is.
        to_code: the flow.
        codes: how many.
        live: how many of either kind of token.
        connections: how many browsers at once.
        anew: the flow for live tokens, where one browser's tokens do not live side by side.
    """
    pool = Pool()
    left = [codes, 2 * live]

    def script(number: int) -> Script:
        while left[0] > 0:
            left[0] -= 1
            pool.codes.append((yield from to_code(number)))
        while left[1] > 0:
            left[1] -= 1
            refreshed = left[1] % 2 == 0
            found = token_answer((yield wire.exchange((yield from (anew or to_code)(number))), True))
            if refreshed:
                pool.refresh_tokens.append(found["refresh_token"])
            else:
                pool.access_tokens.append(found["access_token"])

    load.run(port, script, roots={}, connections=connections, seconds=900, warm_up=0)
    return pool


def whole(wire: Wire, to_code: Callable[[int], ToCode]) -> Callable[[int], Script]:
    """The whole flow: to a code, and its exchange, again and again."""

    def script(number: int) -> Script:
        while True:
            found = yield from to_code(number)
            token_answer((yield wire.exchange(found), True))

    return script
