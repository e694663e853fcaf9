"""What must hold of a community that lived through its faults: each check stands alone.

>>> [check.__name__ for check in CHECKS][:2]
['every_kind_of_fault_came', 'every_due_run_was_made_and_sealed']
"""

import json
import os
import random
import subprocess
import sys
from collections import Counter
from datetime import date, timedelta
from pathlib import Path

from ledger import history, log_store
from ledger.accounts import carried, fees, fund, network, pool, reserve
from ledger.check import check_ledger
from ledger.primitives.ids import derived_id
from ledger.primitives.periods import load_zone, of_local_day, of_local_month
from ledger.statements import Statement
from settlement import shown_store, store
from settlement.disputes import State
from settlement.export import export_bundle
from settlement.reproduce import reproduce
from settlement.statement import HouseholdStatement, household_statement
from settlement.statement_rounding import at_printed_precision
from settlement.timetable import due_at_ms
from tests.settlement.other_books import as_they_say, beancount_says, hledger_says
from tests.settlement.real_year_lived import CHARGE_TICKS, DISPUTE_DAYS, Lived
from tests.settlement.real_year_sums import compare, differing_sums, read_books, runs_by_day

CODES = ("SF", "R1", "RF")


def every_kind_of_fault_came(lived: Lived) -> None:
    """Every kind of fault came, and it is known what became of every reading that was delivered."""
    counts, report = lived.plan.counts, lived.diary.intake
    wanted = {
        *("late", "too late", "missing hours", "missing day", "missing fortnight"),
        *("corrected half-hours", "corrected days", "old version again", "swapped days"),
        *("delivered twice", "out of order", "worse later"),
    }
    assert not wanted - set(+counts), "a fault never happened"
    delivered = sum(len(batch) for batches in lived.plan.deliveries.values() for batch in batches)
    assert delivered == report.accepted + report.corrected + report.identical
    assert min(report.corrected, report.identical) > 0
    assert (report.future, report.uncovered, report.findings) == (0, 0, [])
    assert sorted(lived.diary.closed) == sorted(each for _, each in lived.plan.too_late)


def every_due_run_was_made_and_sealed(lived: Lived) -> None:
    """II, SF, R1 and RF of every day were made and sealed when due, and DF where a dispute was upheld."""
    _, upheld = lived.diary.disputes["upheld"]
    found, community = runs_by_day(lived), lived.community
    assert sorted(found) == lived.days
    with community.reading() as connection:
        number = community.writer.community
        shown = shown_store.shown_runs(connection, number)
        for day, runs in found.items():
            wanted = [*CODES, "DF"] if str(day) == upheld else [*CODES]
            assert [run.code for run in runs] == wanted, day
            for run in runs:
                entry = log_store.fact_at(connection, number, run.position)
                body = Statement.decode(entry.envelope).body
                assert (body["kind"], body["day"], body["run"]) == ("seal", str(day), run.code)
                if run.code != "DF":
                    plan = community.state.rules_now.timetable.run(run.code)
                    late_ms = body["known_at"] - due_at_ms(plan, day, lived.zone)
                    assert 0 <= late_ms < 86_400_000, (day, run.code)
    assert {*shown} == {(str(day), "II") for day in lived.days}
    # Nothing was refused but what was to be: one dispute that nobody decided in time.
    assert [code for _, code, _ in lived.diary.refused] == ["expired"]


def disputes_end_as_they_should(lived: Lived) -> None:
    """One dispute was upheld and led to a run, one was rejected, and one expired."""
    now = of_local_day(lived.days[-1] + timedelta(days=DISPUTE_DAYS), load_zone(lived.zone)).stop
    book = lived.community.state.disputes
    states = {end: book.of(made).state(now) for end, (made, _) in lived.diary.disputes.items()}
    assert states == {state.value: state for state in (State.UPHELD, State.REJECTED, State.EXPIRED)}
    _, day = lived.diary.disputes["upheld"]
    run = runs_by_day(lived)[date.fromisoformat(day)][-1]
    assert run.settled > 0, "the dispute's run changed nothing"
    with lived.community.reading() as connection:
        made = derived_id("seal", lived.script.origin, "DF", day)
        position = log_store.has_statement(connection, lived.community.writer.community, made)
        entry = log_store.fact_at(connection, lived.community.writer.community, position)
    assert Statement.decode(entry.envelope).body["dispute"] == lived.diary.disputes["upheld"][0]


def every_line_and_sum_is_what_simpler_code_says(lived: Lived) -> None:
    """Every line of every run, and the sums of all postings, are what plain Python makes of the deliveries."""
    found = compare(lived)
    assert not found.different, (len(found.different), found.different[:5])
    assert not found.unexplained, "a half-hour is another one, and no wallet was empty"
    assert differing_sums(lived, found) == []
    assert found.charges_moved >= 0
    # The cases that this is about did occur.
    assert min(found.days_capped, found.lost_wh, found.estimated, found.flows["sold"]) > 0
    assert (found.silent > 0) == (lived.script.rates.dead > 14)


def debts_were_made_repaid_and_bridged(lived: Lived) -> None:
    """No wallet was ever below its limit; debts, the fund's help and claims that waited occurred, and ended."""
    books = read_books(lived)
    assert books.below == []
    assert books.wrong_funds == []
    assert any(until is not None for _, _, until, _ in books.debts), "no debt was repaid"
    assert any(until is not None for _, _, until, _ in books.claims), "nobody waited for money"
    assert books.fund_lowest == lived.script.fund_floor_units, "the fund was not used up"


def every_day_sold_what_it_bought(lived: Lived) -> None:
    """In every run, half-hour and seal, what was sold is what was bought."""
    community = lived.community
    zone = load_zone(lived.zone)
    with community.reading() as connection:
        ledger = community.writer.ledger
        for day, runs in runs_by_day(lived).items():
            sums: Counter[str] = Counter()
            for run in runs:
                nets = store.nets_of_run(connection, ledger, str(day), run.code)
                assert sum(n.change.sold_wh - n.change.bought_wh for n in nets) == 0
                charges = sum(n.change.bought_units - n.change.sold_units for n in nets)
                assert charges == sum(n.change.bought_wh for n in nets) * CHARGE_TICKS
                sums["sold"] += sum(net.change.sold_wh for net in nets)
            found = store.lines_by_period(connection, ledger, of_local_day(day, zone))
            for lines in found.values():
                assert sum(x.sold_wh - x.bought_wh for x in lines.values()) == 0
                sums["now"] += sum(line.sold_wh for line in lines.values())
            assert sums["sold"] == sums["now"] == runs[-1].matched_wh, day


REPRODUCED_DAYS_MAX = 40
"""Days of which each run is made again, at random and seeded: clearing all of a year takes minutes."""


def every_run_reproduces(lived: Lived) -> int:
    """Each run of some days, the disputed one among them, is made again byte for byte from what was known then."""
    count, found = 0, runs_by_day(lived)
    days = random.Random(7).sample(lived.days, min(len(lived.days), REPRODUCED_DAYS_MAX))
    disputed = date.fromisoformat(lived.diary.disputes["upheld"][1])
    with lived.community.reading() as connection:
        for day, runs in ((day, found[day]) for day in sorted({*days, disputed})):
            for run in runs:
                again = reproduce(lived.community, connection, day, run.code)
                assert again.same, (day, run.code, again.difference)
                count += 1
    return count


def a_stranger_finds_the_log_sound(lived: Lived) -> dict:
    """A stranger with the bundle and the log's key, in a process of its own, finds all of it sound."""
    bundle = lived.folder / "bundle"
    if not bundle.exists():
        export_bundle(lived.community, bundle)
    vkey = (bundle / "log.vkey").read_text(encoding="utf-8").strip()
    command = [sys.executable, "-m", "settlement.audit", str(bundle), "--vkey", vkey, "--json"]
    root = Path(__file__).parents[2]
    answer = subprocess.run(
        [*command, "--processes", "1"],
        capture_output=True,
        text=True,
        check=False,
        cwd=root,
        env={**os.environ, "PYTHONPATH": str(root)},
    )
    assert answer.returncode == 0, answer.stdout[-2000:] + answer.stderr[-2000:]
    report = json.loads(answer.stdout)
    assert report["verdict"] == "sound"
    return report


def the_ledger_checks_itself(lived: Lived) -> None:
    """The ledger's own replay, and the history of every account, agree with the balances."""
    community = lived.community
    with community.reading() as connection:
        ledger = community.writer.ledger
        report = check_ledger(connection, community.writer.community)
        assert report.failure is None, report.failure
        for account, balance in ledger.balances(connection).items():
            number = ledger.chart.number_of(connection, account)
            posted = history.balance_at(connection, ledger.community, number)
            assert posted == balance.posted


def other_programs_agree(lived: Lived) -> None:
    """The programs hledger and Beancount accept the journal, and have our balances."""
    community = lived.community
    with community.reading() as connection:
        found = community.writer.ledger.balances(connection)
    ours = as_they_say({name: balance.posted for name, balance in found.items()})
    for says in (hledger_says, beancount_says):
        assert says(community.writer.database, community.writer.ledger, lived.folder) == ours


def months_of(lived: Lived) -> list[str]:
    """Return every local month in which anything was posted."""
    last = lived.days[-1] + timedelta(days=DISPUTE_DAYS + 10)
    days = ((last - lived.days[0]).days + 1) * [lived.days[0]]
    return sorted({str(day + timedelta(days=at))[:7] for at, day in enumerate(days)})


def every_statement_closes(lived: Lived) -> int:
    """Every member's every month closes, in units and as printed; none that was read changed; all sum to zero."""
    months, community, count = months_of(lived), lived.community, 0
    with community.reading() as connection:
        closing = dict.fromkeys(lived.members.values(), 0)
        for month in months:
            moved = 0
            for member in lived.members.values():
                made = household_statement(community, connection, member, month)
                assert made.opening_units == closing[member], (month, member)
                _closes(made)
                _closes(at_printed_precision(made))
                moved += made.closing_units - made.opening_units
                closing[member] = made.closing_units
                before = lived.diary.closings.get((month, member), made.closing_units)
                assert made.closing_units == before, (month, member, "changed after it was read")
                count += 1
            theirs = _community_moved(lived, connection, month)
            assert moved + theirs == 0, (month, moved, theirs)
        assert len(lived.diary.closings) >= len(lived.members) * 3
        books = community.writer.ledger.balances(connection)
        for member, units in closing.items():
            assert books[f"member/{member}/wallet {lived.asset}"].posted == units
    return count


def _closes(made: HouseholdStatement) -> None:
    total = made.total
    lines = total.sold_units - total.bought_units - total.given_units
    lines += made.adjusted_units - made.claim_units + made.paid_units
    assert made.opening_units + lines == made.closing_units, (made.member, made.month)


def _community_moved(lived: Lived, connection, month: str) -> int:
    """Return what the community's money accounts, and all claims, moved by in a month."""
    periods = of_local_month(month, load_zone(lived.zone))
    ledger, asset = lived.community.writer.ledger, lived.asset
    ledger.chart.load(connection)
    names = [account(asset) for account in (fees, network, fund, carried, reserve)]
    names += [name for name in ledger.chart.numbers if "/receivable " in name]
    names.append(pool("street", asset))
    moved = 0
    for name in {*names}:
        number = ledger.chart.numbers.get(name)
        if number is not None:
            ends = (
                history.balance_at(connection, ledger.community, number, at)
                for at in (periods.start, periods.stop)
            )
            before, after = ends
            moved += after - before
    return moved


CHECKS = (
    every_kind_of_fault_came,
    every_due_run_was_made_and_sealed,
    disputes_end_as_they_should,
    every_line_and_sum_is_what_simpler_code_says,
    debts_were_made_repaid_and_bridged,
    every_day_sold_what_it_bought,
    every_run_reproduces,
    a_stranger_finds_the_log_sound,
    the_ledger_checks_itself,
    other_programs_agree,
    every_statement_closes,
)
"""All of them, in the order of a report."""
