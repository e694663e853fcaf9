"""The meters' commands: trace, known, edit, keys, push, watch, alerts, archives."""

import json
import random
import shutil
import zipfile
from pathlib import Path

import pytest
from sqlalchemy import select

from ledger.db import Database
from ledger.primitives.periods import start_text
from tests.prepared import DAY, reopen
from tests.streets import SITES, street_readings
from wallet_api.cli.app import run
from wallet_api.cli.context import EXIT_CANNOT
from wallet_api.database import metadata

READINGS = [r for r in street_readings(SITES, [DAY]) if (r.meter, r.channel) == ("m-ben", "import")]
START = start_text(READINGS[20].period)


@pytest.fixture
def street(copy):
    url, keys = copy()
    return ["--database", url, "--keys", str(keys)]


@pytest.fixture
def cli(street, capsys):
    def call(*arguments, code=0):
        capsys.readouterr()
        found = run([*street, *map(str, arguments)])
        out, err = capsys.readouterr()
        assert found == code, err
        return out, err

    return call


def as_json(cli, *arguments):
    return json.loads(cli(*arguments, "--json")[0])


def csv(tmp_path, rows, name="more.csv"):
    path = tmp_path / name
    path.write_text("meter,channel,start,wh\n" + "".join(f"{row}\n" for row in rows))
    return path


def test_a_reading_is_traced_to_the_bytes_of_each_file(cli, tmp_path):
    first = csv(tmp_path, [f"m-ben,import,{START},4001", "m-ben,import,2026-06-30T11:00:00Z,7"])
    second = csv(
        tmp_path, ["m-ben,import,2026-06-30T11:00:00Z,7", f"m-ben,import,{START},4002"], "b.csv"
    )
    cli("meters", "import", first)
    cli("meters", "import", second)
    versions = as_json(cli, "meters", "trace", "m-ben", "import", START)
    assert [version["wh"] for version in versions] == [READINGS[20].wh, 4001, 4002]
    assert [version["counts"] for version in versions] == [False, False, True]
    for version, path in zip(versions[1:], (first, second), strict=True):
        place, data = version["place"], path.read_bytes()
        row = data[place["offset"] :][: place["length"]].decode()
        assert row == version["excerpt"] == f"m-ben,import,{START},{version['wh']}\n"
        assert data.count(b"\n", 0, place["offset"]) + 1 == place["line"]
        assert version["file"]["name"] == path.name
    out, _ = cli("meters", "trace", "m-ben", "import", START)
    assert "Version 3: 4,002 Wh, actual (this one counts)" in out
    assert f"m-ben,import,{START},4002" in out
    # A file is stored with its first new reading, and once.
    cli("meters", "import", first, second)
    sha256 = versions[1]["file"]["sha256"]
    cli("meters", "erase-file", sha256[:12], "--yes")
    gone = as_json(cli, "meters", "trace", "m-ben", "import", START)
    assert "file" not in gone[1]
    assert gone[1]["wh"] == 4001
    assert "file       erased" in cli("meters", "trace", "m-ben", "import", START)[0]
    assert "no stored file" in cli("meters", "erase-file", sha256, "--yes", code=2)[1]


def everything(url):
    """Every row of every table."""
    database = Database(url)
    with database.read() as connection:
        rows = {
            table.name: sorted(map(repr, connection.execute(select(table))))
            for table in metadata().sorted_tables
        }
    database.close()
    return rows


def test_the_same_file_again_or_shuffled_leaves_the_same_database(cli, street, tmp_path):
    rows = [f"m-ben,import,{start_text(READINGS[0].period - n)},{n}" for n in range(1, 60)]
    cli("meters", "import", csv(tmp_path, rows))
    before = everything(street[1])
    cli("meters", "import", csv(tmp_path, rows))
    random.Random(7).shuffle(rows)
    out, _ = cli("meters", "import", csv(tmp_path, [*rows, *rows[:20]], "shuffled.csv"))
    assert "0 readings new, 0 corrected, 59 known already" in out
    assert everything(street[1]) == before


def test_nothing_is_said_of_what_is_not_there(cli):
    _, err = cli("meters", "trace", "m-bem", "import", START, code=2)
    assert "Did you mean m-ben" in err
    assert "not a channel" in cli("meters", "trace", "m-ben", "sideways", START, code=2)[1]
    assert (
        "There is no reading"
        in cli("meters", "trace", "m-ben", "import", "2026-01-01T00:00:00Z", code=2)[1]
    )


def test_what_was_known_then_is_a_query(cli, tmp_path):
    old = as_json(cli, "meters", "known", "m-ben", "import", "--day", "2026-06-30")
    entry = old[20]["log_entry"]
    file = csv(tmp_path, [f"m-ben,import,{START},4001"])
    cli("meters", "import", file)
    now = as_json(cli, "meters", "known", "m-ben", "import", "--day", "2026-06-30")
    where = next(i for i, row in enumerate(now) if row["start"] == START)
    assert (now[where]["wh"], now[where]["version"]) == (4001, 2)
    before = now[where]["log_entry"]
    options = ["meters", "known", "m-ben", "import", "--day", "2026-06-30", "--before"]
    assert as_json(cli, *options, before) == old
    assert "wh" not in as_json(cli, *options, entry)[where]
    then = as_json(cli, *options[:-1], "--at", "2026-06-01T00:00:00Z")
    assert all("wh" not in row for row in then)
    out, _ = cli(*options[:-1])
    assert "48 of 48 half-hours" in out
    cli(*options[:-1], "--at", "2026-06-01T00:00:00Z", "--before", 3, code=2)


def test_two_operators_edit_a_reading(cli):
    out, _ = cli("meters", "edit", "m-ben", "import", START, 55, "--reason", "Fuse.", "--yes")
    assert f"{READINGS[20].wh:,} Wh, now 55 Wh" in out
    version = as_json(cli, "meters", "trace", "m-ben", "import", START)[-1]
    assert (version["quality"], version["wh"], version["reason"]) == ("edited", 55, "Fuse.")
    assert version["counts"]
    cli("meters", "edit", "m-ben", "import", START, -1, "--reason", "x", "--yes", code=2)
    _, err = cli("meters", "edit", "m-ben", "export", START, 1, "--reason", "x", "--yes", code=2)
    assert "No member consents" in err


def test_times_are_local_or_utc_and_an_edit_says_whether_its_day_is_settled(cli):
    local = f"{start_text(READINGS[20].period + 2)[:16]}"  # London is an hour ahead in June.
    assert as_json(cli, "meters", "trace", "m-ben", "import", local) == as_json(
        cli, "meters", "trace", "m-ben", "import", START
    )
    edit = ("meters", "edit", "m-ben", "import", local, 55, "--reason", "Fuse.", "--yes")
    assert "The next run of the day uses it" in cli(*edit)[0]
    cli("settle", "--day", DAY)
    out, _ = cli(*edit[:-1], "--yes")
    assert f"{DAY} is settled, and stays as it is until a later run" in out


@pytest.fixture
def bound(cli, tmp_path):
    """An adapter's file and key, bound to Ben's meter."""
    out, _ = cli("meters", "new-key", tmp_path / "gateway.key")
    key = out.split()[-1]
    file = tmp_path / "gateway.json"
    cli("meters", "bind-key", "m-ben", key, "--out", file, "--from", "2026-06-01")
    return key, ["--adapter", file, "--key-file", tmp_path / "gateway.key"]


def test_keys_are_bound_listed_and_revoked(cli, bound, tmp_path):
    key, _ = bound
    [row] = as_json(cli, "meters", "keys")
    assert (row["meter"], row["key"], row["revoked"]) == ("m-ben", key, False)
    assert key[:16] in cli("meters", "keys", "m-ben")[0]
    assert "No meter has a key" in cli("meters", "keys", "m-ada")[0]
    cli("meters", "revoke-key", "m-ben", key[:7], code=2)
    cli("meters", "revoke-key", "m-ben", key[:8])
    assert as_json(cli, "meters", "keys")[0]["revoked"]
    for wrong in ("zz" * 32, "ab"):
        assert (
            "not a public key"
            in cli("meters", "bind-key", "m-ben", wrong, "--out", tmp_path / "x", code=2)[1]
        )
    assert (
        "No member consents"
        in cli("meters", "bind-key", "m-none", key, "--out", tmp_path / "x", code=2)[1]
    )
    cli("meters", "new-key", tmp_path / "gateway.key", code=2)
    cli("meters", "new-key", tmp_path / "gateway.pem", code=2)


def test_an_adapters_files_are_signed_queued_and_delivered_as_a_file(cli, bound, tmp_path):
    _, adapter = bound
    file = csv(
        tmp_path,
        [
            f"m-ben,import,{START},4001",
            f"m-ada,import,{START},1",
            "m-ben,import,2026-06-30T11:10Z,1",
        ],
    )
    batch = tmp_path / "day.batch"
    out, err = cli("meters", "push", file, *adapter, "--out", batch, code=3)
    assert "1 new batch, of 1 readings" in out
    assert "not on the half-hour" in err
    assert "key is not for them" in err
    assert "0 new batches" in cli("meters", "push", file, *adapter, "--out", batch, code=3)[0]
    shown = [json.loads(line) for line in cli("meters", "read", batch)[0].splitlines()]
    assert [(row["wh"], row["start"]) for row in shown] == [(4001, START)]
    assert "1 readings new" in cli("meters", "import", batch)[0]
    assert "1 known already" in cli("meters", "import", batch)[0]
    version = as_json(cli, "meters", "trace", "m-ben", "import", START)[-1]
    assert (version["wh"], version["statement"]) == (4001, "reading_batch")
    assert "file" not in version
    # Nobody listens: the queue keeps it.
    _, err = cli(
        "meters",
        "push",
        *adapter,
        "--url",
        "http://127.0.0.1:9/v1/readings",
        "--attempts",
        1,
        code=2,
    )
    assert "Not delivered" in err


def test_a_batch_that_was_tampered_with_is_refused_and_a_gap_is_told(cli, bound, tmp_path):
    _, adapter = bound
    first = csv(tmp_path, [f"m-ben,import,{START},4001"])
    both = tmp_path / "both.batch"
    cli("meters", "push", first, *adapter, "--out", both)
    second = csv(tmp_path, ["m-ben,import,2026-06-30T12:00:00Z,5"], "c.csv")
    cli("meters", "push", second, *adapter, "--out", both)
    lines = both.read_bytes().splitlines(keepends=True)
    late = tmp_path / "late.batch"
    late.write_bytes(b"".join(lines[2:]))
    assert "1 held" in cli("meters", "import", late)[0]
    out, err = cli("meters", "alerts", code=1)
    assert "waits for batch 1" in out
    assert "must deliver what is missing" in err
    forged = tmp_path / "forged.batch"
    forged.write_bytes(lines[0] + lines[1].replace(b"4001", b"4002"))
    assert "not those that were signed" in cli("meters", "import", forged, code=3)[1]
    assert "2 readings new" in cli("meters", "import", both)[0]
    assert as_json(cli, "meters", "alerts")["held"] == []


def test_a_folder_is_watched(cli, bound, tmp_path):
    _, adapter = bound
    inbox = tmp_path / "inbox"
    inbox.mkdir()
    batch = inbox / "x.batch"
    cli("meters", "push", csv(tmp_path, [f"m-ben,import,{START},4001"]), *adapter, "--out", batch)
    csv(inbox, ["m-ada,import,2026-06-30T11:00:00Z,9", "m-ada,import,noon,9"], "ada.csv")
    csv(inbox, ["m-ada,import,2026-06-30T11:00:00Z,9"], "later.csv.part")
    (inbox / "notes.txt").write_text("hello")
    out, err = cli("meters", "watch", inbox, "--once")
    assert "x.batch: 1 reading new" in out
    assert "noon" in err
    left = {path.relative_to(inbox).as_posix() for path in inbox.rglob("*") if path.is_file()}
    assert left == {
        *("later.csv.part", "done/x.batch", "done/ada.csv", "done/ada.csv.txt"),
        *("refused/notes.txt", "refused/notes.txt.txt"),
    }
    assert "no format begins with" in (inbox / "refused/notes.txt.txt").read_text()
    # The same again is moved beside the first, and writes nothing.
    shutil.copy(inbox / "done/x.batch", inbox)
    assert (
        "0 readings new, 0 corrected, 1 known already" in cli("meters", "watch", inbox, "--once")[0]
    )
    assert (inbox / "done/x-2.batch").exists()
    cli("meters", "watch", tmp_path / "none", "--once", code=2)


def test_a_stop_before_a_file_is_moved_costs_nothing(cli, tmp_path, monkeypatch):
    inbox = tmp_path / "inbox"
    inbox.mkdir()
    csv(inbox, [f"m-ben,import,{START},4001"], "a.csv")

    def cut(*_arguments):
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(Path, "rename", cut)
        cli("meters", "watch", inbox, "--once", code=130)
    assert (inbox / "a.csv").exists()
    assert "1 known already" in cli("meters", "watch", inbox, "--once")[0]
    assert len(as_json(cli, "meters", "trace", "m-ben", "import", START)) == 2


def test_a_file_that_cannot_be_read_keeps_no_other_from_being_read(cli, tmp_path):
    bad = tmp_path / "bill.csv"
    bad.write_bytes(b"%PDF-1.7")
    first = csv(tmp_path, ["m-ben,import,2026-06-30T11:00:00Z,7"])
    last = csv(tmp_path, ["m-ben,import,2026-06-30T11:30:00Z,8"], "last.csv")
    _, err = cli("meters", "import", first, bad, last, code=EXIT_CANNOT)
    assert "a PDF: ask for the data itself" in err
    assert "1 file could not be read" in err
    for start, wh in (("11:00", 7), ("11:30", 8)):
        traced = as_json(cli, "meters", "trace", "m-ben", "import", f"2026-06-30T{start}:00Z")
        assert traced[-1]["wh"] == wh


def test_of_an_archive_with_one_unreadable_file_nothing_is_stored(cli, tmp_path):
    good = csv(tmp_path, ["m-ben,import,2026-06-30T11:00:00Z,7"])
    path = tmp_path / "both.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.write(good, "good.csv")
        archive.writestr("second.csv", b"%PDF-1.7")
    trace = ("meters", "trace", "m-ben", "import", "2026-06-30T11:00:00Z")
    before = as_json(cli, *trace)
    cli("meters", "import", path, code=EXIT_CANNOT)
    assert as_json(cli, *trace) == before


def test_archives_are_read_as_what_they_hold(cli, tmp_path):
    archive = tmp_path / "week.zip"
    with zipfile.ZipFile(archive, "w") as writer:
        for number, wh in enumerate((4001, 4002)):
            file = csv(tmp_path, [f"m-ben,import,{START},{wh}"], f"{number}.csv")
            writer.write(file, f"../../{number}.csv")
    shown = cli("meters", "read", archive)[0].splitlines()
    assert [json.loads(line)["wh"] for line in shown] == [4001, 4002]
    assert "1 readings new" not in cli("meters", "import", archive)[0]
    version = as_json(cli, "meters", "trace", "m-ben", "import", START)[-1]
    assert version["file"]["name"] == "1.csv"
    damaged = tmp_path / "damaged.zip"
    damaged.write_bytes(archive.read_bytes()[:80])
    assert "cannot be read" in cli("meters", "read", damaged, code=2)[1]
    empty = tmp_path / "empty.zip"
    zipfile.ZipFile(empty, "w").close()
    assert run(["meters", "read", str(empty)]) == 2


def test_every_format_is_listed_with_its_page(cli):
    out, _ = cli("meters", "formats")
    known = as_json(cli, "meters", "formats")
    root = Path(__file__).parents[2]
    for entry in known:
        assert f"{entry['format']} " in out
        assert (root / entry["page"]).exists()


def test_a_reopened_community_reads_what_the_commands_wrote(cli, street, tmp_path):
    cli("meters", "import", csv(tmp_path, [f"m-ben,import,{START},4001"]))
    community = reopen(street[1], Path(street[3]))
    with community.reading() as connection:
        found = community.files.find_by_hash(connection, "")
        assert b"".join(community.files.parts(connection, found.number)).startswith(b"meter,")
    community.writer.database.close()
