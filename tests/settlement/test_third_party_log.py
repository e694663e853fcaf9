"""tlog-scales, a verifier that nobody here wrote, accepts our log and refuses a changed one."""

import shutil
import subprocess
import sys

import pytest

from settlement.run import settle_day
from tests.ledger.log.test_third_party import CHECK
from tests.prepared import DAY, reopen

pytest.importorskip("tlog_scales", reason="tlog-scales is not installed: these tests did not run")

SECONDS_MAX = 60


@pytest.fixture(scope="module")
def log(prepared, tmp_path_factory):
    folder = tmp_path_factory.mktemp("third")
    shutil.copytree(prepared, folder / "street")
    community = reopen(f"sqlite:///{folder}/street/street.sqlite", folder / "street/keys")
    settle_day(community, DAY)
    community.writer.publish(folder / "log")
    with community.reading() as connection:
        vkey = community.log_verifier(connection).vkey
    community.writer.database.close()
    return folder / "log", vkey


def check(folder, vkey):
    return subprocess.run(
        [sys.executable, "-c", CHECK, str(folder), vkey],
        capture_output=True,
        text=True,
        timeout=SECONDS_MAX,
        check=False,
    )


def test_the_settled_days_log_is_accepted(log):
    done = check(*log)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("accepted ")


def test_one_changed_byte_is_refused(log, tmp_path):
    folder, vkey = log
    for number, path in enumerate(sorted(p for p in folder.rglob("*") if p.is_file())):
        copy = tmp_path / str(number)
        shutil.copytree(folder, copy)
        twin = copy / path.relative_to(folder)
        data = bytearray(twin.read_bytes())
        data[len(data) // 2] ^= 1
        twin.write_bytes(data)
        assert check(copy, vkey).returncode != 0, path
