"""Balances of the past, pages of an account, and the verified replay."""

import random
import statistics
import time
from collections.abc import Callable, Iterator
from itertools import islice

from sqlalchemy import Connection

from ledger import history
from ledger.check import check_ledger
from tests.bench.rivals import Move
from tests.bench.streets import PERIOD, MeasuredLedger, engines_here, fresh_database

HEADER = (
    "| engine | account | balance at a half-hour | as known at a time | adding up "
    "| times faster | first page of 50 |"
)
TRANSFERS = 500_000
"""A million postings."""

ACCOUNTS = 1_000
PERIODS = 17_520
QUESTIONS = 200


def hot_moves() -> Iterator[Move]:
    """Yield moves of which every one touches account 0: the hardest account to look back in."""
    dice = random.Random(3)
    for index in range(TRANSFERS):
        other = 1 + dice.randrange(ACCOUNTS - 1)
        yield (0, other, 5) if index % 2 else (other, 0, 5)


def median_ms(work: Callable[[int], object]) -> float:
    """Return the median milliseconds of some questions."""
    times = []
    for question in range(QUESTIONS):
        begun = time.perf_counter()
        work(question)
        times.append(time.perf_counter() - begun)
    return 1000 * statistics.median(times)


def by_adding(connection: Connection, community: int, account: int, end: int) -> int:
    """Add an account's postings up, with an index by account and half-hour: the usual way."""
    query = "SELECT sum(amount) FROM plain_posting WHERE account = {} AND effective < {}"
    return int(connection.exec_driver_sql(query.format(account, end)).scalar() or 0)


def reading_section() -> list[str]:
    """Return the page's section on looking back."""
    reads, replays = [], []
    for engine in [name for name in engines_here() if name != "SQLite NORMAL"]:
        with fresh_database(engine) as (database, _):
            ledger = MeasuredLedger(database, ACCOUNTS)
            moves = hot_moves()
            while some := list(islice(moves, 1_000)):
                batch = ledger.batch(some, PERIODS)
                with database.write() as connection:
                    ledger.store.lock(connection)
                    ledger.store.post(connection, [batch], ledger.batches * 60_000)
            plain_postings(ledger)
            reads += _reads(engine, ledger)
            with database.read() as connection:
                report = check_ledger(connection, ledger.store.community, with_log=False)
            if report.failure:
                raise SystemExit(f"the benchmark's own check failed: {report.failure}")
            replays.append(f"| {engine} | {TRANSFERS:,} | {report.transfers_per_second:,.0f} |")
            print("\n".join([*reads, *replays]))
    return [
        "## Looking back",
        "",
        f"A year of half-hours, {2 * TRANSFERS:,} postings over {ACCOUNTS:,} accounts; the hot",
        "account has half of them. *Adding up* sums a plain table of postings with an index by",
        f"account and half-hour. Medians of {QUESTIONS} random questions, in milliseconds. Wanted:",
        "under 1 ms.",
        "",
        HEADER,
        "| --- | --- | ---: | ---: | ---: | ---: | ---: |",
        *reads,
        "",
        "`commonwatt ledger check` replays every transfer and compares hashes, rules, limits at",
        "every step, balances and history (`--no-log`: statements are not opened). Wanted: 300,000",
        "transfers a second.",
        "",
        "| engine | transfers | checked a second |",
        "| --- | ---: | ---: |",
        *replays,
    ]


def plain_postings(ledger: MeasuredLedger) -> None:
    """Make the rival's table."""
    with ledger.database.write() as connection:
        connection.exec_driver_sql(
            "CREATE TABLE plain_posting AS"
            " SELECT debit AS account, effective, -amount AS amount FROM transfer"
            " UNION ALL SELECT credit, effective, amount FROM transfer"
        )
        connection.exec_driver_sql(
            "CREATE INDEX plain_account ON plain_posting (account, effective, amount)"
        )


def _reads(engine: str, ledger: MeasuredLedger) -> list[str]:
    community = ledger.store.community
    dice = random.Random(5)
    ends = [PERIOD + dice.randrange(PERIODS) for _ in range(QUESTIONS)]
    times = [dice.randrange(ledger.batches) * 60_000 for _ in range(QUESTIONS)]
    rows = []
    with ledger.database.read() as connection:
        for name, accounts in (
            ("one of many", [2 + dice.randrange(ACCOUNTS - 1) for _ in ends]),
            ("hot", [1 for _ in ends]),
        ):
            for account, end in zip(accounts[:5], ends, strict=False):
                ours = history.balance_at(connection, community, account, end)
                if ours != by_adding(connection, community, account, end):
                    raise SystemExit("the two ways to add up disagree")
            now = median_ms(
                lambda q, a=accounts: history.balance_at(connection, community, a[q], ends[q])
            )
            known = median_ms(
                lambda q, a=accounts: history.balance_at(
                    connection, community, a[q], ends[q], times[q]
                )
            )
            added = median_ms(lambda q, a=accounts: by_adding(connection, community, a[q], ends[q]))
            page = median_ms(
                lambda q, a=accounts: list(
                    islice(history.entries(connection, community, a[q], after=1_000 * q), 50)
                )
            )
            rows.append(
                f"| {engine} | {name} | {now:.2f} | {known:.2f} | {added:.2f} "
                f"| {added / now:.1f} | {page:.2f} |"
            )
    return rows
