"""A run of the village's day, step by step as `settlement.run`; an attack replaces a step.

Whatever a step gives, the later ones follow from it: roots, postings, balances, seal.

>>> Run.stops is None
True
"""

import hashlib
from collections.abc import Sequence
from functools import cache
from typing import Any

from ledger.primitives.canonical import encode, encode_trusted
from ledger.primitives.hashing import tagged_hash
from ledger.primitives.periods import SECONDS
from ledger.records import Transfer, record, salted_root
from ledger.statements import Statement
from market.clearing import clear
from market.model import Market, Result
from market.result_wire import result_to_json
from market.wire import market_to_json
from settlement.netting import nets_of, netting_moves, purses_of, settle_up
from settlement.orders import (
    DayFunds,
    PeriodInputs,
    PeriodOrders,
    fund_orders,
    funds_of,
    period_inputs,
)
from settlement.orders_wire import funds_to_detail, orders_to_detail
from settlement.postings import (
    NO_ENERGY,
    Line,
    balance_records,
    energy_moves,
    energy_of,
    held_units,
    hold_transfers,
    line_record,
    lines_of,
    lines_seed,
    market_of,
    run_id,
    totals_of,
    transfers_of,
)
from settlement.terms import CommunityRules
from settlement.timetable import GB, NO_SEAL
from tests.attacks.village import (
    DAY,
    DUE,
    ORIGIN,
    PERIODS,
    Village,
    key,
)

RUN = GB.first


@cache
def cleared(market: Market) -> Result:
    """Return the honest result: many attacks clear the same markets."""
    return clear(market)


class Run:
    """The honest run.

    Attributes:
        stops: the half-hour after which the log ends, or None for the whole day.
    """

    stops: int | None = None

    def __init__(self, village: Village) -> None:
        self.village = village
        self.state = village.state

    def due(self) -> int:
        """Return the half-hour in which it runs."""
        return DUE

    def known_at(self) -> int:
        """Return the half-hour that it says it knew readings of."""
        return self.due()

    def rules(self) -> CommunityRules:
        """Return the rules that bind the day."""
        rules = self.state.rules_of(PERIODS.start)
        assert rules is not None
        return rules

    def orders(self, inputs: list[PeriodInputs]) -> list[PeriodOrders]:
        """Return the day's orders with their funds caps."""
        return fund_orders(self.state, inputs, self.funds())

    def funds(self) -> DayFunds:
        """Return what money there is for the day."""
        balances = self.village.book.balances
        return funds_of(self.state, balances, self.rules().asset, PERIODS, {})

    def clear(self, market: Market) -> Result:
        """Clear a half-hour."""
        return cleared(market)

    def result_data(self, result: Result) -> bytes:
        """Return a result's bytes."""
        return encode_trusted(result_to_json(result))

    def transfers(self, transfers: list[Transfer]) -> list[Transfer]:
        """Return what settles a half-hour."""
        return transfers

    def money(self, transfers: list[Transfer]) -> list[Transfer]:
        """Return what nets the day's money."""
        return transfers

    def totals(self, totals: list[dict[str, int]]) -> list[dict[str, int]]:
        """Return what the seal says was traded."""
        return totals

    def before_seal(self) -> None:
        """Do something to the balances."""

    def id_of(self, kind: str, about: int | str) -> str:
        """Return the id of a statement of the run."""
        return run_id(kind, ORIGIN, RUN, about)

    def go(self) -> Village:
        """Run the day, and return the village."""
        village = self.village
        village.period = self.due()
        inputs = period_inputs(self.state, PERIODS, village.readings)
        orders = self.orders(inputs)
        hold_batch = bytes.fromhex(self.id_of("hold", DAY.isoformat()))
        self.hold(orders, hold_batch)
        lines: dict[int, list[Line]] = {}
        for item, wanted in zip(inputs, orders, strict=True):
            lines[item.period] = self.settle(item, wanted)
            if item.period == self.stops:
                return village
        self.net([line for found in lines.values() for line in found], orders, hold_batch)
        self.seal(lines)
        return village

    def hold(self, orders: list[PeriodOrders], hold_batch: bytes) -> None:
        """Set money aside for the day."""
        transfers = hold_transfers(hold_batch, orders, self.rules())
        funds = self.funds()
        detail = {"orders": orders_to_detail(orders), "funds": funds_to_detail(funds)}
        fields = {"day": DAY.isoformat(), "first": PERIODS.start, "periods": len(PERIODS)}
        self._batch("hold", DAY.isoformat(), fields, transfers, detail)

    def settle(self, item: PeriodInputs, wanted: PeriodOrders) -> list[Line]:
        """Clear and post a half-hour, and return every member's line."""
        period, rules = item.period, self.rules()
        market = market_of(wanted, rules)
        result = self.clear(market)
        data = self.result_data(result)
        clearing = self._say(
            "clearing",
            period,
            {
                **self._common(period),
                "market": _sha256(encode_trusted(market_to_json(market))),
                "result": _sha256(data),
            },
            data,
        )
        lines = lines_of(item, result, rules)
        batch = bytes.fromhex(self.id_of("settlement", period))
        moves = energy_moves(NO_ENERGY, energy_of(item, lines), rules)
        honest = transfers_of(batch, moves, period)
        seed = lines_seed(_seed(self.id_of("settlement", period)))
        fields = {
            "period": period,
            "clearing": clearing.tx_id,
            "lines": len(lines),
            "lines_root": salted_root(seed, [*map(line_record, lines)]).hex(),
        }
        self._batch("settlement", period, fields, self.transfers(honest), {})
        return lines

    def net(self, lines: list[Line], orders: list[PeriodOrders], hold_batch: bytes) -> None:
        """Net the day's money."""
        rules, held = self.rules(), held_units(orders)
        due = nets_of(lines, rules)
        purses = purses_of(self.village.book.balances, held, rules)
        shares = settle_up(
            due.members, purses.claims, purses.can_pay, purses.coffers, due.community
        )
        moves = netting_moves(shares, held, hold_batch, rules)
        batch = bytes.fromhex(self.id_of("netting", DAY.isoformat()))
        fields = {
            "day": DAY.isoformat(),
            "period": PERIODS[-1],
            "first": PERIODS.start,
            "periods": len(PERIODS),
        }
        transfers = self.money(transfers_of(batch, moves, PERIODS[-1]))
        self._batch("netting", DAY.isoformat(), fields, transfers, {})

    def seal(self, lines: dict[int, list[Line]]) -> None:
        """Seal the day."""
        self.before_seal()
        totals = self.totals(totals_of(lines))
        balances = balance_records(self.village.book.balances)
        seed = _seed(self.id_of("seal", DAY.isoformat()))
        fields = {
            "day": DAY.isoformat(),
            "run": RUN,
            "known_at": self.known_at() * SECONDS * 1000,
            "periods": len(PERIODS),
            "settled": len(PERIODS),
            "totals": _sha256(encode({"seed": seed.hex(), "totals": totals})),
            "balances": salted_root(seed, balances).hex(),
            "previous": NO_SEAL,
        }
        detail = encode({"seed": seed.hex(), "totals": totals})
        self._say("seal", DAY.isoformat(), fields, detail)

    def _common(self, period: int) -> dict[str, Any]:
        return {"period": period, "run": RUN, "known_at": self.known_at() * SECONDS * 1000}

    def _batch(
        self,
        kind: str,
        about: int | str,
        fields: dict[str, Any],
        transfers: Sequence[Transfer],
        detail: dict[str, Any],
    ) -> None:
        seed = _seed(self.id_of(kind, about))
        signed = {
            "run": RUN,
            "known_at": self.known_at() * SECONDS * 1000,
            "count": len(transfers),
            "root": salted_root(seed, [record(transfer) for transfer in transfers]).hex(),
        }
        self._say(kind, about, fields | signed, encode({"seed": seed.hex(), **detail}))
        self.village.book.apply(transfers, self.village.period)

    def _say(self, kind: str, about: int | str, fields: dict[str, Any], detail: bytes) -> Statement:
        return self.village.say(
            kind,
            "community",
            fields,
            [key("settlement")],
            detail=detail,
            believe=False,
            id=self.id_of(kind, about),
        )


def _seed(statement_id: str) -> bytes:
    return tagged_hash("attack-seed", statement_id.encode())


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
