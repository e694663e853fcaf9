"""What operators, helpers and auditors see of members and of the days; and that members see who looked."""

import io
import json
import shutil
import zipfile
from functools import partial

import pytest

from ledger import people
from ledger.kinds import COMMUNITY
from ledger.primitives.periods import load_zone, of_local_month
from ledger.primitives.signing import SigningKey
from settlement import deeds
from settlement.audit.verify import audit
from settlement.consents import Allowed, ConsentBook
from settlement.preview import preview
from settlement.run import settle_day
from settlement.statement import household_statement
from settlement.statement_json import statement_json
from settlement.statement_support import allows_month, without_energy
from settlement.statement_text import render_text
from tests.prepared import DAY, reopen
from tests.wallet_api.door.phones import NAMES, Phone, phones_of, served, slug
from tests.wallet_api.door.told import MAIL, NUMBER, put
from wallet_api.door import roster_routes

ADA, BEN, CY = NAMES[:3]
WHY = {"reason": "She rang about June."}


@pytest.fixture(scope="module")
def street(prepared, tmp_path_factory):
    """A served street after a settled day, with a helper and an auditor."""
    folder = tmp_path_factory.mktemp("staff") / "street"
    shutil.copytree(prepared, folder)
    url = f"sqlite:///{folder}/street.sqlite"
    community = reopen(url, folder / "keys")
    keys = {"helper": SigningKey.generate(), "auditor": SigningKey.generate()}
    roster = deeds.roster_now(community)
    roster["keys"] += [{"key": key.public.hex(), "role": role} for role, key in keys.items()]
    deeds.new_roster(community, roster)
    settle_day(community, DAY)
    community.writer.database.close()
    with served(url, folder / "keys") as client:
        phones = phones_of(client)
        for role, key in keys.items():
            phones[role] = Phone(client, COMMUNITY, key)
        for name in (ADA, BEN, "operator-1", "helper", "auditor"):
            assert phones[name].sign_in().status_code == 200
        yield client, phones


def here(client):
    return client.app.state.desk.here.reading()


def test_the_list_says_what_the_ledger_says_and_auditors_see_no_name(street):
    client, phones = street
    items, cursor = [], {}
    while True:
        got = phones["operator-1"].get("/v1/members", params={"limit": 2, **cursor}).json()
        items += got["items"]
        if "next" not in got:
            break
        cursor = {"cursor": got["next"]}
    with here(client) as (community, connection):
        balances = community.writer.ledger.balances(connection)
        asset = community.state.rules_now.asset
        assert [each["id"] for each in items] == list(community.state.members)
        for each in items:
            assert each["units"] == balances[f"member/{each['id']}/wallet {asset}"].posted
            assert each["meters"] == community.state.meters_of(each["id"])
    assert all(each["name"] for each in items)
    for_auditor = phones["auditor"].get("/v1/members", params={"limit": 200}).json()["items"]
    assert [{**each, "name": None} for each in items] == [
        {"name": None, **each} for each in for_auditor
    ]
    assert not any("name" in each for each in for_auditor)


def test_whoever_looks_says_why_and_the_member_sees_it(street):
    client, phones = street
    ada = phones[ADA]
    path = f"/v1/members/{ada.account}"
    assert slug(phones["helper"].get(path)) == "invalid-input"  # no reason, no look
    got = phones["helper"].get(path, params=WHY)
    assert got.json()["member"] == ada.account
    with here(client) as (community, connection):
        model = household_statement(community, connection, ada.account, str(DAY)[:7])
    text = phones["operator-1"].get(f"{path}/months/{str(DAY)[:7]}/statement.txt", params=WHY)
    assert text.text == render_text(without_energy(model))
    assert "kWh" not in text.text
    first = ada.get("/v1/looks", params={"limit": 1}).json()
    rest = ada.get("/v1/looks", params={"cursor": first["next"]}).json()
    told = [(each["role"], each["what"], each["reason"]) for each in first["items"] + rest["items"]]
    assert told == [
        ("operator", f"statement {str(DAY)[:7]}", WHY["reason"]),
        ("helper", "account", WHY["reason"]),
    ]
    assert phones[BEN].get("/v1/looks").json()["items"] == []
    assert slug(phones["helper"].get(f"/v1/members/{'0' * 32}", params=WHY)) == "not-found"


def test_readings_are_shown_as_far_as_the_member_allows(street):
    """Nothing, then a sum, then half-hours: what was not allowed when it began is never shown."""
    client, phones = street
    ben = phones[BEN]
    path = f"/v1/members/{ben.account}/readings"
    shut = phones["helper"].get(f"{path}/{DAY}", params=WHY).json()
    assert shut["items"] == []
    assert len(shut["hidden"]) == 1
    meter = shut["hidden"][0]
    fields = {"meter": meter, "channels": "both", "purpose": "support", "wording": 1}
    with here(client) as (community, _):
        [channel] = community.state.meters[meter][-1][1].channels
    fields["channels"] = channel.value
    assert ben.say("consent", {**fields, "granularity": "day"}).status_code == 201
    # What was before stays hidden.
    assert phones["helper"].get(f"{path}/{DAY}", params=WHY).json() == shut


def test_a_statement_has_energy_only_if_the_whole_month_is_allowed(street, monkeypatch):
    client, phones = street
    with here(client) as (community, connection):
        state, account = community.state, phones[BEN].account
        model = household_statement(community, connection, account, str(DAY)[:7])
        [meter] = state.meters_of(account)
        [(logged, use)] = state.meters[meter]
        june = of_local_month(str(DAY)[:7], load_zone("Europe/London"))
        said = {"day": True, "half-hour": True, "month": False}
        for granularity, allowed in said.items():
            found = Allowed(account, use.channels, granularity)
            book = ConsentBook({(meter, "support"): [(june.start - 1, found)]})
            monkeypatch.setattr(state, "consents", book)
            monkeypatch.setitem(state.meters, meter, [(june.start - 2, use)])
            assert allows_month(state, account, june) is allowed, granularity
            book.said[meter, "support"].append((june.stop - 5, None))  # withdrawn at its end
            assert not allows_month(state, account, june)
            book.said[meter, "support"] = [(june.start, found)]  # half an hour too late
            assert not allows_month(state, account, june)
        assert allows_month(state, "0" * 32, june)
        monkeypatch.undo()
        assert state.meters[meter] == [(logged, use)]
    path = f"/v1/members/{account}/months/{str(DAY)[:7]}/statement.json"
    shut = phones["helper"].get(path, params=WHY).json()
    assert (shut["without_energy"], shut["days"]) == (True, [])
    assert not any("wh" in name.split("_") for name in shut["total"])
    assert shut["total"]["bought_units"] == model.total.bought_units > 0
    assert shut["closing_units"] == model.closing_units
    monkeypatch.setattr(roster_routes, "allows_month", lambda *_arguments: True)
    assert phones["helper"].get(path, params=WHY).json() == statement_json(model)
    monkeypatch.undo()
    assert phones[BEN].get(f"/v1/months/{str(DAY)[:7]}/statement.json").json() == (
        statement_json(model)
    )


def test_days_and_what_a_run_would_change(street):
    _, phones = street
    operator = phones["operator-1"]
    span = {"from": str(DAY), "through": str(DAY)}
    [told] = operator.get("/v1/days", params=span).json()["items"]
    assert (told["day"], told["periods"]) == (str(DAY), 48)
    assert [run["run"] for run in told["runs"]] == ["SF"]
    assert told["next"]["run"] == "R1"
    before = operator.get("/v1/sums").json()
    got = operator.get(f"/v1/days/{DAY}/runs/R1/preview")
    assert got.status_code == 200, got.text
    assert operator.get("/v1/sums").json() == before  # nothing was written
    assert got.json()["changes"] == []
    assert slug(operator.get(f"/v1/days/{DAY}/runs/DF/preview")) == "refused"
    assert slug(operator.get(f"/v1/days/{DAY}/runs/SF/preview")) == "refused"
    long = {"from": "2026-01-01", "through": "2026-12-31"}
    assert slug(operator.get("/v1/days", params=long)) == "malformed"


def test_a_first_run_is_previewed_as_it_will_be_made(copy):
    url, keys = copy()
    with served(url, keys) as client:
        operator = phones_of(client)["operator-1"]
        operator.sign_in()
        told = operator.get(f"/v1/days/{DAY}/runs/SF/preview").json()
    community = reopen(url, keys)
    expected = preview(community, DAY, "SF")
    assert {c["member"]: c["cash_units"] for c in told["changes"]} == {
        net.member: net.cash_units for net in expected.nets
    }
    assert any(change["cash_units"] for change in told["changes"])
    made = settle_day(community, DAY)
    assert (made.matched_wh, made.settled) == (told["matched_wh"], told["changed"])
    community.writer.database.close()


def test_sums_are_zero_for_each_asset(street):
    _, phones = street
    told = phones["auditor"].get("/v1/sums").json()
    sums = {}
    for each in told["items"]:
        sums[each["asset"]] = sums.get(each["asset"], 0) + each["posted"]
    assert sums
    assert not any(sums.values())


def test_the_rest_is_what_the_commands_say(street):
    client, phones = street
    operator = phones["operator-1"]
    meters = operator.get("/v1/meters").json()["items"]
    with here(client) as (community, _):
        assert [each["meter"] for each in meters] == sorted(community.state.meters)
    span = {"from": str(DAY), "through": str(DAY)}
    assert operator.get("/v1/coverage", params=span).json()["channels"]
    assert operator.get("/v1/invitations").json() == {"items": []}
    assert operator.get("/v1/disputes").json() == {"items": []}
    assert operator.get("/v1/caps").json()["caps"]


def test_an_auditor_gets_a_sound_bundle_without_a_name(street, tmp_path):
    client, phones = street
    got = phones["auditor"].get("/v1/bundle")
    assert got.headers["content-type"] == "application/zip"
    file = tmp_path / "bundle.zip"
    file.write_bytes(got.content)
    with zipfile.ZipFile(file) as archive:
        vkey = archive.read("log.vkey").decode().strip()
        everything = b"".join(archive.read(name) for name in archive.namelist())
    assert audit(file, vkey=vkey).exit_code == 0
    with here(client) as (community, connection):
        for name in people.names(connection, community.writer.community).values():
            assert name.encode() not in everything


def test_one_long_look_at_a_time(street):
    client, phones = street
    with client.app.state.desk.here.apart():
        got = phones["auditor"].get("/v1/bundle")
    assert slug(got) == "busy"
    assert got.headers["retry-after"]
    assert phones["auditor"].get("/v1/bundle").status_code == 200


def test_a_name_is_given_and_nowhere_but_in_the_store_that_forgets(street):
    client, phones = street
    ada = phones[ADA]
    assert (
        ada.client.put(
            "/v1/name", headers=ada.headers, json={"name": "Ada of the Mill"}
        ).status_code
        == 204
    )
    assert ada.get("/v1/home").json()["name"] == "Ada of the Mill"
    path = f"/v1/members/{ada.account}/name"
    helper = phones["helper"]
    put = partial(client.put, path, headers=helper.headers)
    assert slug(put(json={"name": "Adam"})) == "invalid-input"  # no reason
    assert put(json={"name": "Ada"}, params=WHY).status_code == 204
    assert ada.get("/v1/home").json()["name"] == "Ada"
    look = ada.get("/v1/looks").json()["items"][0]
    told = look["role"], look["key_id"], look["what"], look["reason"]
    assert told == ("helper", helper.key.key_id, "another name", WHY["reason"])
    for bad in ({"name": ""}, {"name": "x" * 81}, {"name": 7}, {}, {"name": "a", "more": 1}):
        assert slug(put(json=bad, params=WHY)) == "invalid-input"
    assert slug(put(json={"name": "a\u0000b"}, params=WHY)) == "malformed"
    assert ada.get("/v1/home").json()["name"] == "Ada"
    assert ada.get("/v1/looks").json()["items"][0] == look  # nothing happened, nothing is noted


def test_everything_is_there_and_it_is_all_mine(street):
    client, phones = street
    put(phones[BEN])
    put(phones[ADA], "email", MAIL)
    got = phones[BEN].get("/v1/everything")
    with zipfile.ZipFile(io.BytesIO(got.content)) as archive:
        files = {name: archive.read(name) for name in archive.namelist()}
    assert json.loads(files["account.json"])["member"] == phones[BEN].account
    with here(client) as (community, _):
        mine = community.state.meters_of(phones[BEN].account)
    rows = files["readings.csv"].decode().splitlines()[1:]
    assert len(rows) >= 48
    assert {row.split(",")[0] for row in rows} == set(mine)
    addresses = json.loads(files["addresses.json"])
    assert [each["address"] for each in addresses["contacts"]] == [NUMBER]
    signed = [name for name in files if name.startswith("signed/")]
    assert any("account_open" in name for name in signed)
    assert all(
        phones[ADA].account.encode() not in data
        for name, data in files.items()
        if name.startswith("signed/")
    )
    assert f"statements/{str(DAY)[:7]}.txt" in files
    lines = files["wallet.csv"].decode().splitlines()
    home = phones[BEN].get("/v1/home").json()
    assert int(lines[-1].split(",")[3]) == home["posted_units"]


def test_sessions_are_listed_and_ended(street):
    client, phones = street
    ada = phones[ADA]
    other = Phone(client, ada.account, ada.key)
    assert other.sign_in().status_code == 200
    listed = ada.get("/v1/sessions").json()["items"]
    assert [each["is_this"] for each in listed].count(True) == 1
    assert len(listed) >= 2
    assert ada.token not in json.dumps(listed)
    assert ada.delete("/v1/sessions").status_code == 204
    assert slug(other.get("/v1/home")) == slug(ada.get("/v1/home")) == "not-signed-in"
    ada.sign_in()


def test_a_closed_account_is_forgotten_and_still_pays_out(street):
    client, phones = street
    cy, ben = phones[CY], phones[BEN]
    cy.sign_in()
    assert phones["helper"].get(f"/v1/members/{cy.account}", params=WHY).status_code == 200
    assert len(cy.get("/v1/looks").json()["items"]) == 1
    assert (
        "withdraw the consent" in cy.say("account_close", {"reason": "We move."}).json()["detail"]
    )
    with here(client) as (community, _):
        uses = {
            meter: community.state.meters[meter][-1][1]
            for meter in community.state.meters_of(cy.account)
        }
    for meter, use in uses.items():
        channels = "both" if len(use.channels) == 2 else use.channels[0].value
        fields = {"meter": meter, "channels": channels, "purpose": "settlement"}
        fields |= {"granularity": "half-hour", "wording": 1, "withdrawn": True}
        assert cy.say("consent", fields).status_code == 201
    closed = cy.say("account_close", {"reason": "We move."})
    assert closed.status_code == 201, closed.text
    assert "name" not in cy.get("/v1/home").json()
    assert cy.get("/v1/looks").json()["items"] == []
    put = client.put("/v1/name", headers=cy.headers, json={"name": "Cy again"})
    assert slug(put) == "refused"
    assert slug(ben.pay(cy, 5)) == "refused"
    assert cy.pay(ben, 5, "the rest").status_code == 201
    shown = phones["operator-1"].get("/v1/members", params={"limit": 200}).json()["items"]
    [row] = [each for each in shown if each["id"] == cy.account]
    assert row["closed"]
    assert "name" not in row
