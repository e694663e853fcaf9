"""``POST /v1/readings``: status, receipts, limits, back-pressure, many clients at once."""

import threading

import pytest
from fastapi.testclient import TestClient
from hypothesis import given
from hypothesis import strategies as st

from ledger.log.note import Verifier
from ledger.statements import Statement
from meters.delivery_receipt import open_receipt
from meters.wire import BATCHES_MAX, REQUEST_BYTES_MAX
from settlement.delivery import deliver
from tests.engines import fresh_url
from tests.prepared import found, reopen
from tests.settlement.batches import METER, SLOT, bind, made
from wallet_api import readings_door
from wallet_api.cli.context import Settings
from wallet_api.http import create_app

ENGINES = ["sqlite", pytest.param("postgresql", marks=pytest.mark.postgresql)]


@pytest.fixture
def street(copy):
    url, keys = copy()
    community = reopen(url, keys)
    bind(community)
    yield community, Settings(url, keys)
    community.writer.database.close()


@pytest.fixture
def client(street):
    with TestClient(create_app(street[1])) as client:
        yield client


def days(community, count, values=4):
    first = community.writer.now_period() - count * values
    return [(first + n * values, [100 * n + i for i in range(values)]) for n in range(count)]


def batches(street, path, count):
    return made(street[0], path / "q", days(street[0], count))


def test_a_batch_is_answered_with_its_receipt(street, client, tmp_path):
    first, second = batches(street, tmp_path, 2)
    late = client.post("/v1/readings", content=second.encode())
    assert late.status_code == 202
    assert late.json()["results"][0]["waits_for"] == 1
    answer = client.post("/v1/readings", content=first.encode())
    assert answer.status_code == 200
    [result] = answer.json()["results"]
    vkey = client.get("/log.vkey").text.strip()
    receipt = open_receipt(result["receipt"].encode(), Verifier.from_vkey(vkey))
    assert receipt.tx_id == Statement.decode(first.envelope).tx_id == result["tx_id"]
    assert receipt.entry == result["log_entry"]
    assert client.post("/v1/readings", content=first.encode()).json() == answer.json()
    both = client.post("/v1/readings", content=first.encode() + second.encode()).json()
    assert [each["status"] for each in both["results"]] == [200, 200]


def test_what_is_refused_is_a_problem_that_says_why(street, client, tmp_path):
    [batch] = batches(street, tmp_path, 1)
    [twin] = made(street[0], tmp_path / "twin", [(days(street[0], 1)[0][0], [1, 2])])
    client.post("/v1/readings", content=batch.encode())
    for content, status, words in (
        (b"", 400, "empty"),
        (b"{}\n", 400, "line 2 is missing"),
        (b"{}\n{}\n", 400, "envelope"),
        (b"x" * (REQUEST_BYTES_MAX + 1), 413, "at most"),
        (batch.encode() * (BATCHES_MAX + 1), 400, "at most 100 batches"),
        (twin.encode(), 409, "other content"),
    ):
        answer = client.post("/v1/readings", content=content)
        assert answer.status_code == status
        assert answer.headers["content-type"] == "application/problem+json"
        assert words in answer.json()["detail"]
    assert client.get("/v1/readings").status_code == 405


def test_whoever_comes_while_too_many_wait_is_sent_away(street, client, tmp_path, monkeypatch):
    [batch] = batches(street, tmp_path, 1)
    monkeypatch.setattr(readings_door, "QUEUE_MAX", 0)
    answer = client.post("/v1/readings", content=batch.encode())
    assert (answer.status_code, answer.headers["retry-after"]) == (429, "2")
    monkeypatch.undo()
    assert client.post("/v1/readings", content=batch.encode()).status_code == 200


@pytest.mark.parametrize("engine", ENGINES)
def test_many_clients_at_once_deliver_each_batch_once(engine, tmp_path):
    with fresh_url(engine, tmp_path) as url:
        found(url, tmp_path / "keys").writer.database.close()
        community = reopen(url, tmp_path / "keys")
        bind(community)
        sent = batches((community, None), tmp_path, 12)
        statuses, start = [], threading.Barrier(6)
        with TestClient(create_app(Settings(url, tmp_path / "keys"))) as client:

            def work(number):
                start.wait()
                mine = sent[number % 3 :: 3]
                statuses.extend(
                    client.post("/v1/readings", content=batch.encode()).status_code
                    for batch in (*mine, *reversed(mine))
                )

            threads = [threading.Thread(target=work, args=(number,)) for number in range(6)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
        assert set(statuses) <= {200, 202}
        answers = deliver(community, sent)
        assert all(answer.entry is not None for answer in answers)
        with community.reading() as connection:
            known = community.readings.known(connection, range(4_000_000), meters=[METER])
            assert community.held.counts(connection) == {}
        for first, wh in days(community, 12):
            assert [known[(*SLOT, first + n)].wh for n in range(len(wh))] == wh
            assert {known[(*SLOT, first + n)].version for n in range(len(wh))} == {1}
        community.writer.database.close()


def test_any_body_gets_a_problem_and_never_an_error(client, street, tmp_path):
    [batch] = batches(street, tmp_path, 1)
    data = batch.encode()

    @given(st.integers(0, len(data)), st.binary(max_size=20), st.integers(0, 40))
    def mutated(at, other, gone):
        answer = client.post("/v1/readings", content=data[:at] + other + data[at + gone :])
        assert answer.status_code in (200, 400, 403, 409, 413, 422)

    mutated()
    client.post("/v1/readings", content=data)
    assert client.post("/v1/readings", content=data).status_code == 200
