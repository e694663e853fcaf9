"""What operators watch: days and their runs, what a run would change, readings, money, caps, invitations, disputes.

Nothing is changed here. What operators change is a statement, signed by as many of them as it needs.

>>> router.prefix
'/v1'
"""

import json
from datetime import date, timedelta
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Query, Request, Response
from pydantic import Field
from sqlalchemy import Connection

from ledger import log_store
from ledger.accounts import parse_account
from ledger.errors import InputError
from ledger.primitives.periods import SECONDS, load_zone, of_local_day, parse_date
from settlement import shown_store, store
from settlement.caps import judge
from settlement.caps_store import measure
from settlement.community import Community
from settlement.covering import cover_days
from settlement.disputes import State
from settlement.joining import invitations_of
from settlement.payment_deeds import backing_of
from settlement.preview import preview
from settlement.timetable import due_at_ms
from wallet_api.cli.caps import caps_json
from wallet_api.cli.context import move_clock
from wallet_api.cli.dispute import dispute_json
from wallet_api.cli.invitations import invitation_json
from wallet_api.cli.member import meters_json
from wallet_api.cli.settle import changes_of
from wallet_api.door.access import Allowed, Entry, Visit
from wallet_api.door.desk import Desk
from wallet_api.door.identity import Role
from wallet_api.door.pages import KNOWN, tagged
from wallet_api.door.wire import Day, Id, Model, Time, Units, Wh, bytes_in
from wallet_api.problems import problems

router = APIRouter(prefix="/v1", tags=["Running a community, for operators"])

Operator = Annotated[Entry, Depends(Allowed(Role.OPERATOR))]
Watcher = Annotated[Entry, Depends(Allowed(Role.OPERATOR, Role.HELPER, Role.AUDITOR))]
DAYS_MAX = 62
"""Most local days in one answer: two months."""

DAY_PATTERN = r"^\d{4}-\d{2}-\d{2}$"
First = Annotated[
    str,
    Query(
        alias="from", pattern=DAY_PATTERN, description="First local day.", examples=["2026-06-01"]
    ),
]
Through = Annotated[
    str,
    Query(
        pattern=DAY_PATTERN,
        description=f"Last local day; at most {DAYS_MAX} days.",
        examples=["2026-06-30"],
    ),
]
RunCode = Annotated[
    str, Path(pattern="^[A-Z][A-Z0-9]{1,3}$", description="The run.", examples=["R1"])
]
_SEEN = ("not-signed-in", "not-allowed", "busy", "not-ready")
_BAD = ("malformed", "invalid-input")


class RunOut(Model):
    """A run of a day that was made."""

    run: str = Field(examples=["SF"])
    matched_wh: Wh
    missing: int = Field(description="Readings that counted as zero.")
    changed: int = Field(description="Half-hours that it worked out anew.")


class NextRunOut(Model):
    """A day's next run by the timetable."""

    run: str = Field(examples=["R1"])
    due_at: Time
    is_due: bool


class DayOut(Model):
    """A local day and its runs."""

    day: str
    periods: int = Field(description="Half-hours that the day has.", examples=[48])
    shown: str | None = Field(
        default=None, description="The run that only shows, once somebody can look at it."
    )
    runs: list[RunOut] = Field(description="Runs that moved money, in their order.")
    next: NextRunOut | None = Field(
        default=None, description="Absent where the day is closed: only a dispute opens it."
    )


class DaysOut(Model):
    """Local days, in order."""

    items: list[DayOut]


class ChangeOut(Model):
    """What a run would change for one member."""

    member: Id
    name: str | None
    sold_wh: Wh
    bought_wh: Wh
    sold_units: Units
    bought_units: Units
    cash_units: Units
    claim_units: Units


class PreviewOut(Model):
    """What a run would do if it were made now. Nothing was written."""

    day: str
    run: str
    periods: int
    matched_wh: Wh
    missing: int
    changed: int
    estimated: int = Field(description="Readings that would be estimated first.")
    changes: list[ChangeOut]


class SumOut(Model):
    """All accounts of one kind together."""

    kind: str = Field(description="As the chart of accounts names it.", examples=["member"])
    asset: str = Field(examples=["BRM/7"])
    accounts: int
    posted: int = Field(description="In the asset's smallest unit.")
    held: int = Field(description="Of these, set aside.")


class ReserveOut(Model):
    """What circulates, beside what two operators counted last."""

    issued_units: Units
    counted_on: str | None = Field(default=None, examples=["2026-06-30"])
    counted_units: int | None = None
    issued_then_units: int | None = None
    difference_units: int | None = Field(
        default=None, description="Counted less issued: below zero, money is missing in the bank."
    )


class SumsOut(Model):
    """What there is, by kind of account; each asset adds up to zero."""

    log_entries: int
    items: list[SumOut]
    reserve: ReserveOut | None = Field(
        default=None, description="Absent where the currency is mutual credit."
    )


@router.get(
    "/days",
    response_model_exclude_none=True,
    summary="Days and their runs",
    responses=problems(*_BAD, *_SEEN),
)
def days(first: First, through: Through, entry: Watcher) -> DaysOut:
    """Which runs of which local days were made, and which comes next and when."""
    wanted = days_between(first, through)
    with entry.open() as visit:
        number = visit.community.writer.community
        shown = shown_store.shown_runs(visit.connection, number)
        looked = dict(shown.keys())
        return DaysOut(items=[_day(visit, day, looked.get(day.isoformat())) for day in wanted])


@router.get(
    "/days/{day}/runs/{run}/preview",
    summary="What a run would change",
    responses=problems(*_BAD, "refused", *_SEEN),
)
def look_ahead(request: Request, day: Day, run: RunCode, operator: Operator) -> PreviewOut:
    """Make a run and take it back: what would change, member by member. Nobody can pay meanwhile."""
    desk: Desk = request.app.state.desk
    with operator.open():
        pass
    local = parse_date(day)
    with desk.here.apart() as community:
        _check_turn(community, local, run)
        found = preview(community, local, run)
        changes = changes_of(community, found)
    return PreviewOut(
        day=day,
        run=run,
        periods=found.summary.periods,
        matched_wh=found.summary.matched_wh,
        missing=found.summary.missing,
        changed=found.summary.settled,
        estimated=found.estimated,
        changes=[ChangeOut(**change) for change in changes],
    )


@router.get(
    "/meters",
    summary="All meters",
    responses={
        **bytes_in("As `commonwatt meter list`, in JSON.", "application/json"),
        **KNOWN,
        **problems(*_SEEN),
    },
)
def meters(request: Request, entry: Operator) -> Response:
    """Show what `commonwatt meter list --json` shows: whose each meter is, and who holds shares of it."""
    with entry.open() as visit:
        told = {"items": meters_json(visit.community)}
    return tagged(request, _json(told))


@router.get(
    "/coverage",
    summary="How whole the readings are",
    responses={
        **bytes_in("As `commonwatt meters coverage`, in JSON.", "application/json"),
        **KNOWN,
        **problems(*_BAD, *_SEEN),
    },
)
def coverage(request: Request, first: First, through: Through, operator: Operator) -> Response:
    """Show what `commonwatt meters coverage --format json` shows: meters by days, counts of half-hours."""
    desk: Desk = request.app.state.desk
    wanted = days_between(first, through)
    with operator.open():
        pass
    with desk.here.apart() as community, community.reading() as connection:
        told = cover_days(community, connection, wanted).as_json()
    return tagged(request, _json(told))


@router.get(
    "/invitations",
    summary="Invitations",
    responses={
        **bytes_in("As `commonwatt community invitations`, in JSON.", "application/json"),
        **KNOWN,
        **problems(*_SEEN),
    },
)
def invitations(request: Request, operator: Operator) -> Response:
    """Show what `commonwatt community invitations --json` shows: open, used, ended, expired."""
    with operator.open() as visit:
        found = invitations_of(visit.community)
        told = {"items": [invitation_json(each, standing) for each, standing in found]}
    return tagged(request, _json(told))


@router.get(
    "/disputes",
    summary="Disputes",
    responses={
        **bytes_in("As `commonwatt dispute list`, in JSON.", "application/json"),
        **KNOWN,
        **problems("invalid-input", *_SEEN),
    },
)
def disputes(
    request: Request,
    entry: Watcher,
    state: Annotated[State | None, Query(description="Only these.", examples=["open"])] = None,
) -> Response:
    """Where each stands; who raised it and what was said, operators see with `commonwatt dispute show`."""
    with entry.open() as visit:
        now = visit.community.writer.now_period()
        found = visit.community.state.disputes.disputes.values()
        told = [dispute_json(each, now) for each in found if state in (None, each.state(now))]
    return tagged(request, _json({"items": told}))


@router.get(
    "/caps",
    summary="How near the group is to limits of law",
    responses={
        **bytes_in("As `commonwatt caps`, in JSON.", "application/json"),
        **KNOWN,
        **problems(*_SEEN),
    },
)
def caps(request: Request, operator: Operator) -> Response:
    """Show what `commonwatt caps --json` shows, without a rate for euros."""
    desk: Desk = request.app.state.desk
    with operator.open():
        pass
    with desk.here.apart() as community:
        measured = measure(community, None)
        told = caps_json(community.name, measured, judge(measured.measures), None, None)
    return tagged(request, _json(told))


@router.get(
    "/sums",
    response_model_exclude_none=True,
    summary="What there is, by kind of account",
    responses=problems(*_SEEN),
)
def sums(entry: Watcher) -> SumsOut:
    """The sum of all balances, always in sight; and the reserve beside it, where there is one."""
    with entry.open() as visit:
        return _sums(visit.community, visit.connection)


def days_between(first: str, through: str) -> list[date]:
    """Return local days in order.

    Raises:
        InputError: not days, the last before the first, or too many.
    """
    start, last = parse_date(first), parse_date(through)
    count = (last - start).days + 1
    if not 1 <= count <= DAYS_MAX:
        raise InputError(f"`through` is from {start} on, and at most {DAYS_MAX - 1} days later.")
    return [start + timedelta(days=offset) for offset in range(count)]


def _json(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False).encode()


def _day(visit: Visit, day: date, shown: str | None) -> DayOut:
    community, connection = visit.community, visit.connection
    rules, text = community.state.rules_now, day.isoformat()
    table = community.state.timetable_of(day)
    made = store.runs_of(connection, community.writer.community, text)
    codes = tuple(run.code for run in made)
    runs = [
        RunOut(
            run=run.code,
            matched_wh=run.matched_wh,
            missing=run.missing,
            changed=run.settled,
        )
        for run in made
    ]
    later = [plan for plan in table.runs if plan.posts and plan.code not in codes]
    after = table.posting.index(codes[-1]) if codes and codes[-1] in table.posting else -1
    coming = [plan for plan in later if table.posting.index(plan.code) > after]
    following = None
    if coming and not any(table.is_dispute(code) for code in codes):
        due_ms = due_at_ms(coming[0], day, rules.zone)
        now_ms = community.writer.now_period() * SECONDS * 1000
        following = NextRunOut(run=coming[0].code, due_at=due_ms, is_due=due_ms <= now_ms)
    periods = of_local_day(day, load_zone(rules.zone))
    return DayOut(day=text, periods=len(periods), shown=shown, runs=runs, next=following)


def _check_turn(community: Community, day: date, code: str) -> None:
    """Refuse a run that is not a day's next one; let a clock that replays the past reach its time."""
    table = community.state.timetable_of(day)
    with community.reading() as connection:
        made = store.runs_of(connection, community.writer.community, day.isoformat())
    table.check_turn(code, tuple(run.code for run in made), day.isoformat())
    move_clock(community, due_at_ms(table.run(code), day, community.state.rules_now.zone))


def _sums(community: Community, connection: Connection) -> SumsOut:
    by_kind: dict[tuple[str, str], list[int]] = {}
    for name, balance in community.writer.ledger.balances(connection).items():
        account = parse_account(name)
        found = by_kind.setdefault((account.name.partition("/")[0], account.asset), [0, 0, 0])
        for place, value in enumerate((1, balance.posted, balance.pending_out)):
            found[place] += value
    size, _, _ = log_store.head(connection, community.writer.community)
    items = [
        SumOut(kind=kind, asset=asset, accounts=count, posted=posted, held=held)
        for (kind, asset), (count, posted, held) in sorted(by_kind.items())
    ]
    return SumsOut(log_entries=size, items=items, reserve=_reserve(community))


def _reserve(community: Community) -> ReserveOut | None:
    if community.state.rules_now.issuance != "reserve":
        return None
    found = backing_of(community)
    if found.count is None:
        return ReserveOut(issued_units=found.issued_units)
    return ReserveOut(
        issued_units=found.issued_units,
        counted_on=str(found.count.day),
        counted_units=found.count.units,
        issued_then_units=found.issued_then_units,
        difference_units=found.difference_units,
    )
