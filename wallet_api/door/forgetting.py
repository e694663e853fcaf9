"""What the server remembers of a person beside the ledger, and forgets with the account.

A closed account is swept where the statement comes in, by the command that closes it, and at every start:
a crash in between leaves nothing for long.

>>> FORGETS[0].__name__
'look_store'
"""

from collections.abc import Iterable

from sqlalchemy import Connection

from settlement.community import Community
from wallet_api.door import look_store

FORGETS = (look_store,)
"""Stores of which each has ``forget(connection, community, account)``."""


def forget_closed(
    community: Community, connection: Connection, accounts: Iterable[str] | None = None
) -> None:
    """Delete what is remembered of closed accounts: of some, or of all there are. A write transaction."""
    wanted = community.state.closed if accounts is None else accounts
    for account in wanted:
        for each in FORGETS:
            each.forget(connection, community.writer.community, account)
