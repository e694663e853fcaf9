"""The paper code: twelve words in a drawer that bring an account back.

The words are BIP-39's, so that they are easy to write, read out and check; what follows from them
is our own (``docs/spec/statements.md``): no wallet of another kind takes them for its own.

>>> words = new_code(bytes(16))
>>> words[:2], words[-1]
(('abandon', 'abandon'), 'about')
>>> key_of_code(" ".join(words)).key_id[:8]
'9f586d82'
"""

import difflib
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

SEED_TAG = "commonwatt/recovery-seed/v1"
"""Separates the key's seed from whatever else may follow from the same words."""


def new_code(entropy: bytes) -> tuple[str, ...]:
    """Return the twelve words that stand for 16 random bytes."""
    if len(entropy) != ENTROPY_BYTES:
        raise AssertionError(f"a paper code stands for {ENTROPY_BYTES} bytes")
    return tuple(_list().to_mnemonic(entropy).split(" "))


def read_code(text: str) -> bytes:
    """Return the 16 bytes that twelve words stand for, however they are spaced or capitalised.

    Raises:
        InputError: says which word is not of the list, or that one of them is wrong.
    """
    if len(text) > CODE_CHARACTERS_MAX:
        raise InputError(f"That is too long for a paper code: it has {WORDS} words.")
    words = text.casefold().split()
    known = _numbers()
    for place, word in enumerate(words, start=1):
        if word not in known:
            near = difflib.get_close_matches(word, known, n=1)
            hint = f" Is it {near[0]!r}?" if near else ""
            raise InputError(
                f"Word {place}, {word!r}, is not one that paper codes are made of.{hint}"
            )
    if len(words) != WORDS:
        raise InputError(f"A paper code has {WORDS} words; these are {len(words)}.")
    try:
        return bytes(_list().to_entropy(words))
    except ValueError as error:
        raise InputError(
            "At least one word is wrong, or two are in each other's place: these twelve do not "
            "belong together. Compare them with the paper."
        ) from error


def key_of_code(text: str) -> SigningKey:
    """Return the key that a paper code stands for.

    Raises:
        InputError: not a code; says which word is wrong.
    """
    return SigningKey.from_seed(tagged_hash(SEED_TAG, read_code(text)))


@lru_cache(maxsize=1)
def _list() -> Mnemonic:
    return Mnemonic("english")


@lru_cache(maxsize=1)
def _numbers() -> dict[str, int]:
    return {word: number for number, word in enumerate(_list().wordlist)}
