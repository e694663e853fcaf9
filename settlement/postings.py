"""From holds and results to transfers: pure, and the same for the operator and the audit.

Energy: meters give to the pool and take from it, the residual goes to and from the grid. Money:
buyers' holds are posted at the exact amount, sellers and the community's fees are paid. After
every half-hour the pool is empty in both.

>>> transfer_id(bytes(16), 0).hex()
'3b1f3d42a834f68eb2f6a2783f9f46ed'
"""

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from ledger.accounts import WH, account_hash, fees, grid, meter_account, pool, wallet
from ledger.book import Balance
from ledger.primitives.ids import derived_id
from ledger.primitives.money import value_units
from ledger.records import Kind, Transfer
from market.model import Feeder, Market, Result, Side
from meters.readings import Channel
from settlement.orders import Funded, PeriodInputs, PeriodOrders
from settlement.state import CommunityRules


@dataclass(frozen=True, slots=True)
class Line:
    """What one member's half-hour came to.

    ``bought_wh`` and ``sold_wh`` are with neighbours; ``units`` is the money of both, positive
    when received.
    """

    member: str
    period: int
    own_use_wh: int
    bought_wh: int
    sold_wh: int
    grid_import_wh: int
    grid_export_wh: int
    bought_units: int
    sold_units: int


def transfer_id(batch: bytes, index: int) -> bytes:
    """Return the id of the transfer at an index of a batch: the same on every run."""
    content = b"commonwatt/id/transfer/v1\x00" + batch + index.to_bytes(4)
    return hashlib.sha256(content).digest()[:16]


def run_id(kind: str, origin: str, run: str, about: str | int) -> str:
    """Return the id of a run's statement: a run that starts again makes the same ids."""
    return derived_id(kind, origin, run, about)


def hold_id(hold_batch: bytes, period: int, member: str) -> bytes:
    """Return the id of the hold for a member's order in a half-hour."""
    content = b"commonwatt/id/hold/v1\x00" + hold_batch + period.to_bytes(8) + member.encode()
    return hashlib.sha256(content).digest()[:16]


def hold_transfers(
    hold_batch: bytes, orders: list[PeriodOrders], rules: CommunityRules
) -> list[Transfer]:
    """Return the holds of a day: one for each order that may owe something."""
    target = pool(rules.feeder, rules.asset)
    return [
        Transfer(
            hold_id(hold_batch, period_orders.period, member),
            Kind.HOLD,
            wallet(member, rules.asset),
            target,
            funded.hold_units,
            period_orders.period,
        )
        for period_orders in orders
        for member, funded in _holders(period_orders)
    ]


def _holders(orders: PeriodOrders) -> Iterator[tuple[str, Funded]]:
    """Yield (member, order) of those with something set aside; a member has one order."""
    both = {**orders.bids, **orders.asks}
    return ((member, both[member]) for member in sorted(both) if both[member].hold_units)


def market_of(orders: PeriodOrders, rules: CommunityRules) -> Market:
    """Return the market of a half-hour: what is cleared and hashed."""
    return Market(
        orders.period,
        (Feeder(rules.feeder),),
        tuple(funded.order for _, funded in sorted(orders.asks.items())),
        tuple(funded.order for _, funded in sorted(orders.bids.items())),
        rules.market,
    )


def lines_of(inputs: PeriodInputs, result: Result) -> list[Line]:
    """Return every member's line, in order of id."""
    got = {(outcome.side, outcome.id): outcome for outcome in result.orders if outcome.wh}
    lines = []
    for member, flow in sorted(inputs.flows.items()):
        bid, ask = got.get((Side.BID, member)), got.get((Side.ASK, member))
        bought_wh = bid.wh if bid else 0
        sold_wh = ask.wh if ask else 0
        lines.append(
            Line(
                member,
                inputs.period,
                flow.own_use_wh,
                bought_wh,
                sold_wh,
                flow.wanted_wh - bought_wh,
                flow.offered_wh - sold_wh,
                value_units(bought_wh, bid.price_ticks or 0) if bid else 0,
                value_units(sold_wh, ask.price_ticks or 0) if ask else 0,
            )
        )
    return lines


def settlement_transfers(
    batch: bytes,
    hold_batch: bytes,
    inputs: PeriodInputs,
    orders: PeriodOrders,
    lines: list[Line],
    rules: CommunityRules,
) -> list[Transfer]:
    """Return the transfers that settle one half-hour, in the order in which they post.

    What is paid into the pool comes before what is paid out of it.
    """
    moves = [*_energy_moves(inputs, lines, rules), *_money_moves(hold_batch, orders, lines, rules)]
    return [
        Transfer(transfer_id(batch, index), kind, debit, credit, amount, inputs.period, hold)
        for index, (kind, debit, credit, amount, hold) in enumerate(moves)
    ]


_Move = tuple[Kind, str, str, int, bytes | None]


def _energy_moves(
    inputs: PeriodInputs, lines: list[Line], rules: CommunityRules
) -> Iterator[_Move]:
    target = pool(rules.feeder, WH)
    readings = sorted(inputs.readings.items())
    for (meter, channel), wh in readings:
        if channel is Channel.EXPORT and wh:
            yield Kind.POST, meter_account(meter, channel), target, wh, None
    from_grid = sum(line.grid_import_wh for line in lines)
    if from_grid:
        yield Kind.POST, grid("import"), target, from_grid, None
    for (meter, channel), wh in readings:
        if channel is Channel.IMPORT and wh:
            yield Kind.POST, target, meter_account(meter, channel), wh, None
    to_grid = sum(line.grid_export_wh for line in lines)
    if to_grid:
        yield Kind.POST, target, grid("export"), to_grid, None


def _money_moves(
    hold_batch: bytes, orders: PeriodOrders, lines: list[Line], rules: CommunityRules
) -> Iterator[_Move]:
    target = pool(rules.feeder, rules.asset)
    owed = {line.member: line.bought_units - line.sold_units for line in lines}
    for member, funded in _holders(orders):
        hold = hold_id(hold_batch, orders.period, member)
        account = wallet(member, rules.asset)
        if owed[member] > 0:
            yield Kind.POST_HOLD, account, target, owed[member], hold
        else:
            yield Kind.VOID_HOLD, account, target, funded.hold_units, hold
    for member, units in sorted(owed.items()):
        if units < 0:
            yield Kind.POST, target, wallet(member, rules.asset), -units, None
    charge_units = sum(owed.values())
    if charge_units:
        yield Kind.POST, target, fees(rules.asset), charge_units, None


def totals_of(lines: Mapping[int, list[Line]]) -> list[dict[str, int]]:
    """Return each half-hour's totals: the content that a seal binds."""
    return [
        {
            "period": period,
            "matched_wh": sum(line.sold_wh for line in period_lines),
            "own_use_wh": sum(line.own_use_wh for line in period_lines),
            "grid_import_wh": sum(line.grid_import_wh for line in period_lines),
            "grid_export_wh": sum(line.grid_export_wh for line in period_lines),
            "bought_units": sum(line.bought_units for line in period_lines),
            "sold_units": sum(line.sold_units for line in period_lines),
        }
        for period, period_lines in sorted(lines.items())
    ]


def balance_record(account: str, posted: int, pending_out: int) -> bytes:
    """Return the bytes that are hashed for a balance: 70."""
    return (
        b"commonwatt/balance/v1\x00"
        + account_hash(account)
        + posted.to_bytes(8, signed=True)
        + pending_out.to_bytes(8)
    )


def balance_records(balances: Mapping[str, Balance]) -> list[bytes]:
    """Return the records whose salted root a seal carries: every balance, in order of account."""
    return [
        balance_record(account, balance.posted, balance.pending_out)
        for account, balance in sorted(balances.items())
    ]
