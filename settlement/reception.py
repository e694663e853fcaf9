"""Signed statements from outside: many at once in one transaction, each answered for itself.

What one of them lacks is that one's answer, and the others are taken all the same. Payments and asks
of many callers are written together; whatever else comes is rare, and has a transaction of its own.

>>> TOGETHER
('transfer', 'donation', 'ask')
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection

from ledger import log_known
from ledger.batches import Batch, raise_refusal
from ledger.errors import CommonwattError, InputError, RefusedError
from ledger.kinds import a_kind
from ledger.primitives.periods import SECONDS
from ledger.statements import Statement, check_statement
from ledger.status import Status
from ledger.voucher_keys import VOUCHER_KINDS
from ledger.writer import Draft
from settlement.community import Community, Made
from settlement.errors import PayersOwnError
from settlement.state import CommunityState

TOGETHER = ("transfer", "donation", "ask")
"""Kinds that many people sign in the same second."""

FROM_OUTSIDE = (
    *TOGETHER,
    *(
        "account_open",
        "account_close",
        "key_change",
        "key_objection",
        "freeze",
        "consent",
        "offer",
        "mandate",
    ),
    *("mandate_revoke", "agreement", "agreement_end", "gift", "share", "dispute", "act_for"),
    *("issue", "redeem", "limit", "grant", "reversal", "correction", "ruling", "erasure"),
    *("rules", "roster", "meter_key", "reading_edit"),
    *("invitation", "invitation_end", "till_key", "voucher", "voucher_pay", "voucher_end"),
    *("ask_end", "spending_limit", "standing_order", "standing_end", "reserve_count"),
)
"""Kinds that people sign on their own devices. Readings have a door of their own; what a run signs comes
from no other place than this program, and openings bring a detail."""

NOT_ENOUGH = "There is not enough in the payer's wallet for this. Nothing was written."
NOT_ALLOWED = "The payer's own limits or debts do not allow this: their wallet says more. Nothing was written."
"""How much there is is not said: whoever hands a payment in may be the one who is paid."""


@dataclass(frozen=True, slots=True)
class Taken:
    """A statement that stands in the log.

    Attributes:
        statement: decoded.
        entry: its position in the log.
        repeated: it was there before.
    """

    statement: Statement
    entry: int
    repeated: bool = False


Answer = Taken | CommonwattError
"""What becomes of a statement; an error is an answer."""


def take(community: Community, envelopes: Sequence[bytes | Draft]) -> list[Answer]:
    """Log signed statements, do what they cause, and return what became of each, in order.

    Args:
        community: open for work.
        envelopes: as they came, or decoded already.
    """
    answers: dict[int, Answer] = {}
    together: dict[int, Draft] = {}
    for place, envelope in enumerate(envelopes):
        try:
            draft = _decoded(envelope)
        except CommonwattError as error:
            answers[place] = error
            continue
        if draft.decoded().kind in TOGETHER:
            together[place] = draft
        else:
            answers[place] = _alone(community, draft)
    while together:
        # Of several with one id, or one number of a key, one is taken and the others are compared with it.
        now, later = _apart(together, community.state)
        places = sorted(now)
        taken = _together(community, [now[place] for place in places])
        answers |= dict(zip(places, taken, strict=True))
        together = later
    return [_told_outside(answers[place]) for place in range(len(envelopes))]


def _told_outside(answer: Answer) -> Answer:
    return RefusedError(NOT_ALLOWED) if isinstance(answer, PayersOwnError) else answer


def _apart(
    drafts: Mapping[int, Draft], state: CommunityState
) -> tuple[dict[int, Draft], dict[int, Draft]]:
    """Return those of which none bears on a later one but by its money, and the others.

    Ids, numbers and requests to be paid are taken once, and what somebody may still spend depends on what
    they just spent.
    """
    first: dict[int, Draft] = {}
    others: dict[int, Draft] = {}
    seen: set[object] = set()
    for place, draft in drafts.items():
        statement = draft.decoded()
        marks: set[object] = {statement.id, (statement.key_id, statement.body["seq"])}
        marks |= {ask for ask in (statement.body.get("ask"),) if ask is not None}
        if state.payments.has_limits(statement.account):
            marks.add(("payer", statement.account))
        (others if marks & seen else first)[place] = draft
        seen |= marks
    return first, others


def _decoded(envelope: bytes | Draft) -> Draft:
    if isinstance(envelope, bytes):
        envelope = Draft(envelope, statement=Statement.decode(envelope))
    kind = envelope.decoded().kind
    if kind not in FROM_OUTSIDE:
        raise InputError(f"This door does not take {a_kind(kind)}.")
    return envelope


def _alone(community: Community, draft: Draft) -> Answer:
    statement = draft.decoded()
    try:
        with community.transaction() as connection:
            number = community.writer.community
            [known] = log_known.find_statements(connection, number, [statement])
            if known is not None:
                return Taken(statement, known, repeated=True)
            if statement.kind in VOUCHER_KINDS:
                _check_voucher(community, connection, statement)
            [entry] = community.accept(connection, [draft])
    except CommonwattError as error:
        return error
    return Taken(statement, entry)


def _check_voucher(community: Community, connection: Connection, statement: Statement) -> None:
    """Refuse a voucher before anything remembers it.

    What is refused after it was taken over costs to fold all agreements anew, while nobody else may write; and a
    card without money behind it costs its maker nothing.

    Raises:
        CommonwattError: says why.
    """
    check_statement(statement)
    period = community.writer.log_time_ms(connection) // (SECONDS * 1000)
    batch = community.rehearsal(connection, period).batch_of(statement)
    for refusal in _refused(community, connection, {0: batch} if batch else {}).values():
        if isinstance(refusal, CommonwattError):
            raise refusal


def _together(community: Community, drafts: Sequence[Draft]) -> list[Answer]:
    """Take statements in one transaction; where that fails after all, each by itself."""
    try:
        with community.transaction() as connection:
            return _written(community, connection, drafts)
    except CommonwattError as error:
        if len(drafts) == 1:
            return [error]
    return [answer for draft in drafts for answer in _together(community, [draft])]


def _written(community: Community, connection: Connection, drafts: Sequence[Draft]) -> list[Answer]:
    writer = community.writer
    statements = [draft.decoded() for draft in drafts]
    period = writer.log_time_ms(connection) // (SECONDS * 1000)
    rehearsal = community.rehearsal(connection, period)
    answers: dict[int, Answer] = {}
    batches: dict[int, Batch | None] = {}
    found = log_known.look_up(connection, writer.community, statements)
    for place, (statement, known) in enumerate(zip(statements, found, strict=True)):
        if isinstance(known, int):
            answers[place] = Taken(statement, known, repeated=True)
            continue
        if isinstance(known, CommonwattError):
            answers[place] = known
            continue
        try:
            check_statement(statement)
            batches[place] = rehearsal.batch_of(statement)
        except CommonwattError as error:
            answers[place] = error
    posted = {place: batch for place, batch in batches.items() if batch is not None}
    answers |= _refused(community, connection, posted)
    left = [place for place in batches if place not in answers]
    made = Made({}, signed=True, new=True)
    entries = community.accept(connection, [drafts[place] for place in left], made)
    for place, entry in zip(left, entries, strict=True):
        answers[place] = Taken(statements[place], entry)
    return [answers[place] for place in range(len(drafts))]


def _refused(
    community: Community, connection: Connection, batches: Mapping[int, Batch]
) -> dict[int, Answer]:
    """Return why the ledger refuses some of the payments, by place; they are decided in order."""
    if not batches:
        return {}
    ledger, now_ms = community.writer.ledger, community.writer.clock.now_ms()
    decided = ledger.decide(connection, list(batches.values()), now_ms).answers
    found: dict[int, Answer] = {}
    for (place, batch), answer in zip(batches.items(), decided, strict=True):
        if answer.refusal is not None and answer.refusal[1] is Status.BELOW_FLOOR:
            found[place] = RefusedError(NOT_ENOUGH)
            continue
        try:
            raise_refusal(batch, answer)
        except CommonwattError as error:
            found[place] = error
    return found
