"""Receipts made: what they prove, what they do not show, erasure, other tools, the command line."""

import os
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest

from ledger.accounts import account_hash, meter_account, wallet
from ledger.batches import Batch
from ledger.erasure import DETAIL_KEPT_PERIODS
from ledger.errors import InputError, LogError
from ledger.log.checkpoint import open_checkpoint
from ledger.primitives.canonical import decode
from ledger.primitives.periods import SECONDS
from ledger.records import Kind, Transfer
from ledger.statements import Statement
from meters.readings import Channel
from settlement import deeds
from settlement.audit.receipt import Receipt
from settlement.audit.receipt_check import Trust, check_receipt, line_of
from settlement.audit.receipt_words import proves, render
from settlement.enrol import Terms, add_member, pay
from settlement.errors import UnsoundError
from settlement.postings import Line, lines_seed
from settlement.receipts import balance_receipt, line_receipt, payment_receipt, reading_receipt
from settlement.run import settle_day
from settlement.statement import household_statement
from tests.prepared import DAY, reopen
from tests.settlement.receipts import KINDS, PERIOD, receipts, settled_street, street

__all__ = ["receipts", "street"]

ROOT = Path(__file__).parents[2]


def sentences(receipt, trust):
    return " ".join(proves(check_receipt(receipt, trust)))


# What they prove.


def test_a_payment_says_who_paid_whom_how_much_and_what_for(street, receipts):
    ada, ben = street.members["m-ada"], street.members["m-ben"]
    said = sentences(Receipt.decode(receipts["payment"]), street.trust)
    assert said.startswith(f"Member {ada} ordered 0.10 in the ledger's currency to be paid to ")
    assert f"member {ben} in the half-hour from 2026-07-07T23:00:00Z (UTC)" in said
    assert '"eggs “fresh”"' in said
    # Both sides may have it, by the position or by the id; nobody else.
    with street.community.reading() as connection:
        mine = (street.community, connection)
        made = payment_receipt(*mine, ben, Statement.decode(_envelope(receipts)).id)
        assert made.statement.id == Receipt.decode(receipts["payment"]).statement.id
        for other, asked, words in (
            (street.members["m-cleo"], street.payment, "other members"),
            (street.members["m-cleo"], street.reversal, "no payment of this member"),
            (ada, 0, "roster and no payment"),
            (ada, 10**9, "no log entry"),
            (ada, "00" * 16, "no statement"),
        ):
            with pytest.raises(InputError, match=words):
                payment_receipt(*mine, other, asked)


def _envelope(receipts):
    return Receipt.decode(receipts["payment"]).fields["envelope"].encode()


def test_a_reversal_names_the_payment_that_it_takes_back(street, receipts):
    said = sentences(Receipt.decode(receipts["reversal"]), street.trust)
    twice = sentences(street_payment(street, street.reversal - 1), street.trust)
    assert "all that remains goes back" in said
    assert said.partition("of the payment ")[2][:32] in twice


def street_payment(street, position):
    with street.community.reading() as connection:
        return payment_receipt(street.community, connection, street.members["m-ada"], position)


def test_every_line_of_every_member_is_what_the_statement_says(street):
    """All 48 half-hours of all members, and the money of the day, as on the monthly statement."""
    for meter, member in street.members.items():
        sums = dict.fromkeys(Line._fields[2:], 0)
        for period in range(PERIOD - 26, PERIOD + 22):
            finding = check_receipt(street.make("line", meter, period=period), street.trust, member)
            for name, value in zip(Line._fields[2:], line_of(finding.receipt)[2:], strict=True):
                sums[name] += value
        with street.community.reading() as connection:
            month = household_statement(street.community, connection, member, "2026-06")
        assert sums == {name: getattr(month.total, name) for name in sums}, meter
        mine, units = wallet(member, "LWD/7"), 0
        for transfer in check_receipt(street.make("net", meter), street.trust, member).transfers:
            if transfer.kind is not Kind.VOID_HOLD:
                units += transfer.amount * ((transfer.credit == mine) - (transfer.debit == mine))
        assert units == sums["sold_units"] - sums["bought_units"], meter


def test_a_reading_and_a_balance_are_what_the_database_says(street, receipts):
    ada = street.members["m-ada"]
    reading = Receipt.decode(receipts["reading"]).fields["reading"]
    balance = Receipt.decode(receipts["balance"]).fields["balance"]
    with street.community.reading() as connection:
        known = street.community.readings.known(connection, range(PERIOD, PERIOD + 1))
        now = street.community.writer.ledger.balances(connection)
    assert known["m-ada", Channel.IMPORT, PERIOD].wh == reading["wh"]
    # After the seal three units went and came back.
    assert balance["posted"] == now[wallet(ada, "LWD/7")].posted
    assert f"meter m-ada of member {ada}" in sentences(
        Receipt.decode(receipts["reading"]), street.trust
    )


def test_what_is_not_there_is_said(street):
    ada = street.members["m-ada"]
    with street.community.reading() as connection:
        mine = (street.community, connection, ada)
        with pytest.raises(InputError, match="not settled yet"):
            line_receipt(*mine, PERIOD + 48)
        with pytest.raises(InputError, match="was not this member's"):
            reading_receipt(*mine, ("m-ben", Channel.IMPORT, PERIOD))
        with pytest.raises(InputError, match="no export reading"):
            reading_receipt(*mine, ("m-ada", Channel.EXPORT, PERIOD))
        with pytest.raises(InputError, match="not settled and sealed"):
            balance_receipt(*mine, DAY + timedelta(days=1))


def test_balances_at_the_seal_with_holds_outstanding_and_accounts_opened_later(copy):
    community = reopen(*copy())
    ada, ben = list(community.state.members)[:2]
    hold = Transfer(b"h" * 16, Kind.HOLD, f"member/{ben}/wallet LWD/7", "pool/street LWD/7", 7, 1)
    with community.transaction() as connection:
        community.writer.ledger.post(
            connection, [Batch(b"b" * 16, (hold,), 0)], community.writer.clock.now_ms()
        )
    settle_day(community, DAY)
    void = Transfer(b"v" * 16, Kind.VOID_HOLD, hold.debit, hold.credit, 7, 1, hold.id)
    with community.transaction() as connection:
        before = community.writer.ledger.balances(connection)
        community.writer.ledger.post(
            connection, [Batch(b"c" * 16, (void,), 10**6)], community.writer.clock.now_ms()
        )
    late = add_member(community, "Late", "household", Terms())  # in the same millisecond
    pay(community, ben, late, 50, "welcome")
    pay(community, ben, ada, 20, "thanks")
    with community.reading() as connection:
        trust = Trust(community.log_verifier(connection))
        for member in (ada, ben):
            made = balance_receipt(community, connection, member, DAY)
            shown = check_receipt(made, trust, member).receipt.fields["balance"]
            balance = before[wallet(member, "LWD/7")]
            assert (shown["posted"], shown["set_aside"]) == (balance.posted, balance.pending_out)
        assert "of which 0.0000007 LWD was set aside" in sentences(made, trust)
        with pytest.raises(InputError, match="no account yet"):
            balance_receipt(community, connection, late, DAY)
    community.writer.database.close()


# What they do not show.


def layers(data):
    """Everything that can be read in a receipt: the file, and what it wraps."""
    receipt = Receipt.decode(data)
    yield data
    yield receipt.proof.extra
    yield receipt.statement.envelope.body
    yield receipt.fields["envelope"].encode()
    if receipt.roster is not None:
        yield receipt.roster.envelope.body


@pytest.mark.parametrize("kind", KINDS)
def test_a_receipt_shows_no_neighbour(street, receipts, kind):
    shown = b"\n".join(layers(receipts[kind])).lower()
    own = {"m-ada", "m-ada-pv"}
    parties = {"m-ada", "m-ben"} if kind == "payment" else {"m-ada"}
    for meter, uses in street.community.state.meters.items():
        member, secrets = uses[-1][1].member, []
        if meter not in own:
            secrets += [f"meter/{meter}/", f'"{meter}"']
            secrets += [meter_account(meter, channel) for channel in Channel]
        if member not in {street.members[party] for party in parties}:
            secrets += [member, wallet(member, "LWD/7")]
        for secret in secrets:
            assert secret.encode() not in shown, secret
            assert account_hash(secret).hex().encode() not in shown, secret
    names = [b"m-ben", b"m-cleo", b"m-school"]
    assert not [name for name in names if name in shown]
    assert b'"seed"' not in shown


@pytest.mark.parametrize("kind", ["line", "net", "reading", "balance"])
def test_no_seed_is_shown_from_which_neighbours_salts_would_follow(street, receipts, kind):
    receipt = Receipt.decode(receipts[kind])
    with street.community.reading() as connection:
        from ledger import log_store  # noqa: PLC0415

        entry = log_store.fact_at(
            connection, street.community.writer.community, receipt.proof.index
        )
    seed = decode(entry.detail, 10**8)["seed"].encode()
    derived = lines_seed(bytes.fromhex(seed.decode())).hex().encode()
    shown = layers(receipts[kind])
    assert not [layer for layer in shown if seed in layer or derived in layer]
    if kind == "net":
        mine = {line["index"] for line in receipt.fields["lines"]}
        assert 0 < len(mine) < receipt.statement.body["count"]


# Under which checkpoint.


def test_the_published_checkpoint_is_used_where_it_covers_the_entry(copy, prepared, tmp_path):
    street = settled_street(prepared, tmp_path)
    published = (street.log / "checkpoint").read_bytes()
    ada, ben = street.members["m-ada"], street.members["m-ben"]
    later = pay(street.community, ada, ben, 9, "later")
    assert street.make("line", folder=street.log).proof.checkpoint == published
    assert street.make("line").proof.checkpoint != published
    with street.community.reading() as connection:
        made = payment_receipt(street.community, connection, ada, later, street.log)
    assert made.proof.checkpoint != published
    assert open_checkpoint(made.proof.checkpoint, street.verifier).size == later + 1
    (street.log / "checkpoint").write_bytes(published.replace(b"ladywood", b"ladywoof"))
    with pytest.raises(LogError, match="is not this log's"):
        street.make("line", folder=street.log)
    (street.log / "checkpoint").write_bytes(published)
    next(street.log.glob("tile/0/*/*")).unlink()
    with pytest.raises(LogError, match="is missing"):
        street.make("line", folder=street.log)
    street.community.writer.database.close()


def test_files_of_another_history_are_noticed(copy, prepared, tmp_path):
    street = settled_street(prepared, tmp_path)
    other = reopen(*copy())
    ada, ben = street.members["m-ada"], street.members["m-ben"]
    for number in range(130):
        pay(other, ada, ben, 1, f"fill {number}")
    other.writer.publish(tmp_path / "other")
    other.writer.database.close()
    for kind in ("payment", "line", "balance"):  # the reading stands in both histories
        with pytest.raises(UnsoundError, match="is not in the tree"):
            street.make(kind, folder=tmp_path / "other")
    street.community.writer.database.close()


def test_the_roster_that_is_shown_is_the_last_one_before_the_entry(copy):
    community = reopen(*copy())
    ada = next(iter(community.state.members))
    deeds.new_roster(community, deeds.roster_now(community))
    settle_day(community, DAY)
    deeds.new_roster(community, deeds.roster_now(community))
    with community.reading() as connection:
        trust = Trust(community.log_verifier(connection))
        for made, version in (
            (reading_receipt(community, connection, ada, ("m-ada", Channel.IMPORT, PERIOD)), 1),
            (line_receipt(community, connection, ada, PERIOD), 2),
            (balance_receipt(community, connection, ada, DAY), 2),
        ):
            assert made.roster.body["version"] == version
            assert f"The roster is version {version}" in render(check_receipt(made, trust, ada))
    community.writer.database.close()


# Erasure.


def test_what_was_erased_is_said_and_old_receipts_still_hold(prepared, tmp_path):
    street = settled_street(prepared, tmp_path)
    community = street.community
    old = {kind: street.make(kind) for kind in ("payment", "line", "reading")}
    clock = community.writer.clock
    clock.set_ms(clock.now_ms() + (DETAIL_KEPT_PERIODS + 1) * SECONDS * 1000)
    entries = {old["line"].proof.index: "detail", old["reading"].proof.index: "detail"}
    deeds.erase(community, {**entries, street.payment: "fact"}, "They asked for it.")
    for kind, words in (
        ("payment", "was erased"),
        ("line", "detail of log entry"),
        ("reading", "detail of log entry"),
    ):
        with pytest.raises(LogError, match=words):
            street.make(kind)
        assert render(check_receipt(old[kind], street.trust))
    assert render(check_receipt(street.make("balance"), street.trust))
    community.writer.database.close()


# Other tools.

TOOL = """
import sys
from tlog_scales.signing import Vkey
from tlog_scales.tiles import leaf_hash
from tlog_scales.tlog import Checkpoint, InclusionProof
from tlog_scales.utils import b64dec

head, _, note = sys.stdin.buffer.read().decode().partition("\\n\\n")
lines = head.split("\\n")
assert lines.pop(0) == "c2sp.org/tlog-proof@v1"
assert lines.pop(0).startswith("extra ")
index = int(lines.pop(0).removeprefix("index "))
checkpoint = Checkpoint.from_text(note)
checkpoint.verify(Vkey.from_string(sys.argv[1]))
proof = InclusionProof(index, checkpoint.size, [b64dec(line) for line in lines])
proof.check(leaf_hash(bytes.fromhex(sys.argv[2])), checkpoint.root_hash)
print("accepted", checkpoint.origin, index)
"""


@pytest.mark.parametrize("kind", KINDS)
def test_tlog_scales_checks_the_proof_and_refuses_a_changed_one(street, receipts, kind):
    pytest.importorskip("tlog_scales", reason="tlog-scales is not installed")
    data = receipts[kind]
    leaf = Receipt.decode(data).leaf
    position = data.index(b"\n", data.index(b"\nindex ") + 1) + 5

    def check(data, leaf):
        return subprocess.run(
            [sys.executable, "-c", TOOL, street.verifier.vkey, leaf.hex()],
            input=data,
            capture_output=True,
            timeout=30,
            check=False,
        )

    done = check(data, leaf)
    assert done.stdout.startswith(b"accepted ladywood.example/ledger/1 "), done.stderr.decode()
    twin = bytearray(data)
    twin[position] = ord("A") if twin[position] != ord("A") else ord("B")
    for changed, other in ((bytes(twin), leaf), (data, leaf + b" ")):
        done = check(changed, other)
        assert (done.stdout, done.returncode) == (b"", 1), done.stderr.decode()


def test_the_check_needs_only_the_standard_library_and_cryptography(street, receipts, tmp_path):
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
        "sys.exit(main(sys.argv[1:]))\n"
    )
    for kind in KINDS:
        (tmp_path / kind).write_bytes(receipts[kind])
        done = subprocess.run(
            [
                *(sys.executable, "-c", program),
                *("receipt", str(tmp_path / kind), "--vkey", street.verifier.vkey),
            ],
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
            env={**os.environ, "PYTHONIOENCODING": "ascii"},
        )
        assert done.returncode == 0, done.stderr
        assert done.stdout.startswith("PROVED:")
