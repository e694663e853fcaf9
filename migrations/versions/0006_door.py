"""Sessions, answered challenges, the server's secrets, and statements that wait for signatures."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
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
        "secret", key("community"), text_key("name"),
        sa.Column("value", sa.LargeBinary, nullable=False), **STRICT,
    )
    op.create_table(
        "session", key("community"), text_key("token"), *text("account", "key_id"),
        *big("cookie", "created_at", "expires_at"), **STRICT,
    )
    op.create_table(
        "used_challenge", key("community"), text_key("nonce"), *big("expires_at"), **STRICT,
    )
    op.create_table(
        "proposal", key("community"), text_key("id"), *text("account", "kind"),
        sa.Column("envelope", sa.LargeBinary, nullable=False), *big("created_at", "expires_at"),
        sa.Column("entry", BIG, nullable=True), **STRICT,
    )


def downgrade() -> None:
    msg = "A ledger is never taken back to an older form: restore a backup instead."
    raise NotImplementedError(msg)
