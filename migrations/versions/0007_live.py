"""Where people are told of things, and messages on their way out."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

BIG = sa.BigInteger().with_variant(sa.Integer, "sqlite")
STRICT = {"sqlite_strict": True}


def key(name: str) -> sa.Column:
    return sa.Column(name, BIG, primary_key=True, autoincrement=False, nullable=False)


def text_key(name: str) -> sa.Column:
    return sa.Column(name, sa.Text, primary_key=True, nullable=False)


def big(*names: str, nullable: bool = False) -> list[sa.Column]:
    return [sa.Column(name, BIG, nullable=nullable) for name in names]


def text(*names: str, nullable: bool = False) -> list[sa.Column]:
    return [sa.Column(name, sa.Text, nullable=nullable) for name in names]


def blob(name: str, *, nullable: bool = False) -> sa.Column:
    return sa.Column(name, sa.LargeBinary, nullable=nullable)


def upgrade() -> None:
    op.create_table(
        "contact", key("community"), text_key("id"), *text("account", "kind"),
        blob("secret"), blob("sealed"), *text("events"), *big("created_at"),
        *big("confirmed_at", nullable=True), blob("code", nullable=True),
        *big("code_until", nullable=True), *big("tries"), *big("disabled_at", nullable=True),
        *text("reason", nullable=True), **STRICT,
    )
    op.create_index("contact_account", "contact", ["community", "account"])
    op.create_table(
        "outgoing", key("community"), text_key("id"),
        *text("recipient", "mark", "account", "kind", "occasion"), blob("body"), *big("created_at"),
        *big("due_at", nullable=True), *big("attempts"), *text("claim", nullable=True),
        *big("claimed_until"), *text("result", nullable=True),
        sa.UniqueConstraint("community", "recipient", "mark"), **STRICT,
    )
    op.create_index("outgoing_due", "outgoing", ["community", "due_at"])
    op.create_index("outgoing_account", "outgoing", ["community", "account", "created_at"])
    op.create_table("notified", key("community"), *big("position"), **STRICT)


def downgrade() -> None:
    msg = "A ledger is never taken back to an older form: restore a backup instead."
    raise NotImplementedError(msg)
