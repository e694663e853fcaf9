"""``commonwatt caps``: what people read, and what programs do."""

from datetime import date

import pytest

from settlement.caps import judge
from settlement.caps_store import Measured
from tests.wallet_api.communities import Shell
from wallet_api.cli.caps import text

GOLDEN = """\
Caps of Our Street: 12 months, 2025-07-01 to 2026-06-30

  ✓ Supplied between neighbours   ███████████████░░░░░     79.9 %  3,999.9 kW of 5,000.0 kW
  ! Of it, to households          ████████████████░░░░     80.0 %  2,000.0 kW of 2,500.0 kW
      Near the limit. Do not take in more households before you asked a lawyer or your licensed
      supplier whether the exemption still carries you.
  ✗ Paid in the currency          ████████████████████    100.1 %  1,000,000.01 euros of 1,000,000.00 euros
      More than 1,000,000 euros were paid in 12 months: notify the regulator now (in the United
      Kingdom the FCA, within 28 days of crossing), and ask whether the limited-network
      exclusion still holds.
  ! Given beyond what was taken   ████████████████████    100.0 %  20.0 % of 20.0 %
      Near the limit. Take in members who use electricity before any who generate.

Rate: 1 LWD = 1.15 euros, of 2026-07-01.

Measured, and by which rule:
"""


def test_the_page_is_as_it_was():
    measures = {
        "supply": 3_999_999,
        "supply_domestic": 2_000_000,
        "payments": 100_000_001,
        "generation": 200,
    }
    measured = Measured(date(2025, 7, 1), date(2026, 6, 30), measures, 0)
    page = text("Our Street", measured, judge(measures), "Rate: 1 LWD = 1.15 euros, of 2026-07-01.")
    assert page[: len(GOLDEN)] == GOLDEN
    assert "SI 2001/3270" in " ".join(page.split())
    assert "(EU) 2015/2366" in " ".join(page.split())
    assert page.endswith("This is a look-out and no legal advice: docs/caps.md.")
    assert max(map(len, page.splitlines())) <= 110


@pytest.fixture
def village(tmp_path, capsys, monkeypatch):
    shell = Shell(tmp_path, capsys, monkeypatch)
    shell.found()
    return shell


def test_before_the_first_day_nothing_is_known_but_what_was_paid(village):
    out = village.done("caps", "--euro-rate", "1.15", "--rate-date", "2026-06-15")
    assert "no day is settled yet" in out
    assert out.count("not known") == 3
    found = village.json("caps")
    assert {cap["name"]: cap["status"] for cap in found["caps"]} == dict.fromkeys(
        ("supply", "supply_domestic", "payments", "generation"), "unknown"
    )


def test_a_warning_is_no_failure(village, monkeypatch):
    def crossed(*_):
        return Measured(date(2025, 7, 1), date(2026, 6, 30), {"supply": 5_000_001}, 0)

    monkeypatch.setattr("wallet_api.cli.caps.measure", crossed)
    code, out, err = village("caps")
    assert code == 0
    assert "✗ Supplied between neighbours" in out
    assert err == "Warning: supplied between neighbours: 100.1 %.\n"


@pytest.mark.parametrize(
    "options",
    [
        ("--euro-rate", "1.15"),
        ("--rate-date", "2026-06-15"),
        ("--euro-rate", "0", "--rate-date", "2026-06-15"),
        ("--euro-rate", "-1", "--rate-date", "2026-06-15"),
        ("--euro-rate", "1,15", "--rate-date", "2026-06-15"),
        ("--euro-rate", "1.15", "--rate-date", "yesterday"),
    ],
)
def test_a_rate_is_a_number_of_a_day(village, options):
    code, _, err = village("caps", *options)
    assert code == 2
    assert "rate" in err or "date" in err
