"""The errors of this package.

::

    CommonwattError
    ├── RefusedError
    │   └── RunRefusedError     a run that may not be made now; says why and when it may
    ├── UnsoundError            something in a bundle is not what it must be
    └── AuditError              a bundle that is not sound; says where and what
"""

from ledger.errors import CommonwattError, RefusedError


class RunRefusedError(RefusedError):
    """A run that may not be made now."""


class UnsoundError(CommonwattError):
    """Something in a bundle is not what it must be; the replay adds which check and entry."""


class AuditError(CommonwattError):
    """A bundle that is not sound.

    Attributes:
        check: name of the check that failed.
        position: log position of the entry that is wrong, if it is one entry.
    """

    def __init__(self, check: str, message: str, position: int | None = None) -> None:
        super().__init__(message)
        self.check, self.position = check, position
