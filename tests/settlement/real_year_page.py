"""The page of the real year, written from its figures: `docs/real-year.md`.

>>> table(["what", "how many"], [["days", "366"]]).splitlines()[1]
'| --- | ---: |'
"""

from collections.abc import Iterable, Sequence
from datetime import timedelta

from ledger.primitives.money import format_money
from tests.settlement.real_year_checks import REPRODUCED_DAYS_MAX
from tests.settlement.real_year_faults import Rates
from tests.settlement.real_year_figures import Figures, quantile
from tests.settlement.real_year_lived import DISPUTE_DAYS, FLOOR_UNITS, Lived

PENNY = 100_000
ONE_DAY = timedelta(days=1)
TIMES = "## What it took"
"""The heading after which figures are of one machine and one day."""

HEAD = """\
# A real year: seventeen homes

Seventeen metered single-family homes in Fontana, California, from 31 July 2016 to 31 July 2017,
all with solar panels (one array nearly idle). Source: the CityLearn challenge 2022 data (MIT
licence, copyright 2020 Jose Ramon Vazquez-Canteli, Intelligent Environments Laboratory), hourly;
each hour is split into two half-hours, so this shows settlement over a year and is **not** a claim
about half-hourly matching. The file is not part of this project.

The homes' readings are real. What goes wrong with them on this page is not: faults are injected with a
seed, so that each kind is met many times. Every figure is written by a script; a test lives the year again
and compares.

![What went wrong, and what later runs moved](real-year-runs.svg)
"""

TRUE = """
## What the homes did

With every reading in time and money enough for everybody, at 24.50p from and 4.10p to the grid:

"""

SHARED_PRICE = """
![Used and sold by month](real-year.svg)

Sellers get 14.20p and buyers pay 14.40p, the middle between the two tariffs and a charge of 0.20p, so nobody is
worse off.
"""

FAULTS = """
## What went wrong

Each meter-day (a home's local day, import and export) has at most one fault. Rates and their reasons are
constants of `tests/settlement/real_year_faults.py`.

"""

FAULT_ROWS = (
    ("in time", "came the next morning"),
    ("late", "came {late_days[0]} to {late_days[1]} days later: after SF, or after R1"),
    ("too late", "came after RF had closed the day"),
    ("missing hours", "lost {hours_long[0]} to {hours_long[1]} half-hours of a channel for good"),
    ("missing day", "never came"),
    ("missing fortnight", "never came, {fortnight} days of one home"),
    ("dead meter", "never came: the meter died {dead} days before the end"),
    (
        "corrected half-hours",
        "wrong in up to {wrong_long[1]} half-hours, and then a higher version",
    ),
    ("corrected days", "the meter company's flat estimate, and then what was read"),
    ("worse later", "came as read, and later as the company's estimate, which does not count"),
    ("old version again", "of these, the old version came once more after the new one"),
    (
        "swapped days",
        "import and export swapped, {swap} days of {swaps} homes, put right weeks later",
    ),
    ("delivered twice", "came again weeks later"),
    ("out of order", "the afternoon came a day before the morning"),
)

MONEY = """
Two homes may not go below zero and give away what they earn every week; they are those that are swapped. One,
whose array is nearly idle, lives on pocket money of {pocket} a month; all others may go {rich} below zero. The
help fund may go {fund} below zero, and gets a standing gift of {gift} a month from one home.
"""

PROVES = """
## What was checked

All of it by `tests/settlement/test_real_year_lived.py`, and the same checks on ten made-up days of three homes
wherever the tests run:

{checks}

## What this proves, and what not

It proves that one year of real homes, with faults that are not rare, comes out the same by the product and by
a few screens of plain Python that share no code with it (`real_year_oracle.py`); that each run can be made again from what
was known; and that a stranger with the bundle finds it sound.

- The faults are ours: kinds, rates and places are chosen, and no year of a real meter network stands behind
  them. No register advances and no holidays are in it.
- Our own estimates are taken from the log, and not worked out a second time, and so is when each run was made.
  What each day's money was is taken from the log and compared with the wallets.
- One price rule, one feeder, no losses, no agreements, no shares, and orders at the tariffs: other tests have those.
- One process on SQLite. Nothing is killed and nobody is hostile here: other tests do that.
- Runs are made again for {reproduced} days at random, not for all, to save minutes.
"""

COMMANDS = """
## Without faults, by commands

```sh
export COMMONWATT_DATABASE_URL=sqlite:///fontana/fontana.sqlite
alias commonwatt=.venv/bin/commonwatt
commonwatt db upgrade
commonwatt community create "Fontana 17" --origin fontana.example/ledger/1 \\
    --zone Etc/GMT+8 --currency FON --replay-from 2016-07-31 --credit-limit 5000
commonwatt member add --file docs/examples/seventeen-homes.csv
commonwatt meters import fontana17_halfhourly_wh_derived.csv --format wide-csv --zone Etc/GMT+8
commonwatt settle --day 2016-07-31 --through 2017-07-31
commonwatt audit export fontana.zip
commonwatt audit verify fontana.zip    # it prints the key to compare
```

The limit of 5,000 pounds below zero is there because nobody pays in during a replay; with a tight limit a
home's purchases are capped at what it can pay, and less is matched. The first local day holds one hour and the
last one twenty-three; the other half-hours of those days are missing, and `settle` says so.

With faults, and this page anew: `python -m tests.settlement.real_year_report`.
"""


def page(lived: Lived, figures: Figures, checks: Iterable[str], seconds: dict[str, float]) -> str:
    """Return the whole page."""
    parts = [
        HEAD,
        TRUE,
        _true(figures),
        SHARED_PRICE,
        FAULTS,
        _faults(lived),
        _met(figures),
        _money(lived),
        _runs(figures),
        _months(figures),
        _debts(figures),
        _disputes(lived),
        PROVES.format(
            checks="\n".join(f"- {words}" for words in checks),
            reproduced=REPRODUCED_DAYS_MAX,
        ),
        f"\n{TIMES}\n\n",
        _times(figures, seconds),
        COMMANDS,
    ]
    return "".join(parts)


def _true(figures: Figures) -> str:
    true, flows = figures.true, figures.true.flows
    alone, together = sum(true.alone.values()), sum(true.together.values())
    gains = [true.alone[member] - true.together[member] for member in true.alone]
    return table(
        ["", ""],
        [
            ["used by the homes", wh(true.used)],
            ["made by their roofs", wh(true.made)],
            ["used under the own roof within the half-hour", wh(flows["own"])],
            ["**matched between neighbours**", f"**{wh(flows['matched'])}**"],
            ["bought from the grid", wh(flows["from_grid"])],
            ["sold to the grid", wh(flows["to_grid"])],
            ["self-sufficiency, each home alone", per_cent(flows["own"], true.used)],
            [
                "self-sufficiency, matched",
                per_cent(flows["own"] + flows["matched"], true.used),
            ],
            ["all bills, each home alone", format_money(alone)],
            ["all bills, matched, with the charge", format_money(together)],
            ["better off together, after the charge", format_money(alone - together)],
            [
                "better off, the home that gains least and most",
                f"{format_money(min(gains))} and {format_money(max(gains))}",
            ],
        ],
    )


def _faults(lived: Lived) -> str:
    counts, fields = lived.plan.counts, vars(Rates())
    rows = [[name, f"{counts[name]:,}", words.format(**fields)] for name, words in FAULT_ROWS]
    report = lived.diary.intake
    return table(["meter-days", "how many", "what happened"], rows, left=(0, 2)) + (
        f"\nThe intake took {report.accepted:,} readings as new and {report.corrected:,} as another version, "
        f"dropped {report.identical:,} that it knew, and signed {report.batches:,} batches.\n"
    )


def _money(lived: Lived) -> str:
    purses = [*lived.script.purses.values()]
    return MONEY.format(
        pocket=format_money(max(purse.pocket_units for purse in purses)),
        rich=format_money(-FLOOR_UNITS),
        fund=format_money(-lived.script.fund_floor_units),
        gift=wh(max(purse.gives_wh for purse in purses)),
    )


def _met(figures: Figures) -> str:
    found = figures.compared
    return (
        f"In the end our own estimates stand for {found.estimated:,} half-hours of a channel, and "
        f"{found.silent:,} counted as nothing because the meter had been silent for 14 days.\n"
    )


def _runs(figures: Figures) -> str:
    rows = [
        [
            code,
            f"{one.made:,}",
            f"{one.days:,}",
            f"{one.half_hours:,}",
            wh(one.wh),
            format_money(one.units),
        ]
        for code, one in figures.runs.items()
    ]
    found = figures.compared
    return (
        "\n## What the runs made of it\n\n"
        "Each morning what was due was made: II the next day, SF after 7 days, R1 after 30, RF after 90.\n\n"
        + table(["run", "made", "days changed", "half-hours", "bought, up and down", "moved"], rows)
        + "\nMoney moved is what one side of all members gained by the run, and the other lost. "
        f"All runs together posted {figures.books.transfers:,} transfers under {figures.entries:,} log entries.\n\n"
        "The sum of all runs was compared with one run that knows all readings at once and in which everybody "
        f"has money enough. It is the same in every half-hour, but for those in which a wallet was empty: "
        f"{found.capped[0]:,} orders on {found.days_capped} days were cut, and "
        f"{wh(found.lost_wh)} less was matched by it.\n"
    )


def _months(figures: Figures) -> str:
    units = sorted(abs(changed) for changed, _ in figures.months)
    parts = sorted(1000 * abs(changed) // traded for changed, traded in figures.months if traded)
    bounds = ((0, "not at all"), (PENNY, "by up to a penny"), (10 * PENNY, "by up to 10p"))
    bounds += ((100 * PENNY, "by up to £1"), (10**18, "by more"))
    rows, below = [], -1
    for bound, words in bounds:
        rows.append([words, f"{sum(below < each <= bound for each in units):,}"])
        below = bound
    return (
        "\n## How much a month changed after SF\n\n"
        f"Of {len(units)} months of a member, by what was due for the days in it:\n\n"
        + table(["changed", "months"], rows)
        + f"\nThe median change is {format_money(quantile(units, 0.5))}, nine of ten are within "
        f"{format_money(quantile(units, 0.9))}, and the largest is {format_money(units[-1])}. As a part of what was "
        f"traded in the month, the median is {permille(quantile(parts, 0.5))} and nine of ten are within "
        f"{permille(quantile(parts, 0.9))}.\n"
    )


def _debts(figures: Figures) -> str:
    long = [each for each in figures.debts if each[2] is None or each[2] - each[1] > ONE_DAY]
    short = [each for each in figures.debts if each not in long]
    rows = [
        [home, str(since), "not yet" if until is None else str(until), format_money(most)]
        for home, since, until, most in long
    ]
    waits, lowest = figures.waits, format_money(figures.books.fund_lowest)
    repaid = [until for _, _, until, _ in waits if until is not None]
    words = [
        (
            f"{len(short)} more debts, of at most {format_money(max((s[3] for s in short), default=0))}, were repaid on "
            "the same day or the next."
        ),
        (
            f"The fund paid for debtors down to its floor, {lowest}. Beyond it, neighbours waited {len(waits)} times, "
            f"for at most {format_money(max(most for *_, most in waits))} each; {len(repaid)} of these are paid."
        ),
    ]
    moved = figures.compared.charges_moved
    if moved:
        words.append(
            f"Charges of {format_money(moved)} bridged debts too: repaid, they are the fund's."
        )
    if len(rows) > len([each for each in long if each[2] is not None]):
        words.append(
            "What is not paid yet waits for a run that changes something: after the last one there is none."
        )
    head = ["home that owed", "since", "repaid", "at most"]
    return "\n## Who owed, and who waited\n\n" + table(head, rows) + "\n" + "\n".join(words) + "\n"


def _disputes(lived: Lived) -> str:
    disputes, closed = lived.diary.disputes, len(lived.diary.closed)
    return (
        f"\n## What came after RF\n\n{closed} meter-days came after RF had closed the day. No run took them in. About "
        f"that of {disputes['upheld'][1]} a dispute was upheld, and DF worked the day out anew; one about "
        f"{disputes['rejected'][1]} was rejected, and nothing changed. A third, about {disputes['expired'][1]}, nobody "
        f"decided: after {DISPUTE_DAYS} days it was expired, and a ruling was refused.\n"
    )


def _times(figures: Figures, seconds: dict[str, float]) -> str:
    rows = [[step, f"{each:,.0f} s"] for step, each in seconds.items() if each >= 1]
    rows.append(["all", f"{sum(seconds.values()):,.0f} s"])
    return (
        "Seconds of a processor, one process on shared cores, SQLite with full synchronisation:\n\n"
        + table(["step", "time"], rows)
    )


def table(head: Sequence[str], rows: Iterable[Sequence[str]], left: Sequence[int] = (0,)) -> str:
    """Return a table: words left, figures right."""
    rule = ["---" if at in left else "---:" for at in range(len(head))]
    return "".join(f"| {' | '.join(cells)} |\n" for cells in (head, rule, *rows))


def wh(amount: int) -> str:
    """Write Wh."""
    return f"{amount:,} Wh"


def per_cent(part: int, whole: int) -> str:
    """Write a part of a whole."""
    return f"{100 * part / whole:.1f} %"


def permille(part: int) -> str:
    """Write thousandths."""
    return f"{part / 10:.1f} %"
