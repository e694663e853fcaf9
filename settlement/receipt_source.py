"""What receipts are made from: entries of the log, the keys that signed them, and a signed head.

>>> Source.__name__
'Source'
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import Connection

from ledger import log_store
from ledger.errors import InputError, LogError
from ledger.log.checkpoint import open_checkpoint
from ledger.log.leaf import CLEAR_KINDS
from ledger.log.proof import LogProof
from ledger.log.tiles import prove_inclusion
from ledger.log.tree import inclusion_proof, leaf_hash
from ledger.log_store import Entry
from ledger.primitives.canonical import decode
from ledger.primitives.signing import key_id_of
from ledger.statements import Statement
from settlement.audit.receipt import Receipt
from settlement.audit.receipt_check import Trust, check_receipt
from settlement.community import Community
from settlement.timetable import DETAIL_BYTES_MAX


@dataclass(frozen=True)
class Source:
    """What a receipt is made from: a community, a transaction, and a signed checkpoint."""

    community: Community
    connection: Connection
    folder: Path | None

    @property
    def number(self) -> int:
        """The community's number."""
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
        return bytes.fromhex(decode(detail_of(position, entry), DETAIL_BYTES_MAX)["seed"])

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
        roster_at = (
            None if entry.kind in ("transfer", "donation") else self._roster_before(signed_at)
        )
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


def detail_of(position: int, entry: Entry) -> bytes:
    """Return an entry's detail.

    Raises:
        LogError: it was erased.
    """
    if entry.detail is None:
        raise LogError(
            f"The detail of log entry {position} was erased: its lines cannot be proved any more. "
            "A receipt that was made before still holds."
        )
    return entry.detail
