"""Logs for tests of witnesses: entries in memory, signed heads of any size, and forks of them."""

from ledger.log.checkpoint import Checkpoint, sign_checkpoint
from ledger.log.cosignature import Cosigner
from ledger.log.note import Verifier
from ledger.log.tiles import grown_tiles
from ledger.log.tree import consistency_proof, leaf_hash, root_of
from ledger.log.witness import AddCheckpoint
from ledger.primitives.signing import SigningKey

ORIGIN = "riverside.example/ledger/1"
LOG_KEY = SigningKey.from_seed(bytes(32))
LOG = Verifier(ORIGIN, LOG_KEY.public)
NOW_S = 1_790_000_000


def witness_key(number):
    return SigningKey.from_seed(bytes([100 + number]) * 32)


def cosigner(number):
    return Cosigner(f"w{number}.example/witness", witness_key(number).public)


class Log:
    """A log whose entries change from one index on: two of them share what stands before."""

    def __init__(self, size=600, changed_from=None, origin=ORIGIN, key=LOG_KEY):
        self.origin, self.key = origin, key
        from_index = size if changed_from is None else changed_from
        self.hashes = [
            leaf_hash(b"%s %d" % (b"true" if index < from_index else b"false", index))
            for index in range(size)
        ]

    def checkpoint(self, size):
        return Checkpoint(self.origin, size, root_of(self.hashes[:size]))

    def note(self, size):
        return sign_checkpoint(self.checkpoint(size), self.key)

    def proof(self, old_size, size):
        return tuple(consistency_proof(self.hashes[:size], old_size)) if old_size else ()

    def request(self, old_size, size):
        return AddCheckpoint(old_size, self.proof(old_size, size), self.note(size)).encode()

    def reader(self, size):
        """Return what reads the tiles of a size."""
        files = {}
        for tile, data in grown_tiles(0, self.hashes[:size], files.__getitem__):
            files[tile.path] = data
        return files.__getitem__
