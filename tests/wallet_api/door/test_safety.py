"""What a found phone puts up ends with its key, and the owner's other addresses hear of it at once."""

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from ledger.keys import KeyBook
from ledger.primitives.money import UNITS_PER_MAJOR
from ledger.primitives.signing import SigningKey
from settlement import deeds
from tests.prepared import reopen
from tests.wallet_api.door.authenticators import ORIGIN, Authenticator, new_passkey
from tests.wallet_api.door.phones import NAMES, Phone, phones_of, slug
from tests.wallet_api.door.told import (
    MAIL,
    NUMBER,
    Clock,
    code_in,
    confirmed,
    listening_program,
    put,
    sender_of,
    shop_of,
    show_code,
    told,
)
from wallet_api.door import contact_store
from wallet_api.door.contact_store import Given, Occasion, Way
from wallet_api.door.gathering import HOUR_MAX
from wallet_api.door.notices import ADDED, NOT_YOU
from wallet_api.door.passkeys import site_of
from wallet_api.door.safety import ADDED_A_DAY, ENDED, counts_no_more
from wallet_api.door.sender import Outcome
from wallet_api.door.web_push import base64_of, point_of

ADA, BEN = NAMES[:2]
LOAF = 3 * UNITS_PER_MAJOR
HIS = "+447700900666"
BROWSER = ec.generate_private_key(ec.SECP256R1())


@pytest.fixture
def phones(client):
    found = phones_of(client)
    for name in (ADA, BEN, "operator-1"):
        found[name].sign_in()
    return found


@pytest.fixture
def clock(client):
    return Clock(client.app.state.desk)


@pytest.fixture
def outbox(tmp_path):
    return tmp_path / "outbox"


@pytest.fixture
def sender(client, phones, clock, outbox):
    return sender_of(client, clock, outbox, push_contact="mailto:us@our.example")


@pytest.fixture
def program():
    with listening_program() as server:
        yield server


def changed(phone, kept, *new):
    """Change an account's keys, signed by one of them."""
    fields = {
        "by": "keys",
        "keys": [each.public.hex() for each in (*kept, *new)],
        "threshold": 1,
        "reason": "a phone",
    }
    assert phone.say("key_change", fields, keys=new).status_code == 201


def second_of(phone):
    """Give an account another phone, signed in."""
    other = Phone(phone.client, phone.account, SigningKey.generate())
    changed(phone, [phone.key], other.key)
    other.sign_in()
    return other


def subscribe(phone, url):
    keys = {"p256dh": base64_of(point_of(BROWSER)), "auth": base64_of(bytes(16))}
    body = {"endpoint": url, "keys": keys, "events": ["payment"]}
    return phone.client.put("/v1/push", json=body, headers=phone.headers)


def hook(phone, url):
    return phone.post("/v1/webhooks", json={"url": url, "events": ["payment", "keys"]})


def test_every_other_address_hears_of_a_new_one_and_nobody_can_choose_not_to(
    phones, sender, outbox, client
):
    client.app.state.desk.site = site_of(ORIGIN)
    ada = phones[ADA]
    confirmed(sender, outbox, ada, "email", MAIL, [])
    sender.run_once()
    assert told(outbox) == []
    contact = put(ada, address=HIS).json()["id"]
    sender.run_once()
    [(to, words)] = told(outbox)
    assert to == HIS  # a code alone: as long as it is not shown, the address counts for nothing
    assert show_code(ada, contact, words[:6]).status_code == 204
    sender.run_once()
    assert told(outbox) == [(MAIL, f"{ADDED['sms']} {NOT_YOU}")]
    options = ada.post("/v1/passkeys/register/challenge").json()["options"]
    body = new_passkey(ada, Authenticator().create(options), options)
    assert ada.post("/v1/passkeys", json=body).status_code == 201
    assert subscribe(ada, "http://127.0.0.1:1/x").status_code == 204
    assert subscribe(ada, "http://127.0.0.1:1/x").status_code == 204  # the same browser again
    sender.run_once()
    said = [f"{ADDED[what]} {NOT_YOU}" for what in ("passkey", "push")]
    assert sorted(told(outbox)) == sorted((to, each) for each in said for to in (HIS, MAIL))


def test_a_shops_addresses_hear_of_a_program_and_of_so_many_things_a_day_alone(
    phones, sender, outbox, client, program
):
    shop = shop_of(client, phones)
    confirmed(sender, outbox, shop)
    for _ in range(ADDED_A_DAY):
        webhook = hook(shop, program.url).json()["id"]
        assert shop.delete(f"/v1/webhooks/{webhook}").status_code == 204
    assert slug(hook(shop, program.url)) == "busy"
    sender.run_once()
    assert told(outbox) == [(NUMBER, f"{ADDED['webhook']} {NOT_YOU}")] * ADDED_A_DAY


def test_what_a_found_phone_put_up_ends_with_its_key(phones, sender, outbox, program):
    ada = phones[ADA]
    confirmed(sender, outbox, ada, "email", MAIL, ["payment"])
    found = second_of(ada)
    confirmed(sender, outbox, found, address=HIS, events=["payment"])
    assert put(found, address="+447700900667").status_code == 200
    assert subscribe(found, program.url).status_code == 204
    sender.run_once()
    told(outbox)
    program.got.clear()

    changed(ada, [ada.key])
    phones[BEN].pay(ada, LOAF)  # the same look at the log: the payment is the owner's alone already
    sender.run_once()
    said = sorted((to, words.partition(".")[0]) for to, words in told(outbox))
    assert said == [
        (HIS, "The keys of your account changed"),
        (HIS, "This address was given by a device that does not count any more"),
        (MAIL, "The keys of your account changed"),
        (MAIL, "You received £3"),
    ]
    assert len(program.got) == 1  # that it is told no more
    listed = {each["address"]: each for each in ada.get("/v1/contacts").json()["items"]}
    assert set(listed) == {MAIL, HIS}
    assert "confirmed_at" not in listed[HIS]
    assert listed[HIS]["last_problem"] == contact_store.LAPSED

    phones[BEN].pay(ada, LOAF)
    sender.run_once()
    assert told(outbox) == [(MAIL, "You received £3.00.")]
    assert len(program.got) == 1


def test_an_owners_address_whose_phone_was_lost_is_confirmed_anew(phones, sender, outbox):
    old = phones[ADA]
    confirmed(sender, outbox, old, "email", MAIL, ["payment"])
    new = second_of(old)
    changed(new, [new.key])
    sender.run_once()
    assert [to for to, _ in told(outbox)] == [MAIL] * 3  # keys, keys, and that it must be confirmed
    contact = put(new, "email", MAIL, ["payment"]).json()["id"]
    sender.run_once()
    assert show_code(new, contact, code_in(outbox)).status_code == 204
    [mine] = new.get("/v1/contacts").json()["items"]
    assert "last_problem" not in mine
    phones[BEN].pay(new, LOAF)
    sender.run_once()
    assert told(outbox) == [(MAIL, "You received £3.00.")]


def test_a_change_that_waits_ends_nothing_before_its_time():
    book = KeyBook("x")
    mine = [Given("0c" * 16, "0f" * 16, Way.SMS, "ab" * 32, 7)]
    assert counts_no_more(mine, book, 0) == mine
    unconfirmed = [Given("0c" * 16, "0f" * 16, Way.SMS, None, None)]
    assert counts_no_more(unconfirmed, book, 0) == []
    assert counts_no_more([mine[0]._replace(key_id=None)], book, 0)  # from before this was kept


def test_what_waits_to_be_sent_again_is_dropped_but_for_what_protects(phones, sender, outbox):
    ada = phones[ADA]
    found = second_of(ada)
    confirmed(sender, outbox, found, address=HIS, events=["payment"])
    sender.run_once()
    told(outbox)
    outbox.rename(outbox.with_name("away"))
    outbox.write_text("a file where the folder was")
    phones[BEN].pay(ada, LOAF)
    assert [each.outcome for each in sender.run_once()] == [Outcome.AGAIN]
    changed(ada, [ada.key])
    sender.run_once()
    outbox.unlink()
    sender._now_ms = lambda: ada.client.app.state.desk.now_ms() + 10_000
    sent = {each.message.occasion for each in sender.run_once()}
    assert sent == {Occasion.KEYS, Occasion.LAPSED}


def test_a_program_ends_with_the_key_that_added_it_and_people_hear_of_it(
    phones, sender, outbox, client, program
):
    shop = shop_of(client, phones)
    confirmed(sender, outbox, shop)
    other = second_of(shop)
    assert hook(other, program.url).status_code == 201
    sender.run_once()
    told(outbox)
    program.got.clear()
    changed(shop, [shop.key])
    phones[BEN].pay(shop, LOAF)
    sender.run_once()
    assert program.got == []
    [listed] = shop.get("/v1/webhooks").json()["items"]
    assert (listed["last_problem"], bool(listed["disabled_at"])) == (ENDED, True)
    assert (NUMBER, f"{ADDED['ended']} {NOT_YOU}") in told(outbox)


def test_an_operators_program_ends_when_the_operator_leaves(phones, sender, program, copied):
    assert hook(phones["operator-1"], program.url).status_code == 201
    settling = reopen(*copied)
    roster = deeds.roster_now(settling)
    leaves = phones["operator-1"].key.public.hex()
    new = SigningKey.generate()
    roster["keys"] = [
        each | ({"key": new.public.hex()} if each["key"] == leaves else {})
        for each in roster["keys"]
    ]
    deeds.new_roster(settling, roster, [new])
    settling.writer.database.close()
    sender.run_once()
    assert program.got == []
    with phones[ADA].client.app.state.desk.here.reading() as (community, connection):
        number = community.writer.community
        [left] = contact_store.of_account(connection, number, "community", [Way.WEBHOOK])
    assert left.reason == ENDED
    assert left.disabled_ms


def test_many_changes_of_keys_do_not_hide_the_last(phones, sender, outbox, clock):
    ada = phones[ADA]
    confirmed(sender, outbox, ada)
    thief = second_of(ada)
    for _ in range(HOUR_MAX + 2):
        changed(thief, [thief.key, ada.key], SigningKey.generate())
    changed(thief, [thief.key])
    sender.run_once()
    told(outbox)
    clock.pass_s(3_600)
    sender.run_once()
    assert [words for _, words in told(outbox)] == [
        "4 more changes of keys. Your wallet shows them."
    ]


def test_an_address_that_is_confirmed_anew_within_the_hour_misses_nothing(
    phones, sender, outbox, clock
):
    ada, ben = phones[ADA], phones[BEN]
    other = second_of(ada)
    contact = confirmed(sender, outbox, other)
    for _ in range(HOUR_MAX + 5):
        ben.pay(ada, 1)
    sender.run_once()
    changed(ada, [ada.key])
    sender.run_once()
    told(outbox)
    put(ada)
    sender.run_once()
    assert show_code(ada, contact, code_in(outbox)).status_code == 204
    for _ in range(4):
        ben.pay(ada, 1)
    sender.run_once()
    assert told(outbox) == []
    clock.pass_s(3_600)
    sender.run_once()
    assert [words for _, words in told(outbox)] == ["4 more payments. Your wallet shows them."]
