"""``commonwatt keys``: files in clear, encrypted and encrypted weakly, and what changes them."""

import getpass
import sys

import pytest
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
)

from ledger.keyring import PASSPHRASE_VARIABLE, Keyring
from tests.wallet_api.communities import Shell

WORDS = "five wet horses eat hay"


@pytest.fixture
def shell(tmp_path, capsys, monkeypatch):
    monkeypatch.delenv(PASSPHRASE_VARIABLE, raising=False)
    shell = Shell(tmp_path, capsys, monkeypatch)
    shell.found()
    return shell


def as_before(shell, name, words):
    """Write a key's file as earlier versions did."""
    key = Keyring(shell.keys).load(name)
    (shell.keys / f"{name}.key").write_bytes(
        key.private.private_bytes(
            Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(words.encode())
        )
    )


def kept(shell):
    return {row["file"]: row["kept"] for row in shell.json("keys", "list")}


def test_a_weak_file_is_told_and_written_anew(shell, monkeypatch):
    as_before(shell, "operator-1", WORDS)
    monkeypatch.setenv(PASSPHRASE_VARIABLE, WORDS)
    assert kept(shell)["operator-1.key"] == "encrypted weakly"
    assert kept(shell)["operator-2.key"] == "in clear"
    assert "encrypted weakly" in shell.done("keys", "list")
    assert f"Encrypted: {len(kept(shell))} key files." in shell.done("keys", "protect")
    assert set(kept(shell).values()) == {"encrypted"}
    assert "Every key file is encrypted." in shell.done("keys", "protect")
    shell.sound()


def test_of_a_file_with_other_words_nothing_is_changed(shell, monkeypatch):
    as_before(shell, "settlement", "quite some other words")
    monkeypatch.setenv(PASSPHRASE_VARIABLE, WORDS)
    before = {path: path.read_bytes() for path in shell.keys.rglob("*") if path.is_file()}
    shell.refused(
        "settlement.key: Not a key file, or the wrong passphrase", "keys", "protect", code=2
    )
    assert {path: path.read_bytes() for path in before} == before


def test_words_that_the_files_have_are_asked_for_once_and_serve_for_all(shell, monkeypatch):
    as_before(shell, "log", WORDS)
    asked = []
    monkeypatch.setattr(sys.stdin, "isatty", lambda: True, raising=False)
    monkeypatch.setattr(getpass, "getpass", lambda prompt: asked.append(prompt) or WORDS)
    assert "Encrypted:" in shell.done("keys", "protect")
    assert len(asked) == 1
    monkeypatch.setenv(PASSPHRASE_VARIABLE, WORDS)
    assert set(kept(shell).values()) == {"encrypted"}
    assert "In clear:" in shell.done("keys", "unprotect")
    assert set(kept(shell).values()) == {"in clear"}
