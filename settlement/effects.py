"""What a logged statement causes in the ledger: pure, the same for the operator and the audit.

Accounts that it opens, a limit that it sets, transfers that it makes. Runs have causes of their
own (`settlement.postings`).

>>> Effect().transfers
()
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from ledger.accounts import (
    WH,
    fees,
    fund,
    grid,
    losses,
    meter_account,
    network,
    pool,
    receivable,
    reserve,
    vouchers,
    wallet,
)
from ledger.book import Balance
from ledger.errors import RefusedError
from ledger.primitives import shape
from ledger.primitives.canonical import decode
from ledger.primitives.money import format_money
from ledger.primitives.shape import HEX_64
from ledger.records import Kind, Transfer, record, salted_root
from ledger.statements import Statement
from ledger.voucher_keys import VOUCHER_KINDS
from meters.readings import Channel
from settlement.asks import AskOf, check_end, check_payment
from settlement.closing import check_payee
from settlement.consents import SETTLEMENT
from settlement.errors import PayersOwnError
from settlement.openings import opening_transfers, openings_from_detail
from settlement.postings import transfer_id
from settlement.spending import SPENDING_KINDS, SpentOf, check_spending, spans_of
from settlement.state import CommunityState
from settlement.timetable import DETAIL_BYTES_MAX

PAYMENT_KINDS = (
    *VOUCHER_KINDS,
    *("transfer", "opening", "issue", "redeem", "reversal", "correction"),
    *("donation", "grant", "standing_payment"),
)
"""Kinds of statement that move a wallet's money apart from energy."""

AMENDABLE_KINDS = (
    *("transfer", "opening", "issue", "redeem", "donation", "grant"),
    "standing_payment",
)
"""Kinds whose transfers operators may reverse or correct; a run's are corrected by the next run."""

BalanceOf = Callable[[str], Balance | None]
"""Returns an account's balance, or None if it is not open."""

Find = Callable[[bytes], tuple[Transfer, int] | None]
"""Returns a transfer of one of `AMENDABLE_KINDS` and what remains of it, by its id."""


@dataclass(frozen=True, slots=True)
class Effect:
    """What a statement causes.

    Attributes:
        accounts: (account, floor) to open.
        limit: (account, floor) to set. A ceiling would stop the day of a member who sells.
        transfers: one atomic batch under the statement's id.
        answers: id of the request to be paid that is answered by it.
    """

    accounts: Sequence[tuple[str, int | None]] = ()
    limit: tuple[str, int] | None = None
    transfers: Sequence[Transfer] = ()
    answers: str | None = None


@dataclass(frozen=True, slots=True)
class Case:
    """A statement and all that its effect depends on.

    Attributes:
        statement: checked, and applied to the state.
        detail: what it binds, or None.
        state: what was agreed, this statement included.
        period: the half-hour in which it was logged.
        find: looks up the original of a reversal or correction.
        balance_of: looks up what is in an account before the statement.
        ask_of: looks up a request to be paid.
        spent_of: looks up what a member paid in this local day and month.
    """

    statement: Statement
    detail: bytes | None
    state: CommunityState
    period: int
    find: Find
    balance_of: BalanceOf
    ask_of: AskOf
    spent_of: SpentOf

    @property
    def body(self) -> Mapping[str, Any]:
        """The fields of what is done."""
        return self.statement.deed[1]

    def wallet(self, member: str) -> str:
        """Return a member's wallet."""
        return wallet(member, self.state.rules_now.asset)

    def post(self, ends: tuple[str, str], amount: int) -> Effect:
        """Return the effect of one plain transfer."""
        made = transfer_id(bytes.fromhex(self.statement.id), 0)
        return Effect(transfers=(Transfer(made, Kind.POST, *ends, amount, self.period),))


def effect_of(case: Case) -> Effect:
    """Return what a statement causes.

    Raises:
        RefusedError: a rule forbids it.
        InputError: its detail is not of the right form.
    """
    kind, _ = case.statement.deed
    effect = _EFFECTS.get(kind, _nothing)(case)
    if kind in SPENDING_KINDS:
        _check_spending(case, effect)
    return effect


def spent_units(case: Case, effect: Effect) -> int:
    """Return what a statement of one of `SPENDING_KINDS` takes out of its member's wallet."""
    purse = case.wallet(case.statement.account)
    return sum(transfer.amount for transfer in effect.transfers if transfer.debit == purse)


def _check_spending(case: Case, effect: Effect) -> None:
    """Refuse a payment above what its member lets themselves pay.

    Raises:
        RefusedError: says which limit, what is left of it, and until when.
    """
    payer = case.statement.account
    limits = case.state.payments.limits_at(payer, case.period)
    if any(limit is not None for limit in limits):
        span = spans_of(case.period, case.state.rules_now.zone)
        check_spending(limits, case.spent_of(payer), spent_units(case, effect), span)


def _nothing(_case: Case) -> Effect:
    return Effect()


def _open_community(case: Case) -> Effect:
    rules = case.state.rules_now
    accounts: list[tuple[str, int | None]] = [
        (fees(rules.asset), None),
        (pool(rules.feeder, rules.asset), 0),
        (pool(rules.feeder, WH), 0),
        (grid("import"), None),
        (grid("export"), None),
    ]
    accounts += [(network(rules.asset), None), (fund(rules.asset), None)]
    if rules.has_losses:
        accounts.append((losses(rules.feeder), None))
    if rules.issuance == "reserve":
        accounts.append((reserve(rules.asset), None))
    return Effect(accounts=accounts)


def _open_wallet(case: Case) -> Effect:
    member = case.state.members[case.statement.account]
    return Effect(accounts=((case.wallet(member.id), member.floor_units),))


def _open_meter(case: Case) -> Effect:
    if case.body["purpose"] != SETTLEMENT:
        return Effect()
    meter = case.body["meter"]
    return Effect(accounts=tuple((meter_account(meter, side), None) for side in Channel))


def _limit(case: Case) -> Effect:
    account, body = case.wallet(case.statement.account), case.body
    return Effect(limit=(account, body["floor_units"]))


def _pay(case: Case) -> Effect:
    payer, payee = case.statement.account, case.body["to"]
    if payee not in case.state.members or payee == payer:
        raise RefusedError("The payee is not another member of this community.")
    check_payee(case.state.closed, payee)
    ask = case.body.get("ask")
    if ask is not None:
        check_payment(case.ask_of(ask), payer, case.body, case.period)
    _check_debt(case, payer, case.body["amount"])
    paid = case.post((case.wallet(payer), case.wallet(payee)), case.body["amount"])
    return replace(paid, answers=ask)


def _end_ask(case: Case) -> Effect:
    ask: str = case.body["ask"]
    check_end(case.ask_of(ask), case.statement.account, case.period)
    return Effect(answers=ask)


def _pay_standing(case: Case) -> Effect:
    payments, zone = case.state.payments, case.state.rules_now.zone
    order = payments.standing.paid_by(case.body, case.period, zone)
    check_payee(case.state.closed, order.to)
    _check_debt(case, order.member, order.units)
    return case.post((case.wallet(order.member), case.wallet(order.to)), order.units)


def _check_debt(case: Case, payer: str, units: int) -> None:
    """Refuse a payment of what a member owes from a later run: that is repaid first.

    Raises:
        RefusedError: says how much may be paid.
    """
    asset = case.state.rules_now.asset
    claim = case.balance_of(receivable(payer, asset))
    if claim is None or claim.posted >= 0:
        return
    purse = case.balance_of(case.wallet(payer))
    free = 0 if purse is None or purse.available is None else purse.available
    if free + claim.posted < units:
        left = format_money(max(0, free + claim.posted))
        raise PayersOwnError(
            f"This account owes {format_money(-claim.posted)} from a run that was worked out "
            f"again, which is repaid first: {left} can be paid. Nothing was written."
        )


def _donate(case: Case) -> Effect:
    _check_debt(case, case.statement.account, case.body["amount"])
    ends = case.wallet(case.statement.account), fund(case.state.rules_now.asset)
    return case.post(ends, case.body["amount"])


def _voucher(case: Case) -> Effect:
    """Move a voucher's money: from the wallet into the pot, or out to whom it pays or goes back."""
    kind, mine = case.statement.kind, case.wallet(case.statement.account)
    pot, book = vouchers(case.state.rules_now.asset), case.state.vouchers
    held = case.balance_of(pot)
    if held is not None:  # else no voucher was made before, or nobody knows
        book.check_pot(held.posted, case.statement)
    if kind == "voucher":
        _check_debt(case, case.statement.account, case.body["amount"])
        made = case.post((mine, pot), case.body["amount"])
        return replace(made, accounts=((pot, 0),))
    return case.post((pot, mine), book.vouchers[case.body["voucher"]].units)


def _grant(case: Case) -> Effect:
    pot, units = fund(case.state.rules_now.asset), case.body["amount"]
    _check_fund(case, units)
    return case.post((pot, case.wallet(case.statement.account)), units)


def _check_fund(case: Case, units: int) -> None:
    """Refuse what the fund has not: only runs take it below zero, to the floor of the rules.

    Raises:
        RefusedError: says what it has.
    """
    pot = case.balance_of(fund(case.state.rules_now.asset))
    has = 0 if pot is None else pot.posted - pot.pending_out
    if has < units:
        raise RefusedError(
            f"The community's fund has {format_money(has)}: it gives no more than it has."
        )


def _issue(case: Case) -> Effect:
    rules = case.state.rules_now
    if rules.issuance != "reserve":
        raise RefusedError(
            "This currency is mutual credit: it sums to zero, and nothing is issued or redeemed."
        )
    if case.statement.kind == "redeem":
        _check_debt(case, case.statement.account, case.body["amount"])
    inside, outside = case.wallet(case.statement.account), reserve(rules.asset)
    ends = (outside, inside) if case.statement.kind == "issue" else (inside, outside)
    return case.post(ends, case.body["amount"])


def _amend(case: Case) -> Effect:
    body, reverses = case.body, case.statement.kind == "reversal"
    found = case.find(bytes.fromhex(body["original"]))
    if found is None:
        raise RefusedError(
            "No payment has this id, or it is a run's or a voucher's: what a run posted, a later "
            "run corrects."
        )
    original, remaining = found
    if reverses and not remaining:
        raise RefusedError("Nothing remains of this payment: it was reversed or corrected before.")
    back = reverses or body["back"]
    transfer = Transfer(
        transfer_id(bytes.fromhex(case.statement.id), 0),
        Kind.REVERSE if reverses else Kind.CORRECT,
        original.credit if back else original.debit,
        original.debit if back else original.credit,
        remaining if reverses else body["amount"],
        case.period,
        original.id,
    )
    if transfer.debit == fund(case.state.rules_now.asset):
        _check_fund(case, transfer.amount)
    if not back and transfer.debit.startswith("member/"):
        _check_debt(case, transfer.debit.split("/")[1], transfer.amount)
    return Effect(transfers=(transfer,))


def _open_balances(case: Case) -> Effect:
    statement, value = case.statement, decode(case.detail or b"{}", DETAIL_BYTES_MAX)
    _SEED_AND_BALANCES(value, "detail")
    balances = openings_from_detail(value["balances"], case.state)
    transfers = opening_transfers(bytes.fromhex(statement.id), balances, case.period)
    root = salted_root(bytes.fromhex(value["seed"]), [record(t) for t in transfers]).hex()
    if (root, len(transfers)) != (statement.body["root"], statement.body["count"]):
        raise RefusedError("The balances are not those that were signed for this half-hour.")
    return Effect(accounts=((fund(case.state.rules_now.asset), None),), transfers=transfers)


_SEED_AND_BALANCES = shape.record({"seed": HEX_64, "balances": lambda value, _path: value})

_EFFECTS: Mapping[str, Callable[[Case], Effect]] = {
    "rules": _open_community,
    "account_open": _open_wallet,
    "consent": _open_meter,
    "limit": _limit,
    "transfer": _pay,
    "ask_end": _end_ask,
    "standing_payment": _pay_standing,
    "donation": _donate,
    "grant": _grant,
    **dict.fromkeys(VOUCHER_KINDS, _voucher),
    "issue": _issue,
    "redeem": _issue,
    "reversal": _amend,
    "correction": _amend,
    "opening": _open_balances,
}
