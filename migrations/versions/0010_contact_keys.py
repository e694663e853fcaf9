"""Which key gave a contact: what a key put up ends with it.

Of contacts that are there already nobody knows it, so their owners are asked to confirm them anew.
"""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("contact", sa.Column("key_id", sa.Text, nullable=True))


def downgrade() -> None:
    msg = "A ledger is never taken back to an older form: restore a backup instead."
    raise NotImplementedError(msg)
