"""The life of a member's keys: opened, added, changed, frozen, recovered.

A member's own keys change the member's keys at once. Whoever has lost them comes back by the
paper code or by two helpers after three days, or by two operators after one: meanwhile any of the
old keys may object, and then two operators decide, so that neither a finder of the code nor a
thief of the phone has the last word. What the keys themselves asked for and must wait, a new paper
code, gives way to all of these, and to a freeze. Delays are counted in half-hours of the log.

>>> MemberKeys((b"a" * 32,), 1).at(989737).threshold
1
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Self

from ledger.errors import SignatureError
from ledger.primitives.signing import check_public_key
from ledger.statements import Statement

DAY_PERIODS = 48
"""Half-hours of a day, whatever the clocks do."""

DELAYS = {
    "keys": 0,
    "code": 3 * DAY_PERIODS,
    "helpers": 3 * DAY_PERIODS,
    "operators": DAY_PERIODS,
}
"""Half-hours between the statement and its effect, by whose word the keys change."""

HELPERS_NEEDED = 2
"""Helpers that together vouch for a member who lost every key."""


@dataclass(frozen=True, slots=True)
class PendingChange:
    """New keys that wait for their time.

    Attributes:
        id: of the statement.
        keys: the new keys.
        threshold: how many of them must sign.
        recovery: the new commitment to a paper code, or None.
        first: the half-hour from which they count.
        objected: an old key objected; only operators can bring it about now.
        decided: operators decided after an objection; nobody may object again.
        own: the member's keys asked for it, so that it gives way to any other change.
    """

    id: str
    keys: tuple[bytes, ...]
    threshold: int
    recovery: str | None
    first: int
    objected: bool = False
    decided: bool = False
    own: bool = False


@dataclass(frozen=True, slots=True)
class MemberKeys:
    """A member's public keys at one point of the log.

    Attributes:
        keys: those that count.
        threshold: how many of them must sign.
        recovery: `recovery_commitment` of the paper code's key, or None.
        frozen: nothing but an objection or another freeze is taken from these keys.
        pending: a change that waits.
    """

    keys: tuple[bytes, ...]
    threshold: int
    recovery: str | None = None
    frozen: bool = False
    pending: PendingChange | None = None

    def at(self, period: int) -> Self:
        """Return the keys as they are in a half-hour: a change whose time came has its effect."""
        change = self.pending
        if change is None or change.objected or period < change.first:
            return self
        return replace(
            self,
            keys=change.keys,
            threshold=change.threshold,
            recovery=change.recovery,
            frozen=False,
            pending=None,
        )

    def changed(self, statement: Statement, period: int) -> Self:
        """Return the keys after a checked ``key_change`` that was logged in a half-hour."""
        body, delay = statement.body, delay_of(statement.body)
        if not delay:
            # What waits goes on waiting: a thief's new keys do not stop a recovery.
            return replace(self, keys=keys_of(body), threshold=body["threshold"])
        # A code is used once: it stands in the statement.
        kept = None if body["by"] == "code" else self.recovery
        change = PendingChange(
            statement.id,
            keys_of(body),
            body["threshold"],
            body.get("recovery", kept),
            period + delay,
            decided="decides" in body,
            own=body["by"] == "keys",
        )
        return replace(self, pending=change)

    def with_freeze(self, *, frozen: bool) -> Self:
        """Return the keys after a checked ``freeze``: what they asked for themselves is dropped."""
        dropped = frozen and self.pending is not None and self.pending.own
        return replace(self, frozen=frozen, pending=None if dropped else self.pending)

    def objected(self) -> Self:
        """Return the keys after a checked objection."""
        if self.pending is None:
            raise AssertionError("an objection to nothing was taken")
        return replace(self, pending=replace(self.pending, objected=True))


def delay_of(body: Mapping[str, Any]) -> int:
    """Return how many half-hours a key change waits.

    The member's own keys change at once; a new paper code waits all the same, since a thief with
    the phone would make one first.
    """
    by = body["by"]
    return DELAYS["code"] if by == "keys" and "recovery" in body else DELAYS[by]


def keys_of(body: Mapping[str, Any]) -> tuple[bytes, ...]:
    """Return the public keys that a body names."""
    return tuple(bytes.fromhex(key) for key in body["keys"])


def recovery_commitment(public_key: bytes) -> str:
    """Return what is signed of a paper code beforehand: a hash of its public key."""
    return hashlib.sha256(b"commonwatt/recovery/v1\x00" + public_key).hexdigest()


def check_new_keys(body: Mapping[str, Any], taken: set[bytes], own: tuple[bytes, ...] = ()) -> None:
    """Refuse keys of small order, twice, too few, or of somebody else.

    Args:
        body: names ``keys`` and ``threshold``.
        taken: every key that ever counted for anybody: one that was given up never returns.
        own: the member's present keys, which may stay, and those that wait.

    Raises:
        SignatureError: says which.
    """
    keys = keys_of(body)
    for key in keys:
        check_public_key(key)
    if len(set(keys)) != len(keys) or body["threshold"] > len(keys):
        raise SignatureError("an account's keys must differ and reach its threshold")
    if not taken.isdisjoint(set(keys) - set(own)):
        raise SignatureError("a key of this account belongs to somebody else, or was given up")


def check_change(member: MemberKeys, statement: Statement) -> None:
    """Refuse a key change that cannot be made now, whoever signed it.

    Raises:
        SignatureError: says why.
    """
    body, pending = statement.body, member.pending
    # Else a thief with the telephone would always have a new paper code waiting, and nobody else
    # could ever begin.
    waits = pending is not None and not pending.objected and not pending.own
    if waits and body["by"] != "keys":
        raise SignatureError("another change of these keys waits: object to it first")
    if "decides" in body and (
        body["by"] != "operators"
        or pending is None
        or not pending.objected
        or pending.id != body["decides"]
    ):
        raise SignatureError("operators decide a change that was objected to, and name it")
    if pending is not None and pending.objected and body["by"] in ("code", "helpers"):
        raise SignatureError("a change was objected to: now two operators decide")
    if (body["by"] == "code") != ("code_key" in body):
        raise SignatureError("a change by the paper code, and no other, shows the code's key")
    if pending is not None and body["by"] == "keys" and "recovery" in body:
        raise SignatureError("another change of these keys waits: object to it first")


def check_objection(member: MemberKeys, statement: Statement) -> None:
    """Refuse an objection to nothing, or to what operators decided already.

    Raises:
        SignatureError: says which.
    """
    pending = member.pending
    if pending is None or pending.id != statement.body["change"]:
        raise SignatureError("no such change of keys waits")
    if pending.objected or pending.decided:
        raise SignatureError("this change was objected to before, or decided by operators")
