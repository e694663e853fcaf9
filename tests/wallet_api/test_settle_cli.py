"""``commonwatt settle``: what is due, what a run would change, and every wrong way to ask."""

from datetime import UTC, datetime, timedelta

import pytest

from tests.wallet_api.communities import Shell

DAYS = ("--from", "2026-06-15", "--through", "2026-06-16")

FIRST_PREVIEW = """\
2026-06-15  SF  48 half-hours,    19,200 Wh matched
    member                     sold kWh  bought kWh      wallet      owed
    Ada                           19.20        0.00      +£2.75
    Ben                            0.00       11.52      −£1.65
    Cleo                           0.00        7.68      −£1.10
2026-06-16  SF  48 half-hours,    19,200 Wh matched
    member                     sold kWh  bought kWh      wallet      owed
    Ada                           19.20        0.00      +£2.75
    Ben                            0.00       11.52      −£1.65
    Cleo                           0.00        7.68      −£1.10
2 runs together
    member                     sold kWh  bought kWh      wallet      owed
    Ada                           38.40        0.00      +£5.49
    Ben                            0.00       23.04      −£3.29
    Cleo                           0.00       15.36      −£2.20

Nothing was written: this is what the same command without --dry-run would do now.
"""
LATER_PREVIEW = """\
2026-06-15  R1  48 half-hours,    18,900 Wh matched, 1 half-hour changed
    member                     sold kWh  bought kWh      wallet      owed
    Ada                           −0.30        0.00      −£0.04
    Ben                            0.00       −0.18      +£0.03
    Cleo                           0.00       −0.12      +£0.02
2026-06-16  R1  48 half-hours,    19,200 Wh matched, nothing changed

Nothing was written: this is what the same command without --dry-run would do now.
"""


def imports(shell, rows):
    file = shell.folder / f"{len(rows)}.csv"
    file.write_text("meter,channel,start,wh\n" + "\n".join(rows) + "\n")
    shell.done("meters", "import", file, "--format", "csv")


@pytest.fixture
def village(tmp_path, capsys, monkeypatch):
    """A roof and two homes with the readings of two days, nothing settled yet."""
    shell = Shell(tmp_path, capsys, monkeypatch)
    shell.found()
    shell.done("member", "add", "Cleo")
    shell.done("meter", "add", "Ada", "roof", "--channels", "export")
    shell.done("meter", "add", "Ben", "kitchen")
    shell.done("meter", "add", "Cleo", "hut")
    begins = datetime(2026, 6, 14, 23, tzinfo=UTC)
    metered = [("roof", "export", 400), ("kitchen", "import", 300), ("hut", "import", 200)]
    starts = [begins + timedelta(minutes=30 * number) for number in range(96)]
    imports(
        shell,
        [
            f"{meter},{side},{at:%Y-%m-%dT%H:%M:00Z},{wh}"
            for at in starts
            for meter, side, wh in metered
        ],
    )
    return shell


def without_ends(text):
    return "".join(f"{line.rstrip()}\n" for line in text.splitlines())


def runs_of(village, *arguments):
    return [
        (run["day"], run["run"], run["settled"])
        for run in village.json("settle", *arguments)["days"]
    ]


def test_a_look_ahead_says_what_would_change_for_whom_and_writes_nothing(village):
    before = village.size()
    out = village.done("settle", *DAYS, "--dry-run")
    assert without_ends(out) == FIRST_PREVIEW
    assert village.size() == before
    village.done("settle", *DAYS)
    assert [member["units"] for member in village.json("member", "list")] == [
        2 * 27_456_000,
        -2 * 48 * 240 * 1_430,
        -2 * 48 * 160 * 1_430,
    ]
    imports(village, ["roof,export,2026-06-15T12:00:00Z,100"])
    before = village.size()
    out = village.done("settle", *DAYS, "--run", "R1", "--dry-run")
    assert without_ends(out) == LATER_PREVIEW
    assert village.size() == before
    shown = village.json("settle", *DAYS, "--run", "R1", "--dry-run")
    wallets = {change["name"]: change["cash_units"] for change in shown["days"][0]["changes"]}
    before = {member["name"]: member["units"] for member in village.json("member", "list")}
    village.done("settle", *DAYS, "--run", "R1")
    after = {member["name"]: member["units"] for member in village.json("member", "list")}
    assert {name: after[name] - before[name] for name in after} == wallets
    assert (shown["written"], sum(wallets.values())) == (False, 0)
    village.sound()


def test_whatever_is_due_is_made_and_what_cannot_be_is_said(village):
    """A day without a reading stops no other; nor do its later runs, which need the first."""
    _, out, err = village("settle", "--due")
    assert "2026-06-15  II  48 half-hours,    19,200 Wh matched, on its way, not final" in out
    assert "Not settled: 1 day (2026-06-14), for want of readings" in err
    assert village.done("settle", "--due").startswith("Nothing is due.")
    village.done("settle", "--run", "SF", *DAYS)
    village.done("settle", "--run", "R1", "--day", "2026-06-15")  # moves the clock by a month
    assert runs_of(village, "--due") == []
    village.done("settle", "--run", "R1", "--day", "2026-06-16")
    code, _, err = village("settle", "--due")
    assert (code, "comes too early" in err) == (0, False)
    assert "(2026-06-14 to " in err


def test_a_run_that_was_made_is_told_and_not_made_again(village):
    first = village.json("settle", *DAYS)
    assert village.json("settle", *DAYS) == first
    out = village.done("settle", *DAYS)
    assert out.count("already settled") == 3
    assert "0 days settled, 2 already settled, 38,400 Wh matched" in out
    assert village.done("settle", *DAYS, "--dry-run").count("already settled") == 2


def test_days_before_the_one_that_cannot_be_settled_are_settled(village):
    code, out, err = village("settle", "--from", "2026-06-16", "--through", "2026-06-18")
    assert (code, "2026-06-16  SF" in out) == (1, True)
    assert "1 day settled, through 2026-06-16; then:" in err
    assert "There is not one reading of 2026-06-17" in err


REFUSED = [
    ("say which days: --day, or --from", 2, ()),
    ("--due finds the days and runs itself", 2, ("--due", "--day", "2026-06-15")),
    ("--due finds the days and runs itself", 2, ("--due", "--run", "R1")),
    (
        "--through must be from 2026-06-16 on",
        2,
        ("--from", "2026-06-16", "--through", "2026-06-15"),
    ),
    ("no run 'XX': it has II, SF, R1, RF, DF", 1, ("--run", "XX", "--day", "2026-06-15")),
    ("R1 of 2026-06-15 comes too early: SF", 1, ("--run", "R1", "--day", "2026-06-15")),
    ("2026-06-15 is not closed yet", 1, ("--run", "DF", "--day", "2026-06-15")),
    ("not one reading of 2026-06-17", 1, ("--day", "2026-06-17")),
    ("soon", 2, ("--day", "soon")),
]


def test_what_cannot_be_asked_is_said_and_nothing_is_written(village):
    for words, code, arguments in REFUSED:
        village.refused(words, "settle", *arguments, code=code)


def test_a_look_ahead_is_what_the_command_then_does_with_estimates_too(village):
    """Day 17 lacks six half-hours of a home: they are estimated in the look, and in the run."""
    begins = datetime(2026, 6, 16, 23, tzinfo=UTC)
    starts = [begins + timedelta(minutes=30 * number) for number in range(48)]
    metered = [("roof", "export", 400), ("kitchen", "import", 300), ("hut", "import", 200)]
    rows = [
        f"{meter},{side},{at:%Y-%m-%dT%H:%M:00Z},{wh}"
        for number, at in enumerate(starts)
        for meter, side, wh in metered
        if not (meter == "kitchen" and 20 <= number < 26)
    ]
    imports(village, rows)
    for look in (["--dry-run"], []):  # the look keeps nothing: what is due is due still
        assert "2026-06-15  II" in village.done("settle", "--due", *look)
    for run in ("II", "SF"):
        arguments = ("settle", "--day", "2026-06-17", "--run", run)
        before = village.size()
        [looked] = village.json(*arguments, "--dry-run")["days"]
        assert village.size() == before
        changes = {c["name"]: c["cash_units"] for c in looked.pop("changes", [])}
        assert looked["missing"] == 0
        units = {member["name"]: member["units"] for member in village.json("member", "list")}
        [made] = village.json(*arguments)["days"]
        assert looked == made
        after = {member["name"]: member["units"] for member in village.json("member", "list")}
        moved = {name: after[name] - units[name] for name in after if after[name] != units[name]}
        assert moved == changes


def test_a_day_keeps_the_timetable_of_the_rules_that_bind_it(village):
    """A new timetable has other codes and times: days before it are still shown, posted and closed."""
    village.done("settle", "--day", "2026-06-15")
    village.done("community", "rules", "--set", "timetable=AA=1h,BB=40d", "--yes")
    imports(village, ["roof,export,2026-06-15T12:00:00Z,100"])
    village.refused("no run 'AA'", "settle", "--day", "2026-06-16", "--run", "AA")
    due = runs_of(village, "--due")
    assert ("2026-06-16", "SF", 48) not in due  # seven days after its end, not an hour
    assert {code for _, code, _ in due} <= {"II", "SF"}
    assert runs_of(village, "--day", "2026-06-16") == [("2026-06-16", "SF", 48)]
    assert runs_of(village, "--day", "2026-06-15", "--run", "R1") == [("2026-06-15", "R1", 1)]
    assert ("2026-06-16", "R1", 0) in [
        *runs_of(village, *DAYS, "--run", "R1"),
        *runs_of(village, "--due"),
    ]
    village.done("settle", *DAYS, "--run", "RF")
    village.sound()


def test_two_disputes_of_one_minute_are_told_apart(village):
    """Ids begin with the time: those of a minute begin alike, so they are named by how they end."""
    village.done("settle", "--day", "2026-06-15")
    about = ("--day", "2026-06-15", "--claim", "I was away.", "--amount", "1.20")
    for name in ("Ada", "Ben"):
        village.done("dispute", "raise", name, *about)
    shown = [line.split()[0] for line in village.done("dispute", "list").splitlines()]
    assert len({*shown}) == 2
    village.refused(
        "no dispute's id ends with it", "dispute", "uphold", "", "--reason", "x", code=2
    )
    village.done("dispute", "uphold", shown[1], "--reason", "So it was.")
    states = [line.split()[:2] for line in village.done("dispute", "list").splitlines()]
    assert states == [[shown[0], "open"], [shown[1], "upheld"]]
