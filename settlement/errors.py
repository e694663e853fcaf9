"""The errors of this package.

::

    CommonwattError
    ├── RefusedError
    │   ├── RunRefusedError     a run that may not be made now; says why and when it may
    │   │   ├── NothingReadError  nothing is known of the day
    │   │   └── ClockTurnedError  a half-hour ended while money was moved: taken back, to be tried again
    │   ├── ImpossibleValueError  a signed reading that cannot be one; the others of its batch could
    │   ├── PayersOwnError      a payment, for what the payer alone may know
    │   └── SigningTimeError    a batch signed by a clock that is ahead, or too long ago
    ├── UnsoundError            something in a bundle is not what it must be
    └── AuditError              a bundle that is not sound; says where and what
"""

from collections.abc import Iterator
from contextlib import contextmanager

from ledger.errors import CommonwattError, RefusedError

MESSAGE_CHARACTERS_MAX = 2_000
"""Longest sentence of an audit: a hostile bundle must not fill the auditor's screen."""

UNTAKEN = (
    *(ValueError, TypeError, KeyError, AttributeError, IndexError),
    *(OverflowError, RecursionError, MemoryError),
)
"""What the standard library raises over values that nobody expected: unsound, in an audit."""


def plain(text: str) -> str:
    r"""Return a text that only prints: what a bundle says cannot move the auditor's cursor.

    >>> plain("its share is \x1b[2J5 Wh")
    'its share is ?[2J5 Wh'
    """
    return "".join(c if c.isprintable() else "?" for c in text[:MESSAGE_CHARACTERS_MAX])


class RunRefusedError(RefusedError):
    """A run that may not be made now."""


class NothingReadError(RunRefusedError):
    """Nothing is known of a day, so nothing of it can be worked out."""


class ClockTurnedError(RunRefusedError):
    """A half-hour ended between signing a run's money and logging it: nothing of it was kept."""


class ImpossibleValueError(RefusedError):
    """A signed reading that cannot be one: an error code of the meter, or above its capacity."""


class PayersOwnError(RefusedError):
    """A payment was refused for what the payer alone may know: whoever hands it in may be who is paid."""


class SigningTimeError(RefusedError):
    """A batch whose clock was ahead, or that came after its not_after: signed again it is taken."""


class UnsoundError(CommonwattError):
    """Something in a bundle is not what it must be; the replay adds which check and entry."""


class AuditError(CommonwattError):
    """A bundle that is not sound.

    Attributes:
        check: name of the check that failed.
        position: log position of the entry that is wrong, if it is one entry.
    """

    def __init__(self, check: str, message: str, position: int | None = None) -> None:
        super().__init__(plain(message))
        self.check, self.position = check, position


@contextmanager
def checking(check: str, position: int) -> Iterator[None]:
    """Turn any error over a log entry into one that names the check and the entry.

    Raises:
        AuditError: something in the block was refused, or could not be taken.
    """
    try:
        yield
    except AuditError:
        raise
    except CommonwattError as error:
        raise AuditError(check, f"entry {position}: {error}", position) from error
    except UNTAKEN as error:
        words = f"entry {position}: what it says cannot be taken ({type(error).__name__})"
        raise AuditError(check, words, position) from error
