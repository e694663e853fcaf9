"""The life of a member's keys, as deeds: each makes one signed statement and logs it.

Keys are made here, in the keyring's folder ``devices``, and stand in for phones. Who may do what,
and when it counts, is decided by `ledger.key_life` alone.

>>> Decision("stay").name
'STAY'
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from ledger import log_store
from ledger.errors import RefusedError
from ledger.key_life import HELPERS_NEEDED, MemberKeys, PendingChange, recovery_commitment
from ledger.kinds import KEYS_MAX
from ledger.primitives.signing import SigningKey, key_id_of
from ledger.recovery import ENTROPY_BYTES, PHONE, key_of_code, new_code
from ledger.statements import Statement
from settlement.community import Community
from settlement.deeds import say
from settlement.enrol import new_id
from settlement.signers import (
    device_key_name,
    helper_keys,
    keys_now,
    member_keys,
    new_device,
    operator_keys,
)


class By(StrEnum):
    """Whose word brings an account back."""

    CODE = "code"
    HELPERS = "helpers"
    OPERATORS = "operators"


class Decision(StrEnum):
    """What operators decide about a change that was objected to.

    CHANGE: whoever made it is right, its keys come. STAY: whoever objected is right, the keys
    that count go on. FRESH: neither; a key is made for whoever stands before the operators.
    """

    CHANGE = "change"
    STAY = "stay"
    FRESH = "fresh"


class FreezeBy(StrEnum):
    """Whose key stops an account."""

    MEMBER = "member"
    HELPER = "helper"
    OPERATOR = "operator"


@dataclass(frozen=True, slots=True)
class PaperCode:
    """A new paper code: to be printed once, and kept nowhere.

    Attributes:
        words: twelve.
        commitment: what is signed of it.
    """

    words: tuple[str, ...]
    commitment: str


def make_paper_code(community: Community, name: str) -> PaperCode:
    """Make a paper code for somebody; nothing of it is kept here."""
    purpose = new_id(community, f"paper-code/{name}")
    words = new_code(community.writer.entropy(f"paper-code/{purpose}", ENTROPY_BYTES))
    return PaperCode(words, recovery_commitment(key_of_code(" ".join(words)).public))


def member_keys_now(community: Community, member: str) -> MemberKeys:
    """Return a member's keys as they are now."""
    with community.transaction():
        return keys_now(community, member)


def code_set(community: Community, member: str, commitment: str) -> tuple[int, str]:
    """Return in which half-hour a member's paper code was logged, and by which statement's kind."""
    with community.reading() as connection:
        entries = log_store.facts(
            connection, community.writer.community, kinds=["account_open", "key_change"]
        )
        for _, entry in entries:
            statement = Statement.decode(entry.envelope)
            if (statement.account, statement.body.get("recovery")) == (member, commitment):
                return entry.period, statement.kind
    raise AssertionError("a paper code counts that no statement set")


def files_of(community: Community, member: str, keys: Sequence[bytes]) -> dict[bytes, str]:
    """Return in which files of the keyring some of a member's keys lie."""
    return community.writer.keyring.names_of(keys, f"{device_key_name(member)}*")


def add_key(
    community: Community,
    member: str,
    reason: str,
    *,
    replaces: str | None = None,
    threshold: int | None = None,
) -> Statement:
    """Add the key of a further device, or put it in another key's place; it counts at once.

    Args:
        community: open for work.
        member: whose keys.
        reason: why, in words.
        replaces: beginning of the id of the key that goes.
        threshold: how many keys must sign from then on; as before if left out.
    """
    with community.transaction():
        state = keys_now(community, member)
        signers = member_keys(community, member)
        gone = None if replaces is None else key_named(state, replaces)
        made = new_device(community, member)
    keys = [*(key for key in state.keys if key != gone), made.public]
    return _change(
        community, member, [*signers, made], keys, threshold or state.threshold, reason=reason
    )


def phone_card(community: Community, member: str, reason: str) -> tuple[str, ...]:
    """Add a key of twelve words to a member's, which a further phone puts its own in the place of.

    Returns:
        The words, which are kept nowhere.
    """
    with community.transaction():
        state = keys_now(community, member)
        signers = member_keys(community, member)
        words = new_code(
            community.writer.entropy(f"phone/{member}/{len(state.keys)}", ENTROPY_BYTES)
        )
    if len(state.keys) >= KEYS_MAX:
        raise RefusedError(
            f"This account has {KEYS_MAX} keys, the most there may be: end one first."
        )
    card = key_of_code(" ".join(words), PHONE)
    keys = [*state.keys, card.public]
    _change(community, member, [*signers, card], keys, state.threshold, reason=reason)
    return words


def remove_key(community: Community, member: str, key: str, reason: str) -> Statement:
    """Give a key up, for ever and at once; where too few remain, fewer must sign.

    Raises:
        RefusedError: it is the only one.
    """
    with community.transaction():
        state = keys_now(community, member)
        signers = member_keys(community, member)
    gone = key_named(state, key)
    keys = [other for other in state.keys if other != gone]
    if not keys:
        raise RefusedError(
            "This is the member's only key: add another first, or put one in its place "
            "(add-key --replaces)."
        )
    return _change(community, member, signers, keys, min(state.threshold, len(keys)), reason=reason)


def new_paper_code(community: Community, member: str, commitment: str, reason: str) -> Statement:
    """Set another paper code, by the member's keys; it counts after three days."""
    with community.transaction():
        state = keys_now(community, member)
        signers = member_keys(community, member)
    return _change(
        community,
        member,
        signers,
        state.keys,
        state.threshold,
        reason=reason,
        recovery=commitment,
    )


def recover(
    community: Community,
    member: str,
    by: By,
    reason: str,
    *,
    code: str | None = None,
    commitment: str | None = None,
) -> Statement:
    """Bring an account back to a device that is made now.

    Args:
        community: open for work.
        member: whose account.
        by: whose word it is.
        reason: why, in words.
        code: the paper code, by `By.CODE`.
        commitment: of another paper code for later.

    Raises:
        InputError: the words are not a paper code.
        RefusedError: a change was objected to, so that operators decide.
        SignatureError: it is not this member's code, or another change waits.
    """
    code_key = key_of_code(code) if by is By.CODE and code is not None else None
    with community.transaction():
        pending = keys_now(community, member).pending
        if by is By.OPERATORS and pending is not None and pending.objected:
            raise RefusedError("A change of these keys was objected to: decide it (--decide).")
        signers = [code_key] if code_key else _vouchers(community, by)
        made = new_device(community, member)
    more = {"code_key": code_key.public.hex()} if code_key else {}
    return _change(
        community,
        member,
        [*signers, made],
        [made.public],
        1,
        by=by.value,
        reason=reason,
        recovery=commitment,
        **more,
    )


def decide(
    community: Community,
    member: str,
    decision: Decision,
    reason: str,
    *,
    commitment: str | None = None,
) -> Statement:
    """Decide, as operators, a change that was objected to; nobody may object to that.

    Args:
        community: open for work.
        member: whose account.
        decision: whom the operators believe.
        reason: why, in words.
        commitment: of another paper code; with `Decision.CHANGE` the change's own counts.

    Raises:
        RefusedError: nothing was objected to.
    """
    with community.transaction():
        state = keys_now(community, member)
        pending = state.pending
        if pending is None or not pending.objected:
            raise RefusedError(
                "No change of these keys was objected to: there is nothing to decide."
            )
        signers = operator_keys(community)
        if decision is Decision.CHANGE:
            keys, threshold = pending.keys, pending.threshold
            fresh = [key for key in keys if key not in state.keys]
            commitment = pending.recovery
            signers += _held(community, member, fresh)
        elif decision is Decision.STAY:
            keys, threshold = state.keys, state.threshold
        else:
            made = new_device(community, member)
            keys, threshold = (made.public,), 1
            signers.append(made)
    return _change(
        community,
        member,
        signers,
        keys,
        threshold,
        by=By.OPERATORS.value,
        reason=reason,
        recovery=commitment,
        decides=pending.id,
    )


def object_to(community: Community, member: str, reason: str) -> Statement:
    """Say no, by one of the member's keys, to the change that waits.

    Raises:
        RefusedError: none waits.
    """
    with community.transaction():
        pending = waiting(keys_now(community, member))
        signers = member_keys(community, member, 1)
    fields = {"change": pending.id, "reason": reason}
    return say(community, "key_objection", member, fields, signers)


def freeze(community: Community, member: str, reason: str, by: FreezeBy) -> Statement:
    """Stop a member's keys: nothing but objections is taken from them."""

    def one(community: Community) -> list[SigningKey]:
        if by is FreezeBy.MEMBER:
            return member_keys(community, member, 1)
        if by is FreezeBy.HELPER:
            return helper_keys(community, 1)
        return operator_keys(community, 1)

    return say(community, "freeze", member, {"frozen": True, "reason": reason}, one)


def unfreeze(community: Community, member: str, reason: str) -> Statement:
    """Let a member's keys go on, by operators."""
    return say(community, "freeze", member, {"frozen": False, "reason": reason}, operator_keys)


def waiting(state: MemberKeys) -> PendingChange:
    """Return the change that waits.

    Raises:
        RefusedError: none waits.
    """
    if state.pending is None:
        raise RefusedError("No change of this member's keys waits: there is nothing to object to.")
    return state.pending


def key_named(state: MemberKeys, text: str) -> bytes:
    """Return the one of a member's keys whose id begins with a text.

    Raises:
        RefusedError: none, or several.
    """
    found = [key for key in state.keys if text and key_id_of(key).startswith(text.lower())]
    if len(found) != 1:
        known = ", ".join(key_id_of(key)[:8] for key in state.keys)
        several = "Several keys' ids begin" if found else "No key's id begins"
        raise RefusedError(f"{several} with {text!r}. This member's keys are {known}.")
    return found[0]


def _vouchers(community: Community, by: By) -> list[SigningKey]:
    """Return the keys of those by whose word an account comes back."""
    if by is By.HELPERS:
        return helper_keys(community, HELPERS_NEEDED)
    return operator_keys(community)


def _held(community: Community, member: str, keys: Sequence[bytes]) -> list[SigningKey]:
    """Return the private halves of all of some keys that are to be a member's."""
    if not keys:
        return []
    whose = f"the change's {len(keys)} new keys"
    names = f"{device_key_name(member)}*"
    return community.writer.keyring.some_of(keys, len(keys), whose, names)


def _change(
    community: Community,
    member: str,
    signers: Sequence[SigningKey],
    keys: Sequence[bytes],
    threshold: int,
    **more: str | None,
) -> Statement:
    """Log a key change; what is None is left out."""
    fields: dict[str, Any] = {"keys": [key.hex() for key in keys], "threshold": threshold}
    fields |= {"by": "keys"} | {name: value for name, value in more.items() if value is not None}
    return say(community, "key_change", member, fields, signers)
