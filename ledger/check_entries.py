"""The log in the database, whole: every entry, what is said of it, and the head over all.

What a statement's row says (kind, half-hour, signer, hash) must follow from its leaf and its signed
bytes, or an owner could hide one behind another kind. Limits must be those that were signed.
Signatures and readings are for ``commonwatt audit``.

>>> limits_of("pool/street WH/0", {})
[(None, 0, None)]
"""

import base64
import re
from typing import Any

from ledger.check_columns import BrokenError, Ledger
from ledger.erasure import FACT, erased_by
from ledger.errors import CommonwattError
from ledger.kinds import a_kind
from ledger.log.leaf import Leaf
from ledger.log.tree import Frontier, leaf_hash
from ledger.log_store import Entry
from ledger.statements import Statement

ROWS_AT_ONCE = 5_000

_WALLET = re.compile(r"member/([0-9a-f]{32})/wallet .*")


def check_entries(ledger: Ledger) -> None:
    """Compare every log entry with what the database says of it, and with the head.

    Raises:
        BrokenError: the first entry that does not agree.
    """
    head = ledger.rows(
        f"SELECT size, frontier, note FROM log_head WHERE community = {ledger.community:d}"
    )
    if not head:
        raise BrokenError("the log has no head.")
    size, frontier_bytes, note = head[0]
    frontier, signed = Frontier(), dict[str, list[Limit]]()
    erased = erased_entries(ledger)
    for position in range(0, max(size, 1), ROWS_AT_ONCE):
        for row in _rows(ledger, position, position + ROWS_AT_ONCE):
            if row[0] != frontier.size:
                raise BrokenError(f"log entry {frontier.size} is gone, or its statement is.")
            frontier.append(leaf_hash(bytes(row[5] or b"")))
            statement = _checked(row, erased)
            if statement is None:
                continue
            body = statement.body
            if statement.kind == "account_open":
                signed[statement.account] = [(None, body["floor_units"], None)]
            elif statement.kind == "limit":
                limit = row[0], body["floor_units"], body.get("ceiling_units")
                signed.setdefault(statement.account, []).append(limit)
    beyond = ledger.rows(
        f"SELECT position FROM log_entry WHERE community = {ledger.community:d}"
        f" AND (position < 0 OR position >= {size:d}) UNION ALL SELECT position FROM statement"
        f" WHERE community = {ledger.community:d} AND (position < 0 OR position >= {size:d})"
    )
    if frontier.size != size or beyond:
        raise BrokenError(f"the log's head says {size} entries, and there are others.")
    root = base64.b64encode(frontier.root()).decode()
    if frontier.to_bytes() != bytes(frontier_bytes) or root not in bytes(note).decode().split("\n"):
        raise BrokenError("the log's entries are not those that its head signs.")
    _check_limits(ledger, signed)


def _rows(ledger: Ledger, first: int, end: int) -> list[tuple[Any, ...]]:
    return ledger.rows(
        "SELECT statement.position, statement.id, statement.kind, statement.period, signer, leaf,"
        " salt, envelope, tx_id, seq FROM statement"
        " LEFT JOIN log_entry ON log_entry.community = statement.community"
        " AND log_entry.position = statement.position"
        " LEFT JOIN fact ON fact.community = statement.community"
        " AND fact.position = statement.position"
        f" WHERE statement.community = {ledger.community:d}"
        f" AND statement.position >= {first:d} AND statement.position < {end:d}"
        " ORDER BY statement.position"
    )


def erased_entries(ledger: Ledger) -> set[tuple[int, str]]:
    """Return (log position, what) of all that logged erasures name.

    That they were rightly logged is for the audit; here only what is gone must be named.
    """
    rows = ledger.rows(
        "SELECT envelope FROM statement JOIN fact ON fact.community = statement.community"
        " AND fact.position = statement.position WHERE kind = 'erasure'"
        f" AND statement.community = {ledger.community:d}"
    )
    try:
        return erased_by(Statement.decode(bytes(envelope)).body for (envelope,) in rows)
    except CommonwattError as error:
        raise BrokenError(f"an erasure cannot be read ({error}).") from error


def _checked(row: tuple[Any, ...], erased: set[tuple[int, str]]) -> Statement | None:
    """Return an entry's statement, if all that is said of it follows from it; None if erased."""
    position, statement_id, kind, period, signer, leaf, salt, envelope, tx_id, seq = row
    if leaf is None:
        raise BrokenError(f"log entry {position} is gone.")
    if envelope is None:
        if (position, FACT) in erased:
            return None
        raise BrokenError(
            f"the signed {kind} of log entry {position} is gone, and no erasure names it."
        )
    try:
        public = Leaf.decode(bytes(leaf))
        statement = Statement.decode(bytes(envelope))
    except CommonwattError as error:
        raise BrokenError(f"log entry {position} cannot be read ({error}).") from error
    entry = Entry(statement.kind, public.period, bytes(envelope), bytes(salt))
    if entry.leaf != bytes(leaf):
        raise BrokenError(f"the stored statement of log entry {position} is not the one logged.")
    said = (statement_id, kind, period, signer, bytes(tx_id).hex(), seq)
    follows = (
        *(statement.id, public.kind, public.period, statement.key_id, statement.tx_id),
        statement.body["seq"],
    )
    if said != follows:
        raise BrokenError(
            f"what the database says of log entry {position}, {a_kind(public.kind)}, is not what was "
            "signed and logged."
        )
    return statement


Limit = tuple[int | None, int | None, int | None]
"""Log position of the statement that changed it (none for the opening), floor and ceiling."""


def limits_of(account: str, signed: dict[str, list[Limit]]) -> list[Limit]:
    """Return the limits that were signed for an account, in order."""
    if account.startswith(("pool/", "community/vouchers ")):
        return [(None, 0, None)]
    member = _WALLET.fullmatch(account)
    return [] if member is None else signed.get(member[1], [])


def _check_limits(ledger: Ledger, signed: dict[str, list[Limit]]) -> None:
    """The limits of every account are those that were signed, one after the other."""
    given: dict[int, list[Limit]] = {}
    rows = ledger.rows(
        "SELECT account, position, floor, ceiling FROM limit_change"
        f" WHERE community = {ledger.community:d} ORDER BY number"
    )
    for account, *limit in rows:
        given.setdefault(account, []).append(tuple(limit))
        wanted = limits_of(ledger.name(account), signed)
        count = len(given[account])
        if given[account] != wanted[:count]:
            raise BrokenError(
                f"a limit of {ledger.name(account)} was changed, and no statement says so."
            )
    for account, name in enumerate(ledger.names):
        missing = account and len(given.get(account, [])) < len(limits_of(name, signed))
        if missing:
            raise BrokenError(f"{name} has no limit, and one was signed.")
