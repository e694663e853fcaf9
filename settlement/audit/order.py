"""The order of statements: half-hours never go back, and each key counts its statements.

>>> Order().period
0
"""

from collections.abc import Iterable

from ledger.keys import SEQ_JUMP_MAX, SEQ_WINDOW
from ledger.primitives.periods import SECONDS, start_text
from ledger.statements import Statement
from settlement.errors import AuditError, UnsoundError

CLOCKS_APART_S = 600
"""How far a witness's clock may stand from the log's, as whoever asks for cosignatures allows."""


class Order:
    """What came before: ids, and the numbers that each key used.

    Attributes:
        period: the half-hour in which the last statement was logged.
    """

    def __init__(self) -> None:
        self.period = 0
        self._ids: set[str] = set()
        self._seqs: dict[str, set[int]] = {}
        self._highest: dict[str, int] = {}

    def pass_over(self, period: int) -> None:
        """Go on to a half-hour: of a statement that is checked, or whose fact is not there.

        Raises:
            UnsoundError: it lies before the last one.
        """
        if period < self.period:
            raise UnsoundError("the log's half-hours go back")
        self.period = period

    def check_seen(self, times_s: Iterable[int]) -> None:
        """Refuse a last entry that is dated after its witnesses saw it: recoveries wait by its time.

        Args:
            times_s: of the checkpoint's cosignatures, in Unix seconds.

        Raises:
            AuditError: names the half-hour.
        """
        first_s = min(times_s, default=None)
        if first_s is not None and self.period * SECONDS > first_s + CLOCKS_APART_S:
            raise AuditError(
                "witnesses",
                f"the last entry is of the half-hour from {start_text(self.period)}, "
                "after its witnesses cosigned it",
            )

    def check_now(self, now_ms: int | None) -> None:
        """Refuse a last entry that is dated after the auditor's own clock, in Unix milliseconds.

        Raises:
            AuditError: names both times: one of the two clocks is wrong.
        """
        if now_ms is not None and self.period * SECONDS > now_ms // 1000 + CLOCKS_APART_S:
            here = start_text(now_ms // 1000 // SECONDS)
            raise AuditError(
                "sequence and expiry",
                f"the last entry is of the half-hour from {start_text(self.period)}, and this "
                f"computer's clock is in the one from {here}: one of the two clocks is wrong",
            )

    def check(self, statement: Statement, period: int) -> None:
        """Refuse a statement that comes twice, out of order or too late.

        Raises:
            UnsoundError: says which.
        """
        signer, seq = statement.key_id, statement.body["seq"]
        self.pass_over(period)
        if statement.id in self._ids:
            raise UnsoundError(f"the id {statement.id} was used before")
        self._ids.add(statement.id)
        seqs, highest = self._seqs.setdefault(signer, set()), self._highest.get(signer, 0)
        if seq in seqs or seq <= highest - SEQ_WINDOW:
            raise UnsoundError(f"seq {seq} of this key was used before or comes too late")
        if seq > highest + SEQ_JUMP_MAX:
            raise UnsoundError(f"seq {seq} is too far above this key's highest")
        seqs.add(seq)
        highest = self._highest[signer] = max(seq, highest)
        if len(seqs) > 4 * SEQ_WINDOW:
            self._seqs[signer] = {number for number in seqs if number > highest - SEQ_WINDOW}
        if statement.body["not_after"] < period * SECONDS * 1000:
            raise UnsoundError("the statement was logged after its not_after")
