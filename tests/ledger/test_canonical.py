"""Canonical JSON: one value has one encoding, and nothing else is decoded."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger.errors import CanonicalError
from ledger.primitives import canonical

KEYS = st.from_regex(r"[a-z][a-z0-9_]{0,7}", fullmatch=True)
TEXTS = st.text(max_size=12).filter(
    lambda text: (
        not canonical._CONTROL.search(text) and canonical.unicodedata.is_normalized("NFC", text)
    )
)
INTEGERS = st.integers(-canonical.INTEGER_MAX, canonical.INTEGER_MAX)
VALUES = st.recursive(
    st.one_of(TEXTS, INTEGERS, st.booleans()),
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(KEYS, inner, max_size=4)),
    max_leaves=12,
)


@settings(max_examples=300)
@given(VALUES)
def test_canonical_json_round_trips(value):
    data = canonical.encode(value)
    assert canonical.decode(data) == value
    assert canonical.encode(canonical.decode(data)) == data
    assert json.loads(data) == value


@settings(max_examples=200)
@given(st.dictionaries(KEYS, INTEGERS, min_size=2, max_size=6))
def test_the_order_of_keys_is_not_part_of_a_value(value):
    backwards = dict(reversed(value.items()))
    assert canonical.encode(backwards) == canonical.encode(value)
    falling = json.dumps(dict(sorted(value.items(), reverse=True)), separators=(",", ":"))
    with pytest.raises(CanonicalError, match="not in canonical form"):
        canonical.decode(falling.encode())


REFUSED_BYTES = {
    "keys out of order": b'{"b":1,"a":2}',
    "a space": b'{"a": 1}',
    "a newline at the end": b'{"a":1}\n',
    "a fraction": b'{"a":1.0}',
    "an exponent": b'{"a":1e2}',
    "minus zero": b'{"a":-0}',
    "a leading zero": b'{"a":01}',
    "NaN": b'{"a":NaN}',
    "infinity": b'{"a":-Infinity}',
    "a duplicate key": b'{"a":1,"a":1}',
    "null": b'{"a":null}',
    "null alone": b"null",
    "2^53": b"9007199254740992",
    "-2^53": b"-9007199254740992",
    "many digits": b"1" * 5000,
    "a capital in a key": b'{"A":1}',
    "an empty key": b'{"":1}',
    "a long key": b'{"' + b"a" * 33 + b'":1}',
    "a needless escape": b'"\\u0061"',
    "an escaped slash": b'"\\/"',
    "an escaped letter with an accent": b'"\\u00e9"',
    "not NFC": '"e\u0301"'.encode(),
    "a control character": b'"\\n"',
    "a raw control character": b'"\n"',
    "delete": b'"\x7f"',
    "a C1 control": '"\x85"'.encode(),
    "a lone surrogate": b'"\\ud800"',
    "an escaped pair": b'"\\ud83d\\ude00"',
    "UTF-16": '{"a":1}'.encode("utf-16"),
    "a byte order mark": b"\xef\xbb\xbf1",
    "not UTF-8": b'"\xff"',
    "overlong UTF-8": b'"\xc0\xaf"',
    "nothing": b"",
    "two values": b"1 2",
    "deep": b"[" * 17 + b"1" + b"]" * 17,
    "very deep": b"[" * 50_000,
    "very deep and closed": b"[" * 29_000 + b"]" * 29_000,
    "too long": b'"' + b"a" * 60_000 + b'"',
}


@pytest.mark.parametrize("data", REFUSED_BYTES.values(), ids=REFUSED_BYTES)
def test_bytes_that_are_not_canonical_are_refused(data):
    with pytest.raises(CanonicalError):
        canonical.decode(data)


@pytest.mark.parametrize(
    "value",
    [
        None,
        1.0,
        b"a",
        (1,),
        {1},
        [None],
        {"a": 1.5},
        {1: 1},
        {"A": 1},
        2**53,
        -(2**53),
        "\x00",
        "\ud800",
        "e\u0301",
    ],
    ids=repr,
)
def test_values_that_are_not_canonical_are_not_encoded(value):
    with pytest.raises(CanonicalError):
        canonical.encode(value)


def test_the_deepest_nesting_that_is_taken():
    data = b"[" * canonical.DEPTH_MAX + b"1" + b"]" * canonical.DEPTH_MAX
    assert canonical.encode(canonical.decode(data)) == data


FRAGMENTS = st.sampled_from(
    [
        *(bytes([byte]) for byte in b'{}[],:"a1-0.e '),
        *(b'"a"', b"true", b"null", b"NaN", b"\xc3\xa9", b"\xff", b"\\u", b"\\ud800", b"9" * 20),
    ]
)


@settings(max_examples=500)
@given(st.one_of(st.binary(max_size=40), st.lists(FRAGMENTS, max_size=20).map(b"".join)))
def test_decoding_raises_only_our_error(data):
    try:
        value = canonical.decode(data)
    except CanonicalError:
        return
    assert canonical.encode(value) == data


@settings(max_examples=500)
@given(VALUES, st.data())
def test_one_value_has_one_encoding(value, data):
    """Changed bytes are refused or stand for another value."""
    encoded = canonical.encode(value)
    start = data.draw(st.integers(0, len(encoded)))
    end = data.draw(st.integers(start, min(len(encoded), start + 3)))
    changed = encoded[:start] + data.draw(FRAGMENTS) + encoded[end:]
    try:
        other = canonical.decode(changed)
    except CanonicalError:
        return
    assert canonical.encode(other) == changed
    assert changed == encoded or json.dumps(other) != json.dumps(value)


DEEP = 18


@pytest.mark.parametrize(
    "data",
    [
        b'{"a":' * DEEP + b"1" + b"}" * DEEP,
        b"[" * DEEP + b"]" * DEEP,
        b'[{"a":' * 9 + b"1" + b"}]" * 9,
        b'["]",' * DEEP + b'["["' + b"]" * (DEEP + 1),
        b'["]",' * DEEP + b"1" + b',"["]' * DEEP,
        b"[null]",
        b'["null",null]',
        b"[9007199254740992]",
        b"[-9007199254740992]",
        b"[100000000000000000000]",
        b'{"A":1}',
        b'{":a":1}',
        b'{"a":[],":b":1}',
        b'["x",{",":1}]',
        b'["\x7f"]',
    ],
)
def test_what_looks_plain_is_looked_at_as_closely(data):
    with pytest.raises(CanonicalError):
        canonical.decode(data)


@settings(max_examples=500)
@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=8),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner),
    )
)
def test_what_is_decoded_is_what_the_look_at_each_value_passes(value):
    data = canonical.encode_trusted(value) if _encodable(value) else b"[null]"
    try:
        canonical.check_value(json.loads(data))
    except CanonicalError:
        with pytest.raises(CanonicalError):
            canonical.decode(data)
    else:
        assert canonical.decode(data) == value


def _encodable(value):
    try:
        canonical.encode_trusted(value)
    except UnicodeEncodeError:
        return False
    return True
