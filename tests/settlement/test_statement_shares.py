"""Statements of who holds a share in another's generator, and of who disputes a day."""

from dataclasses import replace

import pytest

from ledger.primitives.periods import load_zone, of_local_day
from settlement import deeds
from settlement.enrol import Terms, add_member
from settlement.statement import household_statement
from settlement.statement_model import Disputed
from settlement.statement_text import render_text
from tests.settlement.statement_examples import examples
from tests.settlement.test_terms import early
from tests.streets import JUNE_30, ZONE

__all__ = ["early"]


def statement_of(community, member):
    with community.reading() as connection:
        return household_statement(community, connection, member, "2026-06")


@pytest.fixture
def shared(early):
    def agree(community, members):
        members["Dora"] = add_member(community, "Dora", "household", Terms())
        parts = {members["Dora"]: 200_000, members["Cleo"]: 300_000, members["Ada"]: 1_000}
        deeds.share(community, members["School roof"], "m-school-pv", parts)

    return early(agree)


def test_a_share_is_not_compared_at_a_tariff_that_is_not_theirs(shared):
    community, members = shared
    dora, cleo = (statement_of(community, members[name]) for name in ("Dora", "Cleo"))
    assert dora.shares_only
    assert cleo.shares_only  # a meter that only takes sells nothing
    assert (dora.total.sold_units > 0, dora.grid.parts, dora.better_units) == (True, (), 0)
    text = " ".join(render_text(dora).split())
    assert "What your share sold is not compared with the grid: you have no tariff for it." in text
    assert "The same energy with the grid alone" not in text
    assert "bills or buys" not in text
    assert cleo.better_units == cleo.bought_saving_units > 0
    assert "you have no tariff for what your share sold" in " ".join(render_text(cleo).split())


def test_who_has_panels_besides_is_compared_as_before(shared):
    community, members = shared
    for name in ("Ada", "School roof", "Ben"):
        statement = statement_of(community, members[name])
        assert not statement.shares_only
        assert "bills or buys" in render_text(statement)


def test_a_members_own_disputes_are_told(shared):
    community, members = shared
    noon = of_local_day(JUNE_30, load_zone(ZONE))[24]
    fields = {"day": str(JUNE_30), "run": "SF", "first": noon, "periods": 1, "units": 5_000_000}
    fields["claim"] = "Too little."
    dispute = deeds.dispute(community, members["Ben"], fields).id
    assert statement_of(community, members["Ben"]).disputes == (Disputed(JUNE_30, "SF", "open"),)
    assert statement_of(community, members["Ada"]).disputes == ()
    deeds.rule_on(community, dispute, "The meter is right.", upheld=False)
    text = render_text(statement_of(community, members["Ben"]))
    assert "Tue 30, run SF: your dispute was rejected." in text


def test_changes_that_print_as_nothing_are_counted():
    statement = examples()["share"]
    assert "2 others changed by less than is printed." in render_text(statement)
    few = replace(statement, adjustments=statement.adjustments[:2])
    units = sum(line.units for line in statement.adjustments[2:])
    few = replace(few, closing_units=few.closing_units - units, charges=())
    assert "2 days changed by less than is printed." in render_text(few)
