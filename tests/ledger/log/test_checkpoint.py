import base64

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger.errors import LogError
from ledger.log.checkpoint import Checkpoint, check_origin, open_checkpoint, sign_checkpoint
from ledger.log.note import Verifier, sign_note
from ledger.log.tree import EMPTY_ROOT, SIZE_MAX
from ledger.primitives.signing import SigningKey

SEEDED = settings(derandomize=True, deadline=None)

KEY = SigningKey.from_seed(bytes(32))
ORIGIN = "riverside.example/ledger/1"
VERIFIER = Verifier(ORIGIN, KEY.public)
ROOT = bytes(range(32))
ROOT_TEXT = base64.b64encode(ROOT).decode()
BODY = f"{ORIGIN}\n7\n{ROOT_TEXT}\n".encode()

origins = st.text(
    st.characters(min_codepoint=33, max_codepoint=126, exclude_characters="+"),
    min_size=1,
    max_size=140,
).filter(lambda text: "://" not in text)
roots = st.binary(min_size=32, max_size=32)


@SEEDED
@given(origins, st.integers(1, SIZE_MAX), roots)
def test_a_checkpoint_is_written_and_read_back(origin, size, root):
    checkpoint = Checkpoint(origin, size, root)
    assert Checkpoint.decode(checkpoint.encode()) == checkpoint


@SEEDED
@given(
    st.binary(max_size=200)
    | st.tuples(st.integers(0, len(BODY)), st.integers(0, len(BODY)), st.binary(max_size=5)).map(
        lambda cut: BODY[: cut[0]] + cut[2] + BODY[cut[1] :]
    )
)
def test_any_bytes_raise_only_our_error_or_are_read_exactly(data):
    try:
        checkpoint = Checkpoint.decode(data)
    except LogError:
        return
    assert checkpoint.encode() == data


def test_every_flipped_bit_of_a_signed_checkpoint_is_refused():
    note = sign_checkpoint(Checkpoint(ORIGIN, 7, ROOT), KEY)
    assert open_checkpoint(note, VERIFIER) == Checkpoint(ORIGIN, 7, ROOT)
    for bit in range(8 * len(note)):
        changed = bytearray(note)
        changed[bit // 8] ^= 1 << bit % 8
        with pytest.raises(LogError):
            open_checkpoint(bytes(changed), VERIFIER)


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ("", "three lines"),
        (f"{ORIGIN}\n7\n{ROOT_TEXT}", "three lines"),
        (f"{ORIGIN}\n7\n{ROOT_TEXT}\nextension\n", "three lines"),
        (f"{ORIGIN}\n07\n{ROOT_TEXT}\n", "three lines"),
        (f"{ORIGIN}\n+7\n{ROOT_TEXT}\n", "three lines"),
        (f"{ORIGIN}\n-7\n{ROOT_TEXT}\n", "three lines"),
        (f"{ORIGIN}\n7 \n{ROOT_TEXT}\n", "three lines"),
        (f"{ORIGIN}\n0x7\n{ROOT_TEXT}\n", "three lines"),
        (f"{ORIGIN}\n1_0\n{ROOT_TEXT}\n", "three lines"),
        (f"{ORIGIN}\n\n{ROOT_TEXT}\n", "three lines"),
        (f"{ORIGIN}\n\u0667\n{ROOT_TEXT}\n", "ASCII"),
        (f"{ORIGIN}\n{2**53}\n{ROOT_TEXT}\n", "2\\^53 - 1"),
        (f"{ORIGIN}\n10000000000000000\n{ROOT_TEXT}\n", "three lines"),
        (f"{ORIGIN}\n7\n{base64.b64encode(bytes(31)).decode()}\n", "32 bytes, not 31"),
        (f"{ORIGIN}\n7\n\n", "32 bytes, not 0"),
        (f"{ORIGIN}\n7\n{ROOT_TEXT[:-2]}9=\n", "one encoding"),
        (f"{ORIGIN}\n7\n{ROOT_TEXT[:-1]}\n", "not base64"),
        (f"{ORIGIN}\n0\n{ROOT_TEXT}\n", "root of the empty tree"),
        (f"\n7\n{ROOT_TEXT}\n", "origin has 1 to 140"),
    ],
)
def test_another_form_is_refused_with_the_reason(body, reason):
    with pytest.raises(LogError, match=reason):
        Checkpoint.decode(body.encode())


def test_an_empty_log_has_the_empty_root():
    checkpoint = Checkpoint(ORIGIN, 0, EMPTY_ROOT)
    assert Checkpoint.decode(checkpoint.encode()) == checkpoint


@pytest.mark.parametrize(
    "origin",
    ["", "a b", "a+b", "a\tb", "a\u00a0b", "é.example", "a\x7fb", "x" * 141, "https://a.example/1"],
)
def test_an_origin_that_is_no_bare_url_is_refused(origin):
    with pytest.raises(LogError, match="origin has"):
        check_origin(origin)


def test_a_checkpoint_of_another_log_is_refused_even_when_its_signature_holds():
    body = Checkpoint("other.example", 7, ROOT).encode().decode()
    with pytest.raises(LogError, match=r"of other\.example, not of riverside"):
        open_checkpoint(sign_note(body, ORIGIN, KEY).encode(), VERIFIER)
    with pytest.raises(LogError, match="no known key"):
        open_checkpoint(sign_checkpoint(Checkpoint("other.example", 7, ROOT), KEY), VERIFIER)


def test_a_signed_note_that_is_no_checkpoint_is_refused():
    with pytest.raises(LogError, match="three lines"):
        open_checkpoint(sign_note("hello\n", ORIGIN, KEY).encode(), VERIFIER)
