"""A member leaves: the name is gone, the account takes part in nothing new, the audit stays sound."""

import sqlite3

import pytest

from ledger.errors import RefusedError
from settlement import deeds
from settlement.enrol import pay
from tests.wallet_api.communities import Shell
from wallet_api.cli.context import Settings, open_here


@pytest.fixture
def village(tmp_path, capsys, monkeypatch):
    shell = Shell(tmp_path, capsys, monkeypatch)
    shell.found()
    return shell


@pytest.fixture
def people(village):
    listed = village.json("member", "list")
    return {each["name"]: each["member"] for each in listed}


def opened(village):
    return open_here(Settings(f"sqlite:///{village.folder}/village.sqlite"))


def test_a_member_leaves_and_is_forgotten(village, people):
    village.done("member", "pay", "Ada", "Ben", "1.00", "--reference", "bread for Ada")
    village.done("meter", "add", "Ada", "m-ada")
    village.refused("withdraw the consent", "member", "close", "Ada", "--yes")
    village.done("member", "withdraw", "Ada", "m-ada")
    out = village.done("member", "close", "Ada", "--yes", "--reason", "Moved away.")
    assert people["Ada"] in out
    assert "still holds −£1.00" in out
    assert [each["name"] for each in village.json("member", "list")] == ["closed account", "Ben"]
    with sqlite3.connect(village.folder / "village.sqlite") as connection:
        rows = connection.execute("SELECT member FROM person").fetchall()
    assert rows == [(people["Ben"],)]
    village.sound()

    left = village.done("member", "erase", people["Ada"], "--dry-run")
    assert "1 payment or request and 0 batches of readings may go now" in left
    village.done("member", "erase", people["Ada"], "--yes")
    assert "0 payments" in village.done("member", "erase", people["Ada"])
    village.refused("not closed", "member", "erase", people["Ben"])
    # What the erased payment did can be checked no more, and the audit says so.
    assert "FAIL" not in village.done("ledger", "check")


def test_nothing_new_begins_with_a_closed_account(village, people):
    ada, ben = people["Ada"], people["Ben"]
    community = opened(village)
    deeds.close_account(community, ada, "We move.")

    def refused(words, deed, *arguments):
        with pytest.raises(RefusedError, match=words):
            deed(community, *arguments)

    refused("account is closed", deeds.close_account, ada, "Again.")
    refused("account is closed", deeds.give, ada, 5)
    offer = {"amount": 5, "reference": "x", "last": 4_000_000}
    refused("account is closed", deeds.say, "ask", ada, offer, deeds.by_member(ada))
    mandate = community.state.mandates[ada][-1][1].id
    deeds.say(community, "mandate_revoke", ada, {"mandate": mandate}, deeds.by_member(ada))
    refused("payee's account is closed", pay, ben, ada, 5, "too late")
    pay(community, ada, ben, 5, "what was left")
    community.writer.database.close()
    village.sound()


def test_closing_waits_for_whoever_says_no(village, monkeypatch):
    village.types("no\n")
    code, _, _ = village("member", "close", "Ada")
    assert code
    assert [each["name"] for each in village.json("member", "list")] == ["Ada", "Ben"]
