"""The life of a household's keys over the interface: in by a letter, a second phone, all phones lost, a thief.

Every rung is a signed statement that somebody's device makes; nobody asks the server for a favour.
"""

import base64
import json

import pytest

from ledger.key_life import recovery_commitment
from ledger.kinds import COMMUNITY
from ledger.primitives.periods import SECONDS
from ledger.primitives.signing import Envelope, SigningKey
from ledger.recovery import INVITATION, key_of_code, new_code
from settlement import deeds
from settlement.enrol import pay
from tests.prepared import reopen
from tests.wallet_api.door.phones import NAMES, Phone, phones_of, served, slug

ADA, BEN, CY = NAMES[:3]
THREE_DAYS, ONE_DAY = 144, 48


class Street:
    """A served street, and another process of it whose clock moves."""

    def __init__(self, client, other):
        self.client, self.other, self.phones = client, other, phones_of(client)

    def later(self, half_hours):
        """Let time pass: something is logged then, by somebody else."""
        with self.other.reading() as connection:
            now_ms = self.other.writer.logged_ms(connection)
        self.other.writer.clock.set_ms(now_ms + half_hours * SECONDS * 1000)
        pay(self.other, self.phones[BEN].account, self.phones[CY].account, 1, "time passes")

    def new_phone(self, account):
        return Phone(self.client, account, SigningKey.generate())


@pytest.fixture
def street(copy):
    url, keys = copy()
    other = reopen(url, keys)
    helpers = [SigningKey.generate(), SigningKey.generate()]
    roster = deeds.roster_now(other)
    roster["keys"] += [{"key": each.public.hex(), "role": "helper"} for each in helpers]
    deeds.new_roster(other, roster)
    with served(url, keys) as client:
        found = Street(client, other)
        found.helpers = [Phone(client, COMMUNITY, each) for each in helpers]
        yield found
    other.writer.database.close()


def change(by, keys, **more):
    return {
        "by": by,
        "keys": [key.public.hex() for key in keys],
        "threshold": 1,
        "reason": "A phone was lost.",
        **more,
    }


def is_in(phone):
    return phone.sign_in().status_code == 200


def by_helpers(street, account, new):
    """Two helpers in two places ask for new keys, and the new phone shows that it holds its own."""
    first, second = street.helpers
    assert is_in(first)
    assert is_in(second)
    envelope = first.signed("key_change", change("helpers", [new.key]), account=account)
    asked = first.post("/v1/proposals", content=envelope)
    assert asked.status_code == 201, asked.text
    for phone in (second, new):
        told = street.client.get(f"/v1/proposals/{asked.json()['id']}").json()
        body = base64.b64decode(told["payload"])
        signed = Envelope.seal(told["payload_type"], body, [phone.key]).encode()
        told = street.client.post(f"/v1/proposals/{told['id']}/signatures", content=signed)
        assert told.status_code == 200, told.text
    return told.json()


def test_a_household_joins_by_a_letter_while_nobody_is_awake(street):
    words = " ".join(new_code(bytes(range(16))))
    letter = key_of_code(words, INVITATION)
    first, second = (street.phones[name] for name in ("operator-1", "operator-2"))
    fields = {"key": letter.public.hex(), "class": "household", "floor_units": 0}
    fields |= {"last": 4_000_000}
    said = first.signed("invitation", fields, keys=[second.key])
    assert first.hand_in(said).status_code == 201
    invitation = Envelope.decode(said).body
    new = street.new_phone("0e" * 16)
    opening = {"class": "household", "keys": [new.key.public.hex()], "threshold": 1}
    opening |= {"floor_units": 0, "invitation": json.loads(invitation)["id"]}
    assert slug(new.say("account_open", opening)) == "not-signed"  # without the words
    typed = key_of_code(words.upper(), INVITATION)
    assert new.say("account_open", opening, keys=[typed]).status_code == 201
    assert is_in(new)
    home = new.get("/v1/home").json()
    assert (home["available_units"], home["last"]) == (0, [])
    again = street.new_phone("0d" * 16)
    opening["keys"] = [again.key.public.hex()]
    assert slug(again.say("account_open", opening, keys=[typed])) == "not-signed"
    assert street.phones[ADA].pay(new, 5).status_code == 201


def test_a_second_phone_comes_and_the_first_goes(street):
    old = street.phones[ADA]
    new = street.new_phone(old.account)
    assert not is_in(new)
    both = change("keys", [old.key, new.key])
    assert old.say("key_change", both, keys=[new.key]).status_code == 201
    assert is_in(old)
    assert is_in(new)
    assert new.say("key_change", change("keys", [new.key])).status_code == 201
    assert slug(old.get("/v1/home")) == "not-signed-in"  # its session ended with its key
    assert not is_in(old)
    assert slug(old.pay(street.phones[BEN], 5)) == "not-signed"
    assert new.pay(street.phones[BEN], 5).status_code == 201
    assert slug(old.say("key_change", change("keys", [old.key]))) == "not-signed"


def test_a_paper_code_brings_the_account_back_after_three_days(street):
    old, ben = street.phones[ADA], street.phones[BEN]
    words = " ".join(new_code(bytes(range(1, 17))))
    code = key_of_code(words)
    drawer = change("keys", [old.key], recovery=recovery_commitment(code.public))
    assert old.say("key_change", drawer).status_code == 201
    street.later(THREE_DAYS)
    new = street.new_phone(old.account)
    fields = change("code", [new.key], code_key=code.public.hex())
    assert slug(new.say("key_change", fields)) == "not-signed"  # without the drawer's words
    drawer = Phone(street.client, old.account, code)
    taken = drawer.say("key_change", fields, keys=[new.key])
    assert taken.status_code == 201, taken.text
    assert not is_in(new)
    assert is_in(old)  # and is told
    assert old.get("/v1/home").json()["waiting"]
    waits = old.get("/v1/account").json()["keys"]["waiting"]
    assert not waits["objected"]
    street.later(THREE_DAYS - 1)
    assert not is_in(new)
    street.later(2)
    assert is_in(new)
    assert not is_in(old)
    assert new.pay(ben, 5).status_code == 201
    # A code is good once.
    last = street.new_phone(old.account)
    again = change("code", [last.key], code_key=code.public.hex())
    assert slug(drawer.say("key_change", again, keys=[last.key])) == "not-signed"


def test_two_helpers_bring_it_back_and_the_owner_may_object(street):
    old = street.phones[ADA]
    thief = street.new_phone(old.account)
    made = by_helpers(street, old.account, thief)
    assert made["log_entry"]
    objection = {"change": made["id"], "reason": "I asked nobody."}
    assert old.say("key_objection", objection).status_code == 201
    street.later(THREE_DAYS + 1)
    assert not is_in(thief)
    assert is_in(old)
    # Now operators decide, and their word waits a day.
    first, second = (street.phones[name] for name in ("operator-1", "operator-2"))
    fresh = street.new_phone(old.account)
    fields = change("operators", [fresh.key], decides=made["id"])
    said = first.signed("key_change", fields, account=old.account, keys=[second.key, fresh.key])
    assert first.hand_in(said).status_code == 201
    assert not is_in(fresh)
    street.later(ONE_DAY + 1)
    assert is_in(fresh)
    assert not is_in(old)


def test_helpers_bring_it_back_where_nobody_objects(street):
    old = street.phones[ADA]
    new = street.new_phone(old.account)
    by_helpers(street, old.account, new)
    street.later(THREE_DAYS + 1)
    assert is_in(new)
    assert not is_in(old)


def test_a_stolen_phone_is_stopped_by_one_word(street):
    """A helper freezes what was stolen; it pays nothing, and two operators open it again."""
    stolen, ben = street.phones[ADA], street.phones[BEN]
    assert is_in(stolen)
    helper, (first, second) = (
        street.helpers[0],
        (street.phones["operator-1"], street.phones["operator-2"]),
    )
    stop = {"frozen": True, "reason": "She rang: it was stolen."}
    assert helper.say("freeze", stop, account=stolen.account).status_code == 201
    assert slug(stolen.get("/v1/home")) == "not-signed-in"
    assert slug(stolen.pay(ben, 5)) == "not-signed"
    go_on = {"frozen": False, "reason": "It was found."}
    alone = first.say("freeze", go_on, account=stolen.account)
    assert slug(alone) == "not-signed"
    both = first.signed("freeze", go_on, account=stolen.account, keys=[second.key])
    assert first.hand_in(both).status_code == 201
    assert stolen.pay(ben, 5).status_code == 201
