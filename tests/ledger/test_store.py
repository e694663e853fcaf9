"""What a store promises, on both engines: batches, answers, holds, limits, time, tenants."""

from dataclasses import replace

import pytest

from ledger.batches import Batch
from ledger.book import expiry_id
from ledger.errors import ConflictError, RefusedError
from ledger.primitives.hashing import tagged_hash
from ledger.records import Kind
from ledger.status import Status
from tests.ledger.book_lives import other_value
from tests.ledger.books import (
    ADA,
    BEN,
    FEES,
    FIELDS,
    FUND,
    PERIOD,
    RESERVE,
    hold,
    id_of,
    move,
)
from tests.ledger.stores import (
    ENGINES,
    HALF_HOUR_MS,
    START_MS,
    BrokenError,
    Ledger,
    batch,
    batch_id,
    failing_commit,
    fold,
    new_ledger,
    prepared_database,
)

C, REFUSED = Status.CREATED, Status.BATCH_REFUSED
FLOOR = Status.BELOW_FLOOR


@pytest.fixture(scope="module", params=ENGINES)
def database(request, tmp_path_factory):
    with prepared_database(request.param, tmp_path_factory.mktemp("store")) as value:
        yield value


@pytest.fixture
def ledger(database):
    """A community in which Ada has 100."""
    made = new_ledger(database)
    made.submit(batch(0, move(10**6, RESERVE, ADA, 100)))
    return made


# Batches and their answers.


def test_an_atomic_batch_is_taken_whole_or_not_at_all_and_others_do_not_mind(ledger):
    answers = ledger.statuses(
        batch(1, move(1, ADA, BEN, 60)),
        batch(2, move(2, ADA, BEN, 30), move(3, ADA, BEN, 30), move(4, RESERVE, ADA, 50)),
        batch(3, move(5, ADA, BEN, 40)),
    )
    assert answers == [[C], [REFUSED, FLOOR, REFUSED], [C]]
    assert ledger.states()[ADA] == (0, 0, 0)
    assert [one.id for one in ledger.transfers()[1:]] == [id_of(1), id_of(5)]
    assert ledger.rows("id", "batch") == [(batch_id(at),) for at in (0, 1, 3)]


def test_independent_transfers_are_taken_or_refused_alone_and_a_repeat_says_the_same(ledger):
    sent = batch(
        1,
        move(1, ADA, BEN, 60),
        move(2, ADA, BEN, 60),
        move(3, ADA, BEN, 40),
        move(1, ADA, BEN, 60),
        atomic=False,
    )
    first = ledger.submit(sent)[0]
    assert list(first.statuses) == [C, FLOOR, C, Status.EXISTS]
    assert first.refusal == (1, FLOOR)
    ledger.submit(batch(2, move(4, RESERVE, ADA, 500)))
    again = Ledger(ledger.database, ledger.community).submit(sent)[0]
    assert again == replace(first, repeated=True)
    assert ledger.states()[ADA] == (500, 0, 0)
    assert len(ledger.transfers()) == 4


def test_independent_transfers_of_which_none_is_taken_are_remembered_too(ledger):
    sent = batch(1, move(1, ADA, BEN, 101), atomic=False)
    assert ledger.statuses(sent) == [[FLOOR]]
    ledger.submit(batch(2, move(2, RESERVE, ADA, 500)))
    assert ledger.submit(sent)[0].repeated
    assert ledger.statuses(sent) == [[FLOOR]]


def test_a_refused_atomic_batch_is_not_remembered(ledger):
    sent = batch(1, move(1, ADA, BEN, 101))
    assert ledger.statuses(sent, sent) == [[FLOOR], [FLOOR]]
    assert ledger.statuses(batch(2, move(2, RESERVE, ADA, 1)), sent) == [[C], [C]]
    assert ledger.submit(sent)[0].repeated


def test_an_empty_batch_is_recorded(ledger):
    assert ledger.statuses(batch(1)) == [[]]
    assert ledger.submit(batch(1))[0].repeated
    assert ledger.submit(batch(1, move(1, ADA, BEN, 1)))[0].conflict == "transfers"


@pytest.mark.parametrize("together", [False, True])
@pytest.mark.parametrize("name", ["id", *FIELDS])
def test_the_same_id_with_other_content_is_a_conflict_that_names_the_field(ledger, name, together):
    first = move(1, ADA, BEN, 1), hold(2, ADA, BEN, 2), move(3, ADA, BEN, 3)
    value = id_of(9) if name == "id" else other_value(first[1], name)
    other = first[0], replace(first[1], **{name: value}), first[2]
    sent, changed = batch(1, *first), batch(1, *other)
    calls = [[sent, changed]] if together else [[sent], [changed]]
    answer = [ledger.submit(*call) for call in calls][-1][-1]
    assert answer.conflict == f"transfers[1].{name}"
    assert (answer.statuses, answer.repeated) == ((), False)
    with pytest.raises(ConflictError, match=f"{batch_id(1).hex()} was posted before") as caught:
        ledger.post(changed)
    assert caught.value.field == f"transfers[1].{name}"
    assert ledger.transfers()[1:] == list(first)


def test_more_or_fewer_transfers_under_the_same_id_are_a_conflict(ledger):
    one, two = move(1, ADA, BEN, 1), move(2, ADA, BEN, 1)
    ledger.submit(batch(1, one, two), batch(2, one, move(3, ADA, BEN, 500), atomic=False))
    for changed in (batch(1, one), batch(1, one, two, move(3, ADA, BEN, 1)), batch(2, one)):
        assert ledger.submit(changed)[0].conflict == "transfers"


def test_the_same_batch_twice_in_one_call_is_done_once(ledger):
    sent = batch(1, move(1, ADA, BEN, 60))
    first, second = ledger.submit(sent, sent)
    assert (first.repeated, second.repeated) == (False, True)
    assert first.statuses == second.statuses == (C,)
    assert ledger.post(sent, batch(2, move(2, ADA, BEN, 1)), sent) == 1
    assert ledger.states()[ADA] == (39, 0, 0)


def test_post_raises_what_was_refused_and_its_transaction_leaves_nothing(ledger):
    before = ledger.states()
    wrong = batch(2, move(2, ADA, BEN, 1), move(3, ADA, BEN, 500))
    with pytest.raises(RefusedError, match=r"of 500 from .* was refused \(below floor\)"):
        ledger.post(batch(1, move(1, ADA, BEN, 1)), wrong)
    assert ledger.states() == before
    ledger.post(batch(1, move(1, ADA, BEN, 1)))
    with pytest.raises(ConflictError, match="exists with other amount") as caught:
        ledger.post(batch(2, move(1, ADA, BEN, 2)))
    assert caught.value.field == "amount"


@pytest.mark.parametrize("name", FIELDS)
def test_a_transfer_id_of_another_batch_exists_or_differs_in_a_field(ledger, name):
    first = hold(1, ADA, BEN, 10, expires=PERIOD + 9)
    ledger.submit(batch(1, first))
    changed = replace(first, **{name: other_value(first, name)})
    status = Status[f"EXISTS_WITH_OTHER_{name.upper()}"]
    assert ledger.statuses(
        batch(2, first, move(2, ADA, BEN, 1)),
        batch(3, move(3, ADA, BEN, 1), changed),
        batch(4, changed, move(4, ADA, BEN, 1), atomic=False),
    ) == [[Status.EXISTS, C], [REFUSED, status], [status, C]]
    assert ledger.states() == fold(ledger.transfers())
    assert [one.id for one in ledger.transfers()[1:]] == [id_of(at) for at in (1, 2, 4)]


# Holds, reversals and corrections over several transactions.


def test_holds_are_posted_in_part_voided_and_resolved_once(ledger):
    ledger.submit(batch(1, *(hold(at, ADA, BEN, 30) for at in (1, 2, 3))))
    assert ledger.states()[ADA] == (100, 90, 0)
    post = move(4, ADA, BEN, 20, Kind.POST_HOLD, of=1)
    void = move(5, ADA, BEN, 30, Kind.VOID_HOLD, of=2)
    assert ledger.statuses(batch(2, move(6, ADA, BEN, 11)), batch(3, post, void)) == [
        [FLOOR],
        [C, C],
    ]
    assert (ledger.states()[ADA], ledger.states()[BEN]) == ((80, 30, 0), (20, 0, 30))
    for number, one in enumerate((post, void), start=4):
        again = batch(number, replace(one, id=id_of(number + 10)))
        assert ledger.statuses(again) == [[Status.HOLD_ALREADY_RESOLVED]]
    within = batch(6, hold(7, ADA, BEN, 5), move(8, ADA, BEN, 5, Kind.POST_HOLD, of=7))
    assert ledger.statuses(within) == [[C, C]]
    assert ledger.states() == fold(ledger.transfers())


def test_what_is_over_is_released_before_the_next_batch_at_its_position(ledger):
    expires = {1: PERIOD + 2, 2: PERIOD + 1, 3: PERIOD + 2, 4: PERIOD + 3, 5: PERIOD + 2}
    holds = [hold(at, ADA, BEN, at, expires=due) for at, due in sorted(expires.items())[::-1]]
    ledger.submit(batch(1, *holds), batch(2, move(6, ADA, BEN, 5, Kind.VOID_HOLD, of=5)))
    ledger.pass_periods(2)
    late = batch(3, move(7, ADA, BEN, 1, Kind.POST_HOLD, of=1))
    assert ledger.statuses(late) == [[Status.HOLD_EXPIRED]]
    assert ledger.states()[ADA] == (100, 10, 0)  # refused alone: nothing was written
    ledger.submit(late, batch(4, move(8, ADA, BEN, 1), position=42), batch(5, position=43))
    with ledger.database.read() as connection:
        made = list(ledger.store.transfers(connection, first=8))
    released = [(expiry_id(id_of(at), 0), id_of(at), expires[at], 42) for at in (2, 1, 3)]
    assert [(t.id, t.original, t.effective, at) for t, at in made[:3]] == released
    assert [(t.id, at) for t, at in made[3:]] == [(id_of(8), 42)]
    assert ledger.states()[ADA] == (99, 4, 0)
    content = b"".join(t.id for t, _ in made[:3])
    ids = [row[0] for row in ledger.rows("id", "batch")]
    expiries = tagged_hash("commonwatt/id/expiries/v1", content)[:16]
    assert ids[-3:] == [expiries, batch_id(4), batch_id(5)]


@pytest.mark.parametrize("together", [False, True])
def test_nobody_can_block_an_expiry_by_taking_its_ids(ledger, together):
    ledger.submit(batch(1, hold(1, ADA, BEN, 10, expires=PERIOD + 1)))
    first, second = expiry_id(id_of(1), 0), expiry_id(id_of(1), 1)
    squats = [replace(move(2, ADA, BEN, 1), id=first)]
    batches = [Batch(batch_id(2), tuple(squats), 7)]
    made = first if together else second
    squatted = tagged_hash("commonwatt/id/expiries/v1", made)[:16]
    batches.append(Batch(squatted, (move(3, ADA, BEN, 1),), 7))
    if together:
        ledger.pass_periods(1)
        assert ledger.statuses(*batches) == [[Status.EXISTS_WITH_OTHER_KIND], [C]]
    else:
        assert ledger.statuses(*batches) == [[C], [C]]
        ledger.pass_periods(1)
        assert ledger.statuses(batch(3, move(4, ADA, BEN, 1))) == [[C]]
    assert ledger.states()[ADA][1] == 0
    released = [one for one in ledger.transfers() if one.kind is Kind.EXPIRE_HOLD]
    assert [one.id for one in released] == [made]
    assert ledger.submit(batches[1])[0].repeated
    assert ledger.states() == fold(ledger.transfers())


def test_reversals_and_corrections_over_several_transactions(ledger):
    steps = [
        (move(1, ADA, BEN, 40), C),
        (move(2, BEN, ADA, 15, Kind.CORRECT, of=1), C),
        (move(3, ADA, BEN, 5, Kind.CORRECT, of=1), C),
        (move(4, BEN, ADA, 31, Kind.CORRECT, of=1), Status.EXCEEDS_ORIGINAL),
        (move(5, BEN, ADA, 29, Kind.REVERSE, of=1), Status.NOT_WHAT_REMAINS),
        (move(6, BEN, ADA, 30, Kind.REVERSE, of=1), C),
        (move(7, BEN, ADA, 30, Kind.REVERSE, of=1), Status.ORIGINAL_ALREADY_REVERSED),
        (move(8, ADA, BEN, 1, Kind.CORRECT, of=1), Status.ORIGINAL_ALREADY_REVERSED),
        (move(9, ADA, BEN, 1, Kind.CORRECT, of=2), Status.ORIGINAL_NOT_AMENDABLE),
        (move(10, ADA, BEN, 1, Kind.CORRECT, of=99), Status.ORIGINAL_NOT_FOUND),
    ]
    for number, (one, status) in enumerate(steps, start=1):
        assert ledger.statuses(batch(number, one)) == [[status]], number
    assert ledger.states()[ADA] == (100, 0, 0)


# Limits, time, tenants, numbers.


def test_limits_are_rows_and_mirrored_and_refused_if_the_balance_is_beyond(ledger):
    ledger.submit(batch(1, hold(1, ADA, FUND, 30)))
    before = len(ledger.rows("number", "limit_change"))
    for account, floor, ceiling, words in (
        (ADA, 71, None, "below floor"),
        (ADA, None, 99, "above ceiling"),
        (FUND, None, 29, "above ceiling"),
    ):
        with pytest.raises(RefusedError, match=words):
            ledger.limit(account, floor, ceiling)
    with pytest.raises(RefusedError, match="is not open"):
        ledger.limit("community/none BRM/7", None, None)
    assert len(ledger.rows("number", "limit_change")) == before
    ledger.limit(ADA, 70, 100)
    ledger.limit(FUND, None, 30)
    assert ledger.rows("number, floor, ceiling, batch", "limit_change")[before:] == [
        (before + 1, 70, 100, 2),
        (before + 2, None, 30, 2),
    ]
    balances = ledger.balances()
    assert (balances[ADA].floor, balances[ADA].ceiling) == (70, 100)
    assert ledger.statuses(
        batch(2, move(2, ADA, BEN, 1)),
        batch(3, move(3, RESERVE, ADA, 1)),
        batch(4, move(4, RESERVE, FUND, 1)),
    ) == [[FLOOR], [Status.ABOVE_CEILING], [Status.ABOVE_CEILING]]


def test_recorded_times_rise_and_periods_never_fall_whatever_the_clock_does(ledger):
    ledger.pass_periods(3)
    stops = [0, 0, -5, -HALF_HOUR_MS * 2, 0, 4, HALF_HOUR_MS]
    for number, step in enumerate(stops, start=1):
        ledger.now_ms += step
        # Whatever a clock that stepped back says, what expires is still to come.
        over = hold(number, ADA, BEN, 1, expires=PERIOD + 3)
        assert ledger.statuses(batch(number, over), batch(100 + number)) == [
            [Status.EXPIRES_NOT_ALLOWED],
            [],
        ]
    rows = ledger.rows("recorded_at, period", "batch")
    times = [recorded for recorded, _ in rows]
    assert times == sorted(set(times))
    assert [period - PERIOD for _, period in rows] == [0, *[3] * 7]
    assert times[1] == START_MS + 3 * HALF_HOUR_MS


def test_two_communities_in_one_database_do_not_see_each_other(ledger):
    other = new_ledger(ledger.database)
    sent = batch(0, move(10**6, RESERVE, ADA, 7))
    assert other.statuses(sent) == [[C]]
    both = [batch(1, hold(1, ADA, BEN, 5, expires=PERIOD + 1)), batch(2, move(2, ADA, BEN, 1))]
    for one in (ledger, other):
        assert one.statuses(*both) == [[C], [C]]
    other.limit(ADA, 1, 6)
    other.pass_periods(1)
    void = move(3, ADA, BEN, 5, Kind.VOID_HOLD, of=1)
    assert other.statuses(batch(3, void)) == [[Status.HOLD_EXPIRED]]
    assert other.statuses(batch(4)) == [[]]
    assert ledger.statuses(batch(3, void)) == [[C]]
    assert (ledger.states()[ADA], other.states()[ADA]) == ((99, 0, 0), (6, 0, 0))
    assert ledger.balances()[ADA].floor == 0
    assert len(ledger.transfers()) == len(other.transfers()) == 4


def test_a_rolled_back_opening_leaves_no_account_and_no_number(ledger):
    one, two = "pool/one WH/0", "pool/two WH/0"
    broken = failing_commit(ledger.database, after=False)
    with pytest.raises(BrokenError), broken, ledger.writing() as connection:
        ledger.store.chart.open(connection, [(one, 0), (two, 0)], START_MS)
    assert one not in ledger.balances()
    with ledger.writing() as connection:
        ledger.store.chart.open(connection, [(two, 0), (ADA, -7), (FEES, 0)], START_MS)
    rows = ledger.rows("number, name", "account")
    assert [number for number, _ in rows] == list(range(1, len(rows) + 1))
    assert rows[-1] == (len(rows), two)
    assert ledger.balances()[ADA].floor == 0  # an account that is open stays as it is
    again = Ledger(ledger.database, ledger.community)
    with ledger.database.read() as connection:
        assert again.store.chart.number_of(connection, two) == len(rows)
