"""What a community has agreed, folded from its signed statements in the log's order.

Pure, and the same for the operator and the audit: members, meters, offers, mandates, rules.
What binds a half-hour is what was logged before that half-hour began, so that nobody bids after
the reading.

>>> state = CommunityState()
>>> state.member_of("meter-1", 989737) is None
True
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Any

from ledger.errors import RefusedError
from ledger.primitives.money import format_money
from ledger.primitives.periods import load_zone, of_local_day, parse_date
from ledger.statements import Statement
from ledger.voucher_keys import VOUCHER_KINDS
from market.model import PPM
from meters.batches import batch_id, chain_of
from meters.readings import Channel
from settlement import asks, consents
from settlement.agreements import Agreement, AgreementBook
from settlement.binding import binding
from settlement.closing import check_closing, check_open
from settlement.consents import ConsentBook
from settlement.disputes import Dispute, DisputeBook
from settlement.payment_terms import PAYMENT_TERM_KINDS, PaymentTerms
from settlement.terms import (
    CHANNELS,
    CommunityRules,
    Mandate,
    Member,
    MeterUse,
    Offer,
    Shares,
    bands_of,
    rules_of_body,
)
from settlement.timetable import Timetable
from settlement.vouchers import VoucherBook

AGREEMENT_KINDS = (
    *VOUCHER_KINDS,
    *(
        "rules",
        "account_open",
        "account_close",
        "limit",
        "consent",
        "offer",
        "mandate",
        "mandate_revoke",
    ),
    *("agreement", "agreement_end", "act_for", "gift", "share"),
    *("dispute", "ruling"),
    *PAYMENT_TERM_KINDS,
)
"""Kinds that this state is made of."""


METERS_MAX = 32
"""Most meters of a member at one time: each one is an account, and looked for every half-hour."""


@dataclass
class CommunityState:
    """Everything agreed so far.

    ``offers``, ``mandates`` and ``meters`` hold (half-hour of logging, value) in the log's
    order; ``offer_of`` and the others pick what binds a half-hour.
    """

    members: dict[str, Member] = field(default_factory=dict)
    rules_history: list[tuple[int, CommunityRules]] = field(default_factory=list)
    offers: dict[str, list[tuple[int, Offer]]] = field(default_factory=dict)
    mandates: dict[str, list[tuple[int, Mandate]]] = field(default_factory=dict)
    revoked: dict[str, str] = field(default_factory=dict)
    meters: dict[str, list[tuple[int, MeterUse]]] = field(default_factory=dict)
    meter_counts: dict[str, int] = field(default_factory=dict)
    vouchers: VoucherBook = field(default_factory=VoucherBook)
    agreements: AgreementBook = field(default_factory=AgreementBook)
    gifts: dict[str, list[tuple[int, int]]] = field(default_factory=dict)
    shares: dict[str, list[tuple[int, Shares]]] = field(default_factory=dict)
    disputes: DisputeBook = field(default_factory=DisputeBook)
    consents: ConsentBook = field(default_factory=ConsentBook)
    payments: PaymentTerms = field(default_factory=PaymentTerms)
    closed: dict[str, int] = field(default_factory=dict)

    def apply(self, statement: Statement, period: int) -> None:
        """Take over a checked statement that was logged in a half-hour.

        Raises:
            RefusedError: it contradicts what was agreed before.
        """
        kind, body = statement.deed
        check_open(self.closed, kind, statement.account, body)
        handler = {
            "rules": self._apply_rules,
            "account_open": self._open,
            "account_close": self._close,
            "invitation": lambda _said, body, _period: self._check_floor(body["floor_units"]),
            "voucher": self.vouchers.make,
            "voucher_pay": self.vouchers.pay,
            "voucher_end": self.vouchers.end,
            "limit": self._limit,
            "consent": self._consent,
            "reading_batch": self._check_readings,
            "reading_edit": self._check_edit,
            "offer": self._offer,
            "mandate": self._mandate,
            "mandate_revoke": self._revoke,
            "agreement": self._agree,
            "agreement_end": self._end_agreement,
            "ask": self._check_ask,
            "gift": self._give,
            "share": self._share,
            "dispute": self._dispute,
            "ruling": self._rule,
        }.get(kind)
        if handler is not None:
            handler(statement, body, period)
        if kind in PAYMENT_TERM_KINDS:
            self.payments.apply(statement, period, self)

    def _open(self, statement: Statement, body: Mapping[str, Any], _period: int) -> None:
        self._check_floor(body["floor_units"])
        member = statement.account
        self.members[member] = Member(member, body["class"], body["floor_units"])

    def _close(self, statement: Statement, _body: Mapping[str, Any], period: int) -> None:
        check_closing(self, statement.account)
        self.closed[statement.account] = period
        self._end_shares(statement.account, period)

    def _end_shares(self, member: str, period: int) -> None:
        """Give a member's parts of others' generators back: who is forgotten earns no more.

        A share is its owner's to say, so that nobody could close their account if it had to be ended first.
        """
        for history in self.shares.values():
            last = history[-1][1]
            left = tuple(each for each in last.holders if each[0] != member)
            if left != last.holders:
                history.append((period, Shares(last.owner, left)))

    def _limit(self, statement: Statement, body: Mapping[str, Any], _period: int) -> None:
        self._check_floor(body["floor_units"])
        member = self.members[statement.account]
        self.members[statement.account] = replace(member, floor_units=body["floor_units"])

    def _check_floor(self, floor_units: int) -> None:
        if floor_units < self.rules_now.floor_units:
            raise RefusedError("The account's limit goes below what the rules allow.")

    def _consent(self, statement: Statement, body: Mapping[str, Any], period: int) -> None:
        uses, member = self.meters.get(body["meter"], []), statement.account
        if statement.kind == "act_for":
            consents.check_helper(body)
        if body["purpose"] != consents.SETTLEMENT:
            self.consents.say(body, member, uses, period)
            return
        consents.check_settlement(body)
        mine = bool(uses) and uses[-1][1].member == member
        if uses and uses[-1][1].channels and not mine:
            raise RefusedError(f"The meter {body['meter']} belongs to another member.")
        channels = CHANNELS[body["channels"]]
        before = bool(mine and uses[-1][1].channels)
        if "withdrawn" in body:
            if not before:
                raise RefusedError(f"There is no consent to the meter {body['meter']} to withdraw.")
            channels = ()
            self.consents.end(body["meter"], period)
        count = self.meter_counts.get(member, 0) + bool(channels) - before
        if count > METERS_MAX:
            raise RefusedError(f"A member has {METERS_MAX} meters at most.")
        self.meter_counts[member] = count
        self.meters.setdefault(body["meter"], []).append((period, MeterUse(member, channels)))

    def _check_readings(self, _statement: Statement, body: Mapping[str, Any], period: int) -> None:
        if body["first"] + body["count"] > period:
            raise RefusedError("A reading of a half-hour that is not over is refused.")

    def _check_edit(self, statement: Statement, body: Mapping[str, Any], period: int) -> None:
        span = range(body["first"], body["first"] + len(body["wh"]))
        if span.stop > period:
            raise RefusedError("An edit of a half-hour that is not over is refused.")
        self.check_consent(statement.account, body["meter"], Channel(body["channel"]), span)

    def _offer(self, statement: Statement, body: Mapping[str, Any], period: int) -> None:
        bought, sold = (
            bands_of(body.get(name, ()), name) for name in ("import_bands", "export_bands")
        )
        ticks = {name: body[name] for name in Offer.__slots__ if name.endswith("_ticks")}
        offer = Offer(**ticks, import_bands=bought, export_bands=sold)
        self.offers.setdefault(statement.account, []).append((period, offer))

    def _give(self, statement: Statement, body: Mapping[str, Any], period: int) -> None:
        self.gifts.setdefault(statement.account, []).append((period, body["wh_month"]))

    def _share(self, statement: Statement, body: Mapping[str, Any], period: int) -> None:
        uses, owner = self.meters.get(body["meter"], []), statement.account
        if not uses or uses[-1][1].member != owner:
            raise RefusedError(f"The meter {body['meter']} is not this member's to share.")
        holders = tuple((item["member"], item["ppm"]) for item in body["holders"])
        names = [member for member, _ in holders]
        if names != sorted(set(names)) or not self.members.keys() >= set(names):
            raise RefusedError("Holders of shares are other members, each once, in order of id.")
        if owner in names or sum(ppm for _, ppm in holders) > PPM:
            raise RefusedError("Shares come to more than the whole, or are of the owner's own.")
        self.shares.setdefault(body["meter"], []).append((period, Shares(owner, holders)))

    def _mandate(self, statement: Statement, body: Mapping[str, Any], period: int) -> None:
        limits = {name: body[name] for name in Mandate.__slots__ if name in body and name != "id"}
        mandate = Mandate(statement.id, **limits)
        self.mandates.setdefault(statement.account, []).append((period, mandate))

    def _revoke(self, statement: Statement, body: Mapping[str, Any], period: int) -> None:
        history = self.mandates.get(statement.account, [])
        last = history[-1][1] if history else None
        if last is None or last.id != body["mandate"] or last.last < last.first:
            raise RefusedError("This is not the mandate in force.")
        history.append((period, replace(last, first=1, last=0)))
        self.revoked[last.id] = statement.account

    def _agree(self, statement: Statement, body: Mapping[str, Any], period: int) -> None:
        names = ("price_ticks", "rank", "first", "last", "wh_period_max", "share_permille")
        terms = {name: body[name] for name in names if name in body}
        agreement = Agreement(statement.id, statement.account, body["buyer"], **terms)
        self.agreements.add(agreement, period)

    def _end_agreement(self, statement: Statement, body: Mapping[str, Any], period: int) -> None:
        self.agreements.end(body["agreement"], statement.account, period)

    def _dispute(self, statement: Statement, body: Mapping[str, Any], period: int) -> None:
        names = ("day", "run", "first", "periods", "units", "claim")
        fields = {name: body[name] for name in names}
        day = of_local_day(parse_date(body["day"]), load_zone(self.rules_now.zone))
        rules = self.rules_of(day.start)
        if rules is None:
            raise RefusedError(f"No rules bound {body['day']}: there is nothing to dispute.")
        rules.timetable.run(body["run"])
        last = body["first"] + body["periods"] - 1
        if body["first"] not in day or last not in day:
            raise RefusedError("The half-hours of a dispute are of the day that it is about.")
        plan = rules.timetable.dispute
        if body["units"] < plan.least_units:
            raise RefusedError(
                f"A dispute must be about {format_money(plan.least_units)} at least."
            )
        dispute = Dispute(
            statement.id, statement.account, **fields, raised=period, evidence=body.get("evidence")
        )
        self.disputes.raise_one(dispute, day.stop + plan.until)

    def _rule(self, _statement: Statement, body: Mapping[str, Any], period: int) -> None:
        upheld, reason = body["upheld"], body["reason"]
        self.disputes.rule(body["dispute"], period, upheld=upheld, reason=reason)

    def _check_ask(self, _statement: Statement, body: Mapping[str, Any], period: int) -> None:
        asks.check_new(body, self.members, period)

    def _apply_rules(self, _statement: Statement, body: Mapping[str, Any], period: int) -> None:
        if body["version"] != len(self.rules_history) + 1:
            raise RefusedError(f"Rules version {body['version']} is not the next one.")
        rules = rules_of_body(body)
        if self.rules_history:
            before = self.rules_history[-1][1]
            for field_name in ("asset", "zone", "feeder", "replay", "issuance"):
                if getattr(before, field_name) != getattr(rules, field_name):
                    raise RefusedError(f"A community's {field_name} cannot change.")
        self.rules_history.append((period, rules))

    @property
    def rules_now(self) -> CommunityRules:
        """The latest rules.

        Raises:
            RefusedError: there are none.
        """
        if not self.rules_history:
            raise RefusedError("This community has no rules yet.")
        return self.rules_history[-1][1]

    def rules_of(self, period: int) -> CommunityRules | None:
        """Return the rules that bind a half-hour."""
        return binding(self.rules_history, period)

    def timetable_of(self, day: date) -> Timetable:
        """Return the timetable that binds a local day; where no rules bind it, the latest."""
        first = of_local_day(day, load_zone(self.rules_now.zone)).start
        return (self.rules_of(first) or self.rules_now).timetable

    def offer_of(self, member: str, period: int) -> Offer | None:
        """Return the offer that binds a half-hour."""
        return binding(self.offers.get(member, []), period)

    def mandate_of(self, member: str, period: int) -> Mandate | None:
        """Return the mandate that covers a half-hour."""
        mandate = binding(self.mandates.get(member, []), period)
        return mandate if mandate and mandate.first <= period <= mandate.last else None

    def month_caps(self, periods: range) -> dict[str, int]:
        """Return what settlement may take in a month, by member of whom a mandate says so.

        Where a day has several mandates, the one that allows least: whoever says at six in the morning
        that a month is enough with so much pays no more that day.
        """
        caps: dict[str, int] = {}
        for member in self.mandates:
            for mandate in self._mandates_in(member, periods):
                month_units = mandate.units_month_max
                if month_units is not None and mandate.id not in self.revoked:
                    caps[member] = min(month_units, caps.get(member, month_units))
        return caps

    def revoked_in(self, periods: range) -> frozenset[str]:
        """Return the revoked mandates that would otherwise bind any of some half-hours."""
        return frozenset(
            mandate.id
            for member in set(self.revoked.values())
            for mandate in self._mandates_in(member, periods)
            if mandate.id in self.revoked
        )

    def _mandates_in(self, member: str, periods: range) -> Iterator[Mandate]:
        """Yield a member's mandates that bind any of some half-hours, whether revoked or not."""
        history = self.mandates[member]
        ends = [logged for logged, _ in history[1:]] + [periods.stop]
        for (logged, mandate), end in zip(history, ends, strict=True):
            binds = logged < periods.stop - 1 and end >= periods.start
            if binds and mandate.first <= mandate.last:  # else it is the revocation itself
                yield mandate

    def member_of(self, meter: str, period: int) -> str | None:
        """Return the member who consents to a meter's use in a half-hour."""
        use = binding(self.meters.get(meter, []), period)
        return use.member if use and use.channels else None

    def reader_of(self, meter: str, channel: Channel, period: int) -> str | None:
        """Return in whose name a reading of a half-hour may be taken, or None: nobody consents.

        What binds the half-hour counts; of the time before the first consent, that one, as whoever
        joins may bring their past along.
        """
        uses = self.meters.get(meter, [])
        use = binding(uses, period) or (uses[0][1] if uses else None)
        return use.member if use and channel in use.channels else None

    def meter_changes(self, meter: str) -> list[int]:
        """Return the half-hours from which another consent to a meter binds."""
        return [logged + 1 for logged, _ in self.meters.get(meter, [])]

    def check_readings(self, batch: Statement) -> None:
        """Refuse a batch of readings of which consent does not cover all.

        Raises:
            RefusedError: a half-hour of it is not covered.
        """
        body, channel = batch.body, Channel(batch.body["channel"])
        if batch.id != batch_id(body["ledger"], chain_of(batch), body["sequence"]):
            raise RefusedError("the id is not the one that follows from the chain and the sequence")
        span = range(body["first"], body["first"] + body["count"])
        self.check_consent(batch.account, body["meter"], channel, span)

    def check_consent(self, member: str, meter: str, channel: Channel, span: range) -> None:
        """Refuse readings that are not all covered by a member's consent.

        Raises:
            RefusedError: a half-hour is not covered.
        """
        changes = [period for period in self.meter_changes(meter) if period in span]
        for period in {span[0], *changes}:
            if self.reader_of(meter, channel, period) != member:
                raise RefusedError("the member did not consent to this meter's use")

    def meters_of(self, member: str) -> list[str]:
        """Return a member's meters, in order."""
        return sorted(
            meter
            for meter, uses in self.meters.items()
            if uses[-1][1].channels and uses[-1][1].member == member
        )


def channels_of(uses: Mapping[str, MeterUse]) -> list[tuple[str, Channel, str]]:
    """Return (meter, channel, member) of all that should have a reading, in order."""
    return [
        (meter, channel, use.member)
        for meter, use in sorted(uses.items())
        for channel in use.channels
    ]
