"""Append only, in the domain and in the code: no program here edits what is kept."""

import ast
import re
from dataclasses import FrozenInstanceError
from pathlib import Path

import pytest

from ledger.book import Book
from ledger.records import Kind, Transfer
from ledger.tables import REWRITTEN
from wallet_api.database import APPEND_ONLY, ERASABLE, metadata
from wallet_api.door.tables import CHANGING

ROOT = Path(__file__).parents[1]
PACKAGES = ("ledger", "market", "meters", "settlement", "wallet_api")

EDITS = re.compile(
    r"\b(UPDATE|DELETE\s+FROM|TRUNCATE(?:\s+TABLE)?|REPLACE\s+INTO|INSERT\s+OR\s+\w+\s+INTO)"
    r"\s+(?:ONLY\s+)?\"?(\w+|\{)",
    re.IGNORECASE,
)
UPSERT = re.compile(r"INSERT\s+INTO\s+(\w+).*ON\s+CONFLICT.*DO\s+UPDATE", re.DOTALL)
PROSE = {"is", "and", "of", "or", "as", "the", "on", "to", "trigger", "privilege", "set"}


def edits_in(source):
    """Yield (verb, table) of every statement in a program that changes or removes rows."""
    tree = ast.parse(source)
    rows = _tables_named(tree)
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            method = isinstance(node.func, ast.Attribute)
            name = node.func.attr if method else ast.unparse(node.func)
            over = [node.func.value] if method else []
            if name in ("update", "delete"):
                named = map(ast.unparse, [*over, *node.args[:1]])
                yield from ((name, rows[table]) for table in named if table in rows)
        elif isinstance(node, ast.Constant | ast.JoinedStr):
            yield from _edits_in_sql(ast.unparse(node))


def _tables_named(tree):
    """Return the row class by the name that a module gives its table."""
    rows = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign):
            target, value = node.targets[0], node.value
            targets = target.elts if isinstance(target, ast.Tuple) else [target]
            values = value.elts if isinstance(value, ast.Tuple) else [value]
            for one, its in zip(targets, values, strict=False):
                if isinstance(its, ast.Attribute) and its.attr == "__table__":
                    rows[ast.unparse(one)] = ast.unparse(its.value)
    return rows


def _edits_in_sql(text):
    for verb, table in EDITS.findall(text):
        if verb.isupper() and table.lower() not in PROSE:
            yield verb, table
    for table in UPSERT.findall(text):
        yield "UPSERT", table


WITNESS = ("ledger/witness_store.py", "seen")
"""A witness's own file, not the ledger: how far each log was seen, which only moves forward."""

OUTBOX = "meters/outbox.py"
"""An adapter's own file, on its own machine: a queue."""


def tables_by_row():
    return {mapper.class_.__name__: mapper.local_table.name for mapper in _registry().mappers}


def _registry():
    from sqlmodel import SQLModel  # noqa: PLC0415 - only this helper needs it

    return SQLModel._sa_registry


def test_every_table_is_append_only_rewritten_or_erasable():
    names = {table.name for table in metadata().sorted_tables}
    groups = [set(APPEND_ONLY), set(REWRITTEN), set(ERASABLE), set(CHANGING)]
    assert names == set.union(*groups)
    assert sum(map(len, groups)) == len(names)


def test_no_program_changes_or_removes_a_row_that_is_kept():
    by_row = tables_by_row()
    found = []
    for package in PACKAGES:
        for path in sorted((ROOT / package).rglob("*.py")):
            for verb, table in edits_in(path.read_text(encoding="utf-8")):
                found.append((path.relative_to(ROOT).as_posix(), verb, by_row.get(table, table)))
    kept = [
        (file, verb, table)
        for file, verb, table in found
        if table not in (*REWRITTEN, *ERASABLE, *CHANGING)
        and (file, table) != WITNESS
        and file != OUTBOX
    ]
    # The guards' own text names no table: it is put in.
    assert {edit for edit in kept if edit[2] != "{"} == set()
    assert {edit[0] for edit in kept} <= {"ledger/guards.py"}
    assert {"balance", "log_head", "lease", "inbox"} <= {edit[2] for edit in found}


@pytest.mark.parametrize(
    "line",
    [
        'connection.execute(text("UPDATE transfer SET amount = 1"))',
        'connection.exec_driver_sql(f"DELETE FROM batch WHERE number = {n}")',
        "_batches = BatchRow.__table__\nconnection.execute(update(_batches).values(position=1))",
        "a, _batches = 1, BatchRow.__table__\nconnection.execute(_batches.delete())",
        'connection.execute(text("INSERT OR REPLACE INTO transfer VALUES (1)"))',
        'text("INSERT INTO batch VALUES (1) ON CONFLICT (number) DO UPDATE SET position = 2")',
    ],
)
def test_the_search_finds_what_it_looks_for(line):
    assert list(edits_in(line))


def test_a_transfer_cannot_be_edited_and_a_book_has_no_verb_that_would():
    transfer = Transfer(bytes(16), Kind.POST, "pool/a WH/0", "grid/export WH/0", 5, 989737)
    with pytest.raises(FrozenInstanceError):
        transfer.amount = 6
    verbs = {name for name in vars(Book) if not name.startswith("_")}
    assert verbs == {
        *("open", "limit", "apply", "apply_each", "expire", "add_hold", "note_amendment")
    }
