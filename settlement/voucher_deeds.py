"""Making a voucher, paying with it, taking it back: each is one signed statement.

The words stand on the card alone and are kept nowhere here.

>>> Card(("one",) * 12, "1e" * 16, 989800).words[0]
'one'
"""

from dataclasses import dataclass

from ledger.errors import RefusedError
from ledger.recovery import ENTROPY_BYTES, VOUCHER, key_of_code, new_code
from ledger.statements import Statement
from settlement.community import Community
from settlement.deeds import by_member, say
from settlement.enrol import new_id
from settlement.signers import operator_keys
from settlement.vouchers import Standing, Voucher


@dataclass(frozen=True, slots=True)
class Card:
    """A new voucher: to be printed once, and kept nowhere.

    Attributes:
        words: twelve.
        id: of the statement.
        last: last half-hour in which it pays.
    """

    words: tuple[str, ...]
    id: str
    last: int


def make_voucher(
    community: Community, member: str, units: int, last: int, note: str | None = None
) -> Card:
    """Put money from a member's wallet under some new words.

    Args:
        community: open for work.
        member: whose money.
        units: how much.
        last: last half-hour in which it pays.
        note: what it is for, in 35 characters at most.

    Raises:
        SignatureError, RefusedError, InputError: nothing was written.
    """
    purpose = new_id(community, "voucher/words")
    words = new_code(community.writer.entropy(f"voucher/{purpose}", ENTROPY_BYTES))
    key = key_of_code(" ".join(words), VOUCHER)
    fields = {"key": key.public.hex(), "amount": units, "last": last}
    more = {} if note is None else {"note": note}
    made = say(community, "voucher", member, fields | more, by_member(member))
    return Card(words, made.id, last)


def pay_with_voucher(community: Community, payee: str, words: str) -> Voucher:
    """Pay a member with the words of a voucher, and return the voucher as it is then.

    Raises:
        InputError: the words are not a voucher's; says which is wrong.
        RefusedError: no open voucher has these words, or it is over.
    """
    key = key_of_code(words, VOUCHER)
    with community.transaction():
        found = community.writer.key_book.vouchers.id_of(key.public)
    if found is None:
        raise RefusedError("No voucher that is open has these words: it was paid or taken back.")
    say(community, "voucher_pay", payee, {"voucher": found}, [key])
    return community.state.vouchers.vouchers[found]


def end_voucher(community: Community, voucher_id: str, *, by_operators: bool = False) -> Statement:
    """Take a voucher back: by whoever made it, or once it is over by operators.

    Raises:
        SignatureError, RefusedError: nothing was written.
    """
    with community.reading():
        found = community.state.vouchers.vouchers.get(voucher_id)
    if found is None:
        raise RefusedError("No voucher has this id.")
    signers = operator_keys if by_operators else by_member(found.issuer)
    return say(community, "voucher_end", found.issuer, {"voucher": voucher_id}, signers)


def vouchers_now(community: Community) -> list[tuple[Voucher, Standing]]:
    """Return every voucher and where it stands now, in the order in which they were made."""
    with community.reading():
        made = list(community.state.vouchers.vouchers.values())
    period = community.writer.now_period()
    return [(each, each.standing(period)) for each in made]
