"""Requests to be paid in the database: which are open, and which log entry answered one.

An answer is a row of a table that is only added to, with one row a request: so two processes that
both read an open request can never both answer it.

>>> Listed.__slots__[:2]
('ask', 'reference')
"""

from dataclasses import dataclass

from sqlalchemy import Connection, insert, select
from sqlalchemy.exc import IntegrityError

from ledger.errors import RefusedError
from ledger.primitives.words import shown
from ledger.statements import Statement
from ledger.tables import FactRow, StatementRow
from settlement.asks import Ask, Gone, ask_of_body
from settlement.tables import AskAnswerRow

_statements, _facts = StatementRow.__table__, FactRow.__table__  # type: ignore[attr-defined]
_answers = AskAnswerRow.__table__  # type: ignore[attr-defined]

_ASKS = (
    select(
        *(_statements.c.position, _statements.c.period, _facts.c.envelope),
        _answers.c.position.label("answered"),
    )
    .outerjoin(
        _facts,
        (_facts.c.community == _statements.c.community)
        & (_facts.c.position == _statements.c.position),
    )
    .outerjoin(
        _answers,
        (_answers.c.community == _statements.c.community) & (_answers.c.ask == _statements.c.id),
    )
    .where(_statements.c.kind == "ask")
)


@dataclass(frozen=True, slots=True)
class Listed:
    """An open request, as people see it.

    Attributes:
        ask: what is asked for.
        reference: what for, in words.
        logged: the half-hour in which it was made.
    """

    ask: Ask
    reference: str
    logged: int


def find_ask(connection: Connection, community: int, ask_id: str) -> Ask | Gone:
    """Return the open request of an id, or why there is none."""
    row = connection.execute(
        _ASKS.where(_statements.c.community == community, _statements.c.id == ask_id)
    ).one_or_none()
    if row is None:
        return Gone.NONE
    if row.answered is not None:
        return Gone.ANSWERED
    if row.envelope is None:
        return Gone.ERASED
    return ask_of_body(Statement.decode(row.envelope).body, row.position)


def answer_ask(connection: Connection, community: int, ask_id: str, position: int) -> None:
    """Add which log entry answers a request.

    Raises:
        RefusedError: another one did. The caller's transaction must be rolled back.
    """
    row = {"community": community, "ask": ask_id, "position": position}
    try:
        connection.execute(insert(_answers).values(row))
    except IntegrityError as error:
        raise RefusedError(Gone.ANSWERED) from error


def open_asks(connection: Connection, community: int, period: int) -> list[Listed]:
    """Return the requests that stand in a half-hour, in the log's order; erased ones are left out."""
    rows = connection.execute(
        _ASKS.where(_statements.c.community == community)
        .where(_answers.c.position.is_(None), _facts.c.envelope.is_not(None))
        .order_by(_statements.c.position)
    )
    found = []
    for row in rows:
        body = Statement.decode(row.envelope).body
        if body["last"] >= period:
            listed = Listed(ask_of_body(body, row.position), shown(body["reference"]), row.period)
            found.append(listed)
    return found
