"""What operators, helpers and auditors see of members: the list, one of them, a meter's day, a statement to post.

Whoever looks into one member's account says why, and the member sees who looked, when and why. A meter's
readings are shown only as far as its member allows it for support.

>>> router.prefix
'/v1'
"""

import json
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Query, Request, Response
from pydantic import Field

from ledger import people
from ledger.accounts import wallet
from ledger.primitives.canonical import FREE_TEXT_CHARACTERS_MAX
from ledger.primitives.periods import load_zone, of_local_month
from ledger.primitives.words import check_words
from settlement.closing import check_still_open
from settlement.community import Community
from settlement.member_facts import member_facts
from settlement.netting import purses_of
from settlement.statement import household_statement
from settlement.statement_support import allows_month, without_energy
from settlement.supporting import support_day
from wallet_api.cli.member_show import facts_json
from wallet_api.door import look_store
from wallet_api.door.access import Allowed, Entry, Visit
from wallet_api.door.desk import Desk
from wallet_api.door.errors import NotThereError
from wallet_api.door.forms import MEDIA, Form, rendered
from wallet_api.door.identity import Role
from wallet_api.door.look_store import Look
from wallet_api.door.pages import (
    KNOWN,
    PAGE,
    Cursor,
    Limit,
    cursor_of,
    number_in,
    read_cursor,
    tagged,
)
from wallet_api.door.wire import Day, Id, Model, MonthText, Period, Units, Wh, bytes_in
from wallet_api.page import CONTENT_POLICY
from wallet_api.problems import problems

router = APIRouter(prefix="/v1", tags=["Members, for operators"])

Staff = Annotated[Entry, Depends(Allowed(Role.OPERATOR, Role.HELPER))]
AnyRoster = Annotated[Entry, Depends(Allowed(Role.OPERATOR, Role.HELPER, Role.AUDITOR))]
AccountId = Annotated[
    Id, Path(description="The member's id.", examples=["4f5911e55a0268a10589be1d775a9f38"])
]
Reason = Annotated[
    str,
    Query(
        min_length=3,
        max_length=FREE_TEXT_CHARACTERS_MAX,
        description="Why you look: the member reads it.",
        examples=["She rang about her May statement."],
    ),
]
_SEEN = ("not-signed-in", "not-allowed", "busy", "not-ready")
NO_MEMBER = "There is no member of this id."


class MemberOut(Model):
    """One member in the list."""

    id: Id
    name: str | None = Field(
        default=None, description="Absent for auditors, and where there is none any more."
    )
    member_class: str = Field(examples=["household"])
    units: Units
    floor_units: Units
    owed_units: Units
    meters: list[str]
    closed: bool = Field(description="The account was closed, and its person forgotten.")
    frozen: bool
    waiting: bool = Field(description="A change of its keys waits.")


class MembersOut(Model):
    """Members in the order in which they joined."""

    items: list[MemberOut]
    next: str | None = Field(
        default=None, description="Cursor of the next page; absent at the end."
    )


class SupportHalfHourOut(Model):
    """A reading of a half-hour."""

    period: Period
    wh: Wh
    quality: str = Field(examples=["actual"])


class SupportOut(Model):
    """What a member allows helpers to see of a meter's day."""

    meter: str
    channel: str = Field(examples=["import"])
    granularity: str = Field(
        description="`half-hour` or `day`: the finest that the member allows for the day."
    )
    wh: Wh
    items: list[SupportHalfHourOut] | None = Field(
        default=None, description="Absent where the member allows the day's sum only."
    )


class SupportDayOut(Model):
    """A member's meters on a local day, as far as the member allows it for support."""

    day: str
    items: list[SupportOut]
    hidden: list[str] = Field(
        description="Meters of which the member allows nothing, or months only."
    )


class NameIn(Model):
    """A name."""

    name: str = Field(min_length=1, max_length=people.NAME_CHARACTERS_MAX, examples=["Ada Okafor"])


@router.get(
    "/members",
    response_model_exclude_none=True,
    summary="All members",
    responses=problems("malformed", "invalid-input", *_SEEN),
)
def members(entry: AnyRoster, cursor: Cursor = None, limit: Limit = PAGE) -> MembersOut:
    """List members with what they have; auditors see ids and no names."""
    after = 0 if cursor is None else number_in(read_cursor(cursor, 1)[0])
    with entry.open() as visit:
        everybody = list(visit.community.state.members.values())
        shown = everybody[after : after + limit]
        items = _members(visit, [member.id for member in shown])
    more = cursor_of(str(after + limit)) if len(everybody) > after + limit else None
    return MembersOut(items=items, next=more)


@router.get(
    "/members/{account_id}",
    summary="One member",
    responses={**bytes_in("As `commonwatt member show --json`.", "application/json"), **KNOWN}
    | problems("invalid-input", "not-found", *_SEEN),
)
def member(request: Request, account_id: AccountId, reason: Reason, staff: Staff) -> Response:
    """Show what `commonwatt member show --json` shows. The member sees that you looked, and why."""
    with staff.open() as visit:
        _there(visit.community, account_id)
        told = facts_json(member_facts(visit.community, account_id))
        who = visit.who.role, visit.who.key_id
    _noted(request, Look(account_id, *who, "account", reason))
    return tagged(request, json.dumps(told, ensure_ascii=False).encode())


@router.get(
    "/members/{account_id}/readings/{day}",
    response_model_exclude_none=True,
    summary="A member's readings of a day, for support",
    responses=problems("malformed", "invalid-input", "not-found", *_SEEN),
)
def readings(
    request: Request, account_id: AccountId, day: Day, reason: Reason, staff: Staff
) -> SupportDayOut:
    """Show what the member allows for `support`: half-hours, the day's sum, or nothing.

    What was not allowed when the half-hour began is not shown, whatever is allowed now.
    """
    with staff.open() as visit:
        _there(visit.community, account_id)
        shown, hidden = support_day(visit.community, visit.connection, account_id, day)
        who = visit.who.role, visit.who.key_id
    _noted(request, Look(account_id, *who, f"readings {day}", reason))
    items = [
        SupportOut(
            meter=each.meter,
            channel=each.channel.value,
            granularity=each.granularity,
            wh=each.wh,
            items=None
            if each.readings is None
            else [SupportHalfHourOut(period=p, wh=wh, quality=q) for p, wh, q in each.readings],
        )
        for each in shown
    ]
    return SupportDayOut(day=day, items=items, hidden=hidden)


@router.get(
    "/members/{account_id}/months/{month}/statement.{form}",
    summary="A member's statement, to post or to read out",
    responses={**bytes_in("The statement.", *MEDIA.values()), **KNOWN}
    | problems("malformed", "invalid-input", "not-found", *_SEEN),
)
def statement(
    request: Request,
    account_id: AccountId,
    month: MonthText,
    form: Annotated[Form, Path(description="Which form.", examples=["txt"])],
    reason: Reason,
    staff: Staff,
    *,
    large_print: Annotated[bool, Query(description="For html and pdf.", examples=[True])] = False,
) -> Response:
    """Give the member's statement; its energy only if the member allows it for `support`, the whole month.

    Without it, money stands by the month, as the days' money would tell their energy. The member sees that you
    looked, and why.
    """
    with staff.open() as visit:
        community = visit.community
        _there(community, account_id)
        model = household_statement(community, visit.connection, account_id, month)
        periods = of_local_month(month, load_zone(community.state.rules_now.zone))
        begun = range(periods.start, min(periods.stop, community.writer.now_period() + 1))
        if not allows_month(community.state, account_id, begun):
            model = without_energy(model)
        who = visit.who.role, visit.who.key_id
    _noted(request, Look(account_id, *who, f"statement {month}", reason))
    answer = tagged(request, rendered(model, form, large_print=large_print), MEDIA[form])
    if form is Form.HTML:
        answer.headers["Content-Security-Policy"] = CONTENT_POLICY
    return answer


@router.put(
    "/members/{account_id}/name",
    status_code=204,
    summary="Give a member a name",
    responses=problems("malformed", "invalid-input", "not-found", "refused", *_SEEN),
)
def name(
    request: Request, account_id: AccountId, given: NameIn, reason: Reason, staff: Staff
) -> Response:
    """For whoever signed up on paper. The member sees who did it, and why.

    It is kept in the store that can forget, never in ledger or log.
    """
    desk: Desk = request.app.state.desk
    with staff.open() as visit:
        _there(visit.community, account_id)
        check_still_open(visit.community.state.closed, account_id)
        who = visit.who.role, visit.who.key_id
    people.clean_name(given.name)
    _noted(request, Look(account_id, *who, "another name", reason))
    desk.rename(account_id, given.name)
    return Response(status_code=204)


def _there(community: Community, account_id: str) -> None:
    if account_id not in community.state.members:
        raise NotThereError(NO_MEMBER)


def _noted(request: Request, look: Look) -> None:
    """Keep who looked: before anything is shown.

    Raises:
        InputError: the reason cannot be read.
    """
    check_words(look.reason, "reason")
    desk: Desk = request.app.state.desk
    with desk.here.writing() as (community, connection):
        look_store.add(connection, community.writer.community, look, desk.now_ms())


def _members(visit: Visit, ids: list[str]) -> list[MemberOut]:
    community, connection = visit.community, visit.connection
    state, book, now = (
        community.state,
        community.writer.key_book,
        community.writer.now_period(),
    )
    balances = community.writer.ledger.balances(connection)
    claims = purses_of(balances, {}, state.rules_now).claims
    names: dict[str, Any] = {}
    if visit.who.role is not Role.AUDITOR:
        names = people.names_of(connection, community.writer.community, ids)
    found = []
    for account in ids:
        keys = book.members[account].at(now)
        found.append(
            MemberOut(
                id=account,
                name=names.get(account),
                member_class=state.members[account].member_class,
                units=balances[wallet(account, state.rules_now.asset)].posted,
                floor_units=state.members[account].floor_units,
                owed_units=claims.get(account, 0),
                meters=state.meters_of(account),
                closed=account in state.closed,
                frozen=keys.frozen,
                waiting=keys.pending is not None,
            )
        )
    return found
