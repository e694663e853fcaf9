"""Runs other projects' clearing functions, under a Python that has them: one command a line.

Started by `tests.bench.clearing_peers`, never imported by it; it needs nothing of this project.
Every engine gets the orders in its own structures, built before the clock starts, and its fastest
function that clears one period is called directly. A Python that has them::

    python3.11 -m venv peers
    peers/bin/pip install assume-framework==0.6.0 pandas==2.3.3 "numpy<2.3" matplotlib
    peers/bin/pip install --no-deps pymarket==0.7.6 gsy-frameworke==5.0.2
    peers/bin/pip install pendulum redis loguru

lemlab (tum-ewk/lemlab, ``lemlab/lem/clearing_ex_ante.py``) and rec_op_lem_prices
(INESCTEC/rec-operation, ``pricing_mechanisms/module/PricingMechanisms.py``) are on no package index:
they are measured where those modules can be imported. Commands and answers are JSON, one a line::

    {"do": "list"}                       names and versions, and which cannot be loaded
    {"do": "load", "asks": ..., "bids": ...}   sides as [Wh, ticks] pairs
    {"do": "run", "name": ..., "seconds_max": ...}   seconds, and each order's Wh, null if untold
"""

import json
import logging
import os
import random
import signal
import sys
import time
import types
import warnings
from collections.abc import Callable
from datetime import datetime, timedelta
from importlib import import_module, metadata
from pathlib import Path
from typing import Any

Pairs = list[list[int]]
Got = tuple[list[float], list[float]] | None


class Assume:
    """ASSUME: its market roles, with orders as dictionaries."""

    def __init__(self, module: str, role: str) -> None:
        rrule = import_module("dateutil.rrule")
        relativedelta = import_module("dateutil.relativedelta").relativedelta
        objects = import_module("assume.common.market_objects")
        found = import_module(f"assume.markets.clearing_algorithms.{module}")
        self._start = datetime(2026, 6, 1)  # noqa: DTZ001 - as ASSUME has it
        self._product = (self._start, self._start + timedelta(hours=1), None)
        config = objects.MarketConfig(
            opening_hours=rrule.rrule(
                rrule.HOURLY, dtstart=self._start, until=self._start + timedelta(days=1)
            ),
            market_products=[objects.MarketProduct(relativedelta(hours=1), 1)],
        )
        self._role = getattr(found, role)(config)

    def build(self, asks: Pairs, bids: Pairs) -> Any:
        """Return the order book: supply positive, demand negative."""
        start, end, _ = self._product
        rows = [
            (f"{side}{number}", sign * wh, ticks)
            for side, sign, orders in (("a", 1, asks), ("b", -1, bids))
            for number, (wh, ticks) in enumerate(orders)
        ]
        return [
            {
                "bid_id": name,
                "agent_addr": name,
                "start_time": start,
                "end_time": end,
                "only_hours": None,
                "volume": volume,
                "price": price,
                "bid_type": "SB",
                "node": "node0",
            }
            for name, volume, price in rows
        ]

    def clear(self, book: Any) -> Any:
        """Clear."""
        return self._role.clear(book, [self._product])

    def read(self, answer: Any, asks: Pairs, bids: Pairs) -> Got:
        """Return the Wh of each order."""
        got: dict[str, float] = {}
        for order in answer[0]:
            got[order["bid_id"]] = abs(order["accepted_volume"])
        return _by_name(got, asks, bids)


class Lemlab:
    """lemlab: the periodic double auction, with positions as data frames."""

    def __init__(self) -> None:
        self._clear = import_module("lemlab.lem.clearing_ex_ante").clearing_pda
        names = import_module("lemlab.db_connection.db_param")
        self._database = types.SimpleNamespace(db_param=names)
        self._config = {
            "types_pricing_ex_ante": {0: "uniform"},
            "types_quality": {0: "na"},
            "share_quality_logging_extended": False,
        }

    def build(self, asks: Pairs, bids: Pairs) -> Any:
        """Return offers and bids, each of another user."""
        return _frame("a", "offer", asks), _frame("b", "bid", bids)

    def clear(self, book: Any) -> Any:
        """Clear."""
        offers, bids = book
        return self._clear(self._database, self._config, offers, bids)

    def read(self, answer: Any, asks: Pairs, bids: Pairs) -> Got:
        """Return the Wh of each order."""
        got: dict[str, float] = {}
        cleared = answer[0]
        for column in ("id_user_offer", "id_user_bid"):
            sums = cleared.groupby(column)["qty_energy_traded"].sum()
            got |= {name: float(wh) for name, wh in sums.items()}
        return _by_name(got, asks, bids)


def _frame(name: str, kind: str, orders: Pairs) -> Any:
    return import_module("pandas").DataFrame(
        {
            "id_user": [f"{name}{number}" for number in range(len(orders))],
            "qty_energy": [wh for wh, _ in orders],
            "price_energy": [ticks for _, ticks in orders],
            "quality_energy": 0,
            "premium_preference_quality": 0,
            "type_position": kind,
            "number_position": 0,
            "status_position": 0,
            "t_submission": 0,
            "ts_delivery": 0,
        }
    )


class Gsy:
    """GSy's pay-as-clear matching, with orders as dictionaries in kWh."""

    def __init__(self) -> None:
        found = import_module("gsy_framework.matching_algorithms")
        self._algorithm = found.PayAsClearMatchingAlgorithm

    def build(self, asks: Pairs, bids: Pairs) -> Any:
        """Return the matching data of one market and slot."""
        offers = [
            {"id": f"a{n}", "seller": f"a{n}", "energy": wh / 1000, "energy_rate": ticks / 100}
            for n, (wh, ticks) in enumerate(asks)
        ]
        wanted = [
            {"id": f"b{n}", "buyer": f"b{n}", "energy": wh / 1000, "energy_rate": ticks / 100}
            for n, (wh, ticks) in enumerate(bids)
        ]
        return {"m": {"t": {"bids": wanted, "offers": offers, "current_time": "t"}}}

    def clear(self, book: Any) -> Any:
        """Clear."""
        return self._algorithm().get_matches_recommendations(book)

    def read(self, answer: Any, asks: Pairs, bids: Pairs) -> Got:
        """Return the Wh of each order."""
        got: dict[str, float] = {}
        for match in answer:
            wh = 1000 * match["selected_energy"]
            for order in (match["bids"][0]["id"], match["offers"][0]["id"]):
                got[order] = got.get(order, 0.0) + wh
        return _by_name(got, asks, bids)


class RecOp:
    """rec_op_lem_prices: the pool's crossing value; a price, and nobody's Wh."""

    def __init__(self) -> None:
        import_module("loguru").logger.remove()
        found = import_module("rec_op_lem_prices.pricing_mechanisms.module.PricingMechanisms")
        self._clear = found.compute_crossing_value

    def build(self, asks: Pairs, bids: Pairs) -> Any:
        """Return buys and sells."""
        sides = [
            [
                {"origin": f"{name}{n}", "amount": wh / 1000, "value": ticks / 10_000}
                for n, (wh, ticks) in enumerate(orders)
            ]
            for name, orders in (("b", bids), ("a", asks))
        ]
        return sides[0], sides[1]

    def clear(self, book: Any) -> Any:
        """Find the price."""
        return self._clear(*book)

    def read(self, _answer: Any, _asks: Pairs, _bids: Pairs) -> Got:
        """Say that no order is given any Wh."""
        return None


class Muda:
    """pymarket's MUDA, with bids as its own data frame."""

    def __init__(self) -> None:
        self._muda = import_module("pymarket.mechanisms.muda_auction").muda
        self._manager = import_module("pymarket.bids").BidManager
        self._state = import_module("numpy").random.RandomState

    def build(self, asks: Pairs, bids: Pairs) -> Any:
        """Return the bids, each of another user: asks first."""
        manager = self._manager()
        for number, (wh, ticks) in enumerate(asks):
            manager.add_bid(wh, ticks, number, buying=False)
        for number, (wh, ticks) in enumerate(bids):
            manager.add_bid(wh, ticks, len(asks) + number, buying=True)
        return manager.get_df()

    def clear(self, book: Any) -> Any:
        """Clear."""
        return self._muda(book, self._state(1))

    def read(self, answer: Any, asks: Pairs, bids: Pairs) -> Got:
        """Return the Wh of each order."""
        frame = answer[0].get_df()
        got = [0.0] * (len(asks) + len(bids))
        for number, wh in zip(frame["bid"], frame["quantity"], strict=True):
            got[int(number)] += float(wh)
        return got[: len(asks)], got[len(asks) :]


ENGINES: dict[str, tuple[str, Callable[[], Any]]] = {
    "lemlab, periodic double auction": ("lemlab", Lemlab),
    "ASSUME, pay-as-clear": ("assume-framework", lambda: Assume("simple", "PayAsClearRole")),
    "ASSUME, complex (linear programme)": (
        "assume-framework",
        lambda: Assume("complex_clearing", "ComplexClearingRole"),
    ),
    "rec_op_lem_prices, crossing value": ("rec_op_lem_prices", RecOp),
    "GSy, pay-as-clear": ("gsy-frameworke", Gsy),
    "pymarket, MUDA": ("pymarket", Muda),
}


def _by_name(got: dict[str, float], asks: Pairs, bids: Pairs) -> Got:
    return (
        [got.get(f"a{number}", 0.0) for number in range(len(asks))],
        [got.get(f"b{number}", 0.0) for number in range(len(bids))],
    )


def _load() -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Return the engines that can be loaded, and what to say of each."""
    loaded, said = {}, []
    for name, (package, make) in ENGINES.items():
        try:
            loaded[name] = make()
        except Exception as error:
            said.append({"name": name, "missing": f"{type(error).__name__}: {error}"})
            continue
        try:
            version = metadata.version(package)
        except metadata.PackageNotFoundError:
            version = getattr(import_module(package), "__version__", "source")
        said.append({"name": name, "version": version})
    return loaded, said


def _run(engine: Any, asks: Pairs, bids: Pairs, seconds_max: int) -> dict[str, Any]:
    """Clear once and return the seconds, and each order's Wh."""
    book = engine.build(asks, bids)
    random.seed(1)
    signal.alarm(seconds_max)
    try:
        start = time.perf_counter()
        answer = engine.clear(book)
        seconds = time.perf_counter() - start
        signal.alarm(0)
    except TimeoutError:
        return {"late": seconds_max}
    except Exception as error:
        return {"failed": f"{type(error).__name__}: {error}"}
    finally:
        signal.alarm(0)
    return {"seconds": seconds, "got": engine.read(answer, asks, bids)}


def _late(_number: int, _frame: Any) -> None:
    raise TimeoutError


def main() -> None:
    """Answer commands until there are no more."""
    warnings.simplefilter("ignore")
    logging.disable(logging.CRITICAL)
    signal.signal(signal.SIGALRM, _late)
    # What an engine or its solver prints must not get between the answers.
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    with Path(os.devnull).open("w", encoding="utf-8") as nowhere:
        os.dup2(nowhere.fileno(), 1)
    engines, said = _load()
    asks: Pairs = []
    bids: Pairs = []
    for line in sys.stdin:
        command = json.loads(line)
        if command["do"] == "list":
            answer: Any = said
        elif command["do"] == "load":
            asks, bids, answer = command["asks"], command["bids"], {}
        else:
            answer = _run(engines[command["name"]], asks, bids, command["seconds_max"])
        answers.write(json.dumps(answer) + "\n")
        answers.flush()


if __name__ == "__main__":
    main()
