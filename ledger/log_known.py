"""What the log knows of statements already: the very same, or others of the same id or number.

>>> Found
int | ledger.errors.ConflictError | ledger.errors.RefusedError | None
"""

from collections.abc import Sequence

from sqlalchemy import Connection, select

from ledger import bulk
from ledger.errors import CommonwattError, ConflictError, RefusedError
from ledger.keys import SEQ_JUMP_MAX, SEQ_WINDOW
from ledger.statements import Statement
from ledger.tables import StatementRow

_statements = StatementRow.__table__  # type: ignore[attr-defined]

Found = int | ConflictError | RefusedError | None
"""Where a statement was logged, why it cannot be, or None: it is new."""


def find_statement(connection: Connection, community: int, statement: Statement) -> int | None:
    """Return the position at which this very statement was logged, or None.

    Raises:
        ConflictError: its id or its key's ``seq`` came before with another body.
        RefusedError: its ``seq`` lies too far behind the key's highest.
    """
    return find_statements(connection, community, [statement])[0]


def find_statements(
    connection: Connection, community: int, statements: Sequence[Statement]
) -> list[int | None]:
    """Return the position at which each very statement was logged, or None.

    Raises:
        ConflictError: an id or a key's ``seq`` came before with another body.
        RefusedError: a ``seq`` lies too far behind its key's highest.
    """
    found: list[int | None] = []
    for answer in look_up(connection, community, statements):
        if isinstance(answer, CommonwattError):
            raise answer
        found.append(answer)
    return found


def look_up(connection: Connection, community: int, statements: Sequence[Statement]) -> list[Found]:
    """Return of each statement where it was logged, None if it is new, or why it cannot be."""
    reads = bulk.Reads(connection)
    ids = [statement.id for statement in statements]
    rows = reads.select_in(
        "SELECT id, position, tx_id FROM statement", "id", community, ids, kind="text"
    )
    mark = bulk.mark(reads.dialect)
    highest_of = {
        signer: reads.query(
            f"SELECT max(seq) FROM statement WHERE community = {community:d} AND signer = {mark}",
            (signer,),
        )
        for signer in {statement.key_id for statement in statements}
    }
    reads.run()
    known = {row[0]: (row[1], bytes(row[2])) for row in rows}
    found: list[Found] = []
    new: dict[str, list[int]] = {}
    for place, statement in enumerate(statements):
        position, tx_id = known.get(statement.id, (None, b""))
        if position is None:
            new.setdefault(statement.key_id, []).append(place)
        elif tx_id != bytes.fromhex(statement.tx_id):
            came = f"The id {statement.id} came before with another body."
            found.append(ConflictError(came, "id"))
            continue
        found.append(position)
    for signer, places in new.items():
        [[highest]] = highest_of[signer]
        seqs = [statements[place].body["seq"] for place in places]
        used = _used_seqs(connection, community, signer, seqs, highest or 0)
        for place, seq in zip(places, seqs, strict=True):
            found[place] = _seq_error(seq, used, highest or 0)
    return found


def _used_seqs(
    connection: Connection, community: int, signer: str, seqs: Sequence[int], highest: int
) -> set[int]:
    """Return those of some numbers that a key has used."""
    # Nearly always all of them are new: above the highest.
    below = [seq for seq in seqs if seq <= highest]
    if not below:
        return set()
    mine = (_statements.c.community == community) & (_statements.c.signer == signer)
    return set(
        connection.scalars(select(_statements.c.seq).where(mine, _statements.c.seq.in_(below)))
    )


def _seq_error(seq: int, used: set[int], highest: int) -> ConflictError | RefusedError | None:
    """Return why a key's number cannot be taken, if it cannot: used, or too far from its highest."""
    if seq in used:
        return ConflictError(f"This key signed another statement with seq {seq}.", "seq")
    if seq <= highest - SEQ_WINDOW:
        return RefusedError(
            f"seq {seq} is more than {SEQ_WINDOW} behind this key's highest, {highest}."
        )
    if seq > highest + SEQ_JUMP_MAX:
        return RefusedError(f"seq {seq} is too far above this key's highest, {highest}.")
    return None


def where_logged(
    connection: Connection, community: int, statement_id: str
) -> tuple[int, str, str] | None:
    """Return (position, kind, tx id) of the statement with an id, whether its fact is there or erased."""
    row = connection.execute(
        select(_statements.c.position, _statements.c.kind, _statements.c.tx_id).where(
            _statements.c.community == community, _statements.c.id == statement_id
        )
    ).one_or_none()
    return None if row is None else (row.position, row.kind, row.tx_id.hex())
