"""``commonwatt settle``: the runs of local days, whatever is due, or a look at what a run would do."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Annotated, Any

import typer

from ledger import people
from ledger.errors import RefusedError
from ledger.primitives.counted import counted
from ledger.primitives.energy import format_kwh
from ledger.primitives.periods import load_zone, local_date, of_local_day, parse_date
from settlement import shown_store, store
from settlement.community import Community
from settlement.due import DueRun, due_runs
from settlement.errors import NothingReadError
from settlement.estimating import estimate_missing, is_as_it_was
from settlement.pay_due import PaidDue, pay_due
from settlement.preview import Preview, preview, preview_shown
from settlement.run import settle_day
from settlement.showing import ShownDay, show_day
from settlement.statement_words import signed_money
from settlement.store import RunSummary
from settlement.timetable import Timetable, due_at_ms
from wallet_api.cli.context import (
    EXIT_CANNOT,
    Settings,
    move_clock,
    open_here,
    progress,
    say,
    say_json,
    settings_of,
    stop,
    warn,
)
from wallet_api.cli.publish import publish_here, witnesses_line
from wallet_api.cli.standing import due_json, say_due

DAYS_MAX = 4_000
"""Most days in one command: ten years."""


NOTHING_READ = (
    "for want of readings. Have they come? commonwatt meters import, commonwatt meters coverage. Of days "
    "before a meter's member joined, none counts."
)
"""Why a day is left out of which nothing is known."""

_SHOWN = ("sold_wh", "bought_wh", "cash_units", "claim_units")
"""What a preview's table shows of a member."""


@dataclass
class _Made:
    """A run that the command made, or found made."""

    day: str
    code: str
    periods: int
    matched_wh: int
    missing: int
    settled: int = 0
    estimated: int = 0
    known: bool = False
    shown: bool = False
    changes: list[dict[str, Any]] = field(default_factory=list)

    def to_json(self) -> dict[str, Any]:
        """Return it for programs."""
        value = {
            "day": self.day,
            "run": self.code,
            "periods": self.periods,
            "matched_wh": self.matched_wh,
            "missing": self.missing,
            "settled": self.settled,
            "posts": not self.shown,
        }
        return value | ({"changes": self.changes} if self.changes else {})


@dataclass(frozen=True)
class _How:
    """How runs are made: with estimates, without writing, for programs, leaving out what cannot be."""

    estimates: bool
    dry_run: bool
    as_json: bool
    lenient: bool


def settle(
    context: typer.Context,
    day: Annotated[str | None, typer.Option("--day", metavar="DATE", help="One local day")] = None,
    first: Annotated[
        str | None, typer.Option("--from", metavar="DATE", help="First of several days")
    ] = None,
    through: Annotated[
        str | None, typer.Option("--through", metavar="DATE", help="Last of several days")
    ] = None,
    run: Annotated[
        str | None, typer.Option("--run", metavar="CODE", help="As II, SF, R1, RF [SF]")
    ] = None,
    due: Annotated[bool, typer.Option("--due", help="Every run of every day that is due")] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would change for whom; write nothing")
    ] = False,
    estimates: Annotated[
        bool, typer.Option("--estimates/--no-estimates", help="Estimate missing readings first")
    ] = True,
    as_json: Annotated[bool, typer.Option("--json", help="For programs")] = False,
) -> None:
    """Settle local days: set aside, clear every half-hour, post, sign and seal.

    SF is the first posting, seven days after the day. R1 and RF, after 30 and 90 days, work the day
    out anew with the readings that came by then, and post what differs; RF closes the day. II, the
    next morning, is only shown. Readings that are missing are estimated first, and say so.

    A run that was made already posts nothing; one that was stopped goes on where it was. --due pays
    standing orders afterwards, too.

    Example: commonwatt settle --due

    Example: commonwatt settle --day 2026-06-15 --through 2026-06-21

    Example: commonwatt settle --run R1 --from 2026-06-01 --through 2026-06-30 --dry-run
    """
    settings = settings_of(context)
    community = open_here(settings)
    wanted = _wanted(community, day or first, through, run, due=due)
    how = _How(estimates, dry_run, as_json, lenient=due)
    made = _make(settings, community, wanted, how)
    if dry_run:
        _end_dry(made, as_json=as_json)
        return
    standing = pay_due(community) if due else PaidDue([], [])
    published = publish_here(settings, community)
    checkpoint = published.checkpoint
    if as_json:
        head = {"log_entries": checkpoint.size, "root": checkpoint.root.hex()}
        orders = {"standing": due_json(standing)} if due else {}
        say_json({"days": [each.to_json() for each in made], **orders, **head})
        return
    if due and not made:
        say("Nothing is due.")
    else:
        say(f"{_sums(made)}, {_matched(made):,} Wh matched between neighbours.")
    say_due(community, standing)
    say(f"Log: {checkpoint.size:,} entries, root {checkpoint.root.hex()}")
    if published.collected is not None:
        say(witnesses_line(published))


def _make(
    settings: Settings, community: Community, wanted: Sequence[DueRun], how: _How
) -> list[_Made]:
    """Make runs one after the other and say each; one that cannot be made ends it, or is left out."""
    made: list[_Made] = []
    skipped: list[tuple[DueRun, RefusedError]] = []
    with progress("Runs", len(wanted)) as advance:
        for each in wanted:
            if skipped and skipped[-1][0].day == each.day:
                advance(1)
                continue  # no run of a day comes before an earlier one of it
            try:
                made.append(_one(community, each, how))
            except RefusedError as error:
                if not how.lenient:
                    if made and not how.dry_run:
                        publish_here(settings, community)
                        warn(f"{_sums(made)}, through {made[-1].day}; then:")
                    raise
                skipped.append((each, error))
            else:
                if not how.as_json:
                    _say_run(made[-1])
            advance(1)
    _say_skipped(skipped)
    return made


def _wanted(
    community: Community, first: str | None, through: str | None, code: str | None, *, due: bool
) -> list[DueRun]:
    """Return the runs that the options ask for."""
    table_of, zone = community.state.timetable_of, community.state.rules_now.zone
    if due:
        if first or through or code:
            warn("Error: --due finds the days and runs itself: leave the other options out.")
            stop(EXIT_CANNOT)
        with community.reading() as connection:
            made: dict[str, list[str]] = {}
            for run in store.runs(connection, community.writer.community):
                made.setdefault(run.day, []).append(run.code)
            shown = shown_store.shown_runs(connection, community.writer.community)
            for shown_day, shown_code in shown:
                made.setdefault(shown_day, []).append(shown_code)
        begun = local_date(community.state.rules_history[0][0], load_zone(zone)) + timedelta(days=1)
        looked = {shown_day: known_at_ms for (shown_day, _), known_at_ms in shown.items()}
        return [*due_runs(table_of, zone, begun, made, community.writer.clock.now_ms(), looked)]
    if first is None:
        warn("Error: say which days: --day, or --from and --through, or --due for all that is due.")
        stop(EXIT_CANNOT)
    start = parse_date(first)
    last = parse_date(through) if through else start
    count = (last - start).days + 1
    if not 1 <= count <= DAYS_MAX:
        warn(f"Error: --through must be from {start} on, and at most {DAYS_MAX:,} days later.")
        stop(EXIT_CANNOT)
    if code == table_of(start).dispute.code:
        code = _next_dispute(community, table_of(start), start)
    days = (start + timedelta(days=offset) for offset in range(count))
    return [_asked(table_of(each), each, code) for each in days]


def _asked(table: Timetable, day: date, code: str | None) -> DueRun:
    """Return the run of a day that is asked for; the first that posts if none is named."""
    named = code or table.first
    return DueRun(day, named, table.run(named).posts)


def _next_dispute(community: Community, table: Timetable, day: date) -> str:
    """Return the code of the day's next run after a dispute: ``DF``, then ``DF2`` and so on."""
    with community.reading() as connection:
        made = store.runs_of(connection, community.writer.community, day.isoformat())
    return table.next_dispute(tuple(run.code for run in made))


def _one(community: Community, run: DueRun, how: _How) -> _Made:
    """Make one run, or look at what it would do."""
    table, day = community.state.timetable_of(run.day), run.day
    zone = community.state.rules_now.zone
    with community.reading() as connection:
        as_it_was = is_as_it_was(community, connection, day)
        runs = store.runs_of(connection, community.writer.community, day.isoformat())
    done = next((each for each in runs if each.code == run.code), None)
    if done is None and run.posts:
        table.check_turn(run.code, tuple(each.code for each in runs), str(day))
    if done is None:
        move_clock(community, due_at_ms(table.run(run.code), day, zone))
    whole = community.writer.now_period() >= of_local_day(day, load_zone(zone)).stop
    estimates = done is None and how.estimates and whole
    if how.dry_run and done is None:
        return _looked(community, run, estimates=estimates)
    final = table.is_final(run.code)
    estimates = estimates and not as_it_was
    guessed = estimate_missing(community, day, final=final) if estimates else 0
    if not run.posts:
        return _shown(run, show_day(community, day, run.code), guessed)
    summary = settle_day(community, day, code=run.code)
    return _posted(summary, guessed, known=done is not None)


def _looked(community: Community, run: DueRun, *, estimates: bool) -> _Made:
    """Look at what a run would do."""
    if not run.posts:
        return _shown(run, *preview_shown(community, run.day, run.code, estimates=estimates))
    found = preview(community, run.day, run.code, estimates=estimates)
    made = _posted(found.summary, found.estimated, known=False)
    made.changes = changes_of(community, found)
    return made


def _shown(run: DueRun, found: ShownDay, guessed: int) -> _Made:
    count = len({line.period for line in found.lines})
    figures = count, found.matched_wh, found.missing, count, guessed
    return _Made(str(run.day), run.code, *figures, shown=True)


def _posted(summary: RunSummary, guessed: int, *, known: bool) -> _Made:
    figures = summary.periods, summary.matched_wh, summary.missing, summary.settled, guessed
    return _Made(summary.day, summary.code, *figures, known=known)


def changes_of(community: Community, found: Preview) -> list[dict[str, Any]]:
    """Return what a run would change, member by member."""
    with community.reading() as connection:
        names = people.names(connection, community.writer.community)
    changes = [
        {
            "member": net.member,
            "name": names.get(net.member),
            "sold_wh": net.change.sold_wh,
            "bought_wh": net.change.bought_wh,
            "sold_units": net.change.sold_units,
            "bought_units": net.change.bought_units,
            "cash_units": net.cash_units,
            "claim_units": net.claim_units,
        }
        for net in found.nets
    ]
    return sorted(changes, key=lambda change: (change["name"] or "", change["member"]))


def _end_dry(made: Sequence[_Made], *, as_json: bool) -> None:
    if as_json:
        say_json({"days": [each.to_json() for each in made], "written": False})
        return
    changing = [run.changes for run in made if run.changes]
    if len(changing) > 1:
        say(f"{counted(len(changing), 'run')} together")
        _say_changes(_summed(changing))
    say()
    say("Nothing was written: this is what the same command without --dry-run would do now.")


def _summed(changing: Sequence[Sequence[Mapping[str, Any]]]) -> list[dict[str, Any]]:
    """Add up what several runs would change, member by member."""
    sums: dict[str, dict[str, Any]] = {}
    for change in (change for changes in changing for change in changes):
        found = sums.setdefault(change["member"], {**change, **dict.fromkeys(_SHOWN, 0)})
        for name in _SHOWN:
            found[name] += change[name]
    return sorted(sums.values(), key=lambda each: (each["name"] or "", each["member"]))


def _matched(made: Sequence[_Made]) -> int:
    """Add up what neighbours traded, each day as its last run left it."""
    return sum({run.day: run.matched_wh for run in made}.values())


def _sums(made: Sequence[_Made]) -> str:
    """Say how many runs were made now, and how many were already."""
    known = sum(run.known for run in made)
    days = len({run.day for run in made if not run.known})
    words = f"{counted(days, 'day')} settled"
    if len(made) - known > days:
        words = f"{counted(len(made) - known, 'run')} of {counted(days, 'day')} made"
    return f"{words}, {known:,} already settled" if known else words


def _say_run(run: _Made) -> None:
    words = [f"{run.periods} half-hours, {run.matched_wh:>9,} Wh matched"]
    if run.estimated:
        words.append(f"{counted(run.estimated, 'reading')} estimated")
    if run.missing:
        words.append(f"{run.missing:,} readings missing, counted as zero")
    if run.known:
        words.append("already settled")
    elif run.shown:
        words.append("on its way, not final")
    elif run.settled < run.periods:
        changed = counted(run.settled, "half-hour")
        words.append(f"{changed} changed" if run.settled else "nothing changed")
    say(f"{run.day}  {run.code:<3} {', '.join(words)}")
    _say_changes(run.changes)


def _say_changes(changes: Sequence[Mapping[str, Any]]) -> None:
    """Show what a run would change as a table."""
    if not changes:
        return
    say(f"    {'member':<24}{'sold kWh':>11}{'bought kWh':>12}{'wallet':>12}{'owed':>10}")
    for change in changes:
        name = change["name"] or change["member"][:8]
        claim = signed_money(change["claim_units"]) if change["claim_units"] else ""
        say(
            f"    {name[:23]:<24}{format_kwh(change['sold_wh'], 2):>11}"
            f"{format_kwh(change['bought_wh'], 2):>12}{signed_money(change['cash_units']):>12}"
            f"{claim:>10}"
        )


def _say_skipped(skipped: Sequence[tuple[DueRun, RefusedError]]) -> None:
    """Say which runs could not be made, those with the same reason together."""
    by_reason: dict[str, list[DueRun]] = {}
    for run, error in skipped:
        if isinstance(error, NothingReadError):
            by_reason.setdefault(NOTHING_READ, []).append(run)
        else:
            reason = str(error).replace(str(run.day), "the day")
            by_reason.setdefault(f"{run.code}: {reason}", []).append(run)
    for reason, runs in by_reason.items():
        days = sorted({run.day for run in runs})
        span = f"{days[0]}" if len(days) == 1 else f"{days[0]} to {days[-1]}"
        warn(f"Not settled: {counted(len(days), 'day')} ({span}), {reason}")
