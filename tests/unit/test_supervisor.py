"""How long the supervisor waits before it replaces a worker that died. The rest of it is tested with processes."""

from workgate.supervisor import pause_before_restart


def test_pauses_grow_to_ten_seconds() -> None:
    pauses = [pause_before_restart(deaths) for deaths in range(1, 12)]
    assert pauses[:4] == [0.0, 0.1, 0.2, 0.4]
    assert pauses == sorted(pauses)
    assert pauses[-1] == pause_before_restart(1_000_000) == 10.0
