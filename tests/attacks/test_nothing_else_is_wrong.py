"""With the one check switched off that notices an attack, the audit calls its files sound.

So a fixture shows what it says, and fails for no other reason; and each check is needed.
"""

import pytest

from ledger.primitives import signing
from settlement.audit.verify import audit
from tests.attacks.catalogue import ATTACKS
from tests.attacks.make import FOLDER, THEMES

NOW_MS = 1_800_000_000_000
"""The auditor's clock, in January 2027: after every half-hour of the fixtures but one."""


def nothing(*_arguments, **_named):
    """Check nothing."""


SWITCHED_OFF = {
    "settlement.audit.order.Order.pass_over": (nothing, "backdating_half_hours_go_back"),
    "settlement.audit.order.Order.check_now": (nothing, "backdating_ahead_of_everybody"),
    "settlement.audit.order.Order.check_seen": (nothing, "backdating_hurried_recovery"),
    "settlement.audit.order.Order.check": (
        nothing,
        "backdating_expired_payment replay_number_used_twice",
    ),
    "settlement.audit.bundle.Bundle.check_copies": (nothing, "rewriting_other_rules_shown"),
    "settlement.audit.verify._compare": (
        nothing,
        "equivocation_two_checkpoints rewriting_everything_after rewriting_removed_entry",
    ),
    "ledger.keys.KeyBook.check": (
        nothing,
        (
            "adapter_other_key cross_ledger_payment keys_account_opened_by_one keys_frozen_account "
            "keys_of_somebody_who_did_not_sign keys_one_helper keys_one_operator "
            "keys_operator_replaced keys_other_paper_code keys_recovery_too_early "
            "keys_roster_without_the_old keys_stolen_phone_after_removal keys_thief_ends_the_freeze "
            "malleability_signed_twice mandate_settlement_key_pays"
        ),
    ),
    "ledger.keys.check_new_keys": (nothing, "keys_given_up_key_returns"),
    "ledger.keys.check_change": (
        nothing,
        "keys_recovery_overtaken keys_second_recovery_after_objection",
    ),
    "ledger.keys.KeyBook._check_expiry": (nothing, "keys_expired_roster"),
    "ledger.primitives.signing.LOW_ORDER_ENCODINGS": (
        frozenset(),
        (
            "weak_key_of_an_account weak_key_of_another_phone weak_key_of_settlement "
            "weak_r_of_a_payment"
        ),
    ),
    "settlement.audit.replay.prove_signatures": (
        nothing,
        "cross_ledger_type_swapped malleability_larger_s rewriting_changed_payment",
    ),
    "settlement.audit.replay.prove_readings": (nothing, "adapter_other_readings"),
    "settlement.audit.runs.prove_day": (
        nothing,
        (
            "backdating_reading_after_hold backdating_rules_after_readings "
            "clearing_certificate_of_another_market clearing_friend_preferred clearing_less_matched "
            "clearing_result_of_another_half_hour clearing_rounded_for_a_friend "
            "clearing_wrong_price mandate_hold_unlike_orders"
        ),
    ),
    "settlement.audit.days.same": (
        lambda _one, _other: True,
        (
            "backdating_mandate_after_reading backdating_offer_after_reading mandate_cap_exceeded "
            "mandate_after_revocation mandate_never_given mandate_order_unlike_offer"
        ),
    ),
    "settlement.audit.runs.same": (lambda _one, _other: True, "clearing_other_totals"),
    "settlement.audit.days.due_at_ms": (lambda *_arguments: 0, "backdating_early_run"),
    "settlement.audit.runs.Runs.finish": (nothing, "clearing_run_left"),
    "settlement.audit.replay.check_erasure": (
        nothing,
        "privacy_readings_erased_too_soon privacy_erased_twice",
    ),
    "settlement.state.CommunityState._check_readings": (nothing, "adapter_future_readings"),
    "settlement.effects.check_payment": (
        nothing,
        ("payments_request_paid_twice payments_request_of_another payments_request_paid_in_part"),
    ),
    "settlement.effects.check_end": (nothing, "payments_request_ended_by_a_stranger"),
    "settlement.effects.check_spending": (
        nothing,
        "payments_above_the_day payments_limit_lifted_at_once",
    ),
    "settlement.standing.StandingBook.paid_by": (
        lambda book, body, *_: book.orders[body["order"]],
        "payments_standing_twice payments_standing_not_due payments_standing_too_late",
    ),
    "settlement.standing.StandingBook.end": (nothing, "payments_standing_after_its_end"),
    "ledger.keys.KeyBook._check_open": (nothing, "payments_standing_frozen"),
    "settlement.payment_terms.later_count": (nothing, "payments_reserve_of_nothing"),
    "settlement.consents.ConsentBook.say": (nothing, "privacy_consent_to_anothers_meter"),
    "settlement.consents.check_helper": (nothing, "privacy_helper_lets_herself_in"),
    "settlement.state.CommunityState._check_floor": (nothing, "mandate_limit_beyond_rules"),
}
"""What is put in a check's place, and the attacks that nothing else notices."""


@pytest.fixture(autouse=True)
def no_key_is_remembered():
    """Keys are loaded once a process: a weak one must not stay, nor a refusal."""
    signing._load_public.cache_clear()
    yield
    signing._load_public.cache_clear()


@pytest.mark.parametrize("check", SWITCHED_OFF)
def test_only_one_check_notices(check, monkeypatch):
    instead, names = SWITCHED_OFF[check]
    for name in names.split():
        folder = FOLDER / f"{name}_fail"
        given = ATTACKS[folder.name].looks[0].commonwatt
        files = {
            option: (folder / given[given.index(f"--{option}") + 1]).read_bytes()
            for option in ("since", "policy")
            if f"--{option}" in given
        }
        assert audit(folder / "bundle.zip", now_ms=NOW_MS, **files).failed, name
        signing._load_public.cache_clear()
        with monkeypatch.context() as patch:
            patch.setattr(check, instead)
            report = audit(folder / "bundle.zip", now_ms=NOW_MS, **files)
        signing._load_public.cache_clear()
        assert report.failed is None, (name, report.failure)


def test_the_themes_are_all_here():
    assert {attack.make.__module__ for attack in ATTACKS.values()} == {m.__name__ for m in THEMES}
