"""What holds of every estimate, whatever is known: exact sums, bounds, no gaps, no order."""

import random

from hypothesis import given, settings
from hypothesis import strategies as st

from meters.batches import INPUTS_MAX, BatchContent
from meters.estimate_inputs import RUN_PERIODS_MAX
from meters.estimate_registers import capped_split, span_of
from meters.estimates import estimate
from meters.readings import Channel, Quality
from tests.meters.bases import COVERED, DAY, WEEK, advance, basis_of
from tests.meters.checks.days import stored

CAPACITY = 2_000
SPAN = range(DAY.start - 48, DAY.stop + 48)


def some_series(draw, share):
    """Readings of some half-hours near the span and of the weeks before, in no order."""
    seed = random.Random(draw(st.integers(0, 10**6)))
    weeks = [period - WEEK * back for back in range(3) for period in SPAN]
    return {
        period: stored(
            seed.randrange(CAPACITY),
            seed.choice([*[Quality.ACTUAL] * 8, *Quality]),
            1,
            seed.randrange(1, 9),
        )
        for period in weeks
        if seed.random() < share
    }


@st.composite
def bases(draw):
    channel = draw(st.sampled_from(list(Channel)))
    known = some_series(draw, draw(st.sampled_from([0.0, 0.3, 0.9, 0.98])))
    advances = []
    for _ in range(draw(st.integers(0, 4))):
        start = draw(st.integers(SPAN.start, SPAN.stop - 1))
        stop = draw(st.integers(start + 1, SPAN.stop))
        off = draw(st.sampled_from([(0, 0), (0, 0), (-300, 700)]))
        read = sum(known[period].wh for period in range(start, stop) if period in known)
        wh = max(0, read + draw(st.integers(-2_000, 40_000)))
        advances.append(advance(wh, range(start, stop), channel, off=off))
    return basis_of(
        known,
        channel,
        advances=advances,
        others={f"h{number}": some_series(draw, 0.8) for number in range(draw(st.integers(0, 4)))},
        references={("h8", Channel.EXPORT): some_series(draw, 0.8)},
        suspects={("h1", channel): set(draw(st.lists(st.sampled_from(SPAN), max_size=5)))},
        capacity_wh=CAPACITY,
        is_final=draw(st.booleans()),
    )


def by_period(found):
    return {
        period: (wh, run)
        for run in found.runs
        for period, wh in zip(run.periods, run.wh, strict=True)
    }


@settings(max_examples=40)
@given(bases())
def test_every_gap_is_filled_once_within_bounds_and_no_reading_is_touched(basis):
    found = estimate(basis, DAY)
    periods = [period for run in found.runs for period in run.periods]
    assert periods == sorted(set(periods))
    assert set(basis.gaps(DAY)) <= set(periods)
    assert all(basis.is_gap(period) for period in periods)
    assert all(0 <= wh <= CAPACITY for run in found.runs for wh in run.wh)


@settings(max_examples=40)
@given(bases())
def test_the_sum_is_the_registers(basis):
    found = estimate(basis, DAY)
    estimated = by_period(found)
    for run in found.runs:
        if run.quality is not Quality.SCALED:
            continue
        # The outermost of a run's advances is the one that it was scaled to.
        named = [item for item in run.inputs if item["what"] == "advance"]
        used = max(
            (
                item
                for item in basis.advances
                if any(
                    (item.begin, item.end, item.wh) == (one["first"], one["end"], one["wh"])
                    for one in named
                )
            ),
            key=lambda item: (len(span_of(item)), item.begin, item.end, item.wh),
        )
        total = sum(
            estimated[period][0] if basis.is_gap(period) else basis.known[period].wh
            for period in span_of(used)
        )
        assert total == used.wh


@settings(max_examples=40)
@given(bases())
def test_an_export_is_zero_before_the_final_run(basis):
    found = estimate(basis, DAY)
    if basis.channel is Channel.EXPORT and not basis.is_final:
        assert all(not any(run.wh) and run.quality is Quality.ZERO for run in found.runs)


@settings(max_examples=40)
@given(bases(), st.randoms(use_true_random=False))
def test_the_order_of_what_is_known_does_not_matter(basis, order):
    def shuffled(mapping):
        items = list(mapping.items())
        order.shuffle(items)
        return dict(items)

    advances = list(basis.advances)
    order.shuffle(advances)
    other = basis_of(
        shuffled(basis.known),
        basis.channel,
        advances=advances,
        others=shuffled({name: shuffled(one) for name, one in basis.others.items()}),
        references=shuffled(basis.references),
        suspects=basis.suspects,
        capacity_wh=CAPACITY,
        is_final=basis.is_final,
    )
    assert encoded(estimate(other, DAY)) == encoded(estimate(basis, DAY))


def encoded(found):
    """The bytes that would be signed."""
    return [
        BatchContent(
            run.first, run.wh, run.quality.letter * len(run.wh), bytes(32), run.inputs
        ).encode()
        for run in found.runs
    ]


@settings(max_examples=40)
@given(bases())
def test_every_run_fits_a_batch_and_names_sources_that_may_be_ones(basis):
    found = estimate(basis, DAY)
    for run, data in zip(found.runs, encoded(found), strict=True):
        content = BatchContent.decode(run.first, data)
        assert content.wh == run.wh
        assert len(run.wh) <= RUN_PERIODS_MAX
        assert run.inputs[0]["what"] == "rules"
        if run.quality in (Quality.LIKE_DAY, Quality.INTERPOLATED):
            for item in run.inputs[1:]:
                own = item["meter"] == "h1"
                for period in range(item["first"], item["first"] + item["count"]):
                    if own:
                        assert basis.known[period].quality <= Quality.ESTIMATED.rank
                        assert basis.known[period].position == item["entry"]
                        assert period not in basis.suspects["h1", basis.channel]


@given(
    st.lists(st.integers(0, 50), min_size=1, max_size=20),
    st.integers(1, 100),
    st.data(),
)
def test_a_capped_split_is_exact_and_keeps_the_cap(weights, cap, data):
    total = data.draw(st.integers(0, cap * len(weights)))
    keys = list(range(len(weights)))
    shares = capped_split(total, weights, cap, keys)
    assert sum(shares) == total
    assert all(0 <= share <= cap for share in shares)
    order = data.draw(st.permutations(keys))
    again = capped_split(total, [weights[at] for at in order], cap, order)
    assert dict(zip(order, again, strict=True)) == dict(enumerate(shares))


def test_a_month_of_single_half_hours_still_fits_its_inputs():
    """Live meters: each half-hour is a batch of its own, and every second one is missing."""
    month = range(DAY.start - 30 * 48, DAY.start)
    known = {period: stored(300, position=period) for period in month if period % 2}
    basis = basis_of(known, advances=[advance(500_000, month)], covered=month)
    found = estimate(basis, range(month.stop - 48, month.stop))
    assert sum(sum(run.wh) for run in found.runs) + 300 * 720 == 500_000
    for run in found.runs:
        assert len(run.inputs) <= INPUTS_MAX
        readings = [item for item in run.inputs if item["what"] == "readings"]
        assert all("entry" not in item for item in readings)
        assert min(item["first"] for item in readings) == min(known)


def test_a_long_advance_with_the_shape_of_a_hundred_meters_still_fits_its_inputs():
    span = range(DAY.start - 32 * 48, DAY.start)
    others = {
        f"h{number}": {period: stored(300, position=period) for period in span}
        for number in range(10, 120)
    }
    basis = basis_of({}, advances=[advance(500_000, span)], others=others, covered=span)
    runs = estimate(basis, DAY).runs + estimate(basis, span).runs
    assert sum(sum(run.wh) for run in runs if run.quality is Quality.SCALED) == 500_000
    body = {"what": "readings", "channel": "import"}
    for run in runs[1:]:
        assert list(run.inputs[2:]) == [
            {**body, "first": span.start, "count": 1500},
            {**body, "first": span.start + 1500, "count": len(span) - 1500},
        ]
        content = BatchContent(run.first, run.wh, "S" * len(run.wh), bytes(32), run.inputs)
        assert BatchContent.decode(run.first, content.encode()) == content


def test_a_week_of_like_days_from_single_half_hours_is_cut_into_runs():
    known = {period: stored(300, position=period) for period in range(COVERED.start, DAY.start)}
    runs = estimate(basis_of(known), range(DAY.start, DAY.start + WEEK)).runs
    assert [wh for run in runs for wh in run.wh] == [300] * WEEK
    assert all(len(run.inputs) <= INPUTS_MAX for run in runs)
    assert len(runs) > 1
