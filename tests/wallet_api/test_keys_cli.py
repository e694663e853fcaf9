"""The life of a member's keys from the command line: a second phone, a lost one, a thief."""

import json

import pytest

from ledger.recovery import new_code
from tests.wallet_api.communities import Shell, words_of
from wallet_api.cli.paper import card


@pytest.fixture
def shell(tmp_path, capsys, monkeypatch):
    return Shell(tmp_path, capsys, monkeypatch)


@pytest.fixture
def village(shell):
    """A village of which the simulated clock stands on 13 June 2026, and Ada's paper code."""
    shell.code = shell.found()["Ada"]
    return shell


DAY_1, DAY_2, DAY_3, DAY_4, DAY_5 = (f"2026-06-{day}T09:00:00Z" for day in range(20, 25))


def keys(shell, *more):
    return shell.json("member", "keys", "Ada", *more)


def ids(shown):
    return [key["id"][:8] for key in shown["keys"]]


def test_a_new_member_gets_a_card_once(shell):
    shell.found()
    out = shell.done("member", "add", "Cleo")
    assert "Paper code of Cleo" in out
    assert "Nobody of the community will ever ask you for these words" in out
    assert shell.json("member", "keys", "Cleo")["paper_code"]
    out = shell.done("member", "add", "Dora", "--no-paper-code")
    assert "Paper code" not in out
    assert not shell.json("member", "keys", "Dora")["paper_code"]
    shell.types("")
    shell.refused("has 12 words; these are 0", "member", "recover", "Dora", "--code", code=2)


def test_members_from_a_file_get_cards_too(shell):
    shell.found()
    file = shell.folder / "homes.csv"
    head = "name,class,meter,channels,import_ticks,export_ticks\n"
    file.write_text(head + "Eve,household,,,2450,410\nFay,household,,,2450,410\n")
    out = shell.done("member", "add", "--file", file)
    assert out.count("Paper code of") == 2
    file.write_text(head + "Gil,household,,,2450,410\n")
    assert "Paper" not in shell.done("member", "add", "--file", file, "--no-paper-code")


def test_the_card_is_as_people_read_it():
    text = card("Ada", "Our Street", new_code(bytes(range(16))))
    assert max(map(len, text.splitlines())) <= 70
    assert text.splitlines()[4:7] == [
        "  1 abandon       2 amount        3 liar          4 amount",
        "  5 expire        6 adjust        7 cage          8 candy",
        "  9 arch         10 gather       11 drum         12 buyer",
    ]
    assert words_of(text) == " ".join(new_code(bytes(range(16))))


def test_a_second_phone_comes_and_the_first_goes(village):
    [first] = ids(keys(village))
    out = village.done("member", "add-key", "Ada")
    shown = keys(village)
    assert ids(shown)[0] == first
    second = ids(shown)[1]
    assert f"The key {second} counts for Ada from now on" in out
    assert [key["file"] for key in shown["keys"]] == [
        f"devices/{shown['member']}",
        f"devices/{shown['member']}.2",
    ]
    village.done("member", "remove-key", "Ada", first, "--reason", "Sold.")
    assert ids(keys(village)) == [second]
    # Everything that the member signs goes on with the key that counts.
    village.done("meter", "add", "Ada", "m-ada")
    village.done("member", "withdraw", "Ada", "m-ada")
    village.refused("the member's only key", "member", "remove-key", "Ada", second)
    village.refused("No key's id begins with 'zz'", "member", "remove-key", "Ada", "zz")
    village.done("member", "add-key", "Ada", "--replaces", second)
    assert second not in ids(keys(village))
    assert len(ids(keys(village))) == 1
    village.sound()


def test_two_of_two_must_sign_and_one_does_where_one_is_left(village):
    village.done("member", "add-key", "Ada", "--threshold", 2)
    assert keys(village)["threshold"] == 2
    village.done("meter", "add", "Ada", "m-ada")
    shown = keys(village)
    (village.keys / f"{shown['keys'][1]['file']}.key").rename(village.folder / "elsewhere.key")
    words = "needs 2 of this member's 2 keys; 1 of them is in"
    village.refused(words, "member", "withdraw", "Ada", "m-ada", code=2)
    assert "not in this keyring" in village.done("member", "keys", "Ada")
    (village.folder / "elsewhere.key").rename(village.keys / f"{shown['keys'][1]['file']}.key")
    village.done("member", "remove-key", "Ada", ids(shown)[1])
    assert keys(village)["threshold"] == 1
    village.refused("reach its threshold", "member", "add-key", "Ada", "--threshold", 3)
    # The file that the refused attempt left is taken by the next one.
    before = len(list((village.keys / "devices").iterdir()))
    village.done("member", "add-key", "Ada")
    assert len(list((village.keys / "devices").iterdir())) == before
    village.sound()


def test_a_lost_phone_and_a_code_in_a_drawer(village):
    """Freeze at once, come back by the paper code after three days, with a new code."""
    village.done("meter", "add", "Ada", "m-ada", "--channels", "import")
    [lost] = ids(keys(village))
    out = village.done("member", "freeze", "Ada", "--reason", "On the bus.", "--at", DAY_1)
    assert "commonwatt member recover Ada --code" in out
    shown = village.done("member", "keys", "Ada")
    assert "Frozen" in shown
    assert "Paper code: the one made with the account's opening, 2026-06-1" in shown
    again = village.size()
    out = village.done("member", "freeze", "Ada", "--reason", "Once more.")
    assert "already frozen: nothing was logged" in out
    assert village.size() == again
    for command in (("revoke-mandate", "Ada"), ("add-key", "Ada"), ("new-code", "Ada")):
        village.refused("the account is frozen", "member", *command)

    village.types(village.code.upper().replace(" ", "\n"))
    out = village.done("member", "recover", "Ada", "--code", "--at", "2026-06-20T12:30:00Z")
    assert "counts from 2026-06-23 13:30" in out  # three days later, on London's clocks
    assert "may object until then: commonwatt member object Ada" in out
    fresh = words_of(out)
    assert fresh != village.code
    assert ids(keys(village)) == [lost]
    waiting = keys(village)["waiting"]
    assert (waiting["first_utc"], waiting["objected"]) == ("2026-06-23T12:30:00Z", False)
    assert "A change waits until 2026-06-23 13:30" in village.done("member", "keys", "Ada")
    village.refused("another change", "member", "recover", "Ada", "--by-operators")

    assert ids(keys(village, "--at", "2026-06-23T12:00:00Z")) == [lost]
    shown = keys(village, "--at", DAY_5)
    assert ids(shown) == [key["id"][:8] for key in waiting["keys"]]
    assert not shown["frozen"]
    village.done("member", "revoke-mandate", "Ada", "--at", DAY_5)
    # The code was used up; the new one takes its place.
    village.refused("not the paper code", "member", "recover", "Ada", "--code")
    village.types(fresh)
    village.done("member", "recover", "Ada", "--code", "--no-paper-code")
    village.sound()


def test_words_that_are_wrong_are_named_and_change_nothing(village):
    village.types(village.code.replace(village.code.split()[2], "zebras", 1))
    village.refused("Word 3, 'zebras'", "member", "recover", "Ada", "--code", code=2)
    village.types(" ".join(new_code(bytes(16))))
    village.refused("not the paper code that the member set", "member", "recover", "Ada", "--code")
    for ways in ((), ("--code", "--by-operators")):
        village.refused("say --code", "member", "recover", "Ada", *ways, code=2)
    village.refused(
        "goes with --by-operators", "member", "recover", "Ada", "--code", "--decide", "stay", code=2
    )


def test_at_a_terminal_the_words_are_typed_without_being_shown(village, monkeypatch):
    class Terminal:
        @staticmethod
        def isatty():
            return True

    asked = []
    monkeypatch.setattr("sys.stdin", Terminal)
    monkeypatch.setattr("getpass.getpass", lambda text: asked.append(text) or village.code)
    village.done("member", "recover", "Ada", "--code")
    assert asked == ["The twelve words, which are not shown: "]


def test_the_finder_of_a_code_is_stopped_by_the_owner(village):
    [mine] = ids(keys(village))
    village.types(village.code)
    village.done("member", "recover", "Ada", "--code", "--at", DAY_1)
    out = village.done("member", "object", "Ada", "--reason", "I never lost it.", "--at", DAY_2)
    assert "--by-operators --decide" in out
    village.refused("objected to before", "member", "object", "Ada")
    assert ids(keys(village, "--at", DAY_5)) == [mine]
    village.refused("now two operators decide", "member", "recover", "Ada", "--code")
    village.refused("decide it", "member", "recover", "Ada", "--by-operators")
    out = village.done(
        "member", "recover", "Ada", "--by-operators", "--decide", "stay", "--at", DAY_4
    )
    assert "nobody may object again" in out
    new_words = words_of(out)
    village.refused("decided by operators", "member", "object", "Ada")
    shown = keys(village, "--at", DAY_5)
    assert (ids(shown), shown["waiting"]) == ([mine], None)
    # The code that was found opens nothing any more.
    village.done("member", "freeze", "Ada", "--reason", "To log the time.", "--at", DAY_5)
    village.refused("not the paper code", "member", "recover", "Ada", "--code")
    village.types(new_words)
    village.done("member", "recover", "Ada", "--code")
    village.sound()


@pytest.mark.parametrize("decision", ["change", "fresh"])
def test_a_thief_with_the_phone_objects_and_operators_believe_the_owner(village, decision):
    """The whole story: lost, frozen, recovered by code, objected to by the thief, decided."""
    village.done("meter", "add", "Ada", "m-ada")
    [stolen] = ids(keys(village))
    village.done("member", "freeze", "Ada", "--reason", "Stolen.", "--by", "member", "--at", DAY_1)
    village.types(village.code)
    recovered = words_of(village.done("member", "recover", "Ada", "--code", "--at", DAY_2))
    wanted = [key["id"][:8] for key in keys(village)["waiting"]["keys"]]
    village.done("member", "object", "Ada", "--at", DAY_3)
    assert "A change was objected to" in village.done("member", "keys", "Ada")
    out = village.done(
        *("member", "recover", "Ada", "--by-operators", "--decide", decision),
        *("--reason", "Came with her passport.", "--at", DAY_4),
    )
    assert "counts from 2026-06-24 10:00" in out
    village.refused("decided by operators", "member", "object", "Ada")
    assert ids(keys(village)) == [stolen]
    now = ids(keys(village, "--at", DAY_5))
    assert stolen not in now
    assert (now == wanted) == (decision == "change")
    village.done("member", "withdraw", "Ada", "m-ada", "--at", DAY_5)
    village.types(recovered if decision == "change" else words_of(out))
    village.done("member", "recover", "Ada", "--code")
    village.sound()


def test_after_a_decision_that_all_stays_each_key_and_code_is_shown_once(village):
    [key] = [key["id"][:8] for key in keys(village)["keys"]]
    village.types(village.code)
    village.done("member", "recover", "Ada", "--code", "--at", DAY_1)
    village.done("member", "object", "Ada", "--at", DAY_2)
    village.done("member", "recover", "Ada", "--by-operators", "--decide", "stay", "--at", DAY_3)
    shown = village.done("member", "keys", "Ada")
    table, _, rest = shown.partition(" must sign.")
    assert table.count(key) == 1
    assert f"{key}  now and afterwards" in table
    assert "the account's opening" in rest
    assert "; the change that waits brings another" in rest
    shown = village.done("member", "keys", "Ada", "--at", DAY_5)
    assert "the one made with a change of keys, 2026-06-22 10:00" in shown


def test_without_the_passphrase_it_is_asked_for_by_name(shell, monkeypatch):
    monkeypatch.setenv("COMMONWATT_KEY_PASSPHRASE", "four wet horses")
    shell.found()
    monkeypatch.delenv("COMMONWATT_KEY_PASSPHRASE")
    words = "is encrypted: set COMMONWATT_KEY_PASSPHRASE"
    shell.refused(words, "member", "new-code", "Ada", code=2)


def test_two_helpers_bring_an_account_back(village):
    village.refused(
        "needs 2 of the roster's 0 helpers", "member", "recover", "Ada", "--by-helpers", code=2
    )
    village.done("community", "roster", "--add-helper", "rosa", "--add-helper", "sam")
    out = village.done("member", "recover", "Ada", "--by-helpers", "--at", DAY_1)
    assert "counts from 2026-06-23 10:00" in out
    before = ids(keys(village))
    assert ids(keys(village, "--at", DAY_4)) != before
    village.refused("goes with|are not frozen", "member", "unfreeze", "Ada")
    village.done("member", "freeze", "Ada", "--reason", "Odd.", "--by", "helper", "--at", DAY_4)
    village.done("member", "unfreeze", "Ada", "--at", DAY_5)
    village.done("member", "revoke-mandate", "Ada")
    village.sound()


def test_a_new_paper_code_waits_and_can_be_objected_to(village):
    out = village.done("member", "new-code", "Ada", "--at", DAY_1)
    fresh = words_of(out)
    assert "with the new paper code counts from 2026-06-23 10:00" in out
    assert "The old paper code goes on until then." in out
    village.refused("another change of these keys waits", "member", "new-code", "Ada")
    village.types(fresh)
    village.refused("not the paper code", "member", "recover", "Ada", "--code")
    village.done("member", "recover", "Ada", "--code", "--at", DAY_5)
    village.sound()


def test_nothing_waits_and_nothing_is_objected_to(village):
    village.refused("there is nothing to object to", "member", "object", "Ada")
    village.refused(
        "there is nothing to decide",
        "member",
        "recover",
        "Ada",
        "--by-operators",
        "--decide",
        "stay",
    )
    village.refused("no member's name", "member", "keys", "Nobody", code=2)


def test_only_a_simulated_clock_is_moved(shell, village):
    village.done("member", "freeze", "Ada", "--reason", "x", "--at", DAY_2)
    village.refused("never goes back", "member", "unfreeze", "Ada", "--at", DAY_1)
    village.refused("not a UTC time", "member", "unfreeze", "Ada", "--at", "tomorrow", code=2)


def test_a_real_communitys_clock_is_its_own(shell):
    shell.found(replay=False)
    shell.refused("the real one", "member", "freeze", "Ada", "--reason", "x", "--at", DAY_2)
    shell.done("member", "recover", "Ada", "--by-operators")
    assert shell.json("member", "keys", "Ada")["waiting"]["decided"] is False


def test_the_keys_for_programs_are_whole(village):
    shown = json.loads(village.done("member", "keys", "Ada", "--json"))
    assert set(shown) == {
        *("member", "keys", "threshold", "frozen", "paper_code", "waiting"),
    }
    assert len(shown["keys"][0]["key"]) == 64
