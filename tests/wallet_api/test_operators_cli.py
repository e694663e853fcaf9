"""What operators and helpers do from the command line: limits, rosters, rules, mistakes, erasure."""

import hashlib

import pytest

from ledger.erasure import DETAIL, ERASABLE_DETAILS, ERASABLE_FACTS, FACT
from settlement.enrol import pay
from tests.wallet_api.communities import Shell
from wallet_api.cli.context import Settings, open_here
from wallet_api.cli.log import COSTS

JULY = "2026-07-01T09:00:00Z"


@pytest.fixture
def shell(tmp_path, capsys, monkeypatch):
    return Shell(tmp_path, capsys, monkeypatch)


@pytest.fixture
def village(shell):
    shell.found()
    return shell


def paid(village, payer, payee, units, reference="bread"):
    """Pay, as no command does yet, and return the transfer's short id and its log position."""
    community = open_here(Settings(f"sqlite:///{village.folder}/village.sqlite"))
    ids = {member["name"]: member["member"] for member in village.json("member", "list")}
    pay(community, ids[payer], ids[payee], units, reference)
    community.writer.database.close()
    line = village.json("ledger", "history", payer)["lines"][-1]
    return line["id"][:8], line["log"]


def balance(village, name):
    return {m["name"]: m["units"] for m in village.json("member", "list")}[name]


def limits(village, name):
    [member] = [m["member"] for m in village.json("member", "list") if m["name"] == name]
    rows = village.json("ledger", "balances")
    [row] = [row for row in rows if row["account"].startswith(f"member/{member}/wallet")]
    return row["floor"], row["ceiling"]


def test_two_members_agree_on_a_price(village):
    days = ("--from", "2026-06-01", "--to", "2026-12-31")
    out = village.done(*("member", "agree", "Ada", "Ben", "--price", "7p", "--share", "30%", *days))
    assert out.startswith("Ada sells to Ben at 7.00p first, in half-hours from 2026-0")
    assert "to the end of 2026-12-31. Its id ends in " in out
    [made] = village.json("member", "agreements", "Ben")
    out = village.done("member", "agreements", "Ben")
    assert out.startswith(
        f"{made['id'][-8:]}  Ben buys from Ada at 7.00p, until 2026-12-31; rank 1, 30% of"
    )
    out = village.done("member", "end-agreement", "Ada", made["id"][-8:])
    assert "serves no half-hour that begins at" in out
    assert village.done("member", "agreements", "Ada") == "Ada has no agreement.\n"
    out = village.done("member", "agree", "Ben", "Ada", "--price", "40p", *days)
    assert "Ada pays 24.50p at most now: nothing is served above that." in out
    village.refused("none of Ada's", "member", "end-agreement", "Ada", "ff", code=2)
    for words, *options in (
        ("with themselves", "Ada", "Ada", "--price", "7p", *days),
        (
            "is before --from",
            "Ada",
            "Ben",
            "--price",
            "7p",
            "--from",
            "2026-06-02",
            "--to",
            "2026-06-01",
        ),
        ("is not a price", "Ada", "Ben", "--price", "cheap", *days),
        ("is not a part such as", "Ada", "Ben", "--price", "7p", "--share", "all", *days),
    ):
        code = 1 if "themselves" in words else 2
        village.refused(words, "member", "agree", *options, code=code)
    village.sound()


def test_a_limit_is_set_by_two_operators(village):
    out = village.done("member", "limit", "Ada", "--floor", "-12.50", "--reason", "As she asked.")
    assert "may go down to −£12.50." in out
    assert limits(village, "Ada") == (-125_000_000, None)
    out = village.done("member", "limit", "ad", "--floor", "-5", "--reason", "Less.")
    assert out.startswith("Ada's wallet")
    assert limits(village, "Ada") == (-50_000_000, None)
    for words, code, *options in (
        ("zero or below", 2, "--floor", "5"),
        ("not an amount", 2, "--floor", "much"),
        ("--floor", 2),
        ("below what the rules allow", 1, "--floor", "-20.01"),
    ):
        village.refused(words, "member", "limit", "Ada", *options, "--reason", "x", code=code)
    village.sound()


def test_a_mandate_is_revoked_once(village):
    out = village.done("member", "revoke-mandate", "Ada", "--at", JULY)
    assert "begin at 2026-07-01 10:30 or later" in out
    village.refused("not the mandate in force", "member", "revoke-mandate", "Ada")


def test_a_meter_passes_to_another_member(village):
    village.done("meter", "add", "Ada", "m-1")
    village.refused("belongs to another", "member", "withdraw", "Ben", "m-1")
    village.done("member", "withdraw", "Ada", "m-1", "--at", JULY)
    village.refused("no consent", "member", "withdraw", "Ada", "m-1")
    village.done("meter", "add", "Ben", "m-1")
    village.sound()


def test_a_payment_is_reversed_by_the_id_that_history_shows(village):
    short, _ = paid(village, "Ada", "Ben", 7_000_000)
    assert f"  {short}  Ben (log " in village.done("ledger", "history", "Ada")
    out = village.done("ledger", "reverse", short, "--reason", "Paid twice.")
    assert out.startswith("£0.70 went back from Ben to Ada.")
    assert balance(village, "Ada") == 0
    village.refused("Nothing remains", "ledger", "reverse", short, "--reason", "Again.")
    for text, words in (
        ("ffffffff", "no transfer's id begins"),
        ("abc", "at least 4 of its digits"),
        ("wxyz", "at least 4 of its digits"),
    ):
        village.refused(words, "ledger", "reverse", text, "--reason", "Which?", code=2)
    village.sound()


def test_a_payment_is_corrected_in_parts(village):
    short, _ = paid(village, "Ada", "Ben", 7_000_000)
    out = village.done("ledger", "correct", short, "0.20", "--back", "--reason", "Five loaves.")
    assert "£0.20 went back from Ben to Ada." in out
    assert "Of the payment of £0.70, £0.50 remains." in out
    out = village.done("ledger", "correct", short, "0.05", "--more", "--reason", "And a bun.")
    assert "£0.05 went from Ada to Ben." in out
    assert balance(village, "Ada") == -5_500_000
    village.refused("say --back or", "ledger", "correct", short, "1", "--reason", "x", code=2)
    for amount in ("0", "-1", "a lot"):
        village.refused(
            "amount", *("ledger", "correct", short, amount, "--back", "--reason", "x"), code=2
        )
    words = "exceeds"
    village.refused(words, "ledger", "correct", short, "1", "--back", "--reason", "x")
    assert "£0.55 went back" in village.done("ledger", "reverse", short, "--reason", "All.")
    for way in ("--back", "--more"):
        correct = ("ledger", "correct", short, "0.10", way, "--reason", "x")
        village.refused("Nothing remains of this payment", *correct)
    assert balance(village, "Ada") == 0
    village.sound()


def test_what_is_ambiguous_is_refused(village, monkeypatch):
    ids = {paid(village, "Ada", "Ben", 1, f"bread {n}")[0] for n in range(3)}
    assert len(ids) == 3
    monkeypatch.setattr("wallet_api.cli.amend.PREFIX_DIGITS_MIN", 0)
    words = "several transfers' ids begin"
    village.refused(words, "ledger", "reverse", "", "--reason", "x", code=2)


def test_money_comes_in_and_goes_out_where_a_reserve_backs_it(shell):
    shell.found("--issuance", "reserve", "--credit-limit", 0)
    slip = shell.folder / "slip.txt"
    slip.write_bytes(b"Paid in: 50 pounds")
    evidence = ("--evidence", slip, "--note", "Paid in at the bank.")
    out = shell.done("ledger", "issue", "Ada", "50", *evidence)
    assert hashlib.sha256(slip.read_bytes()).hexdigest() in out
    assert "£50.00 went into Ada's wallet." in out
    assert "out of" in shell.done("ledger", "redeem", "Ada", "20.50", *evidence)
    assert balance(shell, "Ada") == 295_000_000
    shell.refused("below floor", "ledger", "redeem", "Ada", "29.51", *evidence)
    gone = ("--evidence", shell.folder / "none.txt", "--note", "x")
    shell.refused("No such file", "ledger", "issue", "Ada", "1", *gone, code=2)
    shell.sound()


def test_mutual_credit_issues_nothing(village):
    slip = village.folder / "slip.txt"
    slip.write_bytes(b"x")
    words = "mutual credit"
    village.refused(words, "ledger", "issue", "Ada", "1", "--evidence", slip, "--note", "x")


def test_an_operator_is_replaced_and_the_new_one_signs(village):
    before = village.json("community", "roster")
    assert [key["file"] for key in before["keys"]] == [
        *("operator-1", "operator-2", "settlement", "adapter"),
    ]
    out = village.done("community", "roster", "--replace-operator", "operator-2=operator-3")
    assert "Roster version 2 is in force from now on." in out
    assert "operator-2" not in out
    after = village.json("community", "roster")
    assert (after["version"], after["threshold"]) == (2, 2)
    assert sorted(k["file"] for k in after["keys"] if k["role"] == "operator") == [
        *("operator-1", "operator-3"),
    ]
    (village.keys / "operator-2.key").unlink()
    village.done("member", "add", "Cleo", "--no-paper-code")
    village.done("member", "limit", "Ada", "--floor", "-1", "--reason", "By the new two.")
    # A name of a file means nothing: whoever holds the key is the operator.
    (village.keys / "operator-3.key").rename(village.keys / "rosa.key")
    village.done("member", "limit", "Ada", "--floor", "-2", "--reason", "By the new two.")
    assert "rosa" in village.done("community", "roster")
    (village.keys / "rosa.key").unlink()
    words = "needs 2 of the 2 operators of roster version 2; 1 of them is in"
    village.refused(words, "member", "limit", "Ada", "--floor", "-3", "--reason", "x", code=2)
    assert "not in this keyring" in village.done("community", "roster")
    village.sound()


def test_a_third_operator_comes_and_the_threshold_with_them(village):
    village.done("community", "roster", "--add-operator", "rosa", "--threshold", 3)
    assert village.json("community", "roster")["threshold"] == 3
    words = "3 of 2 operators cannot sign"
    village.refused(words, "community", "roster", "--remove-operator", "rosa", code=2)
    village.done("community", "roster", "--remove-operator", "operator-1", "--threshold", 2)
    village.done("member", "limit", "Ada", "--floor", "-2", "--reason", "By the other two.")
    for words, code, *options in (
        ("is no operator of the roster", 1, "--remove-operator", "operator-1"),
        ("is no helper of the roster", 1, "--remove-helper", "rosa"),
        ("already", 2, "--add-operator", "rosa"),
        ("names each key once|already", 2, "--add-helper", "rosa"),
        ("not a key file's name", 2, "--add-operator", "../rosa"),
        ("OLD=NEW", 2, "--replace-operator", "rosa"),
        ("9 of 2 operators", 2, "--threshold", "9"),
        ("over before it began", 2, "--expires", "2026-01-01"),
        ("not a date", 2, "--expires", "soon"),
    ):
        village.refused(words, "community", "roster", *options, code=code)
    village.sound()


def test_a_roster_that_expired_signs_its_successor_alone(village):
    out = village.done("community", "roster", "--expires", "2026-06-20")
    assert "until 2026-06-20 00:00" in out
    village.refused(
        "the roster expired",
        "member",
        "limit",
        "Ada",
        "--floor",
        "-1",
        "--reason",
        "x",
        "--at",
        JULY,
    )
    village.done("community", "roster", "--expires", "never", "--at", JULY)
    assert "without end" in village.done("community", "roster")
    village.done("member", "limit", "Ada", "--floor", "-1", "--reason", "x")
    village.sound()


def test_erasure_is_rehearsed_then_done(village):
    _, position = paid(village, "Ada", "Ben", 700, "for the blue bicycle")
    erase = ("log", "erase", "--entry", position, "--what", "fact", "--reason", "She asked.")
    before = village.size()
    out = village.done(*erase, "--dry-run")
    assert "who paid whom, how much and why" in out
    assert "cannot tell: whether the right keys signed it" in out
    assert village.size() == before
    village.refused("say --yes", *erase)
    assert village.size() == before
    out = village.done(*erase, "--yes")
    assert "1 entry lost its fact, for good" in out
    village.refused("is already erased", *erase, "--yes", code=1)
    assert village.size() == before + 1
    bundle = village.folder / "erased.zip"
    village.done("audit", "export", bundle)
    code, out, _ = village("audit", "verify", bundle)
    assert (code, "CANNOT TELL" in out) == (2, True)
    for words, code, *options in (
        ("must stay", 1, "--entry", 0, "--what", "fact"),
        ("no log entry 9999", 1, "--entry", 9999, "--what", "fact"),
        ("is not one of", 2, "--entry", 0, "--what", "everything"),
    ):
        village.refused(words, "log", "erase", *options, "--reason", "x", code=code)
    _, position = paid(village, "Ada", "Ben", 500, "for a bell")
    options = ("--entry", position, "--what", "fact", "--reason", "She asked.", "--dry-run")
    shown = village.json("log", "erase", *options)
    assert shown["entries"][0]["kind"] == "transfer"
    assert shown["erased"] is False


def test_every_detail_that_may_go_has_its_cost_in_words():
    assert set(COSTS) == {(kind, FACT) for kind in ERASABLE_FACTS} | {
        (kind, DETAIL) for kind in ERASABLE_DETAILS
    }


def test_a_helper_offers_and_revokes_for_a_member(village):
    act = ("helper", "act", "Ada")
    reason = ("--reason", "She rang and asked.")
    words = "needs 1 of the roster's 0 helpers"
    village.refused(words, *act, "offer", "--buy-ticks", "20p", *reason, code=2)
    village.done("community", "roster", "--add-helper", "helper-rosa")
    out = village.done(*act, "offer", "--buy-ticks", "20p", *reason, "--at", JULY)
    assert "Ada buys up to 20.00p a kWh and sells from 4.10p" in out
    assert "begin at 2026-07-01 10:30 or later" in out
    named = ("--helper", "helper-rosa")
    village.done(*act, "mandate-revoke", *reason, *named)
    for words, code, *options in (
        ("not the mandate in force", 1, "mandate-revoke"),
        ("needs a price", 2, "offer"),
        ("were they swapped", 2, "offer", "--import-ticks", "1p"),
        ("not a price", 2, "offer", "--buy-ticks", "cheap"),
        ("is not one of", 2, "transfer"),
        (
            "1 of the helper keys|helper keys",
            1,
            "offer",
            "--sell-ticks",
            "1p",
            "--helper",
            "adapter",
        ),
    ):
        village.refused(words, *act, *options, *reason, code=code)
    village.sound()
