"""``commonwatt ledger``: balances now and in the past, an account line by line, openings.

>>> known_ms_of("2026-06-16T08:00:00Z")
1781596800000
"""

from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import Annotated, Any

import typer
from sqlalchemy import Connection

from ledger import history, people
from ledger.accounts import WH, parse_account, wallet
from ledger.errors import CommonwattError, InputError
from ledger.primitives.money import UNITS_PER_MAJOR, format_money
from ledger.primitives.periods import (
    PERIOD_MAX,
    load_zone,
    of_local_day,
    parse_date,
    start_utc,
)
from settlement.community import Community
from settlement.enrol import enter_openings
from settlement.openings_file import OpeningRow, read_openings
from wallet_api.cli.context import member_named, open_here, say, say_json, settings_of
from wallet_api.cli.publish import publish_here

PAGE_LINES = 50
"""Lines of an account's history in one answer, unless told."""

PAGE_LINES_MAX = 10_000
"""Most lines in one answer: beyond it, the cursor goes on."""

At = Annotated[
    str | None, typer.Option(metavar="DATE", help="End of this local day [all half-hours]")
]
Known = Annotated[
    str | None, typer.Option(metavar="TIME", help="As known at 2026-06-16T08:00:00Z [now]")
]
AsJson = Annotated[bool, typer.Option("--json", help="For programs")]


def known_ms_of(text: str | None) -> int | None:
    """Return a time of recording in milliseconds.

    Raises:
        InputError: not such a time.
    """
    if text is None:
        return None
    try:
        instant = datetime.strptime(text, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
    except ValueError as error:
        raise InputError(f"{text!r} is not a time like 2026-06-16T08:00:00Z") from error
    return int(instant.timestamp()) * 1000


def balances(
    context: typer.Context, at: At = None, known: Known = None, as_json: AsJson = False
) -> None:
    """Show every account's balance: now, or at the end of a day, as known then or now.

    Example: commonwatt ledger balances --at 2026-06-18 --known 2026-06-20T12:00:00Z
    """
    community = open_here(settings_of(context))
    end, known_ms = _end_of(community, at), known_ms_of(known)
    with community.reading() as connection:
        ledger, names = community.writer.ledger, _names(community, connection)
        now = ledger.balances(connection)
        rows = []
        for account, balance in now.items():
            posted = balance.posted
            if at is not None or known_ms is not None:
                number = ledger.chart.number_of(connection, account)
                posted = history.balance_at(
                    connection, community.writer.community, number, end, known_ms
                )
            rows.append((account, posted, balance))
    past = at is not None or known_ms is not None
    if as_json:
        say_json(
            [
                # What is set aside, and the limits, are known for today alone.
                {"account": account, "posted": posted}
                if past
                else {
                    "account": account,
                    "posted": posted,
                    "set_aside": balance.pending_out,
                    "coming_in": balance.pending_in,
                    "floor": balance.floor,
                    "ceiling": balance.ceiling,
                }
                for account, posted, balance in rows
            ]
        )
        return
    say(f"{'account':<44}{'balance':>16}" + ("" if past else f"{'set aside':>16}"))
    for account, posted, balance in rows:
        aside = "" if past or not balance.pending_out else _amount(balance.pending_out, account)
        say(
            f"{account_label(account, names):<44}{_amount(posted, account):>16}{aside:>16}".rstrip()
        )


def account_history(
    context: typer.Context,
    account: Annotated[str, typer.Argument(help="A member's name or id, or an account")],
    first: Annotated[
        str | None, typer.Option("--from", metavar="DATE", help="First local day")
    ] = None,
    through: Annotated[str | None, typer.Option(metavar="DATE", help="Last local day")] = None,
    known: Known = None,
    after: Annotated[int, typer.Option(metavar="CURSOR", help="Go on after this line")] = 0,
    limit: Annotated[int, typer.Option(min=1, max=PAGE_LINES_MAX)] = PAGE_LINES,
    as_json: AsJson = False,
) -> None:
    """Show an account line by line, in the order in which it was posted: it never changes.

    Example: commonwatt ledger history Ada --from 2026-06-15 --through 2026-06-16
    """
    community = open_here(settings_of(context))
    found = _account_named(community, account)
    start = 0 if first is None else _day(community, first).start
    periods = range(start, _end_of(community, through))
    with community.reading() as connection:
        ledger, names = community.writer.ledger, _names(community, connection)
        lines = list(
            islice(
                history.entries(
                    connection,
                    community.writer.community,
                    ledger.chart.number_of(connection, found),
                    after=after,
                    periods=periods,
                    known_ms=known_ms_of(known),
                ),
                limit + 1,
            )
        )
    more, lines = len(lines) > limit, lines[:limit]
    accounts = ledger.chart.names
    if as_json:
        say_json(
            {
                "account": found,
                "lines": [_line_json(line, accounts[line.other]) for line in lines],
                "next": lines[-1].number if more else None,
            }
        )
        return
    say(account_label(found, names))
    say(
        f"{'line':>9}  {'half-hour from (UTC)':<22}{'amount':>14}{'balance':>14}  {'transfer':<10}with"
    )
    for line in lines:
        say(
            f"{line.number:>9}  {start_utc(line.effective):%Y-%m-%d %H:%M}      "
            f"{_amount(line.amount, found):>14}{_amount(line.balance, found):>14}  "
            f"{line.id.hex()[:8]:<10}{account_label(accounts[line.other], names)} (log {line.position})"
        )
    if more:
        say(f"More: --after {lines[-1].number}")


def open_balances(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(help="CSV with the columns account,amount")],
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show what would be, and write nothing")
    ] = False,
) -> None:
    """Enter the balances that members bring from an earlier system, before anything moves.

    An account is a member's name or id, community/fund or community/fees; an amount is in the
    currency, as in -12.50. All amounts together are zero: what some have, others owe.

    Example: commonwatt ledger open-balances balances.csv --dry-run
    """
    settings = settings_of(context)
    community = open_here(settings)
    asset = community.state.rules_now.asset
    with file.open("rb") as stream:
        rows = read_openings(stream, asset, lambda name: _exactly(community, name))
    _check_limits(community, rows)
    after = enter_openings(community, {row.account: row.units for row in rows}, dry_run=dry_run)
    with community.reading() as connection:
        names = _names(community, connection)
    say(f"{'line':>6}  {'account':<40}{'opening':>14}{'afterwards':>14}")
    for row in rows:
        say(
            f"{row.line:>6}  {account_label(row.account, names):<40}"
            f"{_amount(row.units, row.account):>14}{_amount(after[row.account], row.account):>14}"
        )
    if dry_run:
        say(f"A rehearsal: {len(rows)} balances could be entered; nothing was written.")
        return
    checkpoint = publish_here(settings, community).checkpoint
    say(f"{len(rows)} balances entered, signed by two operators. Log: {checkpoint.size} entries.")


def _exactly(community: Community, text: str) -> str:
    """Return the member whose whole name or id is given: a file's lines are not completed."""
    with community.reading() as connection:
        names = _names(community, connection)
    found = [m for m, name in names.items() if name.casefold() == text.casefold()]
    found += [member for member in community.state.members if member == text]
    if len(found) != 1:
        raise InputError(f"{text!r}: no member's whole name or id is it")
    return found[0]


def _check_limits(community: Community, rows: list[OpeningRow]) -> None:
    """Name every line that goes beyond a member's limit, not only the first."""
    floors = {
        wallet(member.id, community.state.rules_now.asset): member.floor_units
        for member in community.state.members.values()
    }
    beyond = [
        f"line {row.line}: {format_money(row.units)} is beyond the limit of "
        f"{format_money(floors[row.account])}"
        for row in rows
        if row.account in floors and row.units < floors[row.account]
    ]
    if beyond:
        raise InputError("; ".join(beyond[:10]) + ". Nothing was written.")


def _day(community: Community, text: str) -> range:
    return of_local_day(parse_date(text), load_zone(community.state.rules_now.zone))


def _end_of(community: Community, day: str | None) -> int:
    return PERIOD_MAX + 1 if day is None else _day(community, day).stop


def _names(community: Community, connection: Connection) -> dict[str, str]:
    return people.names(connection, community.writer.community)


def _account_named(community: Community, text: str) -> str:
    """Return the account that a text names, or the wallet of the member that it names."""
    try:
        return f"{parse_account(text).name} {parse_account(text).asset}"
    except CommonwattError:
        return wallet(member_named(community, text), community.state.rules_now.asset)


def account_label(account: str, names: dict[str, str]) -> str:
    """Return an account as an operator knows it: a wallet by its member's name."""
    name, _, asset = account.partition(" ")
    kind, _, rest = name.partition("/")
    if kind != "member":
        return f"{name} {asset.partition('/')[0]}"
    member, _, last = rest.partition("/")
    person = names.get(member, f"closed account {member[:8]}")
    return person if last == "wallet" else f"{person} ({last})"


def _amount(value: int, account: str) -> str:
    """Write an amount exactly, so that lines add up to the balances beside them."""
    sign = "−" if value < 0 else ""
    if account.endswith(WH):
        return f"{sign}{abs(value):,} Wh"
    whole, part = divmod(abs(value), UNITS_PER_MAJOR)
    return f"{sign}£{whole:,}.{part:07d}"


def _line_json(line: history.Entry, other: str) -> dict[str, Any]:
    return {
        "line": line.number,
        "id": line.id.hex(),
        "kind": line.kind.name.lower(),
        "half_hour": line.effective,
        "recorded_ms": line.recorded_ms,
        "log": line.position,
        "with": other,
        "amount": line.amount,
        "balance": line.balance,
        "original": None if line.original is None else line.original.hex(),
    }
