"""An odd Wh goes to nobody in particular: over a year it evens out."""

from ledger.primitives.periods import parse_utc
from market.clearing import clear
from market.face import Component
from market.model import SharingRule, Side
from market.sharing import share
from tests.market.books import market_of, rows

YEAR = 17_520
FIRST = parse_utc("2026-01-01T00:00:00Z")


def share_pro_rata(period, total_wh, offered_wh):
    alone = Component([0], [-1], Side.ASK, total_wh, [(total_wh, total_wh)])
    return share(alone, [list(offered_wh.items())], SharingRule.PRO_RATA, period)


def test_two_equal_orders_round_up_equally_often_over_a_year():
    ups = sum(
        share_pro_rata(period, 5, {"m1": 3, "m2": 3})["m1"] == 3
        for period in range(FIRST, FIRST + YEAR)
    )
    # Fair coins give 8,760; five standard deviations are 331.
    assert abs(ups - YEAR // 2) <= 331
    assert ups == 8_876


def test_three_equal_orders_each_get_their_third_over_a_year():
    totals = dict.fromkeys(("m1", "m2", "m3"), 0)
    for period in range(FIRST, FIRST + YEAR):
        for member, wh in share_pro_rata(period, 4, {"m1": 2, "m2": 2, "m3": 2}).items():
            totals[member] += wh - 1
    assert sum(totals.values()) == YEAR
    # Standard deviation of 17,520 throws at one in three: 62.4.
    assert all(abs(ups - YEAR // 3) <= 312 for ups in totals.values())


def test_the_engine_shares_by_the_same_rule():
    for period in range(FIRST, FIRST + 50):
        result = clear(market_of([(3, 10), (3, 10)], [(5, 30)], period=period))
        expected = share_pro_rata(period, 5, {"s1": 3, "s2": 3})
        assert {order.id: order.wh for order in rows(result)[:2]} == expected


def test_a_name_does_not_decide():
    """Whoever sorts first gets no more than who sorts last."""
    names = [f"m{number:02d}" for number in range(20)]
    ups = dict.fromkeys(names, 0)
    for period in range(FIRST, FIRST + 2_000):
        for name, wh in share_pro_rata(period, 10, dict.fromkeys(names, 1)).items():
            ups[name] += wh
    # Half of 2,000; five standard deviations are 112.
    assert all(abs(count - 1_000) <= 112 for count in ups.values())
