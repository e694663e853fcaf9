"""What operators, helpers and members do beyond trading: each is one signed statement.

>>> OPERATORS
('operator-1', 'operator-2')
"""

from collections.abc import Mapping, Sequence
from typing import Any

from ledger import log_store
from ledger.errors import RefusedError
from ledger.kinds import COMMUNITY
from ledger.primitives.signing import SigningKey
from ledger.statements import Statement
from ledger.writer import Draft
from settlement.community import Community
from settlement.enrol import device_key_name, new_id

OPERATORS = ("operator-1", "operator-2")
"""Key files of the two operators that a community is founded with."""


def say(
    community: Community,
    kind: str,
    account: str,
    fields: Mapping[str, Any],
    keys: Sequence[SigningKey],
) -> Statement:
    """Sign a statement, log it, do what it causes, and return it.

    Args:
        community: open for work.
        kind: kind of statement.
        account: a member's id, or ``community``.
        fields: the kind's own fields.
        keys: all that sign; the first one's ``seq`` is used.

    Raises:
        SignatureError, RefusedError, InputError: nothing was written.
    """
    writer = community.writer
    with community.transaction() as connection:
        made = new_id(community, f"{kind}/{account}")
        envelope = writer.sign_new(connection, kind, account, made, fields, keys)
        community.accept(connection, [Draft(envelope)])
    return Statement.decode(envelope)


def operators(community: Community) -> list[SigningKey]:
    """Return the keys of two operators from the keyring."""
    return [community.writer.keyring.load(name) for name in OPERATORS]


def device(community: Community, member: str) -> SigningKey:
    """Return the key that stands in for a member's phone."""
    return community.writer.keyring.load(device_key_name(member))


def set_limit(
    community: Community,
    member: str,
    floor_units: int,
    reason: str,
    ceiling_units: int | None = None,
) -> Statement:
    """Change how far below zero a member's wallet may go, and how much it may hold."""
    fields: dict[str, Any] = {"floor_units": floor_units, "reason": reason}
    if ceiling_units is not None:
        fields["ceiling_units"] = ceiling_units
    return say(community, "limit", member, fields, operators(community))


def issue(
    community: Community, member: str, units: int, evidence: str, note: str, *, redeem: bool = False
) -> Statement:
    """Put money into a wallet that was paid in outside, or take it out to be paid outside.

    Args:
        community: whose currency is backed by a reserve.
        member: whose wallet.
        units: how much.
        evidence: SHA-256 of what shows the payment outside, in hexadecimal.
        note: what it was, in words.
        redeem: out of the wallet.
    """
    fields = {"amount": units, "evidence": evidence, "note": note}
    kind = "redeem" if redeem else "issue"
    return say(community, kind, member, fields, operators(community))


def reverse(community: Community, transfer_id: str, reason: str) -> Statement:
    """Take back all that remains of a payment."""
    fields = {"original": transfer_id, "reason": reason}
    return say(community, "reversal", COMMUNITY, fields, operators(community))


def correct(
    community: Community, transfer_id: str, units: int, reason: str, *, back: bool
) -> Statement:
    """Move a part of a payment back, or more of it the same way."""
    fields = {"original": transfer_id, "amount": units, "back": back, "reason": reason}
    return say(community, "correction", COMMUNITY, fields, operators(community))


def erase(community: Community, entries: Mapping[int, str], reason: str) -> Statement:
    """Delete facts or details of log entries, for good.

    Args:
        community: open for work.
        entries: ``fact`` or ``detail`` by log position.
        reason: the rule, or that the member asked.
    """
    named = [{"entry": position, "what": what} for position, what in sorted(entries.items())]
    fields = {"entries": named, "reason": reason}
    return say(community, "erasure", COMMUNITY, fields, operators(community))


def revoke_mandate(community: Community, member: str) -> Statement:
    """End what settlement may debit, from the next half-hour on."""
    history = community.state.mandates.get(member, [])
    if not history:
        raise RefusedError("This member has given no mandate.")
    fields = {"mandate": history[-1][1].id}
    return say(community, "mandate_revoke", member, fields, [device(community, member)])


def withdraw_consent(community: Community, member: str, meter: str) -> Statement:
    """End the use of a meter's readings, from the next half-hour on."""
    fields = {
        "meter": meter,
        "channels": "both",
        "purpose": "settlement",
        "granularity": "half-hour",
        "wording": 1,
        "withdrawn": True,
    }
    return say(community, "consent", member, fields, [device(community, member)])


def act_for(
    community: Community,
    member: str,
    kind: str,
    fields: Mapping[str, Any],
    reason: str,
    helper: SigningKey,
) -> Statement:
    """Do something for a member who asked a helper to."""
    body = {"does": kind, "fields": dict(fields), "reason": reason}
    return say(community, "act_for", member, body, [helper])


def new_roster(
    community: Community, fields: Mapping[str, Any], new_operators: Sequence[SigningKey] = ()
) -> Statement:
    """Log the next roster: its own operators sign, and those of the one before.

    Args:
        community: open for work.
        fields: of a ``roster``, but for the version.
        new_operators: keys of the new operators that sign.
    """
    version = _last_roster(community)["version"] + 1
    signers = {key.key_id: key for key in [*operators(community), *new_operators]}
    return say(
        community, "roster", COMMUNITY, {**fields, "version": version}, list(signers.values())
    )


def roster_now(community: Community) -> dict[str, Any]:
    """Return the fields of the roster in force, to be changed and signed anew."""
    body = _last_roster(community)
    names = ("log_key", "threshold", "keys", "expires")
    return {name: body[name] for name in names if name in body}


def _last_roster(community: Community) -> Mapping[str, Any]:
    with community.reading() as connection:
        entry = log_store.last_fact(connection, community.writer.community, "roster")
    if entry is None:
        raise RefusedError("This community has no roster.")
    return Statement.decode(entry.envelope).body
