"""The table of docs/security.md: every requirement once, every test and file that it names is there."""

import ast
import re
from collections import Counter
from functools import lru_cache
from pathlib import Path

import pytest

from tests.test_docs_links import anchors

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "security.md"
LEVELS = ROOT / "tests" / "fixtures" / "asvs-5.0.0-levels.txt"
STATES = ("met", "partly", "not met", "does not apply")
ROW = re.compile(r"\| (\d+\.\d+\.\d+) \| ([^|]*) \| ([^|]*) \| ([^|]*) \| ([^|]*) \|")
TEST = re.compile(r"(tests/[\w/]+\.py)::(\w+(?:::\w+)?)")
FILE = re.compile(
    r"`((?:docs|tests|ledger|market|meters|settlement|wallet_api|deploy|migrations)/[\w/.-]+\.\w+|"
    r"\w+\.(?:toml|txt))`"
)
READ = re.compile(r"by reading: (?:`[\w/.-]+`|\[[^\]]+\]\(#[\w-]+\))")
OUGHT = 253
"""Requirements of levels 1 and 2."""


def wanted():
    """Return the level of each requirement of levels 1 and 2, by number."""
    found = {}
    for line in LEVELS.read_text(encoding="utf-8").splitlines():
        if not line.startswith("#"):
            section, levels = line.split()
            found |= {f"{section}.{n}": level for n, level in enumerate(levels, 1) if level != "3"}
    return found


@lru_cache
def names_in(path):
    """Return the names of a file's tests; those of a class as `Class::test`."""
    file = ROOT / path
    if not file.exists():
        return frozenset()
    names = set()
    for node in ast.parse(file.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            names.add(node.name)
        if isinstance(node, ast.ClassDef):
            defs = ast.FunctionDef | ast.AsyncFunctionDef
            names |= {f"{node.name}::{each.name}" for each in node.body if isinstance(each, defs)}
    return frozenset(each for each in names if each.split("::")[-1].startswith("test_"))


def rows_of(text):
    return [tuple(map(str.strip, row)) for row in ROW.findall(text)]


def counted(rows):
    """Return the table of counts: a row each for level 1, level 2 and both."""
    table = []
    for levels in ("1", "2", "12"):
        of = Counter(state for _, level, _, state, _ in rows if level in levels)
        table.append([*(of[state] for state in STATES), of.total()])
    return table


def wrong_in(text):
    """Yield what is wrong with a page, in words."""
    rows, ought = rows_of(text), wanted()
    numbers = Counter(number for number, *_ in rows)
    yield from (f"{n} is missing" for n in ought if n not in numbers)
    yield from (f"{n} is none of levels 1 and 2" for n in numbers if n not in ought)
    yield from (f"{n} stands there {times} times" for n, times in numbers.items() if times > 1)
    for number, level, asked, state, how in rows:
        yield from (f"{number}: {words}" for words in wrong_with(state, asked, how))
        if level != ought.get(number):
            yield f"{number} is of level {ought.get(number)}"
    told = re.findall(r"^\| (?:level 1|level 2|both) \|(.*)\|$", text, re.MULTILINE)
    if [[int(each) for each in row.split("|")] for row in told] != counted(rows):
        yield f"the counts are {counted(rows)}"


def wrong_with(state, asked, how):
    if state not in STATES:
        yield f"no state: {state}"
    if not asked or not how:
        yield "says nothing"
    if state == "met" and not TEST.search(how) and not READ.search(how):
        yield "met, and neither a test nor what to read"
    if state in ("partly", "not met") and not re.search(r"[a-z]{3}", TEST.sub("", how)):
        yield "does not say what is missing"
    for path, name in TEST.findall(how):
        if name not in names_in(path):
            yield f"no test {path}::{name}"
    for path in FILE.findall(how):
        if not (ROOT / path).exists():
            yield f"no file {path}"


def test_every_requirement_stands_once_with_its_test_and_every_count_is_right():
    text = PAGE.read_text(encoding="utf-8")
    assert list(wrong_in(text)) == []
    assert len(wanted()) == len(rows_of(text)) == OUGHT


def test_what_is_to_be_read_is_there():
    text = PAGE.read_text(encoding="utf-8")
    found = anchors(text)
    for anchor in re.findall(r"\]\(#([\w-]+)\)", text):
        assert anchor in found
    assert len([row for row in rows_of(text) if "by reading" in row[-1]]) < OUGHT // 6


ROW_OF = "| 1.2.5 | 1 | no command"
GOOD = "test_no_program_runs_words_as_code_or_starts_another"


@pytest.mark.parametrize(
    ("before", "after", "words"),
    [
        (
            GOOD,
            "test_that_nobody_wrote",
            "no test tests/test_plain_code.py::test_that_nobody_wrote",
        ),
        ("tests/test_plain_code.py::", "tests/test_nowhere.py::", "no test tests/test_nowhere.py"),
        (" met ", " nearly ", "no state: nearly"),
        ("| 1.2.5 | 1 |", "| 1.2.5 | 2 |", "1.2.5 is of level 1"),
        ("| 1.2.5 |", "| 1.2.10 |", "1.2.10 is none of levels 1 and 2"),
        ("| 1.2.5 |", "| 1.2.4 |", "1.2.5 is missing"),
        ("| 1.2.5 |", "| 1.2.4 |", "1.2.4 stands there 2 times"),
        (" met ", " partly ", "the counts are"),
    ],
)
def test_a_page_that_is_wrong_is_found_out(before, after, words):
    lines = PAGE.read_text(encoding="utf-8").splitlines()
    [place] = [n for n, line in enumerate(lines) if line.startswith(ROW_OF)]
    assert before in lines[place]
    lines[place] = lines[place].replace(before, after)
    assert any(words in each for each in wrong_in("\n".join(lines)))


def test_a_met_without_a_test_and_a_file_that_is_not_there_are_found_out():
    assert list(wrong_with("met", "asked", "We are sure of it.")) != []
    assert list(wrong_with("met", "asked", "by reading: `ledger/nothing.py`")) != []
    assert list(wrong_with("met", "asked", "by reading: `ledger/keys.py`")) == []
    assert list(wrong_with("partly", "asked", "")) != []
