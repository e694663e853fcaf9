"""Shares, money and energy: exact, by property and by example."""

from contextlib import suppress
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger.errors import InputError
from ledger.primitives import money
from ledger.primitives.apportion import apportion
from ledger.primitives.energy import WH_MAX, format_kwh, wh_from_text

WEIGHTS = st.lists(st.integers(0, 10**9), min_size=1, max_size=12).filter(any)


@settings(max_examples=400)
@given(WEIGHTS, st.integers(0, 10**10))
def test_shares_sum_to_the_total_and_lie_next_to_the_exact_share(weights, total):
    shares = apportion(total, weights, lambda index: index)
    assert sum(shares) == total
    for share, weight in zip(shares, weights, strict=True):
        exact = Fraction(total * weight, sum(weights))
        assert share in (int(exact), int(exact) + 1)
        assert share == exact or exact.denominator != 1


@settings(max_examples=400)
@given(WEIGHTS, st.data())
def test_no_share_exceeds_its_weight_where_there_is_enough(weights, data):
    total = data.draw(st.integers(0, sum(weights)))
    shares = apportion(total, weights, lambda index: index)
    assert all(0 <= share <= weight for share, weight in zip(shares, weights, strict=True))


@settings(max_examples=300)
@given(
    st.lists(st.integers(0, 6), min_size=1, max_size=9).filter(any),
    st.integers(0, 60),
    st.randoms(use_true_random=False),
)
def test_the_order_of_shares_changes_nothing(weights, total, random):
    shares = apportion(total, weights, lambda index: index)
    places = list(range(len(weights)))
    random.shuffle(places)
    moved = apportion(total, [weights[place] for place in places], places.__getitem__)
    assert moved == [shares[place] for place in places]


def test_larger_remainders_round_up_before_lower_keys():
    # Exact shares of 5: 2.5, 1.25 and 1.25.
    assert apportion(5, [4, 2, 2], [2, 1, 0].__getitem__) == [3, 1, 1]
    assert apportion(1, [1, 1], [1, 0].__getitem__) == [0, 1]
    assert apportion(0, [0, 0], [0, 1].__getitem__) == [0, 0]


@pytest.mark.parametrize(("total", "weights"), [(-1, [1]), (1, [-1, 3]), (1, [0, 0]), (1, [])])
def test_apportion_refuses_what_cannot_be_split(total, weights):
    with pytest.raises(AssertionError):
        apportion(total, weights, lambda index: index)


# Money.


@settings(max_examples=400)
@given(st.integers(-(10**18), 10**18), st.integers(1, 10**7))
def test_rounding_is_half_even(numerator, denominator):
    rounded = money.round_half_even(numerator, denominator)
    twice = 2 * abs(numerator - rounded * denominator)
    assert twice < denominator or (twice == denominator and rounded % 2 == 0)


@settings(max_examples=400)
@given(
    st.integers(-(10**12), 10**12),
    st.lists(st.integers(-(10**9), 10**9), max_size=20),
    st.sampled_from([1, 1_000, 100_000, 10_000_000]),
)
def test_a_printed_column_closes_and_no_line_is_off_by_more_than_a_step(opening, lines, step):
    closing = opening + sum(lines)
    printed = money.split_closing(opening, lines, closing, step)
    first, last = (money.round_half_even(value, step) for value in (opening, closing))
    assert first + sum(printed) == last
    for line, shown in zip(lines, printed, strict=True):
        assert abs(line - shown * step) <= step


def test_a_column_that_does_not_close_is_a_programming_error():
    with pytest.raises(AssertionError):
        money.split_closing(0, [1], 2, 100)


@pytest.mark.parametrize(
    ("units", "text"),
    [
        (0, "£0.00"),
        (50_000, "£0.00"),
        (50_001, "£0.01"),
        (150_000, "£0.02"),
        (-150_000, "−£0.02"),
        (-50_000, "£0.00"),
        (123_456_700_000, "£12,345.67"),
        (money.UNITS_MAX, "£900,719,925.47"),
    ],
)
def test_money_as_people_read_it(units, text):
    assert money.format_money(units) == text


@settings(max_examples=200)
@given(st.integers(0, WH_MAX), st.integers(-money.PRICE_TICKS_MAX, money.PRICE_TICKS_MAX))
def test_energy_times_price_is_exact_in_units(wh, ticks):
    pounds = Fraction(wh, 1000) * Fraction(ticks, 10_000)
    assert money.value_units(wh, ticks) == pounds * money.UNITS_PER_MAJOR


@settings(max_examples=100)
@given(st.integers(-money.PRICE_TICKS_MAX, money.PRICE_TICKS_MAX))
def test_prices_are_printed_exactly(ticks):
    text = money.format_price(ticks).replace("−", "-").removesuffix("p")
    assert Decimal(text) * money.TICKS_PER_PENNY == ticks


# Energy.

PLAIN = st.from_regex(r"-?[0-9]{1,12}(\.[0-9]{1,12})?", fullmatch=True)


@settings(max_examples=500)
@given(PLAIN, st.sampled_from([("Wh", 1), ("kWh", 1000), ("MWh", 10**6)]))
def test_a_number_is_read_exactly_or_refused(text, unit):
    name, factor = unit
    exact = Fraction(Decimal(text)) * factor
    if exact.denominator == 1 and abs(exact) <= WH_MAX:
        assert wh_from_text(text, name) == exact
    else:
        with pytest.raises(InputError):
            wh_from_text(text, name)


@settings(max_examples=200)
@given(st.integers(-WH_MAX, WH_MAX))
def test_every_wh_can_be_written_as_kwh_and_read_again(wh):
    text = f"{'-' if wh < 0 else ''}{abs(wh) // 1000}.{abs(wh) % 1000:03d}"
    assert wh_from_text(text, "kWh") == wh
    assert format_kwh(wh, 3).replace("−", "-").replace(",", "") == text


@pytest.mark.parametrize(
    "text",
    ["", " ", "1 ", " 1", "+1", "1.", ".5", "1,5", "1e3", "0x1", "nan", "inf", "--1", "1_0", "1\n"],
)
def test_what_is_not_a_plain_number_is_refused(text):
    with pytest.raises(InputError):
        wh_from_text(text, "Wh")


@pytest.mark.parametrize(
    "text", ["\uff11\uff12", "\u0663", "\u0967.5"], ids=["full-width", "Arabic", "Devanagari"]
)
def test_digits_of_other_scripts_are_refused(text):
    with pytest.raises(InputError):
        wh_from_text(text, "kWh")


@pytest.mark.parametrize(
    ("text", "unit"),
    [
        ("0.0005", "kWh"),
        ("0.5", "Wh"),
        ("1000000001", "Wh"),
        ("1001", "MWh"),
        ("1", "kW"),
        ("1", ""),
    ],
)
def test_fractions_of_a_wh_and_unknown_units_are_refused(text, unit):
    with pytest.raises(InputError):
        wh_from_text(text, unit)


@settings(max_examples=200)
@given(st.text(max_size=20), st.text(max_size=4))
def test_reading_energy_raises_only_our_error(text, unit):
    with suppress(InputError):
        assert abs(wh_from_text(text, unit)) <= WH_MAX
