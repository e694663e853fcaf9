"""What several commands read and write alike: amounts, times, files, questions.

>>> money("-12.50"), money("3")
(-125000000, 30000000)
"""

import csv
import hashlib
import sys
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from ledger import people
from ledger.errors import InputError, RefusedError
from ledger.key_life import DAY_PERIODS
from ledger.primitives.clock import FixedClock
from ledger.primitives.money import UNITS_PER_MAJOR
from ledger.primitives.periods import SECONDS, from_instant, load_zone, parse_utc, start_utc
from settlement.community import Community
from settlement.openings_file import read_amount
from wallet_api.cli.context import member_named, open_here, settings_of

Reason = Annotated[str, typer.Option(help="Why, in words: it stands in the signed statement")]
AsJson = Annotated[bool, typer.Option("--json", help="For programs")]
At = Annotated[
    str | None,
    typer.Option(
        metavar="TIME",
        help="Only where past readings are replayed: do it at 2026-07-10T05:00:00Z [now]",
    ),
]
Who = Annotated[str, typer.Argument(help="Name, or beginning of the id")]

BLOCK_BYTES = 1 << 20
"""How much of a file of evidence is read at a time."""


def open_at(context: typer.Context, at: str | None) -> Community:
    """Open the community, at a later time of its simulated clock if one is given.

    Raises:
        RefusedError: its clock is the real one, or stands later already.
    """
    community = open_here(settings_of(context))
    if at is None:
        return community
    clock, period = community.writer.clock, parse_utc(at)
    if not isinstance(clock, FixedClock):
        raise RefusedError("This community's clock is the real one: leave --at out, and wait.")
    time_ms, now_ms = period * SECONDS * 1000, clock.now_ms()
    if time_ms <= now_ms:
        raise RefusedError(
            f"The simulated clock stands at {start_utc(now_ms // (SECONDS * 1000)):%Y-%m-%d %H:%M} "
            "UTC or later, and never goes back."
        )
    clock.set_ms(time_ms)
    return community


def who(community: Community, text: str) -> tuple[str, str]:
    """Return the id and the whole name of the member whom a text names.

    Raises:
        InputError: none, or several.
    """
    member = member_named(community, text)
    with community.reading() as connection:
        names = people.names(connection, community.writer.community)
    return member, names.get(member, member[:8])


def id_ending(ids: Iterable[str], text: str, noun: str, where: str) -> str:
    """Return the one of some ids that ends with a text: beginnings are times, and much alike.

    Raises:
        InputError: none, or several; says where they are listed.
    """
    found = [each for each in ids if text and each.endswith(text.lower())]
    if len(found) != 1:
        several = f"several {noun}s' ids end" if found else f"no {noun}'s id ends"
        raise InputError(f"{text!r}: {several} with it. See '{where}'.")
    return found[0]


def last_period(community: Community, days: int) -> int:
    """Return the last half-hour of a time that begins now and has so many days of 24 hours."""
    return community.writer.now_period() + days * DAY_PERIODS - 1


def money(text: str) -> int:
    """Read an amount of the currency, as in ``12.50``, in units.

    Raises:
        InputError: not an amount.
    """
    return read_amount(text)


def positive_money(text: str) -> int:
    """Read an amount above zero.

    Raises:
        InputError: not one.
    """
    units = money(text)
    if units <= 0:
        raise InputError(f"{text!r} is not an amount above zero.")
    return units


def exact_money(units: int) -> str:
    """Write units as pounds with all the decimals that they have, at least two.

    >>> exact_money(125_000_000), exact_money(-1)
    ('£12.50', '−£0.0000001')
    """
    sign = "−" if units < 0 else ""
    whole, part = divmod(abs(units), UNITS_PER_MAJOR)
    decimals = f"{part:07d}".rstrip("0").ljust(2, "0")
    return f"{sign}£{whole:,}.{decimals}"


def local_time(community: Community, period: int) -> str:
    """Write a half-hour's start on the community's clocks, as in ``2026-07-10 05:00``."""
    zone = load_zone(community.state.rules_now.zone)
    return f"{start_utc(period).astimezone(zone):%Y-%m-%d %H:%M}"


def read_rows(path: Path) -> "csv.DictReader[str]":
    """Return a reader of a CSV file with a first line of names; rows count from line 2.

    Raises:
        InputError: not text in UTF-8, or no CSV: a field without an end, say.
    """
    try:
        rows = path.read_text(encoding="utf-8-sig").splitlines()
    except UnicodeDecodeError as error:
        raise InputError(f"{path} is not UTF-8 text") from error
    try:
        for _ in csv.reader(rows):  # once to the end: a reader says only there that it cannot go on
            pass
    except csv.Error as error:
        raise InputError(f"{path} is not CSV: {error}") from error
    return csv.DictReader(rows)


def file_hash(path: Path) -> str:
    """Return the SHA-256 of a file, in hexadecimal."""
    digest = hashlib.sha256()
    with path.open("rb") as stream:
        while block := stream.read(BLOCK_BYTES):
            digest.update(block)
    return digest.hexdigest()


def agreed(question: str, *, yes: bool) -> bool:
    """Return whether the person at the keyboard says yes, or said so beforehand."""
    if yes:
        return True
    if not sys.stdin.isatty():
        raise RefusedError("Nothing was written: say --yes, or answer at a terminal.")
    return typer.confirm(question)


def half_hour_of(text: str, zone: str) -> int:
    """Return the half-hour that begins at a local time, or at a UTC time that ends in Z.

    Raises:
        InputError: not a time, off the half-hour, or one that the local clock shows twice or never.

    >>> half_hour_of("2026-06-15T18:00", "Europe/London")
    989746
    """
    if text.endswith("Z"):
        return parse_utc(text)
    try:
        local = datetime.strptime(text, "%Y-%m-%dT%H:%M").replace(tzinfo=load_zone(zone))
    except ValueError as error:
        raise InputError(f"{text!r} is not a local time like 2026-06-15T18:00") from error
    if local.astimezone(UTC) != local.replace(fold=1).astimezone(UTC):
        raise InputError(
            f"The clocks changed then: {text} is twice or never. Write it in UTC, as in "
            "2026-10-25T00:30:00Z."
        )
    return from_instant(local)
