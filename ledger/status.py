"""What becomes of a transfer: one status, by the first reason in order of precedence.

>>> Status.EXISTS_WITH_OTHER_AMOUNT.conflict, Status.BELOW_FLOOR.words
('amount', 'below floor')
"""

from enum import IntEnum


class Status(IntEnum):
    """What became of a transfer; of several reasons the lowest number is given."""

    CREATED = 0
    EXISTS = 1  # the same id and content came before: nothing to do
    EXISTS_WITH_OTHER_KIND = 2  # the id came before; this is the first field that differs
    EXISTS_WITH_OTHER_DEBIT = 3
    EXISTS_WITH_OTHER_CREDIT = 4
    EXISTS_WITH_OTHER_AMOUNT = 5
    EXISTS_WITH_OTHER_EFFECTIVE = 6
    EXISTS_WITH_OTHER_ORIGINAL = 7
    EXISTS_WITH_OTHER_EXPIRES = 8
    AMOUNT_OUT_OF_RANGE = 9
    EFFECTIVE_OUT_OF_RANGE = 10
    SAME_ACCOUNT_TWICE = 11
    OTHER_ASSET = 12
    DEBIT_ACCOUNT_NOT_FOUND = 13
    CREDIT_ACCOUNT_NOT_FOUND = 14
    ORIGINAL_NOT_ALLOWED = 15  # a POST or HOLD names none
    EXPIRES_NOT_ALLOWED = 16  # only a HOLD expires, and not before it is made
    HOLD_NOT_FOUND = 17
    HOLD_EXPIRED = 18
    HOLD_ALREADY_RESOLVED = 19
    HOLD_NOT_EXPIRED = 20
    HOLD_OF_OTHER_ACCOUNTS = 21
    EXCEEDS_HOLD = 22  # or releases another amount than was set aside
    ORIGINAL_NOT_FOUND = 23
    ORIGINAL_NOT_AMENDABLE = 24  # it moved nothing, or amends another itself
    ORIGINAL_OF_OTHER_ACCOUNTS = 25
    ORIGINAL_ALREADY_REVERSED = 26
    EXCEEDS_ORIGINAL = 27  # takes back more than remains
    NOT_WHAT_REMAINS = 28  # a reversal takes back all that remains of its original
    BELOW_FLOOR = 29
    ABOVE_CEILING = 30
    BALANCE_OUT_OF_RANGE = 31
    BATCH_REFUSED = 32  # nothing wrong with this one, but another of its batch was refused

    @property
    def taken(self) -> bool:
        """Whether the transfer is in the book now."""
        return self <= Status.EXISTS

    @property
    def conflict(self) -> str | None:
        """The field that differs from what came before under the same id, or None."""
        return _CONFLICTS.get(self)

    @property
    def words(self) -> str:
        """The reason as a person reads it."""
        return self.name.lower().replace("_", " ")


_CONFLICTS = {
    Status[f"EXISTS_WITH_OTHER_{field.upper()}"]: field
    for field in ("kind", "debit", "credit", "amount", "effective", "original", "expires")
}
STATUS_OF_FIELD = {field: status for status, field in _CONFLICTS.items()}
"""The status of an id that came before with another value in a field."""
