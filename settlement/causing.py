"""What logged statements cause in the ledger, posted together; and what they would cause.

>>> Rehearsal.__name__, Posting.__name__
('Rehearsal', 'Posting')
"""

from dataclasses import replace
from functools import cached_property, partial

from sqlalchemy import Connection

from ledger import log_store
from ledger.batches import Batch
from ledger.book import Balance
from ledger.chart import Chart
from ledger.errors import RefusedError
from ledger.keys import KEY_KINDS
from ledger.records import Transfer
from ledger.statements import Statement
from ledger.voucher_keys import VOUCHER_KINDS
from ledger.writer import Writer
from settlement import ask_store
from settlement.effects import AMENDABLE_KINDS, Case, Effect, effect_of
from settlement.spending import Spent
from settlement.spending_store import spent_of
from settlement.state import AGREEMENT_KINDS, CommunityState


class Rehearsal:
    """Tries statements that change no agreement, or vouchers alone; nothing is changed or written.

    Args:
        writer: of the community.
        state: what was agreed.
        connection: an open transaction.
        period: the half-hour in which they would be logged.
    """

    def __init__(
        self, writer: Writer, state: CommunityState, connection: Connection, period: int
    ) -> None:
        self._writer, self._state, self._period = writer, state, period
        self._connection = connection
        self._posting = Posting(writer, state, connection)
        self._now_ms = writer.clock.now_ms()

    def batch_of(self, statement: Statement) -> Batch | None:
        """Return what a statement would post, if anything, to accounts that are there already.

        Raises:
            SignatureError, RefusedError, InputError: it would be refused.
        """
        state, posting = self._state, self._posting
        if statement.kind in VOUCHER_KINDS:
            state = replace(state, vouchers=state.vouchers.copy())
            posting = Posting(self._writer, state, self._connection)
        elif statement.kind in (*AGREEMENT_KINDS, *KEY_KINDS):
            raise AssertionError(f"{statement.kind} changes what is agreed")
        if self._now_ms > statement.body["not_after"]:
            raise RefusedError(f"The statement {statement.id} came after its not_after.")
        self._writer.key_book.check(statement, self._period)
        state.apply(statement, self._period)  # it checks, and changes nothing but the copy
        case = posting.case(statement, None, self._period)
        effect = effect_of(case)
        if any(case.balance_of(name) is None for name, _ in effect.accounts):
            _check_funds(case, effect)
            return None
        if not effect.transfers:
            return None
        return Batch(bytes.fromhex(statement.id), tuple(effect.transfers), 0)


def _check_funds(case: Case, effect: Effect) -> None:
    """Refuse what a wallet cannot pay to an account that is not open yet, so that no ledger can be asked.

    Raises:
        RefusedError: there is not enough.
    """
    for each in effect.transfers:
        balance = case.balance_of(each.debit)
        free = None if balance is None else balance.available
        if free is not None and each.amount > free:
            raise RefusedError("There is not enough in the payer's wallet for this.")


class Posting:
    """What statements that are logged in one go cause: posted together, looked at in between."""

    def __init__(self, writer: Writer, state: CommunityState, connection: Connection) -> None:
        self.connection, self._writer, self._state = connection, writer, state
        self._batches: list[Batch] = []
        self._touched: set[str] = set()

    @cached_property
    def now_ms(self) -> int:
        """When the statements were logged."""
        return self._writer.logged_ms(self.connection)

    @cached_property
    def _chart(self) -> Chart:
        """The accounts: no other transaction opens one meanwhile."""
        chart = self._writer.ledger.chart
        chart.load(self.connection)
        return chart

    def case(self, statement: Statement, detail: bytes | None, period: int) -> Case:
        """Return a statement with what its effect depends on."""
        return Case(
            *(statement, detail, self._state, period, self._find, self._balance_of),
            partial(ask_store.find_ask, self.connection, self._writer.community),
            partial(self._spent_of, period),
        )

    def add(self, batch: Batch) -> None:
        """Post a batch, at the latest with the last one."""
        self._batches.append(batch)
        self._touched.update(*((each.debit, each.credit) for each in batch.transfers))

    def flush(self) -> None:
        """Post what was added."""
        if self._batches:
            self._writer.ledger.post(self.connection, self._batches, self.now_ms)
        self._batches, self._touched = [], set()

    def _find(self, transfer_id: bytes) -> tuple[Transfer, int] | None:
        """Return a payment that operators may amend, and what remains of it."""
        self.flush()
        writer = self._writer
        found = writer.ledger.find(self.connection, transfer_id)
        if found is None:
            return None
        transfer, position, remaining = found
        cause = log_store.entries_at(self.connection, writer.community, [position])
        return (transfer, remaining) if cause[position][0] in AMENDABLE_KINDS else None

    def _spent_of(self, period: int, member: str) -> Spent:
        """Return what a member paid in this local day and month."""
        self.flush()
        rules, ledger = self._state.rules_now, self._writer.ledger
        return spent_of(self.connection, ledger, rules, period, member)

    def _balance_of(self, account: str) -> Balance | None:
        """Return an account's balance, or None if it is not open."""
        if account in self._touched:
            self.flush()
        chart = self._chart
        number = chart.numbers.get(account)
        return None if number is None else chart.balances(self.connection, [number])[account]
