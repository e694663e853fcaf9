"""``commonwatt community desk``: a card whose words are a key of the roster."""

import re

import pytest

from ledger.primitives.signing import key_id_of
from ledger.recovery import DESK, PHONE, key_of_code
from tests.wallet_api.communities import Shell


@pytest.fixture
def village(tmp_path, capsys, monkeypatch):
    shell = Shell(tmp_path, capsys, monkeypatch)
    shell.found()
    return shell


def keys_of(village, role):
    return [
        each["key"] for each in village.json("community", "roster")["keys"] if each["role"] == role
    ]


@pytest.mark.parametrize("role", ["operator", "helper", "auditor"])
def test_a_card_s_words_are_a_key_of_the_roster(village, role):
    before = keys_of(village, role)
    out = village.done(
        "community", "desk", "Ann Evans", "--role", role, "--url", "https://street.example/"
    )
    link = re.search(r"https://street\.example/console/#/enter/([a-z-]+)", out)
    words = link[1].replace("-", " ")
    assert "Desk card of Ann Evans" in out
    assert f"the key of a{'n' if role != 'helper' else ''} {role}." in out
    [new] = set(keys_of(village, role)) - set(before)
    assert new == key_of_code(words, DESK).public.hex()
    assert key_of_code(words, PHONE).public.hex() != new
    # Nowhere but on the card.
    for path in village.folder.rglob("*"):
        if path.is_file():
            assert (
                words.split()[0].encode() + b" " + words.split()[1].encode()
                not in path.read_bytes()
            )
    village.sound()


def test_two_cards_are_two_keys_and_one_can_go(village):
    for name in ("Ann", "Ben"):
        village.done("community", "desk", name)
    operators = keys_of(village, "operator")
    assert len(operators) == len(set(operators)) == 4
    assert all(len(key_id_of(bytes.fromhex(key))) == 64 for key in operators)


def test_a_role_of_programs_has_no_card(village):
    village.refused("settlement", "community", "desk", "Ann", "--role", "settlement", code=2)
