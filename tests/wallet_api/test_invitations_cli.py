"""Invitations from the command line: a letter, a household that joins by it, the list of them."""

import pytest

from tests.wallet_api.communities import Shell, words_of


@pytest.fixture
def village(tmp_path, capsys, monkeypatch):
    shell = Shell(tmp_path, capsys, monkeypatch)
    shell.found()
    return shell


def invite(village, *more):
    """Invite somebody; return the words and the end of the invitation's id."""
    out = village.done("member", "invite", *more)
    return words_of(out), out.split("end-invitation ")[1].strip()


def states(village, *more):
    return [each["state"] for each in village.json("community", "invitations", *more)]


def test_the_letter_is_as_people_read_it(village):
    out = village.done("member", "invite", "The Okafors, number 12", "--class", "shop")
    assert "Invitation for The Okafors, number 12\nVillage\n\n  1 " in out
    assert "These words open one account of the class shop,\nuntil 2026-07-" in out
    assert "This is shown once and kept nowhere. Cut it out now." in out
    assert "Okafors" not in village.done("community", "invitations")
    assert "Invitation for ______" in village.done("member", "invite")
    assert max(map(len, out.splitlines())) <= 72


def test_a_household_joins_by_its_letter(village):
    words, which = invite(village, "Okafor", "--credit-limit", 5, "--days", 2)
    for key in ("operator-1", "operator-2"):  # nobody is awake
        (village.keys / f"{key}.key").rename(village.folder / f"{key}.key")
    village.types(words.upper())
    out = village.done("member", "join", "Okafor", "--import-ticks", 2600)
    assert "Paper code of Okafor" in out
    assert words_of(out) != words
    [joined] = [each for each in village.json("member", "list") if each["name"] == "Okafor"]
    assert (joined["class"], joined["member"] in out) == ("household", True)
    shown = village.done("community", "invitations")
    assert shown.startswith(f"{which}  used     household  credit")
    assert shown.strip().endswith("Okafor joined")
    assert states(village) == ["used"]
    village.refused("used before", "member", "join", "Somebody")
    for key in ("operator-1", "operator-2"):
        (village.folder / f"{key}.key").rename(village.keys / f"{key}.key")
    village.sound()


def test_words_come_from_a_file_too_and_wrong_ones_are_named(village):
    words, _ = invite(village)
    file = village.folder / "letter.txt"
    file.write_text(words.replace(words.split()[0], "zebras", 1))
    village.refused(
        "'zebras', is not one that invitations are made of",
        *("member", "join", "Okafor", "--words", file),
        code=2,
    )
    file.write_text(words)
    village.done("member", "join", "Okafor", "--words", file, "--no-paper-code")
    gone = village.folder / "gone.txt"
    village.refused(r"gone\.txt", "member", "join", "B", "--words", gone, code=2)


def test_a_paper_code_is_no_invitation_and_an_invitation_no_paper_code(village):
    words, _ = invite(village)
    village.types(words)
    village.refused("not the paper code", "member", "recover", "Ada", "--code")
    village.types(words_of(village.done("member", "add", "Cleo")))
    village.refused("No invitation of this community", "member", "join", "Okafor")


def test_an_invitation_is_ended_or_is_over(village):
    words, which = invite(village)
    late, _ = invite(village, "--days", 1)
    village.refused("no invitation's id ends", "community", "end-invitation", "zz", code=2)
    village.done("community", "end-invitation", which, "--reason", "The letter was lost.")
    assert "The letter was lost." in village.done("community", "invitations")
    village.types(words)
    village.refused("was ended before", "member", "join", "Okafor")
    village.types(late)
    at = ("--at", "2026-06-20T09:00:00Z")
    village.refused("could be used until", "member", "join", "Okafor", *at)
    assert states(village, *at) == ["ended", "expired"]
    village.sound()


def test_nobody_was_invited(village):
    assert "Nobody was invited" in village.done("community", "invitations")
    village.refused("--class is one of", "member", "invite", "--class", "bank", code=2)
