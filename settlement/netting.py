"""The money of a run: one net amount a member, and who waits where a wallet cannot pay. Pure.

A run gives every party what is due to it: what the day is worth to it now, less what was posted of
the day before. Whoever owes pays what the wallet's limit allows; the rest becomes a claim on them,
which is repaid before anything else. The community's fund pays the others in the debtor's place,
down to its own floor; then the charges of the run wait, and only then the members' own lines, in
proportion. Claims sum to zero, as money does, and nobody's wallet goes beyond its limit.

>>> shares = settle_up({"ann": -500, "bob": 500}, {}, {"ann": 200}, Coffers(fund_units=50))
>>> shares.cash, shares.community_cash
({'ann': -200, 'bob': 250}, {'fund': -50})
>>> shares.claims, shares.community_claim  # bob is owed 250, the fund 50; ann owes both
({'ann': -300, 'bob': 250}, 50)
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from ledger.accounts import carried, fees, fund, network, pool, receivable, wallet
from ledger.book import Balance
from ledger.primitives.apportion import apportion
from ledger.primitives.money import UNITS_MAX
from ledger.records import Kind
from settlement.gifts import gifts_of, sold_of
from settlement.postings import Line, Move, hold_id
from settlement.terms import CommunityRules

FEES, NETWORK, FUND = "fees", "network", "fund"
"""What the community takes part with, by name."""


@dataclass
class Nets:
    """What a day is worth to each, in ledger units: positive is received. All sum to zero.

    Attributes:
        members: by id.
        community: by `FEES`, `NETWORK` and `FUND`.
    """

    members: dict[str, int] = field(default_factory=dict)
    community: dict[str, int] = field(default_factory=dict)

    def less(self, before: "Nets") -> "Nets":
        """Return what is due now, where so much was posted before."""
        return Nets(_less(self.members, before.members), _less(self.community, before.community))


def _less(now: Mapping[str, int], before: Mapping[str, int]) -> dict[str, int]:
    names = sorted({*now, *before})
    changes = ((name, now.get(name, 0) - before.get(name, 0)) for name in names)
    return {name: change for name, change in changes if change}


def nets_of(
    lines: Sequence[Line], rules: CommunityRules, quotas: Mapping[str, int] | None = None
) -> Nets:
    """Return what a day's lines come to.

    Args:
        lines: of every member and half-hour.
        rules: that bind the day.
        quotas: Wh that members give of what they sell.
    """
    bought_wh, units = 0, list[Mapping[str, int]]()
    for line in lines:
        units.append({line.member: line.sold_units - line.bought_units})
        bought_wh += line.bought_wh
    gifts = gifts_of(sold_of(lines), quotas) if quotas else {}
    return nets_of_units(units, bought_wh, rules, gifts)


def nets_of_units(
    units: Iterable[Mapping[str, int]],
    bought_wh: int,
    rules: CommunityRules,
    gifts: Mapping[str, tuple[int, int]],
) -> Nets:
    """Return what a day comes to.

    What buyers pay beyond what sellers get is the charge: the network's part of it by Wh, and the
    community's fee, which has the rest.

    Args:
        units: what members got, or paid, some of it in each.
        bought_wh: what all bought from neighbours.
        rules: that bind the day.
        gifts: (Wh, units) that members give to the fund.
    """
    members: dict[str, int] = {}
    for some in units:
        for member, each in some.items():
            members[member] = members.get(member, 0) + each
    charge_units, network_units = -sum(members.values()), bought_wh * rules.network_ticks
    community = {FEES: charge_units - network_units, NETWORK: network_units}
    for member, (_, gift_units) in gifts.items():
        members[member] = members.get(member, 0) - gift_units
        community[FUND] = community.get(FUND, 0) + gift_units
    return Nets(
        {member: units for member, units in sorted(members.items()) if units},
        {name: units for name, units in community.items() if units},
    )


@dataclass(frozen=True, slots=True)
class Coffers:
    """What the community can carry.

    Attributes:
        fund_units: what its fund may still pay out, down to its floor.
        claim_units: what members owe it, from earlier runs.
    """

    fund_units: int = 0
    claim_units: int = 0


@dataclass(frozen=True, slots=True)
class Purses:
    """What the book says when a run's money is netted.

    Attributes:
        can_pay: what each wallet can pay without going beyond its limit, with what the run itself
            set aside in it.
        claims: what is owed to each member; below zero, by them.
        coffers: the community's.
    """

    can_pay: Mapping[str, int]
    claims: Mapping[str, int]
    coffers: Coffers


def purses_of(
    balances: Mapping[str, Balance], held: Mapping[str, int], rules: CommunityRules
) -> Purses:
    """Read what the book says of wallets, claims and the fund.

    Args:
        balances: by account.
        held: what the run set aside, by member.
        rules: of the community.
    """
    can_pay, claims, asset = {}, {}, rules.asset
    for account, balance in balances.items():
        name, _, of = account.partition(" ")
        if of != asset or not name.startswith("member/"):
            continue
        _, member, kind = name.split("/")
        if kind == "receivable" and balance.posted:
            claims[member] = balance.posted
        elif kind == "wallet":
            free = balance.available
            can_pay[member] = held.get(member, 0) + (UNITS_MAX if free is None else max(0, free))
    pot, lent = balances.get(fund(asset)), balances.get(carried(asset))
    fund_units = max(0, pot.posted - pot.pending_out - rules.fund_floor_units) if pot else 0
    return Purses(can_pay, claims, Coffers(fund_units, lent.posted if lent else 0))


@dataclass(frozen=True)
class Shares:
    """Who pays and gets what, and whose claims change: cash and claims each sum to zero.

    Attributes:
        cash: by member; positive is received.
        claims: changes by member; below zero, more is owed by them.
        community_cash: by `FEES`, `NETWORK` and `FUND`.
        community_claim: change of what the community is owed.
    """

    cash: dict[str, int]
    claims: dict[str, int]
    community_cash: dict[str, int]
    community_claim: int


def settle_up(
    due: Mapping[str, int],
    claims: Mapping[str, int],
    can_pay: Mapping[str, int],
    coffers: Coffers,
    community_due: Mapping[str, int] | None = None,
) -> Shares:
    """Settle what is due, and as much of older claims as there is money for.

    Args:
        due: units by member: positive is to be received. With ``community_due`` it sums to zero.
        claims: what is owed to each member from earlier runs; below zero, by them.
        can_pay: what each member can pay without going beyond their limit, not negative.
        coffers: the community's.
        community_due: by `FEES`, `NETWORK` and `FUND`.

    Returns:
        Cash and changes of claims. A debtor pays as much as they can; a creditor waits only for what
        neither debtors nor the fund nor the run's charges can pay, in proportion to what is theirs.
    """
    mine = dict(community_due or {})
    owed = {
        member: due.get(member, 0) + claims.get(member, 0) for member in sorted({*due, *claims})
    }
    cash = {
        member: -min(-units, max(0, can_pay.get(member, 0))) if units < 0 else units
        for member, units in owed.items()
    }
    wanted = {FEES: 0, NETWORK: 0, **mine}
    least_units = -max(0, coffers.fund_units)
    wanted[FUND] = max(mine.get(FUND, 0) + coffers.claim_units, least_units)
    missing = sum(cash.values()) + sum(wanted.values())
    if missing < 0:
        raise AssertionError("what is due and what is owed do not sum to zero")
    for name, least in ((FUND, least_units), (FEES, 0), (NETWORK, 0)):
        given = min(missing, max(0, wanted[name] - least))
        wanted[name] -= given
        missing -= given
    if missing:
        waiting = [member for member, units in cash.items() if units > 0]
        parts = apportion(missing, [cash[member] for member in waiting], waiting.__getitem__)
        for member, part in zip(waiting, parts, strict=True):
            cash[member] -= part
    changes = {member: due.get(member, 0) - units for member, units in cash.items()}
    return Shares(
        {member: units for member, units in cash.items() if units},
        {member: units for member, units in changes.items() if units},
        {name: units for name, units in wanted.items() if units},
        sum(mine.values()) - sum(wanted.values()),
    )


def netting_moves(
    shares: Shares, held: Mapping[str, int], hold_batch: bytes, rules: CommunityRules
) -> list[Move]:
    """Return the movements of a run's money: all that is paid in before what is paid out.

    Args:
        shares: who pays and gets what.
        held: what the run set aside, by member: it is posted or released here.
        hold_batch: id of the batch that set it aside.
        rules: of the community.
    """
    asset = rules.asset
    target, into, out = pool(rules.feeder, asset), list[Move](), list[Move]()

    def move(account: str, units: int) -> None:
        """Move what an account gets from the pool; below zero, what it pays in."""
        if units > 0:
            out.append((Kind.POST, target, account, units, None))
        elif units:
            into.append((Kind.POST, account, target, -units, None))

    for member, units in held.items():
        purse, hold = wallet(member, asset), hold_id(hold_batch, member)
        paid = min(units, max(0, -shares.cash.get(member, 0)))
        if paid:
            into.append((Kind.POST_HOLD, purse, target, paid, hold))
        else:
            into.append((Kind.VOID_HOLD, purse, target, units, hold))
    for member, units in shares.cash.items():
        move(wallet(member, asset), units + min(held.get(member, 0), max(0, -units)))
    for account, name in ((fees, FEES), (network, NETWORK), (fund, FUND)):
        move(account(asset), shares.community_cash.get(name, 0))
    for member, units in shares.claims.items():
        move(receivable(member, asset), units)
    move(carried(asset), shares.community_claim)
    return into + out


def opened_by(moves: Iterable[Move]) -> list[str]:
    """Return the claims' accounts that some movements need: they are opened at their first use."""
    named = {account for _, debit, credit, _, _ in moves for account in (debit, credit)}
    return sorted(name for name in named if "/receivable " in name)
