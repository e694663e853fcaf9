"""What no program here does: run words as code, start other programs, unpack objects, draw dice for keys.

A rule that is broken nowhere is shown by looking at every line; `docs/security.md` rests on it.
"""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGES = ("ledger", "market", "meters", "settlement", "wallet_api", "migrations")

RUNS = {"eval", "exec", "compile", "__import__"}
OTHER_PROGRAMS = {"subprocess", "pty", "commands"}
STARTS = {"system", "popen", "execv", "execvp", "execve", "spawnv", "spawnl", "startfile"}
OBJECTS = {"pickle", "marshal", "shelve", "dill", "yaml", "jsonpickle", "joblib"}
XML = {"lxml", "xml.etree", "xml.dom", "xml.sax", "xmlrpc"}
TEMPLATES = {"jinja2", "mako", "string.Template"}
WEAK = {"md5", "sha1", "DES", "TripleDES", "ARC4", "Blowfish", "ECB", "PKCS1v15"}
SQL = {"text", "exec_driver_sql", "execute"}

DICE = {"meters/simulation.py"}
"""Simulated weather; no key, salt or id comes from it."""

MADE_SQL = {
    "ledger/bulk.py": "names of tables and columns, as they are declared",
    "ledger/check_columns.py": "names of columns, as they are declared",
    "ledger/db.py": "names and numbers of settings, which are constants",
    "ledger/guards.py": "names of tables and triggers, as they are declared",
    "ledger/history.py": "parts of queries and numbers, which are constants",
    "ledger/inbox.py": "a channel's name of our own word and a community's number",
    "ledger/lease.py": "the word for the time, by engine",
    "ledger/witness_store.py": "a query that is a constant",
    "migrations/versions/0002_ledger.py": "names of tables and triggers, which are constants",
}
"""Files that put something into the text of a statement to the database, and what: values are always bound."""

MADE_PATTERNS = {
    "ledger/accounts.py": "another pattern, which is a constant",
    "meters/delivery_receipt.py": "a title, which is a constant",
    "settlement/constitution.py": "names of settings, from our own table",
}
"""Files that put something into a regular expression, and what."""

FORMS = {"CHANNEL", "POLICY", "_LAST_BATCH", "words"}
"""Texts with places that are filled in, by name: each is a constant."""


def name_of(node):
    """Return the last name of what is called."""
    return getattr(node, "attr", None) or getattr(node, "id", None)


def imports_of(node):
    if isinstance(node, ast.Import):
        return [each.name for each in node.names]
    if isinstance(node, ast.ImportFrom):
        return [node.module or "", *(f"{node.module}.{each.name}" for each in node.names)]
    return []


def is_made(node):
    """Return whether a text is put together where it is used."""
    if isinstance(node, ast.JoinedStr):
        return any(isinstance(part, ast.FormattedValue) for part in node.values)
    made = isinstance(node, ast.Call) and name_of(node.func) == "format"
    parts = (node.left, node.right) if isinstance(node, ast.BinOp) else ()
    return made or any(isinstance(getattr(part, "value", None), str) for part in parts)


def found_in(source):
    """Yield what a program does of all this."""
    for node in ast.walk(ast.parse(source)):
        for name in imports_of(node):
            for what, names in (
                ("starts", OTHER_PROGRAMS),
                ("objects", OBJECTS),
                ("XML", XML),
                ("templates", TEMPLATES),
                ("dice", {"random"}),
            ):
                if any(name == each or name.startswith(f"{each}.") for each in names):
                    yield what, name
        if isinstance(node, ast.Name | ast.Attribute) and name_of(node) in WEAK:
            yield "weak", name_of(node)
        if isinstance(node, ast.Call):
            yield from found_in_call(node)


def found_in_call(node):
    name, is_plain = name_of(node.func), isinstance(node.func, ast.Name)
    if is_plain and name in RUNS:
        yield "runs", name
    if not is_plain and name in STARTS:
        yield "starts", name
    if any(each.arg == "shell" for each in node.keywords):
        yield "starts", "shell"
    first = node.args[0] if node.args else None
    if name in SQL and is_made(first):
        yield "SQL", name
    owner = getattr(getattr(node.func, "value", None), "id", None)
    if owner == "re" and is_made(first):
        yield "patterns", name
    if name == "format" and not is_plain and isinstance(node.func.value, ast.Name):
        yield "format", node.func.value.id


def everything():
    """Yield (file, what it does, by which name)."""
    for package in PACKAGES:
        for path in sorted((ROOT / package).rglob("*.py")):
            place = path.relative_to(ROOT).as_posix()
            for what, name in found_in(path.read_text(encoding="utf-8")):
                yield place, what, name


FOUND = list(everything())


def those_that(*whats):
    return {(place, name) for place, what, name in FOUND if what in whats}


def test_no_program_runs_words_as_code_or_starts_another():
    assert those_that("runs", "starts") == set()


def test_no_objects_are_unpacked_and_xml_is_read_by_one_parser():
    assert those_that("objects", "XML") == set()


def test_pages_are_made_from_no_template_and_texts_by_no_form_from_outside():
    assert those_that("templates") == set()
    forms = {name for _, name in those_that("format")}
    assert forms == FORMS


def test_values_go_to_the_database_beside_the_statement():
    assert {place for place, _ in those_that("SQL")} == set(MADE_SQL)


def test_patterns_are_made_of_our_own_words():
    assert {place for place, _ in those_that("patterns")} == set(MADE_PATTERNS)


def test_keys_salts_and_ids_come_from_the_operating_system():
    assert {place for place, _ in those_that("dice")} == DICE


def test_no_weak_hash_or_cipher_is_used():
    assert those_that("weak") == set()


@pytest.mark.parametrize(
    ("line", "what"),
    [
        ("eval(words)", "runs"),
        ("import subprocess", "starts"),
        ("os.system(words)", "starts"),
        ("run(words, shell=True)", "starts"),
        ("from pickle import loads", "objects"),
        ("import xml.etree.ElementTree", "XML"),
        ("import jinja2", "templates"),
        ("WORDS.format(a)", "format"),
        ('connection.execute(text(f"SELECT {name}"))', "SQL"),
        ('exec_driver_sql("SELECT " + name)', "SQL"),
        ('re.compile(f"{name}+")', "patterns"),
        ("from random import choice", "dice"),
        ("hashlib.md5(data)", "weak"),
    ],
)
def test_the_search_finds_what_it_looks_for(line, what):
    assert what in {each for each, _ in found_in(line)}
