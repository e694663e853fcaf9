import csv
import io
import shutil
import subprocess
from collections import defaultdict

import pandas as pd
import pyarrow.parquet as pq
import pytest

from ledger.beancount import write_beancount
from ledger.book import Balance
from ledger.columns import BALANCES, TRANSFERS, balance_rows, transfer_rows, write_csv
from ledger.errors import InputError
from ledger.hledger import write_journal
from ledger.parquet import write_parquet
from ledger.primitives.periods import parse_utc
from ledger.records import MOVES, Kind, Transfer
from tests.engines import missing
from tests.ledger.test_beancount import BEAN_CHECK, read_by_beancount

PERIOD = 989737
MOVING = {kind.name.lower() for kind in MOVES}


def transfer(number, kind, debit, credit, amount, period=PERIOD, original=None, expires=None):
    return Transfer(number.to_bytes(16), kind, debit, credit, amount, period, original, expires)


ACCOUNTS = "pool/a BRM/7", "community/fees BRM/7"
HOLD = transfer(1, Kind.HOLD, *ACCOUNTS, 2**53 - 1, expires=PERIOD + 48)
CORNERS = [
    (HOLD, 3),
    (transfer(2, Kind.POST_HOLD, *ACCOUNTS, 2**53 - 1, original=HOLD.id), 4),
    (transfer(3, Kind.VOID_HOLD, *ACCOUNTS, 7, original=HOLD.id), 4),
    (transfer(4, Kind.POST, "meter/a:b/import WH/0", "pool/a WH/0", 5, 0), 5),
    (transfer(5, Kind.CORRECT, *reversed(ACCOUNTS), 1, 4_000_000, original=bytes(16)), 6),
]
CORNERS_CSV = f"""\
number,id,position,effective,start_utc,kind,debit,credit,asset,amount,original,expires
1,{1:032x},3,989737,2026-06-15T12:30:00Z,hold,pool/a,community/fees,BRM/7,9007199254740991,,989785
2,{2:032x},4,989737,2026-06-15T12:30:00Z,post_hold,pool/a,community/fees,BRM/7,9007199254740991,{1:032x},
3,{3:032x},4,989737,2026-06-15T12:30:00Z,void_hold,pool/a,community/fees,BRM/7,7,{1:032x},
4,{4:032x},5,0,1970-01-01T00:00:00Z,post,meter/a:b/import,pool/a,WH/0,5,,
5,{5:032x},6,4000000,2198-02-27T08:00:00Z,correct,community/fees,pool/a,BRM/7,1,{0:032x},
"""


def csv_of(columns, rows):
    out = io.StringIO()
    count = write_csv(columns, rows, out)
    assert out.getvalue().count("\n") == count + 1
    return out.getvalue()


def parquet_of(columns, rows, **options):
    out = io.BytesIO()
    count = write_parquet(columns, rows, out, **options)
    out.seek(0)
    assert pq.read_metadata(out).num_rows == count
    out.seek(0)
    return out


@pytest.fixture(scope="module")
def street(settled_street):
    """All pairs of the street, its balances, and what each account holds but for nothing."""
    community = settled_street.community
    with community.reading() as connection:
        balances = community.writer.ledger.balances(connection)
        pairs = list(community.writer.ledger.transfers(connection))
    return pairs, balances, {name: b.posted for name, b in balances.items() if b.posted}


def posted_by_pandas(frame):
    """Add transfers up as the page says: what came in less what went out."""
    moved = frame[frame["kind"].isin(MOVING)]
    taken = moved.assign(account=moved["credit"])
    given = moved.assign(account=moved["debit"], amount=-moved["amount"])
    sums = pd.concat([taken, given]).groupby(["account", "asset"])["amount"].sum()
    assert sums.dtype == "int64"
    return {f"{name} {asset}": int(value) for (name, asset), value in sums.items() if value}


def posted_by_hand(text):
    sums = defaultdict(int)
    for row in csv.DictReader(io.StringIO(text)):
        if row["kind"] in MOVING:
            sums[f"{row['debit']} {row['asset']}"] -= int(row["amount"])
            sums[f"{row['credit']} {row['asset']}"] += int(row["amount"])
    return {account: value for account, value in sums.items() if value}


def posted_by_hledger(path, accounts):
    """Add up hledger's balances under our own names."""
    names = {}
    for account in accounts:
        name, _, asset = account.partition(" ")
        names[name.replace("/", ":"), asset.partition("/")[0]] = account
    assert len(names) == len(accounts)
    answer = subprocess.run(
        ["hledger", "-f", str(path), *["bal", "-N", "--flat", "-O", "csv", "--layout=bare"]],
        capture_output=True,
        text=True,
        check=True,
        env={"LC_ALL": "C.UTF-8"},
    )
    rows = list(csv.reader(io.StringIO(answer.stdout)))[1:]
    return {names[n, c]: int(a.replace(".", "")) for n, c, a in rows if int(a.replace(".", ""))}


# CSV.


def test_the_corners_as_csv():
    assert csv_of(TRANSFERS, transfer_rows(CORNERS)) == CORNERS_CSV


def test_csv_read_back_and_added_up_gives_every_balance(street):
    pairs, _, posted = street
    assert posted_by_hand(csv_of(TRANSFERS, transfer_rows(pairs))) == posted
    assert len(posted) > 5


def test_csv_tells_every_field_of_every_transfer(street):
    for pairs in (street[0], CORNERS):
        rows = csv.DictReader(io.StringIO(csv_of(TRANSFERS, transfer_rows(pairs))))
        for number, (row, (ours, position)) in enumerate(zip(rows, pairs, strict=True), start=1):
            read = Transfer(
                bytes.fromhex(row["id"]),
                Kind[row["kind"].upper()],
                f"{row['debit']} {row['asset']}",
                f"{row['credit']} {row['asset']}",
                int(row["amount"]),
                int(row["effective"]),
                bytes.fromhex(row["original"]) or None,
                int(row["expires"]) if row["expires"] else None,
            )
            assert read == ours
            assert (int(row["number"]), int(row["position"])) == (number, position)
            assert parse_utc(row["start_utc"]) == ours.effective


def test_no_cell_is_a_formula_to_a_spreadsheet(street):
    pairs, balances, _ = street
    tables = [
        csv_of(TRANSFERS, transfer_rows([*pairs, *CORNERS])),
        csv_of(BALANCES, balance_rows(balances)),
    ]
    for text in tables:
        for row in list(csv.reader(io.StringIO(text))):
            for cell in row:
                assert not cell.startswith(("=", "+", "-", "@", "\t", "\r")) or (
                    cell[1:].isdecimal() and cell[0] == "-" and text is tables[1]
                ), cell


@pytest.mark.parametrize("account", ["=1+1 WH/0", "@a WH/0", "pool/=a WH/0", "pool/a =1/7"])
def test_an_account_that_is_not_of_the_chart_is_refused(account):
    move = transfer(1, Kind.POST, account, account, 5)
    with pytest.raises(InputError):
        csv_of(TRANSFERS, transfer_rows([(move, 1)]))
    with pytest.raises(InputError):
        csv_of(BALANCES, balance_rows({account: Balance()}))


def test_rows_are_written_while_transfers_are_read():
    out = io.StringIO()
    seen = []

    def transfers():
        for number in range(1, 4):
            yield transfer(number, Kind.POST, "grid/import WH/0", "pool/a WH/0", 1), number
            seen.append(out.getvalue().count("post"))

    write_csv(TRANSFERS, transfer_rows(transfers()), out)
    assert seen == [1, 2, 3]


def test_balances_as_csv():
    balances = {
        "pool/a WH/0": Balance(0, 0, 0, 0, None),
        "community/fees BRM/7": Balance(-5, 6, 7, -2_000_000, 2**53 - 1),
    }
    assert csv_of(BALANCES, balance_rows(balances)) == (
        "account,asset,posted,pending_out,pending_in,floor,ceiling\n"
        "pool/a,WH/0,0,0,0,0,\n"
        "community/fees,BRM/7,-5,6,7,-2000000,9007199254740991\n"
    )


# Parquet.


def test_parquet_read_back_and_added_up_gives_every_balance(street):
    pairs, _, posted = street
    file = parquet_of(TRANSFERS, transfer_rows(pairs))
    assert posted_by_pandas(pd.read_parquet(file)) == posted


def test_parquet_and_csv_tell_the_same(street):
    for pairs in (street[0], CORNERS):
        table = pq.read_table(parquet_of(TRANSFERS, transfer_rows(pairs)))
        rows = csv.DictReader(io.StringIO(csv_of(TRANSFERS, transfer_rows(pairs))))
        for ours, theirs in zip(table.to_pylist(), rows, strict=True):
            ours["start_utc"] = ours["start_utc"].strftime("%Y-%m-%dT%H:%M:%SZ")
            assert {k: "" if v is None else str(v) for k, v in ours.items()} == theirs


def test_parquet_has_exact_types_and_says_what_it_is():
    metadata = {"title": "Straße"}
    file = parquet_of(TRANSFERS, transfer_rows(CORNERS), metadata=metadata)
    schema = pq.read_schema(file)
    types = {name: str(schema.field(name).type) for name in schema.names}
    text = {"id", "kind", "debit", "credit", "asset", "original"}
    assert {name for name, kind in types.items() if kind == "string"} == text
    assert types["start_utc"] == "timestamp[ms, tz=UTC]"
    assert {types[name] for name in types.keys() - text - {"start_utc"}} == {"int64"}
    nullable = {name for name in schema.names if schema.field(name).nullable}
    assert nullable == {"original", "expires"}
    assert schema.metadata[b"title"].decode() == "Straße"
    group = pq.read_metadata(file).row_group(0)
    encoded = {
        group.column(i).path_in_schema
        for i in range(len(TRANSFERS))
        if group.column(i).has_dictionary_page
    }
    assert encoded == {"kind", "debit", "credit", "asset"}
    # The largest amount stays whole, which a float would not.
    assert pd.read_parquet(file)["amount"].tolist()[:2] == [2**53 - 1] * 2


def test_parquet_is_written_in_groups_as_rows_are_read():
    seen = []
    out = io.BytesIO()

    def transfers():
        for number in range(1, 8):
            seen.append(out.tell())
            yield transfer(number, Kind.POST, "grid/import WH/0", "pool/a WH/0", number), number

    assert write_parquet(TRANSFERS, transfer_rows(transfers()), out, rows_a_group=3) == 7
    assert len({*seen[:3]}) == 1
    assert seen[2] < seen[3] == seen[5] < seen[6]
    out.seek(0)
    read = pq.read_metadata(out)
    assert [read.row_group(i).num_rows for i in range(read.num_row_groups)] == [3, 3, 1]
    out.seek(0)
    assert pd.read_parquet(out)["amount"].tolist() == [1, 2, 3, 4, 5, 6, 7]


def test_tables_without_rows():
    assert csv_of(TRANSFERS, []).count("\n") == 1
    frame = pd.read_parquet(parquet_of(TRANSFERS, []))
    assert (len(frame), list(frame.columns)) == (0, [column.name for column in TRANSFERS])


def test_balances_as_parquet_are_the_ledgers(street):
    _, balances, _ = street
    table = pq.read_table(parquet_of(BALANCES, balance_rows(balances)))
    read = {f"{row.pop('account')} {row.pop('asset')}": Balance(**row) for row in table.to_pylist()}
    assert read == balances
    assert any(balance.floor for balance in read.values())


# Four formats, one ledger.


def test_hledger_beancount_csv_and_parquet_agree_on_every_balance(street, tmp_path):
    pairs, balances, posted = street
    if shutil.which("hledger") is None:
        missing("hledger (apt-get install hledger)")
    if not BEAN_CHECK.exists():
        missing("bean-check (pip install beancount)")
    journal, beans = tmp_path / "street.journal", tmp_path / "street.beancount"
    with journal.open("w", encoding="utf-8") as out:
        asserted = [write_journal(pairs, out)]
    with beans.open("w", encoding="utf-8") as out:
        asserted.append(write_beancount(pairs, out))
    for values in asserted:
        assert {account: value for account, value in values.items() if value} == posted
    by_format = {
        "hledger": posted_by_hledger(journal, list(balances)),
        "beancount": read_by_beancount(beans)[2],
        "csv": posted_by_hand(csv_of(TRANSFERS, transfer_rows(pairs))),
        "parquet": posted_by_pandas(pd.read_parquet(parquet_of(TRANSFERS, transfer_rows(pairs)))),
    }
    assert by_format == dict.fromkeys(by_format, posted)
    assert len(posted) > 5
