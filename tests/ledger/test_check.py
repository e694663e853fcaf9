"""The check of a ledger: what the store posts is sound, and what no book takes is found."""
# ruff: noqa: S608 - statements made of our own words and numbers

import json
from dataclasses import replace

import pytest
from sqlalchemy import text

from ledger import check_columns, history
from ledger.book import Hold, expiry_of
from ledger.check import check_ledger
from ledger.communities import create_community
from ledger.db import Database
from ledger.log_store import create_log
from ledger.primitives.hashing import tagged_hash
from ledger.primitives.signing import SigningKey
from ledger.records import TRANSFER_MAX, Kind, content_hash
from ledger.tables import BatchRow, TransferRow
from settlement.run import settle_day
from tests.engines import fresh_url
from tests.fresh import upgrade
from tests.ledger.books import ADA, BEN, FUND, LIMITS, PERIOD, RESERVE, hold, id_of, move
from tests.ledger.check_lives import CHECKS, ENGINES, HALF_HOUR_MS, Life, check, insider, told
from tests.prepared import DAY, reopen
from wallet_api.cli.app import run


@pytest.fixture(scope="module", params=ENGINES)
def database(request, tmp_path_factory):
    with fresh_url(request.param, tmp_path_factory.mktemp("ledgers")) as url:
        made = Database(url)
        upgrade(made)
        yield made
        made.close()


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
