"""The rules of tlog-witness, each status once, on a memory that forgets nothing and on SQLite."""

import base64

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from ledger.errors import LogError, SetupError
from ledger.log.cosignature import Cosigner, add_lines, cosign, open_cosigned
from ledger.log.note import SIGNATURES_MAX, NoteSignature
from ledger.log.witness import (
    ATTEMPTS_MAX,
    REQUEST_BYTES_MAX,
    SIZE_TYPE,
    AddCheckpoint,
    Seen,
    add_checkpoint,
)
from ledger.witness_store import SqliteWitnessStore
from tests.ledger.heads import LOG, NOW_S, ORIGIN, Log, witness_key

KEY = witness_key(1)
NAME = "w1.example/witness"
WITNESS = Cosigner(NAME, KEY.public)
TRUE, FALSE = Log(40), Log(40, changed_from=3)


class MemoryStore:
    """The store's contract in dictionaries."""

    def __init__(self):
        self.heads, self.forks = {}, {}

    def trusted(self, origin):
        return LOG if origin == LOG.name else None

    def seen(self, origin):
        return self.heads.get(origin)

    def fork(self, origin):
        return self.forks.get(origin)

    def advance(self, origin, old, new):
        if origin in self.forks or self.heads.get(origin) != old:
            return False
        self.heads[origin] = new
        return True

    def keep_fork(self, origin, fork, time_s):
        self.forks.setdefault(origin, fork)
        self.found_s = time_s


@pytest.fixture(params=["memory", "sqlite"])
def store(request, tmp_path):
    if request.param == "memory":
        return MemoryStore()
    store = SqliteWitnessStore.create(tmp_path / "witness.sqlite", NAME)
    store.add_log(LOG)
    return store


def ask(store, data, now_s=NOW_S):
    return add_checkpoint(data, store, NAME, KEY, lambda: now_s)


def status(store, data):
    return ask(store, data).status.value


def test_200_a_first_and_every_consistent_checkpoint_is_cosigned(store):
    size = 0
    for new_size in (0, 1, 1, 2, 7, 8, 8, 33):
        answer = ask(store, TRUE.request(size, new_size), NOW_S + new_size)
        assert (answer.status, answer.content_type) == (200, "text/plain; charset=utf-8")
        note = TRUE.note(new_size) + answer.body
        opened = open_cosigned(note, LOG, [WITNESS])
        assert [each.time_s for each in opened.cosignatures] == [NOW_S + new_size]
        assert store.seen(ORIGIN).size == new_size
        size = new_size


def test_400_what_is_malformed_or_goes_back(store):
    request = TRUE.request(0, 7)
    for wrong in (
        b"",
        request[:-1],
        request.replace(b"old 0", b"old 00"),
        request.replace(b"old 0", b"old -1"),
        request.replace(b"old 0", b"old 8"),  # above the checkpoint's size
        request.replace(b"old 0\n\n", b"old 0\n"),
        request.replace(b"\n7\n", b"\n7\nextension\n"),  # a line more: not cosigned here
        b"old 9007199254740992\n\n" + TRUE.note(7),
    ):
        assert status(store, wrong) == 400, wrong
    assert store.seen(ORIGIN) is None


def test_403_what_the_trusted_key_did_not_sign(store):
    stranger = Log(7, key=witness_key(9))
    assert status(store, stranger.request(0, 7)) == 403
    request = AddCheckpoint.decode(TRUE.request(0, 7))
    spoilt = NoteSignature(LOG.name, LOG.key_hash, bytes(64)).line().encode()
    assert status(store, AddCheckpoint(0, (), request.note + spoilt).encode()) == 403
    unknown = cosign(request.note, "other.example", witness_key(3), NOW_S)
    assert status(store, AddCheckpoint(0, (), add_lines(request.note, [unknown])).encode()) == 200


def test_404_an_unknown_log(store):
    assert status(store, Log(7, origin="other.example").request(0, 7)) == 404


def test_409_another_size_than_the_last_with_the_size(store):
    assert ask(store, TRUE.request(3, 7)).body == b"0\n"
    assert status(store, TRUE.request(0, 7)) == 200
    for old_size in (0, 6, 8):
        answer = ask(store, TRUE.request(old_size, 20))
        assert (answer.status, answer.body, answer.content_type) == (409, b"7\n", SIZE_TYPE)
    assert ask(store, TRUE.request(5, 5)).body == b"7\n"  # an older checkpoint
    assert SIZE_TYPE == "text/x.tlog.size"


def test_422_a_proof_that_does_not_hold(store):
    empty = AddCheckpoint(0, (bytes(32),), TRUE.note(7)).encode()
    assert status(store, empty) == 422  # from nothing the proof is empty
    assert status(store, TRUE.request(0, 7)) == 200
    for proof in ((), TRUE.proof(7, 20)[1:], TRUE.proof(6, 20), FALSE.proof(7, 20)):
        assert status(store, AddCheckpoint(7, proof, TRUE.note(20)).encode()) == 422
    assert status(store, FALSE.request(7, 20)) == 422
    assert status(store, AddCheckpoint(7, (bytes(32),), TRUE.note(7)).encode()) == 422
    assert store.seen(ORIGIN).size == 7
    assert store.fork(ORIGIN) is None  # a bad proof proves nothing against the log


@pytest.mark.parametrize(("old_size", "found"), [(0, 409), (7, 422), (8, 400)])
def test_a_second_root_of_one_size_is_refused_kept_and_from_then_on_403(store, old_size, found):
    assert status(store, TRUE.request(0, 7)) == 200
    assert status(store, AddCheckpoint(old_size, (), FALSE.note(7)).encode()) == found
    fork = store.fork(ORIGIN)
    assert fork.check(LOG).size == 7
    assert {fork.first, fork.second} == {TRUE.note(7), FALSE.note(7)}
    for request in (TRUE.request(7, 7), TRUE.request(7, 9), FALSE.request(0, 7)):
        answer = ask(store, request)
        assert answer.status == 403
        assert b"two histories" in answer.body
    assert store.fork(ORIGIN) == fork
    assert store.seen(ORIGIN).size == 7


def test_strangers_lines_are_not_kept(store):
    line = cosign(TRUE.note(7), "stranger.example", witness_key(3), NOW_S)
    note = add_lines(TRUE.note(7), [line] * (SIGNATURES_MAX - 1))
    assert status(store, AddCheckpoint(0, (), note).encode()) == 200
    own = cosign(TRUE.note(7), NAME, KEY, NOW_S)
    assert store.seen(ORIGIN).note == add_lines(TRUE.note(7), [own])


def test_times_never_go_back_and_a_clock_far_behind_stops_the_witness(store):
    ask(store, TRUE.request(0, 7), NOW_S)
    answer = ask(store, TRUE.request(7, 8), NOW_S - 3)
    opened = open_cosigned(TRUE.note(8) + answer.body, LOG, [WITNESS])
    assert opened.cosignatures[0].time_s == NOW_S
    with pytest.raises(SetupError, match="clock"):
        ask(store, TRUE.request(8, 9), NOW_S - 60)
    assert store.seen(ORIGIN).size == 8


def test_the_state_is_kept_before_the_cosignature_and_a_lost_answer_is_asked_for_again(store):
    class Killed(store.__class__):
        def advance(self, *arguments):
            super().advance(*arguments)
            raise KeyboardInterrupt

    killed = Killed.__new__(Killed)
    killed.__dict__ = store.__dict__
    with pytest.raises(KeyboardInterrupt):
        ask(killed, TRUE.request(0, 7))
    assert store.seen(ORIGIN).size == 7  # written and never answered
    assert ask(store, TRUE.request(0, 7)).body == b"7\n"
    assert status(store, TRUE.request(7, 7)) == 200
    assert status(store, FALSE.request(7, 7)) == 422


def test_a_write_that_failed_is_not_cosigned(store):
    class Broken(store.__class__):
        def advance(self, *_arguments):
            raise SetupError("the disk is full")

    broken = Broken.__new__(Broken)
    broken.__dict__ = store.__dict__
    with pytest.raises(SetupError):
        ask(broken, TRUE.request(0, 7))
    assert store.seen(ORIGIN) is None


class Racing(MemoryStore):
    """Another request moves the head between our look and our write."""

    def __init__(self, others):
        super().__init__()
        self.others = others

    def advance(self, origin, old, new):
        if self.others:
            self.others.pop(0)(self)
        return super().advance(origin, old, new)


def put(log, size):
    root = log.checkpoint(size).root

    def act(store):
        store.heads[ORIGIN] = Seen(size, root, log.note(size), NOW_S)

    return act


def test_a_lost_race_is_decided_anew():
    ahead = Racing([put(TRUE, 9)])
    assert ask(ahead, TRUE.request(0, 7)).body == b"9\n"
    forked = Racing([put(FALSE, 7)])
    assert status(forked, TRUE.request(0, 7)) == 409
    assert forked.fork(ORIGIN).check(LOG).size == 7
    fork = Racing([lambda store: store.keep_fork(ORIGIN, "evidence", NOW_S)])
    assert status(fork, TRUE.request(0, 7)) == 403
    same = [lambda store, n=n: put(TRUE, 0)(store) or _older(store, n) for n in range(ATTEMPTS_MAX)]
    assert status(Racing(same), TRUE.request(0, 7)) == 503


def _older(store, number):
    seen = store.heads[ORIGIN]
    store.heads[ORIGIN] = Seen(seen.size, seen.root, seen.note, NOW_S - 5 + number % 2)


REQUEST = TRUE.request(7, 20)


@given(
    st.binary(max_size=300)
    | st.tuples(
        st.integers(0, len(REQUEST)), st.integers(0, len(REQUEST)), st.binary(max_size=9)
    ).map(lambda cut: REQUEST[: cut[0]] + cut[2] + REQUEST[cut[1] :])
)
@example(b"old 0\n\n\xff")
@example(b"old 0\n\xff\n\n")
@example(b"old 0\n\n\n")
def test_any_bytes_are_read_exactly_or_refused_and_answered(data):
    try:
        request = AddCheckpoint.decode(data)
    except LogError:
        assert status(MemoryStore(), data) == 400
        return
    assert request.encode() == data
    assert status(MemoryStore(), data) in (200, 400, 403, 404, 409, 422)


def test_limits_of_a_request():
    line = base64.b64encode(bytes(32)) + b"\n"
    note = TRUE.note(7)
    assert len(AddCheckpoint.decode(b"old 1\n" + line * 63 + b"\n" + note).proof) == 63
    for wrong in (
        b"old 1\n" + line * 64 + b"\n" + note,
        b"old 1\n" + line[:-2] + b"\n\n" + note,
        b"old 1\n" + base64.b64encode(bytes(31)) + b"\n\n" + note,
        b"old 1\n\n" + b"x" * REQUEST_BYTES_MAX,
    ):
        with pytest.raises(LogError):
            AddCheckpoint.decode(wrong)


class TwoHistories(RuleBasedStateMachine):
    """Whatever is asked: what was cosigned is one history, and a fork ends it."""

    def __init__(self):
        super().__init__()
        self.store = MemoryStore()
        self.cosigned = []

    @rule(
        log=st.sampled_from([TRUE, FALSE]),
        proof_of=st.sampled_from([TRUE, FALSE]),
        old_size=st.integers(0, 12) | st.none(),
        size=st.integers(0, 12),
    )
    def ask(self, log, proof_of, old_size, size):
        if old_size is None:
            seen = self.store.seen(ORIGIN)
            old_size = seen.size if seen else 0
        proof = proof_of.proof(old_size, size) if old_size <= size else ()
        answer = ask(self.store, AddCheckpoint(old_size, proof, log.note(size)).encode())
        if answer.status == 200:
            self.cosigned.append((log, size))

    @invariant()
    def cosigned_is_one_history(self):
        for (log, size), (next_log, next_size) in zip(
            self.cosigned, self.cosigned[1:], strict=False
        ):
            assert size <= next_size
            assert next_log.hashes[:size] == log.hashes[:size]


TestTwoHistories = TwoHistories.TestCase
TestTwoHistories.settings = settings(max_examples=40, stateful_step_count=20, deadline=None)
