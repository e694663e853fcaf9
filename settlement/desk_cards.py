"""A desk card: twelve words whose key stands in the roster, for somebody who works in a browser.

>>> DESK_ROLES
('operator', 'helper', 'auditor')
"""

from ledger.primitives.signing import SigningKey
from ledger.recovery import DESK, ENTROPY_BYTES, key_of_code, new_code
from settlement.community import Community
from settlement.constitution import RosterChange, next_roster
from settlement.deeds import new_roster, roster_now
from settlement.enrol import new_id

DESK_ROLES = ("operator", "helper", "auditor")
"""Roles of people; those of programs have key files."""


def desk_card(community: Community, role: str) -> tuple[str, ...]:
    """Put the key of twelve new words into the roster, signed by those who are operators before.

    Args:
        community: open for work.
        role: one of `DESK_ROLES`.

    Returns:
        The words, which are kept nowhere.

    Raises:
        SignatureError, RefusedError: nothing was written.
    """
    with community.transaction():
        purpose = new_id(community, "desk/words")
        words = new_code(community.writer.entropy(f"desk/{purpose}", ENTROPY_BYTES))
        fields = roster_now(community)
    key: SigningKey = key_of_code(" ".join(words), DESK)
    new_roster(community, next_roster(fields, RosterChange(add=[(key.public, role)])))
    return words
