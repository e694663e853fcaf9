"""All rules of a day together: order, what rests, and that the list of rules is whole."""

import json
import random
from dataclasses import fields
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from meters.checks.day import check_day
from meters.checks.findings import Code, Severity, stretches, suspect_periods
from meters.checks.limits import CheckLimits
from meters.checks.rules import RULES, rule_of
from meters.checks.sun import Site
from meters.readings import Advance, Channel, Place, Quality
from tests.meters.checks.days import DAY, day_of, plain, series

LIMITS = CheckLimits()


def test_every_code_has_its_rule_in_order_of_severity():
    assert [rule.code for rule in RULES] == list(Code)
    assert all(rule_of(code).code is code for code in Code)
    ranks = [rule.severity.rank for rule in RULES]
    assert ranks == sorted(ranks)
    assert {rule.code for rule in RULES if rule.check is None} == {
        rule.code for rule in RULES if rule.severity is Severity.REFUSED
    }


def test_every_rule_can_be_printed():
    printed = [rule.as_json() for rule in RULES]
    assert json.loads(json.dumps(printed)) == printed
    assert [row["code"] for row in printed] == [code.value for code in Code]
    assert all(row["action"].endswith(".") and row["severity"] for row in printed)


def test_every_limit_belongs_to_a_rule():
    assert {name for rule in RULES for name in rule.limits} == {
        field.name for field in fields(CheckLimits)
    }


def test_an_ordinary_day_without_context_finds_nothing():
    assert check_day(day_of(), LIMITS) == []


def spoilt_day(order):
    """A day with many things wrong; `order` shuffles what has no order of its own."""
    values = [None, *plain()[1:10], 9_000, *plain()[11:]]
    known = list((series(values) | series([5] * 14, DAY.start + 20, Quality.ZERO)).items())
    advances = [
        Advance(
            "h1",
            Channel.IMPORT,
            DAY.start * 1800,
            DAY.stop * 1800,
            wh,
            Quality.ACTUAL,
            Place(0, 0, 0),
        )
        for wh in (0, 1)
    ]
    for items in (known, advances):
        order.shuffle(items)
    return day_of(known=dict(known), advances=advances, site=Site(0, 0))


def test_the_weightiest_comes_first():
    codes = [found.code.value for found in check_day(spoilt_day(random.Random(1)), LIMITS)]
    assert codes == ["spike", "register", "register", "grid", "estimated-share"]


@given(st.randoms(use_true_random=False))
def test_the_order_of_what_is_given_does_not_matter(order):
    assert check_day(spoilt_day(order), LIMITS) == check_day(spoilt_day(random.Random(1)), LIMITS)


def test_suspect_half_hours_are_those_of_suspect_findings():
    findings = check_day(day_of([None, *plain()[1:10], 9_000, *plain()[11:]]), LIMITS)
    assert suspect_periods(findings) == {("h1", Channel.IMPORT): {DAY.start + 10}}
    assert suspect_periods([]) == {}


@given(st.sets(st.integers(0, 60)))
def test_stretches_hold_each_half_hour_once_and_do_not_touch(periods):
    parts = list(stretches(periods))
    assert [period for part in parts for period in part] == sorted(periods)
    assert all(one.stop < other.start for one, other in pairwise(parts))
