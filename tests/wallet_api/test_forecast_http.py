"""The forecast over HTTP and on the first page: from published figures, and from nothing else."""

import re
from dataclasses import replace
from datetime import timedelta

import pytest
from fastapi.testclient import TestClient

from ledger.primitives.periods import load_zone, of_local_day
from settlement.forecast import DayForecast, NotYet, forecast
from settlement.forecast_days import Total
from settlement.forecast_json import forecast_json
from settlement.forecast_open import open_history
from settlement.forecast_text import why_not, why_not_published
from settlement.open_data import OpenRow, Why
from settlement.open_data_store import OpenDay, OpenDays
from tests.wallet_api.open_streets import settled
from wallet_api.cli.context import Settings
from wallet_api.http import create_app
from wallet_api.street import CHARTER, WEEK

ZONE = load_zone(CHARTER.zone)


@pytest.fixture(scope="module")
def url(tmp_path_factory):
    return settled(tmp_path_factory.mktemp("forecast") / "street", WEEK[:1])


@pytest.fixture
def client(url):
    with TestClient(create_app(Settings(url))) as client:
        yield client


def row(day, period, given_wh, taken_wh=4_000, matched_wh=0):
    why = None if given_wh is not None else Why.FEW
    taken_why = None if taken_wh is not None else Why.FEW
    return OpenRow(
        *(period, str(day), taken_wh, given_wh, matched_wh, None, None, "5 to 9", "5 to 9"),
        *(taken_why, why, None, None, None),
    )


def sunny(day):
    """A published day with most to spare from 12:00 to 14:00 on the community's clocks."""
    periods = of_local_day(day, ZONE)
    rows = [
        row(day, period, 9_000 if 24 <= place < 28 else 6_000 if 18 <= place < 34 else None)
        for place, period in enumerate(periods)
    ]
    return OpenDay(day, 1, tuple(rows))


@pytest.fixture
def published(monkeypatch):
    """Forty days are published, through the day before the replay's first."""
    days = [sunny(WEEK[0] - timedelta(days=ago)) for ago in range(40, 0, -1)]

    def of(_self, _community, first=None, last=None):
        return [
            d for d in days if (first is None or d.day >= first) and (last is None or d.day <= last)
        ]

    monkeypatch.setattr(OpenDays, "of", of)
    return days


def test_the_best_hours_follow_from_what_is_published(client, published):
    found = client.get("/v1/forecast", params={"day": str(WEEK[1])}).json()
    assert found["published_through"] == str(published[-1].day)
    noon = of_local_day(WEEK[1], ZONE)[24]
    for day in found["days"]:
        assert day["enough"]
        best = [h for h in day["half_hours"] if h["surplus_wh"]["expected"] == 5_000]
        assert len(best) == 4
        assert [h["offered_wh"]["expected"] for h in day["half_hours"][:4]] == [0] * 4
    rows = [row for day in published for row in day.rows]
    days = [WEEK[1], WEEK[2]]
    made = forecast(open_history(rows), days, ZONE, CHARTER.market)
    assert isinstance(made[0], DayForecast)
    assert {h.period: h.surplus.value for h in made[0].half_hours}[noon] == 5_000


def test_the_first_page_says_when_to_wash(client, published):
    page = client.get("/").text
    words = re.sub(r"\s+", " ", page)
    assert "<h2>When to wash</h2>" in page
    assert words.count("Best time to wash") == 2
    assert "12:00 to 14:00" in words
    assert page.count("<svg") >= 2
    assert "script" not in page
    assert len(published) == 40


def test_where_too_little_is_published_there_is_no_card_and_a_reason(client):
    found = client.get("/v1/forecast").json()
    assert [day["enough"] for day in found["days"]] == [False, False]
    for day in found["days"]:
        assert "not enough is published yet" in day["reason"]
        assert "1 published day can be read" in day["reason"]


def test_anybody_is_told_why_and_nobody_to_run_a_command():
    day, last = WEEK[1], WEEK[0]
    cases = {
        "rest on fewer than 5 members is never published": NotYet(day, None, 0, 0, False),
        "The last published day is Monday 15 June 2026": NotYet(day, last, 9, 9, True),
        "It needs 7 days to learn from": NotYet(day, last, 9, 0, False),
    }
    for words, found in cases.items():
        reason = forecast_json(found, None, why_not_published)["reason"]
        assert words in reason
        assert "not enough is published yet" in reason
        assert not re.search("commonwatt|--day|[Ii]mport", reason)
        assert forecast_json(found, None)["reason"] == why_not(found) != reason


def test_where_too_little_is_published_there_is_no_card(client):
    assert "When to wash" not in client.get("/").text


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("?day=soon", "soon"),
        ("?day=2099-01-01", "within a year"),
        ("?day=2026-06-15&day=2026-06-16", "day stands there twice"),
        ("?when=now", "say day, as 2026-06-15"),
    ],
)
def test_a_wrong_question_gets_a_sentence_and_no_answer(client, query, words):
    answer = client.get(f"/v1/forecast{query}")
    assert answer.status_code == 400
    assert words in answer.json()["detail"]


def test_the_forecast_rests_on_nothing_but_what_is_published(url, tmp_path, published):
    """In the other street every home takes and gives twice as much, and the same is published."""
    other = settled(tmp_path / "other", WEEK[:1], lambda r: replace(r, wh=2 * r.wh))
    answers = []
    for each in (url, other):
        with TestClient(create_app(Settings(each))) as client:
            answers.append(client.get("/v1/forecast", params={"day": str(WEEK[1])}).content)
    assert answers[0] == answers[1]
    assert len(published) == 40


def test_what_may_not_be_told_counts_as_nothing_or_is_unknown():
    day = WEEK[0]
    rows = [row(day, 1, None), row(day, 2, 3_000, matched_wh=2_000)]
    rows += [row(day, 3, 3_000, None), row(day, 4, None, None)]
    assert open_history(rows) == {
        1: Total(0, 4_000, 0),
        2: Total(2_000, 2_000, 1_000),
        3: Total(0, 0, 3_000),
    }
