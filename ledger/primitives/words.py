r"""Words that people write for others to read: nothing in them may hide, or show otherwise than it is.

A letter that is not seen makes two names of one, or a text of nothing; one that turns the direction of what
follows makes "10 to Ada" read as something else. Whatever is new is refused with such letters; what was signed
before stays as it was signed, and is shown with a mark in their place. Joiners stand where scripts and emoji need
them. Pure; the lists follow Unicode's `Default_Ignorable_Code_Point`, which Python does not tell.

>>> check_words("two loaves, \u200fplease", "reference")
Traceback (most recent call last):
    ...
ledger.errors.InputError: reference: take out the letter U+200F, which is not seen or turns what follows.
>>> shown("pay\u202e 01 here"), plain("\u0645\u06cc\u200c\u062e")
('pay� 01 here', 'میخ')
"""

import unicodedata
from collections.abc import Iterator
from typing import Any

from ledger.errors import InputError

MARK = "�"
"""Stands where a letter is not shown."""

_REFUSED = frozenset({"Cc", "Cf", "Cs", "Co", "Zl", "Zp"})
"""Categories: controls, formats, halves, private letters, breaks of lines and paragraphs."""

_UNSEEN = frozenset(
    {
        *(0x034F, 0x115F, 0x1160, 0x17B4, 0x17B5, 0x2065, 0x3164, 0xFFA0),
        *range(0x180B, 0x1810),
        *range(0xFE00, 0xFE0E),
        *range(0xFDD0, 0xFDF0),
        *range(0xFFF0, 0xFFF9),
        *range(0xE0000, 0xE1000),
    }
)
"""Letters and marks that are not seen, and have another category: fillers, selectors, tags, no letters at all."""

_ZWNJ, _ZWJ = 0x200C, 0x200D
_LAST_TWO = 0xFFFE
"""The last two of each plane are no letters."""

_PRESENTATIONS = (0xFE0E, 0xFE0F)
_VARIANTS = range(0xE0100, 0xE01F0)
_BRAILLE_BLANK = 0x2800
_SIGNS = "0123456789#*\u203c\u2049\u2139\u3030\u303d"
"""What is no picture by itself, and becomes one with a selector."""

_JOINING = (range(0x0600, 0x0E00), range(0x0F00, 0x10A0), range(0x1780, 0x18B0))
"""Scripts whose letters joiners stand between: Arabic's and India's, Tibetan, Burmese, Khmer, Mongolian."""

_IDEOGRAPHS = (range(0x3400, 0xA000), range(0xF900, 0xFB00), range(0x20000, 0x40000))
_EMOJI = range(0x1F000, 0x20000)


def check_words(text: str, what: str) -> None:
    """Refuse words that hide something, or that nobody sees.

    Args:
        text: the words.
        what: they are, for the message.

    Raises:
        InputError: names the first letter that is wrong.
    """
    if text.isascii() and text.isprintable() and text.strip():
        return
    for index in _wrong(text):
        code = f"U+{ord(text[index]):04X}"
        raise InputError(
            f"{what}: take out the letter {code}, which is not seen or turns what follows."
        )
    if not unicodedata.is_normalized("NFC", text):
        raise InputError(f"{what}: not in Unicode normal form C.")
    if not any(map(_is_seen, text)):
        raise InputError(f"{what}: there is nothing to read in it.")


def check_all(value: Any, what: str) -> None:
    """Check every text in a value of JSON.

    Raises:
        InputError: names the place.
    """
    if isinstance(value, str):
        check_words(value, what)
    elif isinstance(value, dict):
        for key, each in value.items():
            check_all(each, f"{what}.{key}")
    elif isinstance(value, list):
        for index, each in enumerate(value):
            check_all(each, f"{what}[{index}]")


def shown(text: str) -> str:
    """Return words as they may be shown: a mark stands where a letter would hide, or turn what follows."""
    if text.isascii() and text.isprintable():
        return text
    wrong = set(_wrong(text))
    return "".join(MARK if index in wrong else letter for index, letter in enumerate(text))


def plain(text: str) -> str:
    """Return words for a terminal or a page of text alone: as they are shown, without joiners."""
    if text.isprintable():
        return shown(text)
    joiners = (chr(_ZWNJ), chr(_ZWJ))
    kept = (letter for letter in shown(text) if letter not in joiners)
    return "".join(letter if letter.isprintable() else MARK for letter in kept)


def _wrong(text: str) -> Iterator[int]:
    """Yield where a text has letters that are refused."""
    for index, letter in enumerate(text):
        code = ord(letter)
        if code in (_ZWNJ, _ZWJ):
            if not _joins(text, index):
                yield index
        elif code in _PRESENTATIONS or code in _VARIANTS:
            if not _varies(text[index - 1 : index], code):
                yield index
        elif (
            unicodedata.category(letter) in _REFUSED
            or code in _UNSEEN
            or code & _LAST_TWO == _LAST_TWO
        ):
            yield index


def _joins(text: str, index: int) -> bool:
    """Return whether a joiner stands between two letters that it joins or keeps apart."""
    before, after = text[index - 1 : index], text[index + 1 : index + 2]
    if not before or not after:
        return False
    if all(
        _is_of(each, _JOINING) and unicodedata.category(each)[0] in "LM" for each in before + after
    ):
        return True
    pictured = ord(before) in _PRESENTATIONS or _is_picture(before)
    return ord(text[index]) == _ZWJ and pictured and _is_picture(after)


def _varies(before: str, code: int) -> bool:
    """Return whether a selector of a picture's or an ideograph's form follows one."""
    if not before:
        return False
    if code in _VARIANTS:
        return _is_of(before, _IDEOGRAPHS)
    return _is_picture(before) or before in _SIGNS


def _is_picture(letter: str) -> bool:
    return unicodedata.category(letter) in ("So", "Sm", "Sk") or ord(letter) in _EMOJI


def _is_of(letter: str, ranges: tuple[range, ...]) -> bool:
    return any(ord(letter) in each for each in ranges)


def _is_seen(letter: str) -> bool:
    return unicodedata.category(letter)[0] in "LNPS" and ord(letter) != _BRAILLE_BLANK
