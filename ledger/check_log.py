"""Batches against the signed statements that caused them.

Statements that move something and batches follow each other in the same order, one for one, so
that neither can be missing; at the end the log itself is read whole (`ledger.check_entries`). Only
this notices an owner who changed transfers and everything that follows from them. Who signed is for
``commonwatt audit``.

>>> Log.name
'log'
"""

import re
from collections.abc import Mapping
from functools import cached_property
from itertools import pairwise
from typing import Any

import numpy as np

from ledger import bulk
from ledger.check_columns import BrokenError, Chunk, Ledger, half_hour
from ledger.check_entries import check_entries, erased_entries
from ledger.erasure import DETAIL
from ledger.errors import CommonwattError
from ledger.kinds import a_kind
from ledger.log_store import Entry
from ledger.primitives.hashing import tagged_hash
from ledger.primitives.ids import ID_BYTES
from ledger.records import Kind, salted_root
from ledger.statements import Statement
from ledger.voucher_keys import VOUCHER_KINDS

SINGLE = {
    **dict.fromkeys(VOUCHER_KINDS, Kind.POST),
    "transfer": Kind.POST,
    "issue": Kind.POST,
    "redeem": Kind.POST,
    "reversal": Kind.REVERSE,
    "correction": Kind.CORRECT,
    "donation": Kind.POST,
    "grant": Kind.POST,
    "standing_payment": Kind.POST,
}
"""Kinds that make one transfer, and that transfer's kind."""

ROOTED = ("hold", "opening", "settlement", "netting")
"""Kinds whose body carries the count and root of their batch, and whose detail has the seed."""

CAUSES = (*ROOTED, *SINGLE)
"""Kinds of statements that move something: each has one batch."""

# The keys of canonical JSON are sorted, and the seed's comes last. A wrong one gives another root.
_SEED = re.compile(rb'"seed":"([0-9a-f]{64})"\}$')


class Log:
    """Each batch is what its statement says, and each statement that moves something has one."""

    name = "log"

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self.count = self.erased = 0
        self._position = -1
        self._vouchers: dict[str, int] = {}

    def chunk(self, chunk: Chunk) -> None:
        """Check some batches."""
        causes = np.flatnonzero(~chunk.found["expiries"])
        if not len(causes):
            return
        rows = self._statements(int(chunk.batches["position"][causes[-1]]))
        for at, index in enumerate(causes.tolist()):
            position = int(chunk.batches["position"][index])
            row = rows[at] if at < len(rows) else None
            if row is None or row[0] > position:
                raise BrokenError(
                    f"{chunk.say_batch(index)} has log position {position}, where no statement "
                    "stands that moves anything and has no batch yet."
                )
            if row[0] < position:
                raise BrokenError(_no_batch(row))
            self._compare(chunk, index, row)
        self._position = int(chunk.batches["position"][causes[-1]])
        self.count += len(causes)

    def _statements(self, last: int | None) -> list[tuple[Any, ...]]:
        """Return the statements that move something, with their facts, after those before."""
        until = "" if last is None else f" AND statement.position <= {last:d}"
        return self._ledger.rows(
            "SELECT statement.position, statement.id, statement.kind, statement.period,"  # noqa: S608 - our own words
            " statement.recorded_at, leaf, salt, envelope, detail FROM statement"
            " LEFT JOIN log_entry ON log_entry.community = statement.community"
            " AND log_entry.position = statement.position"
            " LEFT JOIN fact ON fact.community = statement.community"
            " AND fact.position = statement.position"
            f" WHERE statement.community = {self._ledger.community:d} AND kind IN {CAUSES}"
            f" AND statement.position > {self._position:d}{until} ORDER BY statement.position"
        )

    @cached_property
    def _erased_entries(self) -> set[tuple[int, str]]:
        return erased_entries(self._ledger)

    def _compare(self, chunk: Chunk, index: int, row: tuple[Any, ...]) -> None:
        position, statement_id, kind, period, recorded_ms, leaf, salt, envelope, detail = row
        batches = chunk.batches
        named = f"{chunk.say_batch(index)} and the {kind} statement at log position {position}"
        if statement_id != bytes(batches["id"][index]).hex():
            raise BrokenError(f"{named} have different ids; the statement's is {statement_id}.")
        earlier = int(batches["period"][index - 1]) if index else chunk.before["period"]
        if int(batches["period"][index]) != max(period, earlier):
            raise BrokenError(
                f"{named} do not agree on the half-hour; logged in {half_hour(period)}."
            )
        if int(batches["recorded_at"][index]) < recorded_ms:
            raise BrokenError(
                f"{named} do not agree on the time; it was logged at {recorded_ms} ms."
            )
        if envelope is None:
            self.erased += 1
            return
        entry = Entry(kind, period, bytes(envelope), bytes(salt))
        if leaf is None or entry.leaf != bytes(leaf):
            raise BrokenError(
                f"{named}: the stored statement is not the one that the log commits to."
            )
        try:
            statement = Statement.decode(entry.envelope)
        except CommonwattError as error:
            raise BrokenError(f"{named}: the statement cannot be read ({error}).") from error
        if (statement.kind, statement.id) != (kind, statement_id):
            raise BrokenError(f"{named}: the statement is another one, {statement.id}.")
        if kind in SINGLE:
            wrong = self._wrong_single(chunk, index, statement, period)
        else:
            wrong = self._wrong_root(chunk, index, statement, bytes(detail or b""), position)
        if wrong:
            raise BrokenError(f"{named} do not agree: {wrong}.")

    def _wrong_root(
        self, chunk: Chunk, index: int, statement: Statement, detail: bytes, position: int
    ) -> str | None:
        count, wanted = int(chunk.batches["count"][index]), statement.body["count"]
        if count != wanted:
            return f"it has {count} transfers, {wanted} were signed"
        seed = _SEED.search(detail[-128:])
        if not detail and (position, DETAIL) in self._erased_entries:
            self.erased += 1
            return None
        if seed is None:
            return "the statement's detail has no seed"
        data, begins = chunk.found["records"]
        first = int(chunk.begins[index])
        edges = begins[first : first + count + 1].tolist()
        records = [bytes(data[one:end]) for one, end in pairwise(edges)]
        if salted_root(bytes.fromhex(seed[1].decode()), records).hex() != statement.body["root"]:
            number = int(chunk.batches["first"][index])
            return (
                f"its transfers, {number} to {number + count - 1}, are not those that were signed"
            )
        return None

    def _wrong_single(
        self, chunk: Chunk, index: int, statement: Statement, period: int
    ) -> str | None:
        if int(chunk.batches["count"][index]) != 1:
            return f"{a_kind(statement.kind)} is one transfer"
        row = int(chunk.begins[index])
        t = {name: column[row] for name, column in chunk.transfers.items()}
        name, batch_id = self._ledger.name, bytes.fromhex(statement.id)
        made_id = tagged_hash("commonwatt/id/transfer/v1", batch_id + bytes(4))[:ID_BYTES]
        body, original = statement.body, bytes(t["original"])
        if statement.kind == "standing_payment":
            body = {**self._order_of(body["order"]), **body}  # its amount, and who is paid
        payer, payee = self._ends(statement.kind, body)
        right = {
            "id": bytes(t["id"]) == made_id,
            "kind": t["kind"] == SINGLE[statement.kind],
            "amount": t["amount"] == body.get("amount", t["amount"]),
            "payer": name(int(t["debit"])).startswith(payer),
            "payee": name(int(t["credit"])).startswith(payee),
            "half-hour": t["effective"] == period,
            "original": original.hex() == body.get("original", bytes(ID_BYTES).hex()),
        }
        if statement.kind == "correction" and right["original"]:
            # Both directions are lawful; only one was signed.
            right["direction"] = body["back"] == (int(t["debit"]) != self._payer_of(original))
        if statement.kind in VOUCHER_KINDS:
            ends = name(int(t["debit"])), name(int(t["credit"]))
            right |= self._right_voucher(statement, int(t["amount"]), ends)
        wrong = [field for field, agrees in right.items() if not agrees]
        said = chunk.say(row, self._ledger)
        return f"{said}; other than was signed is its {' and '.join(wrong)}" if wrong else None

    def _ends(self, kind: str, body: Mapping[str, Any]) -> tuple[str, str]:
        """Return how the names of the two accounts must begin."""
        own = f"member/{body['account']}/wallet "
        if kind in ("transfer", "standing_payment"):
            return own, f"member/{body['to']}/wallet "
        if kind == "issue":
            return "issuer/reserve ", own
        return (own, "issuer/reserve ") if kind == "redeem" else ("", "")

    def _order_of(self, order_id: str) -> Mapping[str, Any]:
        """Return what a standing order says."""
        where, community = self._ledger.connection, self._ledger.community
        known = bulk.select_in(
            where,
            "SELECT position FROM statement WHERE kind = 'standing_order'",
            "id",
            community,
            [order_id],
            kind="text",
        )
        positions = [row[0] for row in known]
        facts = bulk.select_in(where, "SELECT envelope FROM fact", "position", community, positions)
        if not facts:
            raise BrokenError(f"The standing order {order_id} is not there, and was paid by.")
        return Statement.decode(bytes(facts[0][0])).body

    def _right_voucher(
        self, statement: Statement, amount: int, ends: tuple[str, str]
    ) -> dict[str, bool]:
        """Return what is as it should be: a voucher pays and gives back what was put into it."""
        makes = statement.kind == "voucher"
        named = statement.id if makes else statement.body["voucher"]
        if makes:
            self._vouchers[named] = statement.body["amount"]
        payer, payee = ends if makes else (ends[1], ends[0])
        own, pot = (
            payer.startswith(f"member/{statement.account}/wallet "),
            payee.startswith("community/vouchers "),
        )
        return {
            "amount": self._vouchers.get(named) == amount,
            "payer": own if makes else pot,
            "payee": pot if makes else own,
        }

    def _payer_of(self, transfer_id: bytes) -> int | None:
        """Return the number of the account that an original debited."""
        rows = bulk.select_in(
            self._ledger.connection,
            "SELECT debit FROM transfer",
            "id",
            self._ledger.community,
            [transfer_id],
            kind="bytea",
        )
        return rows[0][0] if rows else None

    def finish(self) -> None:
        """No statement that moves something is left without a batch, and the log is whole."""
        for row in self._statements(None)[:1]:
            raise BrokenError(_no_batch(row))
        check_entries(self._ledger)


def _no_batch(row: tuple[Any, ...]) -> str:
    return f"the {row[2]} statement {row[1]} at log position {row[0]} has no batch: its transfers are gone."
