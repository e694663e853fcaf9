"""The audit, and insiders who hold every key: what they do and which check notices."""

import dataclasses
import hashlib
import json
import random
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import text

import settlement.run
from ledger import log_store
from ledger.db import Database
from ledger.errors import CommonwattError
from ledger.keyring import Keyring
from ledger.primitives.clock import FixedClock
from ledger.primitives.signing import Envelope
from ledger.statements import make_body, sign
from ledger.store import create_community
from ledger.writer import Draft
from market.certificate import Fills, assemble
from meters.batches import BatchContent
from settlement.audit.__main__ import main
from settlement.audit.verify import ALL_CHECKS, audit
from settlement.enrol import new_id, open_community, pay
from settlement.export import export_bundle
from settlement.run import settle_day
from settlement.timetable import due_at_ms
from tests.prepared import CHARTER, DAY, reopen, seeded_key
from wallet_api.database import upgrade

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def bundle(prepared, tmp_path_factory):
    folder = tmp_path_factory.mktemp("audit")
    shutil.copytree(prepared, folder / "street")
    community = reopen(f"sqlite:///{folder}/street/street.sqlite", folder / "street/keys")
    settle_day(community, DAY)
    payer, payee = list(community.state.members)[:2]
    pay(community, payer, payee, 1_000_000, "eggs")
    export_bundle(community, folder / "bundle")
    community.writer.database.close()
    return folder / "bundle"


def remake_manifest(folder):
    """Make the manifest fit again: the attacker is no fool."""
    manifest = json.loads((folder / "manifest.json").read_bytes())
    for entry in manifest["files"]:
        data = (folder / entry["path"]).read_bytes()
        entry |= {"bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}
    (folder / "manifest.json").write_text(
        json.dumps(manifest, sort_keys=True, separators=(",", ":"))
    )


def test_a_true_bundle_is_sound_and_every_check_passes(bundle):
    report = audit(bundle)
    assert report.failed is None, report.failure
    assert [state for _, state in report.passed()] == [True] * len(ALL_CHECKS)
    assert report.counts["settlement"] == 48
    assert report.counts["transfer"] == 1
    assert report.counts["transfers"] > 500


def test_folder_and_zip_give_the_same_report(bundle, tmp_path):
    with zipfile.ZipFile(tmp_path / "b.zip", "w") as file:
        for path in sorted(bundle.rglob("*")):
            if path.is_file():
                file.write(path, path.relative_to(bundle).as_posix())
    assert audit(tmp_path / "b.zip").to_json() == audit(bundle).to_json()


@pytest.mark.parametrize("repaired", [False, True])
def test_one_changed_byte_in_any_file_is_unsound(bundle, tmp_path, repaired):
    names = [p.relative_to(bundle) for p in sorted(bundle.rglob("*")) if p.is_file()]
    for number, name in enumerate(names):
        if repaired and (
            name.parts[0] in ("policy", "roster", "rules") or str(name) == "manifest.json"
        ):
            continue  # copies for reading, not evidence: with a fitting manifest nothing rests on them
        copy = tmp_path / str(number)
        shutil.copytree(bundle, copy)
        data = bytearray((copy / name).read_bytes())
        data[len(data) // 2] ^= 1
        (copy / name).write_bytes(data)
        if repaired:
            remake_manifest(copy)
        assert audit(copy).verdict == "unsound", name


def test_a_missing_or_swapped_fact_is_unsound(bundle, tmp_path):
    for number, change in enumerate(
        (lambda lines: lines[:-1], lambda lines: [lines[1], lines[0], *lines[2:]])
    ):
        copy = tmp_path / str(number)
        shutil.copytree(bundle, copy)
        path = copy / "facts/000000.jsonl"
        lines = path.read_bytes().splitlines(keepends=True)
        path.write_bytes(b"".join(change(lines)))
        remake_manifest(copy)
        report = audit(copy)
        assert report.failed == "bundle"


def test_another_log_key_and_a_shorter_or_rewritten_history_are_noticed(bundle, copy, tmp_path):
    other = audit(
        bundle,
        vkey="ladywood.example/ledger/1+276d3a46+AXw6OOtgcHJKeMwNJsXtfBJYYV0PKNYNj+rH56U7GvXn",
    )
    assert other.failed == "checkpoint"
    community = reopen(*copy())
    community.writer.publish(tmp_path / "early")
    early = (tmp_path / "early/checkpoint").read_bytes()
    community.writer.database.close()
    report = audit(bundle, since=early)
    assert report.failed is None
    assert report.earlier
    latest = (bundle / "log/checkpoint").read_bytes()
    shorter = reopen(*copy())
    export_bundle(shorter, tmp_path / "shorter")
    assert audit(tmp_path / "shorter", since=latest).failed == "earlier checkpoint"
    payer, payee = list(shorter.state.members)[:2]
    for number in range(200):
        pay(shorter, payer, payee, 1, f"fill {number}")
    export_bundle(shorter, tmp_path / "rewritten")
    shorter.writer.database.close()
    report = audit(tmp_path / "rewritten", since=latest)
    assert report.failed == "earlier checkpoint"
    assert "history was rewritten" in report.failure


def insider(copy, tmp_path, monkeypatch, name, replacement):
    """Settle with one function replaced by the insider's own, and audit the result."""
    community = reopen(*copy())
    monkeypatch.setattr(settlement.run, name, replacement)
    settle_day(community, DAY)
    export_bundle(community, tmp_path / "insider.zip")
    community.writer.database.close()
    return audit(tmp_path / "insider.zip")


def test_an_insider_who_prefers_a_friend_is_noticed(copy, tmp_path, monkeypatch):
    honest = settlement.run.clear

    def favour(market):
        result = honest(market)
        got = {"ask": {}, "bid": {}}
        for outcome in result.orders:
            got[outcome.side.value][outcome.id] = outcome.wh
        wanted = {order.id: order.wh for order in market.bids}
        for friend, friend_wh in wanted.items():
            for other in wanted:
                if friend != other and got["bid"][other] and got["bid"][friend] < friend_wh:
                    got["bid"][friend] += 1
                    got["bid"][other] -= 1
                    return assemble(market, Fills(got["ask"], got["bid"]), result.certificate)
        return result

    report = insider(copy, tmp_path, monkeypatch, "clear", favour)
    assert report.failed == "clearings"
    assert "its share is" in report.failure


def test_an_insider_who_matches_less_is_noticed(copy, tmp_path, monkeypatch):
    honest = settlement.run.clear

    def nothing(market):
        return assemble(market, Fills({}, {}), honest(market).certificate)

    report = insider(copy, tmp_path, monkeypatch, "clear", nothing)
    assert report.failed == "clearings"
    assert "could be" in report.failure


def test_an_insider_who_skims_a_unit_is_noticed(copy, tmp_path, monkeypatch):
    honest = settlement.run.settlement_transfers

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

    report = insider(copy, tmp_path, monkeypatch, "settlement_transfers", skim)
    assert report.failed == "postings"


def test_an_insider_who_lets_a_friend_buy_without_funds_is_noticed(copy, tmp_path, monkeypatch):
    honest = settlement.run.fund_orders

    def generous(state, inputs, balances):
        orders = honest(state, inputs, balances)
        for item in orders:
            for member, funded in item.bids.items():
                if funded.order.wh > 1:
                    less = dataclasses.replace(funded.order, wh=funded.order.wh - 1)
                    item.bids[member] = dataclasses.replace(
                        funded, order=less, hold_units=less.wh * less.limit_ticks
                    )
                    return orders
        return orders

    report = insider(copy, tmp_path, monkeypatch, "fund_orders", generous)
    assert report.failed == "funds and mandates"


def test_an_insider_who_edits_a_balance_is_noticed(copy, tmp_path):
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
    community.writer.clock = type(community.writer.clock)(due_at_ms(DAY, CHARTER.zone) - 86_400_000)
    monkeypatch.setattr(settlement.run, "due_at_ms", lambda *_args: 0)
    settle_day(community, DAY)
    export_bundle(community, tmp_path / "early.zip")
    community.writer.database.close()
    report = audit(tmp_path / "early.zip")
    assert (report.failed, "before it was due" in report.failure) == ("funds and mandates", True)


@settings(max_examples=60)
@given(data=st.data())
def test_no_damage_makes_the_audit_crash(bundle, tmp_path_factory, data):
    folder = tmp_path_factory.mktemp("fuzz")
    shutil.copytree(bundle, folder / "b")
    path = folder / "b/facts/000000.jsonl"
    content = bytearray(path.read_bytes())
    for _ in range(data.draw(st.integers(1, 3))):
        place = data.draw(st.integers(0, len(content) - 1))
        content[place : place + data.draw(st.integers(0, 3))] = data.draw(st.binary(max_size=4))
    path.write_bytes(content)
    remake_manifest(folder / "b")
    try:
        report = audit(folder / "b")
    except CommonwattError:
        return
    if bytes(content) != (bundle / "facts/000000.jsonl").read_bytes():
        assert report.verdict == "unsound"


def test_exit_codes_and_json(bundle, tmp_path, capsys):
    assert main([str(bundle), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["verdict"] == "sound"
    assert main([str(tmp_path / "nowhere")]) == 2
    shutil.copytree(bundle, tmp_path / "bad")
    (tmp_path / "bad/log/checkpoint").write_bytes(b"nothing\n")
    assert main([str(tmp_path / "bad")]) == 1
    assert "UNSOUND" in capsys.readouterr().out


def test_the_audit_needs_only_the_standard_library_and_cryptography(bundle):
    """Run it where every other package is refused."""
    program = (
        "import sys\n"
        "allowed = {'cryptography', 'cffi', '_cffi_backend', 'pycparser', 'tzdata'}\n"
        "ours = {'ledger', 'market', 'meters', 'settlement'}\n"
        "class Refuse:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        "        top = name.partition('.')[0]\n"
        "        if top.startswith('_sysconfigdata'):\n"
        "            return\n"
        "        if path is None and top not in allowed | ours | sys.stdlib_module_names:\n"
        "            raise ImportError('refused: ' + name)\n"
        "sys.meta_path.insert(0, Refuse())\n"
        "from settlement.audit.__main__ import main\n"
        "code = main(sys.argv[1:])\n"
        "loaded = {name.partition('.')[0] for name in sys.modules}\n"
        "assert not loaded & {'pulp', 'highspy', 'numpy', 'pandas', 'sqlalchemy', 'pydantic'}\n"
        "sys.exit(code)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, str(bundle)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "SOUND" in done.stdout


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
    due = due_at_ms(DAY, CHARTER.zone)
    honest = community.writer.sign_new

    def lie(connection, kind, account, statement_id, fields, *args, **more):
        if "known_at" in fields:
            fields = {**fields, "known_at": due}
        return honest(connection, kind, account, statement_id, fields, *args, **more)

    community.writer.clock = type(community.writer.clock)(due - 4 * 86_400_000)
    monkeypatch.setattr(community.writer, "sign_new", lie)
    monkeypatch.setattr(settlement.run, "due_at_ms", lambda *_args: 0)
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
    assert (report.failed, "never settled it" in report.failure) == ("postings", True)


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


def test_no_damage_to_a_zip_makes_the_audit_crash(bundle, tmp_path):
    with zipfile.ZipFile(tmp_path / "whole.zip", "w", zipfile.ZIP_DEFLATED) as file:
        for path in sorted(bundle.rglob("*")):
            if path.is_file():
                file.write(path, path.relative_to(bundle).as_posix())
    whole = (tmp_path / "whole.zip").read_bytes()
    dice = random.Random(5)
    for _ in range(150):
        damaged = bytearray(whole)
        for _ in range(dice.randrange(1, 20)):
            damaged[dice.randrange(len(damaged))] ^= 1 << dice.randrange(8)
        (tmp_path / "d.zip").write_bytes(damaged)
        try:
            audit(tmp_path / "d.zip")
        except CommonwattError:
            continue


@pytest.mark.parametrize(
    "path", ["/etc/hostname", "../outside", "log/../../outside", "link", "", "facts"]
)
def test_a_bundle_cannot_name_anything_outside_itself(bundle, tmp_path, path):
    shutil.copytree(bundle, tmp_path / "b")
    (tmp_path / "outside").write_bytes(b"secret")
    (tmp_path / "b/link").symlink_to(tmp_path / "outside")
    manifest = json.loads((tmp_path / "b/manifest.json").read_bytes())
    manifest["files"].append(
        {"path": path, "bytes": 6, "sha256": hashlib.sha256(b"secret").hexdigest()}
    )
    (tmp_path / "b/manifest.json").write_text(
        json.dumps(manifest, sort_keys=True, separators=(",", ":"))
    )
    assert audit(tmp_path / "b").failed == "bundle"
    assert sorted(p.name for p in tmp_path.iterdir()) == ["b", "outside"]
