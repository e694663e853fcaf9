"""One of us who means ill: none may take what all need."""

import pytest

from tests.wallet_api.door.phones import NAMES, slug
from wallet_api.door import proposal_store

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
