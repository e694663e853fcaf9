"""What there is to say of one member now: what they agreed to, hold, owe, and may still spend.

Reads only. What a member said last is told, though it binds from the next half-hour on only.

>>> MonthUse("2026-06", 120_000_000, 400_000_000).left_units
280000000
"""

from dataclasses import dataclass

from sqlalchemy import select

from ledger import people
from ledger.accounts import wallet
from ledger.primitives.periods import load_zone, local_date
from ledger.tables import AccountRow
from meters.readings import Channel
from settlement import store
from settlement.community import Community
from settlement.netting import Purses, purses_of
from settlement.orders import holders_of
from settlement.terms import Mandate, Offer

_accounts = AccountRow.__table__  # type: ignore[attr-defined]


@dataclass(frozen=True, slots=True)
class MonthUse:
    """What a member paid for energy of a month's days that were worked out, and the most they allow.

    Attributes:
        month: local, as in ``2026-06``.
        used_units: in ledger units, all runs together.
        most_units: of the mandate; None if it has no limit by the month.
    """

    month: str
    used_units: int
    most_units: int | None

    @property
    def left_units(self) -> int | None:
        """Units that the month leaves, or None without a limit."""
        return None if self.most_units is None else max(0, self.most_units - self.used_units)


@dataclass(frozen=True, slots=True)
class Part:
    """A part of what a generator gives: of whose, and who has it, by id; in millionths."""

    meter: str
    owner: str
    holder: str
    ppm: int


@dataclass(frozen=True, slots=True)
class MemberFacts:
    """One member, now.

    Attributes:
        member: id.
        names: of all members, by id; who was erased has none.
        member_class: as it was opened.
        since_ms: when the account was opened, in Unix milliseconds.
        offer: the last one said, or None.
        mandate: the last one given; None without one, or where it was revoked or has ended.
        month: what the mandate's month has come to.
        gift_wh_month: Wh that are given each month.
        meters: with the channels that may be used.
        parts: of generators, held or given.
        consents: (meter, purpose, granularity) of what is allowed beyond settlement.
        units: in the wallet.
        held_units: of these, set aside for a day that is being settled.
        voucher_units: in vouchers that the member made, neither paid nor taken back.
        floor_units: as far as the wallet may go down.
        can_spend_units: what the wallet could pay now.
        owed_units: what the member is owed from later runs; below zero, owes.
    """

    member: str
    names: dict[str, str]
    member_class: str
    since_ms: int
    offer: Offer | None
    mandate: Mandate | None
    month: MonthUse
    gift_wh_month: int
    meters: list[tuple[str, tuple[Channel, ...]]]
    parts: list[Part]
    consents: list[tuple[str, str, str]]
    units: int
    held_units: int
    voucher_units: int
    floor_units: int
    can_spend_units: int
    owed_units: int


def member_facts(community: Community, member: str) -> MemberFacts:
    """Gather what there is to say of a member.

    Args:
        community: open for work.
        member: id of one who is there.
    """
    state, ledger = community.state, community.writer.ledger
    rules, now = state.rules_now, community.writer.now_period()
    month = local_date(now, load_zone(rules.zone)).isoformat()[:7]
    account = wallet(member, rules.asset)
    with community.reading() as connection:
        names = people.names(connection, community.writer.community)
        balances = ledger.balances(connection)
        used = store.bought_in_month(connection, ledger, month, [member], rules.asset)
        since_ms = connection.scalar(
            select(_accounts.c.opened_at).where(
                _accounts.c.community == ledger.community, _accounts.c.name == account
            )
        )
    said, given = state.mandates.get(member), state.gifts.get(member)
    mandate = said[-1][1] if said and max(said[-1][1].first, now) <= said[-1][1].last else None
    most = None if mandate is None else mandate.units_month_max
    offers, balance, purses = (
        state.offers.get(member),
        balances[account],
        purses_of(balances, {}, rules),
    )
    return MemberFacts(
        member,
        names,
        state.members[member].member_class,
        since_ms or 0,
        offers[-1][1] if offers else None,
        mandate,
        MonthUse(month, used.get(member, 0), most),
        given[-1][1] if given else 0,
        [(meter, state.meters[meter][-1][1].channels) for meter in state.meters_of(member)],
        [part for part in parts_now(community) if member in (part.owner, part.holder)],
        [
            (meter, purpose, allowed.granularity)
            for meter in state.meters_of(member)
            for purpose, allowed in state.consents.now(meter).items()
        ],
        balance.posted,
        balance.pending_out,
        sum(v.units for v in state.vouchers.open_of(member)),
        state.members[member].floor_units,
        can_spend(purses, member),
        purses.claims.get(member, 0),
    )


def parts_now(community: Community) -> list[Part]:
    """Return every part of a generator that somebody holds, by meter, the largest first."""
    uses = {
        meter: each[-1][1]
        for meter, each in community.state.meters.items()
        if Channel.EXPORT in each[-1][1].channels
    }
    shared = {meter: each[-1][1] for meter, each in community.state.shares.items()}
    return [
        Part(meter, uses[meter].member, holder, ppm)
        for meter, holders in sorted(holders_of(uses, shared).items())
        for holder, ppm in sorted(holders.items(), key=lambda each: (-each[1], each[0]))
    ]


def can_spend(purses: Purses, member: str) -> int:
    """Return the units that a wallet could pay now, less what its member owes from later runs."""
    return max(0, purses.can_pay[member] + min(0, purses.claims.get(member, 0)))
