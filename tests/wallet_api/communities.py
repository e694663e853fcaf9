"""Communities for tests of the command line: made by commands, looked at as people do."""

import json
import re

from ledger.db import Database
from tests.fresh import upgrade
from wallet_api.cli.app import run

CARD = re.compile(r"(?:^|\s)\d{1,2} ([a-z]+)(?=\s|$)", re.MULTILINE)


class Shell:
    """A person at a keyboard, with one community's database."""

    def __init__(self, folder, capsys, monkeypatch):
        self.folder, self.capsys, self.monkeypatch = folder, capsys, monkeypatch
        monkeypatch.setenv("COMMONWATT_DATABASE_URL", f"sqlite:///{folder}/village.sqlite")
        monkeypatch.delenv("COMMONWATT_KEYS", raising=False)
        self.keys = folder / "keys"

    def __call__(self, *arguments):
        """Run a command and return (exit code, output, errors)."""
        self.capsys.readouterr()
        code = run([str(argument) for argument in arguments])
        captured = self.capsys.readouterr()
        assert "Traceback" not in captured.err
        return code, captured.out, captured.err

    def done(self, *arguments):
        """Run a command that succeeds and return its output."""
        code, out, err = self(*arguments)
        assert code == 0, err
        return out

    def json(self, *arguments):
        return json.loads(self.done(*arguments, "--json"))

    def refused(self, words, *arguments, code=1):
        """Run a command that says no, in these words, and changes nothing."""
        before = self.size()
        got, _, err = self(*arguments)
        assert re.search(words, err), err
        assert got == code, err
        assert self.size() == before

    def types(self, text):
        """What stands on standard input of the next commands."""

        class Piped:
            @staticmethod
            def isatty():
                return False

            @staticmethod
            def read(_size=-1):
                return text

        self.monkeypatch.setattr("sys.stdin", Piped)

    def size(self):
        return self.json("community", "show")["log_entries"]

    def found(self, *options, replay=True):
        """Found a village with Ada and Ben; return their paper codes."""
        upgrade(Database(f"sqlite:///{self.folder}/village.sqlite"))
        more = ("--replay-from", "2026-06-14") if replay else ()
        create = ("community", "create", "Village", "--origin", "village.example/ledger/1")
        self.done(*create, *more, *options)
        return {name: words_of(self.done("member", "add", name)) for name in ("Ada", "Ben")}

    def sound(self):
        """The audit of a stranger and the check of the ledger agree."""
        bundle = self.folder / f"bundle-{self.size()}.zip"
        self.done("audit", "export", bundle)
        assert "SOUND" in self.done("audit", "verify", bundle)
        assert "SOUND" in self.done("ledger", "check")


def words_of(out):
    """Return the twelve words of a printed card."""
    words = CARD.findall(out)
    assert len(words) == 12, out
    return " ".join(words)
