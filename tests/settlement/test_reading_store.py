"""The versioned store against a list of everything that was ever delivered."""

import random

import pytest

from ledger.db import Database
from meters.batches import BatchContent
from meters.readings import Channel, Quality
from meters.store import NewBatch, Origin, ReadingStore
from meters.versions import Stored, better
from tests.engines import fresh_url
from tests.fresh import upgrade

ENGINES = ["sqlite", pytest.param("postgresql", marks=pytest.mark.postgresql)]
LETTERS = "AESLIPZ"
SIGNER = "ab" * 32


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("seed", range(3))
def test_what_counts_then_and_now_is_as_a_list_says(engine, tmp_path, seed):
    dice = random.Random(seed)
    with fresh_url(engine, tmp_path) as url:
        database = Database(url)
        upgrade(database)
        store, deliveries = ReadingStore(1), []
        for position in range(60):
            meter = dice.choice("ab")
            channel = dice.choice(["import", "export"])
            first, count = dice.randrange(40, 200), dice.choice([1, 3, 48, 100])
            wh = [dice.randrange(10**9) for _ in range(count)]
            letters = (
                "".join(dice.choices(LETTERS, k=count)) if dice.random() < 0.5 else "A" * count
            )
            content = BatchContent(first, tuple(wh), letters, bytes(32))
            chain = (meter, channel, SIGNER)
            with database.write() as connection:
                sequence, _ = store.chain_end(connection, chain)
                link = (sequence + 1, f"{position:064x}")
                origin = Origin(position, 1_000 + position)
                store.save(connection, [NewBatch(chain, content, link, origin)])
                assert store.chain_end(connection, chain) == link
            deliveries.append((position, (meter, Channel(channel)), first, wh, letters))
            if dice.random() < 0.2:
                store = ReadingStore(1)
        for before in (0, 20, 45, None):
            for periods in (range(500), range(60, 61), range(95, 97), range(96, 144)):
                with database.read() as connection:
                    found = store.known(connection, periods, before=before)
                assert found == expected(deliveries, periods, before)
        with database.read() as connection:
            only = store.known(connection, range(500), meters=["b"])
            versions = store.history(connection, ("a", Channel.IMPORT), 100)
            assert store.known(connection, range(500), meters=["c"]) == {}
        assert {key[0] for key in only} == {"b"}
        told = [each for each in deliveries if each[1] == ("a", Channel.IMPORT)]
        told = [(p, wh[100 - first]) for p, _, first, wh, _ in told if 0 <= 100 - first < len(wh)]
        assert [(v.stored.position, v.stored.wh) for v in versions] == told
        assert [v.origin.received_at_ms for v in versions] == [1_000 + p for p, _ in told]
        assert [v.stored.version for v in versions] == list(range(1, len(told) + 1))
        database.close()


def expected(deliveries, periods, before):
    """The dumber way: every version of every half-hour in a list, and the best of each."""
    versions = {}
    for position, slot, first, wh, letters in deliveries:
        if before is not None and position >= before:
            continue
        for place, (value, letter) in enumerate(zip(wh, letters, strict=True)):
            if first + place in periods:
                known = versions.setdefault((*slot, first + place), [])
                rank = Quality.from_letter(letter).rank
                known.append(Stored(value, rank, len(known) + 1, position))
    best = {}
    for key, known in versions.items():
        best[key] = known[0]
        for one in known[1:]:
            if better(one, best[key]):
                best[key] = one
    return best


@pytest.mark.parametrize("engine", ENGINES)
def test_a_year_of_readings_is_found_by_key_and_not_by_looking_at_all(engine, tmp_path):
    with fresh_url(engine, tmp_path) as url:
        database = Database(url)
        upgrade(database)
        store = ReadingStore(1)
        with database.write() as connection:
            for month in range(12):
                content = BatchContent(month * 1_440, (5,) * 1_440, "A" * 1_440, bytes(32))
                link = (month + 1, f"{month:064x}")
                chain = ("m", "import", SIGNER)
                store.save(connection, [NewBatch(chain, content, link, Origin(month, 0))])
        with database.read() as connection:
            found = store.known(connection, range(5_000, 5_048))
            if engine == "sqlite":
                plan = connection.exec_driver_sql(
                    "EXPLAIN QUERY PLAN SELECT * FROM reading_day WHERE community = 1"
                    " AND day >= 104 AND day <= 105 ORDER BY community, day, meter, channel, position"
                ).all()
                assert "SEARCH" in plan[0][-1]
                assert len(plan) == 1
        assert len(found) == 48
        database.close()
