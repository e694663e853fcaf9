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

from ledger.accounts import WH, fees, grid, losses, meter_account, pool, wallet
from ledger.book import Book
from ledger.records import AMOUNT_MAX
from meters.readings import Channel
from settlement.errors import UnsoundError
from settlement.orders import PeriodInputs, PeriodOrders
from settlement.postings import Line
from settlement.state import CommunityRules


@dataclass(slots=True)
class Net:
    """Changes of balances by account.

    Attributes:
        posted: what came in less what went out.
        held: what is set aside in an account for the pool; below zero, what is released.
        pool: for which it is.
    """

    posted: dict[str, int] = field(default_factory=dict)
    held: dict[str, int] = field(default_factory=dict)
    pool: str = ""

    def move(self, debit: str, credit: str, amount: int) -> None:
        """Add a movement."""
        posted = self.posted
        posted[debit] = posted.get(debit, 0) - amount
        posted[credit] = posted.get(credit, 0) + amount


def holds_net(orders: Iterable[PeriodOrders], rules: CommunityRules) -> Net:
    """Return what a day's holds set aside."""
    net = Net(pool=pool(rules.feeder, rules.asset))
    for item in orders:
        _add_holds(net, item, rules, 1)
    return net


def _add_holds(net: Net, orders: PeriodOrders, rules: CommunityRules, sign: int) -> None:
    held, asset = net.held, rules.asset
    for side in (orders.asks, orders.bids):
        for member, (_, hold_units) in side.items():
            if hold_units:
                account = wallet(member, asset)
                held[account] = held.get(account, 0) + sign * hold_units


def settlement_net(
    inputs: PeriodInputs, orders: PeriodOrders, lines: Iterable[Line], rules: CommunityRules
) -> Net:
    """Return what a half-hour's settlement moves, and the holds that it resolves."""
    asset, energy = rules.asset, pool(rules.feeder, WH)
    net = Net(pool=pool(rules.feeder, asset))
    posted, pooled_wh = net.posted, 0
    for (meter, channel), wh in inputs.readings.items():  # each account once
        if wh:
            given_wh = wh if channel is Channel.EXPORT else -wh
            posted[meter_account(meter, channel)] = -given_wh
            pooled_wh += given_wh
    from_grid = to_grid = charge_units = 0
    for line in lines:  # each member once
        from_grid += line.grid_import_wh
        to_grid += line.grid_export_wh
        owed = line.bought_units - line.sold_units
        if owed:
            posted[wallet(line.member, asset)] = -owed
            charge_units += owed
    posted[energy], posted[net.pool] = pooled_wh, charge_units
    for debit, credit, amount in (
        (grid("import"), energy, from_grid),
        (energy, grid("export"), to_grid),
        (net.pool, fees(asset), charge_units),
    ):
        if amount:
            net.move(debit, credit, amount)
    if rules.has_losses and posted[energy]:
        net.move(energy, losses(rules.feeder), posted[energy])
    _add_holds(net, orders, rules, -1)
    return net


def apply_net(book: Book, net: Net) -> None:
    """Add changes to the balances.

    Raises:
        UnsoundError: an account that is not open, or ends beyond a limit.
    """
    balances, touched = book.balances, {**net.posted, **net.held}
    try:
        for account, units in net.posted.items():
            balances[account].posted += units
        for account, units in net.held.items():
            balances[account].pending_out += units
        if net.held:
            touched[net.pool] = 0
            balances[net.pool].pending_in += sum(net.held.values())
    except KeyError as error:
        raise UnsoundError(f"the account {error.args[0]} is not open") from error
    for account in touched:
        balance = balances[account]
        bound = balance.floor is not None or balance.ceiling is not None
        over = bound and (balance.below_floor or balance.above_ceiling)
        if over or abs(balance.posted) > AMOUNT_MAX:
            raise UnsoundError(f"{account} ends beyond its limits")
