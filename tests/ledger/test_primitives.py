"""The small pure functions that everything else stands on, by property and by example."""

import csv
import json
import os
import time
from contextlib import suppress
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger.errors import CanonicalError, InputError, RefusedError
from ledger.primitives import canonical, money, periods
from ledger.primitives.apportion import apportion
from ledger.primitives.clock import CLOCK_BACK_MS_MAX, FixedClock, SystemClock
from ledger.primitives.energy import WH_MAX, format_kwh, wh_from_text
from ledger.primitives.ids import IdMaker, check_id, derived_id

REPOSITORY = Path(__file__).resolve().parents[2]
LONDON = periods.load_zone("Europe/London")
LORD_HOWE = periods.load_zone("Australia/Lord_Howe")


# Apportion.

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


# Periods.


@pytest.mark.shared
def test_the_table_of_settlement_periods():
    """Against a table made by another program: London's days around clock changes."""
    folder = Path(os.environ.get("COMMONWATT_SHARED") or REPOSITORY.parent / "shared")
    path = folder / "data" / "meters" / "periods" / "settlement_periods.csv"
    if not path.is_file():
        pytest.skip(f"SKIPPED: the table of settlement periods is not at {path}")
    with path.open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 240
    for row in rows:
        zone = periods.load_zone(row["zone"])
        day = periods.parse_date(row["settlement_date"])
        of_day = periods.of_local_day(day, zone)
        period = periods.parse_utc(row["start_utc"])
        assert len(of_day) == int(row["periods_in_day"])
        assert periods.number_in_day(period, zone) == int(row["period"])
        assert of_day[int(row["period"]) - 1] == period
        assert periods.local_date(period, zone) == day
        assert periods.start_text(period + 1) == row["end_utc"]
        local = datetime.fromisoformat(row["start_local_iso"])
        assert periods.from_instant(local) == period


@settings(max_examples=300)
@given(st.integers(96, periods.PERIOD_MAX - 96))  # whole local days within the range
def test_periods_round_trip(period):
    assert periods.parse_utc(periods.start_text(period)) == period
    assert periods.from_instant(periods.start_utc(period)) == period
    for zone in (LONDON, LORD_HOWE):
        day = periods.local_date(period, zone)
        assert period in periods.of_local_day(day, zone)
        assert 1 <= periods.number_in_day(period, zone) <= 50
        assert periods.from_instant(periods.start_utc(period).astimezone(zone)) == period


ZONES = ["Europe/London", "Europe/Berlin", "Australia/Lord_Howe", "America/Sao_Paulo"]
ZONES += ["Asia/Kolkata", "Pacific/Marquesas", "Africa/Cairo", "America/Havana", "Asia/Beirut"]


@pytest.mark.parametrize("name", ZONES)
def test_days_follow_each_other_without_gap_or_overlap(name):
    """Also where midnight itself is skipped or comes twice."""
    zone = periods.load_zone(name)
    day = date(2015, 1, 1)
    days = [day + timedelta(days=number) for number in range(6 * 365)]
    for one, other in pairwise(days):
        today = periods.of_local_day(one, zone)
        assert today.stop == periods.of_local_day(other, zone).start
        assert len(today) in (46, 47, 48, 49, 50)
        assert periods.local_date(today[0], zone) == one
        assert periods.local_date(today[-1], zone) == one


@pytest.mark.parametrize(
    ("zone", "day", "count"),
    [
        (LONDON, date(2026, 3, 29), 46),
        (LONDON, date(2026, 6, 15), 48),
        (LONDON, date(2026, 10, 25), 50),
        (LORD_HOWE, date(2026, 4, 5), 49),
        (LORD_HOWE, date(2026, 6, 15), 48),
        (LORD_HOWE, date(2026, 10, 4), 47),
    ],
)
def test_days_of_46_to_50_half_hours(zone, day, count):
    assert len(periods.of_local_day(day, zone)) == count


def test_the_autumn_night_in_london_has_each_clock_time_twice():
    first = periods.of_local_day(date(2026, 10, 25), LONDON).start
    labels = [periods.local_label(first + number, LONDON) for number in range(2, 6)]
    assert labels == [
        "01:00 to 01:30",
        "01:30 to 01:00",
        "01:00 to 01:30",
        "01:30 to 02:00",
    ]
    assert [periods.number_in_day(first + number, LONDON) for number in range(2, 6)] == [3, 4, 5, 6]


def test_a_month_is_its_days():
    for month, count in (("2026-03", 31 * 48 - 2), ("2026-10", 31 * 48 + 2), ("2026-12", 31 * 48)):
        assert len(periods.of_local_month(month, LONDON)) == count
    december = periods.of_local_month("2026-12", LONDON)
    assert december.stop == periods.of_local_month("2027-01", LONDON).start


@pytest.mark.parametrize("name", ["Asia/Kathmandu", "Pacific/Chatham", "Australia/Eucla"])
def test_zones_off_the_half_hour_are_refused(name):
    with pytest.raises(InputError, match="not on the half-hour"):
        periods.of_local_day(date(2026, 6, 15), periods.load_zone(name))


@pytest.mark.parametrize(
    "name", ["", ".", "Europe", "/etc/passwd", "../x", "a\0b", "x" * 5000, "\ud800", "Mars/Olympus"]
)
def test_what_is_not_a_zone_is_refused(name):
    with pytest.raises(InputError, match="is not a time zone"):
        periods.load_zone(name)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "2026-06-15T12:30Z",
        "2026-06-15T12:30:00",
        "2026-06-15 12:30:00Z",
        "2026-06-15T12:30:00+00:00",
        "2026-06-15T12:31:00Z",
        "2026-06-15T12:30:01Z",
        "2026-02-30T00:00:00Z",
        "2026-06-15T24:00:00Z",
        "1969-12-31T23:30:00Z",
        "2999-01-01T00:00:00Z",
        "0000-01-01T00:00:00Z",
        "\uff12\uff10\uff12\uff16-06-15T12:30:00Z",
    ],
)
def test_what_is_not_the_start_of_a_half_hour_is_refused(text):
    with pytest.raises(InputError):
        periods.parse_utc(text)


@pytest.mark.parametrize(
    "text", ["", "2026-6-15", "20260615", "2026-06-31", "2026-W24-1", "26-06-15", "2026/06/15"]
)
def test_what_is_not_a_date_is_refused(text):
    with pytest.raises(InputError):
        periods.parse_date(text)


@pytest.mark.parametrize("month", ["", "2026", "2026-13", "2026-6", "9999-12", "0001-01"])
def test_what_is_not_a_month_in_range_is_refused(month):
    with pytest.raises(InputError):
        periods.of_local_month(month, LONDON)


@pytest.mark.parametrize("day", [date.min, date.max, date(1960, 1, 1), date(2500, 1, 1)])
def test_days_out_of_range_are_refused(day):
    for zone in (LONDON, periods.load_zone("Asia/Tokyo")):
        with pytest.raises(InputError):
            periods.of_local_day(day, zone)


def test_instants_that_are_no_half_hours_are_refused():
    with pytest.raises(InputError, match="has no time zone"):
        periods.from_instant(datetime(2026, 6, 15))  # noqa: DTZ001 - this is what is refused
    with pytest.raises(InputError, match="not on the half-hour"):
        periods.from_instant(datetime(2026, 6, 15, 0, 0, 0, 1, tzinfo=UTC))
    kathmandu = timezone(timedelta(hours=5, minutes=45))
    with pytest.raises(InputError, match="not on the half-hour"):
        periods.from_instant(datetime(2026, 6, 15, tzinfo=kathmandu))


# Ids.


@settings(max_examples=200)
@given(st.lists(st.integers(0, 2**48 - 1), min_size=2, max_size=9), st.randoms())
def test_ids_sort_by_the_time_they_were_made(times, random):
    made = [
        (now, IdMaker(now_ms=lambda now=now: now, random_bytes=random.randbytes)()) for now in times
    ]
    made.sort(key=lambda pair: pair[1])
    assert [now for now, _ in made] == sorted(times)
    for now, text in made:
        assert check_id(text) == text
        assert int(text[:12], 16) == now
        assert text[12] == "7"
        assert text[16] in "89ab"


def test_ids_of_one_millisecond_differ():
    make = IdMaker(now_ms=lambda: 5)
    assert len({make() for _ in range(1000)}) == 1000


@pytest.mark.parametrize("text", ["", "0" * 31, "0" * 33, "G" * 32, "A" * 32, "0" * 32 + "\n"])
def test_what_is_not_an_id_is_refused(text):
    with pytest.raises(InputError):
        check_id(text)


def test_derived_ids_follow_from_all_their_parts():
    ids = {
        derived_id("run", "a", 1),
        derived_id("run", "a", 2),
        derived_id("run", "a1"),
        derived_id("runs", "a", 1),
        derived_id("run", "1", "a"),
    }
    assert len(ids) == 5
    assert (
        derived_id("run", "a", 1)
        == derived_id("run", "a", "1")
        == check_id(derived_id("run", "a", 1))
    )


# Canonical JSON.

KEYS = st.from_regex(r"[a-z][a-z0-9_]{0,7}", fullmatch=True)
TEXTS = st.text(max_size=12).filter(
    lambda text: (
        not canonical._CONTROL.search(text) and canonical.unicodedata.is_normalized("NFC", text)
    )
)
INTEGERS = st.integers(-canonical.INTEGER_MAX, canonical.INTEGER_MAX)
VALUES = st.recursive(
    st.one_of(TEXTS, INTEGERS, st.booleans()),
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(KEYS, inner, max_size=4)),
    max_leaves=12,
)


@settings(max_examples=300)
@given(VALUES)
def test_canonical_json_round_trips(value):
    data = canonical.encode(value)
    assert canonical.decode(data) == value
    assert canonical.encode(canonical.decode(data)) == data
    assert json.loads(data) == value


@settings(max_examples=200)
@given(st.dictionaries(KEYS, INTEGERS, min_size=2, max_size=6))
def test_the_order_of_keys_is_not_part_of_a_value(value):
    backwards = dict(reversed(value.items()))
    assert canonical.encode(backwards) == canonical.encode(value)
    falling = json.dumps(dict(sorted(value.items(), reverse=True)), separators=(",", ":"))
    with pytest.raises(CanonicalError, match="not in canonical form"):
        canonical.decode(falling.encode())


REFUSED_BYTES = {
    "keys out of order": b'{"b":1,"a":2}',
    "a space": b'{"a": 1}',
    "a newline at the end": b'{"a":1}\n',
    "a fraction": b'{"a":1.0}',
    "an exponent": b'{"a":1e2}',
    "minus zero": b'{"a":-0}',
    "a leading zero": b'{"a":01}',
    "NaN": b'{"a":NaN}',
    "infinity": b'{"a":-Infinity}',
    "a duplicate key": b'{"a":1,"a":1}',
    "null": b'{"a":null}',
    "null alone": b"null",
    "2^53": b"9007199254740992",
    "-2^53": b"-9007199254740992",
    "many digits": b"1" * 5000,
    "a capital in a key": b'{"A":1}',
    "an empty key": b'{"":1}',
    "a long key": b'{"' + b"a" * 33 + b'":1}',
    "a needless escape": b'"\\u0061"',
    "an escaped slash": b'"\\/"',
    "an escaped letter with an accent": b'"\\u00e9"',
    "not NFC": '"e\u0301"'.encode(),
    "a control character": b'"\\n"',
    "a raw control character": b'"\n"',
    "delete": b'"\x7f"',
    "a C1 control": '"\x85"'.encode(),
    "a lone surrogate": b'"\\ud800"',
    "an escaped pair": b'"\\ud83d\\ude00"',
    "UTF-16": '{"a":1}'.encode("utf-16"),
    "a byte order mark": b"\xef\xbb\xbf1",
    "not UTF-8": b'"\xff"',
    "overlong UTF-8": b'"\xc0\xaf"',
    "nothing": b"",
    "two values": b"1 2",
    "deep": b"[" * 17 + b"1" + b"]" * 17,
    "very deep": b"[" * 50_000,
    "very deep and closed": b"[" * 29_000 + b"]" * 29_000,
    "too long": b'"' + b"a" * 60_000 + b'"',
}


@pytest.mark.parametrize("data", REFUSED_BYTES.values(), ids=REFUSED_BYTES)
def test_bytes_that_are_not_canonical_are_refused(data):
    with pytest.raises(CanonicalError):
        canonical.decode(data)


@pytest.mark.parametrize(
    "value",
    [
        None,
        1.0,
        b"a",
        (1,),
        {1},
        [None],
        {"a": 1.5},
        {1: 1},
        {"A": 1},
        2**53,
        -(2**53),
        "\x00",
        "\ud800",
        "e\u0301",
    ],
    ids=repr,
)
def test_values_that_are_not_canonical_are_not_encoded(value):
    with pytest.raises(CanonicalError):
        canonical.encode(value)


def test_the_deepest_nesting_that_is_taken():
    data = b"[" * canonical.DEPTH_MAX + b"1" + b"]" * canonical.DEPTH_MAX
    assert canonical.encode(canonical.decode(data)) == data


FRAGMENTS = st.sampled_from(
    [
        *(bytes([byte]) for byte in b'{}[],:"a1-0.e '),
        *(b'"a"', b"true", b"null", b"NaN", b"\xc3\xa9", b"\xff", b"\\u", b"\\ud800", b"9" * 20),
    ]
)


@settings(max_examples=500)
@given(st.one_of(st.binary(max_size=40), st.lists(FRAGMENTS, max_size=20).map(b"".join)))
def test_decoding_raises_only_our_error(data):
    try:
        value = canonical.decode(data)
    except CanonicalError:
        return
    assert canonical.encode(value) == data


@settings(max_examples=500)
@given(VALUES, st.data())
def test_one_value_has_one_encoding(value, data):
    """Changed bytes are refused or stand for another value."""
    encoded = canonical.encode(value)
    start = data.draw(st.integers(0, len(encoded)))
    end = data.draw(st.integers(start, min(len(encoded), start + 3)))
    changed = encoded[:start] + data.draw(FRAGMENTS) + encoded[end:]
    try:
        other = canonical.decode(changed)
    except CanonicalError:
        return
    assert canonical.encode(other) == changed
    assert changed == encoded or json.dumps(other) != json.dumps(value)


# Clocks.


class FakeTime:
    """The machine's clock, in nanoseconds, moved by hand."""

    def __init__(self, now_ms: int) -> None:
        self.now_ms = now_ms

    def time_ns(self) -> int:
        return self.now_ms * 1_000_000 + 999_999


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> FakeTime:
    fake = FakeTime(1_781_500_000_000)
    monkeypatch.setattr(time, "time_ns", fake.time_ns)
    return fake


def test_the_clock_shows_the_machines_time_and_no_millisecond_twice(machine):
    clock = SystemClock()
    start = machine.now_ms
    assert [clock.now_ms() for _ in range(3)] == [start, start + 1, start + 2]
    machine.now_ms = start + 500
    assert clock.now_ms() == start + 500


def test_a_small_step_back_is_waited_out_and_a_large_one_stops_the_writer(machine):
    clock = SystemClock()
    last = clock.now_ms()
    machine.now_ms = last - CLOCK_BACK_MS_MAX
    assert clock.now_ms() == last + 1
    machine.now_ms -= 2
    with pytest.raises(RefusedError, match="went back by more than five seconds"):
        clock.now_ms()
    machine.now_ms = last + 10
    assert clock.now_ms() == last + 10


def test_looking_often_is_not_a_clock_that_went_back(machine):
    """A busy writer may look more than once a millisecond; the machine's clock is right."""
    clock = SystemClock()
    looks = [clock.now_ms() for _ in range(2 * CLOCK_BACK_MS_MAX)]
    assert all(one < other for one, other in pairwise(looks))


def test_the_fixed_clock_only_moves_forward():
    clock = FixedClock(5)
    assert (clock.now_ms(), clock.now_ms()) == (5, 6)
    clock.set_ms(100)
    assert clock.now_ms() == 100
    with pytest.raises(AssertionError):
        clock.set_ms(50)
