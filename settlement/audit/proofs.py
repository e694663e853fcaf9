"""The costly part of a day's audit, apart from what came before it: pure, for any process.

A day's proof is given raw bytes: the orders that the hold fixed, the readings, each result and what
the statements signed. It makes markets, moves and roots again and compares; it needs no balances.

>>> FUNDS
'funds and mandates'
"""

import hashlib
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial

from ledger.errors import CommonwattError
from ledger.primitives.energy import WH_MAX
from ledger.primitives.signing import verify
from ledger.records import pack_record, salted_root
from market.certificate import verify_encoded
from market.wire import encode_market
from meters.batches import NOT_SIGNED, BatchContent
from settlement.errors import UNTAKEN, UnsoundError
from settlement.orders import PeriodInputs, PeriodOrders
from settlement.orders_wire import orders_from_checked, orders_from_detail
from settlement.postings import (
    NO_ENERGY,
    Energy,
    Line,
    energy_moves,
    energy_of,
    hold_moves,
    line_record,
    lines_of,
    lines_seed,
    market_of,
    records_of,
)
from settlement.terms import CommunityRules

FUNDS, CLEARINGS, POSTINGS, SEALS = (
    "funds and mandates",
    "clearings",
    "postings",
    "balances and seals",
)
"""Names of the checks of a run."""

Failure = tuple[int, str, str]
"""Log position, check, and what is wrong."""

SignedReadings = tuple[int, str, int, tuple[int, ...], str, bytes]
"""Log position and root of a batch of readings, then the fields of its content."""


@dataclass(frozen=True, slots=True)
class Signed:
    """What a statement signed of a batch: its root, count and seed; no seed if it was erased.

    A settlement signs the root and the count of its lines, too.
    """

    position: int
    root: str
    count: int
    seed: bytes | None
    batch: bytes = b""
    lines_root: str = ""
    lines_count: int = 0


@dataclass(frozen=True, slots=True)
class Cleared:
    """What a clearing signed, and the result's bytes; none if they were erased."""

    position: int
    market: str
    result: str
    data: bytes | None


@dataclass(slots=True)
class DayProof:
    """A day's run as it stands in the log.

    Attributes:
        periods: its half-hours.
        hold_batch: id of the hold; empty for a later run.
        rules: that bind the day.
        inputs: readings and flows, empty where some were erased.
        orders: the hold's detail; None where it was erased.
        held: what the hold signed.
        cleared: by half-hour.
        settled: by half-hour.
        before: what was posted of a half-hour's energy by earlier runs.
    """

    periods: range
    hold_batch: bytes
    rules: CommunityRules
    inputs: list[PeriodInputs]
    orders: bytes | None = None
    held: Signed | None = None
    cleared: dict[int, Cleared] = field(default_factory=dict)
    settled: dict[int, Signed] = field(default_factory=dict)
    before: dict[int, Energy] = field(default_factory=dict)


def prove_day(proof: DayProof) -> Failure | None:
    """Return the first thing that is wrong with a day, in the order of the log, or None."""
    at = proof.held.position if proof.held else 0, FUNDS
    try:
        for position, check, step in _steps(proof):
            at = position, check
            step()
    except CommonwattError as error:
        return *at, f"entry {at[0]}: {error}"
    except UNTAKEN as error:
        return *at, f"entry {at[0]}: what it says cannot be taken ({type(error).__name__})"
    return None


def prove_signatures(signatures: Sequence[tuple[int, bytes, bytes, bytes]]) -> Failure | None:
    """Return the first of some (log position, public key, signature, message) that does not hold."""
    for position, public_key, signature, message in signatures:
        if not verify(public_key, signature, message):
            return position, "keys and signatures", f"entry {position}: the signature does not hold"
    return None


def prove_readings(batches: Sequence[SignedReadings]) -> Failure | None:
    """Return the first of some batches of readings that does not give the root signed for it."""
    for position, root, first, wh, quality, seed in batches:
        if BatchContent(first, wh, quality, seed).root().hex() != root:
            words = f"entry {position}: {NOT_SIGNED}"
            return position, "readings", words
    return None


def _steps(proof: DayProof) -> Iterator[tuple[int, str, Callable[[], None]]]:
    """Yield (log position, check, what to do) of all that can be proved of a day."""
    if proof.orders is None:
        return
    detail = json.loads(proof.orders)  # the replay saw that these are the orders, in their one form
    orders = {item.period: item for item in orders_from_checked(detail, proof.rules.feeder)}
    if any(funded.order.wh > WH_MAX for item in orders.values() for funded in item.funded()):
        orders_from_detail(detail, proof.rules.feeder)  # no order has so much: it says which
    inputs = {item.period: item for item in proof.inputs}
    if proof.held is not None:
        yield proof.held.position, FUNDS, partial(_check_holds, proof, proof.held, orders)
    for period in proof.periods:
        cleared, settled = proof.cleared.get(period), proof.settled.get(period)
        if cleared is None or cleared.data is None or period not in orders:
            continue
        lines: list[Line] = []
        step = partial(_check_clearing, proof, cleared, orders[period], inputs.get(period), lines)
        yield cleared.position, CLEARINGS, step
        if settled is not None and settled.seed is not None and period in inputs:
            step = partial(_check_settlement, proof, settled, orders[period], inputs[period], lines)
            yield settled.position, POSTINGS, step


def _check_holds(proof: DayProof, held: Signed, orders: dict[int, PeriodOrders]) -> None:
    last = proof.periods[-1]
    records = [
        pack_record(hold or b"", kind, debit, credit, amount, last, None)
        for kind, debit, credit, amount, hold in hold_moves(
            proof.hold_batch, orders.values(), proof.rules
        )
    ]
    check_root(held, records)


def _check_clearing(
    proof: DayProof,
    cleared: Cleared,
    orders: PeriodOrders,
    inputs: PeriodInputs | None,
    lines: list[Line],
) -> None:
    """Check a clearing, and put the lines that it gives into a list."""
    market = market_of(orders, proof.rules)
    if _sha256_hex(encode_market(market)) != cleared.market:
        raise UnsoundError("the market that was cleared is not that of the orders")
    if cleared.data is None or _sha256_hex(cleared.data) != cleared.result:
        raise UnsoundError("the result is not the one that was signed")
    result = verify_encoded(market, cleared.data)
    if inputs is not None:
        lines += lines_of(inputs, result, proof.rules)


def _check_settlement(
    proof: DayProof,
    settled: Signed,
    orders: PeriodOrders,
    inputs: PeriodInputs,
    lines: list[Line],
) -> None:
    if not {*orders.asks, *orders.bids} <= inputs.flows.keys():
        raise UnsoundError("an order is of a member without a meter")
    before = proof.before.get(inputs.period, NO_ENERGY)
    moves = energy_moves(before, energy_of(inputs, lines), proof.rules)
    check_root(settled, records_of(settled.batch, moves, inputs.period))
    if settled.seed is not None:
        root = salted_root(lines_seed(settled.seed), [*map(line_record, lines)]).hex()
        if (root, len(lines)) != (settled.lines_root, settled.lines_count):
            raise UnsoundError("the members' lines are not those that were signed")


def check_root(signed: Signed, records: list[bytes]) -> None:
    """Refuse transfers that are not those whose root was signed.

    Raises:
        UnsoundError: they are others.
    """
    if signed.seed is None:
        return
    if (salted_root(signed.seed, records).hex(), len(records)) != (signed.root, signed.count):
        raise UnsoundError("the postings are not those that were signed")


def _sha256_hex(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
