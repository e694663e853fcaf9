"""Who a key is: a member's device, or one of the roster's keys. Pure.

>>> Role.OPERATOR.value, Who(Role.MEMBER, "0f" * 16, "ab" * 32).is_member
('operator', True)
"""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from ledger.errors import SignatureError
from ledger.keys import KeyBook
from ledger.kinds import COMMUNITY
from ledger.primitives.signing import key_id_of
from settlement.state import CommunityState


class Role(StrEnum):
    """What somebody is to the community.

    MEMBER: a household, a generator or a group. SHOP: a member that sells other things than electricity.
    TILL: a shop's till, which asks to be paid and pays nothing.
    HELPER, OPERATOR, ADAPTER, AUDITOR: keys of the roster.
    """

    MEMBER = "member"
    SHOP = "shop"
    TILL = "till"
    HELPER = "helper"
    OPERATOR = "operator"
    ADAPTER = "adapter"
    AUDITOR = "auditor"


MEMBERS = (Role.MEMBER, Role.SHOP)
"""Who has an account."""

ROSTER = (Role.OPERATOR, Role.HELPER, Role.ADAPTER, Role.AUDITOR)
"""Who stands in the roster and may come in; the key that settles is a program's and does not."""


@dataclass(frozen=True, slots=True)
class Who:
    """Somebody who is there.

    Attributes:
        role: what they are.
        account: the member's id, or ``community`` for keys of the roster.
        key_id: which key of theirs it is.
    """

    role: Role
    account: str
    key_id: str

    @property
    def is_member(self) -> bool:
        """Whether they have an account."""
        return self.account != COMMUNITY


NOBODY = "This key does not count here, or not any more."
"""Said to all whose key is unknown, given up, frozen or expired: which of these is nobody's business."""


def who_is(
    keys: KeyBook, state: CommunityState, account: str, key_id: str, period: int
) -> tuple[Who, bytes]:
    """Return who a key is, and the key.

    Args:
        keys: whose signature counts.
        state: what was agreed.
        account: a member's id, or ``community``.
        key_id: of the key.
        period: the half-hour that it is.

    Raises:
        SignatureError: nobody.
    """
    for role, key in _places(keys, state, account, period):
        if key_id_of(key) == key_id:
            return Who(role, account, key_id), key
    raise SignatureError(NOBODY)


def stands(keys: KeyBook, account: str, key_id: str, period: int) -> bool:
    """Return whether a key is still one of an account's, frozen or not; of the community, an operator's.

    >>> stands(KeyBook("riverside.example/ledger/1"), COMMUNITY, "ab" * 32, 0)
    False

    Args:
        keys: whose signature counts.
        account: a member's id, or ``community``.
        key_id: of the key.
        period: the half-hour that it is.
    """
    if account == COMMUNITY:
        mine = keys.roles.get(Role.OPERATOR.value, ())
    else:
        known = keys.members.get(account)
        mine = () if known is None else known.at(period).keys
    return any(key_id_of(key) == key_id for key in mine)


def _places(
    keys: KeyBook, state: CommunityState, account: str, period: int
) -> Iterator[tuple[Role, bytes]]:
    """Yield every key that counts for an account, and what it is."""
    if account == COMMUNITY:
        if keys.expires is None or period < keys.expires:
            for role in ROSTER:
                yield from ((role, key) for key in keys.roles.get(role.value, ()))
        return
    known = keys.members.get(account)
    mine = None if known is None else known.at(period)
    if mine is not None and not mine.frozen:
        role = Role.SHOP if state.members[account].member_class == "shop" else Role.MEMBER
        yield from ((role, key) for key in mine.keys)
        yield from ((Role.TILL, key) for key in keys.tills.get(account, ()))
