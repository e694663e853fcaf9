"""The page on invitations, vouchers and tills: its commands are typed in order, and answer as shown."""

import re
import shlex
from pathlib import Path

import pytest

from tests.wallet_api.communities import CARD, Shell, words_of

PAGE = (Path(__file__).parents[1] / "docs/on-paper.md").read_text(encoding="utf-8")
TYPED = [
    (command, shown)
    for block in re.findall(r"```console\n(.*?)```\n", PAGE, re.DOTALL)
    for command, shown in re.findall(
        r"^\$ commonwatt (.*)\n((?:[^$].*\n|\n)*)", block, re.MULTILINE
    )
]
COMMANDS = (
    *("member invite", "member join", "community invitations", "voucher make", "voucher pay"),
    *("voucher list", "member till add", "member till list"),
)


def masked(text):
    """Ids and words differ from village to village."""
    text = re.sub(r"\b[0-9a-f]{32}\b|\b[0-9a-f]{8}\b", "ID", text)
    return re.sub(r"^ +\d+ [a-z]+ +\d+ [a-z]+.*$", "WORDS", text, flags=re.MULTILINE)


def test_the_page_is_what_is_said(tmp_path, capsys, monkeypatch):
    shell = Shell(tmp_path, capsys, monkeypatch)
    monkeypatch.chdir(tmp_path)
    shell.done("db", "upgrade")
    for command, shown in TYPED:
        said = shell.done(*shlex.split(command))
        if shown:
            assert masked(said) == masked(shown), command
        if CARD.search(said):
            (tmp_path / "words.txt").write_text(words_of(said))
    shell.sound()


@pytest.mark.parametrize("command", COMMANDS)
def test_no_command_is_left_out(command):
    assert [shown for typed, shown in TYPED if typed.startswith(command) and shown]
