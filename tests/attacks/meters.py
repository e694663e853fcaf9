"""Adapter forgery: readings that no meter's adapter signed so, or that nobody consented to.

>>> adapter_dropped_batch.__name__
'adapter_dropped_batch'
"""

from meters.readings import Channel
from settlement.orders import PeriodInputs, PeriodOrders, fund_orders
from tests.attacks.catalogue import attack
from tests.attacks.dates import NOT_GIVEN, ShortRun
from tests.attacks.members import (
    BATCH_PERIODS,
    READ,
    consent_fields,
    consented,
    metered,
    read_day,
)
from tests.attacks.village import (
    PERIODS,
    Village,
    key,
    member,
)

ADAPTER = "adapter forgery"
BROKEN = "the chain of m-ben import is broken"
FEWER_WH = [100] * BATCH_PERIODS


def first_batch() -> Village:
    """Return a village with the first of Ben's three batches."""
    village = consented()
    village.period = READ
    read_ben(village, 0)
    return village


def read_ben(village: Village, number: int, **more: object) -> None:
    """Log one of Ben's three batches of the day."""
    first = PERIODS.start + number * BATCH_PERIODS
    village.read("m-ben", Channel.IMPORT, first, [400] * BATCH_PERIODS, **more)  # type: ignore[arg-type]


@attack(ADAPTER, "keys and signatures", "needs 1 of the roster's adapter keys; 0 of")
def adapter_other_key() -> Village:
    """A maker of adapters signs readings with a key that no roster names."""
    village = first_batch()
    read_ben(village, 1, signer="another adapter")
    return village


@attack(ADAPTER, "readings", BROKEN)
def adapter_broken_chain() -> Village:
    """A batch continues another chain than the one in the log: there are two sets of readings."""
    village = first_batch()
    read_ben(village, 1, previous="ab" * 32)
    return village


@attack(ADAPTER, "readings", BROKEN)
def adapter_dropped_batch() -> Village:
    """The operator logs the first and the third batch, and drops the second, with its high use."""
    village = first_batch()
    read_ben(village, 1)
    village.entries.pop()
    read_ben(village, 2)
    return village


@attack(ADAPTER, "readings", "the readings are not those that were signed")
def adapter_other_readings() -> Village:
    """The adapter signed 400 Wh a half-hour; handed out, cleared and posted are 100."""
    village = consented()
    village.period = READ
    read_ben(village, 0, shown=FEWER_WH)
    for number in (1, 2):
        read_ben(village, number)
    return ShortRun(read_day(village, ("ada",))).go()


@attack(ADAPTER, "agreements", "half-hour that is not over")
def adapter_future_readings() -> Village:
    """Readings come before their half-hours are over: made up, not metered."""
    village = consented()
    village.period = PERIODS.start + 3
    read_ben(village, 0)
    return village


@attack(ADAPTER, "readings", "did not consent to this meter's use")
def adapter_meter_without_consent() -> Village:
    """Readings of a meter are logged for Ben, who never consented to it."""
    village = first_batch()
    wh = [400] * BATCH_PERIODS
    village.read("m-garage", Channel.IMPORT, PERIODS.start, wh, owner="ben")
    return village


@attack(ADAPTER, "readings", "did not consent to this meter's use")
def adapter_meter_of_a_neighbour() -> Village:
    """Ben's readings are logged for Ada, so that she pays for them."""
    village = first_batch()
    read_ben(village, 1, owner="ada")
    return village


@attack(ADAPTER, "readings", "did not consent to this meter's use")
def adapter_used_after_withdrawal() -> Village:
    """Ben withdrew consent before the day; his readings are settled all the same."""

    class Nosy(ShortRun):
        def __init__(self, village: Village) -> None:
            super().__init__(village)
            uses = village.state.meters["m-ben"]
            village.state.meters["m-ben"] = uses[:1]

    village = consented()
    village.period += 1
    fields = consent_fields("m-ben", Channel.IMPORT, withdrawn=True)
    village.say("consent", member("ben"), fields, [key("ben")])
    return Nosy(read_day(village)).go()


@attack(ADAPTER, *NOT_GIVEN)
def adapter_reading_left_out() -> Village:
    """A signed reading of Ada's export is left out of the run, as if it had come too late."""

    class Blind(ShortRun):
        def orders(self, inputs: list[PeriodInputs]) -> list[PeriodOrders]:
            for item in inputs:
                item.flows[member("ada")] = item.flows[member("ada")]._replace(exported_wh=0)
            return fund_orders(self.state, inputs, self.village.book.balances)

    return Blind(metered()).go()
