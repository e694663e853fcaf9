"""What a member sees of their own, and nothing of anybody else's."""

import json
import shutil

import pytest

from ledger.accounts import wallet
from ledger.primitives.periods import load_zone, of_local_day
from settlement.audit.receipt_command import check_file
from settlement.run import settle_day
from settlement.statement import household_statement
from settlement.statement_json import statement_json
from settlement.why import why
from settlement.why_json import why_json
from tests.prepared import CHARTER, DAY, reopen
from tests.wallet_api.door.phones import NAMES, phones_of, served
from wallet_api.door import member_routes
from wallet_api.door.pages import cursor_of

ADA, BEN, CY = NAMES[:3]
ZONE = load_zone(CHARTER.zone)
PERIODS = of_local_day(DAY, ZONE)


@pytest.fixture(scope="module")
def street(prepared, tmp_path_factory):
    """A served street after a settled day and a payment."""
    folder = tmp_path_factory.mktemp("mine") / "street"
    shutil.copytree(prepared, folder)
    url = f"sqlite:///{folder}/street.sqlite"
    community = reopen(url, folder / "keys")
    settle_day(community, DAY)
    community.writer.database.close()
    with served(url, folder / "keys") as client:
        phones = phones_of(client)
        for name in (ADA, BEN, CY):
            phones[name].sign_in()
        assert phones[ADA].pay(phones[BEN], 2_500_000, "bread").status_code == 201
        yield client, phones


def here(client):
    return client.app.state.desk.here.reading()


def test_the_first_screen_says_what_the_ledger_says(street):
    client, phones = street
    for name in (ADA, BEN):
        got = phones[name].get("/v1/home")
        assert got.status_code == 200, got.text
        told, member = got.json(), phones[name].account
        with here(client) as (community, connection):
            balance = community.writer.ledger.balances(connection)[
                wallet(member, community.state.rules_now.asset)
            ]
        assert told["posted_units"] == balance.posted
        assert told["available_units"] == balance.available
        assert told["currency"] == "LWD"
        assert told["final_through"] == told["yesterday"]["day"] == str(DAY)
        assert told["read_through"] == PERIODS.stop
        assert told["last"][0]["words"] == "bread"
        assert len(got.content) < 20_000
    assert phones[BEN].get("/v1/home").json()["last"][0]["units"] == 2_500_000
    assert phones[ADA].get("/v1/home").json()["last"][0]["units"] == -2_500_000


def test_what_is_known_already_is_not_sent_again(street):
    _, phones = street
    first = phones[ADA].get("/v1/home")
    headers = {**phones[ADA].headers, "If-None-Match": first.headers["etag"]}
    again = phones[ADA].client.get("/v1/home", headers=headers)
    assert (again.status_code, again.content) == (304, b"")
    other = {**phones[BEN].headers, "If-None-Match": first.headers["etag"]}
    assert phones[BEN].client.get("/v1/home", headers=other).status_code == 200
    assert first.headers["cache-control"] == "private, no-cache"


def test_a_day_is_the_lines_of_the_ledger(street):
    client, phones = street
    told = phones[ADA].get(f"/v1/energy/{DAY}").json()
    assert (told["run"], told["first"], told["periods"]) == ("SF", PERIODS.start, 48)
    assert not told["is_final"]
    with here(client) as (community, connection):
        lines = {
            period: why(community, connection, phones[ADA].account, period).told.line
            for period in (PERIODS.start, PERIODS.start + 24)
        }
    of = {item["period"]: item for item in told["items"]}
    assert len(of) == 48
    for period, line in lines.items():
        assert of[period] == {name: getattr(line, name) for name in of[period]}
    nothing = phones[ADA].get("/v1/energy/2026-06-01").json()
    assert (nothing["items"], nothing.get("run")) == ([], None)


@pytest.mark.parametrize(("day", "count"), [("2026-03-29", 46), ("2026-10-25", 50)])
def test_days_on_which_clocks_change_have_their_own_length(street, day, count):
    assert street[1][ADA].get(f"/v1/energy/{day}").json()["periods"] == count


def test_a_month_comes_in_pages_the_latest_first(street):
    _, phones = street
    month = phones[ADA].get("/v1/home").json()["last"]
    whole = phones[ADA].get("/v1/payments/2026-07").json()["items"]
    assert whole[0] == month[0]
    found, cursor = [], None
    while True:
        more = {} if cursor is None else {"cursor": cursor}
        page = phones[ADA].get("/v1/payments/2026-07", params={"limit": 1, **more}).json()
        found += page["items"]
        cursor = page.get("next")
        if cursor is None:
            break
    assert found == whole
    energy = phones[ADA].get("/v1/payments/2026-06").json()["items"]
    assert [(item["kind"], item["words"]) for item in energy] == [("energy", str(DAY))]


def test_why_and_statements_are_what_the_commands_say(street):
    client, phones = street
    member, period = phones[ADA].account, PERIODS.start + 24
    with here(client) as (community, connection):
        told = json.loads(json.dumps(why_json(why(community, connection, member, period))))
        model = household_statement(community, connection, member, "2026-06")
    assert phones[ADA].get(f"/v1/why/{period}").json() == told
    made = phones[ADA].get("/v1/months/2026-06/statement.json").json()
    assert made == json.loads(json.dumps(statement_json(model)))
    for form, media in (("txt", "text/plain"), ("html", "text/html"), ("csv", "text/csv")):
        got = phones[ADA].get(f"/v1/months/2026-06/statement.{form}")
        assert got.headers["content-type"].startswith(media)
    large = phones[ADA].get("/v1/months/2026-06/statement.html?large_print=true").text
    assert large != phones[ADA].get("/v1/months/2026-06/statement.html").text
    assert phones[ADA].get("/v1/months/2026-06/statement.pdf").content[:5] == b"%PDF-"


def test_receipts_are_checked_by_a_stranger(street, tmp_path):
    client, phones = street
    vkey = client.get("/log.vkey").text.strip()
    entry = phones[ADA].get("/v1/home").json()["last"][0]["log_entry"]
    for path in (f"payments/{entry}", f"half-hours/{PERIODS.start + 24}"):
        got = phones[ADA].get(f"/v1/receipts/{path}")
        assert got.status_code == 200, got.text
        file = tmp_path / "line.tlog-proof"
        file.write_bytes(got.content)
        code, text = check_file(file.read_bytes(), vkey, None, phones[ADA].account, as_json=False)
        assert code == 0, text


def test_nobody_sees_what_is_anothers(street):
    _, phones = street
    entry = phones[ADA].get("/v1/home").json()["last"][0]["log_entry"]
    assert phones[BEN].get(f"/v1/receipts/payments/{entry}").status_code == 200  # who is paid
    theirs = phones[CY].get(f"/v1/receipts/payments/{entry}")
    nothing = phones[CY].get(f"/v1/receipts/payments/{entry + 10_000}")
    assert theirs.status_code == nothing.status_code >= 400
    shown = "".join(
        phones[CY].get(path).text
        for path in ("/v1/home", "/v1/account", "/v1/payments/2026-07", f"/v1/energy/{DAY}")
    )
    for name in (ADA, BEN):
        assert phones[name].account not in shown
        assert name not in shown


def test_the_account_names_its_own_keys(street):
    _, phones = street
    told = phones[ADA].get("/v1/account").json()
    assert told["member"] == phones[ADA].account
    assert told["keys"]["keys"] == [phones[ADA].key.public.hex()]


@pytest.mark.parametrize(
    "path",
    [
        *("energy/2026-13-01", "energy/x", "payments/2026-00", "payments/26", "why/x", "why/-1"),
        *("why/1", "months/2026-99/statement.txt", "months/2026-06/statement.doc"),
        *("receipts/payments/x", "receipts/payments/99999999", "receipts/half-hours/0"),
        *(f"payments/2026-07?cursor={cursor_of(part, '1')}" for part in ("a", "9" * 30, "-1", "٣")),
        *("payments/2026-07?cursor=aaaa", "payments/2026-07?limit=500", "why/989736?run=x"),
    ],
)
def test_wrong_questions_get_a_sentence(street, path):
    got = street[1][ADA].get(f"/v1/{path}")
    assert got.status_code in (400, 404, 422), got.text
    assert len(got.json()["detail"]) > 10


def test_every_address_of_this_page_needs_a_session_of_a_member(street):
    client, phones = street
    phones["operator-1"].sign_in()
    values = {"month": "2026-06", "day": str(DAY), "period": "989736", "entry": "1", "form": "txt"}
    for route in member_routes.router.routes:
        path = route.path.format(**values)
        assert client.get(path).status_code == 401, path
        assert phones["operator-1"].get(path).status_code == 403, path
