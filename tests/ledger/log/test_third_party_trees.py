"""pymerkle, which nobody here wrote, builds the same trees, and refuses the proofs that we refuse.

Its tree in memory hashes an entry's bytes as they are, after 0x00, as RFC 6962 does. It counts
leaves from one and puts the leaf's hash first in an inclusion proof. Its consistency proofs have
another shape than RFC 6962's: so of those the roots that they resolve to are compared, and the hashes
of ours with its own of the same leaves.
"""

import random

import pytest
from pymerkle import (
    InclusionProof,
    InmemoryTree,
    InvalidProof,
    verify_consistency,
    verify_inclusion,
)

from ledger.errors import LogError
from ledger.log import tree
from tests.thirdparty.programs import time_limit

__all__ = ["time_limit"]

pytestmark = pytest.mark.usefixtures("time_limit")

RANDOM = random.Random(6962)
SMALL = 70
LARGER = [127, 128, 129, 1000, 1024, *(RANDOM.randrange(71, 3000) for _ in range(4))]


def entry(index):
    return b"" if index == 3 else b"entry %d" % index


HASHES = [tree.leaf_hash(entry(index)) for index in range(3000)]


@pytest.fixture(scope="module")
def theirs():
    built = InmemoryTree(algorithm="sha256")
    for index in range(3000):
        built.append_entry(entry(index))
    return built


def refused_by_us(function, *arguments):
    with pytest.raises(LogError):
        function(*arguments)


def refused_by_them(function, *arguments, **named):
    with pytest.raises(InvalidProof):
        function(*arguments, algorithm="sha256", **named)


def places(size, count):
    return sorted({0, size - 1, *(RANDOM.randrange(size) for _ in range(count))})


def test_the_roots_of_all_small_trees_and_some_larger_are_the_same(theirs):
    assert InmemoryTree(algorithm="sha256").get_root() == tree.EMPTY_ROOT
    for size in [*range(SMALL + 1), *LARGER]:
        assert theirs.get_root(size) == tree.root_of(HASHES[:size]), size


def test_inclusion_proofs_are_the_same_and_theirs_takes_ours(theirs):
    for size in [*range(1, SMALL + 1), *LARGER]:
        root = theirs.get_root(size)
        for index in range(size) if size <= SMALL else places(size, 5):
            ours = tree.inclusion_proof(HASHES[:size], index)
            proof = theirs.prove_inclusion(index + 1, size)
            assert proof.path == [HASHES[index], *ours]
            tree.verify_inclusion(index, size, HASHES[index], proof.path[1:], root)
            verify_inclusion(HASHES[index], root, proof, index + 1, size, "sha256")


def test_both_refuse_a_changed_inclusion_proof(theirs):
    for size in (2, 3, 7, 64, 70, *LARGER):
        root = theirs.get_root(size)
        for index in places(size, 2):
            good, path = theirs.prove_inclusion(index + 1, size), HASHES[index]
            ours = good.path[1:]
            for changed in (
                [other(ours[0]), *ours[1:]],  # a hash
                [*ours[:-1], other(ours[-1])],
                ours[:-1],  # too short, too long
                [*ours, ours[-1]],
                [*ours[:-1], ours[-1][:-1]],  # a hash of 31 bytes, of none
                [*ours[:-1], b""],
            ):
                refused_by_us(tree.verify_inclusion, index, size, path, changed, root)
                twin = InclusionProof("sha256", True, size, index + 1, good.rule, [path, *changed])
                refused_by_them(verify_inclusion, path, root, twin, index=index + 1, size=size)
            for leaf, top in ((other(path), root), (path, other(root)), (path, HASHES[0])):
                refused_by_us(tree.verify_inclusion, index, size, leaf, ours, top)
                refused_by_them(verify_inclusion, leaf, top, good, index=index + 1, size=size)
            elsewhere = (index + 1) % size
            refused_by_us(tree.verify_inclusion, elsewhere, size, path, ours, root)
            refused_by_them(verify_inclusion, path, root, good, index=elsewhere + 1, size=size)


def test_consistency_proofs_lead_to_the_same_two_roots(theirs):
    for size in [*range(1, SMALL + 1), *LARGER]:
        for old in range(1, size + 1) if size <= SMALL else [p + 1 for p in places(size, 5)]:
            roots = (theirs.get_root(old), theirs.get_root(size))
            proof = theirs.prove_consistency(old, size)
            verify_consistency(*roots, proof, old, size, "sha256")
            ours = tree.consistency_proof(HASHES[:size], old)
            tree.verify_consistency(old, size, *roots, ours)
            ranges = tree.consistency_ranges(old, size)
            assert ours == [theirs._get_root(start, end) for start, end in ranges]


def test_their_consistency_proofs_have_another_shape(theirs):
    """A known difference: theirs goes down to a leaf, and never leaves out what the reader has."""
    for old, size in ((2, 4), (3, 7)):
        assert theirs.prove_consistency(old, size).path != tree.consistency_proof(
            HASHES[:size], old
        )


def test_both_refuse_a_changed_consistency_proof(theirs):
    for size in (3, 7, 64, 70, *LARGER):
        for old in {p for p in places(size, 2) if p}:
            roots = first, second = theirs.get_root(old), theirs.get_root(size)
            ours = tree.consistency_proof(HASHES[:size], old)
            for place in (0, -1):
                changed = list(ours)
                changed[place] = other(changed[place])
                refused_by_us(tree.verify_consistency, old, size, *roots, changed)
                proof = theirs.prove_consistency(old, size)
                proof.path[place] = other(proof.path[place])
                refused_by_them(verify_consistency, *roots, proof, prior_size=old, later_size=size)
            proof = theirs.prove_consistency(old, size)
            for one, two in ((other(first), second), (first, other(second)), (second, first)):
                refused_by_us(tree.verify_consistency, old, size, one, two, ours)
                refused_by_them(
                    verify_consistency, one, two, proof, prior_size=old, later_size=size
                )
            refused_by_us(tree.verify_consistency, old, size, *roots, ours[:-1])
            proof.path.pop()
            refused_by_them(verify_consistency, *roots, proof, prior_size=old, later_size=size)


def other(value):
    return value[:-1] + bytes([value[-1] ^ 1])
