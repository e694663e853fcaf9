"""However many tiny payments somebody makes, a neighbour's telephone rings a few times, and nothing is untold."""

import json
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.primitives.signing import SigningKey
from tests.wallet_api.door.phones import NAMES, phones_of
from tests.wallet_api.door.told import Clock, confirmed, sender_of, told
from wallet_api.door.contact_store import Occasion, Way
from wallet_api.door.gathering import DAY_MAX, DAY_MS, HOUR_MAX, HOUR_MS, Sent, sorted_out
from wallet_api.door.outgoing_store import Outgoing
from wallet_api.door.web_push import PADDED_BYTES

ADA, BEN = NAMES[:2]
NOON = 20_000 * DAY_MS + 12 * HOUR_MS


@pytest.fixture
def phones(client):
    found = phones_of(client)
    for name in (ADA, BEN):
        found[name].sign_in()
    return found


@pytest.fixture
def clock(client):
    made = Clock(client.app.state.desk)
    made.now = made.now // HOUR_MS * HOUR_MS + 60_000
    return made


@pytest.fixture
def outbox(tmp_path):
    return tmp_path / "outbox"


@pytest.fixture
def sender(client, phones, clock, outbox):
    return sender_of(client, clock, outbox)


def test_many_tiny_payments_are_a_few_messages_and_one_more(phones, sender, outbox, clock):
    ada, ben = phones[ADA], phones[BEN]
    confirmed(sender, outbox, ada)
    for _ in range(HOUR_MAX + 3):
        ben.pay(ada, 1)
    sender.run_once()
    assert len(told(outbox)) == HOUR_MAX
    for _ in range(4):
        ben.pay(ada, 1)
        sender.run_once()
    assert told(outbox) == []
    clock.pass_s(3_600)
    sender.run_once()
    assert [words for _, words in told(outbox)] == ["7 more payments. Your wallet shows them."]
    ada.sign_in()
    ben.pay(ada, 1)
    sender.run_once()
    assert len(told(outbox)) == 1  # a new hour
    assert sender.run_once() == []


def test_payments_bury_no_change_of_keys(phones, sender, outbox):
    ada, ben = phones[ADA], phones[BEN]
    confirmed(sender, outbox, ada)
    for _ in range(HOUR_MAX + 1):
        ben.pay(ada, 1)
    key = SigningKey.generate()
    keys = [ada.key.public.hex(), key.public.hex()]
    fields = {"by": "keys", "keys": keys, "threshold": 1, "reason": "a thief's"}
    assert ada.say("key_change", fields, keys=[key]).status_code == 201
    sender.run_once()
    assert sum("keys of your account" in words for _, words in told(outbox)) == 1


messages = st.builds(
    lambda number, occasion, way, contact: Outgoing(
        f"{number:032x}", contact, str(number), "0f" * 16, way, occasion, b"{}"
    ),
    st.integers(0, 10**6),
    st.sampled_from([Occasion.PAYMENT, Occasion.ASK, Occasion.KEYS, Occasion.CODE]),
    st.sampled_from([Way.SMS, Way.PUSH, Way.WEBHOOK]),
    st.sampled_from(["a", "b"]),
)


@given(st.lists(messages, max_size=120), st.integers(0, 40), st.integers(0, 40))
def test_nothing_is_untold_and_no_group_is_over_its_cap(made, in_hour, before):
    sent = {
        each.recipient: Sent(
            Counter({Occasion.PAYMENT: in_hour}), Counter({Occasion.PAYMENT: in_hour + before})
        )
        for each in made
    }
    alone, windows = sorted_out(made, sent, "Street", NOON)
    assert len(alone) + sum(sum(each.counts.values()) for each in windows) == len(made)
    capped = [each for each in alone if each.way is not Way.WEBHOOK]
    for contact in ("a", "b"):
        news = [e for e in capped if e.recipient == contact and e.occasion in ("payment", "ask")]
        assert len(news) <= max(0, min(HOUR_MAX - in_hour, DAY_MAX - in_hour - before))
        keys = [e for e in capped if e.recipient == contact and e.occasion is Occasion.KEYS]
        assert len(keys) <= HOUR_MAX
    assert {each for each in made if each.occasion is Occasion.CODE} <= set(alone)
    for window in windows:
        assert window.due_ms in (NOON + HOUR_MS, NOON + 12 * HOUR_MS)
        told_now = json.loads(window.message.body)
        assert told_now["more"] == dict(window.counts)
        if window.message.way is Way.PUSH:
            assert len(window.message.body) <= PADDED_BYTES


def test_a_days_cap_is_told_at_its_end():
    one = Outgoing("0" * 32, "a", "1", "0f" * 16, Way.SMS, Occasion.PAYMENT, b"{}")
    full = {"a": Sent(Counter(), Counter({Occasion.PAYMENT: DAY_MAX}))}
    alone, [window] = sorted_out([one, one], full, "Street", NOON)
    assert (alone, window.due_ms, window.counts) == ([], NOON + 12 * HOUR_MS, {"payment": 2})
    said = json.loads(window.message.body)
    assert said["text"] == "2 more payments. Your wallet shows them."
