import io
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ledger.accounts import _NAME
from ledger.beancount import beancount_name, write_beancount
from ledger.records import Kind, Transfer
from tests.engines import missing

PERIOD = 989737
BEAN_CHECK = Path(sys.executable).with_name("bean-check")

needs_beancount = pytest.mark.usefixtures("beancount_program")

NOTED = """\
; Commonwatt: every transfer, for Beancount
option "title" "Commonwatt"

1970-01-01 commodity BRM
  asset: "BRM/7"
1970-01-01 open Assets:Pool:B
  name: "pool/b"
1970-01-01 open Assets:Pool:A
  name: "pool/a"
1970-01-01 open Assets:Community:Fees
  name: "community/fees"

; 2026-06-15 log 4, half-hour from 2026-06-15T12:30:00Z
;   set aside 0.0000500 BRM from Assets:Pool:A

2026-06-15 * "half-hour from 2026-06-15T12:30:00Z"
  log: 6
  Assets:Pool:A  -0.0000200 BRM
  Assets:Community:Fees  0.0000200 BRM
  ; released 0.0000007 BRM from Assets:Pool:B
  ; released 0.0000008 BRM from Assets:Pool:B

2026-06-16 balance Assets:Pool:B  0.0000000 ~ 0 BRM
2026-06-16 balance Assets:Pool:A  -0.0000200 ~ 0 BRM
2026-06-16 balance Assets:Community:Fees  0.0000200 ~ 0 BRM
"""

# Beancount's own sums, from its own tree of accounts: amounts are added as decimals.
READER = """
import json, sys
from beancount import loader
from beancount.core import realization
entries, errors, options = loader.load_file(sys.argv[1])
tree = realization.realize(entries)
sums = [
    [account.account, position.units.currency, format(position.units.number, "f")]
    for account in realization.iter_children(tree) for position in account.balance
]
names = {entry.account: entry.meta["name"] for entry in entries if type(entry).__name__ == "Open"}
assets = {e.currency: e.meta["asset"] for e in entries if type(e).__name__ == "Commodity"}
json.dump([len(errors), options["title"], names, assets, sums], sys.stdout)
"""


@pytest.fixture(scope="session")
def beancount_program():
    if not BEAN_CHECK.exists():
        missing("bean-check (pip install beancount)")


def transfer(number, kind, debit, credit, amount, period=PERIOD, original=None):
    return Transfer(number.to_bytes(16), kind, debit, credit, amount, period, original)


def text_of(transfers, **options):
    out = io.StringIO()
    balances = write_beancount(transfers, out, **options)
    return out.getvalue(), balances


def bean_check(path):
    return subprocess.run(
        [BEAN_CHECK, "--no-cache", path], capture_output=True, text=True, check=False
    )


def read_by_beancount(path):
    """Return what Beancount made of a file: errors, title, and balances by our own names."""
    done = subprocess.run(
        [sys.executable, "-c", READER, path], capture_output=True, text=True, check=True
    )
    errors, title, names, assets, sums = json.loads(done.stdout)
    balances = {}
    for account, commodity, number in sums:
        whole, _, part = number.partition(".")
        assert len(part) == (0 if commodity == "WH" else 7), "an amount without all its decimals"
        balances[f"{names[account]} {assets[commodity]}"] = int(whole + part)
    return errors, title, balances


@pytest.fixture(scope="module")
def street_file(settled_street, tmp_path_factory):
    community = settled_street.community
    path = tmp_path_factory.mktemp("beancount") / "street.beancount"
    with community.reading() as connection, path.open("w", encoding="utf-8") as out:
        ours = community.writer.ledger.balances(connection)
        transfers = community.writer.ledger.transfers(connection)
        asserted = write_beancount(transfers, out, title=community.name, accounts=list(ours))
    return path, {account: balance.posted for account, balance in ours.items()}, asserted


def test_the_balances_asserted_are_the_ledgers(street_file):
    _, ours, asserted = street_file
    assert asserted == ours


@needs_beancount
def test_bean_check_accepts_the_file(street_file):
    checked = bean_check(street_file[0])
    assert (checked.returncode, checked.stdout, checked.stderr) == (0, "", "")


@needs_beancount
def test_beancounts_balances_equal_ours(street_file, settled_street):
    path, ours, _ = street_file
    expected = {account: posted for account, posted in ours.items() if posted}
    assert read_by_beancount(path) == (0, settled_street.community.name, expected)
    assert len(expected) > 5


@needs_beancount
@pytest.mark.parametrize("commodity", ["WH", "LWD"])
def test_bean_check_refuses_a_copy_with_one_amount_changed_by_one_unit(
    street_file, tmp_path, commodity
):
    text = street_file[0].read_text()
    # Both sides of one transfer, so that only the asserted balances can tell.
    pattern = rf"(\n  \S+  )-(\d[\d.]*)( {commodity}\n  \S+  )\2( {commodity}\n)"
    found = re.search(pattern, text)
    assert found is not None
    step = -1 if found[2][-1] == "9" else 1
    other = found[2][:-1] + str(int(found[2][-1]) + step)
    changed = f"{found[1]}-{other}{found[3]}{other}{found[4]}"
    copy = tmp_path / "changed.beancount"
    copy.write_text(text[: found.start()] + changed + text[found.end() :])
    checked = bean_check(copy)
    assert checked.returncode != 0
    assert checked.stderr.count("Balance failed") == 2, "of the two accounts, and no others"
    assert checked.stderr.count("1E-7 too" if commodity == "LWD" else "(1 too") == 2


@needs_beancount
def test_without_the_explicit_tolerance_one_unit_would_pass(tmp_path):
    move = transfer(1, Kind.POST, "pool/a BRM/7", "pool/b BRM/7", 20)
    text, _ = text_of([(move, 1)])
    wrong = text.replace("balance Assets:Pool:B  0.0000020", "balance Assets:Pool:B  0.0000021")
    assert wrong != text
    path = tmp_path / "wrong.beancount"
    path.write_text(wrong)
    assert bean_check(path).returncode == 1
    path.write_text(wrong.replace(" ~ 0 ", " "))
    assert bean_check(path).returncode == 0


@needs_beancount
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
                (transfer(n, Kind.POST, f"pool/a {code}/7", f"community/fees {code}/7", n), 3)
                for n, code in enumerate(("TRUE", "FALSE", "NULL", "A1B2C3D4E5", "ABC"), start=1)
            ],
            id="currencies that Beancount reads as its own words",
        ),
        pytest.param(
            [
                (transfer(1, Kind.POST, "meter/a:b/c/import WH/0", "pool/a WH/0", 5), 1),
                (transfer(2, Kind.POST, "meter/a/b/c/import WH/0", "pool/a WH/0", 7), 1),
                (transfer(3, Kind.POST, "meter/A/b/c/import WH/0", "pool/a WH/0", 8), 1),
                (transfer(4, Kind.POST, "meter/-/import WH/0", "pool/a WH/0", 9), 1),
                (transfer(5, Kind.POST, "meter/TRUE/import WH/0", "pool/a WH/0", 9), 1),
                (transfer(6, Kind.POST, "meter/2026-01-01/import WH/0", "pool/a WH/0", 9), 1),
            ],
            id="meters whose ids hold colons, slashes, capitals and dates",
        ),
        pytest.param(
            [
                (transfer(1, Kind.POST, "grid/import WH/0", "pool/a WH/0", 5, PERIOD), 1),
                (transfer(2, Kind.POST, "grid/import WH/0", "pool/a WH/0", 6, PERIOD - 96), 2),
                (transfer(3, Kind.POST, "grid/import WH/0", "pool/b WH/0", 7, 0), 3),
            ],
            id="older half-hours posted later, one of them in 1970",
        ),
        pytest.param(
            [
                (transfer(1, Kind.POST, "pool/a BRM/7", "pool/b BRM/7", 2**53 - 1), 1),
                (transfer(2, Kind.POST, "pool/b BRM/7", "pool/a BRM/7", 1), 1),
            ],
            id="the largest amount and the smallest",
        ),
        pytest.param(
            [
                (transfer(1, Kind.POST, "pool/a BRM/7", "pool/b BRM/7", 7), 1),
                (transfer(2, Kind.REVERSE, "pool/b BRM/7", "pool/a BRM/7", 7, 5, bytes(16)), 2),
                (transfer(3, Kind.CORRECT, "pool/a BRM/7", "pool/b BRM/7", 3, 5, bytes(16)), 2),
            ],
            id="an amount moved back, and a correction",
        ),
    ],
)
def test_bean_check_accepts_the_corners(tmp_path, transfers):
    title = 'two\nlines, "quotes" and \\ ü'
    text, balances = text_of(transfers, title=title)
    path = tmp_path / "corner.beancount"
    path.write_text(text, encoding="utf-8")
    checked = bean_check(path)
    assert (checked.returncode, checked.stderr) == (0, "")
    errors, read_title, theirs = read_by_beancount(path)
    assert (errors, read_title) == (0, 'two lines, "quotes" and \\ ü')
    assert theirs == {account: value for account, value in balances.items() if value}


def test_what_is_set_aside_moves_nothing_and_is_noted():
    accounts = "pool/a BRM/7", "community/fees BRM/7"
    hold = transfer(1, Kind.HOLD, *accounts, 500)
    part = transfer(2, Kind.POST_HOLD, *accounts, 200, PERIOD, hold.id)
    void = transfer(3, Kind.VOID_HOLD, "pool/b BRM/7", accounts[1], 7, PERIOD, hold.id)
    late = transfer(4, Kind.EXPIRE_HOLD, "pool/b BRM/7", accounts[1], 8, PERIOD, hold.id)
    pairs = [(hold, 4), (part, 6), (void, 6), (late, 6)]
    text, balances = text_of(pairs, accounts=["pool/b BRM/7"])
    assert text == NOTED
    assert balances == {"pool/b BRM/7": 0, "pool/a BRM/7": -200, "community/fees BRM/7": 200}


@needs_beancount
def test_beancount_reads_the_notes(tmp_path):
    path = tmp_path / "noted.beancount"
    path.write_text(NOTED)
    assert bean_check(path).returncode == 0


def test_the_file_is_written_while_transfers_are_read():
    out = io.StringIO()
    seen = []

    def transfers():
        for number in range(1, 4):
            yield transfer(number, Kind.POST, "grid/import WH/0", "pool/a WH/0", 1), number
            seen.append(out.getvalue().count("half-hour"))

    write_beancount(transfers(), out)
    assert seen == [0, 1, 2]


# Names: that a name can be read back proves that no two share one.


NAMES = st.from_regex(_NAME, fullmatch=True)
BEANCOUNT_ACCOUNT = re.compile(r"(Assets|Equity)(:[A-Z0-9][A-Za-z0-9-]*)+", re.ASCII)


def read_back(name):
    """The way back from Beancount's name, by the page's words alone."""
    _root, *parts = name.split(":")
    plain = []
    for part in parts:
        first = part[3:] if part.startswith("X--") else part[0].lower() + part[1:]
        plain.append(re.sub(r"-([0-9A-F]{2})", lambda found: chr(int(found[1], 16)), first))
    return "/".join(plain)


@given(NAMES)
@example("meter/X--a/import")
@example("meter/x/import")
@example("meter/X/import")
@example("meter/-58/import")
@example("meter///import")
def test_a_beancount_name_is_of_its_grammar_and_can_be_read_back(name):
    theirs = beancount_name(name)
    assert BEANCOUNT_ACCOUNT.fullmatch(theirs)
    assert read_back(theirs) == name


METERS = st.text(alphabet="aAxX0-:/5", min_size=1, max_size=4)


@given(METERS, METERS)
def test_no_two_meters_share_a_beancount_name(one, other):
    names = [beancount_name(f"meter/{meter}/import") for meter in (one, other)]
    assert (names[0] == names[1]) == (one == other)


@pytest.mark.parametrize(
    ("name", "theirs"),
    [
        ("pool/ladywood-2", "Assets:Pool:Ladywood-2D2"),
        ("grid/export", "Equity:Grid:Export"),
        ("issuer/reserve", "Equity:Issuer:Reserve"),
        ("community/fees", "Assets:Community:Fees"),
        (f"member/{'0f' * 16}/wallet", f"Assets:Member:{'0f' * 16}:Wallet"),
        (f"member/{'f0' * 16}/wallet", f"Assets:Member:F0{'f0' * 15}:Wallet"),
        ("meter/1900012345678/import", "Assets:Meter:1900012345678:Import"),
        ("meter/m_a.b/export", "Assets:Meter:M-5Fa-2Eb:Export"),
    ],
)
def test_names_as_they_look(name, theirs):
    assert beancount_name(name) == theirs
