"""The advances that a file gave already: none is taken twice, and none that overlaps another.

>>> from meters.readings import Place, Quality
>>> known = KnownAdvances()
>>> first = Advance("h1", Channel.IMPORT, 0, 86_400, 9_000, Quality.ACTUAL, Place(2, 0, 30))
>>> known.take(first) is first, known.take(first._replace(place=Place(3, 30, 30)))
(True, None)
>>> known.take(first._replace(begin=43_200, end=90_000, place=Place(4, 60, 30))).line
4
"""

from bisect import bisect_left

from ledger.errors import InputError
from ledger.primitives.periods import utc_text
from meters.readings import Advance, Channel, Refusal

ADVANCES_MAX = 2_000_000
"""Most advances of a file: ten years of quarters of 50,000 registers, or 600 MB."""


class KnownAdvances:
    """Remembers the advances of a file."""

    def __init__(self) -> None:
        self._slots: dict[tuple[str, Channel], list[Advance]] = {}
        self._count = 0

    def take(self, advance: Advance) -> Advance | Refusal | None:
        """Return the advance, why it is refused, or None if it was there before.

        Raises:
            InputError: there are too many.
        """
        slot = self._slots.setdefault((advance.meter, advance.channel), [])
        at = bisect_left(slot, advance.begin, key=lambda each: each.begin)
        for near in slot[max(0, at - 1) : at + 1]:
            if near[:-1] == advance[:-1]:
                return None
            if near.begin < advance.end and advance.begin < near.end:
                return Refusal(
                    advance.place.line,
                    f"{advance.meter} {advance.channel} {utc_text(advance.begin)} to"
                    f" {utc_text(advance.end)} overlaps the advance of line {near.place.line},"
                    " which was taken; leave one of the two",
                )
        self._count += 1
        if self._count > ADVANCES_MAX:
            raise InputError(f"the file has more than {ADVANCES_MAX:,} advances; split it")
        slot.insert(at, advance)
        return advance
