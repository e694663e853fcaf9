"""Vouchers from the command line: a card, a shop that is paid by it, the money back."""

import pytest

from tests.wallet_api.communities import Shell, words_of


@pytest.fixture
def village(tmp_path, capsys, monkeypatch):
    shell = Shell(tmp_path, capsys, monkeypatch)
    shell.found()
    return shell


def make(village, *more):
    """Make a voucher of Ada's; return its words and the end of its id."""
    out = village.done("voucher", "make", "Ada", *more)
    return words_of(out), out.split("voucher end ")[1].strip()


def units(village):
    rows = village.json("member", "list")
    return {row["name"]: row["units"] for row in rows}


def states(village, *more):
    return [each["state"] for each in village.json("voucher", "list", *more)]


def test_the_card_is_as_people_read_it(village):
    out = village.done("voucher", "make", "Ada", "5.00", "--note", "For the bakery")
    assert "Voucher for £5.00: For the bakery\nVillage\n\n  1 " in out
    assert "once, until 2026-09-" in out
    assert "Keep it like a banknote" in out
    assert max(map(len, out.splitlines())) <= 72
    listed = village.done("voucher", "list", "Ada")
    assert "open          £5.00  until 2026-09-" in listed
    assert "  Ada: For the bakery\n" in listed
    assert "neither paid nor taken back: £5.00" in listed


def test_a_shop_is_paid_once_by_the_words_alone(village):
    words, which = make(village, "12.5")
    assert "  vouchers    £12.50 in cards that were not used yet" in village.done(
        "member", "show", "Ada"
    )
    assert village.json("member", "show", "Ada")["voucher_units"] == 125_000_000
    assert units(village) == {"Ada": -125_000_000, "Ben": 0}
    village.types(words)
    out = village.done("voucher", "pay", "Ben")
    assert f"Ben was paid £12.50 by voucher {which}." in out
    assert units(village) == {"Ada": -125_000_000, "Ben": 125_000_000}
    village.refused("No voucher that is open has these words", "voucher", "pay", "Ben")
    village.refused("no voucher of this id is open", "voucher", "end", which)
    assert states(village) == ["paid"]
    assert "vouchers" not in village.done("member", "show", "Ada")
    assert "Ada to Ben" in village.done("voucher", "list")
    village.sound()
    shown = village.done("statement", "Ada", "--month", "2026-06")
    assert "Put into a voucher" in shown
    assert "Paid by voucher" in village.done("statement", "Ben", "--month", "2026-06")


def test_money_comes_back_before_and_after_the_end(village):
    _, first = make(village, "3")
    words, second = make(village, "4", "--days", 1)
    village.done("voucher", "end", first)
    village.refused("needs 1 of the member's keys", "voucher", "end", second, "--by-operators")
    at = ("--at", "2026-06-20T09:00:00Z")
    village.types(words)
    village.refused("paid until the half-hour from", "voucher", "pay", "Ben", *at)
    assert states(village, *at) == ["ended", "expired"]
    assert "£4.00" in village.done("voucher", "list", *at)
    out = village.done("voucher", "end", second, "--by-operators", *at)
    assert "£4.00 went to Ada" in out
    assert units(village) == {"Ada": 0, "Ben": 0}
    assert "Voucher taken back" in village.done("statement", "Ada", "--month", "2026-06")
    village.sound()


def test_what_a_wallet_has_not_is_not_put_on_paper(village):
    village.refused("below floor", "voucher", "make", "Ada", "20.01")
    village.refused("above zero", "voucher", "make", "Ada", "0", code=2)
    village.refused("voucher.note", "voucher", "make", "Ada", "1", "--note", "x" * 36, code=2)
    assert "There is no voucher" in village.done("voucher", "list")


def test_words_of_something_else_pay_nothing(village):
    make(village, "3")
    village.types(words_of(village.done("member", "add", "Cleo")))
    village.refused("No voucher that is open", "voucher", "pay", "Ben")
    village.refused("no voucher's id ends", "voucher", "end", "zz", code=2)
