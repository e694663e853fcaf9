"""``commonwatt export``: four formats, files that are whole or not there, sentences where it fails."""

import csv
import io
import os
import re
import shutil
import signal
import sqlite3
import subprocess
import sys

import pandas as pd
import pyarrow.parquet as pq
import pytest

from ledger.beancount import write_beancount
from ledger.columns import BALANCES, TRANSFERS, balance_rows, transfer_rows, write_csv
from ledger.hledger import write_journal
from wallet_api.cli.app import run
from wallet_api.cli.context import progress
from wallet_api.cli.output import written

TEXTS = ("hledger", "beancount", "csv")
FORMATS = (*TEXTS, "parquet")


def cli(capsys, *arguments):
    code = run([str(argument) for argument in arguments])
    captured = capsys.readouterr()
    assert "Traceback" not in captured.err
    return code, captured.out, captured.err


def database(folder):
    return ("--database", f"sqlite:///{folder / 'street.sqlite'}")


@pytest.fixture
def street(settled_street):
    """Options that name the street's database."""
    return database(settled_street.folder)


@pytest.fixture
def changed(settled_street, tmp_path):
    """A copy of the street in which one balance is off by one unit."""
    folder = tmp_path / "copy"
    folder.mkdir()
    target = sqlite3.connect(folder / "street.sqlite")
    with sqlite3.connect(settled_street.folder / "street.sqlite") as source:
        source.backup(target)
    source.close()
    with target:
        target.execute(
            "UPDATE balance SET posted = posted + 1 WHERE account = "
            "(SELECT number FROM account WHERE name LIKE 'grid/import%')"
        )
    target.close()
    shutil.copytree(settled_street.folder / "keys", folder / "keys")
    return database(folder)


def expected_text(street, form):
    community = street.community
    out = io.StringIO()
    with community.reading() as connection:
        balances = community.writer.ledger.balances(connection)
        pairs = list(community.writer.ledger.transfers(connection))
    if form == "csv":
        write_csv(TRANSFERS, transfer_rows(pairs), out)
    else:
        write = write_journal if form == "hledger" else write_beancount
        write(pairs, out, title=community.name, accounts=list(balances))
    return out.getvalue(), len(pairs), balances


def names_in(folder):
    return sorted(path.name for path in folder.iterdir())


@pytest.mark.parametrize("form", TEXTS)
def test_a_text_is_the_same_on_standard_output_and_in_a_file(
    settled_street, street, tmp_path, capsys, form
):
    text, transfers, balances = expected_text(settled_street, form)
    assert cli(capsys, "export", form, *street) == (0, text, "")
    out = tmp_path / "street.out"
    code, said, err = cli(capsys, "export", form, "--out", out, *street)
    assert (code, err) == (0, "")
    assert out.read_bytes() == text.encode()
    size = f"{len(text.encode()) / 1000:.1f} kB"
    assert said == f"Written: {out}: {transfers:,} transfers, {len(balances)} accounts, {size}\n"
    assert names_in(tmp_path) == ["street.out"]


def test_parquet_tells_what_csv_tells(settled_street, street, tmp_path, capsys):
    text, transfers, balances = expected_text(settled_street, "csv")
    out = tmp_path / "street.parquet"
    code, said, _ = cli(capsys, "export", "parquet", "--out", out, *street)
    assert code == 0
    assert f"{transfers:,} transfers, {len(balances)} accounts" in said
    frame = pd.read_parquet(out)
    rows = list(csv.DictReader(io.StringIO(text)))
    for column in ("id", "amount", "debit", "effective"):
        assert [str(value) for value in frame[column]] == [row[column] for row in rows]
    metadata = pq.read_schema(out).metadata
    assert metadata[b"title"].decode() == settled_street.community.name
    assert metadata[b"table"] == b"transfers"
    assert names_in(tmp_path) == ["street.parquet"]


def test_balances_as_csv_and_parquet(settled_street, street, tmp_path, capsys):
    _, _, balances = expected_text(settled_street, "csv")
    expected = io.StringIO()
    write_csv(BALANCES, balance_rows(balances), expected)
    code, text, _ = cli(capsys, "export", "csv", "--what", "balances", *street)
    assert (code, text) == (0, expected.getvalue())
    out = tmp_path / "balances.parquet"
    code, said, _ = cli(capsys, "export", "parquet", "--what", "balances", "--out", out, *street)
    assert code == 0
    assert re.fullmatch(rf"Written: .*: {len(balances)} accounts, .* kB\n", said)
    frame = pd.read_parquet(out)
    assert [f"{row.account} {row.asset}" for row in frame.itertuples()] == list(balances)
    assert frame["posted"].tolist() == [balance.posted for balance in balances.values()]


@pytest.mark.parametrize("form", FORMATS)
def test_help_has_an_example(capsys, form):
    code, out, _ = cli(capsys, "export", form, "--help")
    assert code == 0
    assert f"Example: commonwatt export {form}" in out


# Where it fails.


@pytest.mark.parametrize("form", FORMATS)
def test_a_missing_folder_is_named(street, tmp_path, capsys, form):
    out = tmp_path / "none" / "street.out"
    code, _, err = cli(capsys, "export", form, "--out", out, *street)
    assert code == 2
    assert err == f"Error: There is no folder {out.parent} to write street.out in; make it.\n"


@pytest.mark.parametrize("form", FORMATS)
def test_a_folder_is_not_written_over(street, tmp_path, capsys, form):
    code, _, err = cli(capsys, "export", form, "--out", tmp_path, *street)
    assert (code, err) == (2, f"Error: {tmp_path} is a folder: name a file in it.\n")
    assert names_in(tmp_path) == []


@pytest.mark.parametrize("more", [(), ("--out", os.devnull)])
def test_parquet_wants_a_file(street, capsys, more):
    code, out, err = cli(capsys, "export", "parquet", *more, *street)
    assert (code, out) == (2, "")
    assert "name a file with --out" in err


def test_without_pyarrow_a_sentence_says_so_and_nothing_is_written(
    street, tmp_path, capsys, monkeypatch
):
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    monkeypatch.delitem(sys.modules, "ledger.parquet", raising=False)
    code, _, err = cli(capsys, "export", "parquet", "--out", tmp_path / "a.parquet", *street)
    assert code == 2
    assert "pip install pyarrow" in err
    assert names_in(tmp_path) == []


@pytest.mark.parametrize("more", [(form,) for form in FORMATS] + [("csv", "--what", "balances")])
def test_what_does_not_give_the_balances_is_not_kept(changed, tmp_path, capsys, more):
    folder = tmp_path / "out"
    folder.mkdir()
    out = folder / "street.out"
    out.write_text("the last one, whole")
    code, said, err = cli(capsys, "export", *more, "--out", out, *changed)
    assert (code, said) == (2, "")
    assert ("grid/import WH/0: its transfers sum to" in err) or ("sum to 1, not to zero" in err)
    assert out.read_text() == "the last one, whole"
    assert names_in(folder) == ["street.out"]


def test_text_for_the_terminal_that_does_not_give_the_balances_ends_with_the_error(changed, capsys):
    code, _, err = cli(capsys, "export", "csv", *changed)
    assert code == 2
    assert "Do not use this export" in err


def test_a_killed_export_leaves_the_file_that_was_there(tmp_path):
    out = tmp_path / "street.csv"
    out.write_text("the last one, whole")
    program = (
        "import sys, time\nfrom pathlib import Path\nfrom wallet_api.cli.output import written\n"
        "with written(Path(sys.argv[1])) as file:\n"
        "    file.write(b'half of it')\n    file.flush()\n    print('half', flush=True)\n"
        "    time.sleep(60)\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program, out], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "half\n"
        process.send_signal(signal.SIGKILL)
    assert out.read_text() == "the last one, whole"
    hidden = [name for name in names_in(tmp_path) if name != "street.csv"]
    assert len(hidden) == 1
    assert re.fullmatch(r"\.street\.csv\.\d+\.tmp", hidden[0])


@pytest.mark.parametrize("error", [OSError("disk full"), KeyboardInterrupt()])
def test_a_failed_export_leaves_nothing_behind(tmp_path, error):
    out = tmp_path / "a.csv"

    def write():
        with written(out) as file:
            file.write(b"half of it")
            raise error

    with pytest.raises(type(error)):
        write()
    assert names_in(tmp_path) == []


def test_a_link_stays_a_link_and_permissions_stay(tmp_path):
    real, link = tmp_path / "real.csv", tmp_path / "link.csv"
    real.write_text("old")
    real.chmod(0o600)
    link.symlink_to(real)
    with written(link) as file:
        file.write(b"new")
    assert link.is_symlink()
    assert real.read_text() == "new"
    assert real.stat().st_mode & 0o777 == 0o600


def test_a_pipe_is_written_to_as_it_is(street, tmp_path, capsys):
    pipe, seen = tmp_path / "pipe", tmp_path / "seen.csv"
    os.mkfifo(pipe)
    with seen.open("wb") as file, subprocess.Popen(["cat", pipe], stdout=file) as reader:
        code, said, _ = cli(capsys, "export", "csv", "--out", pipe, *street)
        try:
            reader.wait(timeout=10)
        finally:
            reader.kill()
    text = seen.read_text()
    assert code == 0
    assert text.startswith("number,id,")
    assert f"{text.count(chr(10)) - 1:,} transfers" in said
    assert pipe.is_fifo()


def test_a_reader_that_has_seen_enough_is_no_error(street):
    start = "from wallet_api.cli.start import main; main()"
    program = [sys.executable, "-c", start, "export", "hledger", *street]
    with subprocess.Popen(program, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()  # before anything can have been written
        err = process.stderr.read()
    assert (process.returncode, err) == (0, b"")


# While it runs.


def test_the_bar_counts_to_the_number_of_transfers(settled_street, street, tmp_path, monkeypatch):
    _, transfers, _ = expected_text(settled_street, "csv")
    seen = []

    def watched(what, total):
        seen.append((what, total))
        return progress(what, total)

    monkeypatch.setattr("wallet_api.cli.export.progress", watched)
    assert run(["export", "csv", "--out", str(tmp_path / "a.csv"), *street]) == 0
    assert seen == [("Transfers", transfers)]


def test_the_command_line_starts_without_pyarrow_and_pandas():
    program = (
        "import sys, wallet_api.cli.app\n"
        "print([name for name in ('pyarrow', 'pandas') if name in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert done.stdout == "[]\n"
