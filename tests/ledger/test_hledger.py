import csv
import io
import re
import shutil
import subprocess

import pytest

from ledger.hledger import write_journal
from ledger.records import Kind, Transfer
from tests.engines import missing

PERIOD = 989737


needs_hledger = pytest.mark.usefixtures("hledger_program")

NOTED = """\
; Commonwatt: every transfer, for hledger

commodity 1.0000000 BRM
account pool:b
account pool:a
account community:fees

; 2026-06-15 (4) half-hour from 2026-06-15T12:30:00Z
;     set aside 0.0000500 BRM from pool:a

2026-06-15 (6) half-hour from 2026-06-15T12:30:00Z
    pool:a  -0.0000200 BRM
    community:fees  0.0000200 BRM
    ; released 0.0000007 BRM from pool:b

2026-06-15 (7) all balances
    pool:b  0.0000000 BRM = 0.0000000 BRM
    pool:a  0.0000000 BRM = -0.0000200 BRM
    community:fees  0.0000000 BRM = 0.0000200 BRM
"""


@pytest.fixture(scope="session")
def hledger_program():
    if shutil.which("hledger") is None:
        missing("hledger (apt-get install hledger)")


def transfer(number, kind, debit, credit, amount, period=PERIOD, hold=None):
    return Transfer(number.to_bytes(16), kind, debit, credit, amount, period, hold)


def journal_of(transfers, **options):
    out = io.StringIO()
    balances = write_journal(transfers, out, **options)
    return out.getvalue(), balances


def hledger(path, *arguments):
    return subprocess.run(
        ["hledger", "-f", str(path), *arguments],
        capture_output=True,
        text=True,
        check=False,
        env={"LC_ALL": "C.UTF-8"},
    )


@pytest.fixture(scope="module")
def street_journal(settled_street, tmp_path_factory):
    community = settled_street.community
    path = tmp_path_factory.mktemp("hledger") / "street.journal"
    with community.reading() as connection, path.open("w", encoding="utf-8") as out:
        ours = community.writer.ledger.balances(connection)
        transfers = community.writer.ledger.transfers(connection)
        asserted = write_journal(transfers, out, title=community.name, accounts=list(ours))
    return path, {account: balance.posted for account, balance in ours.items()}, asserted


def test_the_balances_asserted_are_the_ledgers(street_journal):
    _, ours, asserted = street_journal
    assert asserted == ours


@needs_hledger
def test_hledger_accepts_the_journal(street_journal):
    path, _, _ = street_journal
    checked = hledger(path, "check", "--strict")
    assert (checked.returncode, checked.stderr) == (0, "")


@needs_hledger
def test_hledgers_balances_equal_ours(street_journal):
    path, ours, _ = street_journal
    answer = hledger(path, "bal", "-N", "-E", "--flat", "-O", "csv", "--layout=bare")
    assert answer.returncode == 0, answer.stderr
    theirs = {}
    for name, commodity, amount in list(csv.reader(io.StringIO(answer.stdout)))[1:]:
        whole, _, part = amount.partition(".")
        assert len(part) == (0 if commodity == "WH" else 7) or not int(amount.replace(".", ""))
        if int(amount.replace(".", "")):
            theirs[name, commodity] = int(whole + part)
    expected = {}
    for account, posted in ours.items():
        name, _, asset = account.partition(" ")
        if posted:
            expected[name.replace("/", ":"), asset.partition("/")[0]] = posted
    assert theirs == expected
    assert len(expected) > 5


@needs_hledger
@pytest.mark.parametrize("commodity", ["WH", "LWD"])
def test_hledger_refuses_a_copy_with_one_amount_changed(street_journal, tmp_path, commodity):
    path, _, _ = street_journal
    text = path.read_text()
    # Both sides of one transfer, so that only the asserted balances can tell.
    pattern = rf"(  )-(\d[\d.]*)( {commodity}\n    \S+  )\2( {commodity}\n)"
    found = re.search(pattern, text)
    assert found is not None
    other = found[2][:-1] + str((int(found[2][-1]) + 1) % 10)
    changed = f"{found[1]}-{other}{found[3]}{other}{found[4]}"
    copy = tmp_path / "changed.journal"
    copy.write_text(text[: found.start()] + changed + text[found.end() :])
    checked = hledger(copy, "check", "--strict")
    assert checked.returncode != 0
    assert "assertion" in checked.stderr


@needs_hledger
@pytest.mark.parametrize(
    "transfers",
    [
        pytest.param([], id="nothing"),
        pytest.param(
            [(transfer(1, Kind.HOLD, "pool/a AB1/7", "community/fees AB1/7", 5), 3)],
            id="only a hold, and a currency with a digit",
        ),
        pytest.param(
            [
                (transfer(1, Kind.POST, "meter/a:b/c/import WH/0", "pool/a WH/0", 5), 1),
                (transfer(2, Kind.POST, "meter/a/b/c/import WH/0", "pool/a WH/0", 7), 1),
            ],
            id="meters whose ids hold colons and slashes",
        ),
        pytest.param(
            [
                (transfer(1, Kind.POST, "grid/import WH/0", "pool/a WH/0", 5, PERIOD), 1),
                (transfer(2, Kind.POST, "grid/import WH/0", "pool/a WH/0", 6, PERIOD - 96), 2),
            ],
            id="an older half-hour posted later",
        ),
    ],
)
def test_hledger_accepts_the_corners(tmp_path, transfers):
    text, balances = journal_of(transfers, title="two\nlines")
    path = tmp_path / "corner.journal"
    path.write_text(text)
    checked = hledger(path, "check", "--strict")
    assert (checked.returncode, checked.stderr) == (0, "")
    shown = hledger(path, "accounts", "--declared").stdout.split()
    assert len(shown) == len({account.partition(" ")[0] for account in balances})


def test_what_is_set_aside_moves_nothing_and_is_noted():
    hold = transfer(1, Kind.HOLD, "pool/a BRM/7", "community/fees BRM/7", 500)
    part = transfer(2, Kind.POST_HOLD, "pool/a BRM/7", "community/fees BRM/7", 200, PERIOD, hold.id)
    void = transfer(3, Kind.VOID_HOLD, "pool/b BRM/7", "community/fees BRM/7", 7, PERIOD, hold.id)
    text, balances = journal_of([(hold, 4), (part, 6), (void, 6)], accounts=["pool/b BRM/7"])
    assert text == NOTED
    assert balances == {"pool/b BRM/7": 0, "pool/a BRM/7": -200, "community/fees BRM/7": 200}


def test_the_journal_is_written_while_transfers_are_read():
    out = io.StringIO()
    seen = []

    def transfers():
        for number in range(1, 4):
            yield transfer(number, Kind.POST, "grid/import WH/0", "pool/a WH/0", 1), number
            seen.append(out.getvalue().count("half-hour"))

    write_journal(transfers(), out)
    assert seen == [0, 1, 2]
