"""What a run moves, net, in the audit's book.

The operator's book takes transfers one by one, whatever they are. The audit makes a run's moves itself
from what was checked before, and compares their root with the signed one; so it need not ask of
each whether it may be: a hold is made once, resolved once and never for more, by construction.
What remains is to add up, and to look at each account's limits.

>>> net = Net()
>>> net.move("a BRM/7", "b BRM/7", 4)
>>> net.posted
{'a BRM/7': -4, 'b BRM/7': 4}
"""

from collections.abc import Iterable
from dataclasses import dataclass, field

from ledger.accounts import WH, fees, grid, meter_account, pool, wallet
from ledger.book import Book
from ledger.records import AMOUNT_MAX
from meters.readings import Channel
from settlement.errors import UnsoundError
from settlement.orders import PeriodInputs, PeriodOrders
from settlement.postings import Line
from settlement.state import CommunityRules


@dataclass(slots=True)
class Net:
    """Changes of balances by account."""

    posted: dict[str, int] = field(default_factory=dict)
    pending_out: dict[str, int] = field(default_factory=dict)
    pending_in: dict[str, int] = field(default_factory=dict)

    def move(self, debit: str, credit: str, amount: int) -> None:
        """Add a movement."""
        posted = self.posted
        posted[debit] = posted.get(debit, 0) - amount
        posted[credit] = posted.get(credit, 0) + amount

    def set_aside(self, debit: str, credit: str, amount: int) -> None:
        """Add a hold, or take one away by a negative amount."""
        self.pending_out[debit] = self.pending_out.get(debit, 0) + amount
        self.pending_in[credit] = self.pending_in.get(credit, 0) + amount


def holds_net(orders: Iterable[PeriodOrders], rules: CommunityRules) -> Net:
    """Return what a day's holds set aside."""
    net = Net()
    for item in orders:
        _add_holds(net, item, rules, 1)
    return net


def _add_holds(net: Net, orders: PeriodOrders, rules: CommunityRules, sign: int) -> None:
    target = pool(rules.feeder, rules.asset)
    for side in (orders.asks, orders.bids):
        for member, funded in side.items():
            if funded.hold_units:
                net.set_aside(wallet(member, rules.asset), target, sign * funded.hold_units)


def settlement_net(
    inputs: PeriodInputs, orders: PeriodOrders, lines: Iterable[Line], rules: CommunityRules
) -> Net:
    """Return what a half-hour's settlement moves, and the holds that it resolves."""
    net, asset = Net(), rules.asset
    energy, money = pool(rules.feeder, WH), pool(rules.feeder, asset)
    for (meter, channel), wh in inputs.readings.items():
        if wh and channel is Channel.EXPORT:
            net.move(meter_account(meter, channel), energy, wh)
        elif wh:
            net.move(energy, meter_account(meter, channel), wh)
    from_grid = to_grid = charge_units = 0
    for line in lines:
        from_grid += line.grid_import_wh
        to_grid += line.grid_export_wh
        owed = line.bought_units - line.sold_units
        charge_units += owed
        if owed:
            net.move(wallet(line.member, asset), money, owed)
    for debit, credit, amount in (
        (grid("import"), energy, from_grid),
        (energy, grid("export"), to_grid),
        (money, fees(asset), charge_units),
    ):
        if amount:
            net.move(debit, credit, amount)
    _add_holds(net, orders, rules, -1)
    return net


def apply_net(book: Book, net: Net) -> None:
    """Add changes to the balances.

    Raises:
        UnsoundError: an account that is not open, or ends beyond a limit.
    """
    for account in {**net.posted, **net.pending_out, **net.pending_in}:
        balance = book.balances.get(account)
        if balance is None:
            raise UnsoundError(f"the account {account} is not open")
        balance.posted += net.posted.get(account, 0)
        balance.pending_out += net.pending_out.get(account, 0)
        balance.pending_in += net.pending_in.get(account, 0)
        if balance.below_floor or balance.above_ceiling or abs(balance.posted) > AMOUNT_MAX:
            raise UnsoundError(f"{account} ends beyond its limits")
