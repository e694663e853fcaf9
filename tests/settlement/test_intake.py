"""Deliveries: twice, shuffled, corrected, an old file again, two at once, with a wrong date."""

import random
import threading

import pytest

from ledger import log_store
from ledger.primitives.periods import start_text
from meters.formats import ReadOptions, find_format
from meters.readings import Quality, Reading
from settlement.files_in import load, take
from settlement.intake import import_readings
from tests.engines import fresh_url
from tests.prepared import DAY, found, reopen
from tests.streets import SITES, street_readings
from wallet_api.cli.app import run
from wallet_api.cli.meters import corrected_text

READINGS = street_readings(SITES, [DAY])
ENGINES = ["sqlite", pytest.param("postgresql", marks=pytest.mark.postgresql)]


def log_size(community):
    with community.reading() as connection:
        return log_store.head(connection, community.writer.community)[0]


def test_the_same_delivery_again_in_any_order_writes_nothing(copy):
    community = reopen(*copy())
    before = log_size(community)
    shuffled = random.Random(3).sample(READINGS, len(READINGS))
    report = import_readings(community, shuffled)
    assert (report.accepted, report.corrected, report.identical) == (0, 0, len(READINGS))
    assert log_size(community) == before
    community.writer.database.close()


def test_a_correction_is_a_new_version_and_the_old_file_does_not_undo_it(copy):
    community = reopen(*copy())
    old = READINGS[40]
    new = Reading(old.meter, old.channel, old.period, old.wh + 7, Quality.ACTUAL)
    size = log_size(community)
    for delivery, corrected in (([new], 1), ([old], 0), ([new], 0)):
        assert import_readings(community, delivery).corrected == corrected
        with community.reading() as connection:
            known = community.readings.known(connection, range(old.period, old.period + 1))
            before = community.readings.known(
                connection, range(old.period, old.period + 1), before=size
            )
        key = (old.meter, old.channel, old.period)
        assert (known[key].wh, before[key].wh) == (old.wh + 7, old.wh)
    community.writer.database.close()


@pytest.mark.parametrize(
    ("before", "came", "first"),
    [
        (Quality.LIKE_DAY, Quality.ACTUAL, 1),
        (Quality.ZERO, Quality.ESTIMATED, 1),
        (Quality.ESTIMATED, Quality.ACTUAL, 0),
        (Quality.LIKE_DAY, Quality.ZERO, 0),
    ],
)
def test_what_comes_at_last_is_no_correction_of_our_estimate(copy, before, came, first):
    community = reopen(*copy())
    meter, channel = READINGS[0].meter, READINGS[0].channel
    community.writer.clock.set_ms(community.writer.clock.now_ms() + 86_400_000)
    period = community.writer.now_period() - 4
    import_readings(community, [Reading(meter, channel, period, 7, before)])
    for wh, expected in ((9, first), (8, 0)):  # the second time it is one
        report = import_readings(community, [Reading(meter, channel, period, wh, came)])
        assert (report.accepted, report.corrected, report.estimated) == (0, 1, expected)
        shown = ("0 corrected, 1 in the place of our estimates", "1 corrected")[not expected]
        assert corrected_text([report]) == shown
    community.writer.database.close()


def test_an_estimate_never_replaces_an_actual_and_yields_to_one(copy):
    community = reopen(*copy())
    old = READINGS[41]
    guess = Reading(old.meter, old.channel, old.period, old.wh + 9, Quality.ESTIMATED)
    assert import_readings(community, [guess]).corrected == 1
    with community.reading() as connection:
        known = community.readings.known(connection, range(old.period, old.period + 1))
    assert known[old.meter, old.channel, old.period].wh == old.wh
    community.writer.database.close()


@pytest.mark.parametrize("engine", ENGINES)
def test_two_imports_of_the_same_file_at_once_store_it_once(engine, tmp_path):
    with fresh_url(engine, tmp_path) as url:
        found(url, tmp_path / "keys").writer.database.close()
        workers = [reopen(url, tmp_path / "keys") for _ in range(2)]
        for worker in workers:
            worker.writer.clock.set_ms(worker.writer.clock.now_ms() + 86_400_000)
        delivery = [
            Reading(r.meter, r.channel, r.period, r.wh + 1, Quality.ACTUAL) for r in READINGS
        ]
        reports, failures = [], []
        start = threading.Barrier(2)

        def work(community):
            start.wait()
            try:
                reports.append(import_readings(community, delivery))
            except Exception as error:  # noqa: BLE001 - whatever it is, the test shows it
                failures.append(error)

        threads = [threading.Thread(target=work, args=(worker,)) for worker in workers]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert failures == []
        assert sorted(report.corrected for report in reports) == [0, len(READINGS)]
        for worker in workers:
            worker.writer.database.close()


@pytest.mark.parametrize("engine", ENGINES)
def test_one_read_is_one_view_while_others_write(engine, tmp_path):
    with fresh_url(engine, tmp_path) as url:
        found(url, tmp_path / "keys").writer.database.close()
        reader, writer = (reopen(url, tmp_path / "keys") for _ in range(2))
        with reader.writer.database.read() as connection:
            before = log_store.head(connection, reader.writer.community)
            changed = Reading(
                *(getattr(READINGS[0], f) for f in ("meter", "channel", "period")),
                READINGS[0].wh + 3,
                Quality.ACTUAL,
            )
            import_readings(writer, [changed])
            assert log_store.head(connection, reader.writer.community) == before
        assert log_size(reader) == before[0] + 1
        for community in (reader, writer):
            community.writer.database.close()


def test_a_wrong_date_does_not_move_a_replays_clock(prepared, tmp_path, copy, capsys):
    url, keys = copy()
    file = tmp_path / "typo.csv"
    rows = ["nobody,import,2126-01-01T00:00:00Z,5", "m-ben,import,2197-01-01T00:00:00Z,5"]
    file.write_text("meter,channel,start,wh\n" + "\n".join(rows) + "\n")
    options = ["--database", url, "--keys", str(keys)]
    assert run([*options, "meters", "import", str(file), "--format", "csv"]) == 3
    assert run([*options, "member", "add", "Late"]) == 0
    community = reopen(url, keys)
    with community.reading() as connection:
        last_ms = log_store.last_recorded_ms(connection, community.writer.community)
    community.writer.database.close()
    assert last_ms < 1_790_000_000_000  # still 2026


class StoppedError(Exception):
    pass


def state_of(community):
    with community.reading() as connection:
        known = community.readings.known(connection, range(4_000_000))
        return {key: (each.wh, each.version) for key, each in known.items()}, [
            row[:4]
            for row in connection.exec_driver_sql(
                "SELECT community, number, bytes, name FROM meter_file"
            )
        ]


@pytest.mark.parametrize("stop_after", [1, 2, 3])
def test_an_import_that_is_killed_anywhere_is_finished_by_the_next(
    copy, tmp_path, monkeypatch, stop_after
):
    """A transaction a meter's channel; the program is gone after some of them."""
    monkeypatch.setattr("settlement.intake.READINGS_A_TRANSACTION", 1)
    path = tmp_path / "day.csv"
    rows = [f"{r.meter},{r.channel},{start_text(r.period)},{r.wh + 1}\n" for r in READINGS]
    path.write_text("meter,channel,start,wh\n" + "".join(rows))
    chosen = find_format("csv")

    def bring(community, after_group=lambda _count: None):
        loaded = load(path, chosen, ReadOptions())
        return take(community, path, path.name, chosen, ReadOptions(), loaded, after_group)

    whole = reopen(*copy())
    bring(whole)
    wanted = state_of(whole)
    whole.writer.database.close()
    community, groups = reopen(*copy()), []

    def stop(count):
        groups.append(count)
        if len(groups) == stop_after:
            raise StoppedError

    with pytest.raises(StoppedError):
        bring(community, stop)
    assert state_of(community) != wanted
    report = bring(reopened := community)
    assert report.intake.identical == sum(groups)
    assert state_of(reopened) == wanted
    community.writer.database.close()


def test_a_large_delivery_is_the_same_by_one_process_and_by_several(copy, monkeypatch):
    states = []
    for least in (10**9, 1):
        monkeypatch.setattr("settlement.roots.LARGE_READINGS", least)
        community = reopen(*copy())
        changed = [Reading(r.meter, r.channel, r.period, r.wh + 1, r.quality) for r in READINGS]
        import_readings(community, changed)
        with community.reading() as connection:
            _, _, note = log_store.head(connection, community.writer.community)
        states.append((state_of(community), note))
        community.writer.database.close()
    assert states[0] == states[1]
