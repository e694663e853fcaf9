"""What a member sees of their own: the first screen, the account, what moved, energy, why, and proofs.

Whose it is follows from the session alone; no address has a member's id in it.

>>> router.prefix
'/v1'
"""

import json
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Query, Request, Response

from ledger import people
from ledger.errors import InputError
from ledger.primitives.periods import load_zone, of_local_day, of_local_month, parse_date
from settlement import store
from settlement.member_facts import member_facts
from settlement.receipts import line_receipt, payment_receipt
from settlement.statement import household_statement
from settlement.why import why as explain
from settlement.why_json import why_json
from wallet_api.cli.member_show import facts_json
from wallet_api.door.access import Allowed, Entry, Visit
from wallet_api.door.desk import Desk
from wallet_api.door.forms import MEDIA, Form, rendered
from wallet_api.door.home import Moved, home_of, moved_in
from wallet_api.door.identity import MEMBERS
from wallet_api.door.member_models import (
    EnergyDayOut,
    HalfHourOut,
    HomeOut,
    MovedOut,
    MovedPageOut,
    YesterdayOut,
)
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
from wallet_api.door.wire import Day, MonthText, bytes_in
from wallet_api.page import CONTENT_POLICY
from wallet_api.problems import problems

router = APIRouter(prefix="/v1", tags=["A member's own"])

Mine = Annotated[Entry, Depends(Allowed(*MEMBERS))]
"""For whoever has an account, about that account."""

PeriodPath = Annotated[
    int, Path(ge=0, le=4_000_000, description="The half-hour.", examples=[989736])
]
_SEEN = ("not-signed-in", "not-allowed", "busy", "not-ready")
_ASKED = problems("malformed", "invalid-input", *_SEEN)
TEXT, JSON = "text/plain; charset=utf-8", "application/json"


@router.get(
    "/home",
    response_model=HomeOut,
    summary="The first screen",
    responses={**KNOWN, **problems(*_SEEN)},
)
def home(request: Request, mine: Mine) -> Response:
    """Everything that the wallet's first screen needs, in one answer with an ETag."""
    desk: Desk = request.app.state.desk
    with mine.open() as visit:
        community, connection, member = visit.community, visit.connection, visit.account
        found = home_of(community, connection, member, desk.shown)
        name = people.names_of(connection, community.writer.community, [member]).get(member)
        told = HomeOut(
            name=name,
            currency=community.state.rules_now.asset.partition("/")[0],
            available_units=found.available_units,
            posted_units=found.posted_units,
            held_units=found.held_units,
            owed_units=found.owed_units,
            coming_units=found.coming_units,
            last=[_moved(line, found.names) for line in found.last],
            read_through=found.read_through,
            final_through=found.final_through,
            now=community.writer.now_period(),
            waiting=_waits(visit),
        )
        if found.yesterday is not None:
            day = found.yesterday
            told.yesterday = YesterdayOut(
                day=day.day,
                run=day.code,
                bought_wh=day.bought_wh,
                sold_wh=day.sold_wh,
                units=day.units,
            )
    return tagged(request, told)


@router.get(
    "/account",
    summary="The account",
    response_class=Response,
    responses={
        **bytes_in("As `commonwatt member show --json` tells it, and the keys.", JSON),
        **KNOWN,
        **problems(*_SEEN),
    },
)
def account(request: Request, mine: Mine) -> Response:
    """Offer, mandate, limits, meters and shares as they are now, and the devices' keys."""
    with mine.open() as visit:
        told = facts_json(member_facts(visit.community, visit.account))
        now = visit.community.writer.now_period()
        keys = visit.community.writer.key_book.members[visit.account].at(now)
        told["keys"] = {
            "keys": [key.hex() for key in keys.keys],
            "threshold": keys.threshold,
            "has_paper_code": keys.recovery is not None,
            "frozen": keys.frozen,
        }
        if keys.pending is not None:
            told["keys"]["waiting"] = {
                "id": keys.pending.id,
                "from": keys.pending.first,
                "objected": keys.pending.objected,
            }
    return tagged(request, _json(told))


@router.get(
    "/payments/{month}",
    response_model=MovedPageOut,
    summary="What moved in a month",
    responses={**KNOWN, **problems("malformed", "invalid-input", *_SEEN)},
)
def payments(
    request: Request, month: MonthText, mine: Mine, cursor: Cursor = None, limit: Limit = PAGE
) -> Response:
    """Payments and each day's energy, the latest first."""
    with mine.open() as visit:
        zone = load_zone(visit.community.state.rules_now.zone)
        try:
            periods = of_local_month(month, zone)
        except ValueError as error:
            raise InputError(f"{month} is not a month: write it as 2026-06.") from error
        before = None
        if cursor is not None:
            period, entry = map(number_in, read_cursor(cursor, 2))
            before = period, entry
        lines = moved_in(
            visit.community, visit.connection, visit.account, periods, before, limit + 1
        )
        shown, number = lines[:limit], visit.community.writer.community
        others = [line.other for line in shown if line.other is not None]
        names = people.names_of(visit.connection, number, others)
    last = shown[-1] if len(lines) > limit else None
    more = None if last is None else cursor_of(str(last.period), str(last.entry))
    return tagged(request, MovedPageOut(items=[_moved(line, names) for line in shown], next=more))


@router.get(
    "/energy/{day}",
    response_model=EnergyDayOut,
    summary="A day of energy, half-hour by half-hour",
    responses={**KNOWN, **problems("malformed", "invalid-input", *_SEEN)},
)
def energy(request: Request, day: Day, mine: Mine) -> Response:
    """As the last run left it; a half-hour of which nothing is worked out is left out, and is no zero."""
    with mine.open() as visit:
        community, connection = visit.community, visit.connection
        ledger, rules = community.writer.ledger, community.state.rules_now
        local = parse_date(day)
        periods = of_local_day(local, load_zone(rules.zone))
        runs = store.runs_of(connection, ledger.community, day)
        timetable = community.state.timetable_of(local)
        lines = list(store.member_lines(connection, ledger, visit.account, rules.asset, periods))
    told = EnergyDayOut(
        day=day,
        first=periods.start,
        periods=len(periods),
        run=runs[-1].code if runs else None,
        is_final=any(run.code == timetable.closing for run in runs),
        items=[
            HalfHourOut(
                period=line.period,
                own_use_wh=line.own_use_wh,
                bought_wh=line.bought_wh,
                sold_wh=line.sold_wh,
                grid_import_wh=line.grid_import_wh,
                grid_export_wh=line.grid_export_wh,
                bought_units=line.bought_units,
                sold_units=line.sold_units,
            )
            for line in lines
        ],
    )
    return tagged(request, told)


@router.get(
    "/why/{period}",
    summary="Why a half-hour came to what it came to",
    response_class=Response,
    responses={**bytes_in("As `commonwatt why --json`.", JSON), **KNOWN, **_ASKED},
)
def why(
    request: Request,
    period: PeriodPath,
    mine: Mine,
    run: Annotated[
        str | None,
        Query(
            pattern="^[A-Z][A-Z0-9]{1,3}$",
            description="The run; the last if left out.",
            examples=["SF"],
        ),
    ] = None,
) -> Response:
    """Worked out again from the log and compared, as `commonwatt why --json` tells it."""
    with mine.open() as visit:
        told = explain(visit.community, visit.connection, visit.account, period, run)
        return tagged(request, _json(why_json(told)))


@router.get(
    "/months/{month}/statement.{form}",
    summary="The statement of a month",
    response_class=Response,
    responses={**bytes_in("The statement.", *MEDIA.values()), **KNOWN, **_ASKED},
)
def statement(
    request: Request,
    month: MonthText,
    form: Annotated[Form, Path(description="Which form.", examples=["txt"])],
    mine: Mine,
    *,
    large_print: Annotated[bool, Query(description="For html and pdf.", examples=[True])] = False,
) -> Response:
    """As text, page, PDF, table or JSON; page and PDF also in large print."""
    with mine.open() as visit:
        model = household_statement(visit.community, visit.connection, visit.account, month)
    answer = tagged(request, rendered(model, form, large_print=large_print), MEDIA[form])
    if form is Form.HTML:
        answer.headers["Content-Security-Policy"] = CONTENT_POLICY
    return answer


@router.get(
    "/receipts/payments/{entry}",
    summary="A receipt of a payment",
    response_class=Response,
    responses={**bytes_in("The receipt.", TEXT), **KNOWN, **_ASKED},
)
def receipt_of_payment(
    request: Request,
    entry: Annotated[
        int, Path(ge=0, le=2**53 - 1, description="Its position in the log.", examples=[1041])
    ],
    mine: Mine,
) -> Response:
    """A C2SP tlog-proof that anybody can check offline, and which shows nobody else's line."""
    with mine.open() as visit:
        made = payment_receipt(visit.community, visit.connection, visit.account, entry)
    return tagged(request, made.encode(), TEXT)


@router.get(
    "/receipts/half-hours/{period}",
    summary="A receipt of a settled half-hour",
    response_class=Response,
    responses={**bytes_in("The receipt.", TEXT), **KNOWN, **_ASKED},
)
def receipt_of_half_hour(request: Request, period: PeriodPath, mine: Mine) -> Response:
    """A C2SP tlog-proof of this member's line of a half-hour."""
    with mine.open() as visit:
        made = line_receipt(visit.community, visit.connection, visit.account, period)
    return tagged(request, made.encode(), TEXT)


def _waits(visit: Visit) -> bool:
    book, now = visit.community.writer.key_book, visit.community.writer.now_period()
    return book.members[visit.account].at(now).pending is not None


def _moved(line: Moved, names: dict[str, str]) -> MovedOut:
    return MovedOut(
        period=line.period,
        log_entry=line.entry,
        kind=line.kind,
        units=line.units,
        other=line.other,
        other_name=names.get(line.other or ""),
        words=line.words,
    )


def _json(value: dict[str, Any]) -> bytes:
    return json.dumps(value, ensure_ascii=False).encode()
