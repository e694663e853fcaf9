"""From holds and results to transfers: pure, and the same for the operator and the audit.

Energy moves half-hour by half-hour: meters give to the pool and take from it, the residual goes to
and from the grid, and the pool is empty after each. A later run moves only what differs from what
was posted before. Money moves once a member, day and run (`settlement.netting`); what a half-hour
came to is a member's line, of which the settlement signs the root.

>>> transfer_id(bytes(16), 0).hex()
'3b1f3d42a834f68eb2f6a2783f9f46ed'
"""

import hashlib
import struct
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from typing import NamedTuple

from ledger.accounts import WH, account_hash, grid, losses, meter_account, pool, wallet
from ledger.book import Balance
from ledger.primitives.ids import derived_id
from ledger.primitives.periods import load_zone, minute_of_day
from ledger.records import Kind, Transfer, pack_record
from market.model import Feeder, Market, Orders, Result, Side, summed
from market.rules import in_band
from meters.readings import Channel
from settlement.orders import PeriodInputs, PeriodOrders
from settlement.terms import CommunityRules


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
def hold_id(hold_batch: bytes, member: str) -> bytes:
    """Return the id of what a day sets aside for a member's orders.

    Asked twice, when it is made and when it is resolved: so a day's are remembered.
    """
    content = b"commonwatt/id/hold/v2\x00" + hold_batch + member.encode()
    return hashlib.sha256(content).digest()[:16]


Move = tuple[Kind, str, str, int, bytes | None]
"""One movement of a run, of which its transfer is made: kind, account that gives, account that takes,
amount, and the id of the hold that it makes or resolves."""


def held_units(orders: Iterable[PeriodOrders]) -> dict[str, int]:
    """Return what some half-hours' orders may owe, by member, in order of id."""
    held: dict[str, int] = {}
    for item in orders:
        for side in (item.asks, item.bids):
            for member, (_, units) in side.items():
                if units:
                    held[member] = held.get(member, 0) + units
    return dict(sorted(held.items()))


def hold_moves(
    hold_batch: bytes, orders: Iterable[PeriodOrders], rules: CommunityRules
) -> list[Move]:
    """Return the holds of a day: one for each member whose orders may owe something."""
    target, asset = pool(rules.feeder, rules.asset), rules.asset
    return [
        (Kind.HOLD, wallet(member, asset), target, units, hold_id(hold_batch, member))
        for member, units in held_units(orders).items()
    ]


def hold_transfers(
    hold_batch: bytes, orders: Sequence[PeriodOrders], rules: CommunityRules
) -> list[Transfer]:
    """Return the transfers that set money aside; they are about the last of the half-hours."""
    last = orders[-1].period
    return [
        Transfer(made or b"", kind, debit, credit, amount, last)
        for kind, debit, credit, amount, made in hold_moves(hold_batch, orders, rules)
    ]


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


class Energy(NamedTuple):
    """What a half-hour's energy postings come to, all runs of it together.

    Attributes:
        readings: Wh by (meter, channel).
        from_grid_wh: what the grid gave.
        to_grid_wh: what the grid took.
    """

    readings: Mapping[tuple[str, Channel], int]
    from_grid_wh: int
    to_grid_wh: int


NO_ENERGY = Energy({}, 0, 0)
"""What is posted before a half-hour's first run."""


def energy_of(inputs: PeriodInputs, lines: Iterable[Line]) -> Energy:
    """Return the energy of a half-hour's readings and lines."""
    from_grid = to_grid = 0
    for line in lines:
        from_grid += line.grid_import_wh
        to_grid += line.grid_export_wh
    return Energy(inputs.readings, from_grid, to_grid)


def energy_moves(before: Energy, after: Energy, rules: CommunityRules) -> list[Move]:
    """Return what takes a half-hour's energy from what was posted to what it is now known to be.

    What goes into the pool comes before what goes out of it.
    """
    target, into, out = pool(rules.feeder, WH), list[Move](), list[Move]()

    def move(account: str, given_wh: int) -> None:
        """Move what an account gives to the pool; below zero, what it takes from it."""
        if given_wh > 0:
            into.append((Kind.POST, account, target, given_wh, None))
        elif given_wh:
            out.append((Kind.POST, target, account, -given_wh, None))

    posted = before.readings
    slots = after.readings if not posted else {**posted, **after.readings}
    for slot in sorted(slots):
        more_wh = after.readings.get(slot, 0) - posted.get(slot, 0)
        if more_wh:
            move(meter_account(*slot), more_wh if slot[1] is Channel.EXPORT else -more_wh)
    move(grid("import"), after.from_grid_wh - before.from_grid_wh)
    move(grid("export"), before.to_grid_wh - after.to_grid_wh)
    if rules.has_losses:
        move(losses(rules.feeder), sum(m[3] for m in out) - sum(m[3] for m in into))
    return into + out


def transfers_of(batch: bytes, moves: Sequence[Move], period: int) -> list[Transfer]:
    """Return the transfers of moves, in the order in which they post."""
    return [
        Transfer(transfer_id(batch, index), kind, debit, credit, amount, period, hold)
        for index, (kind, debit, credit, amount, hold) in enumerate(moves)
    ]


def records_of(batch: bytes, moves: Sequence[Move], period: int) -> list[bytes]:
    """Return the records of moves' transfers, of which a statement signs the root."""
    return [
        pack_record(transfer_id(batch, index), kind, debit, credit, amount, period, hold)
        for index, (kind, debit, credit, amount, hold) in enumerate(moves)
    ]


_LINE_TAG = b"commonwatt/line/v1\x00"
_LINE = struct.Struct(">16s8q")


def line_record(line: Line) -> bytes:
    """Return the bytes that are hashed for a member's line: 99."""
    return _LINE_TAG + _LINE.pack(bytes.fromhex(line.member), *line[1:])


def lines_seed(seed: bytes) -> bytes:
    """Return the seed of a settlement's lines, from that of its transfers.

    Two trees share no salt: who is shown one place of the one learns nothing of the other.
    """
    return hashlib.sha256(b"commonwatt/lines-seed/v1\x00" + seed).digest()


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
