"""Who looked into a member's account."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

BIG = sa.BigInteger().with_variant(sa.Integer, "sqlite")
STRICT = {"sqlite_strict": True}


def key(name: str) -> sa.Column:
    return sa.Column(name, BIG, primary_key=True, autoincrement=False, nullable=False)


def text_key(name: str) -> sa.Column:
    return sa.Column(name, sa.Text, primary_key=True, nullable=False)


def big(*names: str) -> list[sa.Column]:
    return [sa.Column(name, BIG, nullable=False) for name in names]


def text(*names: str) -> list[sa.Column]:
    return [sa.Column(name, sa.Text, nullable=False) for name in names]


def upgrade() -> None:
    op.create_table(
        "look", key("community"), key("number"),
        *text("account", "role", "key_id", "what", "reason"), *big("seen_at"), **STRICT,
    )
    op.create_index("look_account", "look", ["community", "account", "number"])


def downgrade() -> None:
    msg = "A ledger is never taken back to an older form: restore a backup instead."
    raise NotImplementedError(msg)
