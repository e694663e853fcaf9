"""Mutated statements raise only our errors."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger.errors import CommonwattError, SignatureError
from ledger.keys import KeyBook
from ledger.kinds import KINDS
from ledger.statements import Statement, sign
from tests.ledger.statement_examples import HASH, ORIGIN, PERIOD, SIGNERS, body_of, sealed

ENVELOPES = [sign(body_of(kind), SIGNERS[kind]) for kind in KINDS]
PIECES = [b"null", b"5", b"[]", b"{}", b'""', b"AAAA", b"=", b'"', b",", b"\\u00e9", b"\xff", b"[["]


@settings(max_examples=500)
@given(st.sampled_from(ENVELOPES), st.data())
def test_mutated_envelopes_raise_only_our_errors(envelope, data):
    mutated = envelope
    for _ in range(data.draw(st.integers(1, 3))):
        start = data.draw(st.integers(0, len(mutated)))
        end = data.draw(st.integers(start, min(len(mutated), start + 8)))
        piece = data.draw(st.one_of(st.sampled_from(PIECES), st.binary(max_size=3)))
        mutated = mutated[:start] + piece + mutated[end:]
    try:
        statement = Statement.decode(mutated)
    except CommonwattError:
        return
    assert statement.envelope.encode() == mutated


@settings(max_examples=500)
@given(st.sampled_from(sorted(KINDS)), st.data())
def test_mutated_bodies_raise_only_our_errors(kind, data):
    """Past the envelope and the encoding, so that the fields' own checks are met."""
    body: Any = body_of(kind)
    place = data.draw(st.sampled_from(sorted(body)))
    wrong = data.draw(
        st.one_of(
            st.integers(-(2**53) + 1, 2**53 - 1),
            st.sampled_from(["", "a", HASH, [], {}, [{}], [[]], True, False, [HASH], {"key": 1}]),
        )
    )
    try:
        statement = Statement.decode(sealed({**body, place: wrong}, kind))
    except CommonwattError:
        return
    with pytest.raises(SignatureError):
        KeyBook(ORIGIN).check(statement, PERIOD)
