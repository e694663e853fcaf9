"""Key theft and loss, and privacy: who may speak for a member, and what must not be seen or lost.

>>> keys_one_helper.__name__
'keys_one_helper'
"""

from typing import Any

from ledger.log.proof import LogProof
from ledger.log.tree import inclusion_proof, leaf_hash
from ledger.primitives.canonical import decode
from ledger.primitives.signing import SigningKey
from ledger.records import Transfer, record, salt_of, salted_leaves
from ledger.statements import Statement
from settlement.audit.receipt import Receipt
from settlement.timetable import DETAIL_BYTES_MAX
from tests.attacks.catalogue import Look, attack, entered
from tests.attacks.members import (
    founded,
    hamlet,
    join,
    metered,
    opening_fields,
    paper_code,
    roster_fields,
)
from tests.attacks.run import Run
from tests.attacks.village import (
    LOG,
    OPERATORS,
    Files,
    Village,
    key,
    member,
)

KEYS, PRIVACY = "key theft and loss", "privacy"
SIGNATURES = "keys and signatures"
BY_MEMBER = "a transfer needs 1 of the member's keys; 0 of"
HELPERS = [key("helper-1"), key("helper-2")]
THREE_DAYS = 3 * 48


def change_keys(
    village: Village, signers: list[SigningKey], new: str = "new phone", **fields: Any
) -> Statement:
    """Log a change of Ben's keys to one other key."""
    whole = {"keys": [key(new).public.hex()], "threshold": 1, "reason": "Lost.", **fields}
    return village.say("key_change", member("ben"), whole, [*signers, key(new)])


def pay_with(village: Village, name: str) -> Village:
    """Log a payment of Ben's that a key signs, and return the village."""
    fields = {"to": member("ada"), "amount": 70, "reference": "bread"}
    village.say("transfer", member("ben"), fields, [key(name)])
    return village


@attack(KEYS, SIGNATURES, BY_MEMBER)
def keys_stolen_phone_after_removal() -> Village:
    """A thief pays with a phone that Ben took off his account."""
    village = hamlet()
    change_keys(village, [key("ben")], by="keys")
    return pay_with(village, "ben")


@attack(KEYS, SIGNATURES, "the account is frozen")
def keys_frozen_account() -> Village:
    """A thief pays after a helper stopped the account."""
    village = hamlet()
    village.say("freeze", member("ben"), {"frozen": True, "reason": "Lost."}, HELPERS[:1])
    return pay_with(village, "ben")


@attack(KEYS, SIGNATURES, "needs 2 of operators; 0 of")
def keys_thief_ends_the_freeze() -> Village:
    """A thief of the phone lets the account go on that a helper stopped."""
    village = hamlet()
    village.say("freeze", member("ben"), {"frozen": True, "reason": "Lost."}, HELPERS[:1])
    fields = {"frozen": False, "reason": "Found."}
    village.say("freeze", member("ben"), fields, [key("ben")])
    return village


@attack(KEYS, SIGNATURES, BY_MEMBER)
def keys_recovery_too_early() -> Village:
    """Two helpers bring a new phone, which pays before the three days are over."""
    village = hamlet()
    change_keys(village, HELPERS, by="helpers")
    village.period += THREE_DAYS - 1
    return pay_with(village, "new phone")


@attack(KEYS, SIGNATURES, "needs 2 of the roster's helper keys; 1 of")
def keys_one_helper() -> Village:
    """One helper alone brings Ben's account to a new phone."""
    village = hamlet()
    change_keys(village, HELPERS[:1], by="helpers")
    return village


@attack(KEYS, SIGNATURES, "now two operators decide")
def keys_second_recovery_after_objection() -> Village:
    """A finder of the paper code tries again with two helpers after Ben objected."""
    village = hamlet()
    code = paper_code("ben")
    change = change_keys(village, [code], by="code", code_key=code.public.hex())
    fields = {"change": change.id, "reason": "Not me."}
    village.say("key_objection", member("ben"), fields, [key("ben")])
    change_keys(village, HELPERS, "another phone", by="helpers")
    return village


@attack(KEYS, SIGNATURES, "not the paper code that the member set")
def keys_other_paper_code() -> Village:
    """Somebody shows a paper code that is not Ben's."""
    village = hamlet()
    code = paper_code("somebody")
    change_keys(village, [code], by="code", code_key=code.public.hex())
    return village


@attack(KEYS, SIGNATURES, "another change of these keys waits")
def keys_recovery_overtaken() -> Village:
    """While a recovery by the paper code waits, two operators bring their own, which waits less."""
    village = hamlet()
    code = paper_code("ben")
    change_keys(village, [code], by="code", code_key=code.public.hex())
    change_keys(village, OPERATORS, "another phone", by="operators")
    return village


@attack(KEYS, SIGNATURES, "belongs to somebody else, or was given up")
def keys_given_up_key_returns() -> Village:
    """The key of a stolen phone, which Ben gave up, is made a key of his again."""
    village = hamlet()
    change_keys(village, [key("ben")], by="keys")
    change_keys(village, [key("new phone")], "ben", by="keys")
    return village


@attack(KEYS, SIGNATURES, "needs 1 of the new keys; 0 of")
def keys_of_somebody_who_did_not_sign() -> Village:
    """Ben's account is tied to a key whose holder did not sign."""
    village = hamlet()
    keys = [key("ben").public.hex(), key("stranger").public.hex()]
    fields = {"by": "keys", "keys": keys, "threshold": 1, "reason": "A friend's."}
    village.say("key_change", member("ben"), fields, [key("ben")])
    return village


@attack(KEYS, SIGNATURES, "needs 2 of the old roster's operators; 0 of")
def keys_roster_without_the_old() -> Village:
    """Two strangers sign a roster that names them operators."""
    village = hamlet()
    strangers = [key("stranger-1"), key("stranger-2")]
    keys = [{"key": one.public.hex(), "role": "operator"} for one in strangers]
    village.say("roster", "community", roster_fields(2, keys=keys), strangers)
    return village


@attack(KEYS, SIGNATURES, "the roster expired with")
def keys_expired_roster() -> Village:
    """Operators whose roster is over set a limit instead of signing a new roster first."""
    village = founded(expires=founded().period + 10)
    join(village, "ben")
    village.period += 10
    village.say("limit", member("ben"), {"floor_units": -50_000, "reason": "As ever."}, OPERATORS)
    return village


@attack(KEYS, SIGNATURES, "needs 2 of operators; 1 of")
def keys_one_operator() -> Village:
    """A thief of one operator's key raises a friend's limit."""
    village = hamlet()
    fields = {"floor_units": -50_000, "reason": "Agreed."}
    village.say("limit", member("ben"), fields, OPERATORS[:1])
    return village


@attack(KEYS, SIGNATURES, "needs 2 of operators; 1 of")
def keys_operator_replaced() -> Village:
    """An operator who was replaced signs on with the one who stayed."""
    village = hamlet()
    third = key("operator-3")
    keys = [entry for entry in roster_fields()["keys"] if entry["key"] != OPERATORS[1].public.hex()]
    keys.append({"key": third.public.hex(), "role": "operator"})
    fields = roster_fields(2, keys=keys)
    village.say("roster", "community", fields, [*OPERATORS, third])
    village.say("limit", member("ben"), {"floor_units": -50_000, "reason": "As ever."}, OPERATORS)
    return village


@attack(KEYS, SIGNATURES, "names another log key than signed the checkpoint")
def keys_roster_of_another_log_key() -> Village:
    """Operators change the log's key in a roster, to sign a second log with it."""
    village = hamlet()
    fields = roster_fields(2, log_key=key("another log").public.hex())
    village.say("roster", "community", fields, OPERATORS)
    return village


@attack(KEYS, SIGNATURES, "needs 2 of operators; 1 of")
def keys_account_opened_by_one() -> Village:
    """One operator opens an account for a friend, whose wallet may then owe."""
    village = hamlet()
    who = member("cleo")
    signers = [key("cleo"), OPERATORS[0]]
    village.say("account_open", who, opening_fields("cleo"), signers)
    return village


@attack(PRIVACY, "erasures", "no erasure in the log says so")
def privacy_erased_without_a_word() -> Village:
    """An embarrassing payment is gone from what auditors get, and nobody signed an erasure."""
    village = hamlet()
    village.entries[-1].gone = True
    return village


@attack(PRIVACY, "erasures", "the fact of log entry 2 must stay")
def privacy_erasure_of_an_account() -> Village:
    """Two operators erase the opening of an account, and with it whose key it was."""
    village = hamlet()
    erase(village, 2, "fact", OPERATORS)
    return village


@attack(PRIVACY, "commitments", "not the one that the log commits to")
def privacy_offer_gone() -> Village:
    """An offer, on which later half-hours rest, is gone from what auditors get."""
    village = hamlet()
    village.entries[3].gone = True
    return village


@attack(PRIVACY, "erasures", "must stay for 100 days")
def privacy_readings_erased_too_soon() -> Village:
    """Readings are erased before the run and an audit could use them."""
    village = metered()
    position = len(village.entries) - 1
    erase(village, position, "detail", OPERATORS)
    village.entries[position].detail = None
    return village


@attack(PRIVACY, SIGNATURES, "needs 2 of operators; 1 of")
def privacy_erasure_by_one_operator() -> Village:
    """One operator alone erases a payment of their own."""
    village = hamlet()
    position = len(village.entries) - 1
    erase(village, position, "fact", OPERATORS[:1])
    village.entries[position].gone = True
    return village


@attack(PRIVACY, "erasures", "is already erased")
def privacy_erased_twice() -> Village:
    """A payment is erased a second time, so that more seems to have gone than did."""
    village = hamlet()
    position = len(village.entries) - 1
    for _ in range(2):
        erase(village, position, "fact", OPERATORS)
    village.entries[position].gone = True
    return village


def erase(village: Village, entry: int, what: str, signers: list[SigningKey]) -> None:
    """Log an erasure."""
    fields = {"entries": [{"entry": entry, "what": what}], "reason": "Asked for."}
    village.say("erasure", "community", fields, signers, believe=False)


RECEIPT = ("audit", "receipt", "line.tlog-proof", "--vkey", LOG.vkey, "--member", member("ada"))


@entered(PRIVACY, Look(RECEIPT, 1, "the lines are of several members"))
def privacy_receipt_with_a_neighbour() -> Files:
    """The operator's receipt for Ada shows what Ben paid in the same half-hour."""
    return {"line.tlog-proof": receipt_of(("ada", "ben"))}


@entered(PRIVACY, Look(RECEIPT, 1, "the line is not one that the statement binds"))
def privacy_receipt_of_another_amount() -> Files:
    """Ada shows a receipt for more than she was paid."""
    return {"line.tlog-proof": receipt_of(("ada",), more_units=1)}


def receipt_of(names: tuple[str, ...], more_units: int = 0) -> bytes:
    """Return a receipt of some members' lines in the first half-hour that trades."""
    seen: list[Transfer] = []

    class Seen(Run):
        def money(self, transfers: list[Transfer]) -> list[Transfer]:
            seen[:] = transfers
            return transfers

    village = Seen(metered()).go()
    position, settlement = len(village.entries) - 2, village.entries[-2]
    assert Statement.decode(settlement.envelope).kind == "netting"
    seed = bytes.fromhex(decode(settlement.detail or b"", DETAIL_BYTES_MAX)["seed"])
    leaves = salted_leaves(seed, [record(transfer) for transfer in seen])
    wallets = [f"member/{member(name)}/" for name in names]
    lines = [
        _line(transfer, index, more_units)
        | {
            "salt": salt_of(seed, index).hex(),
            "path": [value.hex() for value in inclusion_proof(leaves, index)],
        }
        for index, transfer in enumerate(seen)
        if any(f"{transfer.debit} {transfer.credit}".count(wallet) for wallet in wallets)
    ]
    hashes = [leaf_hash(entry.leaf_bytes()) for entry in village.entries]
    roster = village.entries[0]
    fields = {
        "logged": settlement.period,
        "salt": settlement.salt.hex(),
        "lines": lines,
        "roster": {
            "envelope": roster.envelope.decode(),
            "logged": roster.period,
            "index": 0,
            "path": [value.hex() for value in inclusion_proof(hashes, 0)],
        },
    }
    path, note = inclusion_proof(hashes, position), village.note()
    made = Receipt.make(
        lambda extra: LogProof(position, path, note, extra), fields, settlement.envelope
    )
    return made.encode()


def _line(transfer: Transfer, index: int, more_units: int) -> dict[str, Any]:
    line = {
        "index": index,
        "kind": int(transfer.kind),
        "debit": transfer.debit,
        "credit": transfer.credit,
        "amount": transfer.amount + more_units,
    }
    return line if transfer.original is None else {**line, "original": transfer.original.hex()}
