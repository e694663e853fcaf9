"""The life of a member's keys as deeds, among settled days: the key that counts signs, the audit holds."""

import pytest

from ledger.errors import RefusedError, SetupError
from ledger.key_life import DELAYS
from ledger.primitives.periods import SECONDS
from ledger.primitives.signing import key_id_of
from settlement import deeds, key_deeds
from settlement.audit.verify import audit
from settlement.enrol import pay
from settlement.export import export_bundle
from settlement.key_deeds import By, Decision, FreezeBy
from settlement.run import settle_day
from tests.prepared import DAY, reopen


@pytest.fixture
def street(copy):
    community = reopen(*copy())
    yield community
    community.writer.database.close()


def people(community):
    return sorted(community.state.members)


def later(community, periods):
    clock = community.writer.clock
    clock.set_ms(clock.now_ms() + periods * SECONDS * 1000)


def sound(community, folder):
    export_bundle(community, folder / "bundle")
    report = audit(folder / "bundle")
    assert report.verdict == "sound", report.failure


def test_the_key_that_counts_signs_before_and_after_a_recovery(street, tmp_path):
    ada, ben, *_ = people(street)
    old = deeds.device(street, ada)
    settle_day(street, DAY)
    key_deeds.freeze(street, ada, "Lost.", FreezeBy.OPERATOR)
    key_deeds.recover(street, ada, By.OPERATORS, "She came.")
    later(street, DELAYS["operators"] - 1)
    assert deeds.device(street, ada).public == old.public
    later(street, 1)
    new = deeds.device(street, ada)
    assert new.public != old.public
    assert street.writer.keyring.names_of([new.public], "devices/*") == {
        new.public: f"devices/{ada}.2"
    }
    pay(street, ada, ben, 5, "with the new key")
    sound(street, tmp_path)


def test_a_process_that_starts_again_finds_the_same_key(copy):
    url, keys = copy()
    street = reopen(url, keys)
    ada, *_ = people(street)
    key_deeds.add_key(street, ada, "A tablet.")
    first, second = key_deeds.member_keys_now(street, ada).keys
    key_deeds.remove_key(street, ada, key_id_of(first)[:10], "Sold.")
    street.writer.database.close()
    again = reopen(url, keys)
    again.writer.clock.set_ms(again.writer.clock.now_ms() + 1_000)
    assert deeds.device(again, ada).public == second
    again.writer.database.close()


def test_each_paper_code_is_another_even_where_entropy_is_seeded(street):
    ada, *_ = people(street)
    codes = {key_deeds.make_paper_code(street, ada).words for _ in range(5)}
    assert len(codes) == 5


def test_the_change_that_was_decided_for_needs_its_own_keys_here(street):
    ada, *_ = people(street)
    code = key_deeds.make_paper_code(street, ada)
    key_deeds.new_paper_code(street, ada, code.commitment, "For the drawer.")
    later(street, DELAYS["code"])
    key_deeds.recover(street, ada, By.CODE, "Lost.", code=" ".join(code.words))
    key_deeds.object_to(street, ada, "No.")
    path = street.writer.keyring.folder / f"devices/{ada}.2.key"
    hidden = path.rename(path.with_suffix(".away"))
    street.writer.keyring._loaded.clear()
    with pytest.raises(SetupError, match="needs 1 of the change's 1 new keys; 0 of them"):
        key_deeds.decide(street, ada, Decision.CHANGE, "Hers.")
    hidden.rename(path)
    key_deeds.decide(street, ada, Decision.CHANGE, "Hers.")
    with pytest.raises(RefusedError, match="nothing to decide"):
        key_deeds.decide(street, ada, Decision.STAY, "Or not.")
