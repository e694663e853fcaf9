r"""C2SP signed notes: a text, a blank line, and signature lines.

Only lines of known keys count. An unknown key is passed over, a known key whose signature
does not hold spoils the note, and at least one known key must have signed. Specification:
https://c2sp.org/signed-note, with algorithm 0x01 (Ed25519).

>>> key = SigningKey.from_seed(bytes(32))
>>> verifier = Verifier.from_vkey(vkey_of("riverside.example/ledger/1", key.public))
>>> note = sign_note("hello\n", verifier.name, key)
>>> open_note(note.encode(), [verifier]).text
'hello\n'
"""

import base64
import binascii
import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Self

from ledger.errors import LogError, SignatureError
from ledger.primitives.signing import (
    PUBLIC_KEY_BYTES,
    SigningKey,
    check_public_key,
    verify,
)

ALGORITHM_ED25519 = b"\x01"
KEY_HASH_BYTES = 4

NOTE_BYTES_MAX = 256 * 1024
"""Longest note: a checkpoint with 32 post-quantum signatures of 5 kB in base64 fits."""

SIGNATURES_MAX = 32
"""Most signature lines: the standard asks for at least 16, a log with its witnesses needs few."""

NAME_CHARACTERS_MAX = 140
"""Longest key name: the same as for a log's origin."""

_CONTROL = re.compile("[\x00-\x09\x0b-\x1f]")
_KEY_HASH_HEX = re.compile("[0-9a-f]{8}")
_DASH = "— "


@dataclass(frozen=True)
class Verifier:
    """A named public key whose signatures count.

    Attributes:
        algorithm: the standard's byte for what is signed; a subclass may sign something else.
        name: the key's name, for a log its origin.
        public_key: 32 bytes, Ed25519.
    """

    algorithm: ClassVar[bytes] = ALGORITHM_ED25519
    name: str
    public_key: bytes

    def __post_init__(self) -> None:
        check_name(self.name)
        try:
            check_public_key(self.public_key)
        except SignatureError as error:
            raise LogError(f"the key of {self.name} cannot be used: {error}") from error

    @property
    def key_hash(self) -> bytes:
        """The four bytes that stand before a signature of this key."""
        content = self.name.encode() + b"\n" + self.algorithm + self.public_key
        return hashlib.sha256(content).digest()[:KEY_HASH_BYTES]

    @property
    def vkey(self) -> str:
        """The key in the standard's text form."""
        encoded = base64.b64encode(self.algorithm + self.public_key).decode()
        return f"{self.name}+{self.key_hash.hex()}+{encoded}"

    @classmethod
    def from_vkey(cls, vkey: str) -> Self:
        """Read a key in the text form ``name+hash+base64(algorithm || key)``.

        Raises:
            LogError: not of this form, of another algorithm, or the hash does not fit.
        """
        name, *rest = vkey.split("+", 2)
        if len(rest) != 2:  # noqa: PLR2004 - the hash and the key
            raise LogError("a verifier key has the form name+hash+key")
        key_hash_hex, encoded = rest
        if _KEY_HASH_HEX.fullmatch(key_hash_hex) is None:
            raise LogError("a verifier key's hash has eight hexadecimal digits, in lower case")
        content = decode_base64(encoded, "a verifier key")
        if content[:1] != cls.algorithm or len(content) != 1 + PUBLIC_KEY_BYTES:
            raise LogError(f"only Ed25519 keys of algorithm 0x{cls.algorithm.hex()} are read here")
        verifier = cls(name, content[1:])
        if verifier.key_hash.hex() != key_hash_hex:
            raise LogError(f"the key of {name} has hash {verifier.key_hash.hex()}, not as written")
        return verifier

    def holds(self, signature: bytes, text: bytes) -> bool:
        """Return whether the bytes after the key hash are this key's signature of a note's text."""
        return verify(self.public_key, signature, text)


@dataclass(frozen=True)
class NoteSignature:
    """One signature line, of a known or an unknown key."""

    name: str
    key_hash: bytes
    signature: bytes

    def line(self) -> str:
        """Return the line as it stands in a note, with its newline."""
        encoded = base64.b64encode(self.key_hash + self.signature).decode()
        return f"{_DASH}{self.name} {encoded}\n"


@dataclass(frozen=True)
class Note:
    """A note's text and signature lines, and the known keys whose signature held."""

    text: str
    signatures: tuple[NoteSignature, ...]
    verified: tuple[Verifier, ...] = ()


def vkey_of(name: str, public_key: bytes) -> str:
    """Return the verifier key of a name and a 32-byte Ed25519 public key.

    Raises:
        LogError: the name or the key cannot be used.
    """
    return Verifier(name, public_key).vkey


def sign_note(text: str, name: str, key: SigningKey) -> str:
    """Return the note: text, blank line, one signature line.

    Raises:
        LogError: the text does not end with a newline or holds a control character.
    """
    if not text.endswith("\n"):
        raise LogError("a note's text ends with a newline")
    if _CONTROL.search(text):
        raise LogError("a note holds no control character")
    verifier = Verifier(name, key.public)
    signature = NoteSignature(name, verifier.key_hash, key.sign(text.encode()))
    return f"{text}\n{signature.line()}"


def open_note(data: bytes, verifiers: Sequence[Verifier]) -> Note:
    """Read a note and check the signatures of the known keys.

    Raises:
        LogError: malformed, a known key's signature does not hold, or no known key signed.
    """
    known = {(verifier.name, verifier.key_hash): verifier for verifier in verifiers}
    if len(known) != len(verifiers):
        raise LogError("two verifier keys have the same name and hash")
    note = split_note(data)
    message = note.text.encode()
    verified: list[Verifier] = []
    for line in note.signatures:
        verifier = known.get((line.name, line.key_hash))
        if verifier is None:
            continue
        if not verifier.holds(line.signature, message):
            raise LogError(f"the signature of {verifier.name} on this note does not hold")
        if verifier not in verified:
            verified.append(verifier)
    if not verified:
        raise LogError("no known key signed this note")
    return Note(note.text, note.signatures, tuple(verified))


def split_note(data: bytes) -> Note:
    """Read a note's text and signature lines, without checking any signature.

    Raises:
        LogError: too long, not UTF-8, a control character, or not in the form of a note.
    """
    if len(data) > NOTE_BYTES_MAX:
        raise LogError(f"a note of {len(data):,} bytes is longer than {NOTE_BYTES_MAX:,}")
    try:
        whole = data.decode()
    except UnicodeDecodeError as error:
        raise LogError("a note is UTF-8 text") from error
    if _CONTROL.search(whole):
        raise LogError("a note holds no control character")
    blank = whole.rfind("\n\n")  # the last blank line: the text may hold others
    if blank < 0:
        raise LogError("a note has a blank line between its text and its signatures")
    lines = whole[blank + 2 :].split("\n")
    if lines.pop() or not lines:
        raise LogError("a note ends with one or more whole signature lines")
    if len(lines) > SIGNATURES_MAX:
        raise LogError(f"a note has at most {SIGNATURES_MAX} signatures, not {len(lines)}")
    return Note(whole[: blank + 1], tuple(_read_line(line) for line in lines))


def with_lines_of(verifier: Verifier, data: bytes) -> bytes:
    """Return a note with one key's first signature line alone.

    Raises:
        LogError: malformed, or the key did not sign.
    """
    note = split_note(data)
    for line in note.signatures:
        if (line.name, line.key_hash) == (verifier.name, verifier.key_hash):
            return f"{note.text}\n{line.line()}".encode()
    raise LogError(f"{verifier.name} did not sign this note")


def check_name(name: str) -> None:
    """Refuse a key name that a signature line cannot hold.

    Raises:
        LogError: empty, too long, or with a space, plus sign or control character.
    """
    if not 0 < len(name) <= NAME_CHARACTERS_MAX:
        raise LogError(f"a key name has 1 to {NAME_CHARACTERS_MAX} characters, not {len(name)}")
    if "+" in name or _CONTROL.search(name) or any(letter.isspace() for letter in name):
        raise LogError(f"the key name {name!r} holds a space, plus sign or control character")
    try:
        name.encode()
    except UnicodeEncodeError as error:
        raise LogError("a key name is UTF-8 text") from error


def decode_base64(text: str, what: str) -> bytes:
    """Return the bytes of standard base64 text, and refuse any but its one encoding.

    Raises:
        LogError: names what it was to be.
    """
    try:
        data = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise LogError(f"{what} is not base64") from error
    if base64.b64encode(data).decode() != text:
        raise LogError(f"{what} is not in the one encoding of base64")
    return data


def _read_line(line: str) -> NoteSignature:
    name, separator, encoded = line.removeprefix(_DASH).partition(" ")
    if not line.startswith(_DASH) or not separator:
        raise LogError("a signature line has a dash, a key name and base64, with single spaces")
    check_name(name)
    content = decode_base64(encoded, f"the signature of {name}")
    if len(content) <= KEY_HASH_BYTES:
        raise LogError(f"the signature of {name} is cut")
    return NoteSignature(name, content[:KEY_HASH_BYTES], content[KEY_HASH_BYTES:])
