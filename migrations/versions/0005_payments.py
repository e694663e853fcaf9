"""Which log entry answered a request to be paid."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

BIG = sa.BigInteger().with_variant(sa.Integer, "sqlite")
COMPACT = {"sqlite_strict": True, "sqlite_with_rowid": False}


def upgrade() -> None:
    op.create_table(
        "ask_answer",
        sa.Column("community", BIG, primary_key=True, autoincrement=False, nullable=False),
        sa.Column("ask", sa.Text, primary_key=True, nullable=False),
        sa.Column("position", BIG, nullable=False),
        **COMPACT,
    )


def downgrade() -> None:
    msg = "A ledger is never taken back to an older form: restore a backup instead."
    raise NotImplementedError(msg)
