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

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from ledger.accounts import WH, grid, losses, meter_account, pool
from ledger.book import Book
from ledger.records import AMOUNT_MAX, RESOLVES, Kind
from meters.readings import Channel
from settlement.errors import UnsoundError
from settlement.postings import Energy, Move
from settlement.terms import CommunityRules


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


def money_net(moves: Iterable[Move], held: Mapping[str, int], rules: CommunityRules) -> Net:
    """Return what movements of money change: what is set aside, or posted and released.

    Args:
        moves: a hold's or a netting's.
        held: what is set aside for the run, by member: all of it is made, or resolved, by the moves.
        rules: of the community.
    """
    net = Net(pool=pool(rules.feeder, rules.asset))
    for kind, debit, credit, amount, _ in moves:
        if kind is Kind.HOLD:
            net.held[debit] = net.held.get(debit, 0) + amount
        elif kind is not Kind.VOID_HOLD:
            net.move(debit, credit, amount)
        if kind in RESOLVES:
            net.held[debit] = net.held.get(debit, 0) - held[debit.split("/")[1]]
    return net


def energy_net(before: Energy, after: Energy, rules: CommunityRules) -> Net:
    """Return what a half-hour's energy postings change, as `settlement.postings.energy_moves`."""
    energy = pool(rules.feeder, WH)
    net = Net(pool=energy)
    posted, pooled_wh, earlier = net.posted, 0, before.readings
    slots = after.readings if not earlier else {**earlier, **after.readings}
    for slot in slots:  # each account once
        more_wh = after.readings.get(slot, 0) - earlier.get(slot, 0)
        if more_wh:
            given_wh = more_wh if slot[1] is Channel.EXPORT else -more_wh
            posted[meter_account(*slot)] = -given_wh
            pooled_wh += given_wh
    posted[energy] = pooled_wh
    from_grid = after.from_grid_wh - before.from_grid_wh
    to_grid = after.to_grid_wh - before.to_grid_wh
    for debit, credit, amount in (
        (grid("import"), energy, from_grid),
        (energy, grid("export"), to_grid),
    ):
        if amount:
            net.move(debit, credit, amount)
    if rules.has_losses and posted[energy]:
        net.move(energy, losses(rules.feeder), posted[energy])
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
