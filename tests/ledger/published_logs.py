"""Logs published as files, for verifiers that nobody here wrote, and their twins with one change."""

import shutil

from ledger.log.checkpoint import Checkpoint, sign_checkpoint
from ledger.log.leaf import Leaf
from ledger.log.note import Verifier
from ledger.log.tiles import encode_bundle, frontier_of_tiles, grown_tiles
from ledger.log.tree import leaf_hash
from ledger.primitives.signing import SigningKey

KEY = SigningKey.from_seed(bytes(32))
VERIFIER = Verifier("riverside.example/ledger/1", KEY.public)


def entries_of(count):
    return [Leaf("transfer", index, bytes([index % 256]) * 32).encode() for index in range(count)]


def publish(folder, entries, steps):
    """Write a log that grew in steps: its tiles, entry bundles, and checkpoint."""

    def read(path):
        return (folder / path).read_bytes()

    def write(path, data):
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(data)

    old_size = 0
    for size in (*steps, len(entries)):
        hashes = [leaf_hash(entry) for entry in entries[old_size:size]]
        for tile, data in list(grown_tiles(old_size, hashes, read)):
            write(tile.path, data)
            if tile.level == 0:
                bundle = entries[tile.first : tile.first + tile.width]
                write(tile.bundle_path, encode_bundle(bundle))
        root = frontier_of_tiles(size, read).root()
        write("checkpoint", sign_checkpoint(Checkpoint(VERIFIER.name, size, root), KEY))
        old_size = size
    return folder


def changed_twin(folder, twin, path, place):
    """Copy a log with one bit of a file changed."""
    shutil.copytree(folder, twin)
    data = bytearray((twin / path).read_bytes())
    data[place] ^= 0x01
    (twin / path).write_bytes(data)
    return twin


def other_root_twin(folder, twin):
    """Copy a log with another root, signed by the log's own key."""
    shutil.copytree(folder, twin)
    size = int((twin / "checkpoint").read_bytes().split(b"\n")[1])
    other = Checkpoint(VERIFIER.name, size, leaf_hash(b"another history"))
    (twin / "checkpoint").write_bytes(sign_checkpoint(other, KEY))
    return twin
