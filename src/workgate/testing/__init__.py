"""A whole Workgate inside a test run, with a clock that the test holds.

    from workgate.testing import StandIn

    with StandIn() as workgate:
        workgate.create_org("acme")
        ...

Every request goes over real HTTP on loopback; nothing is mocked but the time of day.
"""

from workgate.testing.stand_in import HeldClock, StandIn

__all__ = ["HeldClock", "StandIn"]
