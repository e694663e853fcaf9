"""A verifier that nobody here wrote accepts our log, and refuses it with one byte changed."""

import importlib.util
import os
import subprocess
import sys

import pytest

from ledger.log.checkpoint import open_checkpoint
from ledger.log.proof import LogProof
from ledger.log.tiles import verify_tiles
from tests.ledger.published_logs import VERIFIER, changed_twin, entries_of, publish

pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("tlog_scales") is None,
    reason="tlog-scales is not installed: pip install tlog-scales==0.0.3",
)

SECONDS_MAX = 30
"""A check of these 600 entries takes about a second."""

ENTRIES = entries_of(600)

# Reads every file: each entry, its inclusion proof, and the signature and root over them.
CHECK = """
import sys
from tlog_scales.backend import make_backend
from tlog_scales.reader import TilesReader
from tlog_scales.signing import Vkey
from tlog_scales.tiles import leaf_hash

reader = TilesReader(make_backend(sys.argv[1]))
checkpoint = reader.get_checkpoint()
checkpoint.verify(Vkey.from_string(sys.argv[2]))
assert reader.calculate_root_hash() == checkpoint.root_hash, "root"
for index in range(checkpoint.size):
    proof = reader.get_inclusion_proof(index, checkpoint.size)
    proof.check(leaf_hash(reader.get_entry(index)), checkpoint.root_hash)
for size in range(1, checkpoint.size, 97):
    old_root = reader.mth(0, size)
    reader.get_consistency_proof(size, checkpoint.size).check(old_root, checkpoint.root_hash)
print("accepted", checkpoint.size)
"""

# Writes a log of its own, in two steps, with our key.
WRITE = """
import pathlib, sys
from tlog_scales.signing import PlainEd25519Signer
from tlog_scales.writer import TilesWriter

writer = TilesWriter.create(pathlib.Path(sys.argv[1]), sys.argv[2])
for line in sys.stdin.buffer.read().split(b"\\n"):
    writer.add_leaf(line)
    if len(writer.pending) == 255:
        writer.commit([PlainEd25519Signer(sys.argv[2], bytes(32))])
writer.commit([PlainEd25519Signer(sys.argv[2], bytes(32))])
"""


def run(*arguments, given=b""):
    return subprocess.run(
        [sys.executable, *arguments],
        input=given,
        capture_output=True,
        timeout=SECONDS_MAX,
        check=False,
        env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"},
    )


def check(folder):
    return run("-c", CHECK, str(folder), VERIFIER.vkey)


@pytest.fixture(scope="module")
def log(tmp_path_factory):
    return publish(tmp_path_factory.mktemp("log"), ENTRIES, (255, 510))


def test_tlog_scales_accepts_our_log(log):
    result = check(log)
    assert (result.stdout, result.returncode) == (b"accepted 600\n", 0), result.stderr.decode()


@pytest.mark.parametrize(
    ("path", "place"),
    [
        ("checkpoint", 0),  # the origin
        ("checkpoint", 28),  # the size
        ("checkpoint", 35),  # the root
        ("checkpoint", -20),  # the signature
        ("tile/0/000", 0),
        ("tile/0/001", 8191),
        ("tile/0/002.p/88", 1000),
        ("tile/1/000.p/2", 40),
        ("tile/entries/000", 5),
        ("tile/entries/001", -1),
        ("tile/entries/002.p/88", 700),
    ],
)
def test_tlog_scales_refuses_our_log_with_one_byte_changed(log, tmp_path, path, place):
    result = check(changed_twin(log, tmp_path / "twin", path, place))
    assert result.stdout == b""
    assert result.returncode == 1, result.stderr.decode()


def test_tlog_scales_makes_the_same_proof_as_we_read_and_check(log):
    for index in (0, 255, 256, 599):
        result = run("-m", "tlog_scales.cli", "gen-proof", str(log), str(index))
        proof = LogProof.decode(result.stdout)
        assert proof.index == index
        assert proof.encode() == result.stdout
        assert proof.verify(ENTRIES[index], VERIFIER).size == 600


def test_we_accept_the_log_that_tlog_scales_writes_and_ours_has_the_same_bytes(log, tmp_path):
    folder = tmp_path / "theirs"
    result = run("-c", WRITE, str(folder), VERIFIER.name, given=b"\n".join(ENTRIES))
    assert result.returncode == 0, result.stderr.decode()

    def read(path):
        return (folder / path).read_bytes()

    checkpoint = open_checkpoint(read("checkpoint"), VERIFIER)
    assert list(verify_tiles(read, checkpoint.size, checkpoint.root)) == ENTRIES
    for path in folder.rglob("*"):
        if path.is_file():
            assert path.read_bytes() == (log / path.relative_to(folder)).read_bytes()
