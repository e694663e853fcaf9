"""The door for readings, kept open: deliveries of many callers are written together.

One thread alone works on the community. Whoever comes while too many wait is sent away for a
moment, so that a queue never grows without end.

>>> QUEUE_MAX
1000
"""

from collections.abc import Callable, Sequence
from concurrent.futures import Future
from types import TracebackType
from typing import Self

from ledger.errors import CommonwattError
from ledger.group import GroupCommit
from meters.wire import WireBatch
from settlement.community import Community
from settlement.delivery import Answer, Logged, Waiting, deliver, receipt_of
from wallet_api.door.errors import BusyError

QUEUE_MAX = 1_000
"""Most batches that wait to be written: some two seconds' work."""

GROUP_MAX = 100
"""Most batches in one transaction."""


class Taken:
    """A batch that was taken or is held, with its signed receipt."""

    def __init__(self, answer: Logged | Waiting, receipt: str) -> None:
        self.answer, self.receipt = answer, receipt


class ReadingsDoor:
    """Takes signed batches from any thread.

    Args:
        open_community: opens the community; called once, when the first batch comes.
    """

    def __init__(self, open_community: Callable[[], Community]) -> None:
        self._open = open_community
        self._community: Community | None = None
        self._group: GroupCommit[WireBatch, Taken | CommonwattError] = GroupCommit(
            self._write, items_max=GROUP_MAX
        )

    def deliver(self, batches: Sequence[WireBatch]) -> list[Taken | CommonwattError]:
        """Wait until batches are durable, and return what became of each.

        Raises:
            BusyError: too many wait; nothing was taken.
        """
        return [future.result() for future in self.begin(batches)]

    def begin(self, batches: Sequence[WireBatch]) -> "list[Future[Taken | CommonwattError]]":
        """Put batches into the queue, without waiting for them.

        Raises:
            BusyError: too many wait; nothing was taken.
        """
        if self._group.waiting + len(batches) > QUEUE_MAX:
            raise BusyError("Too many batches wait to be written: try again in a moment.")
        return [self._group.begin(batch) for batch in batches]

    def warm(self) -> Community:
        """Open the community, at best before the first batch comes, so that it does not wait for it."""
        if self._community is None:
            self._community = self._open()
        return self._community

    def close(self) -> None:
        """Write what waits, and take nothing more."""
        self._group.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        self.close()

    def _write(self, batches: Sequence[WireBatch]) -> list[Taken | CommonwattError]:
        community = self.warm()
        return [_answered(community, answer) for answer in deliver(community, batches)]


def _answered(community: Community, answer: Answer) -> Taken | CommonwattError:
    if isinstance(answer, CommonwattError):
        return answer
    return Taken(answer, receipt_of(community, answer))
