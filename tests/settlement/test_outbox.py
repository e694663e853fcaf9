"""An adapter's queue: nothing lost, nothing twice, whatever the network and the power do."""

import json
import sqlite3
from array import array
from dataclasses import replace

import pytest

from ledger.errors import InputError, PeerError, RefusedError
from ledger.peer import Reply
from ledger.primitives.energy import WH_MAX
from meters.adapter import Adapter
from meters.outbox import LIFETIME_MS, Outbox
from meters.pages import Run
from meters.readings import Channel
from meters.wire import decode_request
from settlement.delivery import deliver
from tests.prepared import reopen, seeded_key
from tests.settlement.batches import METER, OWN, SLOT, adapter, bind, outbox
from wallet_api.readings_door import _answered
from wallet_api.readings_http import results


@pytest.fixture
def street(copy):
    community = reopen(*copy())
    bind(community)
    yield community
    community.writer.database.close()


class Wire:
    """A server and a network that loses what it is told to lose."""

    def __init__(self, street):
        self.street, self.sent = street, []
        self.lose_requests = self.lose_answers = self.busy = 0

    def post(self, _url, body):
        if self.lose_requests:
            self.lose_requests -= 1
            raise PeerError("no route")
        if self.busy:
            self.busy -= 1
            return Reply(429, "application/problem+json", b"{}")
        self.sent.append(body)
        answers = [_answered(self.street, a) for a in deliver(self.street, decode_request(body))]
        [result] = results(answers)["results"]
        if self.lose_answers:
            self.lose_answers -= 1
            raise PeerError("it did not answer in time")
        taken = "receipt" in result
        content = {"results": [result]} if taken else result
        return Reply(result["status"], "application/json", json.dumps(content).encode())


def run_of(street, count=3, wh=(1, 2, 3), back=0):
    first = street.writer.now_period() - count - back
    return Run(first, array("i", wh), "A" * count)


def add(street, box, run):
    return box.add(SLOT, run, street.writer.clock.now_ms())


def stored(street, run):
    with street.reading() as connection:
        known = street.readings.known(connection, run.periods, meters=[METER])
    return [known[(*SLOT, period)].wh for period in run.periods if (*SLOT, period) in known]


def test_what_is_queued_is_delivered_and_its_receipt_kept(street, tmp_path):
    box, wire, run = outbox(street, tmp_path / "q"), Wire(street), run_of(street)
    assert add(street, box, run) == 1
    sent = box.send(wire.post)
    assert (sent.delivered, sent.waiting, sent.problem) == (1, 0, None)
    assert stored(street, run) == [1, 2, 3]
    [(tx_id, receipt)] = box.receipts()
    assert receipt.tx_id == tx_id
    assert receipt.entry is not None
    # The same readings again, even after a restart, are queued no more.
    box.close()
    box = outbox(street, tmp_path / "q")
    assert add(street, box, run) == 0
    corrected = run._replace(wh=array("i", [1, 9, 3]))
    assert add(street, box, corrected) == 1
    assert box.send(wire.post).delivered == 1
    assert stored(street, run) == [1, 9, 3]
    assert len(wire.sent) == 2
    box.close()


@pytest.mark.parametrize("fault", ["lose_requests", "lose_answers", "busy"])
def test_a_bad_network_only_costs_time(street, tmp_path, fault):
    box, wire = outbox(street, tmp_path / "q"), Wire(street)
    runs = [run_of(street, back=3 * n) for n in (2, 1, 0)]
    for run in runs:
        add(street, box, run)
    setattr(wire, fault, 2)
    pauses = []
    sent = box.send(wire.post, pauses.append, attempts=5)
    assert (sent.delivered, sent.problem) == (3, None)
    assert pauses == [2.0, 4.0]
    for run in runs:
        assert stored(street, run) == [1, 2, 3]
    entries = [receipt.entry for _, receipt in box.receipts()]
    assert entries == sorted(entries)
    box.close()


def test_without_a_network_the_queue_waits_and_says_why(street, tmp_path):
    box, wire = outbox(street, tmp_path / "q"), Wire(street)
    add(street, box, run_of(street))
    wire.lose_requests = 10
    sent = box.send(wire.post, attempts=1)
    assert (sent.delivered, sent.waiting, sent.problem) == (0, 1, "no route")
    box.close()
    box = outbox(street, tmp_path / "q")
    wire.lose_requests = 0
    assert box.send(wire.post).delivered == 1
    box.close()


def test_a_power_cut_at_any_statement_queues_all_or_nothing(street, tmp_path):
    """The queue's file as it stands after each statement of an `add`, opened anew."""
    run = run_of(street)
    statements = 0
    for cut in range(40):
        path = tmp_path / f"q{cut}"
        box = outbox(street, path)
        real, box._database = box._database, _Cut(box._database, cut)
        try:
            add(street, box, run)
            done = True
        except PowerCutError:
            done = False
        statements = max(statements, box._database.count)
        real.close()
        box = outbox(street, path)
        waiting = box.waiting()
        assert waiting in ((1,) if done else (0, 1))
        # Whatever was queued, the readings are there once in the end.
        assert add(street, box, run) == 1 - waiting
        assert box.waiting() == 1
        box.close()
        if done:
            break
    assert done
    assert statements > 5


class PowerCutError(Exception):
    pass


class _Cut:
    """A database that is gone after some statements, without a rollback."""

    def __init__(self, database, cut):
        self._database, self._left, self.count = database, cut, 0

    def execute(self, *arguments):
        self._step()
        return self._database.execute(*arguments)

    def executemany(self, *arguments):
        self._step()
        return self._database.executemany(*arguments)

    def _step(self):
        self.count += 1
        if self.count > self._left:
            raise PowerCutError


def test_what_is_refused_stays_and_stops_the_queue(street, tmp_path):
    bind(street, revoked=True)
    box, wire = outbox(street, tmp_path / "q"), Wire(street)
    add(street, box, run_of(street))
    sent = box.send(wire.post, attempts=3)
    assert sent.waiting == 1
    assert "refused (403)" in sent.problem
    assert len(wire.sent) == 1
    bind(street)
    assert box.send(wire.post).delivered == 1
    box.close()


@pytest.mark.parametrize(
    "reply",
    [
        Reply(200, "application/json", b"{}"),
        Reply(200, "text/html", b"<html>"),
        Reply(200, "application/json", b'{"results": [{"receipt": "commonwatt delivery v1"}]}'),
        Reply(500, "application/json", b"[" * 5_000),
        Reply(302, "", b""),
    ],
)
def test_an_answer_that_is_none_is_no_receipt(street, tmp_path, reply):
    box = outbox(street, tmp_path / "q")
    add(street, box, run_of(street))
    sent = box.send(lambda _url, _body: reply)
    assert (sent.delivered, sent.waiting) == (0, 1)
    assert sent.problem
    box.close()


def test_a_receipt_of_another_batch_or_log_is_none(street, tmp_path):
    box, wire = outbox(street, tmp_path / "q"), Wire(street)
    add(street, box, run_of(street, back=3))
    kept = []
    box.send(lambda url, body: kept.append(wire.post(url, body)) or kept[0])
    add(street, box, run_of(street))
    sent = box.send(lambda _url, _body: kept[0])
    assert sent.problem == "its receipt is of another batch"
    box.close()
    told = adapter(street)
    stranger = Adapter(told.origin, OWN.public, told.member, METER, told.channels, told.url)
    other = Outbox(tmp_path / "r", stranger, OWN)
    add(street, other, run_of(street))
    assert "no known key" in other.send(lambda _url, _body: kept[0]).problem
    other.close()


def test_only_its_own_meter_and_what_is_over_is_queued(street, tmp_path):
    box = outbox(street, tmp_path / "q")
    now_ms = street.writer.clock.now_ms()
    with pytest.raises(RefusedError, match="not for meter"):
        box.add(("m-ada", Channel.IMPORT), run_of(street), now_ms)
    with pytest.raises(RefusedError, match="not for meter"):
        box.add((METER, Channel.EXPORT), run_of(street), now_ms)
    with pytest.raises(RefusedError, match="not over"):
        box.add(SLOT, run_of(street, back=-1), now_ms)
    assert box.waiting() == 0
    box.close()


def test_an_adapters_file_is_read_back_and_nonsense_is_refused(street):
    told = adapter(street)
    assert Adapter.from_json(told.encode()) == told
    for data in (b"", b"[]", b"{}", told.encode().replace(b"import", b"sideways")):
        with pytest.raises(InputError):
            Adapter.from_json(data)


def test_the_queue_is_a_file_of_full_durability(street, tmp_path):
    box = outbox(street, tmp_path / "q")
    assert box._database.execute("PRAGMA synchronous").fetchone() == (2,)
    assert isinstance(box._database, sqlite3.Connection)
    box.close()


def test_another_key_signs_again_what_waits(street, tmp_path):
    box, wire = outbox(street, tmp_path / "q"), Wire(street)
    runs = [run_of(street, back=3 * n) for n in (2, 1, 0)]
    for run in runs[:2]:
        add(street, box, run)
    assert box.send(wire.post, attempts=1).delivered == 2
    add(street, box, runs[2])
    box.close()
    bind(street, revoked=True)
    new = seeded_key("ben's second gateway")
    bind(street, new)
    box = outbox(street, tmp_path / "q", new)
    assert box.send(wire.post).delivered == 1
    box.close()
    assert [stored(street, run) for run in runs] == [[1, 2, 3]] * 3


def in_real_time(street):
    """Have the community live now, and not replay the past."""
    period, rules = street.state.rules_history[-1]
    street.state.rules_history[-1] = (period, replace(rules, replay=False))


def test_what_a_clock_that_was_ahead_signed_is_signed_again_with_what_follows(
    street, tmp_path, monkeypatch
):
    now_ms = street.writer.clock.now_ms()
    monkeypatch.setattr("meters.outbox._now_ms", lambda: now_ms)
    # Else what was signed by a clock that is a day ahead is backfill, of any date.
    monkeypatch.setattr("meters.outbox.LATE_MS", 2 * 86_400_000)
    in_real_time(street)
    box, wire = outbox(street, tmp_path / "q"), Wire(street)
    runs = [run_of(street, back=3 * n) for n in (2, 1, 0)]
    for run, signed_ms in zip(runs, (now_ms, now_ms + 86_400_000, now_ms), strict=True):
        box.add(SLOT, run, signed_ms)
    sent = box.send(wire.post)
    assert (sent.delivered, sent.problem) == (3, None)
    assert len(wire.sent) == 4
    box.close()
    assert [stored(street, run) for run in runs] == [[1, 2, 3]] * 3


def test_while_the_clock_is_still_ahead_nothing_is_signed_again(street, tmp_path, monkeypatch):
    now_ms = street.writer.clock.now_ms()
    monkeypatch.setattr("meters.outbox._now_ms", lambda: now_ms + 86_400_000)
    monkeypatch.setattr("meters.outbox.LATE_MS", 2 * 86_400_000)
    in_real_time(street)
    box, wire = outbox(street, tmp_path / "q"), Wire(street)
    box.add(SLOT, run_of(street), now_ms + 86_400_000)
    sent = box.send(wire.post)
    assert "clock is" in sent.problem
    assert (sent.waiting, len(wire.sent)) == (1, 1)
    box.close()


def test_a_clock_that_lost_its_time_signs_nothing_again_that_was_taken(
    street, tmp_path, monkeypatch
):
    """A power cut on a board without a battery: the answer is lost, and it is 1970."""
    box, wire = outbox(street, tmp_path / "q"), Wire(street)
    runs = [run_of(street, back=3 * n) for n in (1, 0)]
    for run in runs:
        add(street, box, run)
    wire.lose_answers = 1
    assert box.send(wire.post).delivered == 0
    before = [batch.envelope for batch in box.waiting_batches()]
    box.close()
    monkeypatch.setattr("meters.outbox._now_ms", lambda: 60_000)
    box = outbox(street, tmp_path / "q")
    assert [batch.envelope for batch in box.waiting_batches()] == before
    assert box.send(wire.post).delivered == 2
    box.close()
    assert [stored(street, run) for run in runs] == [[1, 2, 3]] * 2


def test_what_waited_too_long_is_signed_again(street, tmp_path, monkeypatch):
    now_ms = street.writer.clock.now_ms()
    box, wire = outbox(street, tmp_path / "q"), Wire(street)
    runs = [run_of(street, back=3 * n) for n in (1, 0)]
    for run in runs:
        box.add(SLOT, run, now_ms)
    street.writer.clock.set_ms(now_ms + LIFETIME_MS + 86_400_000)
    monkeypatch.setattr("meters.outbox._now_ms", street.writer.clock.now_ms)
    assert box.send(wire.post).delivered == 2
    box.close()
    assert [stored(street, run) for run in runs] == [[1, 2, 3]] * 2


@pytest.mark.parametrize(
    ("wh", "quality"), [((1, -2, 3), "AAA"), ((1, WH_MAX + 1, 3), "AAA"), ((1, 2, 3), "AAL")]
)
def test_what_no_reading_has_is_not_queued(street, tmp_path, wh, quality):
    box = outbox(street, tmp_path / "q")
    with pytest.raises(InputError):
        add(street, box, run_of(street, wh=wh)._replace(quality=quality))
    assert box.waiting() == 0
    box.close()


@pytest.mark.parametrize("wh", [16_777_215, 40_000])
def test_a_value_that_cannot_be_one_is_set_aside_and_stops_nothing(street, tmp_path, wh):
    """The batch with an error code is given up; what followed it is signed again and delivered."""
    box, wire = outbox(street, tmp_path / "q"), Wire(street)
    runs = [run_of(street, back=3 * n) for n in (3, 2, 1, 0)]
    runs[1] = runs[1]._replace(wh=array("i", [1, wh, 3]))
    for run in runs:
        add(street, box, run)
    sent = box.send(wire.post)
    assert (sent.delivered, sent.waiting, sent.problem) == (5, 0, None)
    assert len(sent.set_aside) == 1
    assert "Leave these half-hours out" in sent.set_aside[0]
    assert [stored(street, run) for run in runs] == [[1, 2, 3], [1, 3], [1, 2, 3], [1, 2, 3]]
    # The same again is passed over; a right value goes on in the chain.
    assert add(street, box, runs[1]) == 0
    add(street, box, runs[1]._replace(wh=array("i", [1, 2, 3])))
    assert box.send(wire.post).delivered == 1
    assert stored(street, runs[1]) == [1, 2, 3]
    box.close()
