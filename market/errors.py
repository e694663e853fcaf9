"""The errors of this package.

::

    CommonwattError
    ├── InputError
    │   └── MarketInputError    a market or its rules that cannot be cleared, and which field
    ├── SolverError             the solver gave no optimal answer; nothing was cleared
    └── CertificateError        a result that its certificate does not prove
"""

from ledger.errors import CommonwattError, InputError


class MarketInputError(InputError):
    """A market or rules that cannot be cleared; names the field or the order."""


class SolverError(CommonwattError):
    """The solver gave no optimal answer. Nothing was cleared and no other method was tried."""


class CertificateError(CommonwattError):
    """A result that is not what the rules give for these inputs; names the first difference."""
