"""Adapter forgery: readings that no meter's adapter signed so, or that nobody consented to.

>>> adapter_dropped_batch.__name__
'adapter_dropped_batch'
"""

from ledger.kinds import COMMUNITY
from ledger.primitives.signing import SigningKey
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
    OPERATORS,
    PERIODS,
    Village,
    key,
    member,
)

ADAPTER = "adapter forgery"
NOT_BOUND = ("keys and signatures", "the roster's adapter keys or the meter's own; 0 of")
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


@attack(ADAPTER, "keys and signatures", "the roster's adapter keys or the meter's own; 0 of")
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
            return fund_orders(self.state, inputs, self.funds())

    return Blind(metered()).go()


def bound_key(meter: str = "m-ben", last: int = PERIODS.stop - 1, **more: object) -> Village:
    """Return a village with a key of the maker's own bound to a meter, and a first batch by it."""
    village = consented()
    fields = {"key": key("own").public.hex(), "meter": meter, "channels": "import"}
    dates = {"first": PERIODS.start, "last": last}
    village.say("meter_key", COMMUNITY, fields | dates, OPERATORS)
    if more:
        village.say("meter_key", COMMUNITY, fields | dates | more, OPERATORS)
    village.period = READ
    read_ben(village, 0, signer="own")
    return village


@attack(ADAPTER, *NOT_BOUND)
def adapter_key_of_another_meter() -> Village:
    """A key that is bound to Cleo's meter signs readings of Ben's."""
    return bound_key("m-cleo")


@attack(ADAPTER, *NOT_BOUND)
def adapter_key_after_its_dates() -> Village:
    """An adapter that was taken down signs readings of the days after it."""
    village = bound_key(last=PERIODS.start + BATCH_PERIODS - 1)
    read_ben(village, 1, signer="own")
    return village


@attack(ADAPTER, *NOT_BOUND)
def adapter_key_after_revocation() -> Village:
    """A stolen adapter's key was revoked; the thief signs readings of the days before."""
    return bound_key(revoked=True)


@attack(ADAPTER, "keys and signatures", "this key is a member's or the roster's")
def adapter_key_of_a_member() -> Village:
    """Ben's own telephone is bound to his meter, so that he may write his readings himself."""
    village = consented()
    fields = {"key": key("ben").public.hex(), "meter": "m-ben", "channels": "import"}
    dates = {"first": PERIODS.start, "last": PERIODS.stop}
    village.say("meter_key", COMMUNITY, fields | dates, OPERATORS)
    return village


def edit_ben(village: Village, signers: list[SigningKey], **fields: object) -> Village:
    """Say that Ben's meter should have read 100 Wh in the day's first half-hour."""
    edit = {"meter": "m-ben", "channel": "import", "first": PERIODS.start, "wh": [100]}
    reason = {"replaces": len(village.entries) - 1, "reason": "The fuse was out."}
    village.say("reading_edit", member("ben"), edit | reason | fields, signers)
    return village


@attack(ADAPTER, "keys and signatures", "a reading_edit needs 2 of operators")
def adapter_edit_by_one() -> Village:
    """One operator alone lowers what Ben's meter read."""
    return edit_ben(first_batch(), OPERATORS[:1])


@attack(ADAPTER, "readings", "does not name the version of")
def adapter_edit_of_what_was_replaced() -> Village:
    """An edit names the first reading, although another edit has replaced it: one is undone unseen."""
    village = edit_ben(first_batch(), OPERATORS, wh=[300])
    return edit_ben(village, OPERATORS, replaces=len(village.entries) - 2)


@attack(ADAPTER, "readings", "does not name the version of")
def adapter_edit_as_if_nothing_was_there() -> Village:
    """An edit pretends to fill a gap, where there is a reading."""
    village = first_batch()
    edit = {"meter": "m-ben", "channel": "import", "first": PERIODS.start, "wh": [100]}
    village.say("reading_edit", member("ben"), edit | {"reason": "A gap."}, OPERATORS)
    return village


@attack(ADAPTER, *NOT_GIVEN)
def adapter_edit_left_out() -> Village:
    """Two operators corrected Ben's reading; the run uses the old one."""
    village = metered()
    return ShortRun(edit_ben(village, OPERATORS, replaces=len(village.entries) - 3)).go()


@attack(ADAPTER, "readings", "the inputs are not those that were signed")
def adapter_other_inputs() -> Village:
    """An estimate is shown with other inputs than those it was made from."""
    village = first_batch()
    inputs = [{"what": "rules", "first": 2}]
    read_ben(village, 1, inputs=inputs)
    return village


@attack(ADAPTER, *NOT_GIVEN)
def adapter_guesses_for_ever() -> Village:
    """Ben's meter said nothing for weeks; the operator's guesses are traded all the same."""
    village = read_day(consented(), ("ada",))
    for number in range(3):
        read_ben(village, number, letter="L")
    return ShortRun(village).go()
