"""``/v1/roster`` and ``/v1/rules``: what is in force, for those who work for the community."""

from ledger.primitives.signing import key_id_of
from settlement.deeds import roster_now, rules_now
from tests.wallet_api.door.phones import slug


def test_the_roster_is_the_one_in_force_with_the_ids_of_its_keys(phones):
    operator = phones["operator-1"]
    operator.sign_in(site=None)
    told = operator.get("/v1/roster").json()
    with operator.client.app.state.desk.here.reading() as (community, _):
        now = roster_now(community)
    assert told["version"] == 1
    assert told["threshold"] == now["threshold"]
    assert [{"key": each["key"], "role": each["role"]} for each in told["keys"]] == now["keys"]
    for each in told["keys"]:
        assert each["id"] == key_id_of(bytes.fromhex(each["key"]))


def test_the_rules_are_those_in_force(phones):
    operator = phones["operator-1"]
    operator.sign_in(site=None)
    got = operator.get("/v1/rules")
    with operator.client.app.state.desk.here.reading() as (community, _):
        assert got.json() == {**rules_now(community), "version": 1}

    assert got.headers["etag"]


def test_members_have_no_business_there(phones):
    member = next(phone for name, phone in phones.items() if not name.startswith("operator"))
    member.sign_in(site=None)
    assert slug(member.get("/v1/roster")) == "not-allowed"
