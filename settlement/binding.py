"""What binds a half-hour: the last thing that was logged before it began. Pure.

So nobody bids after the reading, and whatever is said now counts from the next half-hour on.

>>> said = [(100, "one"), (104, "two")]
>>> [binding(said, period) for period in (100, 101, 104, 105)]
[None, 'one', 'one', 'two']
"""

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from typing import Generic, TypeVar

_T = TypeVar("_T")


def binding(history: Sequence[tuple[int, _T]], period: int) -> _T | None:
    """Return the last value logged in a half-hour before this one.

    Args:
        history: (half-hour of logging, value) in the log's order.
        period: the half-hour that begins.
    """
    for logged, value in reversed(history):
        if logged < period:
            return value
    return None


class Binding(Generic[_T]):
    """What binds a half-hour, of many histories: looked up again only where something else begins to.

    Args:
        histories: (half-hour of logging, value) by whose they are, in the log's order.
    """

    def __init__(self, histories: Mapping[str, Sequence[tuple[int, _T]]]) -> None:
        self._histories, self._last = histories, -1
        self._starts = sorted({logged + 1 for each in histories.values() for logged, _ in each})
        self._bound: dict[str, _T] = {}

    def at(self, period: int) -> Mapping[str, _T]:
        """Return the value that binds a half-hour, by whose it is: the same object if it is alike."""
        begun = bisect_right(self._starts, period)
        if begun != self._last:
            found = ((name, binding(each, period)) for name, each in self._histories.items())
            self._bound = {name: value for name, value in found if value is not None}
            self._last = begun
        return self._bound
