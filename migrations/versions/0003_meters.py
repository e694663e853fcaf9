"""Readings packed by day, chains with their files, and the files themselves."""

from itertools import groupby

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

BIG = sa.BigInteger().with_variant(sa.Integer, "sqlite")
STRICT = {"sqlite_strict": True}
COMPACT = {"sqlite_strict": True, "sqlite_with_rowid": False}
LETTERS = "AESLIPZ"
ROWS_AT_ONCE = 10_000


def key(name: str) -> sa.Column:
    return sa.Column(name, BIG, primary_key=True, autoincrement=False, nullable=False)


def big(*names: str, nullable: bool = False) -> list[sa.Column]:
    return [sa.Column(name, BIG, nullable=nullable) for name in names]


def text(*names: str) -> list[sa.Column]:
    return [sa.Column(name, sa.Text, nullable=False) for name in names]


def blob(*names: str) -> list[sa.Column]:
    return [sa.Column(name, sa.LargeBinary, nullable=False) for name in names]


def upgrade() -> None:
    days = op.create_table(
        "reading_day", key("community"), key("day"), key("meter"), key("channel"),
        key("position"), *big("first"), *blob("wh"), *text("quality"),
        sa.CheckConstraint("first >= 0 AND first < 48", name="reading_day_first"),
        sa.CheckConstraint("length(wh) BETWEEN 4 AND 192", name="reading_day_wh"),
        **COMPACT,
    )
    op.create_table(
        "meter_file", key("community"), key("number"), *blob("sha256"),
        *text("name", "format", "options"), *big("bytes", "received_at"),
        sa.UniqueConstraint("community", "sha256", "format", "options"), **STRICT,
    )
    op.create_table(
        "meter_file_part", key("community"), key("file"), key("part"), *blob("data"), **STRICT
    )
    op.create_table(
        "held_batch", key("community"),
        *(sa.Column(name, sa.Text, primary_key=True, nullable=False)
          for name in ("meter", "channel", "signer")),
        key("sequence"), *blob("tx_id", "envelope", "readings"), *big("received_at"), **STRICT,
    )
    op.create_table(
        "meter_alert", key("community"), key("number"), *big("at"),
        *text("kind", "meter", "mark", "text"), sa.UniqueConstraint("community", "mark"), **STRICT,
    )
    op.create_table(
        "meter_advance", key("community"),
        *(sa.Column(name, sa.Text, primary_key=True, nullable=False)
          for name in ("meter", "channel")),
        key("until"), key("since"), key("wh"), *text("quality"), *big("received_at"),
        sa.CheckConstraint("until > since", name="meter_advance_span"),
        sa.CheckConstraint("wh >= 0", name="meter_advance_wh"), **COMPACT,
    )
    op.create_table(
        "meter_setting", key("community"), key("number"), *text("meter", "name"),
        sa.Column("value", sa.Text), *big("at"), **STRICT,
    )
    pack_readings(days)
    link_batches()


def pack_readings(days: sa.Table) -> None:
    """Put the readings of each batch and day into one row."""
    connection = op.get_bind()
    rows = connection.execute(
        sa.text(
            "SELECT community, period / 48 AS day, meter, channel, position, period, wh, quality"
            " FROM reading ORDER BY community, day, meter, channel, position, period"
        )
    )
    packed = []
    for (community, day, meter, channel, position), group in groupby(rows, lambda row: row[:5]):
        readings = list(group)
        first = readings[0].period
        # A batch has no gaps, so neither has what it says of a day.
        assert [row.period for row in readings] == list(range(first, first + len(readings)))
        letters = "".join(LETTERS[row.quality] for row in readings)
        packed.append({
            "community": community, "day": day, "meter": meter, "channel": channel,
            "position": position, "first": first % 48,
            "wh": b"".join(row.wh.to_bytes(4, "little") for row in readings),
            "quality": letters if len(set(letters)) > 1 else letters[0],
        })
        if len(packed) == ROWS_AT_ONCE:
            connection.execute(sa.insert(days), packed)
            packed = []
    if packed:
        connection.execute(sa.insert(days), packed)


def link_batches() -> None:
    """Make the chains' table anew with two columns more; its guards follow by the caller."""
    op.rename_table("reading_batch", "reading_batch_old")
    if op.get_bind().dialect.name == "postgresql":
        op.execute("ALTER INDEX reading_batch_pkey RENAME TO reading_batch_old_pkey")
    op.create_table(
        "reading_batch", key("community"), key("meter"), key("channel"),
        sa.Column("signer", sa.Text, primary_key=True, nullable=False), key("sequence"),
        *blob("tx_id"), *big("position", "received_at"), *big("file", nullable=True), **COMPACT,
    )
    op.execute(
        "INSERT INTO reading_batch (community, meter, channel, signer, sequence, tx_id, position,"
        " received_at) SELECT community, meter, channel,"
        " (SELECT signer FROM statement WHERE statement.community = old.community"
        "  AND statement.position = old.position), sequence, tx_id, position,"
        " (SELECT min(received_at) FROM reading WHERE reading.community = old.community"
        "  AND reading.meter = old.meter AND reading.channel = old.channel"
        "  AND reading.position = old.position)"
        " FROM reading_batch_old AS old"
    )
    op.create_index("reading_batch_position", "reading_batch", ["community", "position"])
    op.drop_table("reading_batch_old")
    op.drop_table("reading")


def downgrade() -> None:
    msg = "A ledger is never taken back to an older form: restore a backup instead."
    raise NotImplementedError(msg)
