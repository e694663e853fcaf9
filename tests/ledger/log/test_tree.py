from hashlib import sha256

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger.errors import LogError
from ledger.log.tree import (
    EMPTY_ROOT,
    HASH_BYTES,
    SIZE_MAX,
    Frontier,
    consistency_proof,
    full_subtrees,
    inclusion_proof,
    leaf_hash,
    node_hash,
    root_of,
    verify_consistency,
    verify_inclusion,
)

SEEDED = settings(derandomize=True, deadline=None)

LEAVES = [leaf_hash(b"%d" % index) for index in range(300)]

sizes = st.integers(1, len(LEAVES))


# The oracle: RFC 6962, section 2.1, word for word and slow.


def split(count):
    power = 1
    while power * 2 < count:
        power *= 2
    return power


def oracle_root(leaves):
    if not leaves:
        return sha256(b"").digest()
    if len(leaves) == 1:
        return leaves[0]
    k = split(len(leaves))
    return node_hash(oracle_root(leaves[:k]), oracle_root(leaves[k:]))


def oracle_path(m, leaves):
    if len(leaves) == 1:
        return []
    k = split(len(leaves))
    if m < k:
        return [*oracle_path(m, leaves[:k]), oracle_root(leaves[k:])]
    return [*oracle_path(m - k, leaves[k:]), oracle_root(leaves[:k])]


def oracle_subproof(m, leaves, *, whole):
    if m == len(leaves):
        return [] if whole else [oracle_root(leaves)]
    k = split(len(leaves))
    if m <= k:
        return [*oracle_subproof(m, leaves[:k], whole=whole), oracle_root(leaves[k:])]
    return [*oracle_subproof(m - k, leaves[k:], whole=False), oracle_root(leaves[:k])]


def flip(data, bit):
    changed = bytearray(data)
    changed[bit // 8] ^= 1 << bit % 8
    return bytes(changed)


@SEEDED
@given(st.integers(0, len(LEAVES)))
def test_a_frontier_has_the_root_of_its_leaves(size):
    frontier = Frontier()
    for value in LEAVES[:size]:
        frontier.append(value)
    assert frontier.size == size
    assert frontier.root() == root_of(LEAVES[:size]) == oracle_root(LEAVES[:size])


@SEEDED
@given(st.integers(0, 200), st.integers(0, 100))
def test_a_frontier_read_back_goes_on_growing(size, more):
    frontier = Frontier()
    for value in LEAVES[:size]:
        frontier.append(value)
    again = Frontier.from_bytes(frontier.to_bytes())
    assert again == frontier
    for value in LEAVES[size : size + more]:
        again.append(value)
    assert again.root() == root_of(LEAVES[: size + more])


@SEEDED
@given(st.binary(max_size=200) | st.integers(0, 9).map(lambda size: bytes(7) + bytes([size])))
def test_a_frontier_from_any_bytes_is_read_exactly_or_refused(data):
    try:
        frontier = Frontier.from_bytes(data)
    except LogError:
        return
    assert frontier.to_bytes() == data


def test_a_frontier_of_another_length_than_its_size_needs_is_refused():
    with pytest.raises(LogError, match="3 leaves has 2 hashes, not 1"):
        Frontier.from_bytes((3).to_bytes(8) + bytes(32))
    with pytest.raises(LogError, match="not 18446744073709551615"):
        Frontier.from_bytes(b"\xff" * 8 + bytes(32 * 64))


def test_a_full_frontier_takes_no_more():
    frontier = Frontier(SIZE_MAX, [bytes(32)] * 53)
    with pytest.raises(LogError, match="full"):
        frontier.append(bytes(32))


def test_every_proof_of_small_trees_is_the_standards_and_verifies():
    for size in range(1, 41):
        leaves = LEAVES[:size]
        root = root_of(leaves)
        for index in range(size):
            proof = inclusion_proof(leaves, index)
            assert proof == oracle_path(index, leaves)
            verify_inclusion(index, size, leaves[index], proof, root)
        for old_size in range(1, size + 1):
            proof = consistency_proof(leaves, old_size)
            assert proof == oracle_subproof(old_size, leaves, whole=True)
            verify_consistency(old_size, size, root_of(leaves[:old_size]), root, proof)


@SEEDED
@given(st.data(), sizes)
def test_proofs_of_larger_trees_verify(data, size):
    leaves, root = LEAVES[:size], root_of(LEAVES[:size])
    index = data.draw(st.integers(0, size - 1))
    verify_inclusion(index, size, leaves[index], inclusion_proof(leaves, index), root)
    old_size = index + 1
    proof = consistency_proof(leaves, old_size)
    verify_consistency(old_size, size, root_of(leaves[:old_size]), root, proof)


def test_every_flipped_bit_of_an_inclusion_proof_is_refused():
    for size in range(1, 10):
        leaves, root = LEAVES[:size], root_of(LEAVES[:size])
        for index in range(size):
            hashes = [leaves[index], root, *inclusion_proof(leaves, index)]
            for bit in range(8 * HASH_BYTES * len(hashes)):
                leaf, top, *proof = flip_in(hashes, bit)
                with pytest.raises(LogError):
                    verify_inclusion(index, size, leaf, proof, top)


def test_every_flipped_bit_of_a_consistency_proof_is_refused():
    for size in range(1, 10):
        leaves, root = LEAVES[:size], root_of(LEAVES[:size])
        for old_size in range(1, size + 1):
            hashes = [root_of(leaves[:old_size]), root, *consistency_proof(leaves, old_size)]
            for bit in range(8 * HASH_BYTES * len(hashes)):
                old, new, *proof = flip_in(hashes, bit)
                with pytest.raises(LogError):
                    verify_consistency(old_size, size, old, new, proof)


def flip_in(hashes, bit):
    joined = flip(b"".join(hashes), bit)
    return [joined[at : at + HASH_BYTES] for at in range(0, len(joined), HASH_BYTES)]


@SEEDED
@given(
    st.integers(-3, 2**60),
    st.integers(-3, 2**60),
    st.lists(st.binary(min_size=31, max_size=33) | st.binary(min_size=32, max_size=32), max_size=9),
)
def test_any_numbers_and_hashes_raise_only_our_error(first, second, hashes):
    with pytest.raises(LogError):
        verify_inclusion(first, second, b"x" * 32, hashes, b"y" * 32)
    with pytest.raises(LogError):
        verify_consistency(first, second, b"x" * 32, b"y" * 32, hashes)


@pytest.mark.parametrize("length", [0, 31, 33, 64])
def test_a_hash_of_another_length_is_refused_wherever_it_stands(length):
    wrong, leaves = bytes(length), LEAVES[:3]
    proof, root = inclusion_proof(leaves, 0), root_of(leaves)
    for call in (
        lambda: root_of([wrong]),
        lambda: Frontier().append(wrong),
        lambda: verify_inclusion(0, 3, wrong, proof, root),
        lambda: verify_inclusion(0, 3, leaves[0], [proof[0], wrong], root),
        lambda: verify_inclusion(0, 1, wrong, [], wrong),
        lambda: verify_consistency(1, 1, wrong, wrong, []),
        lambda: verify_consistency(2, 3, root_of(leaves[:2]), root, [wrong]),
    ):
        with pytest.raises(LogError, match=f"32 bytes, not {length}"):
            call()


def test_a_proof_with_one_hash_more_or_less_is_refused():
    leaves, root = LEAVES[:7], root_of(LEAVES[:7])
    proof = inclusion_proof(leaves, 2)
    growth = consistency_proof(leaves, 5)
    for wrong in (proof[:-1], [*proof, root], [root, *proof]):
        with pytest.raises(LogError, match="has 3 hashes, not"):
            verify_inclusion(2, 7, leaves[2], wrong, root)
    for wrong in (growth[:-1], [*growth, root], []):
        with pytest.raises(LogError, match="has 4 hashes, not"):
            verify_consistency(5, 7, root_of(leaves[:5]), root, wrong)
    with pytest.raises(LogError, match="has 0 hashes, not 1"):
        verify_consistency(7, 7, root, root, [root])


@pytest.mark.parametrize(("old", "new"), [(0, 0), (0, 3), (4, 3), (-1, 3), (1, SIZE_MAX + 1)])
def test_a_log_that_starts_empty_or_shrinks_has_no_consistency_proof(old, new):
    with pytest.raises(LogError):
        verify_consistency(old, new, EMPTY_ROOT, EMPTY_ROOT, [])


def test_two_histories_are_told_apart():
    other = [*LEAVES[:4], leaf_hash(b"rewritten"), *LEAVES[5:8]]
    proof = consistency_proof(other, 6)
    with pytest.raises(LogError, match="old root of 6"):
        verify_consistency(6, 8, root_of(LEAVES[:6]), root_of(other), proof)
    with pytest.raises(LogError, match="8 leaves does not extend the one of 5"):
        verify_consistency(
            5, 8, root_of(LEAVES[:5]), root_of(other), consistency_proof(LEAVES[:8], 5)
        )


def test_full_subtrees_cover_a_range_once():
    for start, end in ((0, 0), (0, 1), (0, 300), (256, 300), (8, 15)):
        covered = [
            leaf
            for height, index in full_subtrees(start, end)
            for leaf in range(index << height, (index + 1) << height)
        ]
        assert covered == list(range(start, end))
