"""What happens, told as it happens: by whichever process it was written, to whom it concerns alone."""

import asyncio

import pytest

from ledger.primitives.money import UNITS_PER_MAJOR
from ledger.primitives.signing import SigningKey
from settlement.run import settle_day
from tests.prepared import DAY, reopen
from tests.wallet_api.door.phones import NAMES, Phone, ask_of, phones_of
from tests.wallet_api.door.streams import read_events
from wallet_api.door import live as live_module
from wallet_api.door.errors import BusyError
from wallet_api.door.event_routes import frames
from wallet_api.door.happenings import Happening, What
from wallet_api.door.identity import Role, Who
from wallet_api.door.live import QUEUE_MAX, Listener, Live, Missed, Over, Told

ADA, BEN, CY = NAMES[:3]
LOAF = 3 * UNITS_PER_MAJOR


def since(phone, entry=None):
    """Return (event, data) of what happened to somebody after a log entry."""
    headers = {} if entry is None else {"Last-Event-ID": str(entry)}
    got = phone.client.get("/v1/events?follow=false", headers={**phone.headers, **headers})
    assert got.status_code == 200, got.text
    return [(n, d) for n, d, _ in read_events(got.text.split("\n")) if n]


@pytest.fixture
def phones(client):
    found = phones_of(client)
    for name in (ADA, BEN, CY, "operator-1"):
        found[name].sign_in()
    return found


@pytest.fixture
def till(client, phones):
    key = SigningKey.generate()
    assert phones[BEN].say("till_key", {"key": key.public.hex()}).status_code == 201
    till = Phone(client, phones[BEN].account, key)
    till.sign_in()
    return till


def head(client):
    return client.get("/v1/community").json()["log_entries"] - 1


def test_a_payment_is_told_to_both_and_to_nobody_else(client, phones):
    before = head(client)
    entry = phones[ADA].pay(phones[BEN], LOAF).json()["log_entry"]
    [(name, paid)] = since(phones[ADA], before)
    [(_, got)] = since(phones[BEN], before)
    assert (name, since(phones[CY], before), since(phones["operator-1"], before)) == (
        "balance",
        [],
        [],
    )
    assert (paid["log_entry"], paid["units"], got["units"]) == (entry, -LOAF, LOAF)
    assert (paid["other"], paid["other_name"]) == (phones[BEN].account, BEN)
    assert paid["kind"] == "transfer"
    for phone, told in ((phones[ADA], paid), (phones[BEN], got)):
        assert told["available_units"] == phone.get("/v1/home").json()["available_units"]


def test_a_till_hears_that_its_request_was_paid_and_of_no_balance(client, phones, till):
    ask = ask_of(till)
    before = head(client)
    entry = phones[ADA].pay(phones[BEN], LOAF, ask=ask["id"]).json()["log_entry"]
    phones[ADA].pay(phones[BEN], 7)
    told = {
        "log_entry": entry,
        "ask": ask["id"],
        "standing": "paid",
        "units": LOAF,
        "reference": "two loaves",
    }
    assert since(till, before) == [("ask", told)]
    assert [name for name, _ in since(phones[BEN], before)] == ["balance", "ask", "balance"]
    got = client.get("/v1/events?follow=false", headers=till.headers | {"Last-Event-ID": "0"})
    assert "available" not in got.text
    assert phones[ADA].account not in got.text


def test_whoever_is_asked_hears_of_it_and_whoever_asked_of_the_answer(client, phones):
    before = head(client)
    first, second = (ask_of(phones[BEN], of=phones[ADA].account) for _ in range(2))
    [(_, told), _] = since(phones[ADA], before)
    assert (told["standing"], told["units"], told["member"]) == ("open", LOAF, phones[BEN].account)
    assert since(phones[BEN], before) == []
    phones[ADA].say("ask_end", {"ask": first["id"]})
    phones[BEN].say("ask_end", {"ask": second["id"]})
    fates = [told["standing"] for _, told in since(phones[BEN], before)]
    assert fates == ["declined", "taken_back"]
    assert since(phones[CY], before) == []


def test_a_change_of_keys_is_told(client, phones):
    before, key = head(client), SigningKey.generate()
    fields = {
        "by": "keys",
        "keys": [phones[ADA].key.public.hex(), key.public.hex()],
        "threshold": 1,
        "reason": "a second phone",
    }
    assert phones[ADA].say("key_change", fields, keys=[key]).status_code == 201
    [(name, told)] = since(phones[ADA], before)
    assert (name, told["change"], told["by"], told["waits"]) == (
        "keys",
        "key_change",
        "keys",
        False,
    )
    assert since(phones[BEN], before) == []


def test_a_day_that_another_process_settles_is_told_to_everybody(client, phones, copied):
    before = head(client)
    other = reopen(*copied)
    settle_day(other, DAY)
    other.writer.database.close()
    [(first, money), (second, day)] = since(phones[ADA], before)
    assert (first, second) == ("balance", "prices")
    assert (money["kind"], money["day"], day["day"], day["run"]) == (
        "energy",
        str(DAY),
        str(DAY),
        "SF",
    )
    energy = phones[ADA].get(f"/v1/energy/{DAY}").json()["items"]
    assert day["bought_wh"] == sum(each["bought_wh"] for each in energy)
    assert day["sold_wh"] == sum(each["sold_wh"] for each in energy)
    assert day["units"] == sum(each["sold_units"] - each["bought_units"] for each in energy)
    [(_, everybodys)] = since(phones["operator-1"], before)
    assert set(everybodys) == {"log_entry", "day", "run", "half_hours", "is_final"}


def test_whoever_was_away_too_long_looks_for_themselves(client, phones, monkeypatch):
    for _ in range(3):
        phones[ADA].pay(phones[BEN], 1)
    monkeypatch.setattr(live_module, "AGAIN_MAX", 2)
    assert [name for name, _ in since(phones[ADA], head(client) - 3)] == ["gap"]
    assert [name for name, _ in since(phones[ADA], head(client) + 9)] == ["gap"]
    assert len(since(phones[ADA], head(client) - 2)) == 2
    assert since(phones[ADA]) == []


def test_the_id_of_an_entry_comes_with_the_last_thing_that_it_means():
    found = [
        Happening(4, "a", What.BALANCE, {}),
        Happening(4, "a", What.ASK, {}),
        Happening(-1, "a", What.ASK, {}),
        Happening(6, "a", What.BALANCE, {}),
    ]
    told = list(read_events(b"".join(frames(found, 9)).decode().split("\n")))
    assert [(name, seen) for name, _, seen in told] == [
        ("balance", None),
        ("ask", 4),
        ("ask", None),
        ("balance", None),
        (None, 9),
    ]


def listening(client, phone, who=None):
    """Return a listener, and what it was told so far, without a server."""
    loop = asyncio.new_event_loop()
    who = who or Who(Role.MEMBER, phone.account, phone.key.key_id)
    listener = Listener(who, phone.token, loop)

    def told():
        loop.run_until_complete(asyncio.sleep(0))
        found = []
        while not listener.notes.empty():
            found.append(listener.notes.get_nowait())
        return found

    return listener, told, loop


@pytest.fixture
def live(client, phones):
    now = [0.0]
    live = Live(client.app.state.desk, lambda: now[0], runs=False)
    live.now = now
    yield live
    live.close()


def test_one_look_tells_everybody_and_a_quiet_stream_how_far_it_is(client, phones, live):
    listeners = {name: listening(client, phones[name]) for name in (ADA, BEN, CY)}
    firsts = {live.join(listener) for listener, _, _ in listeners.values()}
    assert firsts == {head(client) + 1}
    phones[ADA].pay(phones[BEN], LOAF)
    live.look()
    for name, count in ((ADA, 1), (BEN, 1), (CY, 0)):
        assert len([each for note in listeners[name][1]() for each in note.happened]) == count
    live.look()
    assert [told() for _, told, _ in listeners.values()] == [[], [], []]
    live.now[0] += live_module.MARK_S
    live.look()
    assert [told() for _, told, _ in listeners.values()] == [[Told(head(client), ())]] * 3
    for listener, _, loop in listeners.values():
        live.leave(listener)
        loop.close()
    assert live.count == 0


def test_a_request_whose_time_is_over_is_told_when_it_is(client, phones, till, live):
    ask_of(till, of=phones[ADA].account)
    listeners = [
        listening(client, phones[ADA]),
        listening(client, till, Who(Role.TILL, till.account, till.key.key_id)),
    ]
    for listener, _, _ in listeners:
        live.join(listener)
    with client.app.state.desk.here.reading() as (community, _):
        community.writer.clock.set_ms(community.writer.clock.now_ms() + 3 * 1_800_000)
    live.look()
    for _, told, loop in listeners:
        [note] = told()
        assert [each.told["standing"] for each in note.happened] == ["expired"]
        loop.close()
    assert "member" not in note.happened[0].told


def test_a_slow_reader_is_told_to_look_and_sent_away(client, phones, live):
    listener, told, loop = listening(client, phones[ADA])
    live.join(listener)
    for number in range(QUEUE_MAX + 5):
        listener.tell(Told(number, ()))
    assert told() == [Missed(QUEUE_MAX), Over("This stream was read too slowly: come back.")]
    loop.close()


def test_operators_have_streams_of_their_own(phones, live):
    loop = asyncio.new_event_loop()
    keys = [phones[name].key.key_id for name in ("operator-1", "operator-2")]
    one, other = (Who(Role.OPERATOR, "community", key) for key in keys)
    for _ in range(live_module.ACCOUNT_STREAMS_MAX):
        live.join(Listener(one, "", loop))
    live.join(Listener(other, "", loop))
    with pytest.raises(BusyError):
        live.join(Listener(one, "", loop))
    loop.close()


def test_streams_are_counted_by_account_and_by_process(client, phones, live, monkeypatch):
    loop = asyncio.new_event_loop()
    who = Who(Role.MEMBER, phones[ADA].account, phones[ADA].key.key_id)
    for _ in range(live_module.ACCOUNT_STREAMS_MAX):
        live.join(Listener(who, phones[ADA].token, loop))
    with pytest.raises(BusyError):
        live.join(Listener(who, phones[ADA].token, loop))
    monkeypatch.setattr(live_module, "STREAMS_MAX", live.count)
    with pytest.raises(BusyError):
        live.join(Listener(Who(Role.MEMBER, phones[BEN].account, ""), "", loop))
    loop.close()


@pytest.mark.parametrize("how", ["signed out", "too old", "frozen"])
def test_a_stream_ends_with_its_session_and_its_key(client, phones, live, how):
    ada, ben = listening(client, phones[ADA]), listening(client, phones[BEN])
    live.join(ada[0])
    live.join(ben[0])
    if how == "signed out":
        phones[ADA].delete("/v1/session")
    elif how == "frozen":
        assert phones[ADA].say("freeze", {"frozen": True, "reason": "lost"}).status_code == 201
    else:
        desk = client.app.state.desk
        desk.now_ms = lambda: live_module.session_store.SESSION_MS * 10**6
    if how != "frozen":
        live.now[0] += live_module.CHECK_S
    live.look()
    assert Over(live_module.SIGNED_OUT) in ada[1]()
    assert (ben[1]() == []) == (how != "too old")
    for _, _, loop in (ada, ben):
        loop.close()


def test_a_street_of_listeners_costs_no_more_queries(client, phones, live):
    """What is asked of the database depends on what happened and not on how many listen."""
    desk, asked = client.app.state.desk, []

    def count():
        asked.clear()
        phones[ADA].pay(phones[BEN], 1)
        with desk.here.reading() as (community, _):
            engine = community.writer.database.engine
        from sqlalchemy import event  # noqa: PLC0415 - here alone

        def heard(*_args):
            asked.append(1)

        event.listen(engine, "before_cursor_execute", heard)
        live.look()
        event.remove(engine, "before_cursor_execute", heard)
        return len(asked)

    loop = asyncio.new_event_loop()
    who = Who(Role.MEMBER, phones[ADA].account, phones[ADA].key.key_id)
    live.join(Listener(who, phones[ADA].token, loop))
    alone = count()
    for number in range(300):
        live.join(Listener(Who(Role.MEMBER, f"{number:032x}", "00"), phones[ADA].token, loop))
    assert count() <= alone + 2
    loop.close()
