"""What operators, helpers and members do beyond trading: each is one signed statement.

The life of a member's keys has a module of its own (`settlement.key_deeds`), and so has what a
roster or rules may become (`settlement.constitution`).

>>> withdrawal("m-ada")["withdrawn"]
True
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from sqlalchemy import Connection

from ledger import log_store
from ledger.errors import RefusedError
from ledger.kinds import COMMON, COMMUNITY
from ledger.primitives.signing import SigningKey
from ledger.statements import Statement
from ledger.writer import Draft
from settlement.community import Community
from settlement.enrol import new_id
from settlement.signers import helper_keys, member_keys, operator_keys

Signers = Sequence[SigningKey] | Callable[[Community], Sequence[SigningKey]]
"""Keys that sign; or a function that picks them inside the transaction, where it is known whose
keys count."""


def say(
    community: Community,
    kind: str,
    account: str,
    fields: Mapping[str, Any],
    keys: Signers,
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
        signers = keys(community) if callable(keys) else keys
        made = new_id(community, f"{kind}/{account}")
        envelope = writer.sign_new(connection, kind, account, made, fields, signers)
        community.accept(connection, [Draft(envelope)])
    return Statement.decode(envelope)


def by_member(member: str) -> Callable[[Community], list[SigningKey]]:
    """Return what picks the keys of a member."""
    return lambda community: member_keys(community, member)


def device(community: Community, member: str) -> SigningKey:
    """Return a key that stands in for a member's phone and counts now."""
    with community.transaction():
        return member_keys(community, member, 1)[0]


def set_limit(community: Community, member: str, floor_units: int, reason: str) -> Statement:
    """Change how far below zero a member's wallet may go."""
    fields = {"floor_units": floor_units, "reason": reason}
    return say(community, "limit", member, fields, operator_keys)


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
    return say(community, kind, member, fields, operator_keys)


def reverse(community: Community, transfer_id: str, reason: str) -> Statement:
    """Take back all that remains of a payment."""
    fields = {"original": transfer_id, "reason": reason}
    return say(community, "reversal", COMMUNITY, fields, operator_keys)


def correct(
    community: Community, transfer_id: str, units: int, reason: str, *, back: bool
) -> Statement:
    """Move a part of a payment back, or more of it the same way."""
    fields = {"original": transfer_id, "amount": units, "back": back, "reason": reason}
    return say(community, "correction", COMMUNITY, fields, operator_keys)


def erase(
    community: Community, entries: Mapping[int, str], reason: str, request: str | None = None
) -> Statement:
    """Delete facts or details of log entries, for good.

    Args:
        community: open for work.
        entries: ``fact`` or ``detail`` by log position.
        reason: the rule, or that the member asked.
        request: id of the member's statement that asked.
    """
    named = [{"entry": position, "what": what} for position, what in sorted(entries.items())]
    fields = {"entries": named, "reason": reason}
    fields |= {} if request is None else {"request": request}
    return say(community, "erasure", COMMUNITY, fields, operator_keys)


def close_account(community: Community, member: str, reason: str) -> Statement:
    """Close a member's account, and forget whose it was."""
    return say(community, "account_close", member, {"reason": reason}, by_member(member))


def give(community: Community, member: str, wh_month: int) -> Statement:
    """Give a part of what a member sells to the community's fund, from tomorrow on; 0 ends it."""
    return say(community, "gift", member, {"wh_month": wh_month}, by_member(member))


def share(community: Community, owner: str, meter: str, holders: Mapping[str, int]) -> Statement:
    """Say who has which part of what a meter exports.

    Args:
        community: open for work.
        owner: whose meter it is.
        meter: its id.
        holders: millionths by member; the owner has the rest.
    """
    items = [{"member": member, "ppm": ppm} for member, ppm in sorted(holders.items())]
    return say(community, "share", owner, {"meter": meter, "holders": items}, by_member(owner))


def donate(community: Community, member: str, units: int, reference: str) -> Statement:
    """Pay from a member's wallet into the community's fund."""
    fields = {"amount": units, "reference": reference}
    return say(community, "donation", member, fields, by_member(member))


def grant(community: Community, member: str, units: int, reason: str) -> Statement:
    """Help a member from the community's fund."""
    return say(community, "grant", member, {"amount": units, "reason": reason}, operator_keys)


def dispute(community: Community, member: str, fields: Mapping[str, Any]) -> Statement:
    """Say that something is wrong with a run of a day.

    Args:
        community: open for work.
        member: who says so.
        fields: of a ``dispute``.
    """
    return say(community, "dispute", member, fields, by_member(member))


def rule_on(community: Community, dispute_id: str, reason: str, *, upheld: bool) -> Statement:
    """Decide a dispute, by two operators: one that is upheld opens its day once more."""
    fields = {"dispute": dispute_id, "upheld": upheld, "reason": reason}
    return say(community, "ruling", COMMUNITY, fields, operator_keys)


def revoke_mandate(community: Community, member: str) -> Statement:
    """End what settlement may debit, from the next half-hour on."""
    fields = revocation(community, member)
    return say(community, "mandate_revoke", member, fields, by_member(member))


def agree(community: Community, seller: str, fields: Mapping[str, Any]) -> Statement:
    """Log what a seller and a buyer agree on, signed by the keys of both.

    Args:
        community: open for work.
        seller: member id.
        fields: of an ``agreement``, the ``buyer`` among them.
    """
    buyer = fields["buyer"]
    if buyer == seller:
        raise RefusedError("Nobody makes an agreement with themselves.")

    def both(community: Community) -> list[SigningKey]:
        return [*member_keys(community, seller), *member_keys(community, buyer)]

    return say(community, "agreement", seller, fields, both)


def end_agreement(community: Community, member: str, agreement_id: str) -> Statement:
    """End an agreement for one of its two members, from the next half-hour on."""
    fields = {"agreement": agreement_id}
    return say(community, "agreement_end", member, fields, by_member(member))


def withdraw_consent(
    community: Community, member: str, meter: str, purpose: str = "settlement"
) -> Statement:
    """End the use of a meter's readings for a purpose, from the next half-hour on."""
    return say(community, "consent", member, withdrawal(meter, purpose), by_member(member))


def allow(
    community: Community,
    member: str,
    meter: str,
    purpose: str,
    granularity: str,
    channels: str = "both",
) -> Statement:
    """Let a meter's readings be used for support, advice or research, from the next half-hour on."""
    fields = {"meter": meter, "channels": channels, "purpose": purpose}
    fields |= {"granularity": granularity}
    return say(community, "consent", member, {**fields, "wording": 1}, by_member(member))


def withdrawal(meter: str, purpose: str = "settlement") -> dict[str, Any]:
    """Return the fields of a consent that ends."""
    return {
        "meter": meter,
        "channels": "both",
        "purpose": purpose,
        "granularity": "half-hour",
        "wording": 1,
        "withdrawn": True,
    }


def revocation(community: Community, member: str) -> dict[str, str]:
    """Return the fields that end a member's mandate.

    Raises:
        RefusedError: there is none in force.
    """
    history = community.state.mandates.get(member, [])
    if not history:
        raise RefusedError("This member has given no mandate.")
    return {"mandate": history[-1][1].id}


def act_for(
    community: Community,
    member: str,
    kind: str,
    fields: Mapping[str, Any],
    reason: str,
    helper: SigningKey | None = None,
) -> Statement:
    """Do something for a member who asked a helper to.

    Args:
        community: open for work.
        member: for whom.
        kind: of the statement that it stands for.
        fields: that kind's fields.
        reason: why the member did not do it.
        helper: who signs; a helper whose key is in the keyring if left out.
    """
    body = {"does": kind, "fields": dict(fields), "reason": reason}
    signers: Signers = one_helper if helper is None else [helper]
    return say(community, "act_for", member, body, signers)


def one_helper(community: Community) -> list[SigningKey]:
    """Return a helper's key that is in the keyring."""
    return helper_keys(community, 1)


def new_roster(
    community: Community, fields: Mapping[str, Any], new_operators: Sequence[SigningKey] = ()
) -> Statement:
    """Log the next roster: its own operators sign, and those of the one before.

    Args:
        community: open for work.
        fields: of a ``roster``, but for the version.
        new_operators: keys of the new operators that sign.
    """
    version = _last_fields(community, "roster")["version"] + 1

    def signers(community: Community) -> list[SigningKey]:
        both = [*operator_keys(community), *new_operators]
        return list({key.key_id: key for key in both}.values())

    return say(community, "roster", COMMUNITY, {**fields, "version": version}, signers)


def roster_now(community: Community) -> dict[str, Any]:
    """Return the fields of the roster in force, to be changed and signed anew."""
    return _without_version(_last_fields(community, "roster"))


def new_rules(community: Community, fields: Mapping[str, Any]) -> Statement:
    """Log the next version of the rules.

    Args:
        community: open for work.
        fields: of ``rules``, but for the version.
    """
    version = _last_fields(community, "rules")["version"] + 1
    return say(community, "rules", COMMUNITY, {**fields, "version": version}, operator_keys)


def rules_now(community: Community) -> dict[str, Any]:
    """Return the fields of the latest rules, to be changed and signed anew."""
    return _without_version(_last_fields(community, "rules"))


def _last_fields(community: Community, kind: str) -> dict[str, Any]:
    with community.reading() as connection:
        return last_fields(connection, community.writer.community, kind)


def last_fields(connection: Connection, community: int, kind: str) -> dict[str, Any]:
    """Return the kind's own fields of a community's latest statement of a kind.

    Raises:
        RefusedError: there is none.
    """
    entry = log_store.last_fact(connection, community, kind)
    if entry is None:
        raise RefusedError(f"This community has no {kind}.")
    body = Statement.decode(entry.envelope).body
    return {name: value for name, value in body.items() if name not in COMMON}


def _without_version(fields: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if name != "version"}
