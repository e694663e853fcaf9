"""The paper code: twelve words, the published vectors, and words that were copied badly."""

import json
import os
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.errors import CommonwattError, InputError
from ledger.primitives.hashing import tagged_hash
from ledger.primitives.signing import SigningKey
from ledger.recovery import ENTROPY_BYTES, key_of_code, new_code, read_code

REPOSITORY = Path(__file__).parents[2]
GOOD = "legal winner thank year wave sausage worth useful legal winner thank yellow"


@pytest.fixture(scope="module")
def published():
    """BIP-39's own vectors (trezor/python-mnemonic, MIT): those of twelve words."""
    folder = Path(os.environ.get("COMMONWATT_SHARED") or REPOSITORY.parent / "shared")
    path = folder / "vectors/bip39-english.json"
    if not path.is_file():
        pytest.skip(f"no published vectors: {path} is not there; set COMMONWATT_SHARED")
    rows = json.loads(path.read_text())["rows"]
    return [(bytes.fromhex(entropy), words) for entropy, words, _ in rows]


@pytest.mark.shared
def test_the_words_are_those_of_bip39(published):
    twelve = [(entropy, words) for entropy, words in published if len(entropy) == ENTROPY_BYTES]
    assert len(twelve) >= 8
    for entropy, words in twelve:
        assert " ".join(new_code(entropy)) == words
        assert read_code(words) == entropy


@pytest.mark.shared
def test_longer_codes_are_not_ours(published):
    longer = [words for entropy, words in published if len(entropy) > ENTROPY_BYTES]
    assert longer
    for words in longer:
        with pytest.raises(InputError, match="has 12 words; these are"):
            read_code(words)


def test_the_key_follows_from_the_entropy_and_not_by_bip39s_own_stretching():
    entropy = b"\x7f" * 16
    seed = tagged_hash("commonwatt/recovery-seed/v1", entropy)
    assert key_of_code(GOOD).public == SigningKey.from_seed(seed).public


@given(st.binary(min_size=16, max_size=16))
def test_every_code_is_read_back(entropy):
    words = new_code(entropy)
    assert len(words) == 12
    assert read_code(" ".join(words)) == entropy


@pytest.mark.parametrize(
    "text", [GOOD.upper(), f"  {GOOD}\n", GOOD.replace(" ", " \t\n "), GOOD.title()]
)
def test_capitals_and_spaces_do_not_matter(text):
    assert read_code(text) == b"\x7f" * 16


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (GOOD.replace("sausage", "sausge"), r"Word 6, 'sausge', is not .* Is it 'sausage'\?"),
        (GOOD.replace("year", "§§§§"), "Word 4, '§§§§', is not one that paper codes are made of.$"),
        (GOOD.replace("yellow", "winner"), "At least one word is wrong"),
        (GOOD.replace("year wave", "wave year"), "At least one word is wrong"),
        (GOOD.removesuffix(" yellow"), "has 12 words; these are 11"),
        (f"{GOOD} yellow", "these are 13"),
        ("", "these are 0"),
        ("abandon " * 1000, "too long"),
    ],
)
def test_words_that_were_copied_badly_are_named(text, words):
    with pytest.raises(InputError, match=words):
        key_of_code(text)


def test_two_words_in_each_others_place_are_mostly_noticed():
    """Four bits of checksum: one exchange in sixteen passes, and is then another code."""
    words, noticed, tried = list(new_code(bytes(range(16)))), 0, 0
    for place in range(11):
        swapped = words.copy()
        swapped[place], swapped[place + 1] = swapped[place + 1], swapped[place]
        tried += 1
        try:
            assert read_code(" ".join(swapped)) != bytes(range(16))
        except InputError:
            noticed += 1
    assert noticed >= tried - 2


@given(st.text(max_size=200))
def test_whatever_is_typed_there_is_a_code_or_a_sentence(text):
    with suppress(CommonwattError):
        assert len(read_code(text)) == 16
