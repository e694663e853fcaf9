"""``commonwatt member pay``, ``ask``, ``asks`` and ``decline``."""

import pytest

from tests.wallet_api.communities import Shell


@pytest.fixture
def village(tmp_path, capsys, monkeypatch):
    shell = Shell(tmp_path, capsys, monkeypatch)
    shell.found()
    shell.done("member", "add", "Cleo", "--no-paper-code")
    return shell


def wallets(village):
    rows = village.json("member", "list")
    return {row["name"]: row["units"] / 10_000_000 for row in rows}


def asked(village, *options):
    """Ask for two loaves and return how the request's id ends."""
    arguments = ("Ben", "4.20", "--reference", "two loaves", *options)
    return village.done("member", "ask", *arguments).split()[-1].rstrip(".")


def test_a_member_pays_another(village):
    said = "Ada paid £4.20 to Ben, for: two loaves\n"
    assert village.done("member", "pay", "Ada", "Ben", "4.20", "--reference", "two loaves") == said
    assert wallets(village) == {"Ada": -4.2, "Ben": 4.2, "Cleo": 0}
    village.refused("below floor", "member", "pay", "Ada", "Ben", "100.00")
    village.refused("an amount above zero", "member", "pay", "Ada", "Ben", "0", code=2)
    for arguments in (("Ada",), ("Ada", "Ben"), ("Ada", "Ben", "1.00", "--ask", "ab")):
        village.refused("whom and how much, or --ask", "member", "pay", *arguments, code=2)
    village.sound()


def test_a_request_is_listed_and_paid_once(village):
    ends = asked(village)
    line = f"{ends}  Ben asks anybody for £4.20, until 2026-06-20 23:30: two loaves\n"
    assert village.done("member", "asks") == village.done("member", "asks", "Ada") == line
    [row] = village.json("member", "asks")
    assert (row["ask"]["units"], row["reference"]) == (42_000_000, "two loaves")
    paid = village.done("member", "pay", "Cleo", "--ask", ends)
    assert paid == "Cleo paid £4.20 to Ben, for: two loaves\n"
    assert village.done("member", "asks") == "Nothing is asked for.\n"
    village.refused("no open request's ids", "member", "pay", "Ada", "--ask", ends, code=2)
    assert wallets(village) == {"Ada": 0, "Ben": 4.2, "Cleo": -4.2}
    village.sound()


def test_a_request_is_declined_or_taken_back(village):
    ends = asked(village, "--of", "Ada", "--until", "2026-06-20")
    line = f"{ends}  Ben asks Ada for £4.20, until 2026-06-21 00:00: two loaves\n"
    assert village.done("member", "asks", "Ada") == line
    assert village.done("member", "asks", "Cleo") == "Nothing is asked for.\n"
    village.refused("no open request's", "member", "decline", "Cleo", ends, code=2)
    said = "Ada declines the request for £4.20: nobody pays it.\n"
    assert village.done("member", "decline", "Ada", ends) == said
    ends = asked(village, "--of", "Ada")
    said = "Ben takes back the request for £4.20: nobody pays it.\n"
    assert village.done("member", "decline", "Ben", ends) == said
    asked(village), asked(village)
    village.refused("several open requests'", "member", "decline", "Ben", "", code=2)
    village.sound()


def test_limits_of_what_is_paid(village):
    none = "Ada pays at most what the wallet has: no limit is set.\n"
    assert village.done("member", "spending", "Ada") == none
    said = "Ada pays at most £3.00 a payment, £5.00 a day.\n"
    assert village.done("member", "spending", "Ada", "--payment", "3", "--day", "5") == said
    village.refused("limit of £3.00 for one payment", "member", "pay", "Ada", "Ben", "3.01")
    paid = "Ada paid £3.00 to Ben, for: Payment\n"
    assert village.done("member", "pay", "Ada", "Ben", "3") == paid
    village.refused("£5.00 a day, of which £2.00 is left", "member", "pay", "Ada", "Ben", "2.50")
    warned = village.done("member", "pay", "Ada", "Ben", "1.20")
    assert warned.splitlines()[1:] == ["That is 84 % of the £5.00 a day that you set."]
    village.refused("a day, of which £0.80 is left", "member", "donate", "Ada", "1")
    ends = asked(village)
    village.refused("one payment", "member", "pay", "Ada", "--ask", ends)
    raised = village.done("member", "spending", "Ada", "--payment", "none", "--month", "9")
    assert raised.splitlines() == [
        "Ada pays at most £3.00 a payment, £5.00 a day, £9.00 a month.",
        "From 2026-06-14 23:00 on: £5.00 a day, £9.00 a month.",
    ]
    shown = village.done("member", "spending", "Ada").splitlines()
    assert shown[1:3] == ["  this day £0.80 of £5.00 left", "  this month £4.80 of £9.00 left"]
    found = village.json("member", "spending", "Ada")
    assert (found["payment_max"], found["waiting"]["payment_max"]) == (30_000_000, None)
    assert found["spent"] == {"day_units": 42_000_000, "month_units": 42_000_000}
    village.refused("an amount above zero", "member", "spending", "Ada", "--day", "-1", code=2)
    village.done("member", "spending", "Ada", "--day", "0")
    village.refused("£0.00 a day", "member", "pay", "Ada", "Ben", "0.01")
    village.sound()


def ordered(village, *options):
    """Give a standing order of Ada's to Ben, and return how its id ends."""
    arguments = ("standing", "add", "Ada", "Ben", "5.00", "--reference", "garden")
    return village.done("member", *arguments, *options).split()[-1].rstrip(".")


def test_standing_orders_are_given_paid_listed_and_ended(village):
    assert village.done("member", "standing", "list") == "Nothing is paid by a standing order.\n"
    ends = ordered(village, "--every", "week", "--to", "2026-06-27")
    listed = f"{ends}  Ada to Ben, £5.00 for garden, every week: next on 2026-06-13\n"
    assert village.done("member", "standing", "list", "Ada") == listed
    paid = "2026-06-13  Ada to Ben, £5.00 for garden\n1 standing payment made.\n"
    assert village.done("pay-due") == paid
    assert village.done("pay-due") == "Nothing is due by standing orders.\n"
    assert wallets(village)["Ben"] == 5
    assert village.json("pay-due") == {"paid": [], "waits": []}
    [order] = village.json("member", "standing", "list")
    assert (order["every"], order["first"], order["last"]) == ("week", "2026-06-13", "2026-06-27")
    village.refused("none of the standing orders", "member", "standing", "end", "Ben", ends, code=2)
    said = "Ada pays £5.00 for garden no more.\n"
    at = ("--at", "2026-06-21T12:00:00Z")
    assert village.done("member", "standing", "end", "Ada", ends, *at) == said
    assert village.done("pay-due") == "Nothing is due by standing orders.\n"
    village.refused(
        "begins today",
        "member",
        "standing",
        "add",
        *("Ada", "Ben", "1"),
        *("--reference", "x", "--from", "2026-06-01"),
    )
    village.sound()


def test_what_cannot_be_paid_says_why_and_settle_pays_it_later(village):
    village.done("member", "spending", "Ada", "--payment", "4")
    ends = ordered(village, "--every", "month")
    code, out, err = village("pay-due")
    assert (code, out) == (0, "")
    assert err.startswith(
        "Not paid: 2026-06-13  Ada to Ben, £5.00 for garden: This member set a limit"
    )
    [wait] = village.json("pay-due")["waits"]
    assert wait["order"].endswith(ends)
    village.done("member", "spending", "Ada", "--payment", "none")
    village.done("member", "asks")
    village.done("member", "gift", "Ada", "0", "--at", "2026-06-15T12:00:00Z")
    settled = village.json("settle", "--due")
    assert [(each["day"], each["order"]) for each in settled["standing"]["paid"]] == [
        ("2026-06-13", wait["order"])
    ]
    assert "standing payment" not in village.done("settle", "--due")
    village.sound()


def test_a_meter_is_allowed_to_be_used_for_more(village):
    village.done("meter", "add", "Ada", "kitchen")
    said = village.done("member", "consent", "Ada", "kitchen", "--purpose", "support")
    assert said.startswith("Ada allows support with meter kitchen, by the half-hour, in half-hours")
    village.done(
        "member", "consent", "Ada", "kitchen", *("--purpose", "research", "--granularity", "month")
    )
    shown = village.done("member", "show", "Ada")
    assert "allows      support with kitchen, by the half-hour\n" in shown
    assert "              research with kitchen, by the month\n" in shown
    assert village.json("member", "show", "Ada")["consents"][1]["purpose"] == "research"
    said = village.done("member", "withdraw", "Ada", "kitchen", "--purpose", "support")
    assert said.startswith("Meter kitchen is not used for support in half-hours that begin at")
    assert "support" not in village.done("member", "show", "Ada")
    refusals = (
        ("meter add", 2, ("Ada", "kitchen", "--purpose", "settlement")),
        ("not this member's", 1, ("Ben", "kitchen", "--purpose", "advice")),
    )
    for words, code, arguments in refusals:
        village.refused(words, "member", "consent", *arguments, code=code)
    village.sound()
