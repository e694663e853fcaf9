"""The door for signed batches: once, whatever comes twice, late, out of order, or by two at once."""

import random
from dataclasses import replace

import pytest

from ledger.errors import CommonwattError, ConflictError, RefusedError, SignatureError
from ledger.log.note import Verifier
from ledger.primitives.signing import Envelope
from ledger.statements import Statement, sign
from meters.batches import BatchContent
from meters.delivery_receipt import open_receipt
from meters.readings import NO_PLACE
from meters.wire import WireBatch
from settlement.delivery import HELD_MAX, Logged, Waiting, deliver, receipt_of
from tests.prepared import reopen, seeded_key
from tests.settlement.batches import METER, OWN, SLOT, bind, made


@pytest.fixture
def street(copy):
    community = reopen(*copy())
    bind(community)
    yield community
    community.writer.database.close()


def in_real_time(street):
    """Take the rule away by which a community replays the past, whose clock no device goes by."""
    period, rules = street.state.rules_history[-1]
    street.state.rules_history[-1] = (period, replace(rules, replay=False))


def last_over(street):
    return street.writer.now_period() - 1


def days(street, count, values=4):
    """Return consecutive runs, the last of which is just over."""
    first = last_over(street) - count * values + 1
    return [(first + n * values, [100 * n + i for i in range(values)]) for n in range(count)]


def stored(street):
    with street.reading() as connection:
        found = street.readings.known(connection, range(4_000_000), meters=[METER])
        held = street.held.counts(connection)
        alerts = [(alert.kind, alert.text) for alert in street.held.alerts(connection)]
    return found, held, alerts


def mine(street, runs):
    """Return what the store has of the half-hours of some runs."""
    found, _, _ = stored(street)
    return {
        period: found[(*SLOT, period)].wh
        for first, wh in runs
        for period in range(first, first + len(wh))
        if (*SLOT, period) in found
    }


def wanted(runs):
    return {first + i: wh for first, values in runs for i, wh in enumerate(values)}


def test_a_batch_is_logged_and_its_receipt_is_the_logs(street, tmp_path):
    runs = days(street, 1)
    [batch] = made(street, tmp_path / "q", runs)
    [answer] = deliver(street, [batch])
    assert isinstance(answer, Logged)
    with street.reading() as connection:
        verifier = street.log_verifier(connection)
    receipt = open_receipt(receipt_of(street, answer).encode(), verifier)
    assert (receipt.entry, receipt.tx_id) == (answer.entry, Statement.decode(batch.envelope).tx_id)
    assert mine(street, runs) == wanted(runs)
    # The same again: the same answer and receipt, and nothing is written.
    before = stored(street)
    [again] = deliver(street, [batch])
    assert receipt_of(street, again) == receipt_of(street, answer)
    assert stored(street) == before
    with pytest.raises(CommonwattError):
        open_receipt(receipt_of(street, answer).encode(), Verifier(verifier.name, OWN.public))


@pytest.mark.parametrize("seed", range(12))
def test_whatever_the_order_and_however_often_the_store_is_the_same(street, tmp_path, seed):
    """Six batches shuffled, repeated and cut into deliveries."""
    runs = days(street, 6)
    batches = made(street, tmp_path / "q", runs)
    dice = random.Random(seed)
    sent = [batch for batch in batches for _ in range(dice.randint(1, 3))]
    dice.shuffle(sent)
    while sent:
        count = dice.randint(1, 4)
        answers = deliver(street, sent[:count])
        assert all(isinstance(answer, Logged | Waiting) for answer in answers)
        sent = sent[count:]
    _, held, _ = stored(street)
    assert mine(street, runs) == wanted(runs)
    assert held == {}
    entries = [answer.entry for answer in deliver(street, batches)]
    assert entries == sorted(entries)


def test_what_waits_is_said_and_logged_once_the_missing_one_comes(street, tmp_path):
    runs = days(street, 3)
    first, second, third = made(street, tmp_path / "q", runs)
    [late] = deliver(street, [third])
    assert late == Waiting(Statement.decode(third.envelope).tx_id, late.received_at_ms, 1)
    _, held, alerts = stored(street)
    assert list(held.values()) == [(3, 1)]
    assert [kind for kind, _ in alerts] == ["gap"]
    assert "waits for batch 1" in alerts[0][1]
    assert mine(street, runs) == {}
    [one] = deliver(street, [first])
    assert isinstance(one, Logged)
    [two] = deliver(street, [second])
    assert mine(street, runs) == wanted(runs)
    [now] = deliver(street, [third])
    assert now.entry > two.entry
    assert now.received_at_ms == late.received_at_ms


def test_a_twin_is_refused_and_alerts_whoever_held_it(street, tmp_path):
    [batch] = made(street, tmp_path / "q", days(street, 1))
    [twin] = made(street, tmp_path / "other", [(days(street, 1)[0][0], [9, 9, 9, 9])])
    deliver(street, [batch])
    before = stored(street)
    [answer] = deliver(street, [twin])
    assert isinstance(answer, ConflictError)
    found, _, alerts = stored(street)
    assert found == before[0]
    assert [kind for kind, _ in alerts] == ["twin"]
    deliver(street, [twin])
    assert stored(street)[2] == alerts
    # The same with one that only waits.
    _, _, third = made(street, tmp_path / "third", days(street, 3))
    _, _, other = made(
        street, tmp_path / "fourth", [*days(street, 2), (last_over(street) - 1, [1, 2])]
    )
    assert isinstance(deliver(street, [third])[0], Waiting)
    assert isinstance(deliver(street, [other])[0], ConflictError)


def test_a_stranger_makes_no_twin_no_alert_and_holds_nothing(street, tmp_path):
    [batch] = made(street, tmp_path / "q", days(street, 1))
    deliver(street, [batch])
    body = dict(Statement.decode(batch.envelope).body)
    content = BatchContent(body["first"], (9, 9, 9, 9), "AAAA", bytes(32))
    body |= {"root": content.root().hex()}
    forged = sign(body, [seeded_key("stranger")])
    named = Envelope.decode(forged)
    # Even one that claims the key's name.
    claimed = Envelope(
        named.payload_type, named.body, ((OWN.key_id, named.signatures[0][1]),)
    ).encode()
    before = stored(street)
    for envelope in (forged, claimed):
        [answer] = deliver(street, [WireBatch(envelope, content.encode(), NO_PLACE)])
        assert isinstance(answer, SignatureError | RefusedError | CommonwattError)
        assert not isinstance(answer, ConflictError)
    _, _, third = made(street, tmp_path / "third", days(street, 3), seeded_key("stranger"))
    assert isinstance(deliver(street, [third])[0], SignatureError)
    assert stored(street) == before


def test_one_bad_batch_of_a_delivery_spoils_no_other(street, tmp_path):
    runs = days(street, 3)
    batches = made(street, tmp_path / "q", runs)
    spoilt = batches[1]._replace(readings=batches[1].readings.replace(b"100", b"101", 1))
    answers = deliver(street, [batches[0], spoilt, batches[2], WireBatch(b"{}", b"{}", NO_PLACE)])
    assert isinstance(answers[0], Logged)
    assert "not those that were signed" in str(answers[1])
    assert isinstance(answers[2], Waiting)
    assert isinstance(answers[3], CommonwattError)
    [answer] = deliver(street, [batches[1]])
    assert isinstance(answer, Logged)
    assert mine(street, runs) == wanted(runs)


def test_a_clock_that_is_off_and_half_hours_that_are_not_over(street, tmp_path, monkeypatch):
    monkeypatch.setattr("meters.outbox.LATE_MS", 20 * 60_000)
    now_ms = street.writer.clock.now_ms()
    [skewed] = made(street, tmp_path / "a", days(street, 1), now_ms=now_ms + 16 * 60_000)
    in_real_time(street)
    [answer] = deliver(street, [skewed])
    assert "clock is 959 s ahead" in str(answer)
    # Marked as backfill it may be as old as it likes.
    old = [(last_over(street) - 1_000, [5, 6])]
    [late] = made(street, tmp_path / "b", old, now_ms=now_ms)
    assert Statement.decode(late.envelope).body["backfill"]
    assert isinstance(deliver(street, [late])[0], Logged)
    ahead = [(last_over(street) + 3, [5])]
    [future] = made(street, tmp_path / "c", ahead, seeded_key("x"), now_ms=now_ms + 10**7)
    assert isinstance(deliver(street, [future])[0], CommonwattError)
    # What was signed in time and waited in a queue is late, not wrong.
    [waited] = made(street, tmp_path / "d", days(street, 1), seeded_key("slow"), now_ms=now_ms)
    bind(street, seeded_key("slow"))
    street.writer.clock.set_ms(now_ms + 86_400_000)
    assert isinstance(deliver(street, [waited])[0], Logged)


def test_a_known_batch_with_other_readings_is_not_received(street, tmp_path):
    [batch] = made(street, tmp_path / "q", days(street, 1))
    assert isinstance(deliver(street, [batch])[0], Logged)
    spoilt = batch._replace(readings=batch.readings.replace(b"1", b"2", 1))
    assert "not those that were signed" in str(deliver(street, [spoilt])[0])
    assert isinstance(deliver(street, [batch])[0], Logged)


def test_only_so_much_is_held(street, tmp_path):
    batches = made(street, tmp_path / "q", days(street, HELD_MAX + 2, 1))
    answers = deliver(street, batches[1:])
    assert sum(isinstance(answer, Waiting) for answer in answers) == HELD_MAX
    assert "send that one first" in str(answers[-1])
    deliver(street, batches[:1])
    assert isinstance(deliver(street, batches[-1:])[0], Logged)


def test_a_meters_own_key_signs_no_estimates_of_ours(street, tmp_path):
    [batch] = made(street, tmp_path / "q", days(street, 1))
    statement = Statement.decode(batch.envelope)
    content = BatchContent(statement.body["first"], (1, 2, 3, 4), "AALL", bytes(32))
    body = dict(statement.body) | {"root": content.root().hex()}
    made_up = WireBatch(sign(body, [OWN]), content.encode(), NO_PLACE)
    assert "actual and estimated readings only" in str(deliver(street, [made_up])[0])


def test_what_is_held_and_does_not_follow_after_all_is_dropped_and_told(street, tmp_path):
    runs = days(street, 3)
    first, _, _ = made(street, tmp_path / "q", runs)
    _, _, other = made(street, tmp_path / "r", [(runs[0][0], [7]), *runs[1:]])
    second = made(street, tmp_path / "s", [(runs[0][0], [7]), *runs[1:]])[1]
    assert isinstance(deliver(street, [second])[0], Waiting)
    assert isinstance(deliver(street, [first])[0], Logged)
    _, held, alerts = stored(street)
    assert held == {}
    assert alerts[0][0] == "refused"
    assert "does not follow" in alerts[0][1]
    assert other != second
