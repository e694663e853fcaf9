"""Making receipts: one line of one member, with its way up to a signed checkpoint. Reads only.

The proof leads to the published checkpoint where it covers what is proved, with its
cosignatures; else to the database's own signed head. Every receipt is checked before it is
returned.

>>> payment_receipt.__name__, line_receipt.__name__
('payment_receipt', 'line_receipt')
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, select

from ledger import log_store
from ledger.accounts import meter_account, wallet
from ledger.errors import InputError, LogError
from ledger.keys import OPERATOR_KINDS
from ledger.kinds import a_kind
from ledger.log.checkpoint import open_checkpoint
from ledger.log.leaf import CLEAR_KINDS
from ledger.log.proof import LogProof
from ledger.log.tiles import prove_inclusion
from ledger.log.tree import inclusion_proof, inclusion_ranges, leaf_hash
from ledger.log_store import Entry
from ledger.primitives.canonical import decode
from ledger.primitives.periods import start_text
from ledger.primitives.signing import key_id_of
from ledger.records import Transfer, record, salt_of, salted_leaves
from ledger.statements import Statement
from ledger.tables import BatchRow
from meters.batches import BatchContent
from meters.readings import Channel
from settlement.audit.receipt import FIELDS, Receipt
from settlement.audit.receipt_check import Trust, check_receipt
from settlement.community import Community
from settlement.postings import run_id
from settlement.sealed_balances import sealed_balances
from settlement.statement_store import seals
from settlement.timetable import DETAIL_BYTES_MAX, RUN

_batches = BatchRow.__table__  # type: ignore[attr-defined]

PAYMENT_KINDS = tuple(
    kind for kind in FIELDS if kind == "transfer" or kind in OPERATOR_KINDS - {"reading_edit"}
)
"""Kinds of which a payment's receipt can be made."""


@dataclass(frozen=True)
class _Source:
    """What a receipt is made from: a community, a transaction, and a signed checkpoint."""

    community: Community
    connection: Connection
    folder: Path | None

    @property
    def number(self) -> int:
        return self.community.writer.community

    def entry(self, position: int) -> tuple[Entry, Statement]:
        """Return an entry that is in the log.

        Raises:
            InputError: there is no such entry.
            LogError: its fact was erased.
        """
        known = log_store.entries_at(self.connection, self.number, [position])
        if position not in known:
            raise InputError(f"There is no log entry {position}.")
        found = next(
            log_store.stored_facts(
                self.connection, self.number, kinds=[known[position][0]], first=position
            )
        )[2]
        if found is None:
            raise LogError(
                f"Log entry {position} was erased: that it is there can be proved, and no more. "
                "A receipt that was made before still holds."
            )
        return found, Statement.decode(found.envelope)

    def seed_of(self, position: int, entry: Entry) -> bytes:
        """Return the seed of the salts under an entry.

        Raises:
            LogError: the entry's detail was erased.
        """
        return bytes.fromhex(decode(_detail(position, entry), DETAIL_BYTES_MAX)["seed"])

    def finish(
        self, position: int, entry: Entry, fields: Mapping[str, Any], member: str | None
    ) -> Receipt:
        """Add what every receipt has, and check the whole of it.

        Raises:
            UnsoundError: the database does not hold what was signed.
        """
        whole = {**fields, "logged": entry.period}
        if entry.kind not in CLEAR_KINDS:
            whole["salt"] = entry.salt.hex()
        note, prove = self._head(position)
        binding_at = self._binding_of(position, Statement.decode(entry.envelope))
        if binding_at is not None:
            binding, _ = self.entry(binding_at)
            whole["binding"] = _shown(binding_at, binding, prove) | {"salt": binding.salt.hex()}
        signed_at = position if binding_at is None else binding_at
        roster_at = None if entry.kind == "transfer" else self._roster_before(signed_at)
        if roster_at is None:
            whole["keys"] = self._keys_of(Statement.decode(entry.envelope))
        else:
            roster, _ = self.entry(roster_at)
            whole["roster"] = _shown(roster_at, roster, prove)
        path = prove(position)
        receipt = Receipt.make(
            lambda extra: LogProof(position, path, note, extra), whole, entry.envelope
        )
        verifier = self.community.log_verifier(self.connection)
        check_receipt(Receipt.decode(receipt.encode()), Trust(verifier), member)
        return receipt

    def _binding_of(self, position: int, statement: Statement) -> int | None:
        """Return where the meter's own key was bound that signed a batch; None for the roster's."""
        if statement.kind != "reading_batch":
            return None
        found = None
        for at, entry in log_store.facts(self.connection, self.number, kinds=["meter_key"]):
            body = Statement.decode(entry.envelope).body
            same = body["meter"] == statement.body["meter"]
            if same and at < position and key_id_of(bytes.fromhex(body["key"])) == statement.key_id:
                found = at
        return found

    def _roster_before(self, position: int) -> int:
        rosters = log_store.facts(self.connection, self.number, kinds=["roster"])
        return max(at for at, _ in rosters if at < position)

    def _keys_of(self, statement: Statement) -> list[str]:
        """Return the member's keys that signed, in the order of the signatures."""
        known = {
            key_id_of(bytes.fromhex(key)): key
            for _, entry in log_store.facts(
                self.connection, self.number, kinds=["account_open", "key_change"]
            )
            for body in [Statement.decode(entry.envelope).body]
            if body["account"] == statement.account
            for key in body["keys"]
        }
        return [known[key_id] for key_id, _ in statement.envelope.signatures if key_id in known]

    def _head(self, position: int) -> tuple[bytes, Callable[[int], Sequence[bytes]]]:
        """Return the signed checkpoint to lead to, and what proves an entry in its tree.

        Raises:
            LogError: the published checkpoint does not hold, or the files are damaged.
        """
        verifier = self.community.log_verifier(self.connection)
        folder = self.folder
        if folder is not None and (folder / "checkpoint").exists():
            note = (folder / "checkpoint").read_bytes()
            try:
                size = open_checkpoint(note, verifier).size
            except LogError as error:
                raise LogError(
                    f"The published checkpoint in {folder} is not this log's: {error}."
                ) from error
            if size > position:
                return note, lambda index: prove_inclusion(
                    lambda path: (folder / path).read_bytes(), index, size
                )
        size, _, note = log_store.head(self.connection, self.number)
        leaves = log_store.leaves(self.connection, self.number, 0, size)
        hashes = [leaf_hash(leaf) for leaf in leaves]
        return note, lambda index: inclusion_proof(hashes, index)


def _shown(position: int, entry: Entry, prove: Callable[[int], Sequence[bytes]]) -> dict[str, Any]:
    """Return an entry with its own way up to the checkpoint."""
    return {
        "envelope": entry.envelope.decode("ascii"),
        "logged": entry.period,
        "index": position,
        "path": [value.hex() for value in prove(position)],
    }


def payment_receipt(
    community: Community,
    connection: Connection,
    member: str,
    payment: int | str,
    folder: Path | None = None,
) -> Receipt:
    """Make a receipt of a payment that a member made or got.

    Args:
        community: open for work.
        connection: an open transaction; `Community.reading` gives one.
        member: the member's id.
        payment: the statement's log position, or its id.
        folder: of the published log; the database's own head is used without one.

    Raises:
        InputError: there is no such payment, or it is none of the member's.
        LogError: it was erased.
    """
    source = _Source(community, connection, folder)
    position = payment
    if isinstance(position, str):
        found = log_store.has_statement(connection, source.number, position)
        if found is None:
            raise InputError(f"There is no statement {position}.")
        position = found
    entry, statement = source.entry(position)
    if entry.kind not in PAYMENT_KINDS:
        raise InputError(f"Log entry {position} is {a_kind(entry.kind)} and no payment.")
    if entry.kind in ("reversal", "correction"):
        original = community.writer.ledger.find(
            connection, bytes.fromhex(statement.body["original"])
        )
        sides = (original[0].debit, original[0].credit) if original else ()
        if not any(side.startswith(f"member/{member}/") for side in sides):
            raise InputError(f"Log entry {position} is about no payment of this member.")
        # The statement names the payment and not its members: the receipt of that one does.
        return source.finish(position, entry, {}, None)
    if member not in (statement.account, statement.body.get("to")):
        raise InputError(f"Log entry {position} is a payment of other members.")
    return source.finish(position, entry, {}, member)


def line_receipt(
    community: Community,
    connection: Connection,
    member: str,
    period: int,
    folder: Path | None = None,
) -> Receipt:
    """Make a receipt of all that a member's half-hour posted: their transfers and no others.

    Raises:
        InputError: the half-hour is not settled, or nothing was posted for the member.
        LogError: its detail was erased.
    """
    source = _Source(community, connection, folder)
    statement_id = run_id("settlement", community.writer.origin, RUN, period)
    position = log_store.has_statement(connection, source.number, statement_id)
    if position is None:
        raise InputError(f"The half-hour from {start_text(period)} is not settled yet.")
    entry, _ = source.entry(position)
    transfers = _transfers_of(source, statement_id)
    leaves = salted_leaves(
        seed := source.seed_of(position, entry), [record(transfer) for transfer in transfers]
    )
    mine = _accounts_of(community, member, period)
    lines = [
        _line(transfer, index, salt_of(seed, index), inclusion_proof(leaves, index))
        for index, transfer in enumerate(transfers)
        if transfer.debit in mine or transfer.credit in mine
    ]
    wallets = {wallet(member, community.state.rules_now.asset)}
    if not any({line["debit"], line["credit"]} & wallets for line in lines):
        raise InputError(
            f"In the half-hour from {start_text(period)} no money moved in this member's wallet. "
            "A reading can be proved alone."
        )
    return source.finish(position, entry, {"lines": lines}, member)


def reading_receipt(
    community: Community,
    connection: Connection,
    member: str,
    reading: tuple[str, Channel, int],
    folder: Path | None = None,
) -> Receipt:
    """Make a receipt of the reading that counts now: (meter, channel, half-hour).

    Raises:
        InputError: the meter is not the member's, or there is no such reading.
        LogError: its batch's detail was erased.
    """
    source, (meter, channel, period) = _Source(community, connection, folder), reading
    if community.state.member_of(meter, period) != member:
        raise InputError(f"The meter {meter} was not this member's at {start_text(period)}.")
    known = community.readings.known(connection, range(period, period + 1), meters=[meter])
    stored = known.get((meter, channel, period))
    if stored is None:
        _check_not_erased(source, reading)
        raise InputError(
            f"There is no {channel.value} reading of {meter} at {start_text(period)}. A reading "
            "that is missing counts as zero, and no meter signed it."
        )
    entry, statement = source.entry(stored.position)
    if statement.kind == "reading_edit":
        return source.finish(stored.position, entry, {}, member)
    first = statement.body["first"]
    content = BatchContent.decode(first, _detail(stored.position, entry))
    index = period - first
    path = inclusion_proof(salted_leaves(content.seed, content.records()), index)
    shown = {
        "period": period,
        "wh": content.wh[index],
        "quality": content.quality[index],
        "salt": salt_of(content.seed, index).hex(),
        "path": [value.hex() for value in path],
    }
    return source.finish(stored.position, entry, {"reading": shown}, member)


def balance_receipt(
    community: Community,
    connection: Connection,
    member: str,
    day: date,
    folder: Path | None = None,
) -> Receipt:
    """Make a receipt of a member's balance when a local day was sealed.

    Raises:
        InputError: the day is not sealed, or the member was not there yet.
        LogError: the balances cannot be computed again: the database is damaged.
    """
    source = _Source(community, connection, folder)
    found = seals(connection, source.number, day.isoformat(), day.isoformat())
    if not found:
        raise InputError(f"The day {day} is not settled and sealed yet.")
    position = found[-1].position
    entry, statement = source.entry(position)
    seed, account = source.seed_of(position, entry), wallet(member, community.state.rules_now.asset)
    balances, leaves = sealed_balances(
        connection, community.writer.ledger, position, seed, statement.body["balances"]
    )
    if account not in balances:
        raise InputError(f"This member had no account yet when {day} was sealed.")
    index = list(balances).index(account)
    sides = ["l" if end <= index else "r" for _, end in inclusion_ranges(index, len(leaves))]
    path = inclusion_proof(leaves, index)
    shown = {
        "account": account,
        "posted": balances[account].posted,
        "set_aside": balances[account].pending_out,
        "salt": salt_of(seed, index).hex(),
        "path": [side + value.hex() for side, value in zip(sides, path, strict=True)],
    }
    return source.finish(position, entry, {"balance": shown}, member)


def _check_not_erased(source: _Source, reading: tuple[str, Channel, int]) -> None:
    """Check that no batch with this reading had its detail erased.

    Raises:
        LogError: one had.
    """
    meter, channel, period = reading
    erased = log_store.erased(source.connection, source.number)
    for position, what in sorted(erased):
        if what != "detail" or (position, "fact") in erased:
            continue
        entry, statement = source.entry(position)
        body = statement.body
        if (
            statement.kind == "reading_batch"
            and (body["meter"], body["channel"]) == (meter, channel.value)
            and body["first"] <= period < body["first"] + body["count"]
        ):
            _detail(position, entry)


def _detail(position: int, entry: Entry) -> bytes:
    if entry.detail is None:
        raise LogError(
            f"The detail of log entry {position} was erased: its lines cannot be proved any more. "
            "A receipt that was made before still holds."
        )
    return entry.detail


def _transfers_of(source: _Source, statement_id: str) -> list[Transfer]:
    """Return what a statement posted, in order."""
    row = source.connection.execute(
        select(_batches.c.first, _batches.c.count.label("length")).where(
            _batches.c.community == source.number, _batches.c.id == bytes.fromhex(statement_id)
        )
    ).one_or_none()
    if row is None or not row.length:
        return []
    ledger, first = source.community.writer.ledger, row.first
    stored = ledger.transfers(source.connection, first, first + row.length - 1)
    return [transfer for transfer, _ in stored]


def _accounts_of(community: Community, member: str, period: int) -> set[str]:
    """Return a member's wallet and the channels of the meters that were theirs."""
    state = community.state
    mine = {
        meter_account(meter, channel)
        for meter in state.meters
        if state.member_of(meter, period) == member
        for channel in Channel
    }
    return mine | {wallet(member, state.rules_now.asset)}


def _line(transfer: Transfer, index: int, salt: bytes, path: Sequence[bytes]) -> dict[str, Any]:
    line = {
        "index": index,
        "kind": int(transfer.kind),
        "debit": transfer.debit,
        "credit": transfer.credit,
        "amount": transfer.amount,
        "salt": salt.hex(),
        "path": [value.hex() for value in path],
    }
    if transfer.original is not None:
        line["original"] = transfer.original.hex()
    return line
