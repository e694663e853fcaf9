"""Names and references from outside, however hostile, stay names in every form."""

import json
import re
from dataclasses import replace

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from ledger.primitives.canonical import encode
from settlement.statement_csv import guarded, render_csv
from settlement.statement_html import render_html
from settlement.statement_json import statement_json
from settlement.statement_rounding import PENNY_UNITS
from settlement.statement_text import WIDTH, render_text
from tests.settlement.statement_examples import example_statement, payment_line
from tests.settlement.statement_forms import Words, csv_rows, pdf_reader, pdf_words

EXAMPLE = example_statement()
PIECES = [
    *("<script>alert(1)</script>", "<img src=x onerror=y>", "&amp;", "]]>", "--", "</style>"),
    *(
        "#panic()",
        "$x$",
        "@ref",
        "*b*",
        "_i_",
        "`raw`",
        '#image("/etc/passwd")',
        "\\u{41}",
        "//",
        "/*",
    ),
    *("=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", ";=1", "=cmd|' /C calc'!A0", '"', ",", "\n"),
    *(
        "\x00",
        "\x1b[2J",
        "\x07",
        "\u202e",
        "\u2066",
        "\u200f",
        "\ufeff",
        "\u2028",
        "\u00ad",
        "\u200d",
    ),
    *(
        " ",
        "\u3000",
        "שלום",
        "محمد",
        "王伟",
        "नमस्ते",
        "😀",
        "e\u0301\u0302\u0303",
        "\ue000",
        "\uffff",
        "x" * 80,
    ),
]
NAMES = st.lists(st.sampled_from(PIECES) | st.text(max_size=6), min_size=1, max_size=6).map("".join)
NAMES = NAMES.filter(bool)  # nobody is named nothing; spaces alone may come


def named(name, reference=None):
    return replace(
        EXAMPLE,
        community=name,
        origin=name,
        promise=name,
        currency=name,
        member_name=name,
        payments=(payment_line(5 * PENNY_UNITS, name=name, reference=reference or name),),
    )


PLAIN_TAGS = [(tag, sorted(found)) for tag, found in Words(render_html(named("Ada", "tea"))).tags]


@given(NAMES)
def test_text_is_not_steered(name):
    text = render_text(named(name))
    assert all(char.isprintable() or char == "\n" for char in text)
    assert max(map(len, text.splitlines())) <= WIDTH
    assert text.count("You have ") == 2 + 6 * name.count("You have ")


@pytest.mark.parametrize("large_print", [False, True])
@given(name=NAMES)
def test_html_has_the_tags_it_has_without_the_name(large_print, name):
    page = render_html(named(name), large_print=large_print)
    plain = render_html(named("Ada", "tea"), large_print=large_print)
    tags, expected = Words(page).tags, Words(plain).tags
    assert [(t, sorted(a)) for t, a in tags] == [(t, sorted(a)) for t, a in expected]
    for _, attributes in tags:
        assert {"src", "href", "action", "style"}.isdisjoint(attributes)


@given(NAMES)
@example(";=1")
@example("Ada; @SUM(A1)")
def test_a_spreadsheet_finds_no_formula_and_no_other_cells(name):
    statement = named(name)
    plain, rows = csv_rows(named("Ada", "tea")), csv_rows(statement)
    words = ("about", "reference")
    assert len(rows) == len(plain)
    for row, other in zip(rows, plain, strict=True):
        assert {k: v for k, v in row.items() if k not in words} == {
            k: v for k, v in other.items() if k not in words
        }
        for column in words:
            cell = row[column]
            assert cell.isprintable()
            assert not re.search(r"(^|;)\s*[=+\-@\uff1d\uff0b\uff0d\uff20]", cell)
    for line in render_csv(statement).split("\r\n")[:-1]:
        assert "\r" not in line
        assert "\n" not in line


@pytest.mark.parametrize("text", ["Ada", "O'Brien", "a=b", "1-2", "Zoë; Łukasz", "x@y"])
def test_what_is_no_formula_is_left_alone(text):
    assert guarded(text) == text


@given(NAMES)
def test_json_is_what_was_said(name):
    value = statement_json(named(name))
    assert value["member"]["name"] == value["payments"][0]["reference"] == name
    assert json.loads(json.dumps(value)) == value
    if name.isprintable():
        assert json.loads(encode(value)) == value


@settings(max_examples=60)
@given(NAMES, st.booleans())
def test_a_pdf_is_made_of_any_name_with_every_figure(name, large_print):
    found = pdf_words(named(name), large_print=large_print)
    plain = pdf_words(named("Ada", "tea"), large_print=large_print)
    for figure in re.findall(r"[+−]£\d+\.\d\d", plain):
        assert figure in found
    assert "\x00" not in found


@pytest.mark.parametrize(
    ("name", "printed"),
    [
        ("Zoë Łukasz", "Zoë Łukasz"),
        ("Αθηνά Νίκου", "Αθηνά Νίκου"),
        ("Владимир", "Владимир"),
        ("王伟", "[U+738B][U+4F1F]"),
        ("Ada 😀", "Ada [U+1F600]"),
        ("Ada\u202e\x07!", "Ada��!"),
        ("#panic() $x$ *b* \\ `r` @a <l>", "#panic() $x$ *b* \\ `r` @a <l>"),
    ],
)
def test_a_pdf_prints_every_letter_or_its_number(name, printed):
    statement = replace(EXAMPLE, member_name=name)
    lines = pdf_words(statement).splitlines()
    assert lines[2] == f"{printed}, account ending 0F0F"
    has_number = "[U+" in printed
    assert ("A letter that this file has no type for" in "\n".join(lines)) == has_number


def test_a_pdf_opens_nothing_and_runs_nothing():
    pages = pdf_reader(named('#image("/etc/passwd") javascript:alert(1) https://a.example'))
    root = pages.trailer["/Root"]
    assert {"/OpenAction", "/AA", "/AcroForm"}.isdisjoint(root)
    for page in pages.pages:
        assert "/Annots" not in page
        assert "/AA" not in page


def test_a_very_long_name_stays_on_the_page():
    words = pdf_words(replace(EXAMPLE, member_name="W" * 300, community="M" * 300))
    lines = words.splitlines()
    assert sum(line.count("W") for line in lines) >= 300
    assert sum(line.count("M") for line in lines) >= 300
    assert max(map(len, lines)) < 120
