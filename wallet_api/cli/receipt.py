"""``commonwatt receipt``: one line of one household, in a file that proves itself."""

from pathlib import Path
from typing import Annotated

import typer

from ledger.errors import InputError
from ledger.primitives.periods import parse_date
from meters.readings import Channel
from settlement.audit.given import read_file
from settlement.audit.receipt import Receipt
from settlement.audit.receipt_command import check_file
from settlement.receipts import balance_receipt, line_receipt, payment_receipt, reading_receipt
from wallet_api.cli.context import member_named, open_here, say, settings_of, stop, warn
from wallet_api.cli.fields import half_hour_of
from wallet_api.cli.output import size_text, written

POSITION_DIGITS_MAX = 15
"""Longest log position on a command line: an id has 32 digits."""


def receipt(
    context: typer.Context,
    member: Annotated[str, typer.Argument(help="Name, or beginning of the id")],
    out: Annotated[Path, typer.Option(help="Write it here, as in line.tlog-proof")],
    payment: Annotated[
        str | None, typer.Option(metavar="N|ID", help="A payment: its log entry or id")
    ] = None,
    half_hour: Annotated[
        str | None, typer.Option(metavar="TIME", help="A settled half-hour: its local start")
    ] = None,
    reading: Annotated[
        tuple[str, Channel, str] | None,
        typer.Option(metavar="METER CHANNEL TIME", help="A reading"),
    ] = None,
    balance: Annotated[
        str | None, typer.Option(metavar="DATE", help="The balance when a local day was sealed")
    ] = None,
) -> None:
    """Write a receipt of one line, which anybody can check offline and which shows no neighbour's.

    A time is local, as in 2026-06-15T18:00, or UTC, as in 2026-06-15T17:00:00Z.

    Example: commonwatt receipt Ada --half-hour 2026-06-15T18:00 --out line.tlog-proof
    """
    if sum(choice is not None for choice in (payment, half_hour, reading, balance)) != 1:
        raise InputError("Say of what: one of --payment, --half-hour, --reading and --balance.")
    settings = settings_of(context)
    community = open_here(settings)
    found = member_named(community, member)
    with community.reading() as connection:
        arguments = (community, connection, found)
        zone, folder = community.state.rules_now.zone, settings.log_folder
        if payment is not None:
            made = payment_receipt(*arguments, _payment_of(payment), folder)
        elif half_hour is not None:
            made = line_receipt(*arguments, half_hour_of(half_hour, zone), folder)
        elif reading is not None:
            meter, channel, time = reading
            wanted = (meter, channel, half_hour_of(time, zone))
            made = reading_receipt(*arguments, wanted, folder)
        else:
            made = balance_receipt(*arguments, parse_date(balance or ""), folder)
        vkey = community.log_verifier(connection).vkey
        published = _is_published(folder, made)
    data = made.encode()
    with written(out) as file:
        file.write(data)
    say(f"Written: {out}: entry {made.proof.index}, {size_text(len(data))}")
    if not published:
        say("Its checkpoint is the database's own: publish the log, and others can compare it.")
    say(f"Check it: commonwatt audit receipt {out} --vkey {vkey}")


def audit_receipt(
    file: Annotated[Path, typer.Argument(help="A receipt, as in line.tlog-proof")],
    vkey: Annotated[
        str | None, typer.Option(help="The log's key, as the group published it")
    ] = None,
    policy: Annotated[
        Path | None, typer.Option(help="A policy file: the log's key and its witnesses")
    ] = None,
    member: Annotated[str | None, typer.Option(help="The id that it must be about")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="For programs")] = False,
) -> None:
    """Say what a receipt proves, and what it does not, offline.

    Exit code 0: proved; 1: not proved; 2: it cannot be read. Needs no database and trusts nobody;
    the same check runs without this program's other parts: python -m settlement.audit receipt FILE

    Example: commonwatt audit receipt line.tlog-proof --vkey riverside.example/ledger/1+90ad…
    """
    given = read_file(policy, "--policy")
    code, text = check_file(file.read_bytes(), vkey, given, member, as_json=as_json)
    if code == 0 or as_json:
        say(text)
    else:
        warn(text)
    if code:
        stop(code)


def _payment_of(text: str) -> int | str:
    return int(text) if text.isdecimal() and len(text) <= POSITION_DIGITS_MAX else text


def _is_published(folder: Path, made: Receipt) -> bool:
    checkpoint = folder / "checkpoint"
    return checkpoint.exists() and checkpoint.read_bytes() == made.proof.checkpoint
