"""Nets of runs, how much each run knew, and runs that only show."""

import sqlalchemy as sa
from alembic import op

from ledger.errors import SetupError

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

BIG = sa.BigInteger().with_variant(sa.Integer, "sqlite")
COMPACT = {"sqlite_strict": True, "sqlite_with_rowid": False}
STRICT = {"sqlite_strict": True}


def key(name: str) -> sa.Column:
    return sa.Column(name, BIG, primary_key=True, autoincrement=False, nullable=False)


def text_key(name: str) -> sa.Column:
    return sa.Column(name, sa.Text, primary_key=True, nullable=False)


def big(*names: str) -> list[sa.Column]:
    return [sa.Column(name, BIG, nullable=False) for name in names]


def upgrade() -> None:
    if op.get_bind().execute(sa.text("SELECT count(*) FROM run")).scalar():
        msg = (
            "This database has days that were settled by a version from before the first release, "
            "whose statements have another form. Found the community anew and import its files."
        )
        raise SetupError(msg)
    op.drop_table("run")
    op.create_table(
        "run", key("community"), text_key("day"), text_key("code"),
        *big("known_at", "position", "periods", "matched_wh", "missing", "recorded_at"),
        *big("known", "settled"), **STRICT,
    )
    op.create_table(
        "net", key("community"), key("member"), text_key("day"), text_key("code"),
        *big("position", "period", "own_use_wh", "bought_wh", "sold_wh", "grid_import_wh"),
        *big("grid_export_wh", "bought_units", "sold_units", "cash_units", "claim_units"),
        *big("given_wh", "given_units"), **COMPACT,
    )
    op.create_table(
        "shown", key("community"), text_key("day"), text_key("code"), *big("known_at", "known"),
        sa.Column("data", sa.LargeBinary, nullable=False), **STRICT,
    )
    op.create_index("net_period", "net", ["community", "member", "period"])


def downgrade() -> None:
    msg = "A ledger is never taken back to an older form: restore a backup instead."
    raise NotImplementedError(msg)
