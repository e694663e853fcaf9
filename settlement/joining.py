"""Inviting a household, and joining by an invitation: each is one signed statement.

The words stand on paper alone and are kept nowhere here; nor is the name of whoever is invited.

>>> Letter(("one",) * 12, "1e" * 16, 989800).words[0]
'one'
"""

from dataclasses import dataclass, replace

from ledger.errors import RefusedError
from ledger.invitations import Invitation, Standing
from ledger.kinds import COMMUNITY
from ledger.recovery import ENTROPY_BYTES, INVITATION, key_of_code, new_code
from ledger.statements import Statement
from settlement.community import Community
from settlement.deeds import say
from settlement.enrol import Invited, Terms, add_member, new_id
from settlement.signers import operator_keys


@dataclass(frozen=True, slots=True)
class Letter:
    """A new invitation: to be printed once, and kept nowhere.

    Attributes:
        words: twelve.
        id: of the statement.
        last: last half-hour in which it can be used.
    """

    words: tuple[str, ...]
    id: str
    last: int


def invite(
    community: Community, member_class: str, last: int, floor_units: int | None = None
) -> Letter:
    """Let whoever holds some new words open an account.

    Args:
        community: open for work.
        member_class: household, generator, shop or group.
        last: last half-hour in which it can be used.
        floor_units: limit of the account; the lowest that the rules allow if left out.

    Raises:
        SignatureError, RefusedError: nothing was written.
    """
    purpose = new_id(community, "invitation/words")
    words = new_code(community.writer.entropy(f"invitation/{purpose}", ENTROPY_BYTES))
    if floor_units is None:
        with community.reading():
            floor_units = community.state.rules_now.floor_units
    fields = {
        "key": key_of_code(" ".join(words), INVITATION).public.hex(),
        "class": member_class,
        "floor_units": floor_units,
        "last": last,
    }
    made = say(community, "invitation", COMMUNITY, fields, operator_keys)
    return Letter(words, made.id, last)


def join(
    community: Community, name: str, words: str, terms: Terms, recovery: str | None = None
) -> str:
    """Open an account by an invitation, and return the member's id; no operator signs.

    Args:
        community: open for work.
        name: kept in the erasable store alone.
        words: of the invitation.
        terms: tariffs, offer and mandate; the limit is the invitation's.
        recovery: commitment to a paper code.

    Raises:
        InputError: the words are not an invitation's; says which is wrong.
        RefusedError: no invitation has these words.
        SignatureError: it was used or ended before, or is over.
    """
    key = key_of_code(words, INVITATION)
    with community.transaction():
        found = community.writer.key_book.invitations.by_key(key.public)
    if found is None:
        raise RefusedError("No invitation of this community has these words.")
    terms = replace(terms, floor_units=found.floor_units)
    invited = Invited(found.id, key)
    return add_member(
        community, name, found.member_class, terms, recovery=recovery, invited=invited
    )


def end_invitation(community: Community, invitation_id: str, reason: str) -> Statement:
    """End an invitation, by one operator: nobody joins by it any more."""
    fields = {"invitation": invitation_id, "reason": reason}
    return say(
        community, "invitation_end", COMMUNITY, fields, lambda opened: operator_keys(opened, 1)
    )


def invitations_now(community: Community) -> list[tuple[Invitation, Standing]]:
    """Return every invitation and where it stands now, in the order in which they were made."""
    with community.transaction():
        return invitations_of(community)


def invitations_of(community: Community) -> list[tuple[Invitation, Standing]]:
    """Return the same of a community that was just read."""
    made = list(community.writer.key_book.invitations.invitations.values())
    period = community.writer.now_period()
    return [(each, each.standing(period)) for each in made]
