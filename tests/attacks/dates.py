"""Back-dating and replay: what is said too late, too early, or twice.

>>> replay_same_payment_twice.__name__
'replay_same_payment_twice'
"""

from typing import Any

from ledger.log.cosignature import Cosigner, add_lines, cosign
from ledger.primitives.ids import derived_id
from ledger.primitives.periods import SECONDS, parse_utc
from settlement.orders import PeriodInputs, PeriodOrders, period_inputs
from settlement.postings import Line
from settlement.terms import CommunityRules
from tests.attacks.catalogue import attack
from tests.attacks.members import (
    EXPORTS,
    OFFER,
    READ,
    channel_of,
    hamlet,
    mandate_fields,
    metered,
    rules_fields,
)
from tests.attacks.run import Run
from tests.attacks.village import (
    DUE,
    LOG,
    OPERATORS,
    PERIODS,
    START,
    Files,
    Village,
    key,
    member,
    packed,
)

BACK_DATING, REPLAY = "back-dating", "replay"
NOT_GIVEN = ("funds and mandates", "not what readings, offers, mandates and balances give")
TOO_EARLY = ("funds and mandates", "came before it was due")


class ShortRun(Run):
    """A run whose log ends after the first half-hour that trades."""

    stops = EXPORTS.start


@attack(BACK_DATING, "sequence and expiry", "half-hours go back")
def backdating_half_hours_go_back() -> Village:
    """A payment is logged as of five hours before the entry that stands in front of it."""
    village = hamlet()
    village.period -= 10
    village.pay("ben", "ada", 70)
    return village


@attack(BACK_DATING, *TOO_EARLY)
def backdating_early_run() -> Village:
    """The day is settled four days early, before late readings and objections could come."""

    class Early(ShortRun):
        def due(self) -> int:
            return READ

    return Early(metered()).go()


@attack(BACK_DATING, *TOO_EARLY)
def backdating_early_known_at() -> Village:
    """The day is settled early, and its hold says that it knew what was known when it was due."""

    class Early(ShortRun):
        def due(self) -> int:
            return READ

        def known_at(self) -> int:
            return DUE

    return Early(metered()).go()


@attack(BACK_DATING, *NOT_GIVEN)
def backdating_offer_after_reading() -> Village:
    """Ben's offer is logged when the readings are known, and used for their half-hours."""
    village = metered()
    village.say("offer", member("ben"), OFFER | {"buy_ticks": 900}, [key("ben")])
    offers = village.state.offers[member("ben")]
    offers[-1] = (START, offers[-1][1])
    return ShortRun(village).go()


@attack(BACK_DATING, *NOT_GIVEN)
def backdating_mandate_after_reading() -> Village:
    """Ben had given no mandate; one is logged after the readings, and money is set aside by it."""
    village = metered(ben={})
    village.say("mandate", member("ben"), mandate_fields(), [key("ben")])
    mandates = village.state.mandates[member("ben")]
    mandates[-1] = (START, mandates[-1][1])
    return ShortRun(village).go()


@attack(BACK_DATING, "clearings", "the market that was cleared is not that of the orders")
def backdating_rules_after_readings() -> Village:
    """Operators raise the charge when the readings are known, and clear that day with it."""
    village = metered()
    village.say("rules", "community", rules_fields(2, charge_ticks=400), OPERATORS)

    class Later(ShortRun):
        def rules(self) -> CommunityRules:
            return self.state.rules_now

    return Later(village).go()


@attack(BACK_DATING, "postings", "the postings are not those that were signed")
def backdating_reading_after_hold() -> Village:
    """A higher reading of Ben's comes after the hold, and is billed with the same day."""

    class Late(ShortRun):
        def hold(self, orders: list[PeriodOrders], hold_batch: bytes) -> None:
            super().hold(orders, hold_batch)
            self.village.read("m-ben", channel_of("ben"), EXPORTS.start, [4_000])

        def settle(self, item: PeriodInputs, wanted: PeriodOrders) -> list[Line]:
            periods = range(item.period, item.period + 1)
            [late] = period_inputs(self.state, periods, self.village.readings)
            return super().settle(late, wanted)

    return Late(metered()).go()


@attack(BACK_DATING, "sequence and expiry", "after its not_after")
def backdating_expired_payment() -> Village:
    """A payment that Ben had signed for one day only is logged a week later."""
    village = hamlet()
    end_ms = (village.period + 48) * SECONDS * 1000
    village.period += 7 * 48
    village.pay("ben", "ada", 70, not_after=end_ms)
    return village


@attack(BACK_DATING, "witnesses", "after its witnesses cosigned", "--policy", "policy")
def backdating_hurried_recovery() -> Files:
    """Operators bring Ben's account to a thief, in a log a day ahead: nobody objects in time."""
    village, phone = hamlet(replay=False), key("thief's phone")
    fields = {"keys": [phone.public.hex()], "threshold": 1, "by": "operators", "reason": "Lost."}
    village.say("key_change", member("ben"), fields, [*OPERATORS, phone])
    cosigned_s = (village.period + 1) * SECONDS
    village.period += 48
    payment = {"to": member("ada"), "amount": 70, "reference": "bread"}
    village.say("transfer", member("ben"), payment, [phone])
    name, witness = "west.example/witness", key("witness-west")
    note = village.note()
    note = add_lines(note, [cosign(note, name, witness, cosigned_s)])
    vkey = Cosigner(name, witness.public).vkey
    policy = f"log {LOG.vkey}\nwitness west {vkey}\nquorum west\n".encode()
    files = village.files() | {"log/checkpoint": note, "policy": policy}
    return {"bundle.zip": packed(files, len(village.entries)), "policy": policy}


@attack(BACK_DATING, "sequence and expiry", "one of the two clocks is wrong")
def backdating_ahead_of_everybody() -> Village:
    """Operators bring Ben's account to a thief and date the payment that follows in 2095."""
    village, phone = hamlet(replay=False), key("thief's phone")
    fields = {"keys": [phone.public.hex()], "threshold": 1, "by": "operators", "reason": "Lost."}
    village.say("key_change", member("ben"), fields, [*OPERATORS, phone])
    village.period = parse_utc("2095-01-01T00:00:00Z")
    payment = {"to": member("ada"), "amount": 70, "reference": "bread"}
    village.say("transfer", member("ben"), payment, [phone])
    return village


@attack(REPLAY, "sequence and expiry", "was used before")
def replay_same_payment_twice() -> Village:
    """Ben's payment is logged and posted a second time, byte for byte."""
    village = hamlet()
    village.log(village.entries[-1].envelope, "transfer")
    return village


@attack(REPLAY, "sequence and expiry", "was used before")
def replay_same_id_other_body() -> Village:
    """A second payment comes under the id of the first, so that an answer seems to be the same."""
    village = hamlet()
    first = village.pay("ben", "ada", 70)
    village.pay("ben", "ada", 7_000, id=first.id)
    return village


@attack(REPLAY, "sequence and expiry", "of this key was used before")
def replay_number_used_twice() -> Village:
    """Two payments have one number of Ben's key: he may have meant the one to replace the other."""
    village = hamlet()
    first = village.pay("ben", "ada", 70)
    village.pay("ben", "ada", 7_000, seq=first.body["seq"])
    return village


class AnotherId(ShortRun):
    """A run under ids of its own."""

    def id_of(self, kind: str, about: int | str) -> str:
        return derived_id("attack-another", kind, about)


@attack(REPLAY, "funds and mandates", "was run before")
def replay_day_held_twice() -> Village:
    """The day is run a second time, under other ids."""
    village = ShortRun(metered()).go()
    return AnotherId(village).go()


@attack(REPLAY, "clearings", "the id is not the one that follows from day and run")
def replay_half_hour_settled_twice() -> Village:
    """A half-hour that was cleared and posted is cleared and posted again, under other ids."""
    honest = ShortRun(metered())
    village = honest.go()
    periods = range(EXPORTS.start, EXPORTS.start + 1)
    again: Any = AnotherId(village)
    [item] = period_inputs(village.state, periods, village.readings)
    wanted = honest.orders(period_inputs(village.state, PERIODS, village.readings))
    again.settle(item, wanted[EXPORTS.start - PERIODS.start])
    return village


@attack(REPLAY, "sequence and expiry", "was used before")
def replay_batch_of_readings() -> Village:
    """The adapter's last batch is signed and delivered once more, to count its energy twice."""
    village = metered()
    sequence = village.chains["m-ben", "import", key("adapter").key_id][0]
    wh = [400] * 16
    village.read("m-ben", channel_of("ben"), PERIODS.stop - 16, wh, sequence=sequence)
    return village
