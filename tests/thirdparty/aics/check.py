"""Asks aics-tlog, which nobody here wrote and which needs Python 3.12. Run by that Python.

    check.py log <folder> <verifier key>            every tile and entry, proofs, the checkpoint
    check.py receipt <file> <leaf> <verifier key>   a C2SP log proof of a leaf
    check.py wire <file> <leaf>                     the same as aics-tlog's own bundle, on stdout
    check.py differences                            whether it takes what ours refuses

Prints "accepted ..." and ends with 0, or says what is wrong and ends with 1.
"""

import base64
import pathlib
import sys

from aics_tlog import (
    EMPTY_HASH,
    Bundle,
    FileSystemTileReader,
    VerifiedTileReader,
    audit_tiles,
    consistency_proof_from_tiles,
    inclusion_proof_from_tiles,
    parse_note,
    parse_vkey,
    tree_root_from_tiles,
    verify_checkpoint,
    verify_consistency,
    verify_inclusion,
    verify_leaf_inclusion,
)


def say(*words):
    sys.stdout.write(" ".join(map(str, words)) + "\n")


def opened(note, vkey):
    key = parse_vkey(vkey)
    result = verify_checkpoint(parse_note(note), key, expected_origin=key.name)
    assert result.ok, result.error
    return result


def log(folder, vkey):
    head = opened((pathlib.Path(folder) / "checkpoint").read_bytes(), vkey)
    files = FileSystemTileReader(folder)
    audited = audit_tiles(files, head.size, head.root)
    reader = VerifiedTileReader(files, head.size, head.root)
    assert tree_root_from_tiles(reader, head.size) == head.root
    for index in range(0, head.size, 29):
        proof = inclusion_proof_from_tiles(reader, index, head.size)
        entry = reader.entry(index)
        assert verify_leaf_inclusion(entry, index, head.size, proof, head.root), index
    for size in range(1, head.size, 97):
        old_root = tree_root_from_tiles(reader, size, head.size)
        proof = consistency_proof_from_tiles(reader, size, head.size)
        assert verify_consistency(size, head.size, old_root, head.root, proof), size
    say("accepted", head.size, audited.tiles, audited.bundles)


def parts(path):
    head, _, note = pathlib.Path(path).read_bytes().partition(b"\n\n")
    lines = head.decode().split("\n")
    place = next(number for number, line in enumerate(lines) if line.startswith("index "))
    hashes = [base64.b64decode(line, validate=True) for line in lines[place + 1 :]]
    return int(lines[place].removeprefix("index ")), hashes, note


def receipt(path, leaf, vkey):
    index, hashes, note = parts(path)
    head = opened(note, vkey)
    data = pathlib.Path(leaf).read_bytes()
    assert verify_leaf_inclusion(data, index, head.size, hashes, head.root), "the proof"
    say("accepted", index, head.size)


def wire(path, leaf):
    index, hashes, note = parts(path)
    entry = pathlib.Path(leaf).read_bytes()
    sys.stdout.write(Bundle(entry, index, tuple(hashes), note.decode()).to_json())


def differences():
    hash_of_no_bytes = verify_inclusion(b"", 0, 1, [], b"")
    from_size_0 = verify_consistency(0, 1, EMPTY_HASH, bytes(32), [])
    say("accepted" if hash_of_no_bytes and from_size_0 else "refused")


if __name__ == "__main__":
    {"log": log, "receipt": receipt, "wire": wire, "differences": differences}[sys.argv[1]](
        *sys.argv[2:]
    )
