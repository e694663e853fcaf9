"""``commonwatt forecast`` on a simulated street: what people read, and what programs get."""

import json
import os
import re
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from ledger.primitives.periods import load_zone, of_local_day
from ledger.primitives.signing import SigningKey
from market.model import PriceRule
from meters.simulation import ZONE
from settlement import store
from settlement.enrol import Terms, add_member
from settlement.forecast import DayForecast, forecast
from settlement.forecast_store import gather
from settlement.intake import import_readings
from settlement.run import settle_day
from tests.streets import NAMES, SITES, add_meters, new_community, street_readings
from wallet_api.cli.app import run

GOLDEN = Path(__file__).parent / "golden" / "forecast.txt"
FIRST = date(2026, 6, 1)
READ_DAYS, SETTLED_DAYS = 30, 23
DAYS = [FIRST + timedelta(days=at) for at in range(READ_DAYS)]
TOMORROW = FIRST + timedelta(days=READ_DAYS + 1)
LATE = 5
"""Half-hours of Ben's last day that are not there yet."""


def ms(day, hour):
    return int(datetime(day.year, day.month, day.day, hour, tzinfo=UTC).timestamp()) * 1000


@pytest.fixture(scope="module")
def street(tmp_path_factory):
    """Thirty days of readings, of which twenty-three are settled; it is the morning after."""
    folder = tmp_path_factory.mktemp("forecast")
    community = new_community(folder, datetime(2026, 5, 30, 12, tzinfo=UTC))
    for place, (name, site) in enumerate(zip(NAMES, SITES, strict=True)):
        device = SigningKey.from_seed(bytes([place + 1] * 32))
        add_meters(community, add_member(community, name, "household", Terms(), device), site)
    last = of_local_day(DAYS[-1], load_zone(ZONE))
    late = {("m-ben", period) for period in last[:LATE]}
    readings = street_readings(SITES, DAYS)
    community.writer.clock.set_ms(ms(DAYS[-1] + timedelta(days=1), 5))
    import_readings(community, [r for r in readings if (r.meter, r.period) not in late])
    for day in DAYS[:SETTLED_DAYS]:
        settle_day(community, day)
    yield community, folder
    community.writer.database.close()


@pytest.fixture
def command(street, capsys, monkeypatch):
    monkeypatch.setenv("COMMONWATT_DATABASE_URL", f"sqlite:///{street[1]}/street.sqlite")
    monkeypatch.delenv("COMMONWATT_KEYS", raising=False)

    def call(*arguments):
        capsys.readouterr()
        code = run(["forecast", *arguments])
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return call


def test_what_a_household_reads(command):
    code, out, err = command()
    assert (code, err) == (0, "")
    if os.environ.get("COMMONWATT_WRITE_GOLDEN"):
        GOLDEN.write_text(out, encoding="utf-8")
    assert out == GOLDEN.read_text(encoding="utf-8")
    assert all(len(line) <= 78 for line in out.splitlines())
    assert out.startswith("Best time to wash tomorrow, Thursday 2 July: ")
    assert "worked out through Tuesday 23 June" in out


def test_what_a_program_gets(command):
    code, out, _ = command("--json")
    first, second = json.loads(out)["days"]
    assert (code, first["day"], second["day"]) == (0, "2026-07-02", "2026-07-03")
    # Ben's last day lacks five half-hours, one more than a known day may.
    assert (first["last_known"], first["settled_through"]) == ("2026-06-29", "2026-06-23")
    assert len(first["half_hours"]) == 48
    noon = first["half_hours"][24]
    assert noon["start"] == "2026-07-02T11:00:00Z"
    assert noon["price_ticks"] == {"expected": 1430, "error": 0, "band": 0}
    assert noon["surplus_wh"]["expected"] == (
        noon["offered_wh"]["expected"] - noon["wanted_wh"]["expected"]
    )
    assert first["half_hours"][0]["price_ticks"] is None
    wash = first["wash"]
    inside = [h for h in first["half_hours"] if wash["from"] <= h["start"] < wash["until"]]
    assert wash["surplus_wh"] == sum(h["surplus_wh"]["expected"] for h in inside)


def test_another_day_is_forecast_from_what_was_known_before_it(command):
    code, out, _ = command("--day", "2026-06-25", "--json")
    first = json.loads(out)["days"][0]
    assert (code, first["last_known"], first["rests_on_days"]) == (0, "2026-06-24", 24)
    code, out, _ = command("--day", "2026-07-01")
    assert out.startswith("Best time to wash today, Wednesday 1 July: ")
    code, out, _ = command("--day", "2026-06-20")
    assert out.startswith("Best time to wash on Saturday 20 June: ")
    assert "all of them worked out" in out


@pytest.mark.parametrize(
    ("day", "words"),
    [
        ("2026-06-10", "yet: there is not enough history. It needs 7 days to learn from and 7 to"),
        ("2026-06-01", "nothing is known of the 70 days before it. Import readings"),
        ("2026-07-20", "the last known day is Monday 29 June 2026, more than 14 days before."),
    ],
)
def test_too_little_is_said_to_be_too_little(command, day, words):
    code, out, err = command("--day", day)
    assert (code, err) == (1, "")
    assert words in re.sub(r"\s+", " ", out)
    code, out, _ = command("--day", day, "--json")
    first = json.loads(out)["days"][0]
    assert (code, first["enough"]) == (1, False)
    assert words in first["reason"]


@pytest.mark.parametrize(
    ("day", "words"),
    [("tomorrow", "'tomorrow' is not a date like"), ("1969-12-31", "name one from 1971-01-01")],
)
def test_what_is_no_day_is_refused(command, day, words):
    code, _, err = command("--day", day)
    assert code == 2
    assert words in err


def test_readings_give_the_totals_that_settlement_gives(street):
    """The same days from readings alone, as before they were settled."""
    community, _ = street
    with community.reading() as connection:
        settled = gather(community, connection, TOMORROW)
        before = store.runs
        store.runs = lambda *_: []
        try:
            read = gather(community, connection, TOMORROW)
        finally:
            store.runs = before
    assert len(settled.settled) == SETTLED_DAYS
    assert read.settled == frozenset()
    assert read.settled_through is None
    assert read.history == settled.history
    assert len(read.history) == READ_DAYS * 48 - LATE


def test_prices_that_limits_make_are_those_that_were_paid(street, monkeypatch):
    community, _ = street
    rules = community.state.rules_now
    monkeypatch.setattr(type(rules.market.price), "is_set", property(lambda _: False))
    with community.reading() as connection:
        known = gather(community, connection, TOMORROW)
    prices = {total.price_ticks for total in known.history.values() if total.price_ticks}
    assert prices == {1430}
    [found] = forecast(known.history, [TOMORROW], load_zone(ZONE), rules.market)
    assert isinstance(found, DayForecast)
    assert {hour.price.value for hour in found.half_hours if hour.price} == {1430}
    assert PriceRule.MID_MARKET is rules.market.price


def test_help_has_an_example(command):
    code, out, _ = command("--help")
    assert code == 0
    assert "Example: commonwatt forecast --day 2026-07-06" in re.sub(r"\s+", " ", out)
