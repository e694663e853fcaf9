"""The page about checks says what the rules are: no more, no less, in the same words."""

import re
from pathlib import Path

import pytest

from meters.checks.limits import DEFAULTS
from meters.checks.rules import RULES
from meters.checks.sentinels import SENTINELS_KWH
from meters.coverage import State

PAGE = (Path(__file__).resolve().parents[3] / "docs" / "checks.md").read_text(encoding="utf-8")


def table(title):
    """The cells of the rows of the first table under a heading, without its head."""
    text = PAGE.split(f"\n## {title}\n")[1].split("\n## ")[0]
    rows = [line[2:-2].split(" | ") for line in text.splitlines() if line.startswith("| ")]
    return rows[2:]


def test_the_rules():
    assert table("The rules") == [
        [f"`{rule.code.value}`", rule.severity.value, rule.title, rule.default, rule.needs]
        for rule in RULES
    ]


def test_what_to_do():
    assert table("What to do") == [[f"`{rule.code.value}`", rule.action] for rule in RULES]


def test_the_limits():
    assert table("A meter's own limits") == [
        [f"`{rule.code.value}`", ", ".join(f"`{name}`" for name in rule.limits)]
        for rule in RULES
        if rule.limits
    ]


def test_the_states_of_a_coverage_report():
    assert [row[:2] for row in table("What a coverage report counts")] == [
        [f"`{state.letter}`", state.value] for state in State
    ]


def test_the_sentinels():
    sentence = PAGE.split("in kWh: ")[1].split(". They")[0]
    assert re.findall(r"[\d.]+\d", sentence) == list(SENTINELS_KWH)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.code.value)
def test_a_default_in_words_has_the_figures_of_the_limits(rule):
    spoken = {int(text.replace(",", "")) for text in re.findall(r"\d[\d,]*", rule.default)}
    for name in rule.limits:
        value = getattr(DEFAULTS, name)
        if name == "sun_height_mdeg":
            assert f"{-value / 1000}°" in rule.default
        else:
            assert (value // 60_000 if name.endswith("_ms") else value) in spoken
