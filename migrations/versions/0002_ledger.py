"""The ledger in full: named originals, expiry, limits, stored answers, history."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

BIG = sa.BigInteger().with_variant(sa.Integer, "sqlite")
STRICT = {"sqlite_strict": True}
COMPACT = {"sqlite_strict": True, "sqlite_with_rowid": False}
CHUNK_TRANSFERS = 4_096


def key(name: str, kind: object = BIG) -> sa.Column:
    return sa.Column(name, kind, primary_key=True, autoincrement=False, nullable=False)


def big(*names: str, nullable: bool = False) -> list[sa.Column]:
    return [sa.Column(name, BIG, nullable=nullable) for name in names]


def text(*names: str) -> list[sa.Column]:
    return [sa.Column(name, sa.Text, nullable=False) for name in names]


def partial(name: str, column: str, where: str, *, unique: bool = False) -> None:
    condition = sa.text(where)
    op.create_index(
        name, "transfer", ["community", column], unique=unique,
        sqlite_where=condition, postgresql_where=condition,
    )


def upgrade() -> None:
    # The guards of rows that this revision fills in are put back by the caller.
    drop_guards("batch")
    drop_guards("transfer")
    change_transfers()
    change_batches()
    op.create_table(
        "limit_change", key("community"), key("number"), *big("account"),
        *big("floor", "ceiling", nullable=True), *big("batch"), *big("position", nullable=True),
        *big("recorded_at"), **STRICT,
    )
    op.create_table(
        "history", key("community"), key("chunk"), key("account"), key("effective"),
        *big("total", "first", "last"), **COMPACT,
    )
    op.create_table(
        "lease", key("community"), *text("holder"), *big("epoch", "until_ms"), **STRICT
    )
    op.create_table(
        "inbox", sa.Column("number", BIG, sa.Identity(), primary_key=True), *big("community"),
        sa.Column("request", sa.LargeBinary, nullable=False),
        sa.Column("answer", sa.LargeBinary), sa.Column("error", sa.Text), **STRICT,
    )
    op.create_index("inbox_community", "inbox", ["community", "number"])
    op.execute(
        "INSERT INTO limit_change (community, number, account, floor, ceiling, batch, recorded_at)"
        " SELECT balance.community,"
        " row_number() OVER (PARTITION BY balance.community ORDER BY account),"
        " account, floor, ceiling, 0, opened_at FROM balance JOIN account"
        " ON account.community = balance.community AND account.number = balance.account"
        " WHERE floor IS NOT NULL OR ceiling IS NOT NULL"
    )
    fill_history()


def drop_guards(table: str) -> None:
    connection = op.get_bind()
    if connection.dialect.name == "sqlite":
        names = connection.exec_driver_sql(
            "SELECT name FROM sqlite_master WHERE type = 'trigger' AND tbl_name = ?", (table,)
        ).scalars()
        for name in list(names):
            op.execute(f"DROP TRIGGER {name}")
    else:
        op.execute(f"DROP TRIGGER IF EXISTS {table}_append_only ON {table}")
        op.execute(f"DROP TRIGGER IF EXISTS {table}_no_truncate ON {table}")


def change_transfers() -> None:
    op.drop_index("transfer_one_resolution", "transfer")
    op.execute("ALTER TABLE transfer RENAME COLUMN hold TO original")
    kind = "INTEGER" if op.get_bind().dialect.name == "sqlite" else "BIGINT"
    op.execute(
        f"ALTER TABLE transfer ADD COLUMN expires {kind}"
        " CONSTRAINT transfer_expires CHECK (expires IS NULL OR kind = 2)"
    )
    partial("transfer_one_resolution", "original", "kind IN (3, 4, 5, 6)", unique=True)
    partial("transfer_correction", "original", "kind = 7")
    partial("transfer_expiry", "expires", "expires IS NOT NULL")


def change_batches() -> None:
    kind = "INTEGER" if op.get_bind().dialect.name == "sqlite" else "BIGINT"
    for column in ("period", "first", "count"):
        op.execute(f'ALTER TABLE batch ADD COLUMN "{column}" {kind} NOT NULL DEFAULT 0')
    op.add_column("batch", sa.Column("statuses", sa.LargeBinary))
    op.execute(
        'UPDATE batch SET "first" = found."first", "count" = found."count" FROM'
        ' (SELECT community, batch, min(number) AS "first", count(*) AS "count"'
        " FROM transfer GROUP BY community, batch) AS found"
        " WHERE found.community = batch.community AND found.batch = batch.number"
    )
    op.execute(
        'UPDATE batch SET "first" = 1 + coalesce((SELECT max(transfer.number) FROM transfer'
        " WHERE transfer.community = batch.community AND transfer.batch < batch.number), 0)"
        ' WHERE "count" = 0'
    )
    op.execute("UPDATE batch SET period = recorded_at / 1800000")
    op.create_index("batch_recorded", "batch", ["community", "recorded_at"])


def fill_history() -> None:
    # Tests fill smaller chunks than a small database could.
    chunk = op.get_context().config.attributes.get("chunk_transfers", CHUNK_TRANSFERS)
    op.execute(
        f"""
        INSERT INTO history (community, chunk, account, effective, total, "first", "last")
        SELECT community, chunk, account, effective,
          sum(delta) OVER (PARTITION BY community, chunk, account ORDER BY effective), lo, hi
        FROM (
          SELECT community, (number - 1) / {chunk} AS chunk, account, effective,
            sum(delta) AS delta, min(number) AS lo, max(number) AS hi
          FROM (
            SELECT community, number, debit AS account, effective, -amount AS delta, kind
            FROM transfer
            UNION ALL
            SELECT community, number, credit, effective, amount, kind FROM transfer
          ) AS sides
          WHERE kind IN (1, 3, 6, 7) AND (number - 1) / {chunk} <
            (SELECT max(number) FROM transfer AS all_of_it
             WHERE all_of_it.community = sides.community) / {chunk}
          GROUP BY community, chunk, account, effective
        ) AS moved
        """
    )


def downgrade() -> None:
    msg = "A ledger is never taken back to an older form: restore a backup instead."
    raise NotImplementedError(msg)
