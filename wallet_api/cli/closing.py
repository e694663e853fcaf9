"""``commonwatt member close`` and ``erase``: a member leaves, and is forgotten.

>>> CLOSING.partition(";")[0]
'Their name and its key are deleted for good'
"""

from collections import Counter
from typing import Annotated

import typer

from ledger.accounts import wallet
from ledger.kinds import ERASED_MAX
from ledger.primitives.counted import counted
from settlement import deeds
from settlement.closing import check_closing
from settlement.closing_store import left_of, request_of
from wallet_api.cli.context import EXIT_NO, say, stop
from wallet_api.cli.fields import At, Who, agreed, exact_money, open_at, who
from wallet_api.door.forgetting import forget_closed

CLOSING = (
    "Their name and its key are deleted for good; statements say 'closed account'. Nothing new begins there; "
    "what is in the wallet, or comes by a later run, can still be paid out by the account's keys."
)

_YES = Annotated[bool, typer.Option("--yes", help="Do not ask")]


def close(
    context: typer.Context,
    name: Who,
    reason: Annotated[str, typer.Option(help="In words that name nobody")] = "The member leaves.",
    yes: _YES = False,
    at: At = None,
) -> None:
    """Close a member's account and forget whose it was, signed by the member's keys.

    Before it: withdraw the consent to meters, end standing orders, take vouchers back. Afterwards two
    operators erase what may go of payments and readings: commonwatt member erase ID.

    Example: commonwatt member close Ada --reason "Moved away."
    """
    community = open_at(context, at)
    member, name = who(community, name)
    check_closing(community.state, member)
    say(f"{name}: {CLOSING}")
    if not agreed("Close the account? Nothing brings the name back.", yes=yes):
        say("Nothing was closed.")
        stop(EXIT_NO)
    deeds.close_account(community, member, reason)
    with community.transaction() as connection:
        forget_closed(community, connection, [member])
    say(f"The account {member} is closed, and nobody's.")
    say(f"Erase what is left of its payments and readings: commonwatt member erase {member}")
    with community.reading() as connection:
        rules = community.state.rules_now
        mine = community.writer.ledger.balances(connection)[wallet(member, rules.asset)]
    if mine.posted:
        say(f"Its wallet still holds {exact_money(mine.posted)}.")


def erase(
    context: typer.Context,
    member: Annotated[str, typer.Argument(metavar="ID", help="Of a closed account")],
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would go, and erase nothing")
    ] = False,
    yes: _YES = False,
    at: At = None,
) -> None:
    """Erase what may go of a closed account: its payments, requests and readings.

    Signed by two operators. Readings may go once they are 100 days old: do it again then. What an auditor
    cannot tell any more afterwards: commonwatt log erase --help.

    Example: commonwatt member erase 4f5911e5 --dry-run
    """
    community = open_at(context, at)
    member = community.find_member(member)
    with community.reading() as connection:
        left = left_of(community, connection, member)
        request = request_of(community, connection, member)
    kinds = Counter(left.entries.values())
    payments = counted(kinds["fact"], "payment or request", "payments or requests")
    batches = counted(kinds["detail"], "batch of readings", "batches of readings")
    say(f"{payments} and {batches} may go now; {left.later:,} of readings are too young.")
    if not left.entries or dry_run:
        return
    if not agreed("Erase them? Nothing brings them back.", yes=yes):
        say("Nothing was erased.")
        stop(EXIT_NO)
    positions = sorted(left.entries)
    for start in range(0, len(positions), ERASED_MAX):
        named = {each: left.entries[each] for each in positions[start : start + ERASED_MAX]}
        deeds.erase(community, named, "A member left, and asked to be forgotten.", request)
    say("Erased, for good. Erase them in backups, too.")
