"""``commonwatt statement``: every form, one member or all, and every wrong way to ask."""

import io
import json
import subprocess
import sys

import pypdf
import pytest

from tests.streets import NAMES
from wallet_api.cli.app import run
from wallet_api.cli.statement import Form, file_name


@pytest.fixture
def command(settled_street, capfdbinary, monkeypatch):
    """Run the command on the settled street and return (exit code, bytes out, text of errors)."""
    url = f"sqlite:///{settled_street.folder / 'street.sqlite'}"
    monkeypatch.setenv("COMMONWATT_DATABASE_URL", url)
    monkeypatch.delenv("COMMONWATT_KEYS", raising=False)

    def call(*arguments):
        capfdbinary.readouterr()
        code = run(["statement", *map(str, arguments)])
        sys.stdout.flush()
        captured = capfdbinary.readouterr()
        return code, captured.out, captured.err.decode()

    return call


@pytest.mark.parametrize("form", list(Form))
def test_a_file_holds_what_the_output_would(command, tmp_path, form):
    file = tmp_path / "ada"
    for option in ("--out", "--output"):
        code, out, _ = command("Ada", "--month", "2026-06", "--format", form, option, file)
        assert (code, out) == (0, b"")
        _, shown, _ = command("Ada", "--month", "2026-06", "--format", form)
        assert file.read_bytes() == shown
        assert len(shown) > 1_000


def test_each_form_is_what_it_says(command):
    def made(form, *options):
        return command("Ben", "--month", "2026-06", "--format", form, *options)[1]

    assert made("text").startswith(b"Ladywood Street Power\nStatement for June 2026\n")
    assert made("html").startswith(b"<!doctype html>")
    assert json.loads(made("json"))["v"] == 2
    assert made("csv").startswith(b"\xef\xbb\xbfsection,day,run,item,")
    assert made("csv").count(b"\r\n") == made("csv").count(b"\n")
    pages = pypdf.PdfReader(io.BytesIO(made("pdf"))).pages
    large = pypdf.PdfReader(io.BytesIO(made("pdf", "--large-print"))).pages
    assert "Statement for June 2026" in pages[0].extract_text()
    assert len(large) > len(pages) > 1
    assert b"html { font-size: 18pt; }" in made("html", "--large-print")


@pytest.mark.parametrize("form", list(Form))
def test_everybodys_statements_are_those_of_each(command, settled_street, tmp_path, form):
    folder = tmp_path / "new" / "june"
    arguments = ("--all", "--month", "2026-06", "--format", form, "--out", folder)
    code, out, _ = command(*arguments)
    assert (code, out.decode()) == (0, f"4 statements of 2026-06 written to {folder}.\n")
    names = {file_name(name, settled_street.members[name], "2026-06", form): name for name in NAMES}
    assert {file.name for file in folder.iterdir()} == set(names)
    for file, name in names.items():
        alone = command(name, "--month", "2026-06", "--format", form)[1]
        assert (folder / file).read_bytes() == alone
    assert command(*arguments)[0] == 0  # again: the files are replaced


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((), "commonwatt statement Ada --month 2026-06"),
        (("Ada",), "Say whose and which month"),
        (("--month", "2026-06"), "Say whose and which month"),
        (("Ada", "--all", "--month", "2026-06"), "Say whose and which month"),
        (("--all", "--month", "2026-06"), "Say into which folder"),
        (("Ada", "--month", "2026-06", "--large-print"), "no large print of text"),
        (("Ada", "--month", "2026-06", "--large-print", "--format", "csv"), "large print of csv"),
        (("Ada", "--month", "June"), "'June' is not a month like 2026-06"),
        (("Nobody", "--month", "2026-06"), "Nobody"),
        (("Ada", "--month", "2026-06", "--format", "docx"), "docx"),
    ],
)
def test_a_wrong_question_is_told_what_to_do(command, arguments, words):
    code, out, err = command(*arguments)
    assert (code, out) == (2, b"")
    assert words in err
    assert "Traceback" not in err


def test_nothing_is_left_where_nothing_can_be_written(command, tmp_path):
    file = tmp_path / "file"
    file.write_text("mine")
    arguments = ("--all", "--month", "2026-06", "--out")
    code, _, err = command(*arguments, file)
    assert (code, file.read_text()) == (2, "mine")
    assert "is a file: name a folder" in err
    code, _, err = command("--all", "--month", "June", "--out", tmp_path / "never")
    assert code == 2
    assert not (tmp_path / "never").exists()
    code, _, err = command("Ada", "--month", "2026-06", "--out", tmp_path / "none" / "a.txt")
    assert code == 2
    assert "There is no folder" in err


def test_a_terminal_is_not_sent_a_pdf(command, monkeypatch):
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True, raising=False)
    code, out, err = command("Ada", "--month", "2026-06", "--format", "pdf")
    assert (code, out) == (2, b"")
    assert "name a file with --out, or pipe it" in err


def test_without_the_library_the_other_forms_are_named(command, monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "typst", None)
    arguments = ("Ada", "--month", "2026-06", "--format", "pdf", "--out", tmp_path / "a.pdf")
    code, _, err = command(*arguments)
    assert code == 2
    assert "pip install typst, or take --format html" in err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("name", "file"),
    [
        ("Zoë O'Brien", "2026-06-zoe-o-brien-0f0f0f0f.pdf"),
        ("../../etc/passwd", "2026-06-etc-passwd-0f0f0f0f.pdf"),
        ("王伟", "2026-06-0f0f0f0f.pdf"),
        (None, "2026-06-0f0f0f0f.pdf"),
        ("-rf *", "2026-06-rf-0f0f0f0f.pdf"),
        ("x" * 300, f"2026-06-{'x' * 40}-0f0f0f0f.pdf"),
    ],
)
def test_a_files_name_is_plain(name, file):
    assert file_name(name, "0f" * 16, "2026-06", Form.PDF) == file


def test_a_pipe_gets_the_bytes(settled_street, tmp_path):
    source = (
        "import sys; from wallet_api.cli.app import run;"
        "sys.exit(run(['statement', 'Ada', '--month', '2026-06', '--format', 'pdf']))"
    )
    url = f"sqlite:///{settled_street.folder / 'street.sqlite'}"
    made = subprocess.run(
        [sys.executable, "-c", source],
        check=True,
        capture_output=True,
        env={"COMMONWATT_DATABASE_URL": url, "PYTHONPATH": ":".join(sys.path)},
    ).stdout
    assert made.startswith(b"%PDF-1.7")
    assert made.rstrip().endswith(b"%%EOF")
