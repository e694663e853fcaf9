"""``commonwatt why``: what people read (golden files), what programs get, and every wrong way to ask."""

import json
import os
import shutil
import sqlite3
from pathlib import Path

import pytest

from ledger.primitives.periods import load_zone, of_local_day, start_utc
from tests.settlement.whys import CORRECTED, DAY, GUESSED, PERIODS, whole
from tests.streets import ZONE
from tests.wallet_api.communities import Shell
from wallet_api.cli.app import run

GOLDEN = Path(__file__).parent / "golden"
ROOT = Path(__file__).parents[2]
NOON, LATE = PERIODS[25], PERIODS[35]


def local(period):
    return f"{start_utc(period).astimezone(load_zone(ZONE)):%Y-%m-%dT%H:%M}"


EXAMPLES = {
    "seller": ("Ada", local(PERIODS[20])),
    "buyer": ("Ben", local(PERIODS[17])),
    "capped": ("Ben", local(LATE)),
    "mandate": ("Cleo", local(PERIODS[36])),
    "changed": ("School roof", local(NOON)),
    "others-changed": ("Ada", local(NOON)),
    "first-run": ("Ben", local(GUESSED[1][0]), "--run", "SF"),
    "day": ("School roof", str(DAY)),
    "reading": ("--reading", *CORRECTED[0], local(NOON)),
    "reading-all": ("--reading", "m-ben", "import", local(GUESSED[1][0]), "--all"),
    "source": ("--reading", "m-ben", "import", local(PERIODS[25])),
    "batch": ("--entry", "25"),
}


@pytest.fixture(scope="module")
def street(tmp_path_factory):
    """The street after SF and R1, closed: commands open it themselves."""
    folder = tmp_path_factory.mktemp("why")
    made = whole(folder, agreement=True)
    made.community.writer.publish(folder / "log")
    made.community.writer.database.close()
    return folder


@pytest.fixture
def command(street, capsys, monkeypatch):
    monkeypatch.setenv("COMMONWATT_DATABASE_URL", f"sqlite:///{street}/street.sqlite")
    monkeypatch.delenv("COMMONWATT_KEYS", raising=False)

    def call(*arguments):
        capsys.readouterr()
        code = run(["why", *map(str, arguments)])
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return call


@pytest.mark.parametrize("name", EXAMPLES)
def test_what_people_read(command, name):
    code, out, err = command(*EXAMPLES[name])
    assert (code, err) == (0, "")
    assert max(map(len, out.splitlines())) <= 78
    golden = GOLDEN / f"why-{name}.txt"
    if os.environ.get("COMMONWATT_WRITE_GOLDEN"):
        golden.write_text(out, encoding="utf-8")
    assert out == golden.read_text(encoding="utf-8")


def test_the_pages_example_is_what_the_command_says():
    page = (ROOT / "docs" / "why.md").read_text(encoding="utf-8")
    _, _, rest = page.partition("<!-- why: a test keeps it true -->\n```text\n")
    golden = (GOLDEN / "why-changed.txt").read_text(encoding="utf-8")
    assert rest.partition("```")[0] == golden


@pytest.mark.parametrize("name", EXAMPLES)
def test_what_programs_get(command, name):
    code, out, err = command(*EXAMPLES[name], "--json")
    assert (code, err) == (0, "")
    assert json.loads(out).get("agrees", True)


def test_programs_get_every_number_with_its_log_entry(command):
    _, out, _ = command("Ada", local(NOON), "--json")
    value = json.loads(out)
    told = value["told"]
    assert value["start"] == "2026-06-30T11:30:00Z"
    assert [each["code"] for each in value["runs"]] == ["SF", "R1"]
    assert told["units"] == told["line"]["sold_units"] - told["line"]["bought_units"]
    for name in ("rules", "begin", "hold", "clearing", "settlement", "seal"):
        assert told[name]["position"] >= 0
    assert told["readings"][0]["used"]["entry"]["kind"] == "reading_batch"
    assert {check["outcome"] for check in value["checks"]} == {"holds"}
    assert value["published"] == value["log_size"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((), "Say whose and when"),
        (("Ada",), "Say when"),
        (("Ada", "13:00"), "not a local time like"),
        (("Ada", "2026-06-31"), "2026-06-31"),
        (("Nobody", "2026-06-30"), "Nobody"),
        (("Ada", "2026-06-30", "--run", "RF"), "no run RF of 2026-06-30: made were SF, R1."),
        (
            ("Ada", "2026-07-09T10:00"),
            "The run SF was due on 2026-07-17 at 00:00. Make it: commonwatt settle --day 2026-07-09",
        ),
        (("Ada", "2026-06-30", "--entry", "5"), "Say whose and when"),
        (("Ada", "2026-06-30", "--all"), "Say whose and when"),
        (("--reading", "m-nil", "import", "2026-06-30T10:00"), "No member consented"),
        (("--reading", "m-ben", "sideways", "2026-06-30T10:00"), "not a channel"),
        (("--reading", "m-ben", "import", "2026-07-05T10:00"), "There is no reading of"),
        (("--entry", "0"), "Log entry 0 is a roster, and no batch"),
    ],
)
def test_what_cannot_be_told_says_why(command, arguments, words):
    code, out, err = command(*arguments)
    assert (code, out) == (2, "")
    assert words in err


def test_an_unknown_run_is_refused(command):
    code, _, err = command("Ada", "2026-06-30", "--run", "XX")
    assert code == 1
    assert "The timetable has no run 'XX'" in err


@pytest.mark.parametrize(
    ("sql", "words"),
    [
        ("UPDATE line SET sold_units = sold_units + 1", "stored line is not the one"),
        ("UPDATE reading_day SET wh = zeroblob(length(wh))", "in the database is 0 Wh"),
    ],
)
@pytest.mark.parametrize("as_json", [False, True])
def test_a_changed_database_ends_with_exit_code_one(
    street, tmp_path, capsys, monkeypatch, sql, words, as_json
):
    shutil.copytree(street, tmp_path / "copy")
    with sqlite3.connect(tmp_path / "copy" / "street.sqlite") as connection:
        names = connection.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'")
        for (name,) in names.fetchall():
            connection.execute(f"DROP TRIGGER {name}")
        connection.execute(sql)
    connection.close()
    monkeypatch.setenv("COMMONWATT_DATABASE_URL", f"sqlite:///{tmp_path}/copy/street.sqlite")
    monkeypatch.delenv("COMMONWATT_KEYS", raising=False)
    assert run(["why", "Ada", local(NOON), *(["--json"] if as_json else [])]) == 1
    out = capsys.readouterr().out
    if as_json:
        value = json.loads(out)
        assert value["agrees"] is False
        assert any(words in check["says"] for check in value["checks"])
    else:
        assert "DOES NOT AGREE" in out
        assert words in " ".join(out.split())


def test_a_leaf_that_the_published_log_does_not_hold_is_noticed(street, tmp_path, command):
    shutil.copytree(street, tmp_path / "copy")
    for tile in (tmp_path / "copy" / "log" / "tile").rglob("*"):
        if tile.is_file() and "entries" not in tile.parts:
            tile.write_bytes(bytes(len(tile.read_bytes())))
    database = f"sqlite:///{tmp_path}/copy/street.sqlite"
    code, out, _ = command("Ada", local(NOON), "--database", database)
    assert code == 1
    assert "does not stand in the published log" in " ".join(out.split())


def test_a_reading_is_traced_to_the_line_of_its_file(tmp_path, capsys, monkeypatch):
    shell = Shell(tmp_path, capsys, monkeypatch)
    shell.found()
    shell.done("meter", "add", "Ada", "one", "--channels", "both")
    shell.done("meter", "add", "Ben", "two", "--channels", "import")
    rows = ["meter,channel,start,wh"]
    for period in of_local_day(DAY.replace(day=15), load_zone(ZONE)):
        start = f"{start_utc(period):%Y-%m-%dT%H:%MZ}"
        rows += [f"one,export,{start},400", f"one,import,{start},100", f"two,import,{start},200"]
    file = tmp_path / "june.csv"
    file.write_text("\n".join(rows) + "\n")
    shell.done("meters", "import", file)
    shell.done("settle", "--day", "2026-06-15")
    out = shell.done("why", "Ada", "2026-06-15T13:00")
    assert "you sold 0.200 kWh to neighbours at 14.30p a kWh, which is £0.03" in " ".join(
        out.split()
    )
    assert "file june.csv, line 80" in out
    assert rows[79].startswith("one,export,2026-06-15T12:00Z")
    assert "line 80" in shell.done("why", "--reading", "one", "export", "2026-06-15T12:00:00Z")
    big = shell.monkeypatch
    big.setattr("settlement.why_versions.FILE_BYTES_MAX", 10)
    assert "file june.csv\n" in shell.done("why", "Ada", "2026-06-15T13:00")
