"""The page on rules: each of its commands about rules does what it says, in the page's order."""

import re
import shlex
from pathlib import Path

from settlement.rule_parts import FORMS
from tests.wallet_api.communities import Shell

PAGE = (Path(__file__).parents[1] / "docs/rules.md").read_text(encoding="utf-8")
TYPED = re.findall(r"^commonwatt (community rules .*?)(?:\s+#.*)?$", PAGE, re.MULTILINE)
[PARTS] = re.findall(r"```text\n(member,ppm.*?)```", PAGE, re.DOTALL)


def test_every_command_is_taken_and_makes_a_version(tmp_path, capsys, monkeypatch):
    shell = Shell(tmp_path, capsys, monkeypatch)
    shell.found()
    shell.done("member", "add", "School")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "parts.csv").write_text(PARTS)
    changes = [shlex.split(line) for line in TYPED if " --" in line]
    made = []
    for arguments in changes:
        before = shell.json("community", "rules")
        code, _, err = shell(*arguments, "--yes")
        if "timetable=II=7h:shown,SF=7d,R1=30d,RF=90d" in arguments:
            assert "The rules are that already" in err  # the page says that it is the usual one
            continue
        assert code == 0, err
        made.append(shell.json("community", "rules"))
        assert made[-1]["version"] == before["version"] + 1
    assert made[-1]["charges"]["network_ticks"] == 5
    assert made[-1]["vat"]["number"] == "GB 123456789"
    assert made[-1]["timetable"]["disputes"]["least_units"] == 20_000_000
    assert made[-1]["timetable"]["runs"][0]["live"]
    shell.sound()


def test_every_rule_that_can_be_set_is_on_the_page():
    shown = re.sub(r"vat-(household|shop)", "vat-household vat-generator vat-shop vat-group", PAGE)
    usual = {"credit-limit", "fund-limit", "promise"}  # about money, in the ledger's page
    assert not [name for name in FORMS if name not in usual and name not in shown]
