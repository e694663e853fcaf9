"""E-mails and text messages: confirmed addresses, each thing told once, whoever sends and whatever stops."""

import threading
from email import message_from_bytes
from email.policy import default

import pytest

from ledger.db import Database
from ledger.primitives.money import UNITS_PER_MAJOR
from ledger.primitives.signing import SigningKey
from settlement.run import settle_day
from tests.engines import fresh_url
from tests.fresh import upgrade
from tests.prepared import DAY, reopen
from tests.wallet_api.door.phones import NAMES, phones_of, slug
from tests.wallet_api.door.told import (
    MAIL,
    NUMBER,
    Clock,
    channels_in,
    code_in,
    confirmed,
    put,
    sender_of,
    show_code,
    told,
)
from wallet_api.cli.context import Settings, open_here
from wallet_api.door import contact_store, gathering, messengers, outgoing_store
from wallet_api.door.contact_routes import CODES_A_DAY
from wallet_api.door.contact_store import CODE_TRIES, Contact, Occasion, Way
from wallet_api.door.happenings import Happening, What
from wallet_api.door.here import Here
from wallet_api.door.notices import messages, occasions_of, text_of
from wallet_api.door.outgoing_store import LEASE_MS, WAITS_S, Outgoing, wait_ms
from wallet_api.door.sender import Outcome, Sender

ADA, BEN = NAMES[:2]
ZONE = "Europe/London"
LOAF = 3 * UNITS_PER_MAJOR
ENGINES = ["sqlite", pytest.param("postgresql", marks=pytest.mark.postgresql)]


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
    return sender_of(client, clock, outbox)


def test_nothing_is_sent_to_an_address_before_its_code_came_back(phones, sender, outbox):
    ada, ben = phones[ADA], phones[BEN]
    contact = put(ada).json()
    assert "confirmed_at" not in contact
    sender.run_once()
    code = code_in(outbox)
    ben.pay(ada, LOAF)
    sender.run_once()
    assert told(outbox) == []
    assert slug(show_code(ben, contact["id"], code)) == "not-found"
    assert show_code(ada, contact["id"], code).status_code == 204
    ben.pay(ada, LOAF)
    sender.run_once()
    assert told(outbox) == [(NUMBER, "You received £3.00.")]
    [mine] = ada.get("/v1/contacts").json()["items"]
    assert (mine["address"], mine["events"]) == (NUMBER, ["payment", "ask"])
    assert mine["confirmed_at"]
    assert ben.get("/v1/contacts").json()["items"] == []


def test_a_code_is_guessed_a_few_times_and_no_more(phones, sender, outbox, clock):
    contact = put(phones[ADA]).json()["id"]
    sender.run_once()
    code = code_in(outbox)
    wrong = f"{(int(code) + 1) % 10**6:06d}"
    for left in range(CODE_TRIES - 1, 0, -1):
        assert f"{left} of 5 tries" in show_code(phones[ADA], contact, wrong).json()["detail"]
    for guess in (wrong, code):
        assert "no more" in show_code(phones[ADA], contact, guess).json()["detail"]
    for _ in range(CODES_A_DAY - 1):
        assert put(phones[ADA]).status_code == 200
    assert slug(put(phones[ADA])) == "busy"
    assert slug(put(phones[ADA], address="+447700900124")) == "busy"
    sender.run_once()
    codes = [words[:6] for _, words in told(outbox)]
    assert len(codes) == CODES_A_DAY - 1
    clock.pass_s(11 * 60)
    assert all("no more" in show_code(phones[ADA], contact, c).json()["detail"] for c in codes)
    assert len(phones[ADA].get("/v1/contacts").json()["items"]) == 1


@pytest.mark.parametrize(
    ("kind", "address"),
    [
        ("sms", "07700900123"),
        ("sms", MAIL),
        ("sms", "+44 7700"),
        ("email", "ada"),
        ("email", "ada@street.example\nBcc: all@street.example"),
        ("email", "ada@street.example,ben@street.example"),
        ("email", "=?utf-8?q??=@street.example"),
        ("email", "=?utf-8?q?ben=40street.example=2C?=@street.example"),
        ("email", ".ada@street.example"),
        ("email", "a" * 65 + "@street.example"),
        ("fax", NUMBER),
    ],
)
def test_what_is_no_address_is_refused(phones, kind, address):
    assert slug(put(phones[ADA], kind, address)) in ("malformed", "invalid-input")
    assert slug(put(phones[ADA], events=["everything"])) == "malformed"


def test_everybody_is_told_what_they_chose_in_a_form_that_programs_open(
    phones, sender, outbox, copied
):
    ada, ben = phones[ADA], phones[BEN]
    confirmed(sender, outbox, ada, "email", MAIL, ["day"])
    confirmed(sender, outbox, ben, events=["payment"])
    settling = reopen(*copied)
    settle_day(settling, DAY)
    settling.writer.database.close()
    ben.pay(ada, 1)
    ada.pay(ben, LOAF, reference="a secret")
    sender.run_once()
    [file] = outbox.glob("*.eml")
    mail = message_from_bytes(file.read_bytes(), policy=default)
    assert (mail["From"], mail["To"]) == ("us@our-street.example", MAIL)
    assert mail["Subject"] == "Ladywood Street Power"
    assert mail["Message-ID"] == f"<{file.stem}@our-street.example>"
    found = sorted(told(outbox))
    assert found == [
        (NUMBER, "You received £3.00."),
        (MAIL, "Tuesday 30 June is worked out. Your wallet shows it."),
    ]


def test_a_change_of_keys_is_told_to_every_address_whatever_was_chosen(phones, sender, outbox):
    ada = phones[ADA]
    confirmed(sender, outbox, ada, events=[])
    contact = confirmed(sender, outbox, ada, "email", MAIL, [])
    key = SigningKey.generate()
    fields = {
        "by": "keys",
        "keys": [ada.key.public.hex(), key.public.hex()],
        "threshold": 1,
        "reason": "a thief's",
    }
    assert ada.say("key_change", fields, keys=[key]).status_code == 201
    sender.run_once()
    assert {to for to, words in told(outbox) if "keys of your account" in words} == {NUMBER, MAIL}
    # Whoever has a stolen phone removes the addresses: they are told of that.
    gone = ada.delete(f"/v1/contacts/{contact}")
    assert gone.status_code == 204
    assert len(ada.get("/v1/contacts").json()["items"]) == 1
    assert slug(ada.delete(f"/v1/contacts/{contact}")) == "not-found"
    sender.run_once()
    [(to, words)] = told(outbox)
    assert (to, words[:27]) == (MAIL, "This address was removed: n")
    with ada.client.app.state.desk.here.reading() as (community, connection):
        assert contact_store.find(connection, community.writer.community, contact) is None


def test_a_waiting_change_says_from_when_it_counts():
    waits = {"change": "key_change", "waits": True, "by": "code", "counts_from": 990_000}
    assert "they count from Sunday 21 June, 01:00." in text_of(Occasion.KEYS, waits, ZONE)
    month = Happening(1, "a", What.PRICES, {"day": "2026-06-30", "is_final": True})
    assert [each for each, _ in occasions_of(month)] == [Occasion.DAY, Occasion.MONTH]
    assert "June 2026" in text_of(Occasion.MONTH, month.told, "UTC")
    own = Happening(1, "a", What.ASK, {"is_mine": True, "standing": "paid"})
    phone = contact_store.Reached("c", Way.SMS, frozenset(Occasion))
    assert messages([own], {"a": [phone]}, "n", "UTC", 0) == []


def test_erasing_a_person_forgets_their_addresses_and_messages(phones, sender, outbox, clock):
    confirmed(sender, outbox, phones[ADA])
    phones[BEN].pay(phones[ADA], LOAF)
    sender.queue_new()
    with phones[ADA].client.app.state.desk.here.writing() as (community, connection):
        number = community.writer.community
        contact_store.remove_all(connection, number, phones[ADA].account)
        outgoing_store.drop_all(connection, number, phones[ADA].account)
    sender.run_once()
    assert told(outbox) == []
    assert phones[ADA].get("/v1/contacts").json()["items"] == []
    with phones[ADA].client.app.state.desk.here.reading() as (_, connection):
        for table in ("contact", "outgoing"):
            assert connection.exec_driver_sql(f"SELECT count(*) FROM {table}").scalar() == 0  # noqa: S608


def test_nobody_is_told_of_the_past(client, phones, clock, outbox, sender):
    for each in (phones[ADA], phones[BEN]):
        confirmed(sender, outbox, each)
    with client.app.state.desk.here.writing() as (_, connection):
        connection.exec_driver_sql("DELETE FROM notified")
    phones[BEN].pay(phones[ADA], LOAF)
    again = Sender(client.app.state.desk.here, channels_in(outbox), lambda: clock.now)
    again.run_once()
    assert told(outbox) == []
    phones[BEN].pay(phones[ADA], 2 * LOAF)
    again.run_once()
    assert told(outbox) == [(NUMBER, "You received £6.00.")]


class KilledError(BaseException):
    """The process is gone."""


@pytest.mark.parametrize("where", ["advance", "add"])
def test_a_process_that_is_killed_while_it_queues_loses_nothing_and_doubles_nothing(
    phones, sender, outbox, monkeypatch, where
):
    confirmed(sender, outbox, phones[ADA])
    phones[BEN].pay(phones[ADA], LOAF)
    whole = getattr(outgoing_store, where)

    def killed(*arguments):
        whole(*arguments)
        raise KilledError

    monkeypatch.setattr(outgoing_store, where, killed)
    with pytest.raises(KilledError):
        sender.queue_new()
    monkeypatch.undo()
    sender.run_once()
    sender.run_once()
    assert told(outbox) == [(NUMBER, "You received £3.00.")]


def test_a_process_that_is_killed_after_it_sent_sends_the_same_again_after_its_claim(
    phones, sender, outbox, monkeypatch, clock
):
    confirmed(sender, outbox, phones[ADA])
    phones[BEN].pay(phones[ADA], LOAF)
    sender.queue_new()

    def killed(*_arguments):
        raise KilledError

    monkeypatch.setattr(Sender, "_report", killed)
    with pytest.raises(KilledError):
        sender.send_due()
    monkeypatch.undo()
    [first] = [path.name for path in outbox.iterdir()]
    assert sender.run_once() == []
    clock.pass_s(LEASE_MS / 1000 + 1)
    [again] = sender.run_once()
    assert (again.outcome, f"{again.message.id}.json") == (Outcome.SENT, first)
    assert len(list(outbox.iterdir())) == 1


def test_two_processes_queue_and_send_once(
    phones, client, sender, outbox, clock, copied, monkeypatch
):
    monkeypatch.setattr(gathering, "HOUR_MAX", 1_000)
    monkeypatch.setattr(gathering, "DAY_MAX", 1_000)
    confirmed(sender, outbox, phones[ADA])
    other = Here(lambda: open_here(Settings(*copied)))
    senders = [sender, Sender(other, channels_in(outbox), lambda: clock.now)]
    for units in range(1, 31):
        phones[BEN].pay(phones[ADA], units)
    sent, gate = [], threading.Barrier(2)

    def work(each):
        gate.wait()
        sent.append(each.run_once())

    threads = [threading.Thread(target=work, args=(each,)) for each in senders]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    other.close()
    ids = [attempt.message.id for attempts in sent for attempt in attempts]
    assert len(ids) == len(set(ids)) == 30
    assert len(told(outbox)) == 30


@pytest.mark.parametrize("engine", ENGINES)
def test_what_is_claimed_is_nobody_elses_until_the_claim_ends(engine, tmp_path):
    with fresh_url(engine, tmp_path) as url:
        database = Database(url)
        upgrade(database)
        made = [
            Outgoing(f"{n:032x}", "c", str(n), "a" * 32, Way.SMS, Occasion.PAYMENT, b"words")
            for n in range(3)
        ]
        with database.write() as connection:
            outgoing_store.begin(connection, 1, 5)
            assert outgoing_store.advance(connection, 1, 5, 9)
            assert not outgoing_store.advance(connection, 1, 5, 9)
            outgoing_store.add(connection, 1, made, 100)
            outgoing_store.add(connection, 1, made, 100)
        with database.write() as first:
            mine = outgoing_store.claim(first, 1, "first", 100, 2)
            if engine == "postgresql":  # SQLite has one writer: nobody is beside it
                with database.write() as second:
                    other = outgoing_store.claim(second, 1, "second", 100, 9)
                assert [each.mark for each in other] == ["2"]
        assert [each.mark for each in mine] == ["0", "1"]
        with database.write() as connection:
            outgoing_store.done(connection, 1, "second", made[0].id, "sent")
            outgoing_store.later(connection, 1, "first", made[1].id, 500, "not now")
            left = outgoing_store.claim(connection, 1, "third", 100 + LEASE_MS + 500, 9)
            assert {each.mark: each.attempts for each in left} == {"0": 0, "1": 1, "2": 0}
            outgoing_store.done(connection, 1, "third", made[0].id, "sent")
            assert outgoing_store.waiting(connection, 1) == 2
            codes = contact_store.Contact("0c" * 16, "b" * 32, Way.SMS, NUMBER, (), 7)
            contact_store.add(connection, 1, codes, lambda _purpose, length: bytes(length))
            contact_store.set_code(connection, 1, codes.id, b"mark", 50, "ab")
            assert contact_store.try_code(connection, 1, codes.id, b"other", 40, "cd") == 4
            assert contact_store.try_code(connection, 1, codes.id, b"mark", 51, "cd") == 0
            assert contact_store.try_code(connection, 1, codes.id, b"mark", 50, "cd") is None
            [found] = contact_store.of_account(connection, 1, "b" * 32, [Way.SMS])
            assert isinstance(found, Contact)
            assert (found.confirmed_ms, found.address, found.key_id) == (50, NUMBER, "cd")
        database.close()


def test_waits_come_to_about_a_day_and_those_who_failed_together_come_back_apart():
    assert 24 <= sum(WAITS_S) / 3600 <= 30
    assert [wait_ms(1, dice) for dice in (0, 1)] == [4_000, 6_000]
    assert wait_ms(len(WAITS_S) + 1, 0.5) is None


def test_a_messenger_that_fails_is_asked_again_and_its_reason_is_shown(
    phones, sender, outbox, clock, caplog
):
    confirmed(sender, outbox, phones[ADA])
    phones[BEN].pay(phones[ADA], LOAF)
    outbox.rename(outbox.with_name("away"))
    outbox.write_text("a file where the folder was")
    [failed] = sender.run_once()
    assert failed.outcome is Outcome.AGAIN
    [line] = [each for each in caplog.records if each.name == "wallet_api.door.sender"]
    assert line.getMessage() == "sender: not sent by sms: 1"
    [mine] = phones[ADA].get("/v1/contacts").json()["items"]
    assert mine["last_problem"]
    assert sender.run_once() == []
    outbox.unlink()
    clock.pass_s(6)
    [again] = sender.run_once()
    assert (again.outcome, again.message.id) == (Outcome.SENT, failed.message.id)
    phones[ADA].sign_in()
    assert "last_problem" not in phones[ADA].get("/v1/contacts").json()["items"][0]


def test_one_message_that_cannot_be_made_keeps_no_other_back(phones, sender, outbox, monkeypatch):
    ada, ben = phones[ADA], phones[BEN]
    put(ada, "email", MAIL)
    put(ben)

    def fails(*_given):
        raise IndexError("of a library")

    monkeypatch.setattr(messengers, "mail", fails)
    outcomes = {attempt.message.way: attempt.outcome for attempt in sender.run_once()}
    assert outcomes == {Way.EMAIL: Outcome.AGAIN, Way.SMS: Outcome.SENT}
    assert [to for to, _ in told(outbox)] == [NUMBER]
