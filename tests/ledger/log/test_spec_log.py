"""The worked vector of docs/spec/log.md, computed again from its words."""

import hashlib
import re

from ledger.log.checkpoint import Checkpoint, sign_checkpoint
from ledger.log.cosignature import Cosigner, cosign, cosigned_message
from ledger.log.leaf import Leaf
from ledger.log.note import Verifier, vkey_of
from ledger.log.proof import LogProof
from ledger.log.tiles import encode_bundle, grown_tiles
from ledger.log.tree import inclusion_proof, leaf_hash, root_of
from ledger.primitives.hashing import commitment
from ledger.primitives.signing import SigningKey

KEY = SigningKey.from_seed(bytes(32))
ORIGIN = "riverside.example/ledger/1"
SALT = bytes(range(16))


def test_the_worked_vector_holds(repository):
    page = (repository / "docs" / "spec" / "log.md").read_text()
    message, witness, leaves, tile, bundle, vkey, head, proof = re.findall(
        r"```text\n(.*?)```\n", page, re.DOTALL
    )

    entries = [
        Leaf("roster", 0, fact=b'{"payload":"e30="}').encode(),
        Leaf("transfer", 1, commitment=commitment(SALT, b"pay 5")).encode(),
        Leaf("offer", 1, commitment=commitment(SALT, b"sell")).encode(),
    ]
    assert leaves.encode().splitlines() == entries

    hashes = [leaf_hash(entry) for entry in entries]
    [(name, data)] = grown_tiles(0, hashes, {}.__getitem__)
    assert (name.path, data) == ("tile/0/000.p/3", bytes.fromhex(tile))

    lengths, digest = bundle.splitlines()
    written = encode_bundle(entries)
    assert name.bundle_path == "tile/entries/000.p/3"
    assert lengths == " ".join(len(entry).to_bytes(2).hex() for entry in entries)
    assert digest == hashlib.sha256(written).hexdigest()

    assert vkey.strip() == vkey_of(ORIGIN, KEY.public)
    note = sign_checkpoint(Checkpoint(ORIGIN, 3, root_of(hashes)), KEY)
    assert head.encode() == note
    assert proof.encode() == LogProof(1, inclusion_proof(hashes, 1), note).encode()
    assert (
        LogProof.decode(proof.encode()).verify(entries[1], Verifier(ORIGIN, KEY.public)).size == 3
    )

    key = SigningKey.from_seed(b"\x01" * 32)
    line = cosign(note, "witness.example/w1", key, 1_790_000_000)
    assert message.encode() == cosigned_message(note.partition(b"\n\n")[0] + b"\n", 1_790_000_000)
    assert witness == f"{Cosigner('witness.example/w1', key.public).vkey}\n{line.line()}"
