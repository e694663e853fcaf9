"""Opening balances: read strictly, summed exactly, rehearsed without a trace, audited."""

import io

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger import people
from ledger.accounts import fees, fund, wallet
from ledger.book import Book
from ledger.errors import CommonwattError, InputError, RefusedError
from ledger.primitives.money import UNITS_PER_MAJOR
from ledger.records import Transfer
from settlement.audit.verify import audit
from settlement.enrol import enter_openings, pay
from settlement.export import export_bundle
from settlement.openings import opening_transfers
from settlement.openings_file import OpeningRow, read_amount, read_openings
from settlement.run import settle_day
from settlement.statement import household_statement
from settlement.statement_text import render_text
from tests.prepared import DAY, reopen

ASSET = "LWD/7"
MEMBERS = {"Ada": "a" * 32, "Ben": "b" * 32}


def find_member(name):
    if name not in MEMBERS:
        raise InputError(f"{name!r}: no member's name is it")
    return MEMBERS[name]


def read(text):
    return read_openings(io.BytesIO(text.encode()), ASSET, find_member)


def test_a_file_is_read_exactly():
    rows = read(
        "\ufeffAmount,Account\r\n12.5,Ada\r\n\r\n−0.0000001,Ben\r\n-12.4999999,community/fund\r\n"
    )
    assert rows == [
        OpeningRow(2, wallet("a" * 32, ASSET), 125_000_000),
        OpeningRow(4, wallet("b" * 32, ASSET), -1),
        OpeningRow(5, fund(ASSET), -124_999_999),
    ]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "line 1: the columns must be 'account,amount'"),
        ("account,amount,note\n", "line 1: the columns"),
        ("account,amount\nAda\n", "line 2: has 1 cells"),
        ("account,amount\nAda,1,2\n", "line 2: has 3 cells"),
        ("account,amount\nAda,£5\n", "line 2: '£5' is not an amount"),
        ("account,amount\nAda,1e3\n", "line 2: '1e3' is not an amount"),
        ('account,amount\nAda,"1,000.00"\n', "without currency or thousands' comma"),
        ("account,amount\nAda,0.12345678\n", "is not an amount"),
        ("account,amount\nAda,999999999\n", "more than a ledger can hold"),
        ("account,amount\nCleo,5\n", "line 2: 'Cleo': no member's name is it"),
        ("account,amount\nAda,5\nBen,-5\nAda,1\n", "line 4: the account stands on line 2 already"),
        ("account,amount\nmeter/m-1/import,5\n", "counts from its first reading"),
        ('account,amount\n"Ada,5\n', "line 2: not CSV"),
        ("account,amount\nAda,5\n", "sum to £5.00 (50000000 units), not to zero"),
        ("account,amount\nAda,0\n", "no balance other than zero"),
        ("account,amount\nAda," + "1" * 1000, "longer than 1,000 bytes"),
    ],
)
def test_a_wrong_file_is_named_by_line(text, words):
    with pytest.raises(InputError) as error:
        read(text)
    assert words in str(error.value)


@settings(max_examples=300)
@given(
    st.one_of(
        st.binary(max_size=200),
        st.text('Aad,en0123456789.-\n"moutcB', max_size=120).map(str.encode),
    )
)
def test_whatever_bytes_come_only_our_errors_go(data):
    for head in (b"", b"account,amount\n"):
        try:
            rows = read_openings(io.BytesIO(head + data), ASSET, find_member)
        except CommonwattError:
            continue
        assert sum(row.units for row in rows) == 0


@settings(max_examples=200)
@given(st.integers(-(10**9), 10**9))
def test_every_amount_is_read_as_it_is_written(units):
    whole, part = divmod(abs(units), UNITS_PER_MAJOR)
    assert read_amount(f"{'-' if units < 0 else ''}{whole}.{part:07d}") == units


@settings(max_examples=200)
@given(st.lists(st.integers(-1000, 1000), min_size=1, max_size=20))
def test_transfers_give_each_account_its_balance_and_nothing_more(units):
    balances = {wallet(f"{n:032x}", ASSET): u for n, u in enumerate(units)}
    balances[fees(ASSET)] = 7
    balances[fund(ASSET)] = -7 - sum(units)
    transfers = opening_transfers(bytes(16), balances, 989737)
    assert len(transfers) == sum(map(bool, units)) + 1
    book = Book()
    for account, amount in balances.items():
        # No account goes further than its own balance, so no limit is met on the way.
        limited = account != fund(ASSET)
        book.open(
            account,
            floor=min(0, amount) if limited else None,
            ceiling=max(0, amount) if limited else None,
        )
    assert all(status.taken for status in book.apply(transfers, 989737))
    assert {name: balance.posted for name, balance in book.balances.items()} == balances


@pytest.fixture
def street(copy):
    url, keys = copy()
    community = reopen(url, keys)
    yield community
    community.writer.database.close()


def some_balances(community):
    with community.reading() as connection:
        names = people.names(connection, community.writer.community)
    ada, ben, *_ = (wallet(m, ASSET) for m in sorted(names, key=names.__getitem__))
    return {ada: 150_000_001, ben: -100_000_000, fund(ASSET): -50_000_001}


def size_of(community):
    with community.reading() as connection:
        ledger = community.writer.ledger
        return ledger.balances(connection), len(list(ledger.transfers(connection)))


def test_opening_balances_stand_in_the_ledger_and_pass_the_audit(street, tmp_path):
    balances = some_balances(street)
    before = size_of(street)
    rehearsed = enter_openings(street, balances, dry_run=True)
    assert size_of(street) == before
    after = enter_openings(street, balances)
    assert after == rehearsed
    assert {account: after[account] for account in balances} == balances
    settle_day(street, DAY)
    export_bundle(street, tmp_path / "bundle")
    report = audit(tmp_path / "bundle")
    assert report.failed is None, report.failure
    assert report.counts["opening"] == 1


def test_a_members_statement_shows_what_they_brought(street):
    balances = some_balances(street)
    enter_openings(street, balances)
    settle_day(street, DAY)
    [account] = [name for name, units in balances.items() if units == 150_000_001]
    with street.reading() as connection:
        model = household_statement(street, connection, account.split("/")[1], "2026-07")
        earlier = household_statement(street, connection, account.split("/")[1], "2026-06")
    shown = [line for made in (earlier, model) for line in made.payments]
    assert [(line.other_name, line.units) for line in shown] == [("Opening balance", 150_000_001)]
    assert "Opening balance" in render_text(model) + render_text(earlier)


def test_a_second_file_adds_to_the_first_until_something_moves(street):
    balances = some_balances(street)
    enter_openings(street, balances)
    after = enter_openings(street, {account: -units for account, units in balances.items()})
    assert not any(after[account] for account in balances)
    payer, payee, *_ = street.state.members
    pay(street, payer, payee, 5, "eggs")
    with pytest.raises(RefusedError, match="before the first payment"):
        enter_openings(street, balances)


def test_a_balance_beyond_the_members_limit_is_refused_and_nothing_is_kept(street):
    balances = some_balances(street)
    ben = min(balances, key=balances.__getitem__)
    balances[fund(ASSET)] += balances[ben] + 200_000_001
    balances[ben] = -200_000_001
    before = size_of(street)
    with pytest.raises(RefusedError, match="below floor"):
        enter_openings(street, balances)
    assert size_of(street) == before


def forge(street, tmp_path, change, words, monkeypatch):
    """Let an operator's program post other transfers than it signs for."""
    with monkeypatch.context() as patch:
        patch.setattr("settlement.effects.opening_transfers", change)
        patch.setattr("settlement.enrol.opening_transfers", change)
        enter_openings(street, some_balances(street))
    settle_day(street, DAY)
    export_bundle(street, tmp_path / "bundle")
    assert words in str(audit(tmp_path / "bundle").failure)


def test_an_operator_who_opens_a_unit_more_is_found_by_the_audit(street, tmp_path, monkeypatch):
    def more(batch, balances, period):
        one, *rest = opening_transfers(batch, balances, period)
        return [Transfer(one.id, one.kind, one.debit, one.credit, one.amount + 1, period), *rest]

    forge(street, tmp_path, more, "not those that were signed", monkeypatch)


def test_openings_after_the_first_movement_are_found_by_the_audit(street, tmp_path, monkeypatch):
    monkeypatch.setattr("settlement.community.MOVING_KINDS", ("no such kind",))
    settle_day(street, DAY)
    enter_openings(street, some_balances(street))
    export_bundle(street, tmp_path / "bundle")
    assert "after the first movement" in str(audit(tmp_path / "bundle").failure)
