"""The page on keys: its commands are typed in order, and answer as shown."""

import os
import re
import shlex
import stat
from pathlib import Path

import pytest

from ledger.errors import SetupError
from ledger.keyring import FILE_VARIABLE, PASSPHRASE_VARIABLE, Keyring
from tests.wallet_api.communities import Shell
from wallet_api.cli import context

PAGE = (Path(__file__).parents[1] / "docs/keys.md").read_text(encoding="utf-8")
TYPED = [
    (command, shown)
    for block in re.findall(r"```console\n(.*?)```\n", PAGE, re.DOTALL)
    for command, shown in re.findall(
        r"^\$ commonwatt (.*)\n((?:[^$].*\n|\n)*)", block, re.MULTILINE
    )
]
WORDS = "four wet horses jump"


def masked(text):
    return re.sub(r"\b[0-9a-f]{32}\b|\b[0-9a-f]{8}\b", "ID", text)


def rows(text):
    """What stands in a table, in any order: files are listed by their names, which are random."""
    return sorted(masked(text).splitlines())


@pytest.fixture
def shell(tmp_path, capsys, monkeypatch):
    shell = Shell(tmp_path, capsys, monkeypatch)
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv(PASSPHRASE_VARIABLE, raising=False)
    shell.done("db", "upgrade")
    return shell


def test_the_page_is_what_is_said(shell, monkeypatch):
    for command, shown in TYPED:
        if command == "keys protect":
            monkeypatch.setenv(PASSPHRASE_VARIABLE, WORDS)
        said = shell.done(*shlex.split(command))
        for line in filter(None, rows(shown)):
            assert line in rows(said), (command, said)
    everything = shell.json("keys", "list")
    assert all(row["encrypted"] for row in everything)
    old = {row["file"] for row in everything if row["counts_as"] is None}
    assert old == {"operator-2.key", "settlement.key", "adapter.key"}
    for name in old:
        (shell.keys / name).unlink()
    shell.sound()


def village(shell):
    shell.done(*shlex.split(TYPED[0][0]))


def test_a_changed_key_settles_and_imports_and_the_audit_is_sound(shell):
    village(shell)
    changes = ["--replace-settlement", "settlement=s2", "--replace-adapter", "adapter=a2"]
    shell.done("community", "roster", *changes)
    (shell.keys / "settlement.key").unlink()
    (shell.keys / "adapter.key").unlink()
    for name in ("Ada", "Ben"):
        shell.done("member", "add", name, "--no-paper-code")
    shell.done("member", "pay", "Ada", "Ben", "1.00")
    shell.done("member", "standing", "add", "Ada", "Ben", "1.00", "--reference", "rent")
    assert "1.00" in shell.done("pay-due")
    shell.sound()


def test_the_passphrase_may_lie_in_a_file(shell, tmp_path, monkeypatch):
    village(shell)
    file = tmp_path / "secret"
    file.write_text(WORDS + "\n")
    monkeypatch.setenv(FILE_VARIABLE, str(file))
    assert "Encrypted: 5" in shell.done("keys", "protect")
    assert b"ENCRYPTED" in (shell.keys / "log.key").read_bytes()
    assert "operator" in shell.done("keys", "list")
    assert "is encrypted" in shell.done("keys", "protect")
    file.write_text("")
    assert shell("keys", "list")[0] == 2
    file.unlink()
    assert "cannot be read" in shell("keys", "list")[2]
    file.write_text(WORDS)
    assert "In clear: 5" in shell.done("keys", "unprotect")
    monkeypatch.delenv(FILE_VARIABLE)
    assert b"ENCRYPTED" not in (shell.keys / "log.key").read_bytes()
    shell.done("member", "add", "Ada", "--no-paper-code")


def test_whoever_types_is_asked_once_and_without_echo(shell, monkeypatch):
    village(shell)
    monkeypatch.setenv(PASSPHRASE_VARIABLE, WORDS)
    shell.done("keys", "protect")
    monkeypatch.delenv(PASSPHRASE_VARIABLE)
    words = f"set {PASSPHRASE_VARIABLE}"
    assert words in shell("member", "add", "Ada", "--no-paper-code")[2]  # nobody is there
    asked = []
    monkeypatch.setattr(context, "ask_passphrase", lambda path: asked.append(path) or WORDS)
    shell.done("member", "add", "Ada", "--no-paper-code")
    assert len(asked) == 1
    new = next((shell.keys / "devices").glob("*.key"))
    assert b"ENCRYPTED" in new.read_bytes()
    with pytest.raises(SetupError, match="set COMMONWATT"):
        Keyring(shell.keys).load("log")  # as a server, which asks nobody


def test_a_short_passphrase_and_a_broken_file_change_nothing(shell, monkeypatch):
    village(shell)
    monkeypatch.setenv(PASSPHRASE_VARIABLE, "short")
    assert "12 characters" in shell("keys", "protect")[2]
    monkeypatch.setenv(PASSPHRASE_VARIABLE, WORDS)
    (shell.keys / "broken.key").write_bytes(b"no key")
    assert shell("keys", "protect")[0] == 2
    assert b"ENCRYPTED" not in (shell.keys / "log.key").read_bytes()
    assert not list(shell.keys.glob("*.new"))


@pytest.mark.skipif(os.name != "posix", reason="modes are not the same")
def test_who_else_could_read_a_key_is_told_and_a_new_file_is_its_owners(shell, monkeypatch):
    village(shell)
    file = shell.keys / "log.key"
    file.chmod(0o644)
    code, out, err = shell("keys", "list")
    assert code == 0
    assert "others than you can read 1 key files, as log.key" in err
    assert "in clear, others can read it" in out
    monkeypatch.setenv(PASSPHRASE_VARIABLE, WORDS)
    shell.done("keys", "protect")
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert "Warning" not in shell("keys", "list")[2]
