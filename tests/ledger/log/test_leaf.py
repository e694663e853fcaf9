import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger.errors import CanonicalError
from ledger.log.leaf import CLEAR_FACT_BYTES_MAX, CLEAR_KINDS, LEAF_BYTES_MAX, Leaf
from ledger.primitives import canonical
from ledger.primitives.hashing import commitment
from ledger.primitives.signing import SigningKey, seal_envelope

SEEDED = settings(derandomize=True, deadline=None)

DIGEST = bytes(range(32))
ENVELOPE = seal_envelope(
    "application/vnd.commonwatt.seal.v1+json", b'{"v":1}', [SigningKey.from_seed(bytes(32))]
)
PRIVATE = Leaf("transfer", 7, commitment=DIGEST).encode()
CLEAR = Leaf("seal", 7, fact=ENVELOPE).encode()

kinds = st.text("abcdefghijklmnopqrstuvwxyz_", min_size=1, max_size=32)
periods = st.integers(0, 2**53 - 1)
private_leaves = st.builds(
    Leaf,
    kinds.filter(lambda kind: kind not in CLEAR_KINDS),
    periods,
    st.binary(min_size=32, max_size=32),
)
clear_leaves = st.builds(
    lambda kind, period, text: Leaf(kind, period, fact=text.encode()),
    st.sampled_from(sorted(CLEAR_KINDS)),
    periods,
    st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=200),
)


@SEEDED
@given(private_leaves | clear_leaves)
def test_a_leaf_is_written_canonically_and_read_back(leaf):
    data = leaf.encode()
    assert Leaf.decode(data) == leaf
    assert canonical.encode(canonical.decode(data, LEAF_BYTES_MAX)) == data


@SEEDED
@given(
    st.binary(max_size=200)
    | st.tuples(
        st.sampled_from([PRIVATE, CLEAR]), st.integers(0, 99), st.integers(0, 99), st.binary()
    ).map(lambda cut: cut[0][: cut[1]] + cut[3] + cut[0][cut[2] :])
)
def test_any_bytes_raise_only_our_error_or_are_read_exactly(data):
    try:
        leaf = Leaf.decode(data)
    except CanonicalError:
        return
    assert leaf.encode() == data


values = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 2**60) | st.text(max_size=9) | st.just("seal"),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=2), inner),
    max_leaves=4,
)


@SEEDED
@given(
    st.fixed_dictionaries(
        {"k": values, "p": values, "v": st.just(1) | values},
        optional={"c": values, "f": values, "x": values},
    )
)
def test_any_fields_raise_only_our_error_or_are_read_exactly(fields):
    data = json.dumps(fields, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    try:
        leaf = Leaf.decode(data.encode("utf-8", "surrogatepass"))
    except CanonicalError:
        return
    assert leaf.encode() == data.encode()


C, F = f'"c":"{DIGEST.hex()}"', '"f":"{}"'


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (f'{{{C},"k":"transfer","p":7,"v":2}}', "has f, k, p and v"),
        (f'{{{F},"k":"seal","p":7,"v":2}}', "version 2"),
        (f'{{{F},"k":"seal","p":7,"v":true}}', "version True"),
        (f'{{{F},"k":"seal","p":true,"v":1}}', "integer in p"),
        (f'{{{F},"k":"seal","p":-1,"v":1}}', "0 to 2"),
        ('{"f":7,"k":"seal","p":7,"v":1}', "text in f"),
        (f'{{{F},"k":"Seal","p":7,"v":1}}', "is not a kind"),
        (f'{{{F},"k":"","p":7,"v":1}}', "is not a kind"),
        (f'{{{F},"k":"{"x" * 33}","p":7,"v":1}}', "is not a kind"),
        (f'{{{F},"k":"transfer","p":7,"v":1}}', "stands as a commitment only"),
        (f'{{{C},"k":"seal","p":7,"v":1}}', "stands in clear"),
        (f'{{{C},{F},"k":"seal","p":7,"v":1}}', "has f, k, p and v"),
        (f'{{{C},"k":"transfer","p":7,"v":1,"w":1}}', "has f, k, p and v"),
        (f'{{{C.upper()},"k":"transfer","p":7,"v":1}}', "is not a key"),
        ('{"c":"00","k":"transfer","p":7,"v":1}', "64 lower-case digits"),
        (f'{{{C},"k":"transfer","p":9007199254740992,"v":1}}', "2\\^53 - 1"),
        (f'{{{C},"k":"transfer","p":07,"v":1}}', "not JSON"),
        (f'{{"k":"transfer",{C},"p":7,"v":1}}', "canonical form"),
        (f'{{{C},"k":"transfer","p":7,"v":1}}\n', "canonical form"),
        ('{"f":"é","k":"seal","p":7,"v":1}', "in ASCII"),
        (f'{{"f":"{"x" * 60001}","k":"seal","p":7,"v":1}}', "60,001 bytes is too long"),
        (f'{{"f":"{"x" * 65536}","k":"seal","p":7,"v":1}}', "65,535 allowed"),
        ("[]", "has f, k, p and v"),
    ],
)
def test_another_form_is_refused_with_the_reason(data, reason):
    with pytest.raises(CanonicalError, match=reason):
        Leaf.decode(data.encode())


def test_a_leaf_made_wrongly_is_refused():
    for arguments in (
        {"kind": "transfer", "period": 7},
        {"kind": "transfer", "period": 7, "commitment": bytes(31)},
        {"kind": "transfer", "period": 7, "commitment": DIGEST, "fact": b"{}"},
        {"kind": "seal", "period": 7, "commitment": DIGEST, "fact": b"{}"},
        {"kind": "seal", "period": 7},
    ):
        with pytest.raises(CanonicalError):
            Leaf(**arguments)


def test_the_longest_public_fact_fits_and_one_of_quotes_does_not():
    longest = Leaf("rules", 7, fact=b"x" * CLEAR_FACT_BYTES_MAX)
    assert Leaf.decode(longest.encode()) == longest
    with pytest.raises(CanonicalError, match="leaf of 120,"):
        Leaf("rules", 7, fact=b'"' * CLEAR_FACT_BYTES_MAX).encode()


def test_a_commitment_opens_to_its_salt_and_fact_only():
    salt, fact = bytes(16), b"fact"
    leaf = Leaf("transfer", 7, commitment=commitment(salt, fact))
    assert leaf.is_opened_by(salt, fact)
    assert not leaf.is_opened_by(b"\x01" * 16, fact)
    assert not leaf.is_opened_by(salt, b"fact2")
    assert not leaf.is_opened_by(salt + b"f", b"act")  # the same bytes, cut elsewhere
    assert not Leaf("seal", 7, fact=fact).is_opened_by(salt, fact)
