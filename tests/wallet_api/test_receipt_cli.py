"""``commonwatt receipt`` and ``commonwatt audit receipt``: files, sentences, exit codes."""

import json

import pytest

from ledger.primitives.periods import start_text
from settlement.audit.__main__ import main
from settlement.audit.receipt import Receipt
from tests.prepared import DAY
from tests.settlement.receipts import PERIOD, street
from wallet_api.cli.app import run

__all__ = ["street"]


def test_the_command_writes_and_checks_and_its_exit_codes(street, tmp_path, capsys):
    database = f"sqlite:///{street.community.writer.database.file}"
    start = start_text(PERIOD)
    asked = {
        "payment": ["--payment", street.payment],
        "line": ["--half-hour", "2026-06-30T13:00"],
        "reading": ["--reading", "m-ada", "import", start],
        "balance": ["--balance", str(DAY)],
    }
    for kind, options in asked.items():
        out = tmp_path / f"{kind}.tlog-proof"
        command = ["receipt", "m-ada", *map(str, options), "--out", str(out)]
        assert run([*command, "--database", database]) == 0, kind
        printed = capsys.readouterr().out
        assert f"--vkey {street.verifier.vkey}" in printed
        assert "database's own" not in printed
        assert out.read_bytes() == street.make(kind, folder=street.log).encode()
        check = ["audit", "receipt", str(out), "--vkey", street.verifier.vkey]
        assert run([*check, "--member", street.members["m-ada"]]) == 0
        assert capsys.readouterr().out.startswith("PROVED:")
        assert run([*check, "--json"]) == main(["receipt", *check[2:], "--json"]) == 0
        first, second = capsys.readouterr().out.split("\n}\n{")
        assert json.loads(first + "}")["verdict"] == "proved"
        assert json.loads("{" + second)["entry"] == Receipt.decode(out.read_bytes()).proof.index
        assert run([*check, "--member", "00" * 16]) == main(
            ["receipt", *check[2:], "--member", "x"]
        )
        assert "NOT PROVED" in capsys.readouterr().err
    policy = tmp_path / "policy"
    policy.write_text(f"log {street.verifier.vkey}\nquorum none\n")
    for answer, options in (
        (0, ["--policy", str(policy)]),
        (2, []),
        (2, ["--vkey", "nonsense"]),
        (2, ["--policy", str(out)]),
        (2, ["--policy", str(tmp_path / "none")]),
    ):
        assert run(["audit", "receipt", str(out), *options]) == answer
        assert main(["receipt", str(out), *options]) == answer
    assert main(["receipt", str(policy), "--vkey", street.verifier.vkey, "--json"]) == 2
    twin = out.read_bytes().replace(b"\nindex 1", b"\nindex 2")
    out.write_bytes(twin)
    assert run(["audit", "receipt", str(out), "--vkey", street.verifier.vkey]) == 1
    capsys.readouterr()


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ([], "Say of what"),
        (["--payment", "1", "--balance", "2026-06-30"], "Say of what"),
        (["--half-hour", "noon"], "not a local time"),
        (["--half-hour", "2026-06-30T13:10"], "not on the half-hour"),
        (["--half-hour", "2026-10-25T01:30"], "Write it in UTC"),
        (["--half-hour", "2026-03-29T01:30"], "Write it in UTC"),
        (["--half-hour", "2026-06-30T12:00:00"], "not a local time"),
        (["--balance", "June"], "not a date"),
        (["--payment", "the last"], "no statement"),
    ],
)
def test_what_cannot_be_made_is_said(street, tmp_path, capsys, options, words):
    database = f"sqlite:///{street.community.writer.database.file}"
    out = tmp_path / "r.tlog-proof"
    command = ["receipt", "m-ada", *options, "--out", str(out), "--database", database]
    assert run(command) == 2
    assert words in capsys.readouterr().err
    assert not out.exists()
