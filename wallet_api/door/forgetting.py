"""What the server remembers of a person beside the ledger, and forgets with the account.

A closed account is swept where the statement comes in, by the command that closes it, and at every start:
a crash in between leaves nothing for long.

>>> len(FORGETS)
4
"""

from collections.abc import Iterable

from sqlalchemy import Connection

from ledger.errors import CanonicalError, RefusedError
from ledger.statements import Statement
from settlement.closing import check_named
from settlement.community import Community
from wallet_api.door import contact_store, look_store, outgoing_store, passkey_store, proposal_store

FORGETS = (
    look_store.forget,
    contact_store.remove_all,
    outgoing_store.drop_all,
    passkey_store.remove_all,
)
"""Each is called with a connection, the community's number and the account."""


def forget_closed(
    community: Community, connection: Connection, accounts: Iterable[str] | None = None
) -> None:
    """Delete what is remembered of closed accounts: of some, or of all there are. A write transaction."""
    wanted = community.state.closed if accounts is None else accounts
    for account in wanted:
        for forget in FORGETS:
            forget(connection, community.writer.community, account)
    if community.state.closed:
        _drop_proposals(community, connection)


def _drop_proposals(community: Community, connection: Connection) -> None:
    """Drop what waits for signatures and names a closed account: it could never be logged, and its words stay."""
    number, closed = community.writer.community, community.state.closed
    for each in proposal_store.all_open(connection, number):
        try:
            statement = Statement.decode(each.envelope)
            check_named(closed, statement.deed[0], statement.account, statement.deed[1])
        except (RefusedError, CanonicalError):  # what cannot be read can be signed by nobody
            proposal_store.drop(connection, number, each.id)
