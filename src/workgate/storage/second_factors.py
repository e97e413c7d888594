"""Second steps of signing in over SQL. What must not be used twice is used up by the write whose row count decides.

Changes of one user's steps wait for each other, so that two of them at once cannot remove the last two.
"""

import base64
from collections.abc import Sequence

import msgspec
from sqlalchemy import and_, bindparam, delete, func, insert, or_, select, update

from workgate.domain.audit import AuditRecord
from workgate.domain.ids import EnvironmentId, Milliseconds, ObjectId, RowId
from workgate.domain.ports import AlreadyExists
from workgate.domain.second_factors import FactorKind, Once, Passkey, SecondFactor
from workgate.storage.audit import append_record, record_values
from workgate.storage.engine import Change, Engine, Prepared, Row, Values, given
from workgate.storage.schema import recovery_codes, used_assertions, users
from workgate.storage.schema import second_factors as table

_COLUMNS = (
    "environment_id",
    "user_id",
    "factor_id",
    "kind",
    "name",
    "credential_id",
    "settings",
    "sealed_secret",
    "last_step",
    "created_at",
    "last_used_at",
)
_of_user = and_(table.c.environment_id == given(table.c.environment_id), table.c.user_id == given(table.c.user_id))
_this_factor = _of_user & (table.c.factor_id == given(table.c.factor_id))
_codes_of_user = and_(
    recovery_codes.c.environment_id == given(recovery_codes.c.environment_id),
    recovery_codes.c.user_id == given(recovery_codes.c.user_id),
)
_this_user = and_(users.c.environment_id == given(users.c.environment_id), users.c.user_id == given(users.c.user_id))
_Steps = tuple[tuple[Prepared, Values], ...]


class _Settings(msgspec.Struct, frozen=True):
    """What is kept of a passkey besides its credential ID."""

    public_key: bytes
    rp_id: str
    transports: tuple[str, ...]


class SqlSecondFactorStore:
    """``sign_in_ports.SecondFactorStore`` over SQL."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._all = engine.prepare(select(*(table.c[name] for name in _COLUMNS)).where(_of_user).order_by("factor_id"))
        has_factor = select(table.c.factor_id).where(_of_user).exists()
        others = select(func.count()).select_from(table).where(_of_user, table.c.kind != given(table.c.kind, "instead"))
        there = select(users.c.user_id).where(_this_user, users.c.is_active.is_(True)).exists()
        self._add = engine.prepare(
            insert(table).from_select(
                list(_COLUMNS),
                select(*(given(table.c[name]) for name in _COLUMNS)).where(
                    there, others.scalar_subquery() < bindparam("at_most")
                ),
            )
        )
        self._replace = engine.prepare(
            delete(table).where(
                _of_user, table.c.kind == given(table.c.kind), table.c.factor_id != given(table.c.factor_id)
            )
        )
        step = given(table.c.last_step, "step")
        # Passkeys that several devices share do not count: theirs stays 0 (WebAuthn §6.1.1).
        uncounted = and_(table.c.kind == FactorKind.PASSKEY.value, table.c.last_step == 0, step == 0)
        self._use = engine.prepare(
            update(table)
            .where(_this_factor, or_(table.c.last_step < step, uncounted))
            .values(last_step=step, last_used_at=given(table.c.last_used_at, "now"))
        )
        self._reseal = engine.prepare(
            update(table).where(_this_factor).values(sealed_secret=given(table.c.sealed_secret))
        )
        self._use_up = engine.prepare(insert(used_assertions))
        another = table.alias("another")
        has_another = (
            select(another.c.factor_id)
            .where(
                another.c.environment_id == given(table.c.environment_id),
                another.c.user_id == given(table.c.user_id),
                another.c.factor_id != given(table.c.factor_id),
            )
            .exists()
        )
        self._remove = engine.prepare(delete(table).where(_this_factor))
        self._remove_but_last = engine.prepare(delete(table).where(_this_factor, has_another))
        self._remove_all = engine.prepare(delete(table).where(_of_user))
        # It changes nothing, but whoever else does the same to this row waits.
        take_turns = update(users).where(_this_user).values(session_epoch=users.c.session_epoch)
        self._take_turns = engine.prepare(take_turns)
        self._if_any = engine.prepare(take_turns.where(has_factor))
        self._codes = engine.prepare(select(recovery_codes.c.digest).where(_codes_of_user))
        self._forget_codes = engine.prepare(delete(recovery_codes).where(_codes_of_user))
        self._forget_codes_without = engine.prepare(delete(recovery_codes).where(_codes_of_user, ~has_factor))
        self._keep_code = engine.prepare(insert(recovery_codes))
        self._use_code = engine.prepare(
            delete(recovery_codes).where(_codes_of_user, recovery_codes.c.digest == given(recovery_codes.c.digest))
        )
        self._record = engine.prepare(append_record())

    async def factors(self, environment_id: EnvironmentId, user_id: ObjectId) -> Sequence[SecondFactor]:
        """List a user's; see the port."""
        rows = await self._engine.fetch(self._all, {"environment_id": environment_id, "user_id": user_id})
        return [_factor(row) for row in rows]

    async def add_factor(
        self,
        factor: SecondFactor,
        *,
        at_most: int,
        once: Once,
        recovery_digests: Sequence[bytes],
        record: AuditRecord,
    ) -> bool:
        """Add one; see the port."""
        whose = _whose(factor.environment_id, factor.user_id)
        instead = FactorKind.TOTP.value if factor.kind is FactorKind.TOTP else ""
        replaced: _Steps = ((self._replace, {**whose, "kind": instead, "factor_id": factor.factor_id}),)
        codes = self._new_codes(whose, recovery_digests) if recovery_digests else ()
        return await self._change(
            whose,
            (self._add, {**_row(factor), "instead": instead, "at_most": at_most}),
            (self._use_up, _used(factor.environment_id, once)),
            *(replaced if instead else ()),
            *codes,
            record=record,
        )

    async def use_factor(
        self,
        factor: SecondFactor,
        *,
        step: int,
        now: Milliseconds,
        once: Once | None = None,
        sealed_secret: bytes | None = None,
    ) -> bool:
        """Use one; see the port."""
        this = {**_whose(factor.environment_id, factor.user_id), "factor_id": factor.factor_id}
        steps: _Steps = ((self._use, {**this, "step": step, "now": now}),)
        if sealed_secret is not None:
            steps = (*steps, (self._reseal, {**this, "sealed_secret": sealed_secret}))
        if once is not None:
            steps = (*steps, (self._use_up, _used(factor.environment_id, once)))
        try:
            return await self._engine.apply(Change(steps)) is not None
        except AlreadyExists:
            return False

    async def remove_factor(
        self,
        environment_id: EnvironmentId,
        user_id: ObjectId,
        factor_id: RowId,
        *,
        keep_one: bool,
        record: AuditRecord,
    ) -> bool:
        """Remove one; see the port."""
        whose = _whose(environment_id, user_id)
        statement = self._remove_but_last if keep_one else self._remove
        return await self._change(
            whose, (statement, {**whose, "factor_id": factor_id}), (self._forget_codes_without, whose), record=record
        )

    async def remove_factors(self, environment_id: EnvironmentId, user_id: ObjectId, *, record: AuditRecord) -> bool:
        """Remove them all; see the port."""
        whose = _whose(environment_id, user_id)
        return await self._change(whose, (self._remove_all, whose), (self._forget_codes, whose), record=record)

    async def recovery_digests(self, environment_id: EnvironmentId, user_id: ObjectId) -> Sequence[bytes]:
        """Give what is kept of a user's recovery codes; see the port."""
        rows = await self._engine.fetch(self._codes, _whose(environment_id, user_id))
        return [bytes(row[0]) for row in rows]

    async def replace_recovery_codes(
        self, environment_id: EnvironmentId, user_id: ObjectId, digests: Sequence[bytes], *, record: AuditRecord
    ) -> bool:
        """Replace them all; see the port."""
        whose = _whose(environment_id, user_id)
        return await self._change(whose, (self._if_any, whose), *self._new_codes(whose, digests), record=record)

    async def use_recovery_code(
        self, environment_id: EnvironmentId, user_id: ObjectId, digest: bytes, *, record: AuditRecord
    ) -> bool:
        """Use one up; see the port."""
        whose = _whose(environment_id, user_id)
        return await self._change(whose, (self._use_code, {**whose, "digest": digest}), record=record)

    def _new_codes(self, whose: Values, digests: Sequence[bytes]) -> _Steps:
        return (
            (self._forget_codes, whose),
            *((self._keep_code, {**whose, "digest": digest}) for digest in digests),
        )

    async def _change(self, whose: Values, *steps: tuple[Prepared, Values], record: AuditRecord) -> bool:
        recorded = (self._record, record_values(record))
        turn = ((self._take_turns, whose),)
        return await self._engine.apply(Change((*steps, recorded), before=turn)) is not None


def _factor(row: Row) -> SecondFactor:
    values = dict(zip(_COLUMNS, row, strict=True))
    credential_id, settings, sealed = (values.pop(name) for name in ("credential_id", "settings", "sealed_secret"))
    passkey = None
    if credential_id is not None:
        kept = msgspec.json.decode(settings, type=_Settings)
        passkey = Passkey(
            credential_id=base64.urlsafe_b64decode(credential_id + "=="),
            public_key=kept.public_key,
            rp_id=kept.rp_id,
            transports=kept.transports,
        )
    kind = FactorKind(values.pop("kind"))
    return SecondFactor(**values, kind=kind, passkey=passkey, sealed_secret=None if sealed is None else bytes(sealed))


def _row(factor: SecondFactor) -> dict[str, object]:
    plain = ("environment_id", "user_id", "factor_id", "name", "sealed_secret", "last_step", "created_at")
    row: dict[str, object] = {name: getattr(factor, name) for name in plain}
    row |= {"kind": factor.kind.value, "last_used_at": None, "credential_id": None, "settings": None}
    if factor.passkey is not None:
        passkey = factor.passkey
        settings = _Settings(passkey.public_key, passkey.rp_id, passkey.transports)
        row["credential_id"] = base64.urlsafe_b64encode(passkey.credential_id).rstrip(b"=").decode()
        row["settings"] = msgspec.json.encode(settings).decode()
    return row


def _whose(environment_id: EnvironmentId, user_id: ObjectId) -> dict[str, object]:
    return {"environment_id": environment_id, "user_id": user_id}


def _used(environment_id: EnvironmentId, once: Once) -> dict[str, object]:
    return {"environment_id": environment_id, "expires_at": once.expires_at, "digest": once.digest}
