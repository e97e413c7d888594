"""The audit log's way in: every event gets its time and ID here, every refusal its reference."""

from workgate.domain.accounts import Environment
from workgate.domain.audit import AuditEvent, AuditRecord
from workgate.domain.ids import Clock, Entropy, RowIds
from workgate.domain.ports import AuditStore
from workgate.ops.telemetry import log_refusal

_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_LONGEST_REASON = 1000


class AuditLog:
    """Records events.

    Args:
        store: where records are kept.
        ids: makes their IDs.
        clock: tells when.
        entropy: makes references.
    """

    def __init__(self, store: AuditStore, ids: RowIds, clock: Clock, entropy: Entropy) -> None:
        self._store = store
        self._ids = ids
        self._clock = clock
        self._entropy = entropy

    def record(
        self,
        event: AuditEvent,
        environment: Environment,
        *,
        actor: str | None = None,
        client_id: str | None = None,
        address: str | None = None,
        reason: str | None = None,
        reference: str | None = None,
    ) -> None:
        """Write down that something happened; returns at once."""
        now = self._clock.now()
        self._store.append(
            [
                AuditRecord(
                    environment_id=environment.environment_id,
                    event_id=self._ids.next(now),
                    at=now,
                    event=event,
                    actor=actor,
                    client_id=client_id,
                    address=address,
                    reference=reference,
                    reason=None if reason is None else reason[:_LONGEST_REASON],
                )
            ]
        )

    def refuse(
        self,
        event: AuditEvent,
        environment: Environment,
        *,
        reason: str,
        actor: str | None = None,
        client_id: str | None = None,
        address: str | None = None,
    ) -> str:
        """Write down a refusal, on the operator's log too; gives the reference to show."""
        letters = [_ALPHABET[byte % 32] for byte in self._entropy(8)]
        reference = "".join(letters[:4]) + "-" + "".join(letters[4:])
        self.record(
            event,
            environment,
            actor=actor,
            client_id=client_id,
            address=address,
            reason=reason,
            reference=reference,
        )
        log_refusal(
            event=event.value,
            environment=f"{environment.domain}.{environment.lane}",
            reference=reference,
            reason=reason[:_LONGEST_REASON],
            client_id=client_id,
            actor=actor,
            address=address,
        )
        return reference
