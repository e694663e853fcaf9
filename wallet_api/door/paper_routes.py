"""``/v1/words/{key}``: what twelve words on paper are for, asked by the public key that they stand for.

Whoever was handed an invitation knows its words and nothing else. The words stay on the phone: it makes their key,
and asks by its public half, which nobody can guess who has not the words.

>>> router.prefix
'/v1'
"""

from enum import StrEnum
from typing import Annotated

from fastapi import APIRouter, Path, Request
from pydantic import Field

from ledger.key_life import recovery_commitment
from settlement.community import Community
from wallet_api.door.desk import Desk
from wallet_api.door.errors import NotThereError
from wallet_api.door.wire import Id, Model, Period
from wallet_api.problems import problems

router = APIRouter(prefix="/v1", tags=["Sign in"])

NOTHING = (
    "These words are for nothing here: they were used up or taken back, or one of them is wrong."
)


class What(StrEnum):
    """What words are for."""

    INVITATION = "invitation"
    VOUCHER = "voucher"
    PAPER_CODE = "paper-code"
    PHONE = "phone"


class WordsOut(Model):
    """What words are for."""

    what: What
    id: Id | None = Field(default=None, description="Of the invitation or voucher.")
    account: Id | None = Field(
        default=None, description="Of a paper code, or of a phone to be added: whose it is."
    )
    member_class: str | None = Field(
        default=None, description="Of an invitation.", examples=["household"]
    )
    floor_units: int | None = Field(
        default=None, description="Of an invitation: how far below zero the wallet may go."
    )
    last: Period | None = Field(default=None, description="The last half-hour in which they count.")
    standing: str | None = Field(default=None, description="Of an invitation.", examples=["open"])


@router.get(
    "/words/{key}",
    response_model_exclude_none=True,
    summary="What twelve words are for",
    responses=problems("invalid-input", "not-found", "busy", "not-ready"),
)
def words(
    request: Request,
    key: Annotated[
        str,
        Path(
            pattern="^[0-9a-f]{64}$",
            description="The public key that the words stand for, in hexadecimal.",
            examples=["3fa6a523131cf5132627d0ac92a887c6340afa0840d3bcb02349e22255080bab"],
        ),
    ],
) -> WordsOut:
    """Of an invitation: what account it opens. Of a voucher, a paper code, a further phone: which it belongs to."""
    desk: Desk = request.app.state.desk
    with desk.here.reading() as (community, _):
        found = _found(community, bytes.fromhex(key))
    if found is None:
        raise NotThereError(NOTHING)
    return found


def _found(community: Community, key: bytes) -> WordsOut | None:
    book, now = community.writer.key_book, community.writer.now_period()
    invitation = book.invitations.by_key(key)
    if invitation is not None:
        return WordsOut(
            what=What.INVITATION,
            id=invitation.id,
            member_class=invitation.member_class,
            floor_units=invitation.floor_units,
            last=invitation.last,
            standing=invitation.standing(now).value,
        )
    voucher = book.vouchers.id_of(key)
    if voucher is not None:
        return WordsOut(what=What.VOUCHER, id=voucher, last=book.vouchers.keys[voucher].last)
    commitment = recovery_commitment(key)
    for account, member in book.members.items():
        keys = member.at(now)
        if keys.recovery == commitment:
            return WordsOut(what=What.PAPER_CODE, account=account)
        if key in keys.keys:
            return WordsOut(what=What.PHONE, account=account)
    return None
