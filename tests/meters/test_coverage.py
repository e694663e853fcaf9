"""Coverage: every half-hour counts once, the two forms say the same, and anybody can read them."""

import json
import re
from dataclasses import replace
from datetime import date
from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meters.coverage import Coverage, DayCover, State, cover, percent, verdict
from meters.coverage_html import MEANINGS, POLICY, render_html
from meters.coverage_style import STYLE
from meters.coverage_text import WIDTH, printable, render_text
from meters.readings import Channel, Quality
from meters.versions import Stored
from tests.meters.coverage_examples import DAYS, FIRST, GOLDEN, ZONE, example, periods

SLOT = ("h1", Channel.IMPORT)
DAY = periods(FIRST)


def covered(known, day=FIRST, wanted=None, **more):
    expected = {SLOT: wanted or range(periods(day).start, periods(day).stop)}
    readings = {(*SLOT, period): item for period, item in known.items()}
    return cover("Riverside", ZONE, [day], expected, readings, **more)


def counts(report):
    return {state: count for state, count in zip(State, report.totals, strict=True) if count}


def whole(quality=Quality.ACTUAL, position=1):
    return {period: Stored(300, quality.rank, 1, position) for period in DAY}


# The model


@pytest.mark.parametrize(
    ("quality", "state"),
    [
        (Quality.EDITED, State.EDITED),
        (Quality.ACTUAL, State.COMPLETE),
        *((quality, State.ESTIMATED) for quality in list(Quality)[2:]),
    ],
)
def test_what_a_quality_counts_as(quality, state):
    assert counts(covered(whole(quality))) == {state: 48}


def test_the_weightiest_counts():
    missing_and_doubted = {"suspects": {SLOT: set(DAY)}}
    assert counts(covered({}, **missing_and_doubted)) == {State.MISSING: 48}
    assert counts(covered(whole(Quality.ZERO), **missing_and_doubted)) == {State.SUSPECT: 48}
    came_late = {"received_ms": {1: 11}, "due_ms": {FIRST: 10}}
    assert counts(covered(whole(), **came_late)) == {State.LATE: 48}
    assert counts(covered(whole(Quality.EDITED), **came_late)) == {State.EDITED: 48}


@pytest.mark.parametrize(
    "more",
    [
        {"received_ms": {1: 10}, "due_ms": {FIRST: 10}},
        {"received_ms": {1: 11}},
        {"due_ms": {FIRST: 10}},
        {"received_ms": {2: 11}, "due_ms": {FIRST: 10}},
    ],
)
def test_what_is_not_known_to_be_late_is_not(more):
    assert counts(covered(whole(), **more)) == {State.COMPLETE: 48}


@pytest.mark.parametrize(("day", "count"), [((3, 29), 46), ((6, 15), 48), ((10, 25), 50)])
def test_a_local_day_has_its_half_hours(day, count):
    assert counts(covered({}, date(2026, *day))) == {State.MISSING: count}


def test_only_what_is_expected_counts():
    assert counts(covered(whole(), wanted=DAY[3:10])) == {State.COMPLETE: 7}
    assert counts(covered(whole(), wanted=range(DAY.stop, DAY.stop + 9))) == {}


@given(st.lists(st.integers(0, 50), min_size=6, max_size=6))
def test_a_days_mark(numbers):
    day = DayCover(tuple(numbers))
    if not sum(numbers):
        assert day.mark == " "
        return
    worst = next(state for state, count in zip(State, numbers, strict=True) if count)
    assert day.mark.lower() == worst.letter
    share_is_half = 2 * numbers[worst.number] >= sum(numbers)
    assert day.mark == (worst.letter.upper() if share_is_half else worst.letter)


def test_totals_are_sums_and_json_says_the_same():
    report = example()
    data = report.as_json()
    assert json.loads(json.dumps(data)) == data
    assert tuple(data["half_hours"].values()) == report.totals
    for state in State:
        assert data["half_hours"][state.value] == sum(
            day[state.value] for row in data["channels"] for day in row["days"]
        )
    assert (data["first"], data["last"]) == ("2026-03-09", "2026-04-10")
    assert [row["meter"] for row in data["channels"]] == ["<Zoë & Sons>", "Ada", "Ada", "Ben"]


def test_the_verdict():
    assert (
        verdict(covered(whole())) == "All 48 half-hours have an actual reading that came in time."
    )
    assert verdict(covered({})) == (
        "0.0 % of 48 half-hours are complete; 48 missing. Look first at h1 import: 48 missing."
    )
    assert "\n" not in verdict(example())
    assert verdict(covered({}, wanted=range(1))) == "No reading is expected."


def test_a_hundred_per_cent_is_all():
    assert [percent(part, 10_000) for part in (10_000, 9_999, 1)] == ["100.0 %", "99.9 %", "0.0 %"]


def test_months_hold_each_day_once():
    report = example()
    parts = [(first.month, report.dates[days]) for first, days in report.months()]
    assert [month for month, _ in parts] == [3, 4]
    assert [day for _, days in parts for day in days] == DAYS
    assert all(day.month == month for month, days in parts for day in days)


# Both forms


def test_the_text_is_the_golden_one():
    assert render_text(example()) == (GOLDEN / "coverage.txt").read_text(encoding="utf-8")


def test_the_html_is_the_golden_one():
    assert render_html(example()) == (GOLDEN / "coverage.html").read_text(encoding="utf-8")


def test_the_text_fits_whatever_names_and_numbers_come():
    report = example()
    rows = tuple(
        row._replace(meter="M" * 64, days=tuple(DayCover((50,) * 6) for _ in row.days))
        for row in report.rows
    )
    for troubled_only in (False, True):
        for shown in (report, Coverage("R" * 200, ZONE, FIRST, rows)):
            lines = render_text(shown, troubled_only=troubled_only).splitlines()
            assert max(map(len, lines)) <= WIDTH


def test_marks_stand_under_their_days():
    lines = render_text(example()).splitlines()
    head = next(line for line in lines if line.startswith("April"))
    row = next(line for line in lines[lines.index(head) :] if line.startswith("<Zo"))
    assert row[head.index(" 1 ") + 1 :].startswith("DdLl")
    assert head.index("10") - head.index(" 1 ") == 10


def test_a_month_shows_only_channels_of_which_something_is_expected():
    report = example()
    late_comer = report.rows[0]._replace(
        days=tuple(
            DayCover((0,) * 6) if day.month == 3 else one
            for day, one in zip(DAYS, report.rows[0].days, strict=True)
        )
    )
    shown = replace(report, rows=(late_comer, report.rows[1]))
    march, april = render_text(shown).split("March 2026")[1].split("April 2026")
    assert "<Zo" not in march
    assert "<Zo" in april
    march, april = render_html(shown).split('id="m2026-03"')[1].split('id="m2026-04"')
    assert "Zo" not in march
    assert "Zo" in april


def test_only_what_is_troubled():
    lines = render_text(example(), troubled_only=True).splitlines()
    assert [line.split("  ")[0] for line in lines if line.startswith(("Ada", "Ben", "<Zo"))] == [
        "Ada",
        "Ben",
        "<Zoë & Sons>",
    ]
    assert [line for line in lines if "more, complete" in line] == [
        "2 more, complete",
        "3 more, complete",
    ]


def test_a_name_cannot_move_the_cursor():
    assert printable("a\x1b[2Jb\u202ec\n") == "a?[2Jb?c?"
    assert printable("abcdef", 4) == "abc…"


def test_nothing_at_all_is_said():
    nothing = cover("Riverside", ZONE, [], {}, {})
    assert "No reading is expected." in render_text(nothing)
    assert "No reading is expected." in render_html(nothing)


class _Page(HTMLParser):
    """Notes every tag with its attributes and the text in it, and that tags close in order."""

    VOID = ("meta",)

    def __init__(self, page):
        super().__init__()
        self.tags, self.cells, self._open = [], [], []
        self.feed(page)
        assert self._open == []

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self._open.append(tag)
        if tag == "td":
            self.cells.append([dict(attrs), ""])

    def handle_endtag(self, tag):
        assert self._open.pop() == tag

    def handle_data(self, data):
        if self._open and self._open[-1] == "td":
            self.cells[-1][1] += data


def test_every_day_is_told_by_a_letter_and_by_words_and_not_by_colour_alone():
    page = _Page(render_html(example()))
    days = [cell for cell in page.cells if "title" in cell[0]]
    assert len(days) == 4 * len(DAYS)
    for attributes, letter in days:
        words, css = attributes["aria-label"], attributes.get("class")
        assert attributes["title"].endswith(f": {words}")
        if css is None:
            assert (words, letter) == ("no reading expected", "")
            continue
        state = State(css.split()[0])
        assert f" {state.value}" in words
        assert letter.lower() == {".": "·"}.get(state.letter, state.letter)
        assert (letter.isupper() or state is State.COMPLETE) == (
            css.endswith("heavy") or letter == "·"
        )


def test_the_page_loads_and_runs_nothing():
    text = render_html(example())
    page = _Page(text)
    names = {tag for tag, _ in page.tags}
    assert not names & {"script", "link", "img", "iframe", "object", "form", "svg"}
    for _, attributes in page.tags:
        assert not {
            name for name in attributes if name.startswith("on") or name in ("src", "style")
        }
        assert attributes.get("href", "#").startswith("#")
    assert f'content="{POLICY}"' in text
    assert "url(" not in STYLE


def test_links_lead_to_the_months():
    page = _Page(render_html(example()))
    anchors = {attributes.get("id") for _, attributes in page.tags}
    links = [attributes["href"][1:] for tag, attributes in page.tags if tag == "a"]
    assert links == ["m2026-03", "m2026-04"]
    assert set(links) <= anchors


def test_names_from_outside_stay_names():
    report = example()
    hostile = '"><script>alert(1)</script>&amp;\u202e'
    shown = replace(report, community=hostile, rows=(report.rows[0]._replace(meter=hostile),))
    page = _Page(render_html(shown))
    assert "script" not in {tag for tag, _ in page.tags}


def test_the_legend_has_every_state():
    assert set(MEANINGS) == set(State)


# Contrast, as WCAG 2 counts it


def _light(colour):
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts
    ]
    return sum(weight * part for weight, part in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


def _schemes():
    """The colours of light, dark and paper, each as a whole."""
    found = {}
    for name, block in zip(
        ("light", "dark", "paper"), re.findall(r":root \{(.*?)\}", STYLE, re.DOTALL), strict=True
    ):
        pairs = re.findall(r"--([a-z-]+): (#[0-9a-f]{3,6})", block)
        long = {
            key: value if len(value) == 7 else "#" + "".join(c * 2 for c in value[1:])
            for key, value in pairs
        }
        found[name] = {**found.get("light", {}), **long}
    return found.items()


@pytest.mark.parametrize(("scheme", "colours"), _schemes())
def test_letters_can_be_read_on_every_ground(scheme, colours):
    def contrast(ink, ground):
        one, other = sorted((_light(colours[ink]), _light(colours[ground])))
        return (other + 0.05) / (one + 0.05)

    grounds = [name for name in colours if name.split("-")[0] in {state.value for state in State}]
    assert len(grounds) == 11
    assert all(contrast("ink", ground) >= 4.5 for ground in (*grounds, "ground", "card"))
    assert all(
        contrast(ink, ground) >= 4.5 for ink in ("quiet", "action") for ground in ("ground", "card")
    )
