r"""What a file gave already: the same reading again is dropped, another value is refused.

>>> taken = Taken()
>>> place = Place(2, 0, 10)
>>> taken.take("h1", Channel.IMPORT, 989737, 412, "A", place).wh
(412,)
>>> taken.take("h1", Channel.IMPORT, 989737, 412, "A", place._replace(line=3))
>>> taken.take("h1", Channel.IMPORT, 989737, 413, "A", place._replace(line=4)).line
4
"""

from array import array

from ledger.primitives.periods import start_text
from meters.readings import Block, Channel, Place, Quality, Refusal

_DAY = 48
_EMPTY = bytes(8 * _DAY)
_RANKS = {quality.letter: quality.rank for quality in Quality}
_QUALITIES = tuple(Quality)


class Taken:
    """The readings taken so far: eight bytes each, since a file may hold tens of millions.

    One number packs the line (30 bits), the quality (3) and the Wh (30).
    """

    def __init__(self) -> None:
        self._numbers: dict[tuple[str, Channel], int] = {}
        self._days: dict[tuple[int, int], array[int]] = {}

    def take(
        self, meter: str, channel: Channel, period: int, wh: int, letter: str, place: Place
    ) -> Block | Refusal | None:
        """Return the reading, why it is refused, or None if it was there before."""
        slot = (meter, channel)
        number = self._numbers.get(slot)
        if number is None:
            number = self._numbers[slot] = len(self._numbers)
        day, index = divmod(period, _DAY)
        slots = self._days.get((number, day))
        if slots is None:
            slots = self._days[number, day] = array("q", _EMPTY)
        value = _RANKS[letter] << 30 | wh
        before = slots[index]
        if not before:
            slots[index] = place.line << 33 | value
            return Block(meter, channel, period, (wh,), letter, place)
        if before & (1 << 33) - 1 == value:
            return None
        then_wh, then = before & (1 << 30) - 1, _QUALITIES[before >> 30 & 7]
        return Refusal(
            place.line,
            f"{meter} {channel} {start_text(period)} says {wh} Wh"
            f" ({_QUALITIES[_RANKS[letter]]}), but line {before >> 33} said {then_wh} Wh ({then})"
            " and was taken; leave one of the two",
        )
