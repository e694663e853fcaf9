r"""DSMR P1: telegrams of the customer port of Dutch, Belgian and similar meters.

Source: Netbeheer Nederland, Dutch Smart Meter Requirements, P1 Companion Standard (2.2 to 5.0),
and EN 62056-21 for the form. A telegram begins with a line ``/``, ends with ``!`` and, from
version 4, a CRC16 over all from one to the other. Its registers are running totals: `registers`
makes half-hours of them.

A telegram before version 4 has no time. Whoever captures one writes a line above it with the time
at which it came, as in ``@2026-06-15T12:30:00Z``.

>>> import io
>>> lines = ["@2026-06-15T12:30:00Z", "/ISk5X", "", "0-0:96.1.1(4131)", "1-0:1.8.1(1.5*kWh)"]
>>> text = "\r\n".join([*lines, "1-0:1.8.2(2.0*kWh)", "!", ""])
>>> for item in read_dsmr_p1(io.BytesIO(text.encode()), ReadOptions()):
...     print(item.as_json())
{'meter': 'A1', 'channel': 'import', 'at': '2026-06-15T12:30:00Z', 'register_wh': 3500}
"""

import re
from array import array
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache
from struct import unpack
from typing import BinaryIO
from zoneinfo import ZoneInfo

from ledger.errors import InputError
from ledger.primitives.energy import wh_from_text
from ledger.primitives.periods import PERIOD_MAX, SECONDS, load_zone
from meters.formats.lines import LINES_MAX, ReadOptions, check_meter, excerpt
from meters.formats.registers import Registers
from meters.readings import Advance, Block, Channel, Place, Refusal, RegisterRead

LINE_BYTES_MAX = 8192
"""Longest line: a message to the customer has up to 2,048 characters."""

TELEGRAM_BYTES_MAX = 32_768
"""Longest telegram: a version 5 meter with four others and two messages sends 6,000 bytes."""

ZONE = "Europe/Amsterdam"
"""The clock of meters, unless another zone is declared; Belgium's shows the same."""

_OBJECT = re.compile(rb"([0-9]-[0-9]{1,2}:[0-9]{1,3}\.[0-9]{1,3}\.[0-9]{1,3})\((.*)\)")
_END = re.compile(rb"!([0-9A-Fa-f]{1,4})?")
_RECEIVED = re.compile(rb"@([0-9]{4})-([0-9]{2})-([0-9]{2})T([0-9]{2}):([0-9]{2}):([0-9]{2})Z")
_TIME = re.compile(rb"([0-9]{2})([0-9]{2})([0-9]{2})([0-9]{2})([0-9]{2})([0-9]{2})([SW])")
_ENERGY = re.compile(rb"([0-9]{1,9}(?:\.[0-9]{1,3})?)\*(k?Wh)")
_HEX = re.compile(r"(?:[0-9A-Fa-f]{2})+")
_MARKS = re.compile(rb"(?:\A|\n)/[0-9A-Za-z]{3}"), re.compile(rb"\n1-0:[12]\.8\.[012]\(")
_CLOCK, _METER, _VERSIONS = b"0-0:1.0.0", b"0-0:96.1.1", (b"1-3:0.2.8", b"0-0:96.1.4")
_REGISTERS = {
    Channel.IMPORT: (b"1-0:1.8.1", b"1-0:1.8.2", b"1-0:1.8.0"),
    Channel.EXPORT: (b"1-0:2.8.1", b"1-0:2.8.2", b"1-0:2.8.0"),
}
_WANTED = {_CLOCK, _METER, *_VERSIONS, *(code for codes in _REGISTERS.values() for code in codes)}


@dataclass(slots=True)
class _Telegram:
    """The lines of a telegram so far."""

    line: int
    offset: int
    received: int | None
    raw: list[bytes] = field(default_factory=list)
    length: int = 0

    @property
    def place(self) -> Place:
        return Place(self.line, self.offset, self.length)

    def add(self, raw: bytes) -> None:
        self.length += len(raw)
        if self.length <= TELEGRAM_BYTES_MAX:
            self.raw.append(raw)


def read_dsmr_p1(
    stream: BinaryIO, options: ReadOptions
) -> Iterator[Block | Advance | RegisterRead | Refusal]:
    """Yield what the registers of a file of telegrams advanced, and what was refused.

    Args:
        stream: telegrams one after another, in the order of time.
        options: `zone` of the meter's clock, if it is not Europe/Amsterdam; `meter` for telegrams
            that do not name theirs.

    Raises:
        InputError: a line is too long, there are too many, or too many registers.
    """
    zone = load_zone(options.zone or ZONE)
    registers = Registers()
    for telegram in _telegrams(stream):
        if isinstance(telegram, Refusal):
            yield telegram
            continue
        try:
            reads = _read(telegram, zone, options)
        except InputError as error:
            yield Refusal(telegram.line, f"{error}; none of the telegram was read")
            continue
        for read in reads:
            yield from registers.add(read)
    yield from registers.close()


def looks_like_dsmr_p1(head: bytes) -> bool:
    """Return whether a telegram with an energy register stands in a file's beginning."""
    begin = _MARKS[0].search(head)
    return begin is not None and _MARKS[1].search(head, begin.end()) is not None


def crc16(data: bytes) -> int:
    """Return the CRC of a telegram, from its ``/`` to its ``!``: polynomial 0x8005, reflected.

    >>> f"{crc16(b'123456789'):04X}"
    'BB3D'
    """
    pairs, crc = _crc_of_pairs(), 0
    whole = len(data) & ~1
    for pair in unpack(f"<{whole // 2}H", data[:whole]):
        crc = pairs[crc ^ pair]
    # A last single byte is shifted in alone.
    return crc if whole == len(data) else _shift(crc ^ data[-1], 8)


def _shift(crc: int, bits: int) -> int:
    for _ in range(bits):
        crc = crc >> 1 ^ (0xA001 if crc & 1 else 0)
    return crc


@cache
def _crc_of_pairs() -> "array[int]":
    """Return the CRC after each two bytes: one look-up for both, since it is as long as they."""
    bytes_ = [_shift(value, 8) for value in range(256)]
    once = [value >> 8 ^ bytes_[value & 0xFF] for value in range(65_536)]
    return array("H", (once[value] for value in once))


def _telegrams(stream: BinaryIO) -> Iterator[_Telegram | Refusal]:
    """Yield each telegram that is complete, and lines that belong to none."""
    telegram: _Telegram | None = None
    received: int | None = None
    strayed = False  # a stretch of stray lines is refused once
    for number, offset, raw in _raw_lines(stream):
        stamp = _RECEIVED.fullmatch(raw.strip())
        if telegram is not None and (stamp or raw.startswith(b"/")):
            yield Refusal(telegram.line, "the telegram is cut off: another one begins within it")
            telegram = None
        if raw.startswith(b"/"):
            telegram, received, strayed = _Telegram(number, offset, received), None, False
        if telegram is not None:
            telegram.add(raw)
            if raw.startswith(b"!"):
                yield telegram
                telegram = None
        elif stamp:
            received = _utc(stamp)
            if received is None:
                yield Refusal(number, f"{excerpt(raw.strip().decode())} is not a time")
        elif raw.strip() and not strayed:
            strayed = True
            yield Refusal(number, "this line stands outside of a telegram, which begins with /")
    if telegram is not None:
        yield Refusal(telegram.line, "the telegram is cut off: the file ends within it")


def _raw_lines(stream: BinaryIO) -> Iterator[tuple[int, int, bytes]]:
    """Yield each line's number, offset and bytes with its ending, which the CRC counts."""
    number = offset = 0
    while raw := stream.readline(LINE_BYTES_MAX + 1):
        number += 1
        if len(raw) > LINE_BYTES_MAX or number > LINES_MAX:
            raise InputError(
                f"line {number} is longer than {LINE_BYTES_MAX:,} bytes, or beyond"
                f" {LINES_MAX:,} lines; is this a file of telegrams?"
            )
        yield number, offset, raw
        offset += len(raw)


def _read(telegram: _Telegram, zone: ZoneInfo, options: ReadOptions) -> list[RegisterRead]:
    """Return the registers of a telegram.

    Raises:
        InputError: says why none of it can be taken.
    """
    if telegram.length > TELEGRAM_BYTES_MAX:
        raise InputError(f"the telegram is longer than {TELEGRAM_BYTES_MAX:,} bytes")
    checked = _check_crc(telegram.raw)
    objects = _objects(telegram.raw)
    if not checked and (_CLOCK in objects or any(code in objects for code in _VERSIONS)):
        raise InputError("its CRC is missing, which a telegram of this version has")
    at = _instant(objects, telegram.received, zone)
    meter = _meter(objects, options)
    totals = {channel: _total(objects, channel) for channel in Channel}
    if totals[Channel.IMPORT] is None:
        raise InputError("it has no register of imported energy (1-0:1.8.1 and 1-0:1.8.2)")
    return [
        RegisterRead(meter, channel, at, wh, telegram.place)
        for channel, wh in totals.items()
        if wh is not None
    ]


def _check_crc(raw: list[bytes]) -> bool:
    """Return whether the telegram has a CRC, which is then right.

    Raises:
        InputError: it is wrong.
    """
    end = _END.fullmatch(raw[-1].strip())
    if end is None:
        raise InputError(f"its end {excerpt(raw[-1].strip().decode('ascii', 'replace'))} is no CRC")
    if end[1] is None:
        return False
    body = b"".join(raw[:-1]) + b"!"
    found = crc16(body)
    if b"\r" not in body:
        # Saved with other line ends: the meter's own were CR LF, and the CRC proves it.
        found = crc16(body.replace(b"\n", b"\r\n"))
    if found != int(end[1], 16):
        raise InputError(
            f"its CRC is {found:04X}, but it says {end[1].decode()}; bytes were lost or changed"
        )
    return True


def _objects(raw: list[bytes]) -> dict[bytes, bytes]:
    objects: dict[bytes, bytes] = {}
    for line in raw:
        found = _OBJECT.fullmatch(line.strip())
        if found and found[1] in _WANTED and objects.setdefault(found[1], found[2]) != found[2]:
            raise InputError(f"it says {found[1].decode()} twice, with two values")
    return objects


def _instant(objects: dict[bytes, bytes], received: int | None, zone: ZoneInfo) -> int:
    """Return the telegram's time, in seconds since the Unix epoch."""
    text = objects.get(_CLOCK)
    if text is None:
        if received is None:
            raise InputError(
                "it has no time, as before version 4; write the time at which it came above it, as"
                " in @2026-06-15T12:30:00Z"
            )
        return received
    shown = excerpt(text.decode("ascii", "replace"))
    found = _TIME.fullmatch(text)
    if found is None:
        raise InputError(f"its time {shown} is not YYMMDDhhmmss and S or W")
    year, *rest = (int(part) for part in found.groups()[:6])
    try:
        local = datetime(2000 + year, *rest)  # type: ignore[arg-type]  # noqa: DTZ001
    except ValueError as error:
        raise InputError(f"its time {shown} is not a time: {error}") from error
    for fold in (0, 1):
        aware = local.replace(tzinfo=zone, fold=fold)
        instant = aware.astimezone(UTC)
        summer = aware.dst() != timedelta(0)
        same = instant.astimezone(zone).replace(tzinfo=None) == local
        if same and summer == (found[7] == b"S"):
            return int(instant.timestamp())
    season = "summer" if found[7] == b"S" else "winter"
    raise InputError(
        f"its time {shown} is {season} time, which {zone.key} does not have then; declare the"
        " meter's zone with --zone, or check its clock"
    )


def _utc(found: re.Match[bytes]) -> int | None:
    try:
        instant = datetime(*(int(part) for part in found.groups()), tzinfo=UTC)  # type: ignore[arg-type,misc]
    except ValueError:
        return None
    seconds = int(instant.timestamp())
    return seconds if 0 <= seconds <= PERIOD_MAX * SECONDS else None


def _meter(objects: dict[bytes, bytes], options: ReadOptions) -> str:
    text = objects.get(_METER, b"").decode("ascii", "replace")
    if not text:
        if options.meter is None:
            raise InputError("it does not name its meter (0-0:96.1.1); declare it with --meter")
        return check_meter(options.meter)
    if _HEX.fullmatch(text) is None:
        raise InputError(f"its meter {excerpt(text)} is not hexadecimal")
    name = bytes.fromhex(text).decode("latin-1")
    # Some meters send digits as they are, two in a byte: what they mean is the text itself.
    readable = name.isascii() and name.isprintable() and name == name.strip()
    return check_meter(name if readable else text)


def _total(objects: dict[bytes, bytes], channel: Channel) -> int | None:
    """Return the register's total: both tariffs', or the one of a meter without tariffs."""
    *tariffs, total = _REGISTERS[channel]
    given = [code for code in tariffs if code in objects]
    if not given:
        return _wh(total, objects[total]) if total in objects else None
    if len(given) < len(tariffs):
        raise InputError(f"it has {given[0].decode()} and not the other tariff's register")
    return sum(_wh(code, objects[code]) for code in given)


def _wh(code: bytes, text: bytes) -> int:
    found = _ENERGY.fullmatch(text)
    if found is None:
        shown = excerpt(text.decode("ascii", "replace"))
        raise InputError(f"its register {code.decode()} is {shown}, not like 001581.123*kWh")
    return wh_from_text(found[1].decode(), found[2].decode())
