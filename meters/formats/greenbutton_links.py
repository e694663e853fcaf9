"""Green Button's entries: what each interval block is of, found through their links.

An entry knows its own address (`self`), its collection's (`up`) and others' (`related`). A meter
reading points at its type and at its blocks, a usage point at its meter readings; an entry that
is pointed at may stand before or after the one that points. So links are gathered from the whole
file first, without its readings.

>>> import io
>>> feed = b'''<feed xmlns="http://www.w3.org/2005/Atom"><entry><link rel="self" href="B/1"/>
... <content><IntervalBlock/></content></entry></feed>'''
>>> [block] = gather(io.BytesIO(feed), ReadOptions())
>>> block.reason
'no MeterReading of the file points at this block, so its type is unknown'
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import BinaryIO

from ledger.errors import InputError
from ledger.primitives.periods import PERIOD_MAX, SECONDS
from meters.formats.lines import ReadOptions, check_meter, excerpt
from meters.formats.xml_elements import Element, elements
from meters.readings import Channel, Place

ENTRIES_MAX = 200_000
"""Most entries of a file: a block a day for 500 years of one meter, or a year of 500 meters."""

LINKS_MAX = 1_000
"""Most links of one entry: some meter readings point at each block, one a day for years."""

HREF_CHARACTERS_MAX = 2_000
"""Longest address of a link."""

READING = "IntervalReading"

_WHOLE = re.compile(r"-?[0-9]{1,12}")
_MULTIPLIERS = range(-12, 13)
_FLOWS = {1: Channel.IMPORT, 19: Channel.EXPORT}
_WATT_HOURS = 72
_OTHER_UNITS = {
    38: "W, which is power",
    42: "cubic metres",
    61: "VA",
    63: "var",
    71: "VAh",
    73: "varh",
    119: "cubic feet",
    169: "therms of gas",
}
# What each must say if it is there: commodity electricity, energy of each interval by itself.
_EXPECTED = {
    "commodity": ((0, 1, 2), "electricity"),
    "accumulationBehaviour": ((0, 4), "energy of each interval (4)"),
    "dataQualifier": ((0, 12), "a plain value (12)"),
    "kind": ((0, 12), "energy (12)"),
}


@dataclass(slots=True)
class BlockEntry:
    """An interval block, what it is of, or why that is not known.

    Attributes:
        place: of the block.
        reason: why none of it can be read, or nothing.
        meter: as this project names it.
        channel: which way the energy flowed.
        multiplier: its values are Wh times ten to this power.
        begin: seconds since the Unix epoch at which it begins, or None if it does not say.
        seconds: its length, 0 if it does not say.
    """

    place: Place
    reason: str = ""
    meter: str = ""
    channel: Channel = Channel.IMPORT
    multiplier: int = 0
    begin: int | None = None
    seconds: int = 0


@dataclass(slots=True)
class _Entry:
    links: dict[str, set[str]]
    name: str
    content: Element
    blocks: list[BlockEntry] = field(default_factory=list)

    def at(self, relation: str) -> set[str]:
        return self.links.get(relation, set())


def gather(stream: BinaryIO, options: ReadOptions) -> list[BlockEntry]:
    """Return the blocks of a file in order.

    Raises:
        InputError: not well-formed XML, beyond a limit, or a meter was declared for a file of
            several usage points.
    """
    kinds: dict[str, list[_Entry]] = {}
    blocks: list[_Entry] = []
    for count, element in enumerate(elements(stream, {"entry"}, {READING})):
        if count >= ENTRIES_MAX:
            raise InputError(f"the file has more than {ENTRIES_MAX:,} entries; split it")
        for entry in _entries(element):
            if entry.content.name == "IntervalBlock":
                entry.blocks.append(_block(entry.content))
                entry.content.children.clear()  # a file may have a hundred thousand of them
                blocks.append(entry)
            else:
                kinds.setdefault(entry.content.name, []).append(entry)
    points = kinds.get("UsagePoint", [])
    if options.meter is not None and len(points) > 1:
        raise InputError(
            f"the file has {len(points)} usage points, so one meter cannot be declared for all;"
            " leave --meter out, or split the file"
        )
    _resolve(blocks, kinds, options)
    return [block for entry in blocks for block in entry.blocks]


def _entries(element: Element) -> Iterator[_Entry]:
    """Yield what an entry holds, with its links; an entry may hold several blocks."""
    links: dict[str, set[str]] = {}
    for count, link in enumerate(element.all("link")):
        href = link.attributes.get("href", "").rstrip("/")
        if count >= LINKS_MAX or len(href) > HREF_CHARACTERS_MAX:
            raise InputError(
                f"line {link.place.line}: an entry has more than {LINKS_MAX:,} links, or one of"
                f" more than {HREF_CHARACTERS_MAX:,} characters"
            )
        if href:
            links.setdefault(link.attributes.get("rel", ""), set()).add(href)
    name = next((found.text for found in element.all("id")), "")
    for content in element.all("content"):
        for child in content.children:
            yield _Entry(links, name, child)


def _block(element: Element) -> BlockEntry:
    block = BlockEntry(element.place)
    try:
        interval = element.child("interval")
        if interval is not None:
            block.begin = whole(interval.text_of("start"), "start")
            block.seconds = whole(interval.text_of("duration"), "duration")
            check_interval(block.begin, block.seconds)
    except InputError as error:
        block.reason = f"its interval cannot be read: {error}"
    return block


def _resolve(blocks: list[_Entry], kinds: dict[str, list[_Entry]], options: ReadOptions) -> None:
    readings = _pointing(kinds.get("MeterReading", []))
    points = _pointing(kinds.get("UsagePoint", []))
    types = {href: each for each in kinds.get("ReadingType", []) for href in each.at("self")}
    for entry in blocks:
        try:
            reading = _only(readings, entry, "MeterReading", "this block, so its type is unknown")
            point = _only(
                points, reading, "UsagePoint", "its MeterReading, so its meter is unknown"
            )
            multiplier, channel = _read_type(_type_of(reading, types), options)
            meter = _meter(point, options)
        except InputError as error:
            for block in entry.blocks:
                block.reason = block.reason or str(error)
            continue
        for block in entry.blocks:
            block.meter, block.channel, block.multiplier = meter, channel, multiplier


def _pointing(entries: list[_Entry]) -> dict[str, list[_Entry]]:
    """Return the entries by the addresses that they point at."""
    found: dict[str, list[_Entry]] = {}
    for entry in entries:
        for href in entry.at("related"):
            found.setdefault(href, []).append(entry)
    return found


def _only(pointing: dict[str, list[_Entry]], entry: _Entry, kind: str, what: str) -> _Entry:
    """Return the one entry that points at another, or at the collection it is in."""
    found = {
        id(each): each
        for href in entry.at("self") | entry.at("up")
        for each in pointing.get(href, ())
    }
    if len(found) == 1:
        return next(iter(found.values()))
    if found:
        raise InputError(f"{len(found)} {kind}s of the file point at {what}; one is expected")
    raise InputError(f"no {kind} of the file points at {what}")


def _type_of(reading: _Entry, types: dict[str, _Entry]) -> Element:
    found = [types[href].content for href in sorted(reading.at("related")) if href in types]
    if len(found) != 1:
        raise InputError(
            f"its MeterReading points at {len(found)} ReadingTypes of the file; one is expected"
        )
    return found[0]


def _read_type(element: Element, options: ReadOptions) -> tuple[int, Channel]:
    """Return the power of ten that makes Wh of a type's values, and their channel."""
    unit = _number(element, "uom")
    if unit != _WATT_HOURS:
        known = _OTHER_UNITS.get(unit) if unit is not None else "missing"
        raise InputError(
            f"its values are not electrical energy: uom is {known or unit}, not {_WATT_HOURS} (Wh)"
        )
    for name, (allowed, meaning) in _EXPECTED.items():
        value = _number(element, name)
        if value is not None and value not in allowed:
            raise InputError(f"its {name} is {value}, which is not {meaning}")
    multiplier = _number(element, "powerOfTenMultiplier") or 0
    if multiplier not in _MULTIPLIERS:
        raise InputError(f"its powerOfTenMultiplier {multiplier} is out of range")
    flow = _number(element, "flowDirection")
    channel = options.channel if flow is None else _FLOWS.get(flow)
    if channel is not None:
        return multiplier, channel
    if flow is None:
        raise InputError(
            "its type does not say which way the energy flowed; declare it, as in --channel import"
        )
    raise InputError(
        f"its flowDirection is {flow}, neither 1 (delivered to the home) nor 19 (received from it)"
    )


def _meter(point: _Entry, options: ReadOptions) -> str:
    for element in point.content.all("ServiceCategory"):
        kind = _number(element, "kind")
        if kind:
            raise InputError(f"its usage point has service {kind}, which is not electricity (0)")
    if options.meter is not None:
        return check_meter(options.meter)
    return check_meter(point.name.removeprefix("urn:uuid:"))


def _number(element: Element, name: str) -> int | None:
    child = element.child(name)
    return None if child is None else whole(child.text, name)


def whole(text: str, name: str) -> int:
    """Return a whole number of the file.

    Raises:
        InputError: it is none.
    """
    if _WHOLE.fullmatch(text) is None:
        raise InputError(f"{name} {excerpt(text)} is not a whole number")
    return int(text)


def check_interval(begin: int, seconds: int) -> None:
    """Raise `InputError` if an interval does not lie in the time that can be traded."""
    if not 0 <= begin < begin + seconds <= PERIOD_MAX * SECONDS:
        raise InputError(f"its interval from {begin:,} s, {seconds:,} s long, is out of range")
