"""Published signatures and documents of others, where verifiers and encoders are known to differ.

Which test reads which file of the vectors:

=====================  ==========================================================
rfc6962-hashes         test_published_vectors
merkle-proofs          test_published_vectors
signed-note            test_published_vectors
tessera-testlog        test_published_vectors
cosignature            test_published_vectors, test_cosignature
ed25519-rfc8032        test_published_vectors
ed25519-wycheproof     test_published_vectors
ed25519-cctv           test_published_vectors, here
ed25519-speccheck      here
jcs                    test_published_vectors, here
rfc9421-ed25519        here
webcrypto-interop      here
bip39-english          test_recovery
=====================  ==========================================================
"""

import base64
import gzip
import json
import re
from pathlib import Path

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from ledger.errors import CanonicalError
from ledger.primitives import canonical
from ledger.primitives.signing import LOW_ORDER_ENCODINGS, verify

pytestmark = pytest.mark.shared


def by_openssl(key, signature, message):
    """What `cryptography` says by itself, without our rule."""
    try:
        Ed25519PublicKey.from_public_bytes(key).verify(signature, message)
    except (InvalidSignature, ValueError):
        return False
    return True


def flipped(data, place=-1):
    changed = bytearray(data)
    changed[place] ^= 1
    return bytes(changed)


def test_every_row_above_is_a_file_that_its_tests_read(vectors_dir, repository):
    rows = dict(re.findall(r"^([a-z0-9-]+)  +(\w.*)$", __doc__, re.MULTILINE))
    found = {path.name.partition(".")[0] for path in vectors_dir.glob("*.json*")}
    assert set(rows) <= found
    tests = {path.stem: path for path in (repository / "tests").rglob("test_*.py")}
    for name, readers in rows.items():
        for reader in readers.split(", "):
            path = Path(__file__) if reader == "here" else tests[reader]
            assert f"{name}.json" in path.read_text(), (name, reader)


def test_all_914_edge_cases_follow_from_openssl_and_the_rule_on_low_order(vectors_dir):
    with gzip.open(vectors_dir / "ed25519-cctv.json.gz") as file:
        rows = json.load(file)["rows"]
    assert len(rows) == 914
    counts = {"openssl": 0, "ours": 0, "only by the rule": 0}
    for number, key_hex, signature_hex, text, flags, openssl, libsodium in rows:
        key, signature = bytes.fromhex(key_hex), bytes.fromhex(signature_hex)
        message = text.encode()
        low = {"low_order_A", "low_order_R"} & set(flags)
        assert bool(low) == bool({key, signature[:32]} & LOW_ORDER_ENCODINGS), number
        ours = verify(key, signature, message)
        assert ours == (bool(openssl) and not low) == bool(libsodium), number
        assert by_openssl(key, signature, message) == bool(openssl), number
        counts["openssl"] += openssl
        counts["ours"] += ours
        counts["only by the rule"] += bool(openssl) and not ours
    assert counts == {"openssl": 208, "ours": 43, "only by the rule": 165}


def test_the_twelve_cases_on_which_verifiers_differ(load_vectors):
    """Ours answers as libsodium and dalek's strict verifier do, and not as OpenSSL by itself."""
    vectors = load_vectors("ed25519-speccheck.json")
    ours = by_library = ""
    for case in vectors["cases"]:
        key, signature, message = (
            bytes.fromhex(case[name]) for name in ("pub_key", "signature", "message")
        )
        ours += "V" if verify(key, signature, message) else "X"
        by_library += "V" if by_openssl(key, signature, message) else "X"
    expected = {name.partition("/")[0]: said for name, said in vectors["expected"].items()}
    assert (ours, by_library) == (expected["libsodium"], expected["openssl"])


def test_the_signature_of_rfc_9421(load_vectors):
    vectors = load_vectors("rfc9421-ed25519.json")
    key = base64.urlsafe_b64decode(vectors["jwk_x"] + "=")
    signature = base64.b64decode(vectors["signature_b64"])
    message = vectors["signature_base"].encode()
    assert verify(key, signature, message)
    for twin in (
        (flipped(key, 0), signature, message),
        (key, flipped(signature), message),
        (key, flipped(signature, 0), message),
        (key, signature, message.replace(b"POST", b"post")),
        (key, signature, message + b"\n"),
    ):
        assert not verify(*twin)


def test_the_signatures_of_a_browsers_interface_and_of_python(load_vectors):
    vectors = load_vectors("webcrypto-interop.json")
    makers = ("node_webcrypto", "python_cryptography")
    made = [
        tuple(bytes.fromhex(vectors[maker][name]) for name in ("pub", "sig", "msg"))
        for maker in makers
    ]
    for key, signature, message in made:
        assert verify(key, signature, message)
        assert not verify(key, signature, flipped(message))
        assert not verify(key, flipped(signature, 40), message)
    assert not verify(made[0][0], made[1][1], made[1][2])


BAD_KEY, BAD_NUMBER = "is not a key", "fraction or exponent"

OUTSIDE = {
    "arrays": (BAD_KEY, BAD_KEY),  # "10", beside a null
    "french": (BAD_KEY, BAD_KEY),  # "péché"
    "structures": (BAD_NUMBER, BAD_KEY),  # 56.0, which RFC 8785 writes as 56; "1"
    "unicode": (BAD_KEY, BAD_KEY),  # capitals and a space
    "values": (BAD_NUMBER, BAD_NUMBER),
    "weird": (BAD_KEY, BAD_KEY),  # a newline
}
"""Why each of the six documents is refused, as it stands and as RFC 8785 encodes it.

Those of their parts that lie in our subset are taken: see `test_published_vectors`.
"""


def test_each_document_of_jcs_is_refused_whole_for_the_reason_it_should(load_vectors):
    cases = {case["name"]: case for case in load_vectors("jcs.json")["cases"]}
    assert set(cases) == set(OUTSIDE)
    for name, reasons in OUTSIDE.items():
        for form, reason in zip(("input", "output"), reasons, strict=True):
            with pytest.raises(CanonicalError, match=reason):
                canonical.decode(cases[name][form].encode())
