"""The check of a ledger: sound ledgers pass, and an owner who changes one thing is found.

Long because of its tables: one line for each thing that an owner may change.
"""
# ruff: noqa: S608 - statements made of our own words and numbers

import itertools
import json
import random
from contextlib import contextmanager
from dataclasses import replace

import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from ledger import check_columns, history
from ledger.accounts import wallet
from ledger.batches import Batch
from ledger.book import Book, Hold, expiry_of
from ledger.check import check_ledger
from ledger.communities import create_community
from ledger.db import Database
from ledger.log_store import create_log
from ledger.primitives.hashing import tagged_hash
from ledger.primitives.signing import SigningKey
from ledger.records import AMOUNT_MAX, TRANSFER_MAX, Kind, Transfer, content_hash
from ledger.store import LedgerStore
from ledger.tables import BatchRow, TransferRow
from settlement.enrol import pay
from settlement.run import settle_day
from tests.engines import fresh_url
from tests.ledger.books import ADA, BEN, FUND, LIMITS, PERIOD, RESERVE, hold, id_of, move
from tests.prepared import DAY, found, reopen
from wallet_api.cli.app import run
from wallet_api.database import APPEND_ONLY, upgrade

ENGINES = ["sqlite", pytest.param("postgresql", marks=pytest.mark.postgresql)]
HALF_HOUR_MS = 1_800_000
START_MS = PERIOD * HALF_HOUR_MS
COUNT = itertools.count()
CHECKS = ["reading", "numbering", "content", "rules", "limits", "balances", "history", "log"]


def check(database, community, *, with_log=True):
    with database.read() as connection:
        return check_ledger(connection, community, with_log=with_log)


class Undo(Exception):  # noqa: N818 - ends a transaction, nothing went wrong
    pass


@contextmanager
def insider(database):
    """A write transaction of an owner who dropped the guards; nothing of it is kept."""
    with pytest.raises(Undo), database.write() as connection:  # noqa: PT012 - the test is inside
        for table in (*APPEND_ONLY, "balance", "fact"):
            if database.dialect == "sqlite":
                names = connection.scalars(
                    text("SELECT name FROM sqlite_master WHERE type = 'trigger' AND tbl_name = :t"),
                    {"t": table},
                ).all()
                for name in names:
                    connection.execute(text(f"DROP TRIGGER {name}"))
            else:
                connection.execute(text(f"ALTER TABLE {table} DISABLE TRIGGER ALL"))
        for table in ("transfer", "balance"):
            if database.dialect == "sqlite":
                connection.exec_driver_sql("PRAGMA ignore_check_constraints=ON")
            else:
                names = connection.scalars(
                    text(
                        "SELECT conname FROM pg_constraint WHERE contype = 'c'"
                        " AND conrelid = CAST(:t AS regclass)"
                    ),
                    {"t": table},
                ).all()
                for name in names:
                    connection.execute(text(f"ALTER TABLE {table} DROP CONSTRAINT {name}"))
        yield connection
        raise Undo


def told(connection, community, sentence, stage, *, with_log=True):
    report = check_ledger(connection, community, with_log=with_log)
    assert report.failed == stage, report.failure
    assert sentence in report.failure
    assert report.failure.endswith((".", "sound."))
    assert "keep a copy" in report.failure.lower()
    names = [s.name for s in report.stages]
    at = names.index(stage)
    assert [s.passed for s in report.stages] == [True] * at + [False] + [None] * (
        len(names) - at - 1
    )
    return report


# A settled street.


@pytest.fixture(scope="module", params=ENGINES)
def street(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp("check")
    patch = pytest.MonkeyPatch()
    patch.setattr(history, "CHUNK_TRANSFERS", 64)
    with fresh_url(request.param, folder) as url:
        found(url, folder / "keys").writer.database.close()
        community = reopen(url, folder / "keys")
        settle_day(community, DAY)
        ada, ben, *_ = sorted(community.state.members)
        pay(community, ada, ben, 5, "bread")
        yield community
        community.writer.database.close()
    patch.undo()


def test_a_settled_street_is_sound(street):
    seen = []
    with street.writer.database.read() as connection:
        report = check_ledger(
            connection,
            street.writer.community,
            progress=lambda stage, done, total: seen.append((stage, done, total)),
        )
    assert report.failure is None
    assert [stage.name for stage in report.stages] == CHECKS
    assert all(stage.passed and stage.count for stage in report.stages)
    assert report.transfers_per_second > 0
    assert seen[-1] == ("transfers", report.transfers, report.transfers)


# Each change, the check that finds it, and what it says. `{c}` is the community.
T, B, H, L = (
    "UPDATE transfer SET",
    "UPDATE batch SET",
    "UPDATE history SET",
    "UPDATE limit_change SET",
)
ONE = "WHERE community = {c} AND number = 100"
TWO = "WHERE community = {c} AND number = 2"
LAST = "WHERE community = {c} AND number = (SELECT max(number) FROM {t} WHERE community = {c})"
BLOB16 = "{x}00112233445566778899aabbccddeeff'"
FULL = "(SELECT max(chunk) FROM history WHERE community = {c})"
ANY_ROW = f"WHERE community = {{c}} AND chunk = {FULL} AND account = (SELECT min(account) FROM history WHERE community = {{c}} AND chunk = {FULL})"

FORGERIES = {
    "transfer number": (f"{T} number = 100000 {ONE}", "numbering", "Transfer 100 of batch"),
    "transfer below": (f"{T} number = 0 WHERE community = {{c}} AND number = 1", "numbering", "Transfer 1 of batch 1"),
    "transfer id": (f"{T} id = {BLOB16} {ONE}", "content", "content hash"),
    "transfer batch": (f"{T} batch = batch + 1 {ONE}", "numbering", "Transfer 100 (id"),
    "transfer kind": (f"{T} kind = 1 {ONE}", "content", "content hash"),
    "transfer debit": (f"{T} debit = debit + 1 {ONE}", "content", "content hash"),
    "transfer credit": (f"{T} credit = 1 {ONE}", "content", "content hash"),
    "transfer amount": (f"{T} amount = amount + 1 {ONE}", "content", "content hash"),
    "transfer effective": (f"{T} effective = effective - 1 {ONE}", "content", "content hash"),
    "transfer original": (f"{T} original = {BLOB16} {ONE}", "content", "content hash"),
    "transfer expires": (f"{T} expires = 4000000 {ONE}", "content", "content hash"),
    "transfer gone": ("DELETE FROM transfer " + ONE, "numbering", "Transfer 100 of batch"),
    "transfer last gone": ("DELETE FROM transfer " + LAST.replace("{t}", "transfer"), "numbering", "is missing"),
    "transfer added": (
        "INSERT INTO transfer SELECT community, number + 1, {x}00112233445566778899aabbccddeeff', batch, 1, debit,"
        " credit, amount, effective, NULL, NULL FROM transfer " + LAST.replace("{t}", "transfer"),
        "numbering", "belongs to no batch",
    ),
    "batch number": (f"{B} number = 99999 {TWO}", "numbering", "Batch 3 (id"),
    "batch id": (f"{B} id = {BLOB16} {TWO}", "log", "have different ids"),
    "batch content": (f"{B} content = {{x}}{'00' * 32}' {TWO}", "content", "Batch 2 (id"),
    "batch position": (f"{B} position = position + 1 {TWO}", "log", "log position"),
    "batch position back": (f"{B} position = 0 {TWO}", "numbering", "before that of the batch"),
    "batch recorded_at": (f"{B} recorded_at = recorded_at + 9999999 {TWO}", "numbering", "recorded before"),
    "batch recorded early": (f"{B} recorded_at = recorded_at - 1 WHERE community = {{c}} AND number = 1", "log", "do not agree on the time"),
    "batch period": (f"{B} period = period + 1 {TWO}", "numbering", "half-hour"),
    "batch period of the first": (f"{B} period = period - 1 WHERE community = {{c}} AND number = 1", "log", "do not agree on the half-hour"),
    "batch first": (f'{B} "first" = "first" + 1 {TWO}', "numbering", "first transfer"),
    "batch count": (f'{B} "count" = "count" - 1 {TWO}', "numbering", "Batch 3 (id"),
    "batch count huge": (f'{B} "count" = 9007199254740991 {TWO}', "numbering", "batch 2"),
    "batch count negative": (f'{B} "count" = -1 {TWO}', "numbering", "negative"),
    "batch statuses": (f"{B} statuses = {{x}}0001{'00' * 32}' {TWO}", "content", "its statuses say"),
    "batch gone": ("DELETE FROM batch " + LAST.replace("{t}", "batch"), "numbering", "belongs to no batch"),
    "balance account": ("UPDATE balance SET account = 999 WHERE community = {c} AND account = 3", "balances", "has no row"),
    "balance posted": ("UPDATE balance SET posted = posted + 1 WHERE community = {c} AND account = 6", "balances", "has posted"),
    "balance out": ("UPDATE balance SET pending_out = 1 WHERE community = {c} AND account = 6", "balances", "pending_out 1, and"),
    "balance in": ("UPDATE balance SET pending_in = 1 WHERE community = {c} AND account = 6", "balances", "pending_in 1, and"),
    "balance floor": ("UPDATE balance SET floor = -5 WHERE community = {c} AND account = 2", "balances", "floor -5, and"),
    "balance floor none": ("UPDATE balance SET floor = NULL WHERE community = {c} AND account = 2", "balances", "floor none, and"),
    "balance ceiling": ("UPDATE balance SET ceiling = 5 WHERE community = {c} AND account = 1", "balances", "ceiling 5, and"),
    "balance version": ("UPDATE balance SET version = -1 WHERE community = {c} AND account = 1", "balances", "version"),
    "balance gone": ("DELETE FROM balance WHERE community = {c} AND account = 4", "balances", "has no row"),
    "balance added": ("INSERT INTO balance SELECT community, 999, 0, 0, 0, NULL, NULL, 0 FROM balance WHERE community = {c} AND account = 1", "balances", "account 999"),
    "limit number": (f"{L} number = 99 {TWO}", "limits", "Limit change 3"),
    "limit account": (f"{L} account = 1 WHERE community = {{c}} AND number = 1", "balances", "The balance of community/fees"),
    "limit account nobody": (f"{L} account = 99 {TWO}", "limits", "not there"),
    "limit floor": (f"{L} floor = floor - 5 {TWO}", "balances", "floor"),
    "limit floor above": (f"{L} floor = 5 {TWO}", "limits", "below its floor of 5"),
    "limit ceiling": (f"{L} ceiling = 5 {TWO}", "limits", "above its ceiling of 5"),
    "limit ceiling far": (f"{L} ceiling = {AMOUNT_MAX} {TWO}", "balances", "ceiling"),
    "limit batch": (f"{L} batch = 1 WHERE community = {{c}} AND number = 1", "limits", "counts before"),
    "limit batch to come": (f"{L} batch = 9999 " + LAST.replace("{t}", "limit_change"), "limits", "not there"),
    "limit position": (f"{L} position = 99999 {TWO}", "limits", "log position"),
    "limit recorded_at": (f"{L} recorded_at = recorded_at + 9999999999 {TWO}", "limits", "recorded after"),
    "limit recorded early": (f"{L} recorded_at = 0 {TWO}", "limits", "before its account"),
    "limit gone": ("DELETE FROM limit_change " + LAST.replace("{t}", "limit_change"), "balances", "floor"),
    "history chunk": (f"{H} chunk = 999 {ANY_ROW}", "history", "nothing stands"),
    "history chunk more": ('INSERT INTO history SELECT community, 999, account, effective, total, "first", "last" FROM history WHERE community = {c} LIMIT 1', "history", "chunk 999"),
    "history account": (f"{H} account = 999 {ANY_ROW}", "history", "nothing stands"),
    "history effective": (f"{H} effective = effective - 1000 {ANY_ROW}", "history", "and nothing follows"),
    "history effective odd": (f"{H} effective = -effective {ANY_ROW}", "history", "nothing follows"),
    "history total": (f"{H} total = total + 1 {ANY_ROW}", "history", "follows from the transfers"),
    "history first": (f'{H} "first" = "first" - 1 {ANY_ROW}', "history", "follows from the transfers"),
    "history last": (f'{H} "last" = "last" + 1 {ANY_ROW}', "history", "follows from the transfers"),
    "history last odd": (f'{H} "last" = 9007199254740991 {ANY_ROW}', "history", "follows from the transfers"),
    "history gone": (f"DELETE FROM history {ANY_ROW}", "history", "nothing stands"),
    "account name": ("UPDATE account SET name = 'grid/import BRM/7' WHERE community = {c} AND number = 4", "content", "content hash"),
    "account gone": ("DELETE FROM account WHERE community = {c} AND number = 4", "numbering", "Account 4 is missing"),
    "statement gone": ("DELETE FROM statement WHERE community = {c} AND kind = 'hold'", "log", "no statement"),
    "statement id": ("UPDATE statement SET id = 'ff' WHERE community = {c} AND kind = 'hold'", "log", "different ids"),
    "statement kind": ("UPDATE statement SET kind = 'seal' WHERE community = {c} AND kind = 'transfer'", "log", "no statement"),
    "statement more": ("UPDATE statement SET kind = 'transfer' WHERE community = {c} AND kind = 'seal'", "log", "has no batch"),
    "fact detail": ("UPDATE fact SET detail = NULL WHERE community = {c} AND position IN (SELECT position FROM statement WHERE community = {c} AND kind = 'hold')", "log", "no seed"),
    "fact salt": ("UPDATE fact SET salt = {x}00112233445566778899aabbccddeeff' WHERE community = {c} AND position IN (SELECT position FROM statement WHERE community = {c} AND kind = 'transfer')", "log", "commits to"),
}  # fmt: skip


@pytest.mark.parametrize("name", FORGERIES)
def test_an_owner_who_changes_one_thing_is_found(street, name):
    statement, stage, sentence = FORGERIES[name]
    database, me = street.writer.database, street.writer.community
    quote = "x'" if database.dialect == "sqlite" else "'\\x"
    with insider(database) as connection:
        done = connection.exec_driver_sql(statement.format(c=me, x=quote))
        assert done.rowcount
        if name.startswith(("account", "statement")):
            # No content to compare: whichever check it meets first.
            report = check_ledger(connection, me)
            assert report.failure is not None
            assert sentence in report.failure
        else:
            told(connection, me, sentence, stage)
    assert check(database, me).failure is None


def rebuild(connection, store):
    """Make everything that follows from the transfers agree with them again."""
    me = store.community
    quote = "x'{}'" if connection.dialect.name == "sqlite" else "'\\x{}'"
    batches: dict[int, list[Transfer]] = {}
    query = f'SELECT number, "first", "count" FROM batch WHERE community = {me}'
    for number, first, count in connection.exec_driver_sql(query).all():
        batches[number] = [t for t, _ in store.transfers(connection, first, first + count - 1)]
        content = quote.format(content_hash(batches[number]).hex())
        connection.exec_driver_sql(
            f"UPDATE batch SET content = {content} WHERE community = {me} AND number = {number}"
        )
    book = Book()
    for name in store.chart.names.values():
        book.open(name)
    for _, transfers in sorted(batches.items()):
        assert not any(book.apply(transfers, PERIOD * 2))
    for name, balance in book.balances.items():
        connection.exec_driver_sql(
            f"UPDATE balance SET posted = {balance.posted}, pending_out = {balance.pending_out},"
            f" pending_in = {balance.pending_in} WHERE community = {me}"
            f" AND account = {store.chart.numbers[name]}"
        )
    connection.exec_driver_sql(f"DELETE FROM history WHERE community = {me}")
    history.fill(connection, me, 0, sum(map(len, batches.values())))


PAYMENT = "(SELECT max(number) FROM transfer WHERE community = {c})"
CONSISTENT = {
    "energy sent elsewhere": ("UPDATE transfer SET credit = {grid} WHERE community = {c} AND number = {moved}", "are not those that were signed"),
    "payment amount": (f"{T} amount = amount + 1 WHERE community = {{c}} AND number = {PAYMENT}", "other than was signed is its amount"),
    "payment to another": (f"{T} credit = {{cleo}} WHERE community = {{c}} AND number = {PAYMENT}", "its payee"),
    "payment from another": (f"{T} debit = {{cleo}} WHERE community = {{c}} AND number = {PAYMENT}", "its payer"),
    "payment back": (f"{T} debit = credit, credit = debit WHERE community = {{c}} AND number = {PAYMENT}", "its payer and payee"),
    "payment about another time": (f"{T} effective = effective - 1 WHERE community = {{c}} AND number = {PAYMENT}", "its half-hour"),
    "payment id": (f"{T} id = {BLOB16} WHERE community = {{c}} AND number = {PAYMENT}", "its id"),
    "settled amount": (f"{T} amount = amount - 1 WHERE community = {{c}} AND number = {{hold}}", "are not those that were signed"),
    "payment never made": (f"DELETE FROM transfer WHERE community = {{c}} AND number = {PAYMENT}", "has no batch"),
}  # fmt: skip


@pytest.mark.parametrize("name", CONSISTENT)
def test_only_the_log_notices_an_owner_who_makes_everything_agree(street, name):
    statement, sentence = CONSISTENT[name]
    database, store = street.writer.database, street.writer.ledger
    me, numbers = store.community, store.chart.numbers
    _, _, cleo, *_ = sorted(street.state.members)
    asset = street.state.rules_now.asset
    values = {
        "c": me,
        "x": "x'" if database.dialect == "sqlite" else "'\\x",
        "cleo": numbers[wallet(cleo, asset)],
        "grid": numbers["grid/import WH/0"],
    }
    with insider(database) as connection:
        voided = (
            f"SELECT min(number) FROM transfer WHERE community = {me} AND kind = 3 AND amount > 1"
        )
        values["hold"] = connection.exec_driver_sql(voided).scalar()
        taken = (
            f"SELECT max(number) FROM transfer WHERE community = {me} AND kind = 1"
            f" AND debit = {numbers['pool/street WH/0']} AND credit <> {values['grid']}"
        )
        values["moved"] = connection.exec_driver_sql(taken).scalar()
        if name == "settled amount":
            # What the buyer pays less, the fees or a seller get less: the pool stays at zero.
            other = (
                f"SELECT min(number) FROM transfer WHERE community = {me} AND kind = 1 AND"
                f" amount > 1 AND debit = {numbers[f'pool/street {asset}']} AND number > {values['hold']}"
            )
            number = connection.exec_driver_sql(other).scalar()
            connection.exec_driver_sql(
                f"UPDATE transfer SET amount = amount - 1 WHERE community = {me} AND number = {number}"
            )
        assert connection.exec_driver_sql(statement.format(**values)).rowcount
        if name == "payment never made":
            connection.exec_driver_sql(
                f"DELETE FROM batch WHERE community = {me} AND number ="
                f" (SELECT max(number) FROM batch WHERE community = {me})"
            )
        rebuild(connection, store)
        without = check_ledger(connection, me, with_log=False)
        assert without.failure is None
        told(connection, me, sentence, "log")


def test_a_fact_that_is_gone_is_told_as_nothing_erases_yet(street):
    me = street.writer.community
    with insider(street.writer.database) as connection:
        connection.exec_driver_sql(
            f"DELETE FROM fact WHERE community = {me} AND position IN"
            f" (SELECT position FROM statement WHERE community = {me} AND kind = 'transfer')"
        )
        report = check_ledger(connection, me)
        assert "this version erases nothing" in (report.failure or "")
        assert report.erased == 1


def test_bytes_of_another_length_are_told_and_raise_nothing(street):
    me = street.writer.community
    quote = "x'" if street.writer.database.dialect == "sqlite" else "'\\x"
    for table in ("transfer", "batch"):
        with insider(street.writer.database) as connection:
            connection.exec_driver_sql(
                f"UPDATE {table} SET id = {quote}00' WHERE community = {me} AND number = 3"
            )
            told(connection, me, f"The rows of {table}", "numbering")


def test_an_id_twice_is_found_without_the_index(street):
    database, me = street.writer.database, street.writer.community
    if database.dialect == "sqlite":
        return  # the table itself would have to be made again
    with insider(database) as connection:
        name = connection.scalar(
            text(
                "SELECT conname FROM pg_constraint WHERE contype = 'u'"
                " AND conrelid = CAST('transfer' AS regclass)"
            )
        )
        connection.execute(text(f"ALTER TABLE transfer DROP CONSTRAINT {name}"))
        assert check_ledger(connection, me).failure is None
        connection.exec_driver_sql(
            "UPDATE transfer SET id = (SELECT id FROM transfer AS other WHERE"
            f" other.community = {me} AND number = 1) WHERE community = {me} AND number = 9"
        )
        told(connection, me, "have one id", "content")


# Ledgers of all kinds of transfers.


@pytest.fixture(scope="module", params=ENGINES)
def database(request, tmp_path_factory):
    with fresh_url(request.param, tmp_path_factory.mktemp("ledgers")) as url:
        made = Database(url)
        upgrade(made)
        yield made
        made.close()


class Life:
    """A ledger in a database, and the pure book beside it."""

    def __init__(self, database, seed):
        self.database, self.rng = database, random.Random(seed)
        self.now_ms, self.number, self.book = START_MS, 0, Book()
        origin = f"life{next(COUNT)}.example"
        with database.write() as connection:
            self.me = create_community(connection, origin, "Life", START_MS)
            create_log(connection, self.me, origin, SigningKey.from_seed(bytes(32)))
            self.store = LedgerStore(self.me)
            floors = [(account, floor) for account, (floor, _) in LIMITS.items()]
            self.store.chart.open(connection, floors, START_MS)
        for account, floor in floors:
            self.book.open(account, floor)
        self.limit(FUND, 0, 500)

    def limit(self, account, floor, ceiling):
        if self.book.limit(account, floor, ceiling) == 0:
            with self.database.write() as connection:
                chart = self.store.chart
                chart.set_limits(connection, account, floor, ceiling, self.now_ms)

    def post(self, *groups, atomic=True):
        """Post some batches in one transaction."""
        period = self.now_ms // HALF_HOUR_MS
        batches = []
        for group in groups:
            self.number += 1
            batches.append(Batch(id_of(10**9 + self.number), tuple(group), self.number, atomic))
        with self.database.write() as connection:
            answers = self.store.submit(connection, batches, self.now_ms)
        self.book.expire(period)
        for batch, answer in zip(batches, answers, strict=True):
            apply = self.book.apply if batch.atomic else self.book.apply_each
            assert tuple(apply(batch.transfers, period)) == answer.statuses
        return answers

    def step(self):
        rng = self.rng
        self.now_ms += rng.choice((0, 1, 60_000, HALF_HOUR_MS, 3 * HALF_HOUR_MS))
        if rng.random() < 0.15:
            self.limit(rng.choice([ADA, BEN, FUND]), -rng.randint(0, 80), rng.choice([None, 900]))
        groups = [
            [self.transfer() for _ in range(rng.randint(0, 6))] for _ in range(rng.randint(1, 3))
        ]
        self.post(*groups, atomic=rng.random() < 0.5)

    def transfer(self):
        rng, book = self.rng, self.book
        kind = rng.choice([*Kind, Kind.POST, Kind.HOLD, Kind.HOLD, Kind.POST_HOLD])
        debit, credit = rng.sample([ADA, BEN, FUND, RESERVE, RESERVE], 2)
        self.number += 1
        number, period = self.number, self.now_ms // HALF_HOUR_MS
        amount, effective = rng.randint(1, 40), period - rng.randint(0, 3)
        if kind is Kind.HOLD:
            expires = rng.choice([None, period + rng.randint(1, 4)])
            return hold(number, debit, credit, amount, expires=expires)
        if kind in (Kind.POST_HOLD, Kind.VOID_HOLD, Kind.EXPIRE_HOLD) and book.holds:
            key, one = rng.choice(sorted(book.holds.items(), key=lambda item: item[0])[-20:])
            part = rng.randint(1, one.amount) if kind is Kind.POST_HOLD else one.amount
            return Transfer(id_of(number), kind, one.debit, one.credit, part, effective, key)
        moves = [t for t in book.transfers.values() if t.kind in (Kind.POST, Kind.POST_HOLD)]
        if kind in (Kind.REVERSE, Kind.CORRECT) and moves:
            one = rng.choice(moves[-20:])
            left = book.amended[one.id].remaining if one.id in book.amended else one.amount
            sides = [one.credit, one.debit]
            if kind is Kind.CORRECT:
                left = rng.randint(1, max(left, 1))
                sides = rng.choice([sides, sides[::-1]])
            return Transfer(id_of(number), kind, *sides, left, effective, one.id)
        return move(number, debit, credit, amount, effective=effective)


@pytest.mark.parametrize("seed", range(6))
def test_what_the_store_posts_is_sound(database, seed, monkeypatch):
    monkeypatch.setattr(history, "CHUNK_TRANSFERS", 16)
    life = Life(database, seed)
    for step in range(60):
        life.step()
        if step % 7 == 0:
            assert check(database, life.me, with_log=False).failure is None
    report = check(database, life.me, with_log=False)
    assert report.failure is None
    counts = {stage.name: stage.count for stage in report.stages}
    with database.read() as connection:
        posted = [t for t, _ in life.store.transfers(connection)]
        assert life.store.balances(connection) == life.book.balances
    assert {t.kind for t in posted} == set(Kind)
    assert counts["rules"] == counts["limits"] == len(posted) == report.transfers
    assert counts["balances"] == len(LIMITS)
    # Small chunks see the same: what is carried from one to the next is right.
    monkeypatch.setattr(check_columns, "TRANSFERS_A_CHUNK", 5)
    monkeypatch.setattr(check_columns, "BATCHES_A_PAGE", 3)
    again = check(database, life.me, with_log=False)
    assert again.failure is None
    assert [(s.name, s.count) for s in again.stages] == [(s.name, s.count) for s in report.stages]


def test_an_empty_ledger_is_sound(database):
    with database.write() as connection:
        me = create_community(connection, f"empty.{database.dialect}", "Empty", 1)
        create_log(connection, me, "empty.example", SigningKey.from_seed(bytes(32)))
    report = check(database, me)
    assert report.failure is None
    assert report.transfers == 0


# Transfers that no book would take, with hashes, balances and history that agree with them.


BEGIN = [
    move(1, RESERVE, ADA, 100),
    hold(2, ADA, BEN, 60),
    hold(3, RESERVE, BEN, 10, expires=PERIOD + 1),
]
UNLAWFUL = {
    "below floor": ([move(5, BEN, ADA, 51)], "limits", "below its floor of -50"),
    "below floor by a hold": ([hold(5, ADA, RESERVE, 41)], "limits", "101 set aside"),
    "above ceiling": ([hold(5, RESERVE, FUND, 501)], "limits", "above its ceiling of 500"),
    "below floor and back": ([move(5, BEN, ADA, 51), move(6, ADA, BEN, 51)], "limits", "Transfer 4 (id"),
    "out of range": ([move(5 + n, RESERVE, "community/fees BRM/7", TRANSFER_MAX) for n in range(5)], "limits", "beyond"),
    "hold unknown": ([move(5, ADA, BEN, 60, Kind.POST_HOLD, of=99)], "rules", "is not there"),
    "hold to come": ([move(5, ADA, BEN, 5, Kind.POST_HOLD, of=6), hold(6, ADA, BEN, 5)], "rules", "came later"),
    "no hold": ([move(5, RESERVE, ADA, 100, Kind.POST_HOLD, of=1)], "rules", "is not a hold"),
    "hold twice": ([move(5, ADA, BEN, 6, Kind.POST_HOLD, of=2), move(6, ADA, BEN, 5, Kind.POST_HOLD, of=2)], "rules", "resolved before"),
    "hold of others": ([move(5, BEN, ADA, 60, Kind.VOID_HOLD, of=2)], "rules", "other accounts"),
    "more than the hold": ([move(5, ADA, BEN, 61, Kind.POST_HOLD, of=2)], "rules", "more than its hold"),
    "half a release": ([move(5, ADA, BEN, 59, Kind.VOID_HOLD, of=2)], "rules", "release all"),
    "expiry of what stays": ([move(5, ADA, BEN, 60, Kind.EXPIRE_HOLD, of=2)], "rules", "was not over"),
    "expiry too early": ([move(5, RESERVE, BEN, 10, Kind.EXPIRE_HOLD, of=3)], "rules", "was not over"),
    "amends the future": ([move(5, ADA, RESERVE, 4, Kind.CORRECT, of=6), move(6, RESERVE, ADA, 5)], "rules", "came later"),
    "amends nothing": ([move(5, ADA, RESERVE, 4, Kind.CORRECT, of=77)], "rules", "not there"),
    "amends a hold": ([move(5, BEN, ADA, 60, Kind.REVERSE, of=2)], "rules", "moved nothing"),
    "amends others": ([move(5, BEN, RESERVE, 100, Kind.REVERSE, of=1)], "rules", "other accounts"),
    "reverses the same way": ([move(5, RESERVE, ADA, 100, Kind.REVERSE, of=1)], "rules", "other accounts"),
    "reverses a part": ([move(5, ADA, RESERVE, 10, Kind.REVERSE, of=1)], "rules", "there remain 100"),
    "takes back too much": ([move(5, ADA, RESERVE, 30, Kind.CORRECT, of=1), move(6, ADA, RESERVE, 71, Kind.CORRECT, of=1)], "rules", "remain only 70"),
    "amends what is reversed": ([move(5, RESERVE, ADA, 7), move(6, ADA, RESERVE, 7, Kind.REVERSE, of=5), move(7, RESERVE, ADA, 1, Kind.CORRECT, of=5)], "rules", "reversed before"),
    "an original too many": ([move(5, RESERVE, ADA, 7, of=1)], "rules", "its kind has none"),
    "no original": ([move(5, ADA, BEN, 60, Kind.VOID_HOLD)], "rules", "names no original"),
    "expired when made": ([hold(5, RESERVE, BEN, 1, expires=PERIOD)], "rules", "expires before"),
    "beyond time": ([move(5, RESERVE, ADA, 1, effective=4_000_001)], "rules", "no half-hour"),
    "two assets": ([move(5, RESERVE, "pool/street WH/0", 1)], "rules", "different assets"),
    "much too much": ([move(5, RESERVE, ADA, TRANSFER_MAX + 1)], "rules", "2^51"),
}  # fmt: skip


@pytest.mark.parametrize("name", UNLAWFUL)
def test_a_transfer_that_no_book_takes_is_found(database, name):
    transfers, stage, sentence = UNLAWFUL[name]
    life = Life(database, name)
    with life.database.write() as connection:
        life.store.chart.load(connection)
    life.post(BEGIN)
    with insider(database) as connection:
        # "hold twice" needs the index gone too, as an owner can do.
        connection.exec_driver_sql("DROP INDEX transfer_one_resolution")
        forge(connection, life, [transfers])
        told(connection, life.me, sentence, stage, with_log=False)


def forge(connection, life, groups, period=PERIOD):
    """Write batches as they are, with everything that goes with them but balances."""
    numbers, me = life.store.chart.numbers, life.me
    (last,) = connection.execute(LAST_OF.bindparams(c=me)).one()
    before, recorded_ms = last, max(life.now_ms + 1, period * HALF_HOUR_MS)
    for number, transfers in enumerate(groups, start=2):
        made = b"".join(t.id for t in transfers)
        expiring = transfers[0].kind is Kind.EXPIRE_HOLD
        batch_id = tagged_hash("commonwatt/id/expiries/v1", made)[:16] if expiring else made[-16:]
        row = {"community": me, "number": number, "id": batch_id, "period": period}
        row |= {"content": content_hash(transfers), "position": 7, "recorded_at": recorded_ms}
        row |= {"first": last + 1, "count": len(transfers), "statuses": None}
        connection.execute(BatchRow.__table__.insert(), [row])
        for t in transfers:
            last += 1
            row = {"community": me, "number": last, "id": t.id, "batch": number, "kind": t.kind}
            row |= {"debit": numbers[t.debit], "credit": numbers[t.credit], "amount": t.amount}
            row |= {"effective": t.effective, "original": t.original, "expires": t.expires}
            connection.execute(TransferRow.__table__.insert(), [row])
    history.fill(connection, me, before, last)


LAST_OF = text("SELECT max(number) FROM transfer WHERE community = :c")


def expiry(number, made=None, effective=PERIOD + 1):
    one = Hold(RESERVE, BEN, 10)
    expired = expiry_of(id_of(number), one, effective)
    return replace(expired, id=made) if made else expired


LATER = [move(50, RESERVE, ADA, 1)]
EXPIRIES = {
    "in time": ([[expiry(3)], LATER], None, ""),
    "never": ([LATER], "rules", "never released"),
    "too late": ([LATER, [expiry(3)], [move(51, RESERVE, ADA, 1)]], "rules", "another batch was posted first"),
    "posted": ([[move(5, RESERVE, BEN, 10, Kind.POST_HOLD, of=3)]], "rules", "its hold was over"),
    "voided": ([[move(5, RESERVE, BEN, 10, Kind.VOID_HOLD, of=3)]], "rules", "its hold was over"),
    "with others": ([[expiry(3), *LATER]], "rules", "together with other"),
    "and nothing after": ([[expiry(3)]], "rules", "The last batch releases"),
    "under another id": ([[expiry(3, made=id_of(9))], LATER], "rules", "does not follow"),
    "about another time": ([[expiry(3, effective=PERIOD)], LATER], "rules", "not the one from which"),
}  # fmt: skip


@pytest.mark.parametrize("name", EXPIRIES)
@pytest.mark.parametrize("chunk", [1, 65_536])
def test_holds_that_are_over_are_released_at_their_place(database, name, chunk, monkeypatch):
    groups, stage, sentence = EXPIRIES[name]
    monkeypatch.setattr(check_columns, "TRANSFERS_A_CHUNK", chunk)
    life = Life(database, f"{name}{chunk}")
    life.post(BEGIN)
    with insider(database) as connection:
        forge(connection, life, groups, PERIOD + 1)
        if stage is None:
            report = check_ledger(connection, life.me, with_log=False)
            assert report.failed == "balances"
        else:
            told(connection, life.me, sentence, stage, with_log=False)


# The command.


def test_the_command_says_what_it_found(copy, capsys):
    url, keys = copy()
    community = reopen(url, keys)
    settle_day(community, DAY)
    database, me = community.writer.database, community.writer.community
    assert run(["ledger", "check", "--database", url]) == 0
    out = capsys.readouterr().out
    assert "✓ numbering" in out
    assert "✓ log" in out
    assert "SOUND." in out
    assert run(["ledger", "check", "--no-log", "--json", "--database", url]) == 0
    answer = json.loads(capsys.readouterr().out)
    assert answer["sound"] is True
    assert [check["name"] for check in answer["checks"]] == CHECKS[:-1]
    with database.write() as connection:
        connection.exec_driver_sql(
            f"UPDATE balance SET posted = posted + 1 WHERE community = {me} AND account = 1"
        )
    assert run(["ledger", "check", "--database", url]) == 1
    out = capsys.readouterr().out
    assert "✗ balances" in out
    assert "· history" in out
    assert "community/fees LWD/7 has posted" in out
    assert "UNSOUND." in out
    database.close()


def test_the_command_says_when_it_cannot_run(tmp_path, capsys):
    assert run(["ledger", "check", "--database", f"sqlite:///{tmp_path}/none.sqlite"]) == 2
    url = f"sqlite:///{tmp_path}/empty.sqlite"
    upgrade(Database(url))
    assert run(["ledger", "check", "--database", url]) == 2
    assert "no such community" in capsys.readouterr().err


def test_the_first_check_that_fails_is_told_wherever_it_fails(street, monkeypatch):
    """What is derived was changed early, and a transfer late: the transfer matters more."""
    monkeypatch.setattr(check_columns, "TRANSFERS_A_CHUNK", 10)
    database, me = street.writer.database, street.writer.community
    with insider(database) as connection:
        derived = 'UPDATE history SET total = total + 1 WHERE community = {c} AND "first" < 200'
        posted = f"{T} effective = effective - 1 WHERE community = {{c}} AND number = {PAYMENT}"
        for statement in (derived, posted):
            assert connection.exec_driver_sql(statement.format(c=me)).rowcount
        report = told(connection, me, "content hash", "content")
        assert report.transfers > 400


ODD = (-(2**63), 2**63 - 1, -1, 0, 1, 2**53, 4_000_001, 2**31)
NUMBERS = {
    "transfer": "number batch kind debit credit amount effective expires",
    "batch": "number position recorded_at period first count",
    "balance": "account posted pending_out pending_in floor ceiling",
    "limit_change": "number account floor ceiling batch",
    "history": "chunk account effective total first last",
}


@pytest.mark.parametrize("table", NUMBERS)
def test_no_number_however_odd_is_an_exception_or_passes(street, table):
    """Positions and times that another honest ledger could have are left out: see above."""
    database, me = street.writer.database, street.writer.community
    with insider(database) as connection:
        rows = connection.exec_driver_sql(
            f"SELECT * FROM {table} WHERE community = {me} LIMIT 200"
        ).mappings()
        row = random.Random(1).choice(rows.all())
        keys = [name for name in ("number", "account", "chunk", "effective") if name in row]
        keys = keys[:1] if "number" in row else keys
        key = " AND ".join(f"{name} = {row[name]}" for name in keys)
        for column in NUMBERS[table].split():
            for odd in ODD:
                if row[column] == odd:
                    continue
                # Another row may have that key: then the database itself refuses.
                with pytest.raises((Undo, IntegrityError)), connection.begin_nested():  # noqa: PT012 - as above
                    connection.exec_driver_sql(
                        f'UPDATE {table} SET "{column}" = {odd} WHERE community = {me} AND {key}'
                    )
                    report = check_ledger(connection, me)
                    assert report.failure is not None, (column, odd)
                    raise Undo
