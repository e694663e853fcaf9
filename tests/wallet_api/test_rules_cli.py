"""The rules of a community from the command line: shown, changed, refused."""

import re

import pytest

from settlement.constitution import SETTINGS
from settlement.rule_parts import FORMS
from tests.wallet_api.communities import Shell

JULY = "2026-07-01T09:00:00Z"


@pytest.fixture
def village(tmp_path, capsys, monkeypatch):
    shell = Shell(tmp_path, capsys, monkeypatch)
    shell.found()
    return shell


def test_rules_change_with_a_table_and_a_yes(village):
    out = village.done("community", "rules")
    assert "charge        charge per traded kWh           0.00p" in out
    change = ("community", "rules", "--set", "charge=0.2p", "--set", "sellers=60%")
    village.types("")
    village.refused("say --yes", *change)
    out = village.done(*change, "--yes", "--at", JULY)
    assert "* charge        charge per traded kWh           0.00p         0.20p" in out
    assert "  import        reference import tariff         24.50p        24.50p" in out
    assert "It binds days from 2026-07-02 on." in out
    shown = village.json("community", "rules")
    assert (shown["version"], shown["market"]["charge_ticks"]) == (2, 20)
    assert shown["market"]["k_permille"] == 600
    more = ("--set", "credit-limit=30", "--set", "promise=Kept by hand, as before.")
    made = village.json("community", "rules", *more, "--yes")
    out = village.done("community", "rules", "--set", "promise=Kept.", "--yes")
    assert "    before: Kept by hand, as before.\n    after:  Kept.\n" in out
    assert made["issuance"]["floor_units"] == -300_000_000
    village.done("member", "limit", "Ada", "--floor", "-30", "--reason", "Now allowed.")
    village.sound()


def test_a_price_by_time_of_day_and_coefficients(village, tmp_path):
    bands = "bands=00:00=9p,16:00=18p"
    change = ("--set", "price=fixed", "--set", bands, "--yes")
    out = village.done("community", "rules", *change, "--at", JULY)
    assert "    after:  00:00=9.00p,16:00=18.00p\n" in out
    file = tmp_path / "coefficients.csv"
    file.write_text("member,ppm\nAda,300000\nben,200000\n")
    out = village.done("community", "rules", "--coefficients", str(file), "--yes")
    assert "* new           coefficient: Ada 30.0000% of all supply" in out
    assert "  coefficient   Ben 20.0000% of all supply" in village.done("community", "rules")
    shown = village.json("community", "rules")["market"]
    assert (shown["sharing"], [key["ppm"] for key in shown["keys"]]) == ("keys", [300_000, 200_000])
    file.write_text("member,ppm\nAda,lots\n")
    village.refused(
        "line 2: 'lots' is not parts", "community", "rules", "--coefficients", str(file), code=2
    )
    file.write_text("name;ppm\n")
    village.refused("must be member,ppm", "community", "rules", "--coefficients", str(file), code=2)
    village.done("community", "rules", "--set", "sharing=equal-share", "--yes")
    out = village.done("community", "rules", "--set", "loss-import=7.5%", "--yes")
    assert "* loss-import   fed in beyond meters            none          7.5%" in out
    assert village.json("community", "rules")["losses"]["import_ppm"] == 1_075_000
    assert "keys" not in village.json("community", "rules")["market"]
    village.sound()


@pytest.mark.parametrize("answer", [True, False])
def test_at_a_terminal_the_rules_are_asked_about(village, monkeypatch, answer):
    class Terminal:
        @staticmethod
        def isatty():
            return True

    monkeypatch.setattr("sys.stdin", Terminal)
    monkeypatch.setattr("typer.confirm", lambda _question: answer)
    code, out, _ = village("community", "rules", "--set", "charge=0.2p")
    assert code == (0 if answer else 1)
    assert ("is logged" in out, "Nothing was written." in out) == (answer, not answer)
    assert village.json("community", "rules")["version"] == (2 if answer else 1)


@pytest.mark.parametrize(
    ("setting", "words", "code"),
    [
        ("charge=20.50p", "above import less charge", 2),
        ("zone=UTC", "not a rule that can change", 2),
        ("sellers=101%", "not a part such as", 2),
        ("price=best", "not one of: ", 2),
        ("price=fixed", "needs match, or bands by time of day", 2),
        ("bands=16h=9p", "is not a time and a price, as in 16:00=18p", 2),
        ("sharing=keys", "--coefficients FILE", 2),
        ("plenty=30%", "plenty means nothing under", 2),
        ("loss-import=300%", "loss-import: '300%' is not a part", 2),
        ("price=uniform", "say --yes", 1),
        ("charge", "NAME=VALUE", 2),
        ("charge=0", "are that already", 2),
        ("credit-limit=some", "not whole pounds", 2),
        ("vat-household=5%", "need the group's number: add --set vat-number", 2),
        ("vat-number=GB 1", "needs a rate: add --set vat-household", 2),
        ("network=1.50p", "part of the charge: 1.50p is not from zero to 0.00p", 1),
        ("timetable=SF", "R1=12h, SF=30m, II=7h:shown or II=30m:live", 2),
        ("timetable=SF=7d,SF=9d", "names a run twice", 1),
        ("promise=" + "x" * 2_000, "rules.issuance.promise", 2),
    ],
)
def test_rules_that_would_not_do_are_refused(village, setting, words, code):
    village.types("")
    village.refused(words, "community", "rules", "--set", setting, code=code)


def test_what_would_be_refused_is_not_asked_about(village, monkeypatch):
    def asks(_question):
        raise AssertionError("asked")

    monkeypatch.setattr("wallet_api.cli.rules.agreed", lambda *_, **__: asks(""))
    for setting in ("network=1.50p", "timetable=SF=7d,SF=9d", "promise=" + "x" * 2_000):
        code, out, _ = village("community", "rules", "--set", setting)
        assert (code > 0, out) == (True, ""), setting


def test_a_rule_alone_changes_no_other(village):
    village.done("community", "rules", "--set", "charge=0.2p", "--yes", "--at", JULY)
    for setting in ("network=0.05p", "loss-import=7%"):
        out = village.done("community", "rules", "--set", setting, "--yes")
        assert [line.split()[1] for line in out.splitlines() if line.startswith("*")] == [
            setting.partition("=")[0]
        ]


def test_help_shows_the_form_of_every_value(village):
    out = re.sub(r"\s+", "", village.done("community", "rules", "--help"))
    assert [*FORMS] == [*SETTINGS]
    for name, form in FORMS.items():
        SETTINGS[name].read(form)
        assert f"{name}={form}".replace(" ", "") in out, name


def test_a_community_is_founded_with_every_setting_that_is_said(tmp_path, capsys, monkeypatch):
    village = Shell(tmp_path, capsys, monkeypatch)
    said = {
        "charge": "0.20p",
        "network": "0.05p",
        "timetable": "II=30m:live,SF=1h,RF=60d",
        "dispute": "2.00",
        "vat-number": "GB 123456789",
        "vat-household": "5.0%",
        "loss-import": "7.0%",
    }
    options = [part for name, text in said.items() for part in ("--set", f"{name}={text}")]
    village.found(*options)
    rules = village.done("community", "rules")
    for name, shown in said.items():
        [line] = [line for line in rules.splitlines() if line.split()[0] == name]
        assert shown.removeprefix("£") in line, line
    for name in ("credit-limit=5", "promise=Gold"):
        create = ("community", "create", "Other", "--origin", "other.example/ledger/1")
        village.refused("say --credit-limit and --promise here", *create, "--set", name, code=2)
