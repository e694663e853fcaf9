"""``commonwatt ledger reserve``."""

import pytest

from tests.wallet_api.communities import Shell


@pytest.fixture
def village(tmp_path, capsys, monkeypatch):
    shell = Shell(tmp_path, capsys, monkeypatch)
    shell.found("--issuance", "reserve", "--credit-limit", "0")
    (tmp_path / "slip.pdf").write_bytes(b"slip")
    return shell


def counted(village, units, *more):
    slip = village.folder / "slip.pdf"
    shown = ("--evidence", slip, "--note", "Two of us.")
    return village.done("ledger", "reserve", "--count", units, *shown, *more)


def test_a_count_says_whether_it_agrees(village):
    slip = village.folder / "slip.pdf"
    shown = village.done("ledger", "reserve").splitlines()
    assert shown[0].startswith("Issued less redeemed, now: £0.00 in ")
    assert shown[1] == "Nobody counted the reserve yet: commonwatt ledger reserve --count"
    assert village.json("ledger", "reserve") == {"issued_units": 0, "count": None}
    village.done("ledger", "issue", "Ada", "50.00", "--evidence", slip, "--note", "Cash.")
    said = counted(village, "50.00").splitlines()
    assert said[0].startswith(f"Counted: £50.00. Keep {slip}: the log names its SHA-256, ")
    assert said[2:] == [
        "Counted last: £50.00 on 2026-06-13",
        "Issued less redeemed, by the end of that day: £50.00",
        "They agree: every unit that circulates is in the bank.",
    ]
    less = "They differ: £20.00 is missing in the bank. Find out why before more is issued."
    assert counted(village, "30.00", "--day", "2026-06-13").splitlines()[-1] == less
    more = "They differ: £0.01 more is in the bank than circulates."
    assert counted(village, "50.01").splitlines()[-1].startswith(more)
    assert counted(village, "0").splitlines()[-1].startswith("They differ: £50.00 is missing")
    counted(village, "50.01")
    found = village.json("ledger", "reserve")["count"]
    assert (found["units"], found["difference_units"]) == (500_100_000, 100_000)
    village.sound()


def test_what_cannot_be_counted(village):
    slip = village.folder / "slip.pdf"
    for words, arguments in (
        ("needs --evidence and --note", ("--count", "5")),
        ("go with --count", ("--day", "2026-06-13")),
        ("an amount above zero", ("--count", "-1", "--evidence", slip, "--note", "x")),
        ("not an amount", ("--count", "x", "--evidence", slip, "--note", "x")),
    ):
        village.refused(words, "ledger", "reserve", *arguments, code=2)
