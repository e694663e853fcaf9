"""aics-witness, which nobody here wrote, as our witness and as a client of ours.

It needs Python 3.12, so it is looked for as a program: on the PATH, or in the variable
COMMONWATT_TEST_AICS_WITNESS.
"""

import os
import shutil
import socket
import subprocess
import time
from pathlib import Path

import pytest

from ledger.cosign import Witnesses
from ledger.log.cosignature import Cosigner
from ledger.log.policy import Policy
from tests.ledger.heads import LOG, ORIGIN, Log
from tests.wallet_api.test_witness import FALSE, SECONDS_MAX, TRUE, Served

PROGRAM = os.environ.get("COMMONWATT_TEST_AICS_WITNESS") or shutil.which("aics-witness")

pytestmark = pytest.mark.skipif(
    PROGRAM is None,
    reason="aics-witness is not installed: pip install aics-witness==0.1.0 (Python 3.12)",
)

# Sends heads of rising size to a witness; prints what came of each.
FEED = """
import sys
from pathlib import Path
from aics_witness.feeder import WitnessClient, WitnessRejected, merge_cosignatures

url, vkey, folder, *sizes = sys.argv[1:]
client = WitnessClient(url, vkey, sleep=lambda _seconds: None)
for size in sizes:
    note = (Path(folder) / size).read_bytes()
    proof = lambda old, new: [
        bytes.fromhex(line) for line in (Path(folder) / f"{old}-{new}").read_text().split()
    ]
    try:
        merged = merge_cosignatures(note, client.submit(note, proof))
        print("cosigned", size, merged.count(b"\\n") - note.count(b"\\n"))
    except WitnessRejected as error:
        print("rejected", size)
"""


def run(*arguments):
    return subprocess.run(
        [str(argument) for argument in arguments],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    ).stdout


@pytest.fixture
def theirs(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    config = tmp_path / "theirs" / "witness.json"
    config.parent.mkdir()
    made = run(
        *(PROGRAM, "init", "--config", config),
        *("--name", "theirs.example/w", "--listen", f"127.0.0.1:{port}"),
    )
    vkey = made.split()[-1]
    run(PROGRAM, "add-log", "--config", config, "--origin", ORIGIN, "--vkey", LOG.vkey)
    with subprocess.Popen(
        [PROGRAM, "serve", "--config", str(config)], stderr=subprocess.DEVNULL
    ) as serving:
        try:
            _wait_for(port)
            yield f"http://127.0.0.1:{port}", vkey
        finally:
            serving.terminate()


def _wait_for(port):
    until = time.monotonic() + SECONDS_MAX
    while time.monotonic() < until:
        try:
            socket.create_connection(("127.0.0.1", port)).close()
        except ConnectionError:
            continue
        return
    raise AssertionError("aics-witness did not start")


def witnesses(theirs, evidence=None):
    url, vkey = theirs
    policy = f"log {LOG.vkey}\nwitness theirs {vkey} {url}\nquorum theirs\n"
    return Witnesses(LOG, Policy.decode(policy.encode()), evidence, seconds_max=SECONDS_MAX)


def test_their_witness_cosigns_our_log_and_our_policy_accepts_it(theirs):
    assert Cosigner.from_vkey(theirs[1]).vkey == theirs[1]
    client = witnesses(theirs)
    for size in (1, 7, 300, 300, 600):
        collected = client.collect(TRUE.note(size), TRUE.reader(size))
        assert (collected.reports[0].reason, collected.quorum_met) == ("", True)
    assert witnesses(theirs).collect(TRUE.note(600), TRUE.reader(600)).quorum_met


@pytest.mark.parametrize("size", [300, 400])
def test_a_fork_that_their_witness_refuses_is_proved_from_what_it_serves(theirs, tmp_path, size):
    assert witnesses(theirs).collect(TRUE.note(300), TRUE.reader(300)).quorum_met
    forked = witnesses(theirs, tmp_path / "evidence").collect(FALSE.note(size), FALSE.reader(size))
    assert not forked.quorum_met
    assert [path.name for path in forked.evidence] == ["fork-300-1.txt"]


def feed(served, folder, log, sizes):
    folder.mkdir()
    for place, size in enumerate(sizes):
        (folder / str(size)).write_bytes(log.note(size))
        for old in [0, 300, *sizes[:place]]:
            if 0 < old < size:
                lines = [value.hex() for value in log.proof(old, size)]
                (folder / f"{old}-{size}").write_text("\n".join(lines))
    python = Path(PROGRAM).with_name("python")
    vkey = Cosigner(served.name, served.key.public).vkey
    return run(python, "-c", FEED, served.url, vkey, folder, *sizes).splitlines()


def test_our_witness_serves_their_client(tmp_path):
    served = Served(tmp_path, 1)
    try:
        fed = feed(served, tmp_path / "a", TRUE, (1, 2, 300))
        assert fed == ["cosigned 1 1", "cosigned 2 1", "cosigned 300 1"]
        assert feed(served, tmp_path / "b", Log(600), (300, 600))[1] == "cosigned 600 1"
        assert feed(served, tmp_path / "c", FALSE, (600,)) == ["rejected 600"]
        assert served.store.fork(ORIGIN).check(LOG).size == 600
    finally:
        served.close()
