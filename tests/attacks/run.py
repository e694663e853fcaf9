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
from settlement.orders import (
    PeriodInputs,
    PeriodOrders,
    fund_orders,
    orders_to_detail,
    period_inputs,
)
from settlement.postings import (
    Line,
    balance_records,
    hold_transfers,
    lines_of,
    market_of,
    run_id,
    settlement_transfers,
    totals_of,
)
from settlement.state import CommunityRules
from settlement.timetable import NO_SEAL, RUN
from tests.attacks.village import (
    DAY,
    DUE,
    ORIGIN,
    PERIODS,
    Village,
    key,
)


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
        return fund_orders(self.state, inputs, self.village.book.balances)

    def clear(self, market: Market) -> Result:
        """Clear a half-hour."""
        return cleared(market)

    def result_data(self, result: Result) -> bytes:
        """Return a result's bytes."""
        return encode_trusted(result_to_json(result))

    def transfers(self, transfers: list[Transfer]) -> list[Transfer]:
        """Return what settles a half-hour."""
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
            lines[item.period] = self.settle(item, wanted, hold_batch)
            if item.period == self.stops:
                return village
        self.seal(lines)
        return village

    def hold(self, orders: list[PeriodOrders], hold_batch: bytes) -> None:
        """Set money aside for the day."""
        transfers = hold_transfers(hold_batch, orders, self.rules())
        detail = {"orders": orders_to_detail(orders)}
        fields = {"day": DAY.isoformat()}
        self._batch("hold", DAY.isoformat(), fields, transfers, detail)

    def settle(self, item: PeriodInputs, wanted: PeriodOrders, hold_batch: bytes) -> list[Line]:
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
        honest = settlement_transfers(batch, hold_batch, item, wanted, lines, rules)
        fields = {"period": period, "clearing": clearing.tx_id}
        self._batch("settlement", period, fields, self.transfers(honest), {})
        return lines

    def seal(self, lines: dict[int, list[Line]]) -> None:
        """Seal the day."""
        self.before_seal()
        totals = self.totals(totals_of(lines))
        balances = balance_records(self.village.book.balances)
        seed = _seed(self.id_of("seal", DAY.isoformat()))
        fields = {
            "day": DAY.isoformat(),
            "run": RUN,
            "periods": len(PERIODS),
            "totals": _sha256(encode({"totals": totals})),
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
