"""What was counted in the bank, beside what was issued less what was redeemed."""

from datetime import date
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.errors import InputError, RefusedError, SignatureError
from ledger.primitives.periods import load_zone, local_date
from settlement import deeds
from settlement.audit.verify import audit
from settlement.enrol import pay
from settlement.export import export_bundle
from settlement.payment_deeds import backing_of, count_reserve
from settlement.reserve import Backing, later_count
from settlement.signers import operator_keys
from tests.prepared import reopen
from tests.settlement.test_deeds import backed, half_hours_later, people, refused, sound

__all__ = ["backed"]

SLIP = "ab" * 32
RULES = SimpleNamespace(issuance="reserve", zone="Europe/London")


def today(community):
    zone = load_zone(community.state.rules_now.zone)
    return local_date(community.writer.now_period(), zone)


@given(st.lists(st.integers(1, 20), min_size=1, max_size=8))
def test_the_count_of_the_latest_day_counts_and_of_a_day_the_last_one(days):
    count = None
    for number, day in enumerate(days):
        body = {"id": str(number), "day": f"2026-06-{day:02d}", "units": number}
        count = later_count(count, body, 990_737, RULES)
    last = max(range(len(days)), key=lambda number: (days[number], number))
    assert (count.units, count.day.day) == (last, days[last])


def test_what_was_counted_stands_beside_what_circulated_then(backed, tmp_path):
    ada, ben = people(backed)
    assert backing_of(backed) == Backing(0)
    deeds.issue(backed, ada, 900, SLIP, "Paid in.")
    pay(backed, ada, ben, 600, "bread")
    first = today(backed)
    count_reserve(backed, first, 850, SLIP, "Two of us.")
    found = backing_of(backed)
    assert (found.issued_units, found.issued_then_units, found.difference_units) == (900, 900, -50)
    half_hours_later(backed, 48)
    deeds.issue(backed, ben, 100, SLIP, "Paid out.", redeem=True)
    found = backing_of(backed)
    assert (found.issued_units, found.issued_then_units, found.difference_units) == (800, 900, -50)
    export_bundle(backed, tmp_path / "one")
    memory = audit(tmp_path / "one").memory()
    count_reserve(backed, today(backed), 800, SLIP, "Found in a drawer.")
    count_reserve(backed, first, 1, SLIP, "An old one, found late.")
    assert backing_of(backed).difference_units == 0
    export_bundle(backed, tmp_path / "two")
    report = audit(tmp_path / "two", memory=memory)
    assert report.verdict == "sound", report.failure
    assert report.replay.community.payments.count == backed.state.payments.count
    sound(backed, tmp_path)


def test_what_is_refused(backed):
    refused(backed, "not over yet", lambda: count_reserve(backed, date(2027, 1, 1), 5, SLIP, "x"))
    fields = {"day": "2026-02-30", "units": 5, "evidence": SLIP, "note": "x"}
    says = lambda keys: deeds.say(backed, "reserve_count", "community", fields, keys)  # noqa: E731
    refused(backed, "not a date", lambda: says(operator_keys), InputError)
    one = lambda community: operator_keys(community)[:1]  # noqa: E731
    refused(backed, "needs 2 of operators; 1", lambda: says(one), SignatureError)


def test_mutual_credit_has_no_reserve(copy):
    street = reopen(*copy())
    words = "no reserve to count"
    refused(street, words, lambda: count_reserve(street, today(street), 5, SLIP, "x"))
    with pytest.raises(RefusedError, match=words):
        backing_of(street)
    street.writer.database.close()
