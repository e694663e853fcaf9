"""What a phone or a till asks before money moves: requests to be paid, and what a payment would leave.

>>> router.prefix
'/v1'
"""

from enum import StrEnum
from typing import Annotated

from fastapi import APIRouter, Body, Depends, Path, Request, Response
from pydantic import Field

from ledger import log_known, people
from ledger.accounts import receivable, wallet
from ledger.errors import RefusedError
from ledger.primitives.money import UNITS_MAX
from settlement import ask_store
from settlement.asks import Ask, Gone, check_payment
from settlement.spending import check_spending, spans_of, warnings_of
from settlement.spending_store import spent_of
from settlement.statement_store import words_at
from wallet_api.door.access import Allowed, Entry, Visit
from wallet_api.door.errors import NotThereError
from wallet_api.door.identity import MEMBERS, Role
from wallet_api.door.pages import KNOWN, tagged
from wallet_api.door.wire import Id, Model
from wallet_api.problems import problems

router = APIRouter(prefix="/v1", tags=["Payments"])

Mine = Annotated[Entry, Depends(Allowed(*MEMBERS, looks=True))]
MineOrTill = Annotated[Entry, Depends(Allowed(*MEMBERS, Role.TILL))]

Units = Annotated[
    int, Field(description="Money in 0.0000001 of the currency's unit.", examples=[42000000])
]
_SEEN = ("not-signed-in", "not-allowed", "busy", "not-ready")


class Standing(StrEnum):
    """How a request to be paid stands."""

    OPEN = "open"
    ANSWERED = "answered"
    EXPIRED = "expired"


class AskOut(Model):
    """A request to be paid."""

    id: Id
    member: Id = Field(description="Who is to be paid.")
    name: str | None = Field(default=None, description="Their name.")
    of: Id | None = Field(default=None, description="Who is asked; absent: whoever pays first.")
    of_name: str | None = Field(default=None, description="Their name.")
    units: Units
    reference: str | None = Field(default=None, description="What for.", examples=["two loaves"])
    last: int = Field(description="The last half-hour in which it stands.", examples=[989800])
    is_mine: bool = Field(description="Whether you asked.")


class AsksOut(Model):
    """Open requests that you made, or that are made to you."""

    items: list[AskOut]


class AskStateOut(Model):
    """One request: what it asks for while it is open, and how it stands."""

    standing: Standing
    ask: AskOut | None = Field(default=None, description="Absent once it was answered.")


class PaymentIn(Model):
    """A payment that is thought about."""

    to: Id = Field(description="Who would be paid.")
    units: int = Field(ge=1, le=UNITS_MAX, description="How much.", examples=[42000000])
    ask: Id | None = Field(default=None, description="The request that it would answer.")


class UseOut(Model):
    """What a payment would use of a limit that the member set."""

    limit: str = Field(examples=["day_max"])
    most_units: Units
    percent: int = Field(description="Of the limit, after this payment.", examples=[85])


class PaymentCheckOut(Model):
    """What a phone shows before somebody pays."""

    to: Id
    to_name: str | None = Field(default=None, description="Absent where there is no name any more.")
    left_units: Units = Field(description="What could still be paid after it.")
    warnings: list[UseOut] = Field(description="Limits of which 80 % or more would be used.")
    refused: str | None = Field(
        default=None, description="Why it would be refused, if it would be."
    )


@router.get(
    "/asks",
    response_model=AsksOut,
    summary="Open requests to be paid",
    responses={**KNOWN, **problems(*_SEEN)},
)
def asks(request: Request, mine: MineOrTill) -> Response:
    """Those that you made, and those that name you; one that names nobody is shown by its link alone."""
    with mine.open() as visit:
        number, now = visit.community.writer.community, visit.community.writer.now_period()
        found = [
            each
            for each in ask_store.open_asks(visit.connection, number, now)
            if visit.account in (each.ask.member, each.ask.of)
        ]
        names = _names(visit, [each.ask for each in found])
        told = [_ask(each.ask, visit, names, each.reference) for each in found]
    return tagged(request, AsksOut(items=told))


@router.get(
    "/asks/{ask_id}",
    response_model=AskStateOut,
    summary="One request to be paid",
    responses={**KNOWN, **problems("invalid-input", "not-found", *_SEEN)},
)
def ask(
    request: Request, ask_id: Annotated[Id, Path(description="The request's id.")], mine: MineOrTill
) -> Response:
    """Whoever was given its id may look, as by the QR code of a till; a till sees by it that it was paid."""
    with mine.open() as visit:
        number, now = visit.community.writer.community, visit.community.writer.now_period()
        found = ask_store.find_ask(visit.connection, number, ask_id)
        if found is Gone.ANSWERED:
            return tagged(request, AskStateOut(standing=Standing.ANSWERED))
        if isinstance(found, Gone):
            raise NotThereError("There is no request of this id.")
        known = log_known.where_logged(visit.connection, number, ask_id)
        standing = Standing.OPEN if now <= found.last else Standing.EXPIRED
        words = _reference(visit, known[0]) if known else None
        told = _ask(found, visit, _names(visit, [found]), words)
    return tagged(request, AskStateOut(standing=standing, ask=told))


@router.post(
    "/payments/check",
    response_model_exclude_none=True,
    summary="What would a payment leave?",
    responses=problems("malformed", "invalid-input", "not-found", *_SEEN),
)
def check(payment: Annotated[PaymentIn, Body()], mine: Mine) -> PaymentCheckOut:
    """For the screen that asks to confirm; nothing is changed, and what counts is decided when it is handed in."""
    with mine.open() as visit:
        community, member = visit.community, visit.account
        rules, ledger = community.state.rules_now, community.writer.ledger
        period = community.writer.now_period()
        if payment.to not in community.state.members or payment.to == member:
            raise NotThereError("There is no other member of this id.")
        ledger.chart.load(visit.connection)
        mine_now, owed = wallet(member, rules.asset), receivable(member, rules.asset)
        numbers = [ledger.chart.numbers[a] for a in (mine_now, owed) if a in ledger.chart.numbers]
        balances = ledger.chart.balances(visit.connection, numbers)
        debt = min(0, balances[owed].posted) if owed in balances else 0
        left = (balances[mine_now].available or 0) + debt - payment.units
        limits = community.state.payments.limits_at(member, period)
        spent = spent_of(visit.connection, ledger, rules, period, member)
        refused = None if left >= 0 else "There is not enough in your wallet for this."
        try:
            check_spending(limits, spent, payment.units, spans_of(period, rules.zone))
            if payment.ask is not None:
                number = community.writer.community
                found = ask_store.find_ask(visit.connection, number, payment.ask)
                body = {"to": payment.to, "amount": payment.units}
                check_payment(found, member, body, period)
        except RefusedError as error:
            refused = str(error)
        names = people.names_of(visit.connection, community.writer.community, [payment.to])
    uses = warnings_of(limits, spent, payment.units)
    return PaymentCheckOut(
        to=payment.to,
        to_name=names.get(payment.to),
        left_units=max(0, left),
        warnings=[
            UseOut(limit=use.name, most_units=use.most_units, percent=use.percent) for use in uses
        ],
        refused=refused,
    )


def _names(visit: Visit, found: list[Ask]) -> dict[str, str]:
    members = {each.member for each in found} | {each.of for each in found if each.of}
    number = visit.community.writer.community
    return people.names_of(visit.connection, number, sorted(members))


def _reference(visit: Visit, position: int) -> str | None:
    number = visit.community.writer.community
    return words_at(visit.connection, number, [position]).get(position)


def _ask(ask: Ask, visit: Visit, names: dict[str, str], reference: str | None) -> AskOut:
    return AskOut(
        id=ask.id,
        member=ask.member,
        name=names.get(ask.member),
        of=ask.of,
        of_name=names.get(ask.of or ""),
        units=ask.units,
        reference=reference,
        last=ask.last,
        is_mine=ask.member == visit.account,
    )
