"""Forecasts of real years, day after day, beside plainer ones: what ``docs/forecast.md`` counts.

>>> skill(90, 100)
'10 %'
"""

import csv
from collections import defaultdict
from datetime import date, timedelta
from functools import cache
from operator import mul
from typing import NamedTuple

import numpy as np
import pytest

from ledger.primitives.periods import load_zone, local_date, of_local_day
from market.clearing import clear
from market.model import Feeder, Market, Order, Orders, PriceRule, Rules, summed
from market.rules import set_price_ticks
from meters.readings import Channel
from settlement.forecast import DayForecast, forecast
from settlement.forecast_advice import advise
from settlement.forecast_days import TYPE_HALVES, Profile, Total, known_days
from settlement.forecast_open import open_history
from settlement.open_data import HOMES_MIN, STEP_WH, OpenRow
from tests.settlement.real_year import SHARED, ZONE, read_year

HORIZONS = (1, 2, 3, 9, 10)
"""Days ahead of the last known one: with readings of yesterday, tomorrow is the second; with settled
days alone the ninth or tenth."""

GROUPS = ((1, 2, 3), (9, 10))
"""Horizons that are asked for at once."""

FIRST = 70
"""The first day of a year that is forecast: all before it is history."""

RATIO = Rules(
    PriceRule.SUPPLY_DEMAND_RATIO, import_ticks=2450, export_ticks=410, kappa_permille=250
)
UNIFORM = Rules(PriceRule.UNIFORM)
EVERY = {"homes": 1, "uniform": 6, "simbench": 4, "published": 3}
"""Days from one forecast to the next: what is beside the point is sampled."""

PLACES = 48


class Year(NamedTuple):
    """A community's year: its days, and arrays of days by places."""

    zone: str
    days: list[date]
    offered: np.ndarray
    wanted: np.ndarray

    @property
    def surplus(self):
        return self.offered - self.wanted

    def history(self, prices=None):
        """Return the totals that a forecast takes."""
        found = {}
        for at, day in enumerate(self.days):
            for place, period in enumerate(of_local_day(day, load_zone(self.zone))):
                offered, wanted = int(self.offered[at, place]), int(self.wanted[at, place])
                both = min(offered, wanted)
                price = None if prices is None or not both else prices.get((at, place))
                found[period] = Total(both, wanted - both, offered - both, price)
        return found


def skill(error, plain):
    """Return by how much an error is smaller than a plain method's, in per cent."""
    return f"{100 * (1 - error / plain):.0f} %".replace("-", "−")


@cache
def homes():
    """Return the whole days of seventeen homes, and each home's net Wh by period."""
    net = defaultdict(lambda: defaultdict(int))
    for reading in read_year():
        sign = 1 if reading.channel is Channel.EXPORT else -1
        # h07_load and h07_pv are one home's.
        net[reading.period][reading.meter.split("_")[0]] += sign * reading.wh
    by_day = defaultdict(list)
    for period in sorted(net):
        by_day[local_date(period, load_zone(ZONE))].append(period)
    whole = {day: periods for day, periods in by_day.items() if len(periods) == PLACES}

    def side(sign):
        rows = (
            [sum(max(0, sign * wh) for wh in net[period].values()) for period in periods]
            for periods in whole.values()
        )
        return np.array(list(rows))

    return Year(ZONE, list(whole), side(1), side(-1)), {day: whole[day] for day in whole}, net


@cache
def simbench():
    """Return a simulated feeder with shops and offices in it, that nothing was chosen by."""
    folder = SHARED / "data/households"
    if not (folder / "simbench_lv4_loads.csv").exists():
        pytest.skip(f"{folder} is not here: the other street was not checked")

    def rows(name):
        with (folder / f"simbench_lv4_{name}.csv").open(encoding="utf-8") as file:
            return list(csv.DictReader(file))

    profiles = rows("profiles_halfhourly")
    nodes = defaultdict(lambda: np.zeros(len(profiles)))
    series = {
        name: np.array([float(row[name]) for row in profiles])
        for name in profiles[0]
        if name != "period_start"
    }
    for unit in rows("loads"):
        nodes[unit["node"]] -= series[f"load_{unit['profile']}"] * float(unit["peak_kw"]) * 500
    for unit in rows("pv"):
        nodes[unit["node"]] += series[f"res_{unit['profile']}"] * float(unit["rated_kw"]) * 500
    net = np.rint(np.array(list(nodes.values()))).astype(int).reshape(len(nodes), -1, PLACES)
    days = [date(2016, 1, 1) + timedelta(days=at) for at in range(net.shape[1])]
    return Year("Etc/GMT-1", days, np.maximum(net, 0).sum(axis=0), np.maximum(-net, 0).sum(axis=0))


def limits(home):
    """Return the (buy, sell) limits of a home under a uniform price: made up, all different."""
    number = int(home[1:])
    return 2450 - 40 * (number * 5 % 17), 410 + 40 * (number * 7 % 17)


@cache
def uniform_prices():
    """Return what half-hours of the year cost under a uniform price, by day and place."""
    year, whole, net = homes()
    found = {}
    for at, day in enumerate(year.days):
        for place, period in enumerate(whole[day]):
            flows = sorted(net[period].items())
            asks = [Order(h, "s", wh, limits(h)[1]) for h, wh in flows if wh > 0]
            bids = [Order(h, "s", -wh, limits(h)[0]) for h, wh in flows if wh < 0]
            if not asks or not bids:
                continue
            market = Market(period, (Feeder("s"),), Orders.of(asks), Orders.of(bids), UNIFORM)
            fills = [summed(fills) for _, fills in clear(market).bids.matched()]
            if fills:
                found[at, place] = sum(u for _, u in fills) // sum(wh for wh, _ in fills)
    return found


def published_history():
    """Return what a forecast takes of the homes' published figures: sums to a step, of enough homes."""
    _, whole, net = homes()
    rows = []
    for day, periods in whole.items():
        for period in periods:
            given, taken = (
                _published(sign * wh for wh in net[period].values() if sign * wh > 0)
                for sign in (1, -1)
            )
            rows.append(OpenRow(period, str(day), taken, given, *[None] * 3, "", "", *[None] * 5))
    return open_history(rows)


def _published(parts):
    parts = list(parts)
    if len(parts) < HOMES_MIN:
        return None
    return STEP_WH * round(sum(parts) / STEP_WH)


class Outcome(NamedTuple):
    """A forecast of a day of the year."""

    at: int
    ahead: int
    found: DayForecast


def year_of(which):
    """Return the year of "homes", of them under a "uniform" price or as "published", or of "simbench"."""
    return simbench() if which == "simbench" else homes()[0]


@cache
def outcomes(which):
    """Return the forecast of each day at each horizon, from what was known before."""
    year, rules = year_of(which), UNIFORM if which == "uniform" else RATIO
    history = year.history(uniform_prices() if which == "uniform" else None)
    if which == "published":
        history = published_history()
    zone, made = load_zone(year.zone), []
    for last in range(FIRST - 1, len(year.days), EVERY[which]):
        stop = of_local_day(year.days[last], zone).stop
        known = {period: history[period] for period in history if period < stop}
        for group in GROUPS:
            ahead = [h for h in group if last + h < len(year.days)]
            days = [year.days[last + h] for h in ahead]
            if not days:
                continue
            for h, found in zip(ahead, forecast(known, days, zone, rules), strict=True):
                assert isinstance(found, DayForecast)
                assert (found.last_known, found.day) == (year.days[last], year.days[last + h])
                made.append(Outcome(last + h, h, found))
    return made


def values(outcome, name):
    """Return an outcome's (values, errors, bands) of a quantity."""
    return np.array([getattr(hour, name) for hour in outcome.found.half_hours]).T


def mean_error(which, name, ahead, part=None):
    """Return the mean absolute error of the forecast, in Wh.

    Args:
        name: of a quantity.
        ahead: a horizon.
        part: of (day, place), which to count; all if left out.
    """
    year = year_of(which)
    truth = getattr(year, name)
    return _mean(
        {o.at: values(o, name)[0] for o in outcomes(which) if o.ahead == ahead}, truth, part
    )


def _mean(expected, truth, part):
    off = {at: np.abs(day - truth[at]) for at, day in expected.items()}
    if part is None:
        return float(np.mean(list(off.values())))
    return float(np.concatenate([off[at][part(at)] for at in off]).mean())


def plain_error(which, name, ahead, method, part=None):
    """Return the mean absolute error of a plain method, on the same days."""
    year = year_of(which)
    sides = [getattr(year, side) for side in ("offered", "wanted")]
    whole = {
        o.at: [method(year, side, o.at, o.at - ahead) for side in sides]
        for o in outcomes(which)
        if o.ahead == ahead
    }
    part_of = {"offered": (1, 0), "wanted": (0, 1), "surplus": (1, -1)}[name]
    expected = {at: sum(map(mul, part_of, both)) for at, both in whole.items()}
    return _mean(expected, getattr(year, name), part)


def last_day(_year, side, _at, last):
    return side[last]


def week_before(_year, side, at, last):
    return side[at - 7 * -(-(at - last) // 7)]


def mean_of(count):
    return lambda _year, side, _at, last: side[last - count + 1 : last + 1].mean(axis=0)


def median_of(count):
    return lambda _year, side, _at, last: np.median(side[last - count + 1 : last + 1], axis=0)


def like_days(year, side, at, last, count=5):
    """The mean of the last days of the same type."""
    kinds = [min(max(day.weekday(), 4), 6) for day in year.days]
    alike = [each for each in range(last, -1, -1) if kinds[each] == kinds[at]]
    return side[alike[:count]].mean(axis=0)


def scaled_like_days(year, side, at, last, days=3):
    """The same, times what the last days had against their own like days."""
    recent = range(last - days + 1, last + 1)
    usual = sum(like_days(year, side, each, last - days).sum() for each in recent)
    return like_days(year, side, at, last) * side[recent.start : recent.stop].sum() / max(usual, 1)


def half_last_day(year, side, at, last):
    return (side[last] + mean_of(14)(year, side, at, last)) / 2


@cache
def _profiles(which):
    year = year_of(which)
    known = known_days(
        year.history(),
        year.days[-1] + timedelta(days=1),
        len(year.days),
        load_zone(year.zone),
    )
    sides = ("offered", "wanted")
    return {n: Profile({d: getattr(k, n) for d, k in known.items()}) for n in sides}


def fixed_type(which, halves):
    """The method itself, with the type of day counted the same always."""
    assert halves in TYPE_HALVES

    def method(year, side, at, last):
        name = "offered" if side is year.offered else "wanted"
        profile = _profiles(which)[name]
        return np.array(profile.expected(year.days[last], year.days[at], halves))

    return method


class Price(NamedTuple):
    """Errors of prices in ticks: half-hours, the forecast's, and the last price's at that time."""

    count: int
    error: float
    last: float
    usual: float


def price_errors(rule, ahead):
    """Return how far prices were off where something was traded and a price expected."""
    year = homes()[0]
    truth = _true_prices(rule, year)
    off = []
    for outcome in outcomes("uniform" if rule is PriceRule.UNIFORM else "homes"):
        if outcome.ahead != ahead:
            continue
        for place, hour in enumerate(outcome.found.half_hours):
            last = outcome.at - ahead
            past = [truth.get((each, place)) for each in range(last, last - 14, -1)]
            past = [price for price in past if price is not None]
            paid = truth.get((outcome.at, place))
            if paid is not None and hour.price is not None and past:
                usual = sorted(past)[len(past) // 2]
                off.append([abs(x - paid) for x in (hour.price.value, past[0], usual)])
    return Price(len(off), *np.mean(off, axis=0))


def _true_prices(rule, year):
    if rule is PriceRule.UNIFORM:
        return uniform_prices()
    shape = year.offered.shape
    return {
        (at, place): set_price_ticks(RATIO, int(offered), int(year.wanted[at, place]))
        for at in range(shape[0])
        for place, offered in enumerate(year.offered[at])
        if offered and year.wanted[at, place]
    }


def inside(which, name, ahead, part=None):
    """Return how often what came true lay within the band."""
    year = year_of(which)
    hits = []
    for outcome in outcomes(which):
        if outcome.ahead == ahead:
            expected, _, band = values(outcome, name)
            hit = np.abs(getattr(year, name)[outcome.at] - expected) <= band
            hits.append(hit if part is None else hit[part(outcome.at)])
    return float(np.concatenate(hits).mean())


class Washing(NamedTuple):
    """Mean Wh to spare in two hours of a day: the advised ones, and others."""

    best: float
    advised: float
    last_day: float
    noon: float


def washing(ahead):
    """Return what two hours chosen in four ways had to spare."""
    year, sums = homes()[0], []
    for outcome in outcomes("homes"):
        if outcome.ahead == ahead:
            truth = year.surplus[outcome.at]
            before = year.surplus[outcome.at - ahead]
            starts = [_two_hours(s) for s in (truth, values(outcome, "surplus")[0], before)]
            sums.append([truth[start : start + 4].sum() for start in (*starts, 24)])
    return Washing(*np.mean(sums, axis=0))


def _two_hours(surplus):
    return max(range(PLACES - 3), key=lambda at: (surplus[at : at + 4].sum(), -at))


def promised(ahead):
    """Return {share of trials that came true, in fifths: (days, days that came true)}."""
    year, found = homes()[0], defaultdict(lambda: [0, 0])
    for outcome in outcomes("homes"):
        if outcome.ahead == ahead:
            advice = advise(outcome.found)
            start = advice.periods.start - outcome.found.half_hours[0].period
            truth = year.surplus[outcome.at][start : start + len(advice.periods)].sum()
            group = found[min(4, 5 * advice.had_days // advice.tried_days)]
            group[0] += 1
            group[1] += int(truth > 0)
    return dict(sorted(found.items()))
