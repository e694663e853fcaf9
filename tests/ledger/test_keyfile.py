"""Files of private keys: what stretches a passphrase, and that other programs read them."""

import base64
import shutil
import subprocess

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
)
from hypothesis import given
from hypothesis import strategies as st

from ledger.errors import SetupError
from ledger.keyfile import Protection, protection_of, read_key, write_key
from ledger.primitives.signing import SigningKey

KEY = SigningKey.from_seed(bytes(range(32)))
WORDS = "five wet horses éat hay"
FILE = write_key(KEY, WORDS)

OPENSSL = shutil.which("openssl")
needs_openssl = pytest.mark.skipif(OPENSSL is None, reason="openssl is not installed")


def openssl(*arguments, data):
    run = subprocess.run([OPENSSL, *arguments], input=data, capture_output=True, check=False)
    assert run.returncode == 0, run.stderr.decode()
    return run.stdout


def written_by_the_library(encryption, key=KEY.private):
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, encryption)


@pytest.mark.parametrize("words", [None, WORDS, "x", "ü" * 300])
def test_what_is_written_is_read(words):
    data = write_key(KEY, words)
    assert read_key(data, words).public == KEY.public
    assert protection_of(data) is (Protection.STRONG if words else Protection.NONE)


def test_the_same_key_is_never_the_same_file_and_lines_are_as_the_form_has_them():
    again = write_key(KEY, WORDS)
    assert again != FILE
    assert len(again) == len(FILE)
    first, *lines, last = FILE.decode().splitlines()
    assert (first, last) == (
        "-----BEGIN ENCRYPTED PRIVATE KEY-----",
        "-----END ENCRYPTED PRIVATE KEY-----",
    )
    assert {len(line) for line in lines[:-1]} == {64}


@pytest.mark.parametrize("wrong", [None, "", "five wet horses eat hay"])
def test_without_the_words_there_is_no_key(wrong):
    with pytest.raises(SetupError, match="passphrase"):
        read_key(FILE, wrong)


def test_a_key_in_clear_wants_no_words():
    with pytest.raises(SetupError, match="unset it"):
        read_key(write_key(KEY, None), WORDS)


def test_another_kind_of_key_is_no_key():
    other = written_by_the_library(NoEncryption(), generate_private_key(SECP256R1()))
    with pytest.raises(SetupError, match="does not hold an Ed25519 key"):
        read_key(other, None)


def test_files_of_the_library_are_read_and_told_as_weak():
    data = written_by_the_library(BestAvailableEncryption(WORDS.encode()))
    assert protection_of(data) is Protection.WEAK
    assert read_key(data, WORDS).public == KEY.public


@needs_openssl
def test_openssl_reads_what_is_written():
    out = openssl("pkey", "-passin", f"pass:{WORDS}", "-text", "-noout", data=FILE)
    assert KEY.public[:15].hex(":").encode() in out


@needs_openssl
def test_a_file_says_how_its_passphrase_is_stretched():
    """OpenSSL's own reading of the form: scrypt with 2¹⁴, 8 and 5."""
    told = openssl("asn1parse", data=FILE).decode()
    names = [line.rsplit(":", 1)[1] for line in told.splitlines() if ":" in line]
    wanted = ["PBES2", "scrypt", "4000", "08", "05", "aes-256-cbc"]
    assert [name for name in names if name in wanted] == wanted


@needs_openssl
def test_what_openssl_writes_is_read_and_told_as_strong():
    data = openssl(
        *("pkcs8", "-topk8", "-scrypt", "-passout", f"pass:{WORDS}"), data=write_key(KEY, None)
    )
    assert protection_of(data) is Protection.STRONG
    assert read_key(data, WORDS).public == KEY.public


@given(st.integers(0, len(FILE) - 1), st.binary(max_size=3), st.integers(0, 3))
def test_a_damaged_file_is_an_error_of_ours(at, new, length):
    """Without words, so that nothing is stretched: it is no key any more, or needs them."""
    data = FILE[:at] + new + FILE[at + length :]
    assert protection_of(data) in Protection
    with pytest.raises(SetupError):
        read_key(data, None)


@given(st.binary(max_size=400))
def test_any_bytes_between_the_lines_are_an_error_of_ours(body):
    text = base64.encodebytes(body)
    data = b"-----BEGIN PRIVATE KEY-----\n" + text + b"-----END PRIVATE KEY-----\n"
    assert protection_of(data) is Protection.NONE
    with pytest.raises(SetupError):
        read_key(data, None)


def test_a_file_that_was_changed_is_another_key_or_none():
    """There is no check in the form itself: a flipped bit never gives this key."""
    body = bytearray(base64.b64decode(b"".join(FILE.splitlines()[1:-1])))
    for at in range(len(body) - 64, len(body), 9):
        damaged = bytearray(body)
        damaged[at] ^= 1
        lines = base64.encodebytes(bytes(damaged))
        data = FILE.splitlines()[0] + b"\n" + lines + FILE.splitlines()[-1] + b"\n"
        try:
            assert read_key(data, WORDS).public != KEY.public
        except SetupError:
            continue
