"""Nine small books on which other engines disagree, with the one right answer to each."""

from dataclasses import dataclass

import pytest

from market.certificate import verify
from market.clearing import clear
from market.model import FeederPrice, Side
from tests.market.books import market_of, rows


@dataclass(frozen=True)
class Book:
    """Offers as (Wh, pence), and what must come of them: interval in pence, Wh an order."""

    name: str
    bids: list[tuple[int, int]]
    asks: list[tuple[int, int]]
    interval: tuple[int, int] | None
    bought: list[int]
    sold: list[int]

    @property
    def volume(self) -> int:
        return sum(self.sold)


BOOKS = [
    Book("10@30 v 10@10", [(10, 30)], [(10, 10)], (10, 30), [10], [10]),
    Book("10@30 v 20@10", [(10, 30)], [(20, 10)], (10, 10), [10], [10]),
    Book("20@30 v 10@10", [(20, 30)], [(10, 10)], (30, 30), [10], [10]),
    Book("10@30, 10@20 v 15@10", [(10, 30), (10, 20)], [(15, 10)], (20, 20), [10, 5], [15]),
    Book("15@30 v 3 x 10@10", [(15, 30)], 3 * [(10, 10)], (10, 10), [15], [5, 5, 5]),
    Book("3 x 10@30 v 15@10", 3 * [(10, 30)], [(15, 10)], (30, 30), [5, 5, 5], [15]),
    Book("10@20 v 10@20", [(10, 20)], [(10, 20)], (20, 20), [10], [10]),
    Book("10@10 v 10@20", [(10, 10)], [(10, 20)], None, [0], [0]),
    Book(
        "10@30, 10@12 v 10@10, 10@20",
        [(10, 30), (10, 12)],
        [(10, 10), (10, 20)],
        (12, 20),
        [10, 0],
        [10, 0],
    ),
]


@pytest.mark.parametrize("book", BOOKS, ids=lambda book: book.name)
def test_the_book_clears_at_its_price_with_the_largest_volume(book):
    market = market_of(
        [(wh, 100 * pence) for wh, pence in book.asks],
        [(wh, 100 * pence) for wh, pence in book.bids],
    )
    result = clear(market)
    verify(market, result)

    got = {(outcome.side, outcome.id): outcome for outcome in rows(result)}
    assert [got[Side.BID, order.id].wh for order in market.bids] == book.bought
    assert [got[Side.ASK, order.id].wh for order in market.asks] == book.sold
    assert result.matched_wh == book.volume

    prices: tuple[FeederPrice, ...] = ()
    if book.interval is not None:
        low, high = (100 * pence for pence in book.interval)
        prices = (FeederPrice("a", (low + high) // 2, low, high),)
    assert result.prices == prices
    for outcome in rows(result):
        assert outcome.price_ticks == (prices[0].price_ticks if outcome.wh else None)


def test_a_midpoint_between_two_ticks_is_floored_below_zero_too():
    [above] = clear(market_of([(1, 10)], [(1, 13)])).prices
    [below] = clear(market_of([(1, -13)], [(1, -10)])).prices
    assert (above.price_ticks, below.price_ticks) == (11, -12)
