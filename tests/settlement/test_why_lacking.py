"""Explanations of what is missing, estimated, not worked out yet, erased, or changed by an insider."""

import sqlite3

import pytest

from ledger import log_store
from ledger.errors import InputError
from ledger.primitives.periods import SECONDS
from meters.readings import Channel
from settlement import deeds
from settlement.enrol import Terms, add_member
from settlement.estimating import estimate_missing
from settlement.run import settle_day
from settlement.showing import show_day
from settlement.timetable import due_at_ms, first_due_ms
from settlement.why import why
from settlement.why_day import why_day
from settlement.why_day_text import why_day_text
from settlement.why_model import Outcome
from settlement.why_reading import why_reading
from settlement.why_text import why_text
from settlement.why_version_model import Counted, Signer
from tests.prepared import reopen
from tests.settlement.test_meter_keys import bind, deliver
from tests.settlement.whys import (
    DAY,
    MISSING,
    PERIODS,
    day_of,
    founded,
    settled,
    stored_lines,
    told,
)

ZONE = "Europe/London"


@pytest.fixture
def plain(tmp_path):
    """The same without losses and agreements, nothing settled yet: to be changed by a test."""
    made = founded(tmp_path)
    yield made
    made.community.writer.database.close()


def tampered(street, sql, *values):
    """Change the database as an insider does, past the guards."""
    street.community.writer.database.close()
    with sqlite3.connect(street.folder / "street.sqlite") as connection:
        names = connection.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'")
        for (name,) in names.fetchall():
            connection.execute(f"DROP TRIGGER {name}")
        count = connection.execute(sql, values).rowcount
    connection.close()
    assert count


def test_missing_estimated_and_held_back(plain):
    settled(plain)
    meter, span = MISSING
    found = told(plain, "Dave", span[0])
    [reading] = found.told.readings
    assert (reading.meter, reading.counted, reading.wh) == (meter, Counted.MISSING, 0)
    assert "There was no reading of m-dave import: it counted as zero." in why_text(found).replace(
        "\n", " "
    )
    assert found.differences == []
    estimate_missing(plain.community, DAY)
    found = told(plain, "Dave", span[0])
    assert "Another reading of m-dave import came since" in why_text(found).replace("\n", " ")
    plain.settle("R1")
    found = told(plain, "Dave", span[0])
    [reading] = found.told.readings
    assert (reading.counted, reading.used.quality) == (Counted.AS_READ, "interpolated")
    assert reading.used.inputs[0]["what"] == "rules"
    assert found.differences == []
    assert "an estimate counted" in why_text(found)


def test_an_estimated_export_counts_in_the_last_run_only(tmp_path):
    street = founded(tmp_path, leave_out=("m-ada-pv", range(PERIODS[24], PERIODS[26])))
    street.clock.set_ms(first_due_ms(DAY, ZONE))
    estimate_missing(street.community, DAY)
    settle_day(street.community, DAY)
    reading = told(street, "Ada", PERIODS[24]).told.readings[1]
    assert (reading.used.quality, reading.wh) == ("zero", 0)
    due_ms = due_at_ms(street.community.state.rules_now.timetable.run("RF"), DAY, ZONE)
    street.clock.set_ms(due_ms)
    estimate_missing(street.community, DAY, final=True)
    street.settle("RF")
    found = told(street, "Ada", PERIODS[24])
    reading = found.told.readings[1]
    assert reading.wh == reading.used.wh > 0
    assert found.differences == []
    assert found.next_run is None
    assert "The day is closed" in why_text(found)
    street.community.writer.database.close()


def test_before_it_is_worked_out_it_says_when_it_will_be(plain):
    with pytest.raises(
        InputError, match=r"not worked out yet. The run SF is due on 2026-07-08 at 00"
    ):
        told(plain, "Ada", PERIODS[25])
    with pytest.raises(InputError, match="2026-06-26: the community began later"):
        told(plain, "Ada", PERIODS[25] - 4 * 48)
    plain.clock.set_ms(first_due_ms(DAY, ZONE))

    class KilledError(Exception):
        pass

    def kill(_step):
        raise KilledError

    with pytest.raises(KilledError):
        settle_day(plain.community, DAY, kill)
    with pytest.raises(InputError, match="being worked out: money was set aside"):
        told(plain, "Ada", PERIODS[25])
    settle_day(plain.community, DAY)
    assert told(plain, "Ada", PERIODS[25]).differences == []
    with pytest.raises(
        InputError, match=r"no run R1 of 2026-06-30: made were SF. The run R1 is due"
    ):
        told(plain, "Ada", PERIODS[25], "R1")
    with pytest.raises(InputError, match="only for a dispute"):
        told(plain, "Ada", PERIODS[25], "DF")


def test_whoever_has_no_meter_is_told_so(plain):
    member = add_member(plain.community, "Eve", "household", Terms())
    settled(plain)
    with plain.community.reading() as connection:
        with pytest.raises(InputError, match="had no meter that is traded"):
            why(plain.community, connection, member, PERIODS[3])
        with pytest.raises(InputError, match="had no meter that is traded"):
            why_day(plain.community, connection, member, DAY)
        with pytest.raises(InputError, match="is not a member's id"):
            why(plain.community, connection, "0f" * 16, PERIODS[3])


def test_what_is_only_shown_is_on_its_way_and_stays_to_be_asked_for(plain):
    plain.clock.set_ms(
        max(
            plain.clock.now_ms() + 1,
            due_at_ms(plain.community.state.rules_now.timetable.run("II"), DAY, ZONE),
        )
    )
    show_day(plain.community, DAY, "II")
    found = told(plain, "Ada", PERIODS[25])
    assert (found.told.code, found.told.posts) == ("II", False)
    assert found.told.market.sentences
    assert found.told.order is not None
    text = why_text(found)
    assert "on its way, not final" in text.replace("\n", " ")
    assert max(map(len, text.splitlines())) <= 78
    day = day_of(plain, "Ada")
    assert "on its way, not final" in why_day_text(day).replace("\n", " ")
    settled(plain)
    assert [brief.code for brief in told(plain, "Ada", PERIODS[25]).briefs] == ["II", "SF"]
    again = told(plain, "Ada", PERIODS[25], "II")
    assert again.told.line == found.told.line


def entries_of(street, kind):
    with street.community.reading() as connection:
        number = street.community.writer.community
        facts = log_store.stored_facts(connection, number, kinds=[kind])
        return [position for position, _, _ in facts]


@pytest.mark.parametrize(
    ("kind", "gone", "words"),
    [
        ("clearing", "result", "price is not known any more"),
        ("hold", "orders", "money there was for an order is not known"),
        ("settlement", "root", "salts were erased"),
        ("reading_batch", "line", "Readings of the day were erased"),
    ],
)
def test_what_was_erased_is_named_and_the_rest_is_shown(plain, kind, gone, words):
    settled(plain)
    lines = stored_lines(plain, "Ada")
    plain.clock.set_ms(plain.clock.now_ms() + 101 * 48 * SECONDS * 1000)
    entries = dict.fromkeys(entries_of(plain, kind), "detail")
    deeds.erase(plain.community, entries, "The group forgets after a hundred days.")
    found = told(plain, "Ada", PERIODS[25])
    assert found.told.line == lines[PERIODS[25]]
    assert found.differences == []
    outcomes = {check.name: check.outcome for check in found.checks}
    assert outcomes[gone] is Outcome.CANNOT
    assert Outcome.HOLDS in outcomes.values()
    assert max(map(len, why_text(found).splitlines())) <= 78
    text = why_text(found).replace("\n", " ")
    assert words in " ".join(text.split())
    assert "cannot be compared" in text


@pytest.mark.parametrize(
    ("name", "sql", "says"),
    [
        (
            "line",
            "UPDATE line SET sold_units = sold_units + 1 WHERE period = ? AND sold_wh > 0",
            "stored line is not the one that follows",
        ),
        (
            "line",
            "DELETE FROM line WHERE period = ? AND sold_wh > 0",
            "is not the one that follows",
        ),
        (
            "net SF",
            "UPDATE net SET sold_units = sold_units + 1 WHERE ? > 0",
            "do not sum to the net line",
        ),
        (
            "wallet SF",
            "UPDATE net SET cash_units = cash_units + 1 WHERE ? > 0",
            "moved in the wallet",
        ),
        (
            "log",
            "UPDATE log_entry SET leaf = x'00' WHERE position IN (SELECT position FROM statement WHERE kind = 'clearing') AND ? > 0",
            "not what the log commits to",
        ),
    ],
)
def test_a_changed_database_is_noticed(plain, name, sql, says):
    settled(plain)
    tampered(plain, sql, PERIODS[25])
    found = told(plain, "Ada", PERIODS[25])
    assert {c.name for c in found.checks if c.outcome is Outcome.DIFFERS} >= {name}
    assert any(says in sentence for sentence in found.differences)
    text = why_text(found)
    assert "DOES NOT AGREE" in text
    assert text.splitlines()[2].startswith("ATTENTION")
    assert max(map(len, text.splitlines())) <= 78


def test_a_changed_reading_is_noticed_and_named(plain):
    settled(plain)
    tampered(plain, "UPDATE reading_day SET wh = zeroblob(length(wh)) WHERE ? > 0", 1)
    found = told(plain, "Ada", PERIODS[25])
    assert "The reading of m-ada-pv export in the database is 0 Wh" in " ".join(found.differences)


def test_a_changed_hold_and_a_changed_result_are_noticed(plain):
    settled(plain)
    tampered(
        plain,
        "UPDATE fact SET detail = CAST(replace(detail, '\"limit_ticks\":410', '\"limit_ticks\":411')"
        " AS BLOB) WHERE ? > 0 AND position IN (SELECT position FROM statement WHERE kind = 'hold')",
        1,
    )
    found = told(plain, "Ada", PERIODS[25])
    assert "orders" in {c.name for c in found.checks if c.outcome is Outcome.DIFFERS}


def test_a_day_that_does_not_sum_is_noticed(plain):
    settled(plain)
    tampered(plain, "UPDATE line SET bought_wh = bought_wh + 1 WHERE period = ?", PERIODS[25])
    assert any("do not sum" in each for each in day_of(plain, "Ben").differences)
    assert "DOES NOT AGREE" in why_day_text(day_of(plain, "Ben"))


def test_whose_key_signed_is_told(copy):
    """A meter's own key, bound by operators; whoever opens the community anew knows it, too."""
    url, keys = copy()
    community = reopen(url, keys)
    bind(community)
    position, _ = deliver(community, first=PERIODS[20])
    community.writer.database.close()
    again = reopen(url, keys)
    with again.reading() as connection:
        versions = why_reading(again, connection, ("m-ben", Channel.IMPORT), PERIODS[20]).versions
    assert [version.signer for version in versions] == [Signer.ADAPTER, Signer.METER]
    assert versions[1].entry.position == position
    again.writer.database.close()
