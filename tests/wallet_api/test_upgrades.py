"""Upgrades: an older database becomes what a new one would be; one that cannot is refused."""

from collections import Counter

import pytest
from alembic import command
from sqlalchemy import inspect, text

from ledger import history
from ledger.db import Database
from ledger.errors import SetupError
from settlement.enrol import pay
from settlement.run import settle_day
from tests.engines import fresh_url
from tests.prepared import DAY, found, reopen
from wallet_api.database import APPEND_ONLY, _config, check, guards, metadata, upgrade
from wallet_api.door.tables import CHANGING

ENGINES = ["sqlite", pytest.param("postgresql", marks=pytest.mark.postgresql)]

LATER = (
    *CHANGING,
    "limit_change",
    "history",
    "lease",
    "inbox",
    "reading_day",
    "meter_file",
    "meter_file_part",
    "held_batch",
    "meter_alert",
    "meter_advance",
    "meter_setting",
    "net",
    "shown",
    "ask_answer",
)
"""Tables that the first revision did not have."""

FIRST_GUARDED = (*(table for table in APPEND_ONLY if table not in LATER), "reading")
"""Tables that the first revision had and guarded."""


@pytest.fixture(params=ENGINES)
def engine(request):
    return request.param


def rows_of(database, table):
    columns = ", ".join(f'"{column.name}"' for column in table.columns)
    with database.read() as connection:
        rows = connection.execute(text(f"SELECT {columns} FROM {table.name}"))  # noqa: S608 - our names
        return sorted(map(repr, rows))


def at_first_revision(database, settled):
    """Fill a database of the first revision with what a settled street holds."""
    with database.write() as connection:
        command.upgrade(_config(connection), "0001")
        guards.install(connection, FIRST_GUARDED)
    with database.write() as connection, settled.read() as source:
        for table in metadata().sorted_tables:
            if table.name in LATER:
                continue
            old = [column["name"] for column in inspect(connection).get_columns(table.name)]
            new = ["original" if name == "hold" else name for name in old]
            columns = ", ".join(f'"{name}"' for name in new)
            rows = source.execute(text(f"SELECT {columns} FROM {table.name}")).all()  # noqa: S608 - our names
            marks = ", ".join(f":{name}" for name in old)
            insert = f"INSERT INTO {table.name} ({', '.join(old)}) VALUES ({marks})"  # noqa: S608 - our names
            if rows:
                connection.execute(text(insert), [dict(zip(old, row, strict=True)) for row in rows])
        singly(connection, source)


def singly(connection, source):
    """Put readings in as the first revision had them: a row each."""
    packed = "SELECT d.*, b.received_at FROM reading_day d JOIN reading_batch b USING (position)"
    count = Counter()
    for row in source.execute(text(f"{packed} ORDER BY position")):
        wh = [int.from_bytes(row.wh[at : at + 4], "little") for at in range(0, len(row.wh), 4)]
        quality = row.quality * len(wh) if len(row.quality) == 1 else row.quality
        for at, (value, letter) in enumerate(zip(wh, quality, strict=True), start=row.first):
            key = (row.community, row.day * 48 + at, row.meter, row.channel)
            count[key] += 1
            values = (*key, count[key], value, "AESLIPZ".index(letter), row.position)
            connection.execute(
                text("INSERT INTO reading VALUES (:a, :b, :c, :d, :e, :f, :g, :h, :i)"),
                dict(zip("abcdefghi", (*values, row.received_at), strict=True)),
            )


def test_a_first_database_becomes_what_a_new_one_is(engine, tmp_path):
    with fresh_url(engine, tmp_path) as url, fresh_url("sqlite", tmp_path / "keys") as new_url:
        (tmp_path / "keys").mkdir()
        found(new_url, tmp_path / "keys/ring").writer.database.close()
        community = reopen(new_url, tmp_path / "keys/ring")
        ada, ben, *_ = sorted(community.state.members)
        pay(community, ada, ben, 5, "bread")
        settled, database = community.writer.database, Database(url)
        at_first_revision(database, settled)
        upgrade(database)
        check(database)
        for table in metadata().sorted_tables:
            assert rows_of(database, table) == rows_of(settled, table), table.name
        database.close()
        settled.close()


def test_an_upgrade_fills_history_as_posting_would(engine, tmp_path, monkeypatch):
    """The migration's own query, over chunks that are full."""
    with fresh_url(engine, tmp_path) as url, fresh_url("sqlite", tmp_path / "keys") as new_url:
        (tmp_path / "keys").mkdir()
        monkeypatch.setattr(history, "CHUNK_TRANSFERS", 64)
        found(new_url, tmp_path / "keys/ring").writer.database.close()
        community = reopen(new_url, tmp_path / "keys/ring")
        members = sorted(community.state.members)
        for number in range(200):
            payer, payee = members[number % 4], members[(number + 1 + number // 7) % 4]
            if payer != payee:
                pay(community, payer, payee, 1 + number, "bread")
                community.writer.clock.set_ms(community.writer.clock.now_ms() + 1_800_000)
        settled, database = community.writer.database, Database(url)
        at_first_revision(database, settled)
        monkeypatch.setattr("ledger.history.CHUNK_TRANSFERS", 64)
        with database.write() as connection:
            config = _config(connection)
            config.attributes["chunk_transfers"] = 64
            command.upgrade(config, "head")
        table = metadata().tables["history"]
        assert len(rows_of(settled, table)) > 100
        assert rows_of(database, table) == rows_of(settled, table)
        database.close()
        settled.close()


def test_days_that_were_settled_before_the_first_release_are_refused(tmp_path):
    (tmp_path / "keys").mkdir()
    found(f"sqlite:///{tmp_path}/new.sqlite", tmp_path / "keys/ring").writer.database.close()
    community = reopen(f"sqlite:///{tmp_path}/new.sqlite", tmp_path / "keys/ring")
    settle_day(community, DAY)
    database = Database(f"sqlite:///{tmp_path}/old.sqlite")
    at_first_revision(database, community.writer.database)
    with pytest.raises(SetupError, match="before the first release"):
        upgrade(database)
    with database.read() as connection:
        assert connection.scalar(text("SELECT count(*) FROM run")) == 1
    database.close()
    community.writer.database.close()
