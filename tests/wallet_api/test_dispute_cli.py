"""``commonwatt dispute``: raised, decided, looked at, and what to do next."""

import pytest

from tests.wallet_api.communities import Shell
from tests.wallet_api.test_settle_cli import DAYS, imports, village

assert village  # a fixture

ABOUT = ("--day", "2026-06-15", "--claim", "I was away.", "--amount", "1.20")


@pytest.fixture
def settled(village):
    village.done("settle", *DAYS)
    return village


def raised(shell: Shell) -> str:
    """Raise a dispute for Ben, and return how its id ends."""
    out = shell.done("dispute", "raise", "Ben", *ABOUT)
    assert "Ben disputes the run" in out
    return out.splitlines()[1].split()[1].rstrip(",")


def test_while_a_day_is_open_its_next_run_takes_the_readings_in(settled):
    out = settled.done("dispute", "uphold", raised(settled), "--reason", "So it was.")
    assert "The day's next run, R1, takes them in, from 2026-07-16 00:00 on." in out
    imports(settled, ["kitchen,import,2026-06-15T12:00:00Z,100"])
    assert "1 half-hour changed" in settled.done("settle", "--day", "2026-06-15", "--run", "R1")


def test_a_closed_day_is_worked_out_once_more(settled):
    settled.done("settle", "--day", "2026-06-15", "--run", "RF")
    which = raised(settled)
    out = settled.done("dispute", "uphold", which, "--reason", "So it was.")
    then = "commonwatt settle --day 2026-06-15 --run DF"
    assert f"Then: {then}" in out
    imports(settled, ["kitchen,import,2026-06-15T12:00:00Z,100"])
    assert "1 half-hour changed" in settled.done(*then.split()[1:])
    assert "Runs of the day: SF, RF, DF" in settled.done("dispute", "show", which)
    assert "upheld" in settled.done("dispute", "list", "--state", "upheld")
    settled.sound()


def test_what_cannot_be_said_or_decided_changes_nothing(settled):
    which = raised(settled)
    settled.done("dispute", "reject", which, "--reason", "It was not.")
    for words, code, arguments in (
        ("was decided|decided before|rejected", 1, ("uphold", which, "--reason", "Yes.")),
        ("no dispute's id", 2, ("show", "ffffffff")),
        ("is not settled yet", 2, ("raise", "Ben", "--day", "2026-06-20", *ABOUT[2:])),
        ("not an amount above zero", 2, ("raise", "Ben", *ABOUT[:4], "--amount", "0")),
        ("The run R1 of 2026-06-15 was not made", 2, ("raise", "Ben", *ABOUT, "--run", "R1")),
        ("times of the day", 2, ("raise", "Ben", *ABOUT, "--from", "2026-06-16T12:00")),
    ):
        settled.refused(words, "dispute", *arguments, code=code)
    assert settled.json("dispute", "list", "--state", "open") == []
