"""Disputes: raised, decided, expired; a closed day is worked out once more, and audited."""

import pytest

from ledger.errors import RefusedError
from ledger.primitives.periods import load_zone, of_local_day
from meters.readings import Channel, Quality, Reading
from settlement import deeds, store
from settlement.audit.verify import audit
from settlement.constitution import next_rules
from settlement.disputes import State
from settlement.errors import RunRefusedError
from settlement.export import export_bundle
from settlement.intake import import_readings
from settlement.run import settle_day
from settlement.timetable import GB, due_at_ms
from tests.prepared import CHARTER, DAY, reopen

NOON = of_local_day(DAY, load_zone(CHARTER.zone)).start + 26
HALF_HOUR_MS = 1_800_000


@pytest.fixture
def closed(copy):
    """The street with its day closed by all three runs."""
    community = reopen(*copy())
    for code in GB.posting:
        community.writer.clock.set_ms(due_at_ms(GB.run(code), DAY, CHARTER.zone))
        settle_day(community, DAY, code=code)
    yield community
    community.writer.database.close()


def ada_of(community):
    return community.state.meters["m-ada"][-1][1].member


def raise_one(community, **changes):
    fields = {
        "day": str(DAY),
        "run": "RF",
        "first": NOON,
        "periods": 1,
        "units": 5_000_000,
        "claim": "My panels gave more at noon.",
    }
    return deeds.dispute(community, ada_of(community), fields | changes).id


def state_of(community, dispute):
    return community.state.disputes.of(dispute).state(community.writer.now_period())


def more_at_noon(community):
    import_readings(community, [Reading("m-ada-pv", Channel.EXPORT, NOON, 1_500, Quality.ACTUAL)])


def sound(community, folder):
    export_bundle(community, folder)
    report = audit(folder)
    assert report.failed is None, report.failure
    return report


def test_a_dispute_that_is_upheld_opens_a_closed_day_once(closed, tmp_path):
    with pytest.raises(RunRefusedError, match="no dispute about it was upheld"):
        settle_day(closed, DAY, code="DF")
    dispute = raise_one(closed)
    assert state_of(closed, dispute) is State.OPEN
    with pytest.raises(RunRefusedError, match="no dispute about it was upheld"):
        settle_day(closed, DAY, code="DF")
    deeds.rule_on(closed, dispute, "The panels' own meter shows it.", upheld=True)
    assert state_of(closed, dispute) is State.UPHELD
    more_at_noon(closed)
    summary = settle_day(closed, DAY, code="DF")
    assert (summary.code, summary.settled) == ("DF", 1)
    with closed.reading() as connection:
        [net] = [
            net
            for net in store.nets_of_run(connection, closed.writer.ledger, str(DAY), "DF")
            if net.member == ada_of(closed)
        ]
    assert net.change.sold_wh + net.change.grid_export_wh == 1_500 - 748
    assert settle_day(closed, DAY, code="DF") == summary
    with pytest.raises(RefusedError, match="next run of 2026-06-30 is DF2"):
        settle_day(closed, DAY, code="DF3")
    with pytest.raises(RunRefusedError, match="no dispute about it was upheld"):
        settle_day(closed, DAY, code="DF2")
    report = sound(closed, tmp_path / "bundle")
    assert (report.counts["dispute"], report.counts["ruling"], report.counts["seal"]) == (1, 1, 4)


def test_a_second_dispute_leads_to_a_second_run(closed, tmp_path):
    for number, code in enumerate(("DF", "DF2")):
        dispute = raise_one(closed, claim=f"Still wrong {number}.")
        deeds.rule_on(closed, dispute, "Yes.", upheld=True)
        if not number:
            more_at_noon(closed)
        assert settle_day(closed, DAY, code=code).settled == 1 - number
    sound(closed, tmp_path / "bundle")


def test_what_was_decided_is_decided(closed):
    dispute = raise_one(closed)
    deeds.rule_on(closed, dispute, "The register agrees.", upheld=False)
    assert state_of(closed, dispute) is State.REJECTED
    with pytest.raises(RefusedError, match="is rejected: it is decided no more"):
        deeds.rule_on(closed, dispute, "On second thoughts.", upheld=True)
    with pytest.raises(RunRefusedError, match="no dispute about it was upheld"):
        settle_day(closed, DAY, code="DF")


def test_a_dispute_expires_with_the_timetable(closed):
    dispute = raise_one(closed)
    periods = of_local_day(DAY, load_zone(CHARTER.zone))
    until = periods.stop + GB.dispute.until
    closed.writer.clock.set_ms(until * HALF_HOUR_MS - 1)
    assert state_of(closed, dispute) is State.OPEN
    closed.writer.clock.set_ms(until * HALF_HOUR_MS)
    assert state_of(closed, dispute) is State.EXPIRED
    with pytest.raises(RefusedError, match="is expired"):
        deeds.rule_on(closed, dispute, "Too late.", upheld=True)
    with pytest.raises(RefusedError, match="its time is over"):
        raise_one(closed)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"run": "R7"}, "no run 'R7'"),
        ({"day": "2020-01-01"}, "nothing to dispute"),
        ({"first": NOON + 40, "periods": 30}, "are of the day"),
        ({"first": NOON - 30}, "are of the day"),
    ],
)
def test_what_is_no_dispute_is_refused(closed, changes, words):
    with pytest.raises(RefusedError, match=words):
        raise_one(closed, **changes)


def test_the_group_sets_what_a_dispute_must_be_about_at_least(copy):
    community = reopen(*copy())
    rules = deeds.rules_now(community)
    deeds.new_rules(community, next_rules(rules, {"timetable": "SF=7d,RF=30d", "dispute": "2.00"}))
    zone = load_zone(CHARTER.zone)
    later = of_local_day(DAY.replace(month=7, day=20), zone)
    community.writer.clock.set_ms(later.stop * HALF_HOUR_MS)
    changes = {"day": "2026-07-20", "first": later.start}
    with pytest.raises(RefusedError, match=r"about £2\.00 at least"):
        raise_one(community, **changes, units=19_999_999)
    raise_one(community, **changes, units=20_000_000)
    community.writer.database.close()
