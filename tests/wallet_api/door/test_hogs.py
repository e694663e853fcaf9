"""One of us who means ill: none may take what all need."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from ledger import history
from tests.wallet_api.door.phones import AMPLE, NAMES, phones_of, served, slug
from tests.wallet_api.door.told import put
from wallet_api.door import home, proposal_store
from wallet_api.door.here import WRITERS_MAX
from wallet_api.door.rate import Rate

ADA, BEN = NAMES[:2]


@pytest.fixture
def signed_in(phones):
    for name in (ADA, BEN):
        phones[name].sign_in()
    return phones


def agreement(seller, buyer):
    now = 1_165_000
    terms = {"buyer": buyer.account, "price_ticks": 700, "rank": 1}
    terms |= {"first": now, "last": now + 48, "share_permille": 100}
    return terms, seller.account


def test_a_neighbour_does_not_use_up_what_may_wait_of_ones_own(signed_in, monkeypatch):
    monkeypatch.setattr(proposal_store, "OPEN_MAX", 2)
    ada, ben = signed_in[ADA], signed_in[BEN]
    for _ in range(2):
        terms, seller = agreement(ada, ben)
        got = ben.post("/v1/proposals", content=ben.signed("agreement", terms, account=seller))
        assert got.status_code == 201, got.text
    terms, seller = agreement(ada, ben)
    full = ben.post("/v1/proposals", content=ben.signed("agreement", terms, account=seller))
    assert slug(full) == "refused"
    got = ada.post("/v1/proposals", content=ada.signed("agreement", terms))
    assert got.status_code == 201, got.text


def test_whoever_downloads_all_again_and_again_waits(signed_in):
    ada, ben = signed_in[ADA], signed_in[BEN]
    for _ in range(3):
        assert ada.get("/v1/everything").status_code == 200
    got = ada.get("/v1/everything")
    assert (got.status_code, slug(got)) == (429, "busy")
    assert int(got.headers["retry-after"]) > 1
    assert ben.get("/v1/everything").status_code == 200


def test_tiny_payments_do_not_make_a_neighbours_first_screen_slow(signed_in, monkeypatch):
    ada, ben = signed_in[ADA], signed_in[BEN]
    for number in range(60):
        assert ben.pay(ada, 1 + number).status_code == 201
    whole = ada.get("/v1/home").json()["last"]
    assert [each["units"] for each in whole] == [60, 59, 58]
    read = []

    def counted(*given, **more):
        for entry in entries(*given, **more):
            read.append(entry)
            yield entry

    entries = history.entries
    monkeypatch.setattr(home, "SPAN", 10)
    monkeypatch.setattr(history, "entries", counted)
    assert ada.get("/v1/home").json()["last"] == whole
    assert len(read) <= 10


def test_a_key_signs_no_more_a_day_than_people_do(copy):
    limits = AMPLE._replace(a_day=Rate(1 / 3_600, 3))
    with served(*copy(), limits=limits) as client:
        found = phones_of(client)
        ada, ben = found[ADA], found[BEN]
        assert [ada.pay(ben, 1).status_code for _ in range(4)] == [201, 201, 201, 429]
        assert ben.pay(ada, 1).status_code == 201


def test_who_waits_to_write_keeps_nobody_from_reading(client, signed_in):
    here, ada = client.app.state.desk.here, signed_in[ADA]
    begun, may_end = threading.Event(), threading.Event()

    def hold():
        with here.writing():
            begun.set()
            assert may_end.wait(20)

    with ThreadPoolExecutor(WRITERS_MAX) as pool:
        first = pool.submit(hold)
        assert begun.wait(20)
        others = [pool.submit(hold) for _ in range(WRITERS_MAX - 1)]
        while here._waiting._value:
            assert not any(each.done() for each in others)
        got = put(ada)
        assert (got.status_code, slug(got)) == (429, "busy")
        assert ada.get("/v1/home").status_code == 200
        may_end.set()
        for each in (first, *others):
            each.result(20)
    assert put(ada).status_code == 200


def test_what_anybody_may_ask_opens_nothing_anew(client, monkeypatch):
    paths = [
        "/v1/health",
        "/v1/community",
        "/v1/forecast",
        "/open",
        "/",
        "/v1/disputes/" + "0f" * 16,
    ]
    before = [client.get(path).status_code for path in paths]
    here = client.app.state.desk.here

    def opened():
        raise AssertionError("the community was opened anew")

    monkeypatch.setattr(here, "_open", opened)
    assert [client.get(path).status_code for path in paths] == before == [200] * 5 + [404]
