import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ledger.errors import LogError
from ledger.log.cosignature import add_lines, cosign
from ledger.log.fork import ForkProof, check_fork
from ledger.log.note import Verifier
from ledger.log.tree import root_of
from ledger.primitives.signing import SigningKey
from tests.ledger.heads import LOG, NOW_S, Log, cosigner, witness_key

TRUE, FALSE = Log(40), Log(40, changed_from=3)


def fork_between(small, large):
    return ForkProof(
        TRUE.note(small),
        FALSE.note(large),
        root_of(FALSE.hashes[:small]),
        FALSE.proof(small, large),
    )


SAME_SIZE = ForkProof(TRUE.note(7), FALSE.note(7))
LINKED = fork_between(7, 20)


def test_two_roots_of_one_size_prove_a_fork_and_one_root_does_not():
    for size in range(1, 40):
        if size <= 3:
            with pytest.raises(LogError, match="same"):
                check_fork(TRUE.note(size), FALSE.note(size), LOG)
        else:
            assert check_fork(TRUE.note(size), FALSE.note(size), LOG) == TRUE.checkpoint(size)


def test_a_larger_log_that_begins_otherwise_is_proved_by_its_consistency_proof():
    for small in range(4, 40):
        for large in range(small, 41):
            assert fork_between(small, large).check(LOG).size == small


def test_nothing_is_proved_against_an_honest_log():
    for small in range(1, 20):
        own = root_of(TRUE.hashes[:small])
        for other in (own, root_of(FALSE.hashes[:small]), bytes(32)):
            proof = ForkProof(TRUE.note(small), TRUE.note(20), other, TRUE.proof(small, 20))
            with pytest.raises(LogError):
                proof.check(LOG)


@pytest.mark.parametrize(
    ("fork", "reason"),
    [
        (ForkProof(TRUE.note(7), FALSE.note(8)), "both can be true"),
        (ForkProof(TRUE.note(7), FALSE.note(8), bytes(32), FALSE.proof(7, 8)), "old root"),
        (ForkProof(FALSE.note(20), TRUE.note(7), bytes(32)), "cannot grow"),
        (ForkProof(TRUE.note(7), Log(7, origin="o.example").note(7)), "no known key"),
        (ForkProof(TRUE.note(7), Log(7, 3, key=SigningKey.generate()).note(7)), "no known key"),
        (ForkProof(TRUE.note(7), b"no note"), "blank line"),
    ],
)
def test_what_proves_nothing_is_said(fork, reason):
    with pytest.raises(LogError, match=reason):
        fork.check(LOG)
    with pytest.raises(LogError):
        fork.check(Verifier("other.example", LOG.public_key))


@pytest.mark.parametrize("fork", [SAME_SIZE, LINKED])
def test_the_file_is_read_back_and_no_other_bytes_are(fork):
    data = fork.encode()
    assert ForkProof.decode(data) == fork
    for wrong in (data + b"\n", data[:-1], data[1:], data.replace(b"note ", b"note 0"), b""):
        with pytest.raises(LogError):
            ForkProof.decode(wrong)


@given(
    st.binary(max_size=300)
    | st.tuples(st.integers(0, 900), st.integers(0, 900), st.binary(max_size=9)).map(
        lambda cut: LINKED.encode()[: cut[0]] + cut[2] + LINKED.encode()[cut[1] :]
    )
)
@example(b"commonwatt/fork/v1\nroot AA==\n")
@example(b"commonwatt/fork/v1\nproof \xff\n")
@example(b"commonwatt/fork/v1\nnote 999999\n")
def test_any_bytes_raise_only_our_error_or_are_read_exactly(data):
    try:
        fork = ForkProof.decode(data)
    except LogError:
        return
    assert fork.encode() == data


def test_strangers_lines_are_left_out_and_the_order_of_equals_does_not_matter():
    longer = add_lines(SAME_SIZE.first, [cosign(SAME_SIZE.first, "w", witness_key(1), NOW_S)])
    assert cosigner(1).name.encode() not in longer
    swapped = ForkProof(SAME_SIZE.second, longer)
    assert swapped.reduced(LOG) == SAME_SIZE.reduced(LOG)
    assert LINKED.reduced(LOG) == LINKED
    with pytest.raises(LogError, match="only with the other root"):
        ForkProof(b"a", b"b", None, (bytes(32),))
