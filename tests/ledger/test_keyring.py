"""The keyring: which of some keys are here, whatever their files are called."""

import pytest

from ledger.errors import SetupError
from ledger.keyring import PASSPHRASE_VARIABLE, Keyring
from ledger.primitives.signing import SigningKey

KEYS = [SigningKey.from_seed(bytes([number]) * 32) for number in range(1, 5)]
PUBLICS = [key.public for key in KEYS]


@pytest.fixture
def folder(tmp_path):
    ring = Keyring(tmp_path)
    ring.create("zoe", KEYS[0])
    ring.create("ada", KEYS[2])
    ring.create("devices/one", KEYS[1])
    ring.create("devices/one.2", KEYS[3])
    return tmp_path


def test_the_keys_come_in_the_order_that_was_asked_for(folder):
    ring = Keyring(folder)
    assert ring.names_of(PUBLICS) == {PUBLICS[0]: "zoe", PUBLICS[2]: "ada"}
    wanted = [PUBLICS[2], PUBLICS[1], PUBLICS[0]]
    assert [key.public for key in ring.some_of(wanted, 2, "keys")] == [PUBLICS[2], PUBLICS[0]]
    assert [key.public for key in ring.some_of(wanted, 1, "keys")] == [PUBLICS[2]]
    assert ring.names_of(PUBLICS, "devices/one*") == {
        PUBLICS[1]: "devices/one",
        PUBLICS[3]: "devices/one.2",
    }


def test_too_few_are_counted(folder):
    with pytest.raises(SetupError, match="needs 2 of the two; 1 of them is in"):
        Keyring(folder).some_of(PUBLICS[:2], 2, "the two")
    with pytest.raises(SetupError, match="needs 1 of the three; 0 of them are in"):
        Keyring(folder / "none").some_of(PUBLICS, 1, "the three")


def test_a_file_that_cannot_be_read_is_named_only_where_it_may_be_missed(folder, monkeypatch):
    (folder / "broken.key").write_bytes(b"no key")
    ring = Keyring(folder)
    assert len(ring.some_of([PUBLICS[0]], 1, "keys")) == 1
    with pytest.raises(SetupError, match=r"One file cannot be read: .*broken\.key"):
        ring.some_of([PUBLICS[1]], 1, "keys")
    for name in list(ring.names()):
        if name != "broken":
            ring.protect(name, "right")
    monkeypatch.setenv(PASSPHRASE_VARIABLE, "wrong")
    with pytest.raises(SetupError, match=PASSPHRASE_VARIABLE):
        Keyring(folder).some_of([PUBLICS[0]], 1, "keys")
