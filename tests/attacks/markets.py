"""Mandate abuse and wrong clearing: insiders who settle in their own way, and agree with themselves.

>>> clearing_skimmed_unit.__name__
'clearing_skimmed_unit'
"""

from copy import deepcopy
from dataclasses import replace

from ledger.accounts import fees
from ledger.primitives.canonical import encode_trusted
from ledger.primitives.hashing import tagged_hash
from ledger.records import Transfer
from market.model import Market, Orders, Result
from market.result_wire import result_to_json
from settlement.orders import DayFunds, Funded, PeriodInputs, PeriodOrders, fund_orders
from settlement.state import CommunityState
from tests.attacks.catalogue import attack
from tests.attacks.dates import NOT_GIVEN, ShortRun
from tests.attacks.members import (
    OFFER,
    consented,
    hamlet,
    mandate_fields,
    metered,
    read_day,
)
from tests.attacks.run import Run, cleared
from tests.attacks.village import (
    ASSET,
    OPERATORS,
    Village,
    key,
    member,
)
from tests.market.books import with_wh

MANDATES, CLEARING = "mandate abuse", "wrong clearing"
SIGNATURES, POSTINGS = "keys and signatures", "postings"
UNSIGNED = "the postings are not those that were signed"


def as_if_mandated(state: CommunityState) -> CommunityState:
    """Return what was agreed, as if Ben's mandate allowed everything."""
    other = deepcopy(state)
    limits = {name: value for name, value in mandate_fields().items() if name != "may_debit"}
    [(logged, mandate), *_] = state.mandates.get(member("ben")) or state.mandates[member("ada")]
    generous = replace(mandate, **limits)
    other.mandates[member("ben")] = [(logged, generous)]
    return other


class Generous(ShortRun):
    """A run that sets aside what readings give, whatever Ben's mandate says."""

    def orders(self, inputs: list[PeriodInputs]) -> list[PeriodOrders]:
        return fund_orders(as_if_mandated(self.state), inputs, self.funds())

    def funds(self) -> DayFunds:
        return DayFunds(super().funds().units)


@attack(MANDATES, *NOT_GIVEN)
def mandate_cap_exceeded() -> Village:
    """Settlement sets aside more than Ben's mandate lets it take in a day."""
    return Generous(metered(ben=mandate_fields(units_day_max=1_000_000))).go()


@attack(MANDATES, *NOT_GIVEN)
def mandate_after_revocation() -> Village:
    """Ben took his mandate back before the day; settlement goes on as if he had not."""
    village = consented()
    [(_, mandate)] = village.state.mandates[member("ben")]
    village.period += 1
    village.say("mandate_revoke", member("ben"), {"mandate": mandate.id}, [key("ben")])
    return Generous(read_day(village)).go()


@attack(MANDATES, *NOT_GIVEN)
def mandate_never_given() -> Village:
    """Settlement buys for Ben, who gave no mandate at all."""
    return Generous(metered(ben={})).go()


@attack(MANDATES, *NOT_GIVEN)
def mandate_order_unlike_offer() -> Village:
    """Ada's order asks ten times what her offer says, so that a friend's would come first."""

    class Other(ShortRun):
        def orders(self, inputs: list[PeriodInputs]) -> list[PeriodOrders]:
            orders = super().orders(inputs)
            for item in orders:
                for who, funded in item.asks.items():
                    dearer = funded.order._replace(limit_ticks=10 * OFFER["sell_ticks"])
                    item.asks[who] = Funded(dearer, funded.hold_units)
            return orders

    return Other(metered()).go()


@attack(MANDATES, *NOT_GIVEN)
def mandate_friend_without_funds() -> Village:
    """Ben has spent all that his wallet may owe; settlement lets him buy all the same."""

    class Friend(ShortRun):
        def funds(self) -> DayFunds:
            return DayFunds({**super().funds().units, member("ben"): 10**12})

    village = metered()
    village.pay("ben", "ada", 199_999_000)
    return Friend(village).go()


@attack(MANDATES, "funds and mandates", UNSIGNED)
def mandate_hold_unlike_orders() -> Village:
    """The orders are right, and what was signed as set aside is another amount for each."""

    class Dearer(ShortRun):
        def hold(self, orders: list[PeriodOrders], hold_batch: bytes) -> None:
            honest, shown = deepcopy(orders), self.village.copy()
            super().hold([self._dearer(item) for item in orders], hold_batch)
            ShortRun(shown).hold(honest, hold_batch)
            self.village.entries[-1].detail = shown.entries[-1].detail

        def _dearer(self, item: PeriodOrders) -> PeriodOrders:
            more = {
                who: Funded(funded.order, funded.hold_units + 7)
                for who, funded in item.bids.items()
            }
            return replace(item, bids=more)

    return Dearer(metered()).go()


@attack(MANDATES, "agreements", "goes below what the rules allow")
def mandate_limit_beyond_rules() -> Village:
    """Two operators let a friend owe more than the rules let anybody owe."""
    village = hamlet()
    fields = {"floor_units": -300_000_000, "reason": "A friend."}
    village.say("limit", member("ben"), fields, OPERATORS, believe=False)
    return village


@attack(MANDATES, POSTINGS, "mutual credit")
def mandate_money_from_nothing() -> Village:
    """Two operators issue money to a friend, in a currency that is mutual credit."""
    village = hamlet()
    fields = {"amount": 5_000, "evidence": "ab" * 32, "note": "Paid in."}
    village.say("issue", member("ben"), fields, OPERATORS, believe=False)
    return village


@attack(MANDATES, POSTINGS, "below floor")
def mandate_wallet_overdrawn() -> Village:
    """A payment takes Ben's wallet below its limit."""
    village = hamlet()
    village.pay("ben", "ada", 200_000_000)
    return village


@attack(MANDATES, SIGNATURES, "needs 1 of the member's keys; 0 of the signatures hold")
def mandate_settlement_key_pays() -> Village:
    """A thief of the settlement key pays themselves from Ben's wallet."""
    village = hamlet()
    fields = {"to": member("ada"), "amount": 70, "reference": "bread"}
    village.say("transfer", member("ben"), fields, [key("settlement")])
    return village


@attack(MANDATES, SIGNATURES, "act_for.does: 'transfer' is not one of")
def mandate_helper_pays() -> Village:
    """A helper, who may act for Ben in much, pays from his wallet."""
    village = hamlet()
    fields = {"to": member("ada"), "amount": 70, "reference": "bread"}
    body = {"does": "transfer", "fields": fields, "reason": "He rang."}
    village.say("act_for", member("ben"), body, [key("helper-1")], believe=False)
    return village


class Wrong(ShortRun):
    """A run that clears half-hours in which somebody sells in its own way."""

    def clear(self, market: Market) -> Result:
        return self.wrong(market) if market.asks else cleared(market)

    def wrong(self, market: Market) -> Result:
        """Return another result than the rules give."""
        raise NotImplementedError

    def shifted(self, market: Market, wh: int) -> Result:
        """Return the honest result with some Wh moved from Cleo to Ben."""
        result = cleared(market)
        got = bought(result)
        ben, cleo = member("ben"), member("cleo")
        return with_wh(market, result, {ben: got[ben] + wh, cleo: got[cleo] - wh})


def bought(result: Result) -> dict[str, int]:
    """Return what each buyer got."""
    return dict(zip(result.bids.ids, result.bids.wh, strict=True))


@attack(CLEARING, "clearings", "its share is")
def clearing_friend_preferred() -> Village:
    """Ben gets all that he wants, and Cleo what is left."""

    class Friend(Wrong):
        def wrong(self, market: Market) -> Result:
            return self.shifted(market, 400 - bought(cleared(market))[member("ben")])

    return Friend(metered(("ada", "ben", "cleo"))).go()


@attack(CLEARING, "clearings", "its share is")
def clearing_rounded_for_a_friend() -> Village:
    """Shares are right but for one Wh, which is rounded towards Ben."""

    class Rounded(Wrong):
        def wrong(self, market: Market) -> Result:
            return self.shifted(market, 1)

    return Rounded(metered(("ada", "ben", "cleo"))).go()


@attack(CLEARING, "clearings", "Wh could be")
def clearing_less_matched() -> Village:
    """Nobody trades, so that both sides pay the supplier who pays the operator."""

    class Nothing(Wrong):
        def wrong(self, market: Market) -> Result:
            none = {order.id: 0 for order in (*market.asks, *market.bids)}
            return with_wh(market, cleared(market), none)

    return Nothing(metered()).go()


@attack(CLEARING, "clearings", "; the result says 400 Wh at")
def clearing_wrong_price() -> Village:
    """Buyers pay ten ticks more than the rules' price, and sellers get them."""

    class Dearer(Wrong):
        def wrong(self, market: Market) -> Result:
            result = cleared(market)
            dearer = [
                replace(side, prices=[price and price + 10 for price in side.prices])
                for side in (result.asks, result.bids)
            ]
            prices = tuple(p._replace(price_ticks=p.price_ticks + 10) for p in result.prices)
            return replace(result, asks=dearer[0], bids=dearer[1], prices=prices)

    return Dearer(metered()).go()


@attack(CLEARING, "clearings", "no energy that a market takes")
def clearing_numbers_without_end() -> Village:
    """Two fills cancel each other in numbers so long that an auditor's program might give up."""

    class Endless(Wrong):
        def wrong(self, market: Market) -> Result:
            return cleared(market)

        def result_data(self, result: Result) -> bytes:
            value = result_to_json(result)
            for order in value["orders"]:
                if order["wh"]:
                    huge = {"wh": 10**4000, "price_ticks": order.pop("price_ticks")}
                    rest = {**huge, "wh": order["wh"] - 10**4000}
                    order["fills"] = [huge, rest]
            return encode_trusted(value)

    return Endless(metered()).go()


@attack(CLEARING, "clearings", "the result is of another half-hour")
def clearing_result_of_another_half_hour() -> Village:
    """A half-hour in which much was sold gets the proved result of the one after it."""

    class Later(Wrong):
        def wrong(self, market: Market) -> Result:
            return cleared(replace(market, period=market.period + 1))

    return Later(metered()).go()


@attack(CLEARING, "clearings", "its potentials support no result")
def clearing_certificate_of_another_market() -> Village:
    """The quantities are right, and the certificate is that of a market without buyers."""

    class Another(Wrong):
        def wrong(self, market: Market) -> Result:
            other = cleared(replace(market, bids=Orders()))
            return replace(cleared(market), certificate=other.certificate)

    return Another(metered(("ada", "ben", "cleo"))).go()


@attack(CLEARING, POSTINGS, UNSIGNED)
def clearing_skimmed_unit() -> Village:
    """A unit of what Ada sold goes to the fees; balances, sums and seal agree with it."""

    class Skim(Run):
        def money(self, transfers: list[Transfer]) -> list[Transfer]:
            paid = f"member/{member('ada')}/wallet {ASSET}"
            made = []
            for transfer in transfers:
                if transfer.credit == paid:
                    made.append(replace(transfer, amount=transfer.amount - 1))
                    unit = tagged_hash("attack-unit", transfer.id)[:16]
                    made.append(replace(transfer, id=unit, amount=1, credit=fees(ASSET)))
                else:
                    made.append(transfer)
            return made

    return Skim(metered()).go()


@attack(CLEARING, "balances and seals", "the totals of the half-hours are not those sealed")
def clearing_other_totals() -> Village:
    """The seal says that twice as much was matched, for the group's yearly report."""

    class Boast(Run):
        def totals(self, totals: list[dict[str, int]]) -> list[dict[str, int]]:
            return [{**total, "matched_wh": 2 * total["matched_wh"]} for total in totals]

    return Boast(metered()).go()


@attack(CLEARING, "balances and seals", "a balance differs from the one sealed")
def clearing_other_balances() -> Village:
    """Between the last half-hour and the seal, five units move from Ben to Ada in the database."""

    class Edit(Run):
        def before_seal(self) -> None:
            for name, units in (("ada", 5), ("ben", -5)):
                account = f"member/{member(name)}/wallet {ASSET}"
                self.village.book.balances[account].posted += units

    return Edit(metered()).go()


@attack(CLEARING, "balances and seals", "sealed before all of it is settled")
def clearing_half_hour_left_out() -> Village:
    """The half-hours after Ada's exports are never settled, and the day is sealed."""

    class Short(ShortRun):
        def go(self) -> Village:
            village = super().go()
            self.stops = None
            self.seal({})
            return village

    return Short(metered()).go()


@attack(CLEARING, POSTINGS, "never finished")
def clearing_run_left() -> Village:
    """Money is set aside for a day that is not settled in more than a week."""
    village = ShortRun(metered()).go()
    village.period += 8 * 48
    village.pay("ben", "ada", 70)
    return village
