"""A community that lives through its readings day by day: deliveries in the morning, then what is due.

Nothing here decides anything: readings go through the intake of files, runs through what
``commonwatt settle --due`` calls, payments and disputes through signed statements.

>>> Purse(floor_units=0, pocket_units=5).spends
False
"""

import time
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date, timedelta
from functools import cached_property
from pathlib import Path

from ledger.accounts import receivable, wallet
from ledger.db import Database
from ledger.entropy import seeded_entropy
from ledger.errors import RefusedError
from ledger.history import balance_at
from ledger.keyring import Keyring
from ledger.primitives.clock import FixedClock
from ledger.primitives.money import UNITS_PER_MAJOR
from ledger.primitives.periods import load_zone, local_date, of_local_day, of_local_month
from market.model import PriceRule, Rules
from meters.readings import Reading
from settlement import deeds
from settlement.community import Community
from settlement.enrol import (
    Charter,
    Terms,
    add_member,
    add_meter,
    found_community,
    pay,
)
from settlement.errors import RunRefusedError
from settlement.intake import IntakeReport, import_readings
from settlement.run import settle_day
from settlement.timetable import GB
from tests.fresh import upgrade
from tests.settlement.real_year_faults import MeterDay, Plan, Rates, plan
from wallet_api.cli.settle import _How, _one, _wanted

IMPORT_TICKS, EXPORT_TICKS, CHARGE_TICKS, NETWORK_TICKS = 2450, 410, 20, 5
"""What suppliers ask and pay, and what neighbours pay to the community, per kWh."""

FLOOR_UNITS = -5_000 * UNITS_PER_MAJOR
"""How far most may go below zero: nobody of them is ever stopped by it."""

DISPUTE_DAYS = 120
"""Time of disputes: thirty days after RF, so that one expires before the story ends."""

AFTER_DAYS = DISPUTE_DAYS + 10
"""Days after the last one in which runs become due and disputes expire."""

RULED_AFTER_DAYS = 3
"""Days that two operators take to decide."""

SETTLES = 15
"""Half-hours after a day's end at which what is due is settled: half an hour after II may be made."""

SPENDS_EVERY_DAYS = 7
"""Who spends all does so once a week."""

CLOSED_ON = 9
"""Day of a month on which the one before is closed: all its days have had SF."""

LENT_AFTER_DAYS, LENT_UNITS = 60, 5 * UNITS_PER_MAJOR
"""Days after the last one on which the first home helps who spent all: the next runs repay debts."""

HELPED_AFTER_DAYS = DISPUTE_DAYS + 5
"""Days after the last one on which the fund is filled up and helps: nothing is owed to anybody then."""

HOW = _How(estimates=True, dry_run=False, as_json=True, lenient=True)
"""As ``commonwatt settle --due --json`` makes runs."""


@dataclass(frozen=True)
class Purse:
    """How a home handles money, where it is not as the others.

    Attributes:
        floor_units: how far below zero it may go.
        spends: all that it has goes to the first home of the street, every week.
        pocket_units: what it gets from the first home on the first day of a month.
        gives_wh: Wh a month that it gives to the fund.
    """

    floor_units: int = FLOOR_UNITS
    spends: bool = False
    pocket_units: int = 0
    gives_wh: int = 0


@dataclass(frozen=True)
class Script:
    """Who lives there, what their meters say in truth, and what goes wrong.

    Attributes:
        name, origin, zone: of the community.
        readings: the truth.
        rates, seed: of faults.
        swap: meters whose import and export are swapped for a while.
        purses: of homes that do not handle money as the others, by meter.
        fund_floor_units: so little that debts go beyond it, and neighbours have to wait.
    """

    name: str
    origin: str
    zone: str
    readings: Sequence[Reading]
    rates: Rates
    seed: int
    swap: tuple[str, ...]
    purses: Mapping[str, Purse]
    fund_floor_units: int


@dataclass
class Diary:
    """What happened, beside what the community itself keeps.

    Attributes:
        intake: what became of all deliveries.
        refused: runs that could not be made: (day, code, why).
        disputes: ids by how they end, with their days.
        closed: meter-days that came after RF, which no run took in without a dispute.
        closings: of each month and member, what the wallet had at its end, by what was known once all
            days of the month had their first run.
        paid: units that each member got in payments and grants, less what was paid or donated.
        seconds: of the processor, by step.
    """

    intake: IntakeReport = field(default_factory=IntakeReport)
    refused: list[tuple[str, str, str]] = field(default_factory=list)
    disputes: dict[str, tuple[str, str]] = field(default_factory=dict)
    closed: list[MeterDay] = field(default_factory=list)
    closings: dict[tuple[str, str], int] = field(default_factory=dict)
    paid: Counter[str] = field(default_factory=Counter)
    seconds: Counter[str] = field(default_factory=Counter)


@dataclass(eq=False)
class Lived:
    """A community after its story."""

    script: Script
    plan: Plan
    community: Community
    diary: Diary
    folder: Path

    @property
    def zone(self) -> str:
        return self.script.zone

    @cached_property
    def days(self) -> list[date]:
        """Every local day with readings, in order."""
        zone = load_zone(self.script.zone)
        return sorted({local_date(p, zone) for p in {r.period for r in self.script.readings}})

    @property
    def asset(self) -> str:
        return self.community.state.rules_now.asset

    @property
    def members(self) -> dict[str, str]:
        """Member ids by meter."""
        return members_of(self.community)


def members_of(community: Community) -> dict[str, str]:
    """Return member ids by meter."""
    return {meter: uses[-1][1].member for meter, uses in sorted(community.state.meters.items())}


def live(script: Script, folder: Path) -> Lived:
    """Live the whole story in a new database of a folder."""
    made = plan(script.readings, script.zone, script.rates, script.seed, script.swap)
    community = _found(script, folder)
    lived = Lived(script, made, community, Diary(), folder)
    story = _Story(lived)
    days = lived.days
    for number in range((days[-1] - days[0]).days + AFTER_DAYS):
        story.day(days[0] + timedelta(days=number))
    return lived


def _found(script: Script, folder: Path) -> Community:
    """Found the community the day before its first readings."""
    database = Database(f"sqlite:///{folder}/year.sqlite")
    upgrade(database)
    zone = load_zone(script.zone)
    first = local_date(min(reading.period for reading in script.readings), zone)
    clock = FixedClock((of_local_day(first, zone).start - 24) * 1_800_000)
    rules = Rules(
        PriceRule.MID_MARKET,
        import_ticks=IMPORT_TICKS,
        export_ticks=EXPORT_TICKS,
        charge_ticks=CHARGE_TICKS,
    )
    charter = Charter(
        script.origin,
        script.name,
        script.zone,
        "FON",
        "street",
        rules,
        "All wallets together always sum to zero.",
        replay=True,
        floor_units=FLOOR_UNITS,
    )
    community = found_community(
        database,
        Keyring(folder / "keys"),
        clock,
        charter,
        entropy=seeded_entropy(script.name.encode()),
    )
    fields = deeds.rules_now(community)
    fields["charges"] = {
        "network_ticks": NETWORK_TICKS,
        "fund_floor_units": script.fund_floor_units,
    }
    disputes = {"code": "DF", "least_units": 0, "until": DISPUTE_DAYS * 48}
    fields["timetable"] = {**GB.to_json(), "disputes": disputes}
    deeds.new_rules(community, fields)
    for meter in sorted({reading.meter for reading in script.readings}):
        purse = script.purses.get(meter, Purse())
        member = add_member(community, meter, "household", Terms(floor_units=purse.floor_units))
        add_meter(community, member, meter, "both")
        if purse.gives_wh:
            deeds.give(community, member, purse.gives_wh)
    return community


class _Story:
    """One day after the other."""

    def __init__(self, lived: Lived) -> None:
        self.lived, self.community, self.diary = lived, lived.community, lived.diary
        self.members, self.zone = lived.members, load_zone(lived.zone)
        self.first_home, self.last = next(iter(self.members)), lived.days[-1]
        self.todo: dict[date, list[tuple[str, str, str]]] = defaultdict(list)

    def day(self, day: date) -> None:
        """Live the morning after a local day."""
        end = of_local_day(day, self.zone).stop
        arrived = sorted(
            period for period in self.lived.plan.deliveries if end <= period < end + 48
        )
        for period in arrived:
            self._at(period)
            readings = [r for batch in self.lived.plan.deliveries[period] for r in batch]
            with self._timed("deliveries"):
                self.diary.intake.add(import_readings(self.community, readings))
        self._at(end + SETTLES)
        wanted = _wanted(self.community, None, None, None, due=True)
        # Nobody measures after the last day: the command would try those days every morning.
        self._settle([run for run in wanted if run.day <= self.last])
        with self._timed("payments and disputes"):
            self._disputes(day)
            for period, meter_day in self.lived.plan.too_late:
                if period in arrived:
                    self._comes_too_late(day, meter_day)
            self._money(day)
            if day.day == CLOSED_ON:
                self._close(str(day - timedelta(days=CLOSED_ON))[:7])

    def _close(self, month: str) -> None:
        """Remember what each member had at the end of a month."""
        community, periods = self.community, of_local_month(month, self.zone)
        with community.reading() as connection:
            ledger = community.writer.ledger
            for member in self.members.values():
                number = ledger.chart.number_of(connection, wallet(member, self.lived.asset))
                units = balance_at(connection, ledger.community, number, periods.stop)
                self.diary.closings[month, member] = units

    def _settle(self, wanted: Sequence[object]) -> None:
        for run in wanted:
            with self._timed(run.code):
                try:
                    _one(self.community, run, HOW)
                except RunRefusedError as error:
                    self.diary.refused.append((str(run.day), run.code, str(error)))

    def _comes_too_late(self, day: date, meter_day: MeterDay) -> None:
        """Find that no run takes in what came after RF; of two of them raise a dispute."""
        meter, late_day = meter_day
        for code in ("R1", "RF"):
            before = self._size()
            _ = settle_day(self.community, late_day, code=code)  # made before: nothing happens
            assert self._size() == before
        try:
            settle_day(self.community, late_day, code="DF")
        except RunRefusedError:
            self.diary.closed.append(meter_day)
        if "upheld" not in self.diary.disputes:
            end = "upheld"
        elif "rejected" not in self.diary.disputes:
            end = "rejected"
        else:
            return
        self._dispute(end, meter, late_day, "RF")
        self.todo[day + timedelta(days=RULED_AFTER_DAYS)].append((end, *self.diary.disputes[end]))

    def _dispute(self, end: str, meter: str, about: date, run: str) -> None:
        periods = of_local_day(about, self.zone)
        fields = {"day": str(about), "run": run, "first": periods.start, "periods": len(periods)}
        fields |= {"units": UNITS_PER_MAJOR, "claim": "My meter said something else."}
        raised = deeds.dispute(self.community, self.members[meter], fields)
        self.diary.disputes[end] = raised.id, str(about)

    def _disputes(self, day: date) -> None:
        """Decide what is to be decided today; raise the one that nobody ever decides."""
        for end, dispute, about in self.todo.pop(day, []):
            upheld = end == "upheld"
            try:
                deeds.rule_on(self.community, dispute, "We looked at the meter.", upheld=upheld)
            except RefusedError as error:
                self.diary.refused.append((about, end, str(error)))
                continue
            if upheld:
                self._settle(_wanted(self.community, about, None, "DF", due=False))
        first = self.lived.days[1]
        if day == first + timedelta(days=8):
            self._dispute("expired", self.first_home, first, "SF")
            over = first + timedelta(days=DISPUTE_DAYS + 1)
            self.todo[over].append(("expired", *self.diary.disputes["expired"]))

    def _money(self, day: date) -> None:
        """Pay what is paid today."""
        first = self.members[self.first_home]
        for meter, purse in self.lived.script.purses.items():
            member = self.members[meter]
            if purse.pocket_units and day.day == 1:
                self._pay(first, member, purse.pocket_units, f"pocket money {day}")
            if purse.spends and day == self.last + timedelta(days=LENT_AFTER_DAYS):
                self._pay(first, member, LENT_UNITS, "lent")
            elif purse.spends and day.toordinal() % SPENDS_EVERY_DAYS == 0:
                free, claim = self._free(member)
                if free > 0 and claim >= 0:
                    self._pay(member, first, free, f"rent {day}")
        if day == self.last + timedelta(days=HELPED_AFTER_DAYS):
            self._help(first)

    def _help(self, donor: str) -> None:
        """Have a rich home give to the fund, and the fund help a poor one, where it has anything."""
        deeds.donate(self.community, donor, 3 * UNITS_PER_MAJOR, "for the street")
        self.diary.paid[donor] -= 3 * UNITS_PER_MAJOR
        poor = next(m for m, purse in self.lived.script.purses.items() if purse.pocket_units)
        try:
            deeds.grant(self.community, self.members[poor], UNITS_PER_MAJOR, "a hard winter")
        except RefusedError as error:
            self.diary.refused.append(("", "grant", str(error)))
        else:
            self.diary.paid[self.members[poor]] += UNITS_PER_MAJOR

    def _pay(self, payer: str, payee: str, units: int, reference: str) -> None:
        pay(self.community, payer, payee, units, reference)
        self.diary.paid[payer] -= units
        self.diary.paid[payee] += units

    def _free(self, member: str) -> tuple[int, int]:
        """Return what a wallet can pay, and what is owed to its member."""
        asset = self.lived.asset
        with self.community.reading() as connection:
            found = self.community.writer.ledger.balances(connection)
        claim = found.get(receivable(member, asset))
        return found[wallet(member, asset)].available or 0, claim.posted if claim else 0

    def _size(self) -> int:
        with self.community.reading():
            return self.community._position

    def _at(self, period: int) -> None:
        clock = self.community.writer.clock
        clock.set_ms(max(clock.now_ms(), period * 1_800_000))

    @contextmanager
    def _timed(self, step: str) -> Iterator[None]:
        begun = time.process_time()
        yield
        self.diary.seconds[step] += time.process_time() - begun
