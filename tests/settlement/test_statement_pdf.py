"""The PDF form: made for paper and screen readers, the same bytes for the same statement."""

import re
import shutil
import subprocess
import sys
from dataclasses import replace

import pytest

from ledger.errors import SetupError
from settlement import statement_pdf
from settlement.statement_pdf import render_pdf
from settlement.statement_rounding import PENNY_UNITS
from tests.engines import missing
from tests.settlement.statement_examples import examples, payment_line
from tests.settlement.statement_forms import pdf_reader

EXAMPLES = examples()


@pytest.mark.parametrize("large_print", [False, True])
def test_the_same_statement_gives_the_same_bytes(large_print):
    statement = EXAMPLES["vat"]
    first = render_pdf(statement, large_print=large_print)
    assert first == render_pdf(replace(statement), large_print=large_print)
    assert first != render_pdf(replace(statement, member_name="Eve"), large_print=large_print)
    assert "/CreationDate" not in (pdf_reader(statement, large_print=large_print).metadata or {})


def test_the_bytes_are_the_same_in_another_process_and_zone(tmp_path):
    source = (
        "import sys, hashlib;"
        "from tests.settlement.statement_examples import examples;"
        "from settlement.statement_pdf import render_pdf;"
        "print(hashlib.sha256(render_pdf(examples()['gift'])).hexdigest())"
    )
    found = {
        subprocess.run(
            [sys.executable, "-c", source],
            check=True,
            capture_output=True,
            text=True,
            env={"TZ": zone, "PYTHONPATH": ":".join(sys.path), "SOURCE_DATE_EPOCH": "86400"},
        ).stdout
        for zone in ("UTC", "Asia/Tokyo")
    }
    assert len(found) == 1


def elements(node, found=None):
    """Return the names of a structure tree's elements, in reading order."""
    found = [] if found is None else found
    node = node.get_object() if hasattr(node, "get_object") else node
    if isinstance(node, list):
        for child in node:
            elements(child, found)
    elif isinstance(node, dict) and "/S" in node:
        found.append(node["/S"])
        if "/K" in node:
            elements(node["/K"], found)
    elif isinstance(node, dict) and "/K" in node and "/Type" in node:
        elements(node["/K"], found)
    return found


@pytest.mark.parametrize("large_print", [False, True])
def test_a_screen_reader_finds_language_title_headings_and_tables(large_print):
    reader = pdf_reader(EXAMPLES["both"], large_print=large_print)
    root = reader.trailer["/Root"]
    assert root["/MarkInfo"]["/Marked"]
    assert root["/Lang"] == "en-GB"
    assert root["/ViewerPreferences"]["/DisplayDocTitle"]
    assert reader.metadata.title == "Riverside Power: statement for June 2026"
    assert b"pdfuaid" in root["/Metadata"].get_data()
    names = elements(root["/StructTreeRoot"])
    assert names.count("/H1") == 1
    assert names.count("/H2") >= 6
    assert names.count("/Table") >= 6
    assert names.count("/TH") >= 20
    assert names.index("/H1") < names.index("/H2") < names.index("/TH") < names.index("/TD")


def test_every_font_is_inside_the_file():
    for page in pdf_reader(replace(EXAMPLES["both"], member_name="Αθηνά محمد")).pages:
        for font in page["/Resources"]["/Font"].values():
            descendant = font.get_object().get("/DescendantFonts", [font])[0].get_object()
            descriptor = descendant["/FontDescriptor"].get_object()
            assert {"/FontFile", "/FontFile2", "/FontFile3"} & set(descriptor)


@pytest.mark.parametrize(("large_print", "least"), [(False, 10), (True, 18)])
def test_no_letter_is_smaller_than_promised(large_print, least):
    sizes = set()
    for page in pdf_reader(EXAMPLES["changed"], large_print=large_print).pages:

        def note(text, matrix, text_matrix, _font, size):
            if text.strip():
                sizes.add(round(abs(size * text_matrix[3] * matrix[3]), 1))

        page.extract_text(visitor_text=note)
    assert min(sizes) >= least
    assert max(sizes) > 2 * least


@pytest.mark.parametrize("name", ["Ada", "W" * 200, "שלום " * 30])
@pytest.mark.parametrize("large_print", [False, True])
def test_all_lies_within_the_margins(tmp_path, name, large_print):
    if shutil.which("pdftotext") is None:
        missing("poppler's pdftotext")
    paid = (payment_line(5 * PENNY_UNITS, name=name, reference=name),)
    statement = replace(EXAMPLES["vat"], member_name=name, community=name, payments=paid)
    file = tmp_path / "a.pdf"
    file.write_bytes(render_pdf(statement, large_print=large_print))
    boxes = subprocess.run(
        ["pdftotext", "-bbox", str(file), "-"], check=True, capture_output=True, text=True
    ).stdout
    words = re.findall(
        r'<word xMin="([\d.]+)" yMin="([\d.]+)" xMax="([\d.]+)" yMax="([\d.]+)"', boxes
    )
    assert len(words) > 100
    left, top, right, bottom = (list(map(float, side)) for side in zip(*words, strict=True))
    assert min(left) > 50
    assert min(top) > 40
    assert max(right) < 546
    assert max(bottom) < 820


def test_without_the_library_it_says_what_to_do(monkeypatch):
    statement_pdf._has_type.cache_clear()
    monkeypatch.setitem(sys.modules, "typst", None)
    with pytest.raises(SetupError, match="pip install typst, or take --format html"):
        render_pdf(EXAMPLES["sells"])
    with pytest.raises(SetupError, match="pip install typst"):
        render_pdf(replace(EXAMPLES["sells"], member_name="王伟"))


def test_a_page_that_cannot_be_set_says_what_to_do(monkeypatch):
    monkeypatch.setattr(statement_pdf, "SOURCE", "#panic(1)")
    with pytest.raises(SetupError, match=r"cannot be set as a PDF .*Take --format html"):
        render_pdf(EXAMPLES["sells"])


def test_no_other_command_loads_the_library():
    source = "import wallet_api.cli.app, sys; sys.exit('typst' in sys.modules)"
    subprocess.run([sys.executable, "-c", source], check=True)
