import base64

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from ledger.errors import LogError
from ledger.log.note import (
    NOTE_BYTES_MAX,
    SIGNATURES_MAX,
    NoteSignature,
    Verifier,
    open_note,
    sign_note,
    split_note,
    vkey_of,
)
from ledger.primitives.signing import LOW_ORDER_ENCODINGS, SigningKey

SEEDED = settings(derandomize=True, deadline=None)

KEY = SigningKey.from_seed(bytes(32))
OTHER = SigningKey.from_seed(b"\x01" * 32)
NAME = "riverside.example/ledger/1"
VERIFIER = Verifier(NAME, KEY.public)
TEXT = "first line\n\nthird line, é\n"
NOTE = sign_note(TEXT, NAME, KEY).encode()

note_texts = st.text(
    st.characters(min_codepoint=32, exclude_categories=["Cs"]) | st.just("\n"), max_size=80
).map(lambda text: text + "\n")


def signature_line(key, name, text):
    return NoteSignature(name, Verifier(name, key.public).key_hash, key.sign(text.encode())).line()


@SEEDED
@given(note_texts)
def test_what_is_signed_opens_to_the_same_text(text):
    note = open_note(sign_note(text, NAME, KEY).encode(), [VERIFIER])
    assert note.text == text
    assert note.verified == (VERIFIER,)


def test_every_flipped_bit_of_a_note_is_refused():
    for bit in range(8 * len(NOTE)):
        changed = bytearray(NOTE)
        changed[bit // 8] ^= 1 << bit % 8
        with pytest.raises(LogError):
            open_note(bytes(changed), [VERIFIER])


@SEEDED
@given(
    st.binary(max_size=300)
    | st.tuples(st.integers(0, len(NOTE)), st.integers(0, len(NOTE)), st.binary(max_size=9)).map(
        lambda cut: NOTE[: cut[0]] + cut[2] + NOTE[cut[1] :]
    )
)
@example(NOTE + b"\n")
@example(NOTE * 2)
def test_any_bytes_raise_only_our_error_or_are_read_exactly(data):
    try:
        note = split_note(data)
    except LogError:
        return
    lines = "".join(signature.line() for signature in note.signatures)
    assert f"{note.text}\n{lines}".encode() == data


@SEEDED
@given(st.text(max_size=120) | st.text("+0123456789abcdef=AQ", max_size=80))
def test_any_text_as_a_key_raises_only_our_error(text):
    with pytest.raises(LogError):
        Verifier.from_vkey(text)


def test_a_key_is_written_and_read_back():
    vkey = vkey_of(NAME, KEY.public)
    assert vkey == VERIFIER.vkey
    assert Verifier.from_vkey(vkey) == VERIFIER


def other_vkey(algorithm=b"\x01", key=KEY.public, key_hash=None, name=NAME):
    encoded = base64.b64encode(algorithm + key).decode()
    return f"{name}+{key_hash or VERIFIER.key_hash.hex()}+{encoded}"


@pytest.mark.parametrize(
    ("vkey", "reason"),
    [
        ("", "form name"),
        (f"{NAME}+{VERIFIER.key_hash.hex()}", "form name"),
        (other_vkey(key_hash="00000000"), "not as written"),
        (other_vkey(key_hash=VERIFIER.key_hash.hex().upper()), "lower case"),
        (other_vkey(algorithm=b"\x04"), "only Ed25519"),
        (other_vkey(key=KEY.public[:31]), "only Ed25519"),
        (other_vkey(key=OTHER.public), "not as written"),
        (other_vkey(name="other.example"), "not as written"),
        (other_vkey(name=""), "1 to 140 characters"),
        (other_vkey(name="a\u2003b"), "space"),
        (other_vkey() + "=", "base64"),
        (other_vkey(key_hash="00000000").replace(NAME, "\ud800"), "UTF-8"),
        (other_vkey(key=min(LOW_ORDER_ENCODINGS)), "small order"),
    ],
)
def test_a_wrong_key_text_is_refused_with_the_reason(vkey, reason):
    with pytest.raises(LogError, match=reason):
        Verifier.from_vkey(vkey)


def test_an_unknown_key_is_passed_over_and_a_known_one_with_a_bad_signature_refuses():
    witness = Verifier("witness.example", OTHER.public)
    both = NOTE + signature_line(OTHER, witness.name, TEXT).encode()
    spoilt = NOTE + signature_line(OTHER, witness.name, "other\n").encode()
    assert open_note(both, [VERIFIER]).verified == (VERIFIER,)
    assert open_note(both, [witness, VERIFIER]).verified == (VERIFIER, witness)
    assert open_note(spoilt, [VERIFIER]).verified == (VERIFIER,)
    with pytest.raises(LogError, match=r"signature of witness\.example on this note does not hold"):
        open_note(spoilt, [VERIFIER, witness])


def test_the_same_name_with_another_key_is_unknown():
    with pytest.raises(LogError, match="no known key"):
        open_note(NOTE, [Verifier(NAME, OTHER.public)])
    with pytest.raises(LogError, match="no known key"):
        open_note(NOTE, [])


def test_a_key_given_twice_is_a_mistake_and_a_line_twice_counts_once():
    with pytest.raises(LogError, match="same name and hash"):
        open_note(NOTE, [VERIFIER, VERIFIER])
    twice = NOTE + signature_line(KEY, NAME, TEXT).encode()
    assert open_note(twice, [VERIFIER]).verified == (VERIFIER,)


def test_a_text_that_looks_like_signatures_stays_text():
    inner = NOTE.decode()
    assert open_note(sign_note(inner, NAME, KEY).encode(), [VERIFIER]).text == inner


LINE = signature_line(KEY, NAME, TEXT)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "blank line"),
        (b"text\n" + LINE.encode(), "blank line"),
        (b"text\n\n", "whole signature lines"),
        (f"text\n\n{LINE}".encode()[:-1], "whole signature lines"),
        (f"text\n\n{LINE}more\n".encode(), "a dash"),
        (f"text\n\n{LINE}".replace("— ", "- ").encode(), "a dash"),
        (f"text\n\n{LINE}".replace("— ", "—\u00a0").encode(), "a dash"),
        (f"text\n\n— {NAME}\n".encode(), "a dash"),
        (f"text\n\n—  {NAME}\n".encode(), "1 to 140 characters"),
        (f"text\n\n— a\u2003b {LINE.split()[2]}\n".encode(), "space"),
        (f"text\n\n— a+b {LINE.split()[2]}\n".encode(), "plus"),
        (f"text\n\n— {NAME} AAAAAA==\n".encode(), "is cut"),
        (f"text\n\n— {NAME} AAAAAAB=\n".encode(), "one encoding"),
        (f"text\n\n— {NAME} AAAA*AAA\n".encode(), "not base64"),
        (f"te\rxt\n\n{LINE}".encode(), "control character"),
        (f"te\x00xt\n\n{LINE}".encode(), "control character"),
        (b"\xff\n\n" + LINE.encode(), "UTF-8"),
        (f"text\n\n{LINE * (SIGNATURES_MAX + 1)}".encode(), "at most 32 signatures, not 33"),
        (b"x" * (NOTE_BYTES_MAX + 1), "longer than"),
    ],
)
def test_a_malformed_note_is_refused_with_the_reason(data, reason):
    with pytest.raises(LogError, match=reason):
        split_note(data)


@pytest.mark.parametrize("length", [1, 63, 65])
def test_a_known_key_with_a_signature_of_another_length_refuses(length):
    line = NoteSignature(NAME, VERIFIER.key_hash, bytes(length)).line()
    with pytest.raises(LogError, match="does not hold"):
        open_note(f"text\n\n{line}".encode(), [VERIFIER])


@pytest.mark.parametrize("text", ["", "no newline", "tab\t\n", "two\r\n"])
def test_a_text_that_no_note_can_hold_is_not_signed(text):
    with pytest.raises(LogError):
        sign_note(text, NAME, KEY)


def test_sixteen_signatures_open():
    keys = [SigningKey.from_seed(bytes([seed]) * 32) for seed in range(16)]
    lines = "".join(signature_line(key, f"key{at}.example", TEXT) for at, key in enumerate(keys))
    verifiers = [Verifier(f"key{at}.example", key.public) for at, key in enumerate(keys)]
    note = open_note(f"{TEXT}\n{lines}".encode(), verifiers)
    assert note.verified == tuple(verifiers)
