"""The forecast of surplus and price: properties, an oracle in fractions, and examples."""

import random
from datetime import date, timedelta
from fractions import Fraction
from itertools import pairwise

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from ledger.primitives.periods import load_zone, minute_of_day, of_local_day
from market.model import PriceRule, Rules
from settlement.forecast import DayForecast, NotYet, Total, forecast
from settlement.forecast_advice import advise, best_places
from settlement.forecast_days import Profile, known_days
from settlement.forecast_prices import ALIKE, Prices

LONDON, LORD_HOWE = "Europe/London", "Australia/Lord_Howe"
TARIFFS = {"import_ticks": 2450, "export_ticks": 410}
MID = Rules(PriceRule.MID_MARKET, **TARIFFS)
RATIO = Rules(PriceRule.SUPPLY_DEMAND_RATIO, kappa_permille=250, charge_ticks=20, **TARIFFS)
UNIFORM = Rules(PriceRule.UNIFORM)
RULES = (MID, RATIO, UNIFORM, Rules(PriceRule.PAY_AS_BID))
JULY_20 = date(2026, 7, 20)
FEWER = settings(max_examples=25)
"""For tests whose every example is a whole forecast."""


def street(seed, last, days, zone=LONDON, most=2_000):
    """A street's history up to a day: nights without offers, days with some."""
    rng, history = random.Random(seed), {}
    for ago in range(days):
        day = last - timedelta(days=ago)
        sun = rng.random()
        for period in of_local_day(day, load_zone(zone)):
            light = max(0, 360 - abs(minute_of_day(period, load_zone(zone)) - 780)) / 360
            offered = int(most * sun * light)
            wanted = rng.randrange(most) + (most if day.weekday() > 4 else 0)
            matched = min(offered, wanted)
            price = 1_000 + rng.randrange(500) if matched else None
            history[period] = Total(matched, wanted - matched, offered - matched, price)
    return history


def of_day(history, day, rules=MID, zone=LONDON):
    [found] = forecast(history, [day], load_zone(zone), rules)
    return found


def totals():
    wh = st.integers(0, 10**9)
    return st.builds(Total, wh, wh, wh, st.none() | st.integers(-10_000, 10_000))


FIRST = of_local_day(date(2026, 10, 1), load_zone(LONDON)).start


@FEWER
@given(
    st.dictionaries(st.integers(FIRST - 50 * 48, FIRST + 30 * 48), totals(), max_size=60),
    st.integers(0, 5),
    st.sampled_from(RULES),
    st.sampled_from([LONDON, LORD_HOWE, "Etc/GMT+8", "Asia/Kolkata"]),
    st.integers(-3, 40),
)
def test_no_history_stops_it(odd, seed, rules, zone, offset):
    day = date(2026, 10, 20) + timedelta(days=offset)
    history = {**street(seed, date(2026, 10, 15), 10 * seed, zone), **odd}
    for found in forecast(history, [day, day + timedelta(days=1)], load_zone(zone), rules):
        assert isinstance(found, DayForecast | NotYet)
        if isinstance(found, DayForecast):
            check(found, zone, rules)


def check(found, zone, rules):
    periods = of_local_day(found.day, load_zone(zone))
    assert [hour.period for hour in found.half_hours] == list(periods)
    assert found.last_known < found.day
    for hour in found.half_hours:
        assert hour.surplus.value == hour.offered.value - hour.wanted.value
        assert min(hour.offered.value, hour.wanted.value) >= 0
        traded = hour.offered.value > 0 and hour.wanted.value > 0
        assert hour.price is None or traded
        for guess in (hour.offered, hour.wanted, hour.surplus, hour.price):
            if guess is not None:
                assert all(isinstance(number, int) for number in guess)
                assert min(guess.error, guess.band) >= 0
    assert all(len(miss) == len(periods) for miss in found.misses)
    advice = advise(found)
    assert set(advice.periods) <= set(periods)
    assert len(advice.periods) >= 4
    assert 0 <= advice.had_days <= advice.tried_days == len(found.misses)


@FEWER
@given(st.integers(0, 1_000), st.sampled_from(RULES))
def test_the_order_of_the_history_does_not_matter(seed, rules):
    history = street(3, JULY_20, 40)
    items = list(history.items())
    random.Random(seed).shuffle(items)
    day = JULY_20 + timedelta(days=1)
    assert of_day(dict(items), day, rules) == of_day(history, day, rules)


@FEWER
@given(st.integers(0, 50), st.sampled_from(RULES[:2]))
def test_what_comes_later_is_not_looked_at(seed, rules):
    history, day = street(seed, JULY_20, 45), JULY_20 - timedelta(days=5)
    stop = of_local_day(day, load_zone(LONDON)).start
    before = {period: total for period, total in history.items() if period < stop}
    assert of_day(history, day, rules) == of_day(before, day, rules)
    assert of_day(history, day, rules).last_known == day - timedelta(days=1)


@FEWER
@given(st.integers(0, 100), st.integers(2, 9))
def test_a_street_of_twice_the_size_has_twice_the_forecast(seed, times):
    history, day = street(seed, JULY_20, 45), JULY_20 + timedelta(days=2)
    larger = {p: Total(*(times * wh for wh in total[:3])) for p, total in history.items()}
    one, other = of_day(history, day, RATIO), of_day(larger, day, RATIO)
    for small, large in zip(one.half_hours, other.half_hours, strict=True):
        for name in ("offered", "wanted", "surplus"):
            for less, more in zip(getattr(small, name), getattr(large, name), strict=True):
                # A type of day that helps by a rounding's worth may be chosen in one of them.
                assert abs(times * less - more) <= 8 * times


@given(st.integers(0, 1_000), st.integers(7, 28), st.integers(1, 12), st.sampled_from([0, 1, 2]))
@example(1, 28, 1, 2)
def test_what_is_expected_is_what_fractions_say(seed, count, ahead, halves):
    rng = random.Random(seed)
    day_last = date(2026, 7, 1) + timedelta(days=rng.randrange(7))
    days = {
        day_last - timedelta(days=ago): [rng.randrange(5_000) for _ in range(48)]
        for ago in range(count + 5)
        if ago == 0 or rng.random() < 0.9
    }
    day = day_last + timedelta(days=ahead)
    got = Profile(days).expected(day_last, day, halves)
    for value, exact in zip(got, oracle(days, day_last, day, halves), strict=True):
        assert abs(value - exact) <= 3


def oracle(days, last, day, halves):
    """What the module's header says, in exact fractions."""

    def kind(some):
        return min(some.weekday(), 4) if some.weekday() < 5 else some.weekday()

    def mean(some, place):
        return Fraction(sum(days[each][place] for each in some), len(some))

    def smooth(values, place):
        near = [values[at] for at in range(place - 2, place + 3) if 0 <= at < 48]
        return Fraction(sum(near), len(near))

    window = sorted(each for each in days if 0 <= (last - each).days < 28)

    def more(which, place):
        alike = [each for each in window if (kind(each) <= 4) == (kind(which) <= 4)]
        alike = [each for each in alike if kind(which) <= 4 or kind(each) == kind(which)]
        if not alike:
            return Fraction(0)
        return smooth([mean(alike, at) - mean(window, at) for at in range(48)], place)

    weight = Fraction(halves, 2)
    level = [mean(window[-14:], place) for place in range(48)]
    news = [days[last][at] - level[at] - weight * more(last, at) for at in range(48)]
    part = Fraction(1, (day - last).days + 1)
    return [
        max(0, level[at] + weight * more(day, at) + part * smooth(news, at)) for at in range(48)
    ]


@FEWER
@given(st.integers(0, 300), st.integers(1, 10))
def test_errors_are_those_of_the_trials(seed, ahead):
    """A second way: the misses, pooled over an hour on either side, sorted and counted."""
    found = of_day(street(seed, JULY_20, 60), JULY_20 + timedelta(days=ahead))
    for place, hour in enumerate(found.half_hours):
        near = range(max(0, place - 2), min(48, place + 3))
        pool = [abs(miss[at]) for miss in found.misses for at in near]
        assert abs(hour.surplus.error - Fraction(sum(pool), len(pool))) <= Fraction(1, 2)
        band = hour.surplus.band
        assert 5 * sum(error <= band for error in pool) >= 4 * len(pool)
        assert 5 * sum(error < band for error in pool) < 4 * len(pool)


@pytest.mark.parametrize(
    ("day", "zone", "count"),
    [
        (date(2026, 3, 29), LONDON, 46),
        (date(2026, 10, 25), LONDON, 50),
        (date(2026, 4, 5), LORD_HOWE, 49),
        (date(2026, 10, 4), LORD_HOWE, 47),
    ],
)
@pytest.mark.parametrize("offset", [0, 1, 5, 9])
def test_days_on_which_clocks_change(day, zone, count, offset):
    """As the day that is forecast, and among the days that it rests on."""
    wanted_by_clock = {
        period: Total(0, 10 * minute_of_day(period, load_zone(zone)), 0)
        for ago in range(-11, 60)
        for period in of_local_day(day - timedelta(days=ago), load_zone(zone))
    }
    found = of_day(wanted_by_clock, day + timedelta(days=offset), MID, zone)
    assert len(found.half_hours) == (count if offset == 0 else 48)
    for hour in found.half_hours:
        exact = 10 * minute_of_day(hour.period, load_zone(zone))
        assert abs(hour.wanted.value - exact) <= 1
    assert (found.rests_on_days, found.half_hours[0].price) == (28, None)


def test_a_week_to_learn_from_and_a_week_to_be_tried_on():
    for days, enough in ((0, False), (13, False), (14, True)):
        found = of_day(street(1, JULY_20, days), JULY_20 + timedelta(days=1))
        assert isinstance(found, DayForecast) is enough
    found = of_day(street(1, JULY_20, 13), JULY_20 + timedelta(days=1))
    assert found == NotYet(JULY_20 + timedelta(days=1), JULY_20, 13, 6, is_stale=False)
    assert of_day({}, JULY_20) == NotYet(JULY_20, None, 0, 0, is_stale=False)


def test_what_is_known_of_long_ago_says_nothing_of_tomorrow():
    history = street(1, JULY_20, 40)
    assert isinstance(of_day(history, JULY_20 + timedelta(days=14)), DayForecast)
    found = of_day(history, JULY_20 + timedelta(days=15))
    assert (found.is_stale, found.last_known, found.known_days) == (True, JULY_20, 40)


def test_a_day_with_gaps_is_used_up_to_two_hours_of_them():
    zone, history = load_zone(LONDON), street(1, JULY_20, 40)
    periods = of_local_day(JULY_20, zone)
    for gone in (4, 5):
        some = {p: total for p, total in history.items() if p not in periods[:gone]}
        days = known_days(some, JULY_20 + timedelta(days=1), 40, zone)
        assert (JULY_20 in days) is (gone == 4)
    known = known_days({p: t for p, t in history.items() if p != periods[30]}, date.max, 0, zone)
    assert known == {}


def test_the_type_of_day_counts_where_it_helps():
    """A school that is shut at the weekend, and a street that does not know what day it is."""
    zone, last = load_zone(LONDON), date(2026, 7, 24)  # a Friday
    for shut, saturday in ((0, 0), (1_000, 1_000)):
        history = {
            period: Total(0, 1_000 - (0 if day.weekday() < 5 else shut), 0)
            for day in (last - timedelta(days=ago) for ago in range(60))
            for period in of_local_day(day, zone)
        }
        found = of_day(history, last + timedelta(days=1))
        assert abs(found.half_hours[20].wanted.value - (1_000 - saturday)) <= 60
        assert found.half_hours[20].price is None


def test_a_set_price_follows_the_rules_and_no_history():
    bands = Rules(PriceRule.FIXED, match_bands=((0, 900), (960, 1_800)), charge_ticks=10)
    found = of_day(street(2, JULY_20, 40), JULY_20 + timedelta(days=1), bands)
    prices = {h.period - found.half_hours[0].period: h.price for h in found.half_hours if h.price}
    assert {at: price.value for at, price in prices.items()} == {
        at: 910 if at < 32 else 1_810 for at in prices
    }
    assert all(price.error == price.band == 0 for price in prices.values())
    found = of_day(street(2, JULY_20, 40), JULY_20 + timedelta(days=1), RATIO)
    for hour in found.half_hours:
        if hour.price:
            expected = Prices(RATIO).at(0, hour.offered.value, hour.wanted.value)
            assert hour.price.value == expected
            assert 410 <= expected <= 2_470


def test_a_price_that_limits_make_is_that_of_alike_half_hours():
    known = known_days(street(5, JULY_20, 40), JULY_20, 40, load_zone(LONDON)).values()
    prices = Prices(UNIFORM, known)
    paid = sorted(
        (Fraction(o, o + w), price)
        for day in known
        for o, w, price in zip(day.offered, day.wanted, day.prices, strict=True)
        if price is not None
    )
    for offered, wanted in ((1, 5_000), (300, 900), (1_500, 1_500), (9_000, 10)):
        share = Fraction(offered, offered + wanted)
        nearest = sorted(paid, key=lambda pair: abs(pair[0] - share))[:ALIKE]
        middle = sorted(price for _, price in nearest)[ALIKE // 2]
        assert abs(prices.at(0, offered, wanted) - middle) <= 25  # shares are cut to the millionth
    assert prices.at(0, 0, 5) is prices.at(0, 5, 0) is None
    assert Prices(UNIFORM).at(0, 5, 5) is None


@given(st.lists(st.integers(-1_000, 1_000), min_size=4, max_size=50))
def test_the_best_hours_hold_the_best_two(surplus):
    places = best_places(surplus)
    best = max(sum(surplus[at : at + 4]) for at in range(len(surplus) - 3))
    inside = range(places.start, places.stop - 3)
    assert best in [sum(surplus[at : at + 4]) for at in inside]
    if best > 0:
        for at in places:
            assert surplus[at] >= 1 or any(at in range(s, s + 4) for s in inside)
    else:
        assert len(places) == 4 or min(surplus[at] for at in places) < 1


def test_advice_counts_how_often_it_came_true():
    found = of_day(street(9, JULY_20, 60), JULY_20 + timedelta(days=1))
    advice = advise(found)
    at = [hour.period for hour in found.half_hours].index(advice.periods.start)
    span = slice(at, at + len(advice.periods))
    assert advice.surplus_wh == advice.offered_wh - advice.wanted_wh
    assert advice.had_days == sum(sum(m[span]) + advice.surplus_wh > 0 for m in found.misses)
    assert all(later - one == 1 for one, later in pairwise(advice.periods))
