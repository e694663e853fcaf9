"""Statements from outside: taken together as they would be one by one, each answered for itself."""

import itertools
import random
import threading

import pytest

from ledger import log_store
from ledger.accounts import wallet
from ledger.errors import CommonwattError, InputError, RefusedError, SignatureError
from ledger.primitives.money import UNITS_PER_MAJOR
from ledger.primitives.signing import SigningKey
from ledger.statements import make_body, sign
from settlement.reception import NOT_ENOUGH, Taken, take
from tests.prepared import CHARTER, ms, reopen, seeded_key
from tests.streets import SITES

NAMES = [site.meter for site in SITES]
TENNER = 10 * UNITS_PER_MAJOR
LATER = ms(2026, 7, 9)


@pytest.fixture
def street(copy):
    return open_street(copy)


def open_street(copy):
    community = reopen(*copy())
    with community.reading():
        return community


def members_of(community):
    """Return member ids by the name of their key."""
    found = {}
    for meter, uses in community.state.meters.items():
        found.setdefault(meter, uses[-1][1].member)
    return {name: found[name] for name in NAMES if name in found}


def paid(community, payer, payee, units, number, seq, **more):
    """Return an envelope of a payment."""
    members = members_of(community)
    fields = {"to": members[payee], "amount": units, "reference": f"no. {number}", **more}
    body = make_body(
        "transfer",
        CHARTER.origin,
        members[payer],
        f"{number:032x}",
        seq,
        LATER,
        fields,
    )
    return sign(body, [seeded_key(payer)])


def balances(community):
    with community.reading() as connection:
        return community.writer.ledger.balances(connection)


def next_seq(community, name):
    with community.reading() as connection:
        key = seeded_key(name).key_id
        return log_store.last_seq(connection, community.writer.community, key) + 1


def told(answers):
    """Return what became of statements; those that come again are logged in another order."""
    return [
        (answer.statement.id, answer.repeated)
        if isinstance(answer, Taken)
        else (type(answer).__name__, str(answer))
        for answer in answers
    ]


@pytest.mark.parametrize("seed", range(4))
def test_together_is_as_one_by_one(copy, seed):
    together, alone = open_street(copy), open_street(copy)
    dice = random.Random(seed)
    names = list(members_of(together))[:4]
    seqs = {name: next_seq(together, name) for name in names}
    envelopes = []
    for number in range(1, 40):
        payer, payee = dice.sample(names, 2)
        units = dice.choice([1, TENNER, TENNER // 3, 3 * TENNER])
        envelopes.append(paid(together, payer, payee, units, number, seqs[payer]))
        kind = dice.randrange(12)
        if kind == 0:
            envelopes.append(envelopes[-1][:-20])
        elif kind < 3:
            envelopes.append(paid(together, payee, payer, 7, 900 + number, 1))  # used long ago
        seqs[payer] += 1
    got = take(together, envelopes)
    one_by_one = [answer for envelope in envelopes for answer in take(alone, [envelope])]
    assert {"Taken", "RefusedError", "ConflictError"} <= {type(answer).__name__ for answer in got}
    assert told(got) == told(one_by_one)
    assert balances(together) == balances(alone)


def test_each_gets_its_own_answer_and_the_others_are_taken(street):
    first, second, third = list(members_of(street))[:3]
    seq = next_seq(street, first)
    good = paid(street, first, second, 5, 1, seq)
    poor = paid(street, first, second, 1000 * TENNER, 2, seq + 1)
    chained = paid(street, second, third, 5, 3, next_seq(street, second))
    forged = paid(street, first, second, 5, 4, seq + 2).replace(
        seeded_key(first).key_id.encode(), seeded_key(second).key_id.encode()
    )
    answers = take(street, [good, poor, b"{}", chained, forged, good])
    assert isinstance(answers[0], Taken)
    assert isinstance(answers[1], RefusedError)
    assert str(answers[1]) == NOT_ENOUGH
    assert isinstance(answers[2], InputError)
    assert isinstance(answers[3], Taken)
    assert isinstance(answers[4], SignatureError)
    assert answers[5].entry == answers[0].entry
    again = take(street, [good])
    assert again[0].repeated
    assert again[0].entry == answers[0].entry


def test_of_two_that_claim_one_id_or_one_number_the_first_is_taken(street):
    first, second = list(members_of(street))[:2]
    seq = next_seq(street, first)
    envelopes = [
        paid(street, first, second, 5, 1, seq),
        paid(street, first, second, 6, 1, seq + 1),  # the id of the first
        paid(street, first, second, 7, 2, seq),  # the number of the first
        paid(street, first, second, 8, 3, seq + 2),
    ]
    answers = take(street, envelopes)
    assert [type(answer).__name__ for answer in answers] == [
        *("Taken", "ConflictError", "ConflictError", "Taken")
    ]
    assert [answer.field for answer in answers[1:3]] == ["id", "seq"]


def test_money_that_arrives_in_the_same_moment_can_be_passed_on(street):
    first, second, third = list(members_of(street))[:3]
    asset = street.state.rules_now.asset
    mine = wallet(members_of(street)[second], asset)
    most = balances(street)[mine].available
    envelopes = [
        paid(street, first, second, TENNER, 1, next_seq(street, first)),
        paid(street, second, third, most + TENNER, 2, next_seq(street, second)),
    ]
    assert all(isinstance(answer, Taken) for answer in take(street, envelopes))
    assert balances(street)[mine].available == 0


def test_kinds_of_this_program_are_not_taken_from_outside(street):
    body = make_body(
        "run",
        CHARTER.origin,
        "community",
        "00000000000080008000000000000000",
        1,
        LATER,
        {"day": "2026-06-30", "run": "SF", "known_at": 0, "after": "0" * 64},
    )
    [answer] = take(street, [sign(body, [seeded_key("settlement")])])
    assert isinstance(answer, InputError)
    assert "does not take a run" in str(answer)


def test_fifty_at_once_spend_what_there_is_once(copy):
    url_and_keys = copy()
    streets = [reopen(*url_and_keys) for _ in range(5)]
    for street in streets:
        with street.reading():
            pass
    first, second = list(members_of(streets[0]))[:2]
    asset = streets[0].state.rules_now.asset
    payer = wallet(members_of(streets[0])[first], asset)
    has, seq = balances(streets[0])[payer].available, next_seq(streets[0], first)
    each = has // 20 + 1
    envelopes = [paid(streets[0], first, second, each, n, seq + n) for n in range(1, 51)]
    answers = [None] * 50

    def send(street, places):
        for place in places:
            [answers[place]] = take(street, [envelopes[place]])

    threads = [
        threading.Thread(target=send, args=(street, range(number, 50, 5)))
        for number, street in enumerate(streets)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(isinstance(answer, Taken) for answer in answers) == 19
    assert {str(a) for a in answers if isinstance(a, CommonwattError)} == {NOT_ENOUGH}
    assert balances(streets[0])[payer].available == has - 19 * each


def test_a_voucher_that_is_refused_leaves_what_was_folded_as_it_is(street):
    """To fold all agreements anew takes long, under the lock; and a card without money costs nothing."""
    member = members_of(street)[NAMES[0]]
    period = street.writer.now_period()
    last_seq = itertools.count(next_seq(street, NAMES[0]))

    def voucher(number, **more):
        key = SigningKey.from_seed(number.to_bytes(32)).public.hex()
        fields = {"key": key, "amount": 5, "last": period + 9} | more
        head = CHARTER.origin, member, f"{number:032x}", next(last_seq), LATER
        return sign(make_body("voucher", *head, fields), [seeded_key(NAMES[0])])

    folded, keys = street.state, street.writer.key_book
    poor, late = {"amount": 1000 * TENNER}, {"last": period - 1}
    for number, wrong, words in ((91, poor, "not enough"), (92, late, "over before it began")):
        [answer] = take(street, [voucher(number, **wrong)])  # before any voucher was made
        assert isinstance(answer, RefusedError)
        assert words in str(answer)
    assert isinstance(take(street, [voucher(93)])[0], Taken)
    for number, wrong in ((94, poor), (95, late)):
        assert isinstance(take(street, [voucher(number, **wrong)])[0], RefusedError)
    assert (street.state is folded, street.writer.key_book is keys) == (True, True)
    assert list(street.state.vouchers.vouchers) == [f"{93:032x}"]
    assert isinstance(take(street, [voucher(96)])[0], Taken)
