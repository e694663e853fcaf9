"""What the page for auditors says can be done, can: its own commands are run in their order."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from settlement.export import export_bundle
from settlement.run import settle_day
from tests.engines import missing
from tests.prepared import DAY, reopen

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs/auditor.md").read_text(encoding="utf-8")
STEPS = re.findall(r"```bash\n(.*?)```\n", PAGE, re.DOTALL)


@pytest.fixture
def folder(prepared, tmp_path):
    shutil.copytree(prepared, tmp_path / "street")
    community = reopen(f"sqlite:///{tmp_path}/street/street.sqlite", tmp_path / "street/keys")
    settle_day(community, DAY)
    export_bundle(community, tmp_path / "street.zip")
    with community.reading() as connection:
        vkey = community.log_verifier(connection).vkey
    community.writer.database.close()
    (tmp_path / "my-policy").write_text(f"log {vkey}\nquorum none\n")
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/python").write_text(f'#!/bin/sh\nexec {sys.executable} "$@"\n')
    (tmp_path / "bin/python").chmod(0o755)
    return tmp_path, vkey


def test_the_pages_commands_do_what_it_says(folder):
    if shutil.which("bash") is None:
        missing("bash")
    place, vkey = folder
    path = f"{place / 'bin'}{os.pathsep}{os.environ['PATH']}"
    # The second `--state` goes on from what the first one remembered.
    script = "set -e\n" + "".join([*STEPS, STEPS[3]]).replace("KEY", vkey)
    done = subprocess.run(
        ["bash", "-c", script],
        cwd=place,
        env={**os.environ, "PATH": path, "PYTHONPATH": str(ROOT), "PYTHONIOENCODING": "utf-8"},
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert len(STEPS) == 5
    assert done.stdout.count("SOUND.") == 5
    assert done.stdout.count("signed by the log's key, which you gave") == 5
    assert "consistent with the one you kept" in done.stdout
    assert "goes on from your state file" in done.stdout


def test_the_page_names_every_mark_and_exit_code():
    for mark in "✓–?✗·":
        assert f"\n| {mark} | " in PAGE
    for code in (0, 1, 2, 130):
        assert f"\n| {code} | " in PAGE
