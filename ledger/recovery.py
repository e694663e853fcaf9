"""Twelve words on paper that stand for a key: paper code, invitation, voucher, phone card, desk card.

A paper code lies in a drawer and brings an account back; an invitation opens one; a voucher
pays; a phone card lets a further phone in; a desk card lets an operator into the console.

The words are BIP-39's, so that they are easy to write, read out and check; what follows from them
is our own (``docs/spec/statements.md``): no wallet of another kind takes them for its own.

>>> words = new_code(bytes(16))
>>> words[:2], words[-1]
(('abandon', 'abandon'), 'about')
>>> key_of_code(" ".join(words)).key_id[:8], key_of_code(" ".join(words), INVITATION).key_id[:8]
('9f586d82', '4419e955')
"""

import difflib
from dataclasses import dataclass
from functools import lru_cache

from mnemonic import Mnemonic

from ledger.errors import InputError
from ledger.primitives.hashing import tagged_hash
from ledger.primitives.signing import SigningKey

ENTROPY_BYTES = 16
"""What a code stands for: nobody guesses 128 bits, and twelve words are few enough to copy."""

WORDS = 12
"""Words of a code: 11 bits each, 4 of them a checksum."""

CODE_CHARACTERS_MAX = 1_000
"""Longest text that is taken for a code."""


@dataclass(frozen=True, slots=True)
class Purpose:
    """What some words are for, so that words for one thing are nothing for another.

    Attributes:
        name: what people call them.
        seed_tag: separates the key's seed from whatever else may follow from the same words.
    """

    name: str
    seed_tag: str


PAPER_CODE = Purpose("paper code", "commonwatt/recovery-seed/v1")
INVITATION = Purpose("invitation", "commonwatt/invitation-seed/v1")
VOUCHER = Purpose("voucher", "commonwatt/voucher-seed/v1")
PHONE = Purpose("phone card", "commonwatt/phone-seed/v1")
DESK = Purpose("desk card", "commonwatt/desk-seed/v1")


def new_code(entropy: bytes) -> tuple[str, ...]:
    """Return the twelve words that stand for 16 random bytes."""
    if len(entropy) != ENTROPY_BYTES:
        raise AssertionError(f"a paper code stands for {ENTROPY_BYTES} bytes")
    return tuple(_list().to_mnemonic(entropy).split(" "))


def read_code(text: str, purpose: Purpose = PAPER_CODE) -> bytes:
    """Return the 16 bytes that twelve words stand for, however they are spaced or capitalised.

    Raises:
        InputError: says which word is not of the list, or that one of them is wrong.
    """
    if len(text) > CODE_CHARACTERS_MAX:
        raise InputError(f"That is too long for {_a(purpose)}: it has {WORDS} words.")
    words = text.casefold().split()
    known = _numbers()
    for place, word in enumerate(words, start=1):
        if word not in known:
            near = difflib.get_close_matches(word, known, n=1)
            hint = f" Is it {near[0]!r}?" if near else ""
            raise InputError(
                f"Word {place}, {word!r}, is not one that {purpose.name}s are made of.{hint}"
            )
    if len(words) != WORDS:
        raise InputError(f"{_a(purpose).capitalize()} has {WORDS} words; these are {len(words)}.")
    try:
        return bytes(_list().to_entropy(words))
    except ValueError as error:
        raise InputError(
            "At least one word is wrong, or two are in each other's place: these twelve do not "
            "belong together. Compare them with the paper."
        ) from error


def key_of_code(text: str, purpose: Purpose = PAPER_CODE) -> SigningKey:
    """Return the key that twelve words stand for.

    Args:
        text: the words, however they are spaced or capitalised.
        purpose: what they are for: the same words give each purpose another key.

    Raises:
        InputError: not such words; says which one is wrong.
    """
    return SigningKey.from_seed(tagged_hash(purpose.seed_tag, read_code(text, purpose)))


def _a(purpose: Purpose) -> str:
    return f"{'an' if purpose.name[0] in 'aeiou' else 'a'} {purpose.name}"


@lru_cache(maxsize=1)
def _list() -> Mnemonic:
    return Mnemonic("english")


@lru_cache(maxsize=1)
def _numbers() -> dict[str, int]:
    return {word: number for number, word in enumerate(_list().wordlist)}
