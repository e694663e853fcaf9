"""Invitations: words on paper with which a household opens its own account, at any hour.

Operators sign one beforehand for a class and a limit; whoever holds its words needs no operator
awake. It opens one account, until its last half-hour, unless an operator ends it first. Pure, and
the same for the operator and the audit (``docs/spec/statements.md``).

>>> invitation = Invitation("1e" * 16, bytes(32), "household", 0, 989800)
>>> invitation.standing(989800).value, invitation.standing(989801).value
('open', 'expired')
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any

from ledger.errors import SignatureError
from ledger.primitives.periods import start_text
from ledger.primitives.signing import check_public_key
from ledger.statements import Statement

INVITATIONS_OPEN_MAX = 1_000
"""Most invitations of a community that are open at one time: a list that people still read."""

INVITATION_KINDS = ("invitation", "invitation_end")
"""Kinds that are about invitations alone; ``account_open`` uses one."""


class Standing(StrEnum):
    """Where an invitation stands, in order of precedence."""

    USED = "used"
    ENDED = "ended"
    EXPIRED = "expired"
    OPEN = "open"


@dataclass(frozen=True, slots=True)
class Invitation:
    """What operators offered to whoever holds some words.

    Attributes:
        id: of the statement.
        key: public key that the words stand for.
        member_class: class of the account that it opens.
        floor_units: limit of that account.
        last: last half-hour in which it can be used.
        member: whose account it opened, or None.
        ended: why an operator ended it, or None.
    """

    id: str
    key: bytes
    member_class: str
    floor_units: int
    last: int
    member: str | None = None
    ended: str | None = None

    def standing(self, period: int) -> Standing:
        """Return where it stands in a half-hour."""
        if self.member is not None:
            return Standing.USED
        if self.ended is not None:
            return Standing.ENDED
        return Standing.EXPIRED if period > self.last else Standing.OPEN


@dataclass
class InvitationBook:
    """All invitations of a community, by id, in the log's order."""

    invitations: dict[str, Invitation] = field(default_factory=dict)

    def by_key(self, key: bytes) -> Invitation | None:
        """Return the invitation of a public key."""
        found = (each for each in self.invitations.values() if each.key == key)
        return next(found, None)

    def open_in(self, period: int) -> list[Invitation]:
        """Return those that can be used in a half-hour."""
        made = self.invitations.values()
        return [each for each in made if each.standing(period) is Standing.OPEN]

    def check(self, statement: Statement, used: set[bytes], period: int) -> None:
        """Refuse an invitation, or the end of one, that makes no sense in a half-hour.

        Args:
            statement: of one of `INVITATION_KINDS`.
            used: every key that ever counted for anybody.
            period: the half-hour in which it is logged.

        Raises:
            SignatureError: says why.
        """
        body = statement.body
        if statement.kind == "invitation_end":
            self._open(body["invitation"], period)
            return
        key = bytes.fromhex(body["key"])
        check_public_key(key)
        if key in used:
            raise SignatureError("an invitation has a key of its own: this one is in use, or was")
        if body["last"] < period:
            raise SignatureError("this invitation would be over before it began")
        if len(self.open_in(period)) >= INVITATIONS_OPEN_MAX:
            raise SignatureError(f"{INVITATIONS_OPEN_MAX} invitations are open: end some first")

    def check_use(self, body: Mapping[str, Any], period: int) -> Invitation:
        """Return the invitation that an ``account_open`` names, if it opens this account.

        Raises:
            SignatureError: it cannot be used, or is for another class or limit.
        """
        invitation = self._open(body["invitation"], period)
        offered = invitation.member_class, invitation.floor_units
        if (body["class"], body["floor_units"]) != offered:
            raise SignatureError("the invitation is for another class of member, or another limit")
        return invitation

    def apply(self, statement: Statement) -> None:
        """Take over a checked statement: an invitation, its end, or the account that it opened."""
        body = statement.body
        if statement.kind == "invitation":
            key = bytes.fromhex(body["key"])
            terms = body["class"], body["floor_units"], body["last"]
            self.invitations[statement.id] = Invitation(statement.id, key, *terms)
        elif statement.kind == "invitation_end":
            ended = self.invitations[body["invitation"]]
            self.invitations[ended.id] = replace(ended, ended=body["reason"])
        elif "invitation" in body:
            used = self.invitations[body["invitation"]]
            self.invitations[used.id] = replace(used, member=statement.account)

    def _open(self, invitation_id: str, period: int) -> Invitation:
        """Return an invitation that can be used in a half-hour.

        Raises:
            SignatureError: says why it cannot.
        """
        found = self.invitations.get(invitation_id)
        if found is None:
            raise SignatureError("no such invitation was made")
        standing = found.standing(period)
        if standing is Standing.EXPIRED:
            raise SignatureError(
                f"this invitation could be used until the half-hour from {start_text(found.last)}"
            )
        if standing is not Standing.OPEN:
            raise SignatureError(f"this invitation was {standing} before")
        return found
