"""Tills and auditors from the command line."""

import pytest

from settlement import deeds
from settlement.till_deeds import by_till
from tests.wallet_api.communities import Shell
from wallet_api.cli.context import Settings, open_here


@pytest.fixture
def village(tmp_path, capsys, monkeypatch):
    shell = Shell(tmp_path, capsys, monkeypatch)
    shell.found()
    return shell


def tills(village, name="Ada"):
    return village.json("member", "till", "list", name)


def ask(village):
    """Ask in Ada's name, by a till that is here."""
    community = open_here(Settings(f"sqlite:///{village.folder}/village.sqlite"))
    ada, ben = (community.find_member(each["member"]) for each in village.json("member", "list"))
    fields = {"of": ben, "amount": 5, "reference": "bread", "last": 4_000_000}
    statement = deeds.say(community, "ask", ada, fields, by_till(ada))
    community.writer.database.close()
    return statement


def test_a_till_comes_asks_and_goes(village):
    assert "Ada has no till" in village.done("member", "till", "list", "Ada")
    out = village.done("member", "till", "add", "Ada")
    [till] = tills(village)
    assert f"The till {till['id'][:8]} may ask in the name of Ada: tills/" in out
    assert ask(village).key_id == till["id"]
    assert f"{till['id'][:8]}  tills/" in village.done("member", "till", "list", "Ada")
    village.refused("begins 0 ids of this member's tills", "member", "till", "revoke", "Ada", "zz")
    village.refused("tills: none", "member", "till", "revoke", "Ben", till["id"][:8])
    village.done("member", "till", "revoke", "Ada", till["id"][:8])
    assert tills(village) == []
    with pytest.raises(Exception, match="needs 1 of this member's 0 tills"):
        ask(village)
    # The file that it leaves is of a key that never counts again: the next till has another.
    village.done("member", "till", "add", "Ada")
    assert tills(village)[0]["id"] != till["id"]
    village.sound()


def test_a_till_may_have_made_its_key_itself(village):
    file = village.folder / "counter.key"
    public = village.done("meters", "new-key", file).split()[-1]
    out = village.done("member", "till", "add", "Ada", "--key", public.upper())
    assert "not in this keyring" in out
    assert tills(village) == [{"key": public, "id": tills(village)[0]["id"], "file": None}]
    village.refused("in use, or was", "member", "till", "add", "Ben", "--key", public)
    village.refused("--key", "member", "till", "add", "Ben", "--key", "12", code=2)


def test_an_auditor_comes_and_goes_with_a_roster(village):
    out = village.done("community", "roster", "--add-auditor", "auditor-lee")
    assert "Roster version 2" in out
    shown = village.json("community", "roster")["keys"]
    [entry] = [key for key in shown if key["role"] == "auditor"]
    assert entry["file"] == "auditor-lee"
    words = "is no operator of the roster"
    village.refused(words, "community", "roster", "--remove-operator", "auditor-lee")
    village.done("community", "roster", "--remove-auditor", "auditor-lee")
    assert "auditor" not in village.done("community", "roster")
    village.sound()
