"""Why somebody is not let in, or not now.

CommonwattError
├── BusyError
├── NotSignedInError
├── NotAllowedError
├── NotThereError
└── NotSetUpError

>>> BusyError("Too many.", 3).retry_after_s
3
"""

from ledger.errors import CommonwattError


class BusyError(CommonwattError):
    """Too many wait already, or come from one place.

    Attributes:
        retry_after_s: how long whoever is sent away should wait, in seconds.
    """

    def __init__(self, message: str, retry_after_s: int = 2) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class NotSignedInError(CommonwattError):
    """There is no session, or it has ended."""


class NotAllowedError(CommonwattError):
    """Whoever is signed in may not do this."""


class NotThereError(CommonwattError):
    """There is nothing here that the caller may see."""


class NotSetUpError(CommonwattError):
    """This server does not offer it: its operators did not set it up."""
