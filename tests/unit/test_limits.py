"""Limits on failures: the minute, to the millisecond, and how much is remembered."""

from tests.builders import NOW, later

from workgate.domain.ids import Milliseconds
from workgate.domain.limits import FailureLimit


def failed(limit: FailureLimit, times: int, seconds: float = 0, key: object = "ann") -> None:
    for _ in range(times):
        limit.failed(key, later(seconds))


def test_so_many_failures_and_no_more() -> None:
    limit = FailureLimit(3)
    for _ in range(3):
        assert limit.wait("ann", NOW) is None
        limit.failed("ann", NOW)
    assert limit.wait("ann", NOW) == 60


def test_the_wait_is_over_after_a_minute() -> None:
    limit = FailureLimit(3)
    failed(limit, 3)
    assert limit.wait("ann", Milliseconds(NOW + 1)) == 60
    assert limit.wait("ann", later(59)) == 1
    assert limit.wait("ann", later(59.999)) == 1
    assert limit.wait("ann", later(60)) is None


def test_whoever_waits_as_told_may_try() -> None:
    limit = FailureLimit(1)
    for moment in (0.0, 0.001, 17.5, 59.999):
        failed(limit, 1)
        told = limit.wait("ann", later(moment))
        assert told is not None
        assert limit.wait("ann", later(moment + told)) is None


def test_a_new_minute_counts_anew() -> None:
    limit = FailureLimit(2)
    failed(limit, 2)
    failed(limit, 1, 60)
    assert limit.wait("ann", later(60)) is None
    failed(limit, 1, 61)
    assert limit.wait("ann", later(61)) == 59


def test_failures_while_waiting_do_not_prolong_the_wait() -> None:
    limit = FailureLimit(2)
    failed(limit, 50)
    failed(limit, 50, 30)
    assert limit.wait("ann", later(30)) == 30
    assert limit.wait("ann", later(60)) is None


def test_each_key_has_its_own_count() -> None:
    limit = FailureLimit(1)
    failed(limit, 1, key=("192.0.2.1", "ann"))
    assert limit.wait(("192.0.2.1", "ann"), NOW) is not None
    assert limit.wait(("192.0.2.1", "bob"), NOW) is None
    assert limit.wait(("192.0.2.2", "ann"), NOW) is None


def test_of_many_keys_the_one_that_failed_longest_ago_is_forgotten() -> None:
    limit = FailureLimit(1)
    failed(limit, 1, key="first")
    failed(limit, 1, key="second")
    for number in range(49_998):
        limit.failed(number, NOW)
    failed(limit, 1, key="first")  # is remembered as new
    assert limit.wait("second", NOW) is not None
    limit.failed("one more", NOW)
    assert limit.wait("second", NOW) is None
    assert limit.wait("first", NOW) is not None
