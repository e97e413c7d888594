"""A history of operations, and the question whether it can be explained.

Every operation has a start, an end and an answer, or no answer. ``unexplained`` gives what no correct server could have
done, whatever happened to the operations without an answer. It judges by real time alone: only what had ended before
another began is known to have come first.
"""

import threading
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from enum import Enum
from functools import cached_property
from math import inf


class Kind(Enum):
    """What was asked."""

    AUTHORIZE = "authorize"  # gives a code
    REDEEM = "redeem"  # a code for a pair
    REFRESH = "refresh"  # a refresh token for a pair
    CHECK = "check"  # does the access token work?
    REVOKE = "revoke"  # by refresh token: ends the authorization with all its sessions
    SIGN_IN = "sign in"  # gives a session without an authorization
    SIGN_OUT = "sign out"  # ends that session
    END = "end"  # an administrator ends everything that was there


class Outcome(Enum):
    """What was answered."""

    ACCEPTED = "accepted"
    REFUSED = "refused"
    UNKNOWN = "unknown"  # no answer, or one that leaves open whether it happened
    NOT_SENT = "not sent"  # nobody took the connection
    WRONG = "wrong"  # an answer that must never be given


Pair = tuple[str, str]
"""An access token and a refresh token; the second is empty for a session without an authorization."""


@dataclass(slots=True)
class Operation:
    """One operation; times in seconds of one steady clock."""

    kind: Kind
    chain: str
    token: str
    start: float
    end: float = inf
    outcome: Outcome = Outcome.UNKNOWN
    pair: Pair | None = None
    note: str = ""

    def __str__(self) -> str:
        return f"{self.kind.value} of …{self.token[-6:]} at {self.start:.3f}-{self.end:.3f}: {self.outcome.value}"


@dataclass(frozen=True, slots=True)
class Promises:
    """The lifetimes that the server promises, in seconds."""

    code: float = 120
    retry: float = 30
    overlap: float = 60


@dataclass
class Chain:
    """The life of one authorization, or of one session, in the order of the starts."""

    name: str
    operations: list[Operation]
    ends: list[Operation]
    promises: Promises

    def of(self, *kinds: Kind) -> Iterator[Operation]:
        """The operations of some kinds."""
        return (operation for operation in self.operations if operation.kind in kinds)

    def accepted(self, *kinds: Kind) -> list[Operation]:
        """Those that succeeded."""
        return [operation for operation in self.of(*kinds) if operation.outcome is Outcome.ACCEPTED]

    def refused(self, *kinds: Kind) -> list[Operation]:
        """Those that were refused."""
        return [operation for operation in self.of(*kinds) if operation.outcome is Outcome.REFUSED]

    @cached_property
    def generations(self) -> dict[str, int]:
        """The generation of each token that was handed out."""
        found: dict[str, int] = {}
        for operation in self.accepted(Kind.REDEEM, Kind.REFRESH, Kind.SIGN_IN):
            assert operation.pair is not None
            before = 0 if operation.kind is not Kind.REFRESH else found.get(operation.token, 0)
            for token in filter(None, operation.pair):
                found.setdefault(token, before + 1)
        return found

    @cached_property
    def refreshes(self) -> dict[int, list[Operation]]:
        """All refreshes by the generation that was presented, with the unanswered ones."""
        found: dict[int, list[Operation]] = defaultdict(list)
        for operation in self.of(Kind.REFRESH):
            found[self.generations.get(operation.token, 0)].append(operation)
        return found

    def first_end(self, generation: int) -> float:
        """When a generation was certainly refreshed; never: infinity."""
        done = [op.end for op in self.refreshes.get(generation, ()) if op.outcome is Outcome.ACCEPTED]
        return min(done, default=inf)

    def may_have_ended(self, before: float) -> bool:
        """Tell whether something that began before an instant may have ended all of it."""
        ending = [*self.of(Kind.REVOKE), *self.ends]
        if any(operation.start < before for operation in ending):
            return True
        if sum(operation.start < before for operation in self.of(Kind.REDEEM)) > 1:
            return True
        return any(self._may_be_replay(op, before) for op in self.of(Kind.REFRESH) if op.start < before)

    def _may_be_replay(self, operation: Operation, before: float) -> bool:
        generation = self.generations.get(operation.token, 0)
        reached = min(operation.end, before)
        late = any(
            other.start < reached - self.promises.retry
            for other in self.refreshes[generation]
            if other is not operation
        )
        newer = any(
            other.start < reached for later, others in self.refreshes.items() if later > generation for other in others
        )
        return late or newer


def code_is_good_once(chain: Chain) -> Iterator[str]:
    """RFC 6749 §4.1.2: a code is redeemed at most once."""
    good = chain.accepted(Kind.REDEEM)
    if len(good) > 1:
        yield f"a code succeeded {len(good)} times: {good[0]}; {good[1]}"


def refresh_token_gives_one_pair(chain: Chain) -> Iterator[str]:
    """However often a refresh token is answered, the answer is the same pair."""
    for generation, operations in chain.refreshes.items():
        pairs = {op.pair for op in operations if op.outcome is Outcome.ACCEPTED}
        if len(pairs) > 1:
            yield f"the refresh token of generation {generation} gave {len(pairs)} different pairs"
        if any(op.pair is not None and op.pair[1] == op.token for op in operations):
            yield f"the refresh token of generation {generation} did not rotate"


def what_ended_stays_ended(chain: Chain) -> Iterator[str]:
    """After an end that is known (a revocation, a replay, an administrator's act) nothing of it succeeds."""
    known = chain.accepted(Kind.REVOKE) + chain.refused(Kind.REDEEM, Kind.REFRESH)
    known += [end for end in chain.ends if end.outcome is Outcome.ACCEPTED]
    end = min(known, key=lambda operation: operation.end, default=None)
    for operation in chain.accepted(Kind.REDEEM, Kind.REFRESH, Kind.CHECK):
        if end is not None and operation.start > end.end:
            yield f"{operation}, though all of it had ended by {end}"


def dead_token_stays_dead(chain: Chain) -> Iterator[str]:
    """An access token that was refused or signed out never works again."""
    dead: dict[str, Operation] = {}
    for end in chain.refused(Kind.CHECK) + chain.accepted(Kind.SIGN_OUT):
        if end.token not in dead or end.end < dead[end.token].end:
            dead[end.token] = end
    for operation in chain.accepted(Kind.CHECK):
        if operation.token in dead and operation.start > dead[operation.token].end:
            yield f"{operation}, though it had ended by {dead[operation.token]}"


def rotated_token_is_over(chain: Chain) -> Iterator[str]:
    """A rotated refresh token is answered within the retry window only, and not once its successor was used."""
    for operation in chain.accepted(Kind.REFRESH):
        generation = chain.generations.get(operation.token, 0)
        if operation.start > chain.first_end(generation) + chain.promises.retry:
            yield f"{operation}, after the retry window"
        used = min((chain.first_end(later) for later in chain.refreshes if later > generation), default=inf)
        if operation.start > used:
            yield f"{operation}, though a newer refresh token had been used"


def rotated_session_is_over(chain: Chain) -> Iterator[str]:
    """The session of a rotated pair works until the overlap ends."""
    for operation in chain.accepted(Kind.CHECK):
        generation = chain.generations.get(operation.token, 0)
        if operation.start > chain.first_end(generation) + chain.promises.overlap:
            yield f"{operation}, after the overlap"


def acknowledged_holds(chain: Chain) -> Iterator[str]:
    """What was handed out is refused only after something that may have ended it."""
    begun = min((op.end for op in chain.accepted(Kind.AUTHORIZE)), default=inf)
    for operation in chain.refused(Kind.REDEEM, Kind.REFRESH, Kind.CHECK):
        if chain.may_have_ended(operation.end):
            continue
        if operation.kind is Kind.REDEEM and operation.end > begun + chain.promises.code:
            continue
        if operation.kind is Kind.CHECK and _session_may_be_over(chain, operation):
            continue
        yield f"{operation}, though it had been acknowledged and nothing had ended it"


def _session_may_be_over(chain: Chain, check: Operation) -> bool:
    if any(out.token == check.token and out.start < check.end for out in chain.of(Kind.SIGN_OUT)):
        return True
    rotations = chain.refreshes.get(chain.generations.get(check.token, 0), ())
    return any(rotation.start < check.end - chain.promises.overlap for rotation in rotations)


RULES: tuple[Callable[[Chain], Iterator[str]], ...] = (
    code_is_good_once,
    refresh_token_gives_one_pair,
    what_ended_stays_ended,
    dead_token_stays_dead,
    rotated_token_is_over,
    rotated_session_is_over,
    acknowledged_holds,
)


def tokens_differ(operations: Iterable[Operation]) -> Iterator[str]:
    """No token is handed out for two different things."""
    origins: dict[str, tuple[str, str]] = {}
    for operation in operations:
        origin = (operation.chain, operation.token)
        for token in filter(None, operation.pair or ()):
            if origins.setdefault(token, origin) != origin:
                yield f"{operation} gave a token that was given before for something else"


def chains_of(operations: Iterable[Operation], promises: Promises | None = None) -> list[Chain]:
    """Sort operations into chains; an administrator's end concerns those chains that had begun."""
    known = sorted((op for op in operations if op.outcome is not Outcome.NOT_SENT), key=lambda op: op.start)
    ends = [operation for operation in known if operation.kind is Kind.END]
    found: dict[str, list[Operation]] = defaultdict(list)
    for operation in known:
        if operation.kind is not Kind.END:
            found[operation.chain].append(operation)
    return [
        Chain(name, chain, [end for end in ends if chain[0].start < end.end], promises or Promises())
        for name, chain in found.items()
    ]


def unexplained(operations: Iterable[Operation], promises: Promises | None = None) -> list[str]:
    """Everything in a history that a correct server cannot have done."""
    operations = list(operations)
    wrong = [f"{operation}: {operation.note}" for operation in operations if operation.outcome is Outcome.WRONG]
    chains = chains_of(operations, promises)
    broken = [f"{rule.__name__}: {fault}" for chain in chains for rule in RULES for fault in rule(chain)]
    return wrong + list(tokens_differ(operations)) + broken


@dataclass
class History:
    """What was asked and answered so far; many threads write to it."""

    operations: list[Operation] = field(default_factory=list)
    _counts: Counter[Outcome] = field(default_factory=Counter)
    _changed: threading.Condition = field(default_factory=threading.Condition)

    def begin(self, kind: Kind, chain: str, token: str) -> Operation:
        """Write down that something is asked now."""
        made = Operation(kind, chain, token, time.monotonic())
        with self._changed:
            self.operations.append(made)
        return made

    def finish(self, operation: Operation, outcome: Outcome, *, pair: Pair | None = None, note: str = "") -> None:
        """Write down that it was answered now, or never will be."""
        with self._changed:
            if outcome is not Outcome.UNKNOWN:
                operation.end = time.monotonic()
            operation.outcome, operation.pair, operation.note = outcome, pair, note
            self._counts[outcome] += 1
            self._changed.notify_all()

    def count(self, *outcomes: Outcome, kind: Kind | None = None, since: float = 0) -> int:
        """How many operations that began at or after an instant had such an outcome."""
        with self._changed:
            return sum(
                op.outcome in outcomes and op.start >= since and kind in {None, op.kind} for op in self.operations
            )

    def wait_for(self, answers: int, *outcomes: Outcome, within: float = 30) -> None:
        """Wait until so many more operations had such an outcome; by default, succeeded."""
        wanted = outcomes or (Outcome.ACCEPTED,)

        def reached() -> int:
            return sum(self._counts[outcome] for outcome in wanted)

        with self._changed:
            enough = reached() + answers
            done = self._changed.wait_for(lambda: reached() >= enough, timeout=within)
            assert done, f"{enough - reached()} of {answers} operations are missing after {within} s"

    def explain(self, promises: Promises | None = None) -> None:
        """Fail with everything that cannot be explained."""
        with self._changed:
            found = unexplained(self.operations, promises)
        assert not found, "\n".join(found[:20])
