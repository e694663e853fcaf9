"""Insiders who hold every key: what they do, and which check notices."""

import dataclasses
import hashlib

import pytest
from sqlalchemy import text

import settlement.run
import settlement.run_begin
import settlement.run_close
from ledger import log_store
from ledger.communities import create_community
from ledger.db import Database
from ledger.errors import CommonwattError
from ledger.keyring import Keyring
from ledger.primitives.clock import FixedClock
from ledger.primitives.ids import derived_id
from ledger.primitives.signing import Envelope
from ledger.statements import make_body, sign
from ledger.store import LedgerStore
from ledger.writer import Draft
from meters.batches import BatchContent
from settlement.audit.verify import audit
from settlement.enrol import new_id, open_community, pay
from settlement.export import export_bundle
from settlement.run import settle_day
from settlement.timetable import first_due_ms
from tests.fresh import upgrade
from tests.market.books import with_wh
from tests.prepared import CHARTER, DAY, reopen, seeded_key


def insider(copy, tmp_path, monkeypatch, name, replacement, module=settlement.run):
    """Settle with one function replaced by the insider's own, and audit the result."""
    community = reopen(*copy())
    monkeypatch.setattr(module, name, replacement)
    settle_day(community, DAY)
    export_bundle(community, tmp_path / "insider.zip")
    community.writer.database.close()
    return audit(tmp_path / "insider.zip")


def test_an_insider_who_prefers_a_friend_is_noticed(copy, tmp_path, monkeypatch):
    honest = settlement.run.clear

    def favour(market):
        result = honest(market)
        got = dict(zip(result.bids.ids, result.bids.wh, strict=True))
        wanted = {order.id: order.wh for order in market.bids}
        for friend, friend_wh in wanted.items():
            for other in wanted:
                if friend != other and got[other] and got[friend] < friend_wh:
                    moved = {friend: got[friend] + 1, other: got[other] - 1}
                    return with_wh(market, result, moved)
        return result

    report = insider(copy, tmp_path, monkeypatch, "clear", favour)
    assert report.failed == "clearings"
    assert "its share is" in report.failure


def test_an_insider_who_matches_less_is_noticed(copy, tmp_path, monkeypatch):
    honest = settlement.run.clear

    def nothing(market):
        none = {order.id: 0 for order in (*market.asks, *market.bids)}
        return with_wh(market, honest(market), none)

    report = insider(copy, tmp_path, monkeypatch, "clear", nothing)
    assert report.failed == "clearings"
    assert "could be" in report.failure


def test_an_insider_who_skims_a_unit_is_noticed(copy, tmp_path, monkeypatch):
    honest = settlement.run_close.transfers_of

    def skim(*args):
        transfers = honest(*args)
        pay_outs = [t for t in transfers if t.debit.startswith("pool/") and "/wallet" in t.credit]
        if not pay_outs:
            return transfers
        victim = pay_outs[0]
        less = dataclasses.replace(victim, amount=victim.amount - 1)
        more = dataclasses.replace(
            victim, id=bytes(15) + b"\x01", amount=1, credit="community/fees LWD/7"
        )
        return [
            *(less if t == victim else t for t in transfers),
            dataclasses.replace(more, id=hashlib.sha256(victim.id).digest()[:16]),
        ]

    report = insider(copy, tmp_path, monkeypatch, "transfers_of", skim, settlement.run_close)
    assert report.failed == "postings"


def test_an_insider_who_lets_a_friend_buy_without_funds_is_noticed(copy, tmp_path, monkeypatch):
    honest = settlement.run_begin.fund_orders

    def generous(state, inputs, funds):
        orders = honest(state, inputs, funds)
        for item in orders:
            for member, funded in item.bids.items():
                if funded.order.wh > 1:
                    less = funded.order._replace(wh=funded.order.wh - 1)
                    item.bids[member] = funded._replace(
                        order=less, hold_units=less.wh * less.limit_ticks
                    )
                    return orders
        return orders

    report = insider(copy, tmp_path, monkeypatch, "fund_orders", generous, settlement.run_begin)
    assert report.failed == "funds and mandates"


def test_an_insider_who_edits_a_balance_is_noticed(copy, tmp_path, monkeypatch):
    # The tests' own check after every batch would notice first.
    monkeypatch.setattr(LedgerStore, "after_write", None)
    community = reopen(*copy())
    with community.writer.database.write() as connection:
        connection.execute(text("UPDATE balance SET posted = posted + 5 WHERE account = 1"))
        connection.execute(text("UPDATE balance SET posted = posted - 5 WHERE account = 6"))
    settle_day(community, DAY)
    export_bundle(community, tmp_path / "edited.zip")
    community.writer.database.close()
    assert audit(tmp_path / "edited.zip").failed == "balances and seals"


def test_an_insider_who_runs_too_early_is_noticed(copy, tmp_path, monkeypatch):
    community = reopen(*copy())
    community.writer.clock = type(community.writer.clock)(
        first_due_ms(DAY, CHARTER.zone) - 86_400_000
    )
    monkeypatch.setattr(settlement.run_begin, "due_at_ms", lambda *_args: 0)
    settle_day(community, DAY)
    export_bundle(community, tmp_path / "early.zip")
    community.writer.database.close()
    report = audit(tmp_path / "early.zip")
    assert (report.failed, "before it was due" in report.failure) == ("funds and mandates", True)


def relog(community, kind, fields, keys, *, account="community", statement_id=None):
    """Log any statement, with the keys' next seq."""
    writer = community.writer
    with community.transaction() as connection:
        envelope = writer.sign_new(
            connection,
            kind,
            account,
            statement_id or new_id(community, f"{kind}{fields}"),
            fields,
            keys,
        )
        community.accept(connection, [Draft(envelope)])


def rules_body(community, **changes):
    market = {"price": "mid-market", "import_ticks": 2450, "export_ticks": 410, "charge_ticks": 20}
    issuance = {"kind": "mutual-credit", "promise": "x", "floor_units": -200_000_000}
    body = {
        "version": 2,
        "currency": "LWD",
        "issuance": issuance,
        "zone": "Europe/London",
        "feeder": "street",
        "replay": True,
        "market": market,
    }
    return body | changes


def operators(community):
    return [community.writer.keyring.load(name) for name in ("operator-1", "operator-2")]


@pytest.mark.parametrize(
    "change",
    [{"zone": "Pacific/Auckland"}, {"feeder": "other"}, {"currency": "XXX"}, {"replay": False}],
)
def test_zone_feeder_currency_and_clock_never_change(copy, change):
    community = reopen(*copy())
    with pytest.raises(CommonwattError, match="cannot change"):
        relog(community, "rules", rules_body(community, **change), operators(community))
    community.writer.database.close()


def test_rules_logged_after_the_readings_do_not_touch_the_day(copy, tmp_path):
    plain, changed = reopen(*copy()), reopen(*copy())
    market = {
        "price": "mid-market",
        "import_ticks": 2450,
        "export_ticks": 410,
        "charge_ticks": 2040,
    }
    relog(changed, "rules", rules_body(changed, market=market), operators(changed))
    balances = []
    for community in (plain, changed):
        settle_day(community, DAY)
        with community.reading() as connection:
            balances.append(community.writer.ledger.balances(connection))
        export_bundle(community, tmp_path / f"{len(balances)}.zip")
        community.writer.database.close()
        assert audit(tmp_path / f"{len(balances)}.zip").failed is None
    assert balances[0] == balances[1]


def test_an_insider_who_writes_an_early_known_at_is_noticed(copy, tmp_path, monkeypatch):
    url, keys = copy()
    community = reopen(url, keys)
    due = first_due_ms(DAY, CHARTER.zone)
    honest = community.writer.sign_new

    def lie(connection, kind, account, statement_id, fields, *args, **more):
        if "known_at" in fields:
            fields = {**fields, "known_at": due}
        return honest(connection, kind, account, statement_id, fields, *args, **more)

    community.writer.clock = type(community.writer.clock)(due - 4 * 86_400_000)
    monkeypatch.setattr(community.writer, "sign_new", lie)
    monkeypatch.setattr(settlement.run_begin, "due_at_ms", lambda *_args: 0)
    settle_day(community, DAY)
    export_bundle(community, tmp_path / "early.zip")
    community.writer.database.close()
    assert audit(tmp_path / "early.zip").failed == "funds and mandates"


def test_readings_of_half_hours_that_are_not_over_are_refused(copy):
    community = reopen(*copy())
    period = community.writer.now_period()
    content = BatchContent(period, (5,), "A", bytes(32))
    meter = "m-ben"
    member = community.state.meters[meter][-1][1].member
    fields = {
        "meter": meter,
        "channel": "import",
        "sequence": 99,
        "previous": "0" * 64,
        "created_at": 5,
        "first": period,
        "step": 30,
        "count": 1,
        "root": content.root().hex(),
        "backfill": False,
    }
    with pytest.raises(CommonwattError, match="not over"):
        relog(
            community,
            "reading_batch",
            fields,
            [community.writer.keyring.load("adapter")],
            account=member,
            statement_id=derived_id("reading_batch", 99),
        )
    community.writer.database.close()


def test_a_run_that_was_begun_and_left_is_shown_and_after_a_week_unsound(copy, tmp_path):
    community = reopen(*copy())

    def leave(_step):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        settle_day(community, DAY, after_step=leave)
    export_bundle(community, tmp_path / "open.zip")
    report = audit(tmp_path / "open.zip")
    assert report.to_json()["days_held_and_not_sealed"] == [DAY.isoformat()]
    assert report.failed is None
    payer, payee = list(community.state.members)[:2]
    community.writer.clock.set_ms(community.writer.clock.now_ms() + 8 * 86_400_000)
    pay(community, payer, payee, 1, "late")
    export_bundle(community, tmp_path / "left.zip")
    community.writer.database.close()
    report = audit(tmp_path / "left.zip")
    assert (report.failed, "never finished" in report.failure) == ("postings", True)


def test_nobody_can_use_up_another_keys_numbers(copy):
    community = reopen(*copy())
    member = next(iter(community.state.members))
    other = next(m for m in community.state.members if m != member)
    device = community.writer.keyring.load(f"devices/{member}")
    writer = community.writer
    for seq in (2**53 - 1, 50):
        body = make_body(
            "transfer",
            writer.origin,
            member,
            f"{seq % 97:032x}",
            seq,
            2**53 - 1,
            {"to": other, "amount": 1, "reference": "jam"},
        )
        envelope = Envelope.decode(sign(body, [device]))
        forged = writer.keyring.load("settlement").key_id
        jam = dataclasses.replace(envelope, signatures=((forged, bytes(64)), *envelope.signatures))
        for data in (jam.encode(), *([envelope.encode()] if seq > 50 else [])):
            with pytest.raises(CommonwattError), community.transaction() as connection:
                community.accept(connection, [Draft(data)])
    settle_day(community, DAY)
    community.writer.database.close()


def test_a_log_without_roster_and_rules_is_not_sound(tmp_path):
    database = Database(f"sqlite:///{tmp_path}/empty.sqlite")
    upgrade(database)
    key = seeded_key("log")
    with database.write() as connection:
        number = create_community(connection, CHARTER.origin, "x", 0)
        log_store.create_log(connection, number, CHARTER.origin, key)
    ring = Keyring(tmp_path / "keys")
    ring.create("log", key)
    community = open_community(database, ring, FixedClock(5))
    export_bundle(community, tmp_path / "empty.zip")
    database.close()
    assert audit(tmp_path / "empty.zip").failed == "agreements"
