"""The page about exports shows what is written, and what it tells the reader to run gives that."""

import hashlib
import io
import re
from contextlib import redirect_stdout
from pathlib import Path

import pytest

from ledger.beancount import write_beancount
from ledger.book import Balance
from ledger.columns import BALANCES, TRANSFERS, balance_rows, transfer_rows, write_csv
from ledger.hledger import write_journal
from ledger.parquet import write_parquet
from ledger.records import MOVES, Kind, Transfer

PAGE = (Path(__file__).parents[1] / "docs" / "exports.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```(\w+)\n(.*?)```\n", PAGE, re.DOTALL)
TITLE = "Our Street"
SOLD, BOUGHT = f"member/{'1e' * 16}/wallet", f"member/{'0f' * 16}/wallet"


def transfer(number, debit, credit, amount):
    return Transfer(
        hashlib.sha256(bytes([number])).digest()[:16], Kind.POST, debit, credit, amount, 989737
    )


PAIRS = [
    (transfer(1, "meter/1900012345678/export WH/0", "pool/street WH/0", 600), 331),
    (transfer(2, "pool/street WH/0", "meter/1900012345679/import WH/0", 600), 331),
    (transfer(3, f"{BOUGHT} LWD/7", f"{SOLD} LWD/7", 885_000), 331),
]


def text_of(write, *arguments, **options):
    out = io.StringIO()
    write(*arguments, out, **options)
    return out.getvalue()


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(text_of(write_journal, PAIRS, title=TITLE), id="hledger"),
        pytest.param(text_of(write_beancount, PAIRS, title=TITLE), id="beancount"),
        pytest.param(text_of(write_csv, TRANSFERS, transfer_rows(PAIRS)), id="csv"),
        pytest.param(
            text_of(
                write_csv,
                BALANCES,
                balance_rows({f"{SOLD} LWD/7": Balance(885_000, 0, 0, -(10**8))}),
            ),
            id="balances",
        ),
    ],
)
def test_an_example_of_the_page_is_what_is_written(text):
    assert text in [block for language, block in BLOCKS if language == "text"]


def test_the_program_of_the_page_gives_every_balance(tmp_path, monkeypatch):
    [program] = [block for language, block in BLOCKS if language == "python"]
    [shown] = [block for language, block in BLOCKS if language == "console"]
    with (tmp_path / "street.parquet").open("wb") as out:
        write_parquet(TRANSFERS, transfer_rows(PAIRS), out)
    monkeypatch.chdir(tmp_path)
    printed = io.StringIO()
    with redirect_stdout(printed):
        exec(compile(program, "docs/exports.md", "exec"), {})  # noqa: S102 - the page's own program
    assert [line.split() for line in printed.getvalue().splitlines()] == [
        line.split() for line in shown.splitlines()
    ]


def test_the_page_names_every_column_and_the_kinds_that_move():
    for column in (*TRANSFERS, *BALANCES):
        assert f"`{column.name}`" in PAGE
    for kind in Kind:
        assert f"`{kind.name.lower()}`" in PAGE
    names = re.findall(r"'(\w+)'", re.search(r"kind IN \((.*?)\)", PAGE)[1])
    assert {Kind[name.upper()] for name in names} == MOVES
