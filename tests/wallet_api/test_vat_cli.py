"""``commonwatt vat``: the month of a registered group, added up from its members' statements."""

import json

import pytest

from ledger.primitives.money import round_half_even
from tests.wallet_api.communities import Shell
from tests.wallet_api.test_settle_cli import DAYS, village

assert village  # a fixture

SETTINGS = ("--set", "vat-number=GB123456789", "--set", "vat-household=5%", "--set", "charge=0.5p")


def rows(out):
    return [line.split() for line in out.splitlines()]


@pytest.fixture
def registered(tmp_path, capsys, monkeypatch, request):
    """The village, founded as a group that is registered for VAT."""
    honest = Shell.found
    monkeypatch.setattr(Shell, "found", lambda shell: honest(shell, *SETTINGS))
    shell = request.getfixturevalue("village")
    shell.done("settle", *DAYS)
    return shell


def test_the_months_vat_is_the_sum_of_the_statements(registered):
    found = registered.json("vat", "--month", "2026-06")
    assert found["number"] == "GB123456789"
    gross = {}
    for name in ("Ada", "Ben", "Cleo"):
        out = registered.done("statement", name, "--month", "2026-06", "--format", "json")
        for charge in json.loads(out)["charges"]:
            gross[charge["for"]] = gross.get(charge["for"], 0) + charge["gross_units"]
    assert {row["for"]: row["gross_units"] for row in found["sums"]} == gross
    for row in found["sums"]:
        assert (row["class"], row["permille"], row["members"]) == ("household", 50, 2)
        assert row["net_units"] + row["vat_units"] == row["gross_units"]
        assert abs(row["vat_units"] - round_half_even(row["gross_units"] * 50, 1_050)) <= 2
    # 38.4 kWh at 14.05p, the middle of 4.10p and 24.00p, and the community's charge of 0.50p.
    out = registered.done("vat", "--month", "2026-06")
    assert rows(out)[0] == ["VAT", "in", "June", "2026,", "number", "GB123456789"]
    assert rows(out)[2] == ["household", "energy", "5", "%", "2", "£5.14", "£0.26", "£5.40"]
    assert rows(out)[3] == ["household", "fee", "5", "%", "2", "£0.18", "£0.01", "£0.19"]
    assert rows(out)[4] == ["together", "£5.32", "£0.27", "£5.59"]


def test_without_a_number_nothing_bears_vat(village):
    village.done("settle", *DAYS)
    assert "has no number for VAT in June 2026" in village.done("vat", "--month", "2026-06")
    assert village.json("vat", "--month", "2026-06") == {
        "month": "2026-06",
        "number": None,
        "sums": [],
    }
    village.refused("is no month", "vat", "--month", "June", code=2)
