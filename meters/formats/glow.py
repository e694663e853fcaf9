r"""Hildebrand Glow: what an in-home display of a UK smart meter says over MQTT.

Source: Hildebrand, Glow MQTT payloads of topics ``glow/<device>/SENSOR/electricitymeter``. A file
holds one payload a line, alone or after its topic as ``mosquitto_sub -v`` writes it, or is one
JSON document with a list ``payloads``. Cumulative totals are registers: `registers` makes
half-hours of them. Totals of the day, week and month, which begin anew, and the power of the
moment, which is negative while exporting, are not read.

>>> import io
>>> energy = '"energy": {"import": {"cumulative": 12000.123, "units": "kWh", "mpan": "1234567890987"}}'
>>> line = '{"electricitymeter": {"timestamp": "2026-06-15T12:30:00Z", ' + energy + '}}'
>>> for item in read_glow(io.BytesIO(line.encode()), ReadOptions()):
...     print(item.as_json())
{'meter': '1234567890987', 'channel': 'import', 'at': '2026-06-15T12:30:00Z', 'register_wh': 12000123}
"""

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any, BinaryIO, NamedTuple, NoReturn

from ledger.errors import InputError
from ledger.primitives.energy import wh_from_text
from ledger.primitives.periods import PERIOD_MAX, SECONDS
from meters.formats.lines import Line, ReadOptions, check_meter, excerpt, numbered_lines
from meters.formats.registers import Registers
from meters.readings import Advance, Block, Channel, Place, Refusal, RegisterRead

LINE_BYTES_MAX = 65_536
"""Longest line: a payload has about 600 bytes."""

DOCUMENT_BYTES_MAX = 16_000_000
"""Longest document with a list: 20,000 payloads. It is held whole; lines are not."""

HEAD_BYTES = 4096
"""How much is looked at to see whether a file is a document with a list."""

EARLIEST = datetime(2000, 1, 1, tzinfo=UTC)
"""A payload before this comes from a display that had no read or no clock yet: it says 1970."""

_TIME = re.compile(r"([0-9]{4})-([0-9]{2})-([0-9]{2})T([0-9]{2}):([0-9]{2}):([0-9]{2})Z")
_LIST = re.compile(r'\ufeff?\s*\{\s*"payloads"\s*:\s*\[\s*')
_AFTER = re.compile(r"\s*(?:,\s*(?=\{)|(?=\]))")
_MORE = re.compile(r"\]\s*\}")
_TOPIC = re.compile(r"(glow/[^\s/]+/[A-Z]+(?:/[a-z]+)?)\s+(?=\{)")
_KINDS = ("electricitymeter", "gasmeter")
_CHANNELS = {"import": Channel.IMPORT, "export": Channel.EXPORT}
_PENDING = "read pending"


class _Number(str):
    """A number as it stands in the file."""

    __slots__ = ()


class _Payload(NamedTuple):
    topic: str
    content: object
    place: Place


def read_glow(
    stream: BinaryIO, options: ReadOptions
) -> Iterator[Block | Advance | RegisterRead | Refusal]:
    """Yield what the registers of a file of payloads advanced, and what was refused.

    Args:
        stream: UTF-8 text, payloads in the order of time.
        options: `meter` for payloads that do not name theirs.

    Raises:
        InputError: not UTF-8, not seekable, a line or document too long, or a document that is
            not JSON.
    """
    if not stream.seekable():
        raise InputError("a file of payloads is looked at first; save it as a file")
    registers = Registers()
    for payload in _payloads(stream):
        if isinstance(payload, Refusal):
            yield payload
            continue
        try:
            reads = list(_reads(payload, options))
        except InputError as error:
            yield Refusal(payload.place.line, str(error))
            continue
        for read in reads:
            yield from registers.add(read)
    yield from registers.close()


def looks_like_glow(head: bytes) -> bool:
    """Return whether a file begins with a payload of a Glow display, or a list of them."""
    text = head.removeprefix(b"\xef\xbb\xbf").lstrip()
    marked = b'"electricitymeter"' in text or b'"gasmeter"' in text
    return marked and text.startswith((b"glow/", b"{"))


def _payloads(stream: BinaryIO) -> Iterator[_Payload | Refusal]:
    """Yield the payloads of a file, whichever of its shapes it has."""
    begin = stream.tell()
    head = stream.read(HEAD_BYTES).decode("utf-8", "replace")
    stream.seek(begin)
    if _LIST.match(head):
        yield from _listed(stream)
        return
    for line in numbered_lines(stream, LINE_BYTES_MAX):
        if line.text.strip():
            yield _payload_of(line)


def _listed(stream: BinaryIO) -> Iterator[_Payload]:
    """Yield the payloads of a document with a list of them."""
    data = stream.read(DOCUMENT_BYTES_MAX + 1)
    if len(data) > DOCUMENT_BYTES_MAX:
        raise InputError(
            f"the document is longer than {DOCUMENT_BYTES_MAX:,} bytes; write one payload a line"
        )
    try:
        text = data.decode()
    except UnicodeDecodeError as error:
        raise InputError(f"byte {error.start + 1} is not UTF-8; save the file as UTF-8") from error
    begun = _LIST.match(text)
    at = begun.end() if begun else 0
    line, offset, counted = 1, 0, 0  # of the place `counted`, so that nothing is counted twice
    while (more := _MORE.match(text, at)) is None:
        offset += len(text[counted:at].encode())
        line += text.count("\n", counted, at)
        try:
            content, end = _decode_at(text, at)
        except InputError as error:
            raise InputError(f"the payload of line {line}: {error}") from error
        place = Place(line, offset, len(text[at:end].encode()))
        counted = at
        if not isinstance(content, dict):
            raise InputError(f"line {line}: an entry of the list is not an object with a payload")
        yield _Payload(str(content.get("topic", "")), content.get("payload"), place)
        after = _AFTER.match(text, end)
        if after is None:
            raise InputError(f"line {line}: after this entry the list neither goes on nor ends")
        at = after.end()
    if text[more.end() :].strip():
        raise InputError("the document goes on after its list; give the list alone")


def _payload_of(line: Line) -> _Payload | Refusal:
    topic = _TOPIC.match(line.text)
    begin = topic.end() if topic else len(line.text) - len(line.text.lstrip())
    try:
        content, end = _decode_at(line.text, begin)
        if line.text[end:].strip():
            raise InputError("something follows the payload on its line")
    except InputError as error:
        return Refusal(line.number, str(error))
    if topic is None and isinstance(content, dict) and "payload" in content:
        return _Payload(str(content.get("topic", "")), content["payload"], line.place)
    return _Payload(topic[1] if topic else "", content, line.place)


def _decode_at(text: str, at: int) -> tuple[object, int]:
    """Return the JSON value that begins at a character, and where it ends.

    Raises:
        InputError: it is not JSON, names something twice, or has a number that is none.
    """
    try:
        return _DECODER.raw_decode(text, at)
    except json.JSONDecodeError as error:
        raise InputError(f"this is not JSON: {error.msg}") from error
    except RecursionError as error:
        raise InputError("its lists are nested too deeply") from error


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise InputError(f"{excerpt(twice)} stands twice in one object; which one counts?")
    return found


def _refuse_constant(text: str) -> NoReturn:
    raise InputError(f"{text} is not a number")


_DECODER = json.JSONDecoder(
    object_pairs_hook=_object,
    parse_float=_Number,
    parse_int=_Number,
    parse_constant=_refuse_constant,
)


def _reads(payload: _Payload, options: ReadOptions) -> Iterator[RegisterRead]:
    """Yield the registers of a payload; of gas, which is checked alone, none.

    Raises:
        InputError: says why none of it can be taken.
    """
    kind = payload.topic.rpartition("/")[2]
    if payload.topic.endswith("/STATE"):
        return  # the display's own state: its radio, its software
    content = payload.content
    if not isinstance(content, dict):
        raise InputError("the payload is not an object with an electricitymeter")
    named = [name for name in _KINDS if name in content]
    if len(named) != 1 or (payload.topic and kind != named[0]):
        raise InputError(
            f"the payload of topic {excerpt(payload.topic)} holds"
            f" {excerpt(', '.join(content))}, not one electricitymeter or gasmeter as its topic says"
        )
    meter = _within(content, named[0])
    at = _instant(meter.get("timestamp"))
    energy = _within(meter, "energy")
    imported = _within(energy, "import")
    name = imported.get("mpan" if named[0] == _KINDS[0] else "mprn")
    if name == _PENDING:
        raise InputError(f"the meter is {_PENDING!r}: the display has no read of it yet")
    if named[0] != _KINDS[0]:
        return
    totals = [
        (_CHANNELS[channel], _total(_within(energy, channel), channel))
        for channel in _CHANNELS
        if channel in energy
    ]
    identity = _meter(name, options)
    for channel, wh in totals:
        yield RegisterRead(identity, channel, at, wh, payload.place)


def _within(outer: dict[str, Any], name: str) -> dict[str, Any]:
    inner = outer.get(name)
    if not isinstance(inner, dict):
        raise InputError(f"the payload has no object {name}")
    return inner


def _instant(text: object) -> int:
    found = _TIME.fullmatch(text) if isinstance(text, str) else None
    if found is None:
        raise InputError(f"timestamp {excerpt(str(text))} is not like 2026-06-15T12:30:00Z")
    try:
        instant = datetime(*(int(part) for part in found.groups()), tzinfo=UTC)  # type: ignore[arg-type,misc]
    except ValueError as error:
        raise InputError(f"timestamp {found[0]} is not a time: {error}") from error
    if instant < EARLIEST:
        raise InputError(f"timestamp {found[0]} says that the display had no read or clock yet")
    seconds = int(instant.timestamp())
    if seconds > PERIOD_MAX * SECONDS:
        raise InputError(f"timestamp {found[0]} is out of range")
    return seconds


def _total(register: dict[str, Any], channel: str) -> int:
    value, unit = register.get("cumulative"), register.get("units")
    if not isinstance(value, _Number):
        raise InputError(f"{channel} has no cumulative total, which its register is")
    if unit != "kWh":
        raise InputError(f"the unit of {channel} is {excerpt(str(unit))}, not kWh")
    wh = wh_from_text(value, unit)
    if wh < 0:
        raise InputError(f"the cumulative total of {channel} is negative: {value} kWh")
    return wh


def _meter(name: object, options: ReadOptions) -> str:
    if name is None or name == "":
        if options.meter is None:
            raise InputError("the payload names no mpan; declare the meter with --meter")
        return check_meter(options.meter)
    if not isinstance(name, str) or isinstance(name, _Number):
        raise InputError("the payload's mpan is not text")
    return check_meter(name)
