"""Passkeys, and which sessions were begun with one."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

BIG = sa.BigInteger().with_variant(sa.Integer, "sqlite")
STRICT = {"sqlite_strict": True}


def upgrade() -> None:
    op.create_table(
        "passkey",
        sa.Column("community", BIG, primary_key=True, autoincrement=False, nullable=False),
        sa.Column("id", sa.Text, primary_key=True, nullable=False),
        sa.Column("account", sa.Text, nullable=False),
        sa.Column("key_id", sa.Text, nullable=False),
        sa.Column("public_key", sa.LargeBinary, nullable=False),
        sa.Column("sign_count", BIG, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("created_at", BIG, nullable=False),
        sa.Column("used_at", BIG, nullable=True),
        **STRICT,
    )
    op.add_column("session", sa.Column("passkey", sa.Text, nullable=True))


def downgrade() -> None:
    msg = "A ledger is never taken back to an older form: restore a backup instead."
    raise NotImplementedError(msg)
