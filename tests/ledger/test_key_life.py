"""The life of a member's keys: change, freeze, recovery, objection, and the roster's own end."""

import pytest

from ledger.key_life import DELAYS, recovery_commitment
from ledger.primitives.signing import LOW_ORDER_ENCODINGS
from tests.ledger.key_stories import DAY, THIEF, Story, thiefs_code
from tests.ledger.statement_examples import (
    CODE,
    DEVICE,
    HELPERS,
    NEW_DEVICE,
    OPERATORS,
    OTHER,
    OTHER_DEVICE,
    PERIOD,
    SECOND_DEVICE,
    STRANGER,
    body_of,
    key_of,
)


@pytest.fixture
def story():
    return Story()


def test_a_member_adds_and_removes_telephones_at_once(story):
    story.change("keys", [DEVICE, NEW_DEVICE], [DEVICE, SECOND_DEVICE, NEW_DEVICE])
    assert [story.signs(key) for key in (DEVICE, SECOND_DEVICE, NEW_DEVICE)] == [True] * 3
    story.change("keys", [SECOND_DEVICE], [SECOND_DEVICE, NEW_DEVICE])
    assert not story.signs(DEVICE)
    assert story.signs(NEW_DEVICE)
    story.refused("needs 1 of the member's keys", "offer", [DEVICE])
    # A key that was given up never returns, for anybody.
    story.no_change("was given up", "keys", [NEW_DEVICE, DEVICE], [NEW_DEVICE, DEVICE])


def test_a_threshold_of_two_needs_two_to_change_anything(story):
    story.change("keys", [DEVICE], [DEVICE, SECOND_DEVICE], threshold=2)
    assert not story.signs(DEVICE)
    story.no_change("needs 2 of the member's keys", "keys", [DEVICE], [DEVICE])
    story.change("keys", [DEVICE, SECOND_DEVICE], [SECOND_DEVICE])
    assert story.signs(SECOND_DEVICE)


def test_every_new_key_shows_that_somebody_holds_it(story):
    new = [DEVICE, NEW_DEVICE, STRANGER]
    for signers in ([DEVICE], [DEVICE, NEW_DEVICE]):
        story.no_change("of the new keys", "keys", signers, new)
    story.no_change("of the new keys", "operators", OPERATORS[:2], [NEW_DEVICE])
    story.change("keys", [DEVICE, NEW_DEVICE, STRANGER], new)


@pytest.mark.parametrize("key", [OTHER_DEVICE, OPERATORS[2], HELPERS[0]])
def test_a_key_of_somebody_else_cannot_be_taken(story, key):
    story.no_change("somebody else", "keys", [DEVICE, key], [DEVICE, key])


def test_keys_that_would_never_do_are_refused(story):
    low, own = min(LOW_ORDER_ENCODINGS).hex(), DEVICE.public.hex()
    for words, keys, threshold in (
        ("small order", [low], 1),
        ("must differ", [own, own], 1),
        ("reach its threshold", [own], 2),
    ):
        story.refused(words, "key_change", [DEVICE], by="keys", keys=keys, threshold=threshold)


def test_the_paper_code_brings_an_account_back_after_three_days(story):
    story.recover()
    for wait in (0, 1, 3 * DAY - 1):
        story.period = PERIOD + wait
        assert story.signs(DEVICE)
        assert not story.signs(NEW_DEVICE)
    story.period = PERIOD + 3 * DAY
    assert not story.signs(DEVICE)
    assert story.signs(NEW_DEVICE)
    # The code was used, so it is not worth anything any more.
    story.no_change(
        "not the paper code",
        "code",
        [CODE, STRANGER],
        [STRANGER],
        code_key=CODE.public.hex(),
    )


def test_a_used_code_can_be_replaced_in_the_same_statement(story):
    fresh = key_of(50)
    story.recover(recovery=recovery_commitment(fresh.public))
    story.period += 3 * DAY
    story.recover(new=STRANGER, code=fresh)
    story.period += 3 * DAY
    assert story.signs(STRANGER)


def test_another_code_is_refused(story):
    wrong = key_of(50)
    words = "not the paper code"
    key = wrong.public.hex()
    story.no_change(words, "code", [wrong, NEW_DEVICE], [NEW_DEVICE], code_key=key)
    key = CODE.public.hex()
    story.no_change("paper code's key", "code", [NEW_DEVICE], [NEW_DEVICE], code_key=key)
    story.no_change("shows the code's key", "code", [CODE, NEW_DEVICE], [NEW_DEVICE])
    story.no_change("shows the code's key", "keys", [DEVICE, CODE], [DEVICE], code_key=key)
    # The other member set no code... it has the same commitment only if it chose the same code.
    assert story.book.members[OTHER].recovery is not None


@pytest.mark.parametrize(
    ("by", "signers", "days"), [("helpers", HELPERS, 3), ("operators", OPERATORS[1:], 1)]
)
def test_two_people_bring_an_account_back(story, by, signers, days):
    story.no_change("needs 2", by, [signers[0], NEW_DEVICE], [NEW_DEVICE])
    story.change(by, [*signers, NEW_DEVICE], [NEW_DEVICE])
    story.period += days * DAY - 1
    assert story.signs(DEVICE)
    story.period += 1
    assert story.signs(NEW_DEVICE)
    assert not story.signs(DEVICE)


def test_helpers_cannot_play_operators_nor_operators_helpers(story):
    story.no_change("2 of operators", "operators", [*HELPERS, NEW_DEVICE], [NEW_DEVICE])
    story.no_change("helper keys", "helpers", [*OPERATORS[:2], NEW_DEVICE], [NEW_DEVICE])


def test_an_objection_leaves_the_decision_to_two_operators(story):
    change = story.recover(new=THIEF)
    story.period += DAY
    story.log("key_objection", [SECOND_DEVICE], change=change)
    story.period += 10 * DAY
    assert story.signs(DEVICE)
    assert not story.signs(THIEF)
    # Neither the finder of the code nor two helpers can go on now.
    story.no_change(
        "now two operators decide",
        "code",
        [CODE, STRANGER],
        [STRANGER],
        code_key=CODE.public.hex(),
    )
    story.no_change("two operators decide", "helpers", [*HELPERS, STRANGER], [STRANGER])
    # Two operators may decide for whom they believe; nobody objects a second time.
    decision = story.change("operators", [*OPERATORS[:2], NEW_DEVICE], [NEW_DEVICE], decides=change)
    story.refused("decided by operators", "key_objection", [DEVICE], change=decision)
    story.period += DAY
    assert story.signs(NEW_DEVICE)
    assert not story.signs(DEVICE)


def test_a_thief_with_the_telephone_cannot_veto_for_ever(story):
    """The thief changes the keys, then objects to every recovery: operators have the last word."""
    story.change("keys", [DEVICE, THIEF], [THIEF])
    change = story.recover()
    story.log("key_objection", [THIEF], change=change)
    decision = story.change("operators", [*OPERATORS[:2], STRANGER], [STRANGER], decides=change)
    story.refused("decided by operators", "key_objection", [THIEF], change=decision)
    story.period += DAY
    assert story.signs(STRANGER)
    assert not story.signs(THIEF)


def test_a_thief_who_changes_the_keys_does_not_stop_a_recovery_that_waits(story):
    story.recover()
    story.change("keys", [DEVICE, THIEF], [THIEF])
    story.no_change(
        "another change", "keys", [THIEF], [THIEF], recovery=recovery_commitment(THIEF.public)
    )
    story.period += 3 * DAY
    assert story.signs(NEW_DEVICE)
    assert not story.signs(THIEF)


def test_a_new_paper_code_waits_three_days_and_can_be_objected_to(story):
    """Else a thief with the telephone would make one at once."""
    change = story.change(
        "keys", [DEVICE], [DEVICE, SECOND_DEVICE], recovery=recovery_commitment(THIEF.public)
    )
    assert story.book.member(body_of("offer")["account"], story.period).recovery == (
        recovery_commitment(CODE.public)
    )
    story.log("key_objection", [SECOND_DEVICE], change=change)
    story.period += 9 * DAY
    words = "not the paper code|now two operators"
    key = THIEF.public.hex()
    story.no_change(words, "code", [THIEF, STRANGER], [STRANGER], code_key=key)


@pytest.mark.parametrize("by", ["code", "helpers", "operators"])
def test_a_new_paper_code_that_waits_stands_in_nobodys_way(story, by):
    """Else a thief with the telephone would always have one waiting, and nobody could begin."""
    story.change("keys", [DEVICE], [DEVICE])  # the owner's other telephone is thrown out
    thiefs_code(story)
    if by == "code":
        story.recover()
    else:
        people = HELPERS if by == "helpers" else OPERATORS[:2]
        story.change(by, [*people, NEW_DEVICE], [NEW_DEVICE])
    words = "another change of these keys waits"
    fields = {"recovery": recovery_commitment(THIEF.public)}
    story.no_change(words, "keys", [DEVICE], [DEVICE], **fields)
    story.period += DELAYS[by]
    assert story.signs(NEW_DEVICE)
    assert not story.signs(DEVICE)
    # The thief's code never counted.
    key = THIEF.public.hex()
    story.no_change("not the paper code", "code", [THIEF, STRANGER], [STRANGER], code_key=key)


@pytest.mark.parametrize("stopper", [SECOND_DEVICE, HELPERS[1], OPERATORS[2]])
def test_a_freeze_drops_what_the_keys_asked_for_themselves(story, stopper):
    """Else a new paper code would come into effect, end the freeze and be the thief's."""
    thiefs_code(story)
    story.log("freeze", [stopper])
    story.period += 9 * DAY
    assert not story.signs(DEVICE)
    assert story.book.member(body_of("offer")["account"], story.period).frozen
    story.recover()


def test_a_freeze_does_not_stop_a_recovery(story):
    story.recover()
    story.log("freeze", [DEVICE])
    story.period += 3 * DAY
    assert story.signs(NEW_DEVICE)


def test_objections_are_to_what_waits_and_by_old_keys(story):
    story.refused("no such change", "key_objection", [DEVICE], change="ab" * 16)
    change = story.recover()
    story.refused("needs 1", "key_objection", [NEW_DEVICE], change=change)
    story.refused("needs 1", "key_objection", [OPERATORS[0]], change=change)
    story.refused("no such change", "key_objection", [DEVICE], change="ab" * 16)
    story.log("key_objection", [DEVICE], change=change)
    story.refused("objected to before", "key_objection", [DEVICE], change=change)
    story.no_change(
        "name it", "operators", [*OPERATORS[:2], STRANGER], [STRANGER], decides="ab" * 16
    )


def test_when_the_time_is_over_an_objection_is_too_late(story):
    change = story.recover()
    story.period += 3 * DAY
    story.refused("no such change", "key_objection", [DEVICE], change=change)


def test_one_change_waits_at_a_time(story):
    story.recover()
    story.no_change("another change", "operators", [*OPERATORS[:2], STRANGER], [STRANGER])
    story.no_change("another change", "helpers", [*HELPERS, STRANGER], [STRANGER])


@pytest.mark.parametrize("stopper", [SECOND_DEVICE, HELPERS[1], OPERATORS[2]])
def test_a_freeze_stops_the_members_keys_until_operators_or_new_keys(story, stopper):
    story.log("freeze", [stopper])
    assert not story.signs(DEVICE)
    for kind in ("offer", "mandate", "consent", "ask", "dispute", "mandate_revoke"):
        story.refused("is frozen", kind, [DEVICE])
    story.no_change("is frozen", "keys", [DEVICE, THIEF], [THIEF])
    for key in (DEVICE, HELPERS[0], OPERATORS[0]):
        story.refused("needs 2 of operators", "freeze", [key], frozen=False)
    story.log("freeze", OPERATORS[:2], frozen=False, reason="It was in the sofa.")
    assert story.signs(DEVICE)


def test_new_keys_open_a_frozen_account(story):
    story.log("freeze", [DEVICE])
    story.change("operators", [*OPERATORS[:2], NEW_DEVICE], [NEW_DEVICE])
    story.period += DAY
    assert story.signs(NEW_DEVICE)


def test_an_agreement_needs_both_sides(story):
    for signers in ([DEVICE], [DEVICE, SECOND_DEVICE], [OTHER_DEVICE]):
        story.refused("needs 1 of the", "agreement", signers)
    story.log("agreement", [OTHER_DEVICE, DEVICE])
    story.log("freeze", [OPERATORS[0]])
    story.refused("is frozen", "agreement", [OTHER_DEVICE, DEVICE])


def test_a_roster_ends_and_its_operators_sign_the_next(story):
    roster = body_of("roster")
    two = {name: roster[name] for name in ("log_key", "threshold", "keys")}
    story.log("roster", OPERATORS[:2], **two, version=2, expires=PERIOD + 5)
    story.period = PERIOD + 4
    story.log("limit", OPERATORS[:2])
    story.period = PERIOD + 5
    for kind in ("limit", "rules", "erasure"):
        story.refused("the roster expired with the half-hour from", kind, OPERATORS[:2])
    for kind, signer in (
        ("seal", key_of(4)),
        ("reading_batch", key_of(5)),
        ("act_for", HELPERS[0]),
    ):
        story.refused("the roster expired", kind, [signer])
    story.change("keys", [DEVICE, NEW_DEVICE], [NEW_DEVICE])  # members go on
    story.log("roster", OPERATORS[:2], **two, version=3)
    story.log("limit", OPERATORS[:2])
