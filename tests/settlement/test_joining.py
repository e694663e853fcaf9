"""Joining by an invitation: no operator signs, a stranger's audit knows who let them in."""

import pytest

from ledger import people as people_store
from ledger.errors import InputError, RefusedError, SignatureError
from ledger.invitations import Standing
from ledger.kinds import COMMUNITY
from ledger.log.leaf import CLEAR_KINDS
from ledger.primitives.periods import SECONDS
from settlement import deeds, joining
from settlement.audit.verify import audit
from settlement.enrol import Terms, pay
from settlement.export import export_bundle
from settlement.run import settle_day
from settlement.signers import operator_keys
from tests.prepared import DAY, reopen


@pytest.fixture
def street(copy):
    community = reopen(*copy())
    yield community
    community.writer.database.close()


def later(community, periods):
    clock = community.writer.clock
    clock.set_ms(clock.now_ms() + periods * SECONDS * 1000)


def invite(community, days=30, member_class="household", floor_units=None):
    last = community.writer.now_period() + 48 * days
    return joining.invite(community, member_class, last, floor_units)


def join(community, letter, name="Okafor"):
    return joining.join(community, name, " ".join(letter.words), Terms())


def audited(community, path, memory=None):
    export_bundle(community, path)
    report = audit(path, memory=memory)
    assert report.verdict == "sound", report.failure
    return report


def test_a_household_joins_at_night_and_pays_and_is_paid(street, tmp_path, monkeypatch):
    letter = invite(street, member_class="shop", floor_units=-700)
    with monkeypatch.context() as asleep:
        asleep.setattr("settlement.enrol.operator_keys", None)  # no operator is asked
        member = join(street, letter)
    assert street.state.members[member].member_class == "shop"
    assert street.state.members[member].floor_units == -700
    ada = min(set(street.state.members) - {member})
    pay(street, member, ada, 700, "bread")
    with pytest.raises(RefusedError, match="below floor"):
        pay(street, member, ada, 1, "more bread")
    settle_day(street, DAY)
    report = audited(street, tmp_path / "bundle.zip")
    [invitation] = report.replay.keys.invitations.invitations.values()
    assert (invitation.id, invitation.member) == (letter.id, member)


def test_each_step_is_remembered_between_audits(street, tmp_path):
    letters = [invite(street) for _ in range(3)]
    memory = audited(street, tmp_path / "one.zip").memory()
    joining.end_invitation(street, letters[0].id, "Lost.")
    member = join(street, letters[1])
    report = audited(street, tmp_path / "two.zip", memory)
    whole = audited(street, tmp_path / "again.zip")
    assert report.replay.keys.invitations == whole.replay.keys.invitations
    assert report.memory() == whole.memory()
    # What the first audit knew is enough to refuse the second use in the third.
    keys = audit(tmp_path / "two.zip", memory=memory).replay.keys
    assert keys.invitations.invitations[letters[1].id].member == member
    states = [standing for _, standing in joining.invitations_now(street)]
    assert states == [Standing.ENDED, Standing.USED, Standing.OPEN]


def test_a_refused_attempt_leaves_the_invitation_open(street, tmp_path):
    letter = invite(street)
    existing = next(iter(street.state.members))
    with street.reading() as connection:
        taken = people_store.names(connection, street.writer.community)[existing]
    with pytest.raises(InputError, match="There is a member called"):
        join(street, letter, taken)
    member = join(street, letter)
    with pytest.raises(SignatureError, match="this invitation was used before"):
        join(street, letter, "Somebody else")
    assert member in street.state.members
    audited(street, tmp_path / "bundle.zip")


def test_too_late_ended_or_unknown_words_open_nothing(street):
    letter, ended = invite(street, days=1), invite(street)
    joining.end_invitation(street, ended.id, "Lost.")
    members = set(street.state.members)
    with pytest.raises(SignatureError, match="this invitation was ended before"):
        join(street, ended)
    with pytest.raises(RefusedError, match="No invitation of this community has these words"):
        joining.join(
            street,
            "Okafor",
            "legal winner thank year wave sausage worth useful legal winner thank yellow",
            Terms(),
        )
    later(street, 49)
    with pytest.raises(SignatureError, match="could be used until"):
        join(street, letter)
    assert set(street.state.members) == members


def test_nobody_is_invited_below_what_the_rules_allow(street):
    with pytest.raises(RefusedError, match="below what the rules allow"):
        invite(street, floor_units=-(10**12))


def test_rules_that_allow_less_since_then_bind_who_joins(street):
    letter = invite(street, floor_units=-700)
    rules = deeds.rules_now(street)
    rules["issuance"] = {**rules["issuance"], "floor_units": 0}
    before = set(street.state.members)
    deeds.new_rules(street, rules)
    with pytest.raises(RefusedError, match="below what the rules allow"):
        join(street, letter)
    assert set(street.state.members) == before


def test_one_operator_ends_one_and_two_make_one(street):
    letter = invite(street)
    [one, *_] = operator_keys(street)
    made = joining.end_invitation(street, letter.id, "Lost.")
    assert [key_id for key_id, _ in made.envelope.signatures] == [one.key_id]
    fields = {"key": "ab" * 32, "class": "household", "floor_units": 0, "last": 4_000_000}
    with pytest.raises(SignatureError, match="needs 2 of operators; 1"):
        deeds.say(street, "invitation", COMMUNITY, fields, [one])


def test_neither_words_nor_name_stand_in_the_log(street, tmp_path):
    letter = invite(street)
    join(street, letter, "Quillfeather")
    export_bundle(street, tmp_path / "bundle")
    data = b"".join(
        path.read_bytes() for path in (tmp_path / "bundle").rglob("*") if path.is_file()
    )
    assert letter.words[0].encode() + b" " not in data
    assert b"Quillfeather" not in data
    assert not {"invitation", "invitation_end", "account_open"} & set(CLEAR_KINDS)
