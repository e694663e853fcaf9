"""securesystemslib's DSSE, which nobody here wrote, verifies envelopes of every kind, and no twin.

It takes a key id as the name of a key, as we do; the rule on low-order points is ours alone.
"""

import json

import pytest
from securesystemslib.dsse import Envelope as TheirEnvelope
from securesystemslib.exceptions import VerificationError
from securesystemslib.signer import CryptoSigner, SSlibKey

from ledger.kinds import KINDS
from ledger.primitives.signing import Envelope, SigningKey, key_id_of
from ledger.statements import Statement, payload_type, sign
from tests.ledger.statement_examples import SIGNERS, STRANGER, body_of
from tests.thirdparty.programs import time_limit

__all__ = ["time_limit"]

pytestmark = pytest.mark.usefixtures("time_limit")


def theirs(data):
    return TheirEnvelope.from_dict(json.loads(data))


def their_key(key: SigningKey):
    return SSlibKey(key.key_id, "ed25519", "ed25519", {"public": key.public.hex()})


def made(kind):
    keys = SIGNERS[kind]
    return sign(body_of(kind), keys), [their_key(key) for key in keys]


def flipped(data, place):
    return data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :]


@pytest.mark.parametrize("kind", KINDS)
def test_securesystemslib_verifies_every_signature_of_every_kind(kind):
    data, keys = made(kind)
    envelope = theirs(data)
    assert envelope.pae() == Envelope.decode(data).signed_bytes
    assert set(envelope.verify(keys, len(keys))) == {key.keyid for key in keys}
    written = json.dumps(envelope.to_dict(), separators=(",", ":")).encode()
    assert written == data


@pytest.mark.parametrize("kind", KINDS)
def test_it_and_we_refuse_a_changed_body_type_or_signature(kind):
    data, keys = made(kind)
    ours = Envelope.decode(data)
    signed, (key_id, signature) = ours.signatures, ours.signatures[0]
    other_type = payload_type("offer" if kind != "offer" else "ask")
    twins = [
        Envelope(ours.payload_type, flipped(ours.body, place), signed)
        for place in (0, len(ours.body) // 2, len(ours.body) - 1)
    ]
    twins += [Envelope(other_type, ours.body, signed)]
    twins += [
        Envelope(ours.payload_type, ours.body, ((key_id, flipped(signature, place)), *signed[1:]))
        for place in (0, 31, 32, 63)
    ]
    publics = [key.public for key in SIGNERS[kind]]
    assert ours.verified_by(publics) == list(range(len(publics)))
    for twin in twins:
        assert len(twin.verified_by(publics)) < len(publics)
        with pytest.raises(VerificationError):
            theirs(twin.encode()).verify(keys, len(keys))


def test_it_and_we_take_no_strangers_signature_and_count_each_key_once():
    data, keys = made("rules")
    with pytest.raises(VerificationError):
        theirs(data).verify([their_key(STRANGER)], 1)
    assert Envelope.decode(data).verified_by([STRANGER.public]) == []
    with pytest.raises(VerificationError):
        theirs(data).verify([*keys, their_key(STRANGER)], 3)


def test_we_take_the_envelope_that_it_signs():
    key = SIGNERS["transfer"][0]
    data, [known] = made("transfer")
    envelope = theirs(data)
    envelope.signatures.clear()
    envelope.sign(CryptoSigner(key.private, known))
    written = json.dumps(envelope.to_dict(), separators=(",", ":")).encode()
    assert written == data  # Ed25519 has one signature of a message by a key
    assert Statement.decode(written).key_id == key_id_of(key.public)
