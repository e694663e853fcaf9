"""The page on household statements names every field of JSON and CSV, and no other."""

import re
from pathlib import Path

from settlement.statement_csv import CsvRow, render_csv
from settlement.statement_json import statement_json
from tests.settlement.statement_examples import examples

PAGE = (Path(__file__).parents[1] / "docs/spec/household-statements.md").read_text("utf-8")


def named(part, column=0):
    """Return the names in a column of a part's tables."""
    text = PAGE.split(f"## {part}\n")[1].split("\n## ")[0]
    cells = [row.split("|")[column + 1] for row in text.splitlines() if row.startswith("| `")]
    return [name for cell in cells for name in re.findall(r"`([^`]+)`", cell)]


def test_json():
    fields = {name for statement in examples().values() for name in statement_json(statement)}
    assert sorted(named("JSON")) == sorted(fields)
    value = statement_json(examples()["vat"])
    words = " ".join(named("JSON", 1))
    for part in ("community", "charges", "seals"):
        first = value[part][0] if isinstance(value[part], list) else value[part]
        assert all(name in words for name in first), part


def test_csv():
    names = named("CSV")
    columns = [name for name in names if name in CsvRow._fields]
    assert [*dict.fromkeys(columns)] == list(CsvRow._fields)
    sections = {
        row.split(",")[0].strip('"') if not row.startswith('"') else row.split('"')[1]
        for statement in examples().values()
        for row in render_csv(statement).splitlines()[1:]
    }
    assert set(names) - set(CsvRow._fields) == sections - set(CsvRow._fields)
