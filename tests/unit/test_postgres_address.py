"""What of a database address is ours, and what is the driver's."""

import pytest

from workgate.storage.connections import PostgresLimits
from workgate.storage.postgres import postgres_address

DEFAULTS = PostgresLimits()


@pytest.mark.parametrize(
    "address",
    [
        "postgresql://workgate@db.internal/workgate",
        "postgresql://u:p%40ss@h1:5432,h2:5433/db?target_session_attrs=read-write&sslmode=verify-full",
        "postgresql://u@[::1]:5432/db",
    ],
)
def test_the_drivers_own_is_left_as_it_is(address: str) -> None:
    assert postgres_address(address, DEFAULTS) == (address, DEFAULTS)


def test_ours_is_taken_out() -> None:
    address, limits = postgres_address("postgresql://h/db?connections=3&sslmode=require&pooler=transaction", DEFAULTS)
    assert address == "postgresql://h/db?sslmode=require"
    assert (limits.connections, limits.pooled) == (3, True)
    assert (limits.connect, limits.answer) == (DEFAULTS.connect, DEFAULTS.answer)


@pytest.mark.parametrize("query", ["pooler=session", "pooler=", "connections=0", "connections=1001", "connections=x"])
def test_a_value_that_cannot_be(query: str) -> None:
    with pytest.raises(ValueError, match="the database address has"):
        postgres_address(f"postgresql://h/db?{query}", DEFAULTS)


def test_the_server_gives_up_before_its_answer_is_given_up() -> None:
    assert DEFAULTS.lock < DEFAULTS.statement < DEFAULTS.answer
