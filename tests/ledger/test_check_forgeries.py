"""The check of a ledger: an owner who changes one thing of a settled street is found.

Long because of its tables: one line for each thing that an owner may change.
"""
# ruff: noqa: S608 - statements made of our own words and numbers

import random

import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from ledger import check_columns, history
from ledger.accounts import wallet
from ledger.book import Book
from ledger.check import check_ledger
from ledger.records import AMOUNT_MAX, Transfer, content_hash
from settlement.enrol import pay
from settlement.run import settle_day
from tests.engines import fresh_url
from tests.ledger.books import PERIOD
from tests.ledger.check_lives import CHECKS, ENGINES, Undo, check, insider, told
from tests.prepared import DAY, found, reopen


@pytest.fixture(scope="module", params=ENGINES)
def street(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp("check")
    # An engine that is not here skips within: what is patched must be undone then, too.
    with pytest.MonkeyPatch.context() as patch, fresh_url(request.param, folder) as url:
        patch.setattr(history, "CHUNK_TRANSFERS", 64)
        found(url, folder / "keys").writer.database.close()
        community = reopen(url, folder / "keys")
        settle_day(community, DAY)
        ada, ben, *_ = sorted(community.state.members)
        pay(community, ada, ben, 5, "bread")
        yield community
        community.writer.database.close()


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
    "transfer kind": (f"{T} kind = 1 {TWO}", "content", "content hash"),
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


def test_a_fact_that_is_gone_is_told_where_no_erasure_names_it(street):
    me = street.writer.community
    with insider(street.writer.database) as connection:
        connection.exec_driver_sql(
            f"DELETE FROM fact WHERE community = {me} AND position IN"
            f" (SELECT position FROM statement WHERE community = {me} AND kind = 'transfer')"
        )
        report = check_ledger(connection, me)
        assert "no erasure names it" in (report.failure or "")
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
        assert report.transfers > 300
