"""The page on what members say: its commands are typed in their order, and answer what it shows."""

import re
import shlex
from pathlib import Path

import pytest

from tests.wallet_api.communities import Shell

PAGE = (Path(__file__).parents[1] / "docs/members.md").read_text(encoding="utf-8")
TYPED = [
    (command, shown)
    for block in re.findall(r"```console\n(.*?)```\n", PAGE, re.DOTALL)
    for command, shown in re.findall(r"^\$ commonwatt (.*)\n((?:[^$].*\n)*)", block, re.MULTILINE)
]
[SHARES] = re.findall(r"```text\n(.*?)```\n", PAGE, re.DOTALL)
COMMANDS = (
    *("offer", "mandate", "gift", "donate", "grant", "show", "list", "revoke-mandate"),
    *("pay", "ask", "asks", "spending", "standing", "consent"),
)


def masked(text):
    """Ids differ from village to village."""
    return re.sub(r"\b[0-9a-f]{32}\b|\b[0-9a-f]{8}\b(?=  |\.$)", "ID", text, flags=re.MULTILINE)


def test_the_page_is_what_is_said(tmp_path, capsys, monkeypatch):
    shell = Shell(tmp_path, capsys, monkeypatch)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "shares.csv").write_text(SHARES)
    shell.done("db", "upgrade")
    for command, shown in TYPED:
        said = shell.done(*shlex.split(command))
        if shown:
            assert masked(said) == masked(shown), command
    shell.sound()


@pytest.mark.parametrize("command", COMMANDS)
def test_no_command_is_left_out(command):
    assert [shown for typed, shown in TYPED if typed.startswith(f"member {command}") and shown]
