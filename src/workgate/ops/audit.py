"""The audit log's way in: every event gets its time and ID here, every refusal its reference."""

import re

from workgate.domain.accounts import Environment
from workgate.domain.audit import AuditEvent, AuditNote, AuditRecord
from workgate.domain.ids import Clock, Entropy, Milliseconds, RowIds
from workgate.domain.limits import FailureLimit
from workgate.domain.ports import AuditStore
from workgate.ops.telemetry import log_refusal

_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_LONGEST_REASON = 1000
_CLIENT_ID = re.compile(r"[0-9a-f]{32}")
# A careless client sends a token or a secret where something else belongs, and a reason quotes what came. Codes,
# sessions, refresh tokens, mailed links, client secrets and verifiers all have more than 40 characters without a break.
_SECRET = re.compile(r"wg[crsl]_[\w-]*|[\w-]{40,}", re.ASCII)


class AuditLog:
    """Records events.

    Args:
        store: where records are kept.
        ids: makes their IDs.
        clock: tells when.
        entropy: makes references.
        refusals_per_address: how many refusals a minute are written down for one address.
    """

    def __init__(
        self, store: AuditStore, ids: RowIds, clock: Clock, entropy: Entropy, *, refusals_per_address: int = 600
    ) -> None:
        self._store = store
        self._ids = ids
        self._clock = clock
        self._entropy = entropy
        self._refusals = FailureLimit(refusals_per_address)

    def entry(
        self,
        event: AuditEvent,
        environment: Environment,
        *,
        actor: str | None = None,
        client_id: str | None = None,
        address: str | None = None,
        reason: str | None = None,
        reference: str | None = None,
    ) -> AuditRecord:
        """Make the record of something that is about to be done, to be written with it."""
        now = self._clock.now()
        return AuditRecord(
            environment_id=environment.environment_id,
            event_id=self._ids.next(now),
            at=now,
            event=event,
            actor=actor,
            client_id=_known_shape(client_id),
            address=address,
            reference=reference,
            reason=None if reason is None else _without_secrets(reason),
        )

    def note(self, now: Milliseconds, address: str | None) -> AuditNote:
        """Make the note of a change that its store writes down by itself."""
        return AuditNote(self._ids.next(now), address)

    def record(self, entry: AuditRecord) -> None:
        """Write down that something happened; returns at once."""
        self._store.append([entry])

    def refuse(
        self,
        event: AuditEvent,
        environment: Environment,
        *,
        reason: str,
        actor: str | None = None,
        client_id: str | None = None,
        address: str | None = None,
    ) -> str | None:
        """Write down a refusal, on the operator's log too; gives the reference to show.

        From an address that is refused all the time nothing more is written for a while, so that nobody can
        fill the disk: then there is no reference.
        """
        now = self._clock.now()
        if self._refusals.wait(address, now) is not None:
            return None
        self._refusals.failed(address, now)
        letters = [_ALPHABET[byte % 32] for byte in self._entropy(8)]
        reference = "".join(letters[:4]) + "-" + "".join(letters[4:])
        self.record(
            self.entry(
                event,
                environment,
                actor=actor,
                client_id=client_id,
                address=address,
                reason=reason,
                reference=reference,
            )
        )
        log_refusal(
            event=event.value,
            environment=f"{environment.domain}.{environment.lane}",
            reference=reference,
            reason=_without_secrets(reason),
            client_id=_known_shape(client_id),
            actor=actor,
            address=address,
        )
        return reference


def _without_secrets(reason: str) -> str:
    return _SECRET.sub("(hidden)", reason)[:_LONGEST_REASON]


def _known_shape(client_id: str | None) -> str | None:
    return client_id if client_id is None or _CLIENT_ID.fullmatch(client_id) else "(malformed)"
