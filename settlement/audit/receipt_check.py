"""The check of a receipt: that its line stands in an entry of the log whose key the reader gave.

Pure. In this order: the checkpoint, the statement's leaf, the roster's leaf, signatures, the line.
What cannot be known from one line is not claimed (`settlement.audit.receipt_words`).

>>> Trust().verifiers("riverside.example/ledger/1")
Traceback (most recent call last):
ledger.errors.InputError: Say which log it is: its key, or a policy file with its key.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from ledger.errors import CommonwattError, InputError, LogError
from ledger.keys import COMMUNITY_KINDS, OPERATOR_KINDS, SIGNER_ROLES
from ledger.kinds import COMMUNITY, a_kind
from ledger.log.checkpoint import Checkpoint, open_checkpoint
from ledger.log.note import Verifier, split_note
from ledger.log.policy import Policy, Witnessed
from ledger.log.tree import leaf_hash, node_hash, verify_inclusion
from ledger.meter_keys import bound, may_sign
from ledger.primitives.signing import key_id_of
from ledger.records import Kind, Transfer, salted_leaf
from ledger.records import record as transfer_record
from ledger.statements import Statement
from meters.batches import reading_record
from settlement.audit.receipt import Receipt, leaf_of
from settlement.errors import UnsoundError
from settlement.postings import Line, balance_record, line_record, transfer_id


@dataclass(frozen=True)
class Trust:
    """What the reader of a receipt knows from elsewhere.

    Attributes:
        verifier: the log's key, as the group published it.
        policy: which logs count, and which witnesses; either may be left out.
    """

    verifier: Verifier | None = None
    policy: Policy | None = None

    def verifiers(self, origin: str) -> list[Verifier]:
        """Return the keys that count for a log.

        Raises:
            InputError: neither a key nor a policy was given.
            LogError: none is of this log.
        """
        if self.verifier is None and self.policy is None:
            raise InputError("Say which log it is: its key, or a policy file with its key.")
        known = [log.verifier for log in self.policy.logs] if self.policy else []
        if self.verifier is not None:
            known = [self.verifier] if self.policy is None or self.verifier in known else []
        found = [verifier for verifier in known if verifier.name == origin]
        if not found:
            raise LogError(f"the checkpoint is of {origin}, not of the log whose key you gave")
        return found


ROLES = {**SIGNER_ROLES, "reading_batch": "adapter"}
"""Roles of the roster whose keys sign kinds that are not the operators'."""

METER_KEY = "meter"
"""Instead of a role: the key is bound to the meter."""


@dataclass(frozen=True)
class Signer:
    """A key whose signature on the statement holds, and its role in the roster, if it has one."""

    key: bytes
    role: str | None = None


@dataclass(frozen=True)
class Finding:
    """What a receipt proves.

    Attributes:
        receipt: the receipt.
        checkpoint: the signed head that the proof leads to.
        signers: keys whose signatures hold.
        unchecked: key ids of further signatures on the statement.
        witnessed: what the policy says, or None without one.
        strange_lines: signature lines of the checkpoint's note that no given key made.
        transfers: of a settlement: the member's own.
    """

    receipt: Receipt
    checkpoint: Checkpoint
    signers: tuple[Signer, ...]
    unchecked: tuple[str, ...]
    witnessed: Witnessed | None
    strange_lines: int
    transfers: tuple[Transfer, ...] = ()
    members: frozenset[str] = field(default_factory=frozenset)

    @property
    def statement(self) -> Statement:
        """The statement."""
        return self.receipt.statement


def check_receipt(receipt: Receipt, trust: Trust, member: str | None = None) -> Finding:
    """Check a receipt.

    Args:
        receipt: as it was read.
        trust: the log's key, or a policy.
        member: a member's id that the receipt must be about; any if left out.

    Raises:
        UnsoundError: it proves nothing; says why.
        InputError: neither a key nor a policy was given.
    """
    if trust.verifier is None and trust.policy is None:
        trust.verifiers("")
    try:
        return _check(receipt, trust, member)
    except UnsoundError:
        raise
    except CommonwattError as error:
        raise UnsoundError(str(error)) from error


def _check(receipt: Receipt, trust: Trust, member: str | None) -> Finding:
    verifier, checkpoint, witnessed = _open(receipt.proof.checkpoint, trust)
    proof, statement = receipt.proof, receipt.statement
    verify_inclusion(
        proof.index, checkpoint.size, leaf_hash(receipt.leaf), proof.hashes, checkpoint.root
    )
    if statement.body["ledger"] != checkpoint.origin:
        raise UnsoundError(f"the statement is for {statement.body['ledger']}, another ledger")
    if (statement.account == COMMUNITY) != (statement.kind in COMMUNITY_KINDS):
        raise UnsoundError(f"{a_kind(statement.kind)} is not for {statement.account}")
    if receipt.roster is None:
        signers = _signed_by_shown_keys(receipt)
    else:
        _check_roster(receipt, receipt.roster, checkpoint, verifier)
        if receipt.binding is None:
            signers = _signed_by_roster(receipt, receipt.roster)
        else:
            signers = _signed_by_bound(receipt, receipt.binding, receipt.roster, checkpoint)
    transfers = tuple(_check_line(receipt))
    members = frozenset(_members(receipt, transfers))
    if member is not None and member not in members:
        raise UnsoundError(f"the receipt does not name the member {member}")
    counted = {key_id_of(signer.key) for signer in signers}
    note = split_note(proof.checkpoint)
    known = 1 + (len(witnessed.times_s) if witnessed else 0)
    return Finding(
        receipt,
        checkpoint,
        signers,
        tuple(k for k, _ in statement.envelope.signatures if k not in counted),
        witnessed,
        max(0, len(note.signatures) - known),
        transfers,
        members,
    )


def _open(note: bytes, trust: Trust) -> tuple[Verifier, Checkpoint, Witnessed | None]:
    """Open the checkpoint with the given key, and with the policy's quorum if there is one."""
    origin = split_note(note).text.partition("\n")[0]
    reason = LogError("no key that you gave signed the checkpoint")
    for verifier in trust.verifiers(origin):
        try:
            checkpoint = open_checkpoint(note, verifier)
        except LogError as error:
            reason = error
            continue
        if trust.policy is None:
            return verifier, checkpoint, None
        witnessed = trust.policy.open(note)
        if not witnessed.quorum_met:
            raise UnsoundError(
                "too few of the policy's witnesses cosigned the checkpoint: "
                + (", ".join(witnessed.times_s) or "none")
            )
        return verifier, checkpoint, witnessed
    raise reason


# Signatures.


def _check_roster(
    receipt: Receipt, roster: Statement, checkpoint: Checkpoint, verifier: Verifier
) -> None:
    """Check that the roster stands before the statement in the same log, of the same log key."""
    shown = receipt.fields["roster"]
    path = [bytes.fromhex(value) for value in shown["path"]]
    leaf = leaf_hash(leaf_of(roster, shown))
    verify_inclusion(shown["index"], checkpoint.size, leaf, path, checkpoint.root)
    # Operators bound a meter's own key: theirs is the roster that is shown.
    binding = receipt.fields.get("binding")
    index, logged = receipt.proof.index, receipt.fields["logged"]
    if binding is not None:
        index, logged = binding["index"], binding["logged"]
    if shown["index"] >= index:
        raise UnsoundError("the roster stands after the statement")
    if roster.body["ledger"] != checkpoint.origin or roster.account != COMMUNITY:
        raise UnsoundError("the roster is of another ledger")
    if bytes.fromhex(roster.body["log_key"]) != verifier.public_key:
        raise UnsoundError("the roster names another key of the log")
    expires = roster.body.get("expires")
    if expires is not None and logged >= expires:
        raise UnsoundError("the roster had expired when the statement was logged")
    if len(_holding(roster, roster, "operator")) < roster.body["threshold"]:
        raise UnsoundError("too few of the roster's own operators signed it")


def _signed_by_roster(receipt: Receipt, roster: Statement) -> tuple[Signer, ...]:
    statement = receipt.statement
    operators = statement.kind in OPERATOR_KINDS
    role = "operator" if operators else ROLES[statement.kind]
    needed = roster.body["threshold"] if operators else 1
    keys = _holding(statement, roster, role)
    _check_first(statement, keys)
    if len(keys) < needed:
        raise UnsoundError(f"{needed} of the roster's {role} keys must sign, {len(keys)} did")
    return tuple(Signer(key, role) for key in keys)


def _signed_by_bound(
    receipt: Receipt, binding: Statement, roster: Statement, checkpoint: Checkpoint
) -> tuple[Signer, ...]:
    """Check that operators bound a key to the meter and the half-hours, and that it signed.

    Whether they revoked it later, a receipt does not show.
    """
    shown, body = receipt.fields["binding"], receipt.statement.body
    path = [bytes.fromhex(value) for value in shown["path"]]
    leaf = leaf_hash(leaf_of(binding, shown, bytes.fromhex(shown["salt"])))
    verify_inclusion(shown["index"], checkpoint.size, leaf, path, checkpoint.root)
    if shown["index"] >= receipt.proof.index:
        raise UnsoundError("the key was bound after the statement")
    if binding.kind != "meter_key" or binding.body["ledger"] != checkpoint.origin:
        raise UnsoundError("what is shown binds no key of this ledger")
    if len(_holding(binding, roster, "operator")) < roster.body["threshold"]:
        raise UnsoundError("too few of the roster's operators bound the key")
    keys = may_sign({binding.body["meter"]: bound({}, binding.body)}, body)
    signed = [keys[index] for index in receipt.statement.envelope.verified_by(keys)]
    if not signed:
        raise UnsoundError("the key that is bound did not sign, or is not bound to this")
    _check_first(receipt.statement, signed)
    return tuple(Signer(key, METER_KEY) for key in signed)


def _holding(statement: Statement, roster: Statement, role: str) -> list[bytes]:
    """Return the roster's keys of a role whose signatures on a statement hold."""
    entries = roster.body["keys"]
    keys = list(dict.fromkeys(bytes.fromhex(e["key"]) for e in entries if e["role"] == role))
    return [keys[index] for index in statement.envelope.verified_by(keys)]


def _signed_by_shown_keys(receipt: Receipt) -> tuple[Signer, ...]:
    """Return the keys in the receipt, having checked that each of them signed."""
    keys = [bytes.fromhex(key) for key in receipt.fields["keys"]]
    if len(set(keys)) != len(keys):
        raise UnsoundError("the receipt shows a key twice")
    if len(receipt.statement.envelope.verified_by(keys)) != len(keys):
        raise UnsoundError("a signature on the statement does not hold for the key that is shown")
    _check_first(receipt.statement, keys)
    return tuple(map(Signer, keys))


def _check_first(statement: Statement, keys: list[bytes]) -> None:
    if statement.key_id not in map(key_id_of, keys):
        raise UnsoundError("the statement's first signature is by none of the keys that are shown")


# The line.


def _check_line(receipt: Receipt) -> Iterator[Transfer]:
    """Check what the receipt shows of the tree under the statement; yield its transfers."""
    fields, body = receipt.fields, receipt.statement.body
    if "reading" in fields:
        shown = fields["reading"]
        content = reading_record(shown["period"], shown["wh"], shown["quality"])
        _check_path(shown, shown["period"] - body["first"], body, content)
    if "balance" in fields:
        _check_balance(fields["balance"], bytes.fromhex(body["balances"]))
    if "line" in fields:
        _check_worked_out(receipt)
    last = -1
    for shown in fields.get("lines", ()):
        if shown["index"] <= last:
            raise UnsoundError("the lines are not in order, or one is shown twice")
        last = shown["index"]
        transfer = _transfer(receipt.statement, shown)
        _check_path(shown, shown["index"], body, transfer_record(transfer))
        yield transfer


def line_of(receipt: Receipt) -> Line:
    """Return the line that a receipt of a half-hour shows."""
    shown, period = receipt.fields["line"], receipt.statement.body["period"]
    counts = (shown[name] for name in Line._fields[2:])
    return Line(shown["member"], period, *counts)


def _check_worked_out(receipt: Receipt) -> None:
    """Check that a member's line stands under the root of a settlement's lines."""
    shown, body = receipt.fields["line"], receipt.statement.body
    bound = {"count": body["lines"], "root": body["lines_root"]}
    _check_path(shown, shown["index"], bound, line_record(line_of(receipt)))


def _transfer(statement: Statement, shown: Mapping[str, Any]) -> Transfer:
    original = shown.get("original")
    return Transfer(
        transfer_id(bytes.fromhex(statement.id), shown["index"]),
        Kind(shown["kind"]),
        shown["debit"],
        shown["credit"],
        shown["amount"],
        statement.body["period"],
        None if original is None else bytes.fromhex(original),
    )


def _check_path(
    shown: Mapping[str, Any], index: int, body: Mapping[str, Any], content: bytes
) -> None:
    """Check that a record stands at an index under the statement's ``root`` of ``count``."""
    leaf = salted_leaf(bytes.fromhex(shown["salt"]), content)
    path = [bytes.fromhex(value) for value in shown["path"]]
    try:
        verify_inclusion(index, body["count"], leaf, path, bytes.fromhex(body["root"]))
    except LogError as error:
        raise UnsoundError(f"the line is not one that the statement binds: {error}") from error


def _check_balance(shown: Mapping[str, Any], root: bytes) -> None:
    """Check that a balance stands under the seal's root.

    A seal does not say how many accounts there are, so the path says its sides itself.
    """
    content = balance_record(shown["account"], shown["posted"], shown["set_aside"])
    value = salted_leaf(bytes.fromhex(shown["salt"]), content)
    for step in shown["path"]:
        sibling = bytes.fromhex(step[1:])
        value = node_hash(sibling, value) if step[0] == "l" else node_hash(value, sibling)
    if value != root:
        raise UnsoundError("the balance is not one that the seal binds")


def _members(receipt: Receipt, transfers: tuple[Transfer, ...]) -> Iterator[str]:
    """Yield the members that the receipt names.

    Raises:
        UnsoundError: a settlement's lines are of two members.
    """
    statement, fields = receipt.statement, receipt.fields
    if statement.account != COMMUNITY:
        yield statement.account
    if statement.kind == "transfer":
        yield statement.body["to"]
    if "line" in fields:
        yield fields["line"]["member"]
    accounts = [fields["balance"]["account"]] if "balance" in fields else []
    accounts += [side for each in transfers for side in (each.debit, each.credit)]
    found = {name.split("/")[1] for name in accounts if name.startswith("member/")}
    if len(found) > 1:
        raise UnsoundError("the lines are of several members: a receipt is of one")
    yield from found
