"""The first day: ledger, log, readings, runs."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

BIG = sa.BigInteger().with_variant(sa.Integer, "sqlite")
STRICT = {"sqlite_strict": True}
COMPACT = {"sqlite_strict": True, "sqlite_with_rowid": False}


def key(name: str, kind: object = BIG) -> sa.Column:
    return sa.Column(name, kind, primary_key=True, autoincrement=False, nullable=False)


def big(*names: str, nullable: bool = False) -> list[sa.Column]:
    return [sa.Column(name, BIG, nullable=nullable) for name in names]


def text(*names: str) -> list[sa.Column]:
    return [sa.Column(name, sa.Text, nullable=False) for name in names]


def blob(*names: str, nullable: bool = False) -> list[sa.Column]:
    return [sa.Column(name, sa.LargeBinary, nullable=nullable) for name in names]


def upgrade() -> None:
    op.create_table(
        "community", key("community"), *text("origin", "name"), *big("created_at"),
        sa.UniqueConstraint("origin"), **STRICT,
    )
    op.create_table(
        "account", key("community"), key("number"), *text("name"), *big("opened_at"),
        sa.UniqueConstraint("community", "name"), **STRICT,
    )
    op.create_table(
        "balance", key("community"), key("account"),
        *big("posted", "pending_out", "pending_in"), *big("floor", "ceiling", nullable=True),
        *big("version"),
        sa.CheckConstraint(
            "floor IS NULL OR posted - pending_out >= floor", name="balance_floor"
        ),
        sa.CheckConstraint(
            "ceiling IS NULL OR posted + pending_in <= ceiling", name="balance_ceiling"
        ),
        sa.CheckConstraint("pending_out >= 0 AND pending_in >= 0", name="balance_pending"),
        **COMPACT,
    )
    op.create_table(
        "batch", key("community"), key("number"), *blob("id", "content"),
        *big("position", "recorded_at"), sa.UniqueConstraint("community", "id"), **STRICT,
    )
    op.create_table(
        "transfer", key("community"), key("number"), *blob("id"),
        *big("batch", "kind", "debit", "credit", "amount", "effective"),
        *blob("hold", nullable=True),
        sa.CheckConstraint("amount > 0", name="transfer_amount"),
        sa.CheckConstraint("debit <> credit", name="transfer_accounts"),
        sa.UniqueConstraint("community", "id"), **COMPACT,
    )
    op.create_index(
        "transfer_one_resolution", "transfer", ["community", "hold"], unique=True,
        sqlite_where=sa.text("hold IS NOT NULL"), postgresql_where=sa.text("hold IS NOT NULL"),
    )
    op.create_table("log_entry", key("community"), key("position"), *blob("leaf"), **STRICT)
    op.create_table(
        "log_head", key("community"), *big("size"), *blob("frontier", "note"), **STRICT
    )
    op.create_table(
        "statement", key("community"), key("position"), *text("id", "kind", "signer"),
        *big("seq"), *blob("tx_id"), *big("period", "recorded_at"),
        sa.UniqueConstraint("community", "id"),
        sa.UniqueConstraint("community", "signer", "seq"), **STRICT,
    )
    op.create_index("statement_kind", "statement", ["community", "kind", "position"])
    op.create_table(
        "fact", key("community"), key("position"), *blob("salt", "envelope"),
        *blob("detail", nullable=True), **STRICT,
    )
    op.create_table(
        "person", key("community"), key("number"), *text("member"), *blob("secret", "sealed"),
        sa.UniqueConstraint("community", "member"), **STRICT,
    )
    op.create_table(
        "meter", key("community"), key("number"), *text("id"),
        sa.UniqueConstraint("community", "id"), **STRICT,
    )
    op.create_table(
        "reading", key("community"), key("period"), key("meter"), key("channel"),
        key("version"), *big("wh", "quality", "position", "received_at"),
        sa.CheckConstraint("wh >= 0", name="reading_wh"), **COMPACT,
    )
    op.create_table(
        "reading_batch", key("community"), key("meter"), key("channel"), key("sequence"),
        *blob("tx_id"), *big("position"), **COMPACT,
    )
    op.create_table(
        "run", key("community"), key("day", sa.Text), key("code", sa.Text),
        *big("known_at", "position", "periods", "matched_wh", "missing", "recorded_at"),
        **STRICT,
    )
    op.create_table(
        "line", key("community"), key("member"), key("period"), key("code", sa.Text),
        *big(
            "own_use_wh", "bought_wh", "sold_wh", "grid_import_wh", "grid_export_wh",
            "bought_units", "sold_units", "position",
        ),
        **COMPACT,
    )


def downgrade() -> None:
    msg = "A ledger is never taken back to an older form: restore a backup instead."
    raise NotImplementedError(msg)
