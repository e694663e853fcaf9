"""Words that hide something are refused where they are new, and shown with a mark where they are old."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.errors import InputError
from ledger.people import clean_name
from ledger.primitives.words import MARK, check_words, plain, shown

GOOD = [
    "two loaves",
    "Łukasz, Ó Súilleabháin, Đặng",
    "\u0639\u0644\u06cc \u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645",  # Persian, with a non-joiner
    "\u0645\u062d\u0645\u062f \u0627\u0642\u0628\u0627\u0644",  # Urdu
    "\u0915\u094d\u200d\u0937",  # Hindi, with a joiner
    "\U0001f469\u200d\U0001f33e \u2600\ufe0f 1\ufe0f\u20e3",  # a farmer, a sun, a key
    "\U0001f3f3\ufe0f\u200d\U0001f308 \U0001f44d\U0001f3fd",
    "\u2764\ufe0f\u200d\U0001f525",
    "\u8fbb\U000e0100",  # a form of an ideograph
    "5 kWh \u2013 20\u00a0\u00b0C",
]
HIDING = [
    *(0x200B, 0x200C, 0x200D, 0x200E, 0x200F, 0x061C, 0x2060, 0x2064, 0xFEFF, 0x00AD, 0x034F),
    *range(0x202A, 0x202F),
    *range(0x2066, 0x206A),
    *(0x115F, 0x1160, 0x3164, 0xFFA0, 0x17B4, 0x180E, 0xFE0F, 0xFE00, 0xFFF9, 0xFFFE, 0x1FFFF),
    *(0xE0001, 0xE0041, 0xE007F, 0xE0100, 0xE000, 0x2028, 0x2029, 0x0000, 0x001B, 0x0085),
]


@pytest.mark.parametrize("text", GOOD)
def test_what_people_write_in_their_own_scripts_is_taken(text):
    check_words(text, "name")
    assert shown(text) == text
    assert clean_name(text)


@pytest.mark.parametrize("code", HIDING, ids=hex)
def test_what_hides_or_turns_is_refused_and_is_shown_as_a_mark(code):
    text = f"Ad{chr(code)}a"
    with pytest.raises(InputError, match=f"U\\+{code:04X}"):
        check_words(text, "name")
    with pytest.raises(InputError):
        clean_name(text)
    assert shown(text) == f"Ad{MARK}a"


@pytest.mark.parametrize("text", ["\u2800", "\u2800 \u00a0", "\u0301\u0300", "  "])
def test_what_nobody_sees_is_no_text(text):
    with pytest.raises(InputError):
        check_words(text, "name")


@pytest.mark.parametrize(
    "text",
    [
        "\u0639\u0644\u06cc\u200c",  # at the end, it would make two names of one
        "\u200c\u0639\u0644\u06cc",
        "\u0645\u06cc\u200c\u200c\u062e",
        "A\u200dB",
        "\U0001f469\u200d ",
    ],
)
def test_a_joiner_where_nothing_is_joined_is_refused(text):
    with pytest.raises(InputError):
        check_words(text, "name")


def test_names_that_look_the_same_are_the_same():
    assert clean_name("Zoe\u0308") == clean_name(" Zo\u00eb ") == "Zo\u00eb"
    assert clean_name("Ada\u00a0\u2003Okafor") == "Ada Okafor"
    with pytest.raises(InputError, match="normal form C"):
        check_words("Zoe\u0308", "reference")


@given(st.text(max_size=40))
def test_what_is_shown_hides_nothing(text):
    once = shown(text)
    assert len(once) == len(text)
    assert all(letter.isprintable() for letter in plain(text))
    try:
        check_words(text, "text")
    except InputError:
        return
    assert once == text
    assert unicodedata.is_normalized("NFC", text)
