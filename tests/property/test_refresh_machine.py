"""The refresh grant as a machine: tokens in any order, at any time, with rotation switched on and off."""

from dataclasses import dataclass, replace

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from tests.builders import NOW, an_application, an_authorization, later

from workgate.domain.ids import Milliseconds
from workgate.domain.oauth import Application, ApplicationType, Authorization, AuthorizationStatus
from workgate.oauth.errors import Refusal
from workgate.oauth.refresh_grant import (
    RefreshDecision,
    RefreshPolicy,
    RefreshReplay,
    Renew,
    Repeat,
    Rotate,
    decide,
    expires_at,
    still_valid_after,
    why_expired,
)

POLICY = RefreshPolicy(retry_seconds=30)
ACTIVE, REVOKED = AuthorizationStatus.ACTIVE, AuthorizationStatus.REVOKED


@dataclass
class Row:
    """The authorization's row: what the store's conditional writes make of each decision."""

    authorization: Authorization

    def carry_out(self, decision: RefreshDecision, application: Application, now: Milliseconds) -> None:
        was = self.authorization
        consented_after, active_after = still_valid_after(application, now)
        in_time = was.consented_at > consented_after and was.active_at > active_after
        match decision:
            case Rotate():
                assert in_time, "the conditional write refuses what was decided"
                self.authorization = was._replace(
                    generation=was.generation + 1,
                    session_sequence=was.session_sequence + 1,
                    active_at=now,
                    rotated_at=now,
                )
            case Renew():
                assert in_time, "the conditional write refuses what was decided"
                self.authorization = was._replace(active_at=now, session_sequence=was.session_sequence + 1)
            case RefreshReplay():
                self.authorization = was._replace(status=REVOKED)
            case Repeat() | Refusal():
                pass


class RefreshMachine(RuleBasedStateMachine):
    """Presents old and new refresh tokens of one authorization."""

    def __init__(self) -> None:
        super().__init__()
        self.now = NOW
        self.application = an_application()
        self.row = Row(an_authorization(generation=1, session_sequence=1, rotated_at=None))

    @initialize(
        public=st.booleans(),
        absolute=st.none() | st.integers(60, 600),
        inactivity=st.none() | st.integers(30, 300),
    )
    def register(self, public: bool, absolute: int | None, inactivity: int | None) -> None:
        self.application = an_application(
            type=ApplicationType.SPA if public else ApplicationType.WEB,
            refresh_absolute_seconds=absolute,
            refresh_inactivity_seconds=inactivity,
        )

    def decision(self, generation: int) -> RefreshDecision:
        return decide(
            authorization=self.row.authorization,
            application=self.application,
            generation=generation,
            now=self.now,
            policy=POLICY,
        )

    @property
    def in_use(self) -> bool:
        return (
            self.row.authorization.status is ACTIVE
            and self.row.authorization.user_active
            and why_expired(self.row.authorization, self.application, self.now) is None
        )

    @rule(seconds=st.integers(0, 100) | st.sampled_from([0.001, 29.999, 30, 30.001]))
    def time_passes(self, seconds: float) -> None:
        self.now = later(seconds, self.now)

    @rule(milliseconds=st.integers(1, 1500))
    def another_node_is_behind(self, milliseconds: int) -> None:
        self.now = Milliseconds(self.now - milliseconds)

    @rule(on=st.booleans())
    def rotation_is_switched(self, on: bool) -> None:
        self.application = replace(self.application, rotate_refresh_tokens=on)

    @rule(active=st.booleans())
    def the_user_is_disabled_or_enabled(self, active: bool) -> None:
        self.row.authorization = self.row.authorization._replace(user_active=active)

    @rule(ago=st.integers(0, 6))
    def a_token_is_presented(self, ago: int) -> None:
        was = self.row.authorization
        generation = max(1, was.generation - ago)
        in_use = self.in_use
        decision = self.decision(generation)
        self.row.carry_out(decision, self.application, self.now)
        stale = generation < was.generation
        in_window = (
            generation == was.generation - 1
            and was.rotated_at is not None
            and self.now - was.rotated_at < POLICY.retry_seconds * 1000
        )
        if not in_use:
            assert isinstance(decision, Refusal)
            assert self.row.authorization == was
        elif stale and not in_window:
            assert isinstance(decision, RefreshReplay)
            assert self.row.authorization.status is REVOKED
        elif stale:
            assert decision == Repeat() if self.application.rotates else isinstance(decision, Refusal)
        else:
            assert decision == (Rotate() if self.application.rotates else Renew())

    @rule()
    def another_client_presents_it(self) -> None:
        other = an_application(client_id="e" * 32)
        outcome = decide(
            authorization=self.row.authorization,
            application=other,
            generation=self.row.authorization.generation,
            now=self.now,
            policy=POLICY,
        )
        assert isinstance(outcome, Refusal)

    @precondition(lambda self: self.row.authorization.status is REVOKED)
    @rule(generation=st.integers(0, 20))
    def nothing_brings_it_back(self, generation: int) -> None:
        assert isinstance(self.decision(generation), Refusal)

    @invariant()
    def at_most_one_generation_gives_anything_new(self) -> None:
        current = self.row.authorization.generation
        living = [n for n in range(current + 3) if isinstance(self.decision(n), Rotate | Renew)]
        assert living == ([current] if self.in_use else [])

    @invariant()
    def at_most_one_older_one_gives_the_same_again(self) -> None:
        current = self.row.authorization.generation
        repeated = [n for n in range(current + 3) if isinstance(self.decision(n), Repeat)]
        assert repeated in ([], [current - 1])

    @invariant()
    def what_is_told_of_the_expiry_is_true(self) -> None:
        ends = expires_at(self.row.authorization, self.application)
        expired = why_expired(self.row.authorization, self.application, self.now) is not None
        assert expired == (ends is not None and self.now >= ends)


RefreshMachine.TestCase.settings = settings(max_examples=60, stateful_step_count=30)
TestRefresh = RefreshMachine.TestCase
