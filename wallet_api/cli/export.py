"""``commonwatt export``: all transfers and balances, in formats that other programs read.

The transfers are added up on their way out and compared with the ledger's balances; a file that
does not give every balance is not kept.

>>> from ledger.records import Kind
>>> tally = Tally(lambda count: None)
>>> move = Transfer(bytes([1] * 16), Kind.POST, "pool/a WH/0", "grid/export WH/0", 5, 989737)
>>> len(list(tally.watch([(move, 7)])))
1
>>> tally.compare({"pool/a WH/0": Balance(-5), "grid/export WH/0": Balance(4)})
Traceback (most recent call last):
    ...
ledger.errors.LogError: grid/export WH/0: its transfers sum to 5 and its balance is 4. ...
"""

import io
import os
import sys
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Annotated, BinaryIO, TextIO

import typer
from sqlalchemy import Connection, func, select

from ledger.beancount import write_beancount
from ledger.book import Balance
from ledger.columns import (
    BALANCES,
    TRANSFERS,
    Column,
    Row,
    balance_rows,
    transfer_rows,
    write_csv,
)
from ledger.errors import InputError, LogError, SetupError
from ledger.hledger import write_journal
from ledger.invariants import check_balances
from ledger.records import MOVES, Transfer
from ledger.tables import TransferRow
from settlement.community import Community
from wallet_api.cli.context import open_here, progress, say, settings_of
from wallet_api.cli.output import size_text, written

app = typer.Typer(help="Take everything out, in open formats.", no_args_is_help=True)

STEP = 1_000
"""Transfers between two looks of the progress bar."""

Out = Annotated[Path | None, typer.Option(help="Write it here [stdout]")]


class What(StrEnum):
    """Which table."""

    TRANSFERS = "transfers"
    BALANCES = "balances"


Table = Annotated[What, typer.Option("--what", help="One row a transfer, or one an account")]


@app.command()
def hledger(context: typer.Context, out: Out = None) -> None:
    """Write a complete hledger journal, with a balance assertion for every account.

    Example: commonwatt export hledger --out street.journal && hledger -f street.journal check
    """
    with _opened(context, out) as source, _text(out) as file:
        write_journal(source.transfers(), file, title=source.title, accounts=list(source.balances))
        source.check()
    source.report(out)


@app.command()
def beancount(context: typer.Context, out: Out = None) -> None:
    """Write a complete Beancount file, with a balance assertion for every account.

    Example: commonwatt export beancount --out street.beancount && bean-check street.beancount
    """
    with _opened(context, out) as source, _text(out) as file:
        write_beancount(
            source.transfers(), file, title=source.title, accounts=list(source.balances)
        )
        source.check()
    source.report(out)


@app.command("csv")
def csv_command(context: typer.Context, out: Out = None, what: Table = What.TRANSFERS) -> None:
    """Write one table as CSV; amounts are whole numbers of the asset's smallest unit.

    Example: commonwatt export csv --what balances --out balances.csv
    """
    with _opened(context, out) as source, _text(out) as file:
        write_csv(*source.table(what), file)
        source.check()
    source.report(out)


@app.command()
def parquet(
    context: typer.Context,
    out: Annotated[Path | None, typer.Option(help="Write it here: needed")] = None,
    what: Table = What.TRANSFERS,
) -> None:
    """Write one table as Parquet, for pandas, DuckDB and other programs that compute.

    Example: commonwatt export parquet --out street.parquet
    """
    if out is None or (out.exists() and not out.is_file() and not out.is_dir()):
        raise InputError("Parquet is no text for a terminal or pipe: name a file with --out.")
    try:
        # Loading it takes longer than most commands run.
        from ledger.parquet import write_parquet  # noqa: PLC0415
    except ImportError as error:
        raise SetupError(
            "Parquet needs the package pyarrow, which is not installed here: "
            "pip install pyarrow, or take commonwatt export csv."
        ) from error
    with _opened(context, out) as source, written(out) as file:
        metadata = {"title": source.title, "table": what.value, "amounts": "smallest units"}
        write_parquet(*source.table(what), file, metadata=metadata)
        source.check()
    source.report(out)


@dataclass
class Tally:
    """Counts and adds up transfers as they pass."""

    advance: Callable[[int], None]
    count: int = 0
    _sums: dict[str, int] = field(default_factory=lambda: defaultdict(int))

    def watch(self, transfers: Iterable[tuple[Transfer, int]]) -> Iterator[tuple[Transfer, int]]:
        """Yield the transfers as they are."""
        for transfer, position in transfers:
            if transfer.kind in MOVES:
                self._sums[transfer.debit] -= transfer.amount
                self._sums[transfer.credit] += transfer.amount
            yield transfer, position
            self.count += 1
            if self.count % STEP == 0:
                self.advance(STEP)

    def compare(self, balances: Mapping[str, Balance]) -> None:
        """Compare the sums with the ledger's balances.

        Raises:
            LogError: they differ; names the account.
        """
        for account in sorted(balances.keys() | self._sums.keys()):
            ours = balances[account].posted if account in balances else None
            total = self._sums.get(account, 0)
            if ours != total:
                raise LogError(
                    f"{account}: its transfers sum to {total} and its balance is {ours}. Do not "
                    "use this export; restore a backup, or audit a bundle to see what is wrong."
                )


@dataclass
class _Source:
    """One consistent view of a ledger, to be written out."""

    community: Community
    connection: Connection
    balances: dict[str, Balance]
    tally: Tally
    watched: bool = False

    @property
    def title(self) -> str:
        return self.community.name

    def transfers(self) -> Iterator[tuple[Transfer, int]]:
        self.watched = True
        return self.tally.watch(self.community.writer.ledger.transfers(self.connection))

    def table(self, what: What) -> tuple[tuple[Column, ...], Iterator[Row]]:
        if what is What.TRANSFERS:
            return TRANSFERS, transfer_rows(self.transfers())
        return BALANCES, balance_rows(self.balances)

    def check(self) -> None:
        """Check what was written, before it gets its name."""
        if self.watched:
            self.tally.compare(self.balances)
        else:
            check_balances(self.balances)

    def report(self, out: Path | None) -> None:
        """Say what was written; nothing beside an export to standard output."""
        if out is None:
            return
        accounts = f"{len(self.balances):,} accounts"
        content = f"{self.tally.count:,} transfers, {accounts}" if self.watched else accounts
        size = f", {size_text(out.stat().st_size)}" if out.is_file() else ""
        say(f"Written: {out}: {content}{size}")


@contextmanager
def _opened(context: typer.Context, out: Path | None) -> Iterator[_Source]:
    community = open_here(settings_of(context))
    # A bar on the terminal that takes the text would stand between its lines.
    shown = out is not None or not sys.stdout.isatty()
    with community.reading() as connection:
        balances = community.writer.ledger.balances(connection)
        total = _count(connection, community)
        with progress("Transfers", total) if shown else nullcontext(_no_bar) as advance:
            yield _Source(community, connection, balances, Tally(advance))


@contextmanager
def _text(out: Path | None) -> Iterator[TextIO]:
    """Open a text file that is whole or not there, or take standard output."""
    if out is not None:
        with written(out) as binary, _utf8(binary) as file:
            yield file
        return
    try:
        yield sys.stdout
        sys.stdout.flush()
    except BrokenPipeError:
        # The reader has seen enough, as with `| head`. What is left must go somewhere.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


@contextmanager
def _utf8(binary: BinaryIO) -> Iterator[TextIO]:
    file = io.TextIOWrapper(binary, encoding="utf-8", newline="\n")
    try:
        yield file
    finally:
        file.detach()  # the bytes are out, and the file stays open for its owner


def _count(connection: Connection, community: Community) -> int:
    table = TransferRow.__table__  # type: ignore[attr-defined]
    mine = table.c.community == community.writer.community
    return connection.scalar(select(func.count()).select_from(table).where(mine)) or 0


def _no_bar(_count: int) -> None:
    """Show nothing."""
