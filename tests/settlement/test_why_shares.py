"""``why`` where a generator is shared, for holders without a meter of their own, and of gifts."""

import pytest

from meters.readings import Channel
from settlement import deeds
from settlement.enrol import Terms, add_member
from settlement.postings import Line
from settlement.run import settle_day
from settlement.why_day import why_day
from settlement.why_day_text import why_day_text
from settlement.why_json import why_json
from settlement.why_reading import why_reading
from settlement.why_reading_text import why_reading_text
from settlement.why_text import why_text
from tests.settlement.whys import DAY, PERIODS, founded, told

ROOF = ("m-school-pv", Channel.EXPORT)
NOON = PERIODS[25]


def shared(street):
    """Ben and a flat without a meter hold parts of the school's roof, and the school gives 30 kWh a month."""
    community, members = street.community, street.members
    members["Flat"] = add_member(community, "Flat", "household", Terms())
    parts = {members["Ben"]: 200_000, members["Flat"]: 30_000}
    deeds.share(community, members["School roof"], ROOF[0], parts)
    deeds.give(community, members["School roof"], 30_000)


@pytest.fixture(scope="module")
def street(tmp_path_factory):
    made = founded(tmp_path_factory.mktemp("shares"), meanwhile=shared)
    made.settle("SF")
    made.read(ROOF, NOON, 1_000)
    made.settle("R1")
    yield made
    made.community.writer.database.close()


def flat_text(text):
    return " ".join(text.split())


@pytest.mark.parametrize(
    ("name", "part", "words"),
    [
        ("Flat", (30_000, 30, False), "Shared 3 % of it is yours: 30 Wh"),
        ("Ben", (200_000, 200, False), "Shared 20 % of it is yours: 200 Wh"),
        ("School roof", (230_000, 230, True), "Shared 23 % of it is others': 230 Wh"),
    ],
)
def test_each_holders_part_of_the_reading_is_told(street, name, part, words):
    found = told(street, name, NOON)
    assert not found.differences
    [reading] = [r for r in found.told.readings if (r.meter, r.channel) == ROOF]
    assert (reading.wh, (reading.share.ppm, reading.share.wh, reading.share.owned)) == (1_000, part)
    assert reading.share.entry.kind == "share"
    others = sum(
        r.wh for r in found.told.readings if r is not reading and r.channel is Channel.EXPORT
    )
    mine = 1_000 - reading.share.wh if reading.share.owned else reading.share.wh
    assert found.told.flow.exported_wh == mine + others
    assert words in flat_text(why_text(found))
    assert why_json(found)["told"]["readings"]


def test_a_reading_of_a_shared_roof_that_changes_is_a_change_of_the_holders(street):
    found = told(street, "Flat", NOON)
    assert found.briefs[1].changed[0][:2] == ROOF
    assert "R1 changed it, since m-school-pv export is 1,000 Wh" in flat_text(why_text(found))


def test_a_reading_of_a_shared_roof_names_its_holders(street):
    with street.community.reading() as connection:
        found = why_reading(street.community, connection, ROOF, NOON)
    assert sorted(found.holders) == [("Ben", 200_000), ("Flat", 30_000)]
    text = flat_text(why_reading_text(found))
    assert "It is School roof's, but" in text
    for words in ("20 % of it Ben's", "3 % of it Flat's", " for School roof."):
        assert words in text


def test_what_went_to_the_help_fund_is_told(street):
    name = "School roof"
    found = told(street, name, NOON)
    given = [moved.net.given_units for moved in found.told.moved]
    assert given[0] > 0
    assert "of what that day sold went to the help fund" in flat_text(why_text(found))
    with street.community.reading() as connection:
        day = why_day(street.community, connection, street.members[name], DAY)
    assert not day.differences
    nets = [run.net for run in day.runs]
    total = Line(*day.total)
    assert sum(n.cash_units + n.claim_units + n.given_units for n in nets) == (
        total.sold_units - total.bought_units
    )
    assert "went to the help fund" in flat_text(why_day_text(day))


def test_the_dispute_that_led_to_a_run_is_told(tmp_path):
    made = founded(tmp_path)
    for code in ("SF", "RF"):
        made.settle(code)
    about = {"day": str(DAY), "run": "RF", "first": PERIODS.start, "periods": 1}
    fields = {**about, "units": 5_000_000, "claim": "It was more."}
    dispute = deeds.dispute(made.community, made.members["School roof"], fields)
    deeds.rule_on(made.community, dispute.id, "It was.", upheld=True)
    made.read(ROOF, NOON, 1_000)
    settle_day(made.community, DAY, code="DF")
    found = told(made, "School roof", NOON)
    assert not found.differences
    cited = found.told.dispute
    assert (cited.kind, cited.tx_id) == ("dispute", dispute.tx_id)
    words = f"Dispute upheld, and led to this run, {dispute.tx_id[:12]} {cited.position}"
    assert words in flat_text(why_text(found))
    assert told(made, "School roof", NOON, "RF").told.dispute is None
    made.community.writer.database.close()
