"""From holds and results to transfers: pure, and the same for the operator and the audit.

Energy: meters give to the pool and take from it, the residual goes to and from the grid. Money:
buyers' holds are posted at the exact amount, sellers and the community's fees are paid. After
every half-hour the pool is empty in both.

>>> transfer_id(bytes(16), 0).hex()
'3b1f3d42a834f68eb2f6a2783f9f46ed'
"""

import hashlib
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import NamedTuple

from ledger.accounts import WH, account_hash, fees, grid, losses, meter_account, pool, wallet
from ledger.book import Balance
from ledger.primitives.ids import derived_id
from ledger.primitives.periods import load_zone, minute_of_day
from ledger.records import Kind, Transfer, pack_record
from market.model import Feeder, Market, Orders, Result, Side, summed
from market.rules import in_band
from meters.readings import Channel
from settlement.orders import Funded, PeriodInputs, PeriodOrders
from settlement.state import CommunityRules


class Line(NamedTuple):
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


@lru_cache(maxsize=65_536)
def hold_id(hold_batch: bytes, period: int, member: str) -> bytes:
    """Return the id of the hold for a member's order in a half-hour.

    Asked twice, when it is made and when it is resolved: so a day's are remembered.
    """
    content = b"commonwatt/id/hold/v1\x00" + hold_batch + period.to_bytes(8) + member.encode()
    return hashlib.sha256(content).digest()[:16]


Move = tuple[Kind, str, str, int, bytes | None]
"""One movement of a run, of which its transfer is made: kind, account that gives, account that takes,
amount, and the id of the hold that it makes or resolves."""


def hold_moves(hold_batch: bytes, orders: PeriodOrders, rules: CommunityRules) -> list[Move]:
    """Return the holds of a half-hour: one for each order that may owe something."""
    target, period, asset = pool(rules.feeder, rules.asset), orders.period, rules.asset
    return [
        (Kind.HOLD, wallet(member, asset), target, units, hold_id(hold_batch, period, member))
        for member, (_, units) in _holders(orders)
    ]


def hold_transfers(
    hold_batch: bytes, orders: list[PeriodOrders], rules: CommunityRules
) -> list[Transfer]:
    """Return the holds of a day: one for each order that may owe something."""
    return [
        Transfer(made or b"", kind, debit, credit, amount, item.period)
        for item in orders
        for kind, debit, credit, amount, made in hold_moves(hold_batch, item, rules)
    ]


def _holders(orders: PeriodOrders) -> list[tuple[str, Funded]]:
    """Return (member, order) of those with something set aside; a member has one order."""
    both = {**orders.bids, **orders.asks}
    return [(member, funded) for member, funded in sorted(both.items()) if funded.hold_units]


def market_of(orders: PeriodOrders, rules: CommunityRules) -> Market:
    """Return the market of a half-hour: what is cleared and hashed."""
    market = rules.market
    if market.match_bands:
        market = in_band(market, minute_of_day(orders.period, load_zone(rules.zone)))
    return Market(
        orders.period,
        (Feeder(rules.feeder),),
        Orders.of(funded.order for _, funded in sorted(orders.asks.items())),
        Orders.of(funded.order for _, funded in sorted(orders.bids.items())),
        market,
        tuple(orders.agreements),
    )


def lines_of(inputs: PeriodInputs, result: Result, rules: CommunityRules) -> list[Line]:
    """Return every member's line, in order of id."""
    traded = {
        side: {order: summed(fills) for order, fills in trades.matched()}
        for side, trades in ((Side.ASK, result.asks), (Side.BID, result.bids))
    }
    return lines_of_traded(inputs, traded, rules)


def lines_of_traded(
    inputs: PeriodInputs,
    traded: Mapping[Side, Mapping[str, tuple[int, int]]],
    rules: CommunityRules,
) -> list[Line]:
    """Return every member's line from (Wh, units) by side, then member, of those that traded."""
    lossy = rules.has_losses
    lines, nothing, period = [], (0, 0), inputs.period
    asks, bids = traded[Side.ASK], traded[Side.BID]
    for member, (imported_wh, exported_wh) in sorted(inputs.flows.items()):
        own_wh = min(imported_wh, exported_wh)
        bought_wh, bought_units = bids.get(member, nothing)
        sold_wh, sold_units = asks.get(member, nothing)
        wanted_wh, offered_wh = imported_wh - own_wh, exported_wh - own_wh
        if lossy:
            wanted_wh = rules.at_boundary(Side.BID, wanted_wh)
            offered_wh = rules.at_boundary(Side.ASK, offered_wh)
        lines.append(
            Line(
                member,
                period,
                own_wh,
                bought_wh,
                sold_wh,
                wanted_wh - bought_wh,
                offered_wh - sold_wh,
                bought_units,
                sold_units,
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
    """Return the transfers that settle one half-hour, in the order in which they post."""
    return [
        Transfer(transfer_id(batch, index), kind, debit, credit, amount, inputs.period, hold)
        for index, (kind, debit, credit, amount, hold) in enumerate(
            settlement_moves(hold_batch, inputs, orders, lines, rules)
        )
    ]


def settlement_moves(
    hold_batch: bytes,
    inputs: PeriodInputs,
    orders: PeriodOrders,
    lines: list[Line],
    rules: CommunityRules,
) -> list[Move]:
    """Return what settles one half-hour: what is paid into the pool before what is paid out."""
    return _energy_moves(inputs, lines, rules) + _money_moves(hold_batch, orders, lines, rules)


def settlement_records(batch: bytes, moves: Sequence[Move], period: int) -> list[bytes]:
    """Return the records of a settlement's transfers, of which it signs the root."""
    return [
        pack_record(transfer_id(batch, index), kind, debit, credit, amount, period, hold)
        for index, (kind, debit, credit, amount, hold) in enumerate(moves)
    ]


def _energy_moves(inputs: PeriodInputs, lines: list[Line], rules: CommunityRules) -> list[Move]:
    target, exports, imports = pool(rules.feeder, WH), list[Move](), list[Move]()
    for (meter, channel), wh in sorted(inputs.readings.items()):
        if wh and channel is Channel.EXPORT:
            exports.append((Kind.POST, meter_account(meter, channel), target, wh, None))
        elif wh:
            imports.append((Kind.POST, target, meter_account(meter, channel), wh, None))
    from_grid = sum(line.grid_import_wh for line in lines)
    if from_grid:
        exports.append((Kind.POST, grid("import"), target, from_grid, None))
    to_grid = sum(line.grid_export_wh for line in lines)
    if to_grid:
        imports.append((Kind.POST, target, grid("export"), to_grid, None))
    if rules.has_losses:
        lost_wh = sum(move[3] for move in exports) - sum(move[3] for move in imports)
        if lost_wh > 0:
            imports.append((Kind.POST, target, losses(rules.feeder), lost_wh, None))
        elif lost_wh:
            exports.append((Kind.POST, losses(rules.feeder), target, -lost_wh, None))
    return exports + imports


def _money_moves(
    hold_batch: bytes, orders: PeriodOrders, lines: list[Line], rules: CommunityRules
) -> list[Move]:
    target, asset, moves = pool(rules.feeder, rules.asset), rules.asset, list[Move]()
    owed = {line.member: line.bought_units - line.sold_units for line in lines}
    for member, (_, held) in _holders(orders):
        hold, units = hold_id(hold_batch, orders.period, member), owed[member]
        if units > 0:
            moves.append((Kind.POST_HOLD, wallet(member, asset), target, units, hold))
        else:
            moves.append((Kind.VOID_HOLD, wallet(member, asset), target, held, hold))
    moves += [
        (Kind.POST, target, wallet(member, asset), -units, None)
        for member, units in sorted(owed.items())
        if units < 0
    ]
    charge_units = sum(owed.values())
    if charge_units:
        moves.append((Kind.POST, target, fees(asset), charge_units, None))
    return moves


def totals_of(lines: Mapping[int, list[Line]]) -> list[dict[str, int]]:
    """Return each half-hour's totals: the content that a seal binds."""
    totals = [_total(period, period_lines) for period, period_lines in sorted(lines.items())]
    return [
        {
            "period": total.period,
            "matched_wh": total.sold_wh,
            "own_use_wh": total.own_use_wh,
            "grid_import_wh": total.grid_import_wh,
            "grid_export_wh": total.grid_export_wh,
            "bought_units": total.bought_units,
            "sold_units": total.sold_units,
        }
        for total in totals
    ]


def _total(period: int, lines: list[Line]) -> Line:
    """Return a half-hour's lines added up, as one line of nobody's."""
    columns = list(zip(*lines, strict=True))[2:]
    return Line("", period, *map(sum, columns)) if lines else Line("", period, 0, 0, 0, 0, 0, 0, 0)


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
