import base64

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger.errors import LogError
from ledger.log.checkpoint import Checkpoint, sign_checkpoint
from ledger.log.note import Verifier
from ledger.log.proof import EXTRA_BYTES_MAX, HASHES_MAX, LogProof
from ledger.log.tree import inclusion_proof, leaf_hash, root_of
from ledger.primitives.signing import SigningKey

SEEDED = settings(derandomize=True, deadline=None)

KEY = SigningKey.from_seed(bytes(32))
ORIGIN = "riverside.example/ledger/1"
VERIFIER = Verifier(ORIGIN, KEY.public)
ENTRIES = [b"entry %d" % index for index in range(7)]
HASHES = [leaf_hash(entry) for entry in ENTRIES]
HEAD = sign_checkpoint(Checkpoint(ORIGIN, 7, root_of(HASHES)), KEY)
PROOF = LogProof(4, inclusion_proof(HASHES, 4), HEAD).encode()


def test_every_leaf_of_every_small_tree_is_proved():
    for size in range(1, 8):
        head = sign_checkpoint(Checkpoint(ORIGIN, size, root_of(HASHES[:size])), KEY)
        for index in range(size):
            proof = LogProof(index, inclusion_proof(HASHES[:size], index), head)
            checkpoint = LogProof.decode(proof.encode()).verify(ENTRIES[index], VERIFIER)
            assert checkpoint.size == size


@SEEDED
@given(
    st.integers(0, 2**53 - 2),
    st.lists(st.binary(min_size=32, max_size=32), max_size=HASHES_MAX),
    st.binary(min_size=1, max_size=300),
    st.none() | st.binary(min_size=1, max_size=300),
)
def test_a_proof_is_written_and_read_back(index, hashes, checkpoint, extra):
    proof = LogProof(index, hashes, checkpoint, extra)
    assert LogProof.decode(proof.encode()) == proof


@SEEDED
@given(
    st.binary(max_size=200)
    | st.tuples(st.integers(0, len(PROOF)), st.integers(0, len(PROOF)), st.binary(max_size=9)).map(
        lambda cut: PROOF[: cut[0]] + cut[2] + PROOF[cut[1] :]
    )
)
def test_any_bytes_raise_only_our_error_or_are_read_exactly(data):
    try:
        proof = LogProof.decode(data)
    except LogError:
        return
    assert proof.encode() == data


def test_every_flipped_bit_of_a_proof_is_refused():
    LogProof.decode(PROOF).verify(ENTRIES[4], VERIFIER)
    for bit in range(8 * len(PROOF)):
        changed = bytearray(PROOF)
        changed[bit // 8] ^= 1 << bit % 8
        with pytest.raises(LogError):
            LogProof.decode(bytes(changed)).verify(ENTRIES[4], VERIFIER)


def test_another_leaf_key_or_index_is_refused():
    proof = LogProof.decode(PROOF)
    with pytest.raises(LogError, match="leaf 4 is not in the tree of 7"):
        proof.verify(ENTRIES[5], VERIFIER)
    with pytest.raises(LogError, match="no known key"):
        proof.verify(ENTRIES[4], Verifier(ORIGIN, SigningKey.from_seed(b"\x01" * 32).public))
    with pytest.raises(LogError, match="no leaf 7"):
        LogProof(7, proof.hashes, HEAD).verify(ENTRIES[4], VERIFIER)


def test_extra_data_travels_and_proves_nothing():
    proof = LogProof(4, inclusion_proof(HASHES, 4), HEAD, extra=b"salt and fact")
    again = LogProof.decode(proof.encode())
    assert again.extra == b"salt and fact"
    assert again.verify(ENTRIES[4], VERIFIER).size == 7


ONE_HASH = base64.b64encode(bytes(32)).decode()
ONE_HASH_LINE = f"{ONE_HASH}\n"
TOP = "c2sp.org/tlog-proof@v1\n"


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "starts with the line"),
        (TOP, "has a blank line"),
        ("c2sp.org/tlog-proof@v2\nindex 0\n\nx", "starts with the line"),
        (f"{TOP}\nx", "names the leaf"),
        (f"{TOP}extra AA==\n\nx", "names the leaf"),
        (f"{TOP}index 00\n\nx", "names the leaf"),
        (f"{TOP}index -1\n\nx", "names the leaf"),
        (f"{TOP}index  1\n\nx", "names the leaf"),
        (f"{TOP}Index 1\n\nx", "names the leaf"),
        (f"{TOP}index 1\nextra AA==\n\nx", "not base64"),
        (f"{TOP}extra \nindex 1\n\nx", "1 to 65,536 bytes"),
        (f"{TOP}extra AB==\nindex 1\n\nx", "one encoding"),
        (f"{TOP}index 9007199254740991\n\nx", "0 to 2"),
        (f"{TOP}index 1\nAA==\n\nx", "32 bytes, not 1"),
        (f"{TOP}index 1\n{ONE_HASH} \n\nx", "base64"),
        (f"{TOP}index 1\n{ONE_HASH_LINE * 54}\nx", "at most 53"),
        (f"{TOP}index 1\n\n", "1 to 262,144 bytes"),
        (f"{TOP}é\n\nx", "ASCII"),
        ("x" * 600_000, "too long"),
        (f"{TOP}index 1\n\n{'x' * 262_145}", "1 to 262,144 bytes"),
        (
            f"{TOP}extra {base64.b64encode(bytes(EXTRA_BYTES_MAX + 1)).decode()}\nindex 1\n\nx",
            "1 to",
        ),
    ],
)
def test_another_form_is_refused_with_the_reason(text, reason):
    with pytest.raises(LogError, match=reason):
        LogProof.decode(text.encode())
