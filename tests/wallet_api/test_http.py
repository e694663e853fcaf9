"""The HTTP interface: first page, health, log files, problems."""

import shutil

import pytest
from fastapi.testclient import TestClient

from ledger.primitives.periods import load_zone, of_local_day
from settlement import deeds
from settlement.audit.verify import audit
from settlement.enrol import new_id
from settlement.export import export_bundle
from settlement.run import settle_day
from settlement.signers import operator_keys
from settlement.timetable import first_due_ms
from tests.prepared import DAY, reopen
from wallet_api.cli.context import Settings
from wallet_api.cli.demo import read_week, set_up
from wallet_api.http import create_app
from wallet_api.street import CHARTER, WEEK


@pytest.fixture(scope="module")
def client(prepared, tmp_path_factory):
    folder = tmp_path_factory.mktemp("http") / "street"
    shutil.copytree(prepared, folder)
    url = f"sqlite:///{folder}/street.sqlite"
    community = reopen(url, folder / "keys")
    settle_day(community, DAY)
    community.writer.publish(folder / "log")
    export_bundle(community, folder / "bundle")
    community.writer.database.close()
    with TestClient(create_app(Settings(url))) as client:
        yield client, folder


def test_the_first_page_says_what_is_here_and_loads_nothing_else(client):
    page = client[0].get("/")
    assert page.status_code == 200
    assert "Ladywood Street Power" in page.text
    assert '<p class="big">1 settled day</p>' in page.text
    assert "4 neighbours; what neighbours traded is not told: fewer than 5 members." in page.text
    assert "<script" not in page.text
    assert "http" not in page.text.replace("http-equiv", "")
    assert page.headers["content-security-policy"].startswith("default-src 'none'")


def test_a_street_of_four_shows_no_half_hours(client):
    page = client[0].get("/").text
    assert "<svg" not in page  # fewer than five homes: no figure of theirs
    assert "kWh" not in page
    assert client[0].get("/v1/community").json()["matched_wh"] is None


def test_a_street_of_sixteen_shows_its_last_day_as_bars_and_as_a_table(tmp_path):
    folder = tmp_path / "demo"
    community = set_up(folder)
    read_week(community, folder)
    community.writer.clock.set_ms(first_due_ms(WEEK[0], CHARTER.zone))
    settle_day(community, WEEK[0])
    community.writer.database.close()
    with TestClient(create_app(Settings(f"sqlite:///{folder}/commonwatt.sqlite"))) as client:
        page = client.get("/").text
        assert "about 38 kWh between neighbours may be told" in page
        assert '<p class="big">38 kWh</p>' in page
        assert page.count("<rect") > 48
        assert page.count("<tr>") == 49
        assert "its clock is simulated" in " ".join(page.split())
        interface = client.get("/docs").text
        assert "/v1/community" in interface
        assert "<script" not in interface


def test_health_and_community(client):
    assert client[0].get("/v1/health").json() == {"status": "ok"}
    community = client[0].get("/v1/community").json()
    assert community["members"] == 4
    assert community["days_settled"] == 1


def test_the_log_is_served_as_files_that_an_audit_accepts(client):
    http, folder = client
    key = http.get("/log.vkey").text
    assert (
        audit(folder / "bundle", vkey=key, since=http.get("/log/checkpoint").content).failed is None
    )
    for path in (folder / "log").rglob("*"):
        if path.is_file():
            answer = http.get(f"/log/{path.relative_to(folder / 'log').as_posix()}")
            assert answer.content == path.read_bytes()
            assert answer.headers["cache-control"].startswith(
                "no-cache" if path.name == "checkpoint" else "public, max-age"
            )


@pytest.mark.parametrize(
    "path", ["/log/../keys/log.key", "/log/tile/0/%2e%2e/x", "/log/tile/9/000", "/nothing"]
)
def test_anything_else_is_a_problem(client, path):
    answer = client[0].get(path)
    assert answer.status_code == 404
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["type"] == "urn:commonwatt:problem:not-found"


def test_a_server_without_a_database_says_so(tmp_path):
    with TestClient(create_app(Settings(f"sqlite:///{tmp_path}/none.sqlite"))) as client:
        answer = client.get("/v1/health")
    assert answer.status_code == 503
    assert "make demo" in answer.json()["detail"]


def test_a_dispute_is_raised_and_decided_by_signed_statements(copy):
    url, keys = copy()
    community = reopen(url, keys)
    settle_day(community, DAY)
    ada, ben, *_ = sorted(community.state.members)
    first = of_local_day(DAY, load_zone("Europe/London")).start
    fields = {
        "day": str(DAY),
        "run": "SF",
        "first": first,
        "periods": 2,
        "units": 5,
        "claim": "I was away.",
    }

    def signed(kind, account, said, signers):
        with community.transaction() as connection:
            return community.writer.sign_new(
                connection, kind, account, new_id(community, kind), said, signers(community)
            )

    with TestClient(create_app(Settings(url, keys))) as client:
        forged = signed("dispute", ada, fields, deeds.by_member(ben))
        assert client.post("/v1/disputes", content=forged).status_code == 403
        envelope = signed("dispute", ada, fields, deeds.by_member(ada))
        answer = client.post("/v1/disputes", content=envelope)
        assert (answer.status_code, answer.json()["state"]) == (201, "open")
        again = client.post("/v1/disputes", content=envelope)
        assert again.json() == answer.json()
        where = f"/v1/disputes/{answer.json()['id']}"
        assert client.get(where).json()["state"] == "open"
        assert "away" not in client.get(where).text
        said = {"dispute": answer.json()["id"], "upheld": True, "reason": "Yes."}
        ruling = signed("ruling", "community", said, operator_keys)
        assert client.post("/v1/disputes", content=ruling).json()["state"] == "upheld"
        second = signed("ruling", "community", said, operator_keys)
        assert client.post("/v1/disputes", content=second).status_code == 422
        assert client.get(where).json()["state"] == "upheld"
        assert client.get("/v1/disputes/" + "0" * 32).status_code == 404
        for bad in (b"", b"{}", b"\xff" * 50, envelope[:-1]):
            assert client.post("/v1/disputes", content=bad).status_code == 400
        payment = signed(
            "transfer", ada, {"to": ben, "amount": 1, "reference": "x"}, deeds.by_member(ada)
        )
        assert client.post("/v1/disputes", content=payment).status_code == 400
        assert client.post("/v1/disputes", content=b"x" * 200_000).status_code == 413
    community.writer.database.close()
