"""A street in which everything happens that an explanation must tell: for tests of `settlement.why`."""

import dataclasses
from collections.abc import Callable
from pathlib import Path

from ledger.db import Database
from ledger.entropy import seeded_entropy
from ledger.keyring import Keyring
from ledger.primitives.clock import FixedClock
from ledger.primitives.money import UNITS_PER_MAJOR
from ledger.primitives.periods import load_zone, of_local_day
from ledger.primitives.signing import SigningKey
from market.model import PriceRule, Rules
from meters.readings import Channel, Quality, Reading
from meters.simulation import SimulatedSite
from settlement import deeds, store
from settlement.community import Community
from settlement.enrol import ROLE_KEYS, Charter, Terms, add_member, found_community
from settlement.estimating import estimate_missing
from settlement.intake import import_readings
from settlement.run import settle_day
from settlement.timetable import due_at_ms, first_due_ms
from settlement.why import why
from settlement.why_day import why_day
from tests.fresh import upgrade
from tests.prepared import ms, seeded_key
from tests.streets import JUNE_30, SITES, ZONE, add_meters, street_readings

CHARTER = Charter(
    "why.example/ledger/1",
    "Why Street",
    ZONE,
    "LWD",
    "street",
    Rules(PriceRule.MID_MARKET, import_ticks=2450, export_ticks=410, charge_ticks=20),
    "All wallets together always sum to zero.",
    replay=True,
)
DAY = JUNE_30
PERIODS = of_local_day(DAY, load_zone(ZONE))
DAVE = SimulatedSite("m-dave", 0, 300, 900, 600)
WHO = (*zip(("Ada", "Ben", "Cleo", "School roof"), SITES, strict=True), ("Dave", DAVE))
POUND = UNITS_PER_MAJOR
TERMS = {
    "Ben": Terms(floor_units=-POUND // 2),
    "Cleo": Terms(mandate_wh_period_max=120),
    "Dave": Terms(buy_ticks=2300, mandate_units_day_max=POUND),
}
"""Ben has little money, Cleo's mandate is small, and Dave's allows a pound a day."""

MISSING = ("m-dave", range(PERIODS[20], PERIODS[23]))
"""Never read and never estimated: not before the first run."""

GUESSED = ("m-ben", range(PERIODS[26], PERIODS[28]))
"""Estimated for the first run; the meter's word comes before R1."""

CORRECTED = (("m-school-pv", Channel.EXPORT), PERIODS[25])
"""Read as another value before R1."""

FACTORS = {"import_ppm": 1_070_000, "export_ppm": 950_000}


@dataclasses.dataclass
class Told:
    """A community, its members by name, and its clock."""

    community: Community
    members: dict[str, str]
    clock: FixedClock
    folder: Path

    def settle(self, code: str) -> None:
        """Make a run of the day as soon as it is due."""
        rules = self.community.state.rules_now
        due_ms = due_at_ms(rules.timetable.run(code), DAY, rules.zone)
        if self.clock.now_ms() < due_ms:
            self.clock.set_ms(due_ms)
        settle_day(self.community, DAY, code=code)

    def read(self, slot, period, wh) -> None:
        """Let a meter say something more, an hour later."""
        self.clock.set_ms(self.clock.now_ms() + 3_600_000)
        import_readings(self.community, [Reading(*slot, period, wh, Quality.ACTUAL)])


def founded(
    folder: Path,
    *,
    losses: bool = False,
    agreement: bool = False,
    market: Rules = CHARTER.market,
    leave_out: tuple[str, range] = ("", range(0)),
    meanwhile: Callable[["Told"], None] = lambda _street: None,
) -> Told:
    """Found the street with its readings in, and nothing settled; more may be agreed before them."""
    database = Database(f"sqlite:///{folder}/street.sqlite")
    upgrade(database)
    clock = FixedClock(ms(2026, 6, 27, 12))
    keys = {name: seeded_key(name) for name in ROLE_KEYS}
    community = found_community(
        database,
        Keyring(folder / "keys"),
        clock,
        dataclasses.replace(CHARTER, market=market),
        entropy=seeded_entropy(b"why"),
        keys=keys,
    )
    members = {}
    for place, (name, site) in enumerate(WHO):
        device = SigningKey.from_seed(bytes([place + 1] * 32))
        terms = TERMS.get(name, Terms())
        members[name] = add_member(community, name, "household", terms, device)
        add_meters(community, members[name], site)
    if losses:
        deeds.new_rules(community, {**deeds.rules_now(community), "losses": FACTORS})
    if agreement:
        fields = {
            "buyer": members["Ben"],
            "price_ticks": 700,
            "rank": 1,
            "first": PERIODS.start,
            "last": PERIODS[-1],
            "share_permille": 300,
        }
        deeds.agree(community, members["School roof"], fields)
    made = Told(community, members, clock, folder)
    meanwhile(made)
    clock.set_ms((PERIODS.stop + 48) * 1_800_000)
    gone = {(meter, period) for meter, span in (MISSING, GUESSED, leave_out) for period in span}
    readings = street_readings([site for _, site in WHO], [DAY])
    import_readings(community, [r for r in readings if (r.meter, r.period) not in gone])
    return made


def whole(folder: Path, **options: bool) -> Told:
    """Return the street after SF, what came then, and R1."""
    street = founded(folder, **options)
    street.clock.set_ms(first_due_ms(DAY, ZONE))
    estimate_missing(street.community, DAY)
    street.settle("SF")
    for period in GUESSED[1]:
        street.read((GUESSED[0], Channel.IMPORT), period, 333)
    slot, period = CORRECTED
    street.read(slot, period, 1_000)
    street.settle("R1")
    return street


def told(street, name, period, code=None):
    """Explain a member's half-hour."""
    with street.community.reading() as connection:
        return why(street.community, connection, street.members[name], period, code)


def day_of(street, name, code=None):
    """Explain a member's day."""
    with street.community.reading() as connection:
        return why_day(street.community, connection, street.members[name], DAY, code)


def settled(street):
    """Make the first run of the day."""
    street.clock.set_ms(first_due_ms(DAY, ZONE))
    settle_day(street.community, DAY)
    return street


def stored_lines(street, name, *, first=False):
    """Return a member's lines of the day, by half-hour."""
    writer = street.community.writer
    asset = street.community.state.rules_now.asset
    with street.community.reading() as connection:
        lines = store.member_lines(
            connection, writer.ledger, street.members[name], asset, PERIODS, first=first
        )
        return {line.period: line for line in lines}
