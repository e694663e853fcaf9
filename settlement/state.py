"""What a community has agreed, folded from its signed statements in the log's order.

Pure, and the same for the operator and the audit: members, meters, offers, mandates, rules.
What binds a half-hour is what was logged before that half-hour began, so that nobody bids after
the reading.

>>> state = CommunityState()
>>> state.member_of("meter-1", 989737) is None
True
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from ledger.accounts import currency_asset
from ledger.errors import RefusedError
from ledger.primitives.periods import load_zone
from ledger.statements import Statement
from market.model import Rules
from market.rules import check_rules
from market.wire import rules_from_json
from meters.readings import Channel

_T = TypeVar("_T")

AGREEMENT_KINDS = ("rules", "account_open", "consent", "offer", "mandate")
"""Kinds that this state is made of."""


@dataclass(frozen=True, slots=True)
class CommunityRules:
    """The rules in force: what a ``rules`` statement carries, checked."""

    version: int
    asset: str
    zone: str
    feeder: str
    market: Rules
    replay: bool
    promise: str
    floor_units: int


@dataclass(frozen=True, slots=True)
class Offer:
    """A member's standing offer and tariffs, in ticks."""

    buy_ticks: int
    sell_ticks: int
    import_tariff_ticks: int
    export_tariff_ticks: int


@dataclass(frozen=True, slots=True)
class Mandate:
    """What settlement may debit from a member's wallet."""

    wh_period_max: int
    price_ticks_max: int
    units_period_max: int
    units_day_max: int
    first: int
    last: int


@dataclass(frozen=True, slots=True)
class Member:
    """A member as the ledger knows them."""

    id: str
    member_class: str
    floor_units: int


@dataclass(frozen=True, slots=True)
class MeterUse:
    """Whose meter it is, and which of its channels are delivered."""

    member: str
    channels: tuple[Channel, ...]


CHANNELS = {
    "import": (Channel.IMPORT,),
    "export": (Channel.EXPORT,),
    "both": (Channel.IMPORT, Channel.EXPORT),
}
"""What a consent's ``channels`` stands for."""


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
    meters: dict[str, list[tuple[int, MeterUse]]] = field(default_factory=dict)

    def apply(self, statement: Statement, period: int) -> None:
        """Take over a checked statement that was logged in a half-hour.

        Raises:
            RefusedError: it contradicts what was agreed before.
        """
        body, member = statement.body, statement.account
        if statement.kind == "rules":
            self._apply_rules(body, period)
        elif statement.kind == "account_open":
            if body["floor_units"] < self.rules_now.floor_units:
                raise RefusedError("The account's limit goes below what the rules allow.")
            self.members[member] = Member(member, body["class"], body["floor_units"])
        elif statement.kind == "consent":
            uses = self.meters.setdefault(body["meter"], [])
            if uses and uses[-1][1].member != member:
                raise RefusedError(f"The meter {body['meter']} belongs to another member.")
            uses.append((period, MeterUse(member, CHANNELS[body["channels"]])))
        elif statement.kind == "reading_batch":
            if body["first"] + body["count"] > period:
                raise RefusedError("A reading of a half-hour that is not over is refused.")
        elif statement.kind == "offer":
            offer = Offer(**{name: body[name] for name in Offer.__slots__})
            self.offers.setdefault(member, []).append((period, offer))
        elif statement.kind == "mandate":
            mandate = Mandate(**{name: body[name] for name in Mandate.__slots__})
            self.mandates.setdefault(member, []).append((period, mandate))

    def _apply_rules(self, body: Mapping[str, Any], period: int) -> None:
        if body["version"] != len(self.rules_history) + 1:
            raise RefusedError(f"Rules version {body['version']} is not the next one.")
        market = rules_from_json(body["market"])
        check_rules(market)
        load_zone(body["zone"])
        rules = CommunityRules(
            body["version"],
            currency_asset(body["currency"]),
            body["zone"],
            body["feeder"],
            market,
            body["replay"],
            body["issuance"]["promise"],
            body["issuance"]["floor_units"],
        )
        if self.rules_history:
            before = self.rules_history[-1][1]
            for field_name in ("asset", "zone", "feeder", "replay"):
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
        return _binding(self.rules_history, period)

    def offer_of(self, member: str, period: int) -> Offer | None:
        """Return the offer that binds a half-hour."""
        return _binding(self.offers.get(member, []), period)

    def mandate_of(self, member: str, period: int) -> Mandate | None:
        """Return the mandate that covers a half-hour."""
        mandate = _binding(self.mandates.get(member, []), period)
        return mandate if mandate and mandate.first <= period <= mandate.last else None

    def member_of(self, meter: str, period: int) -> str | None:
        """Return the member who consented to a meter's use, by a half-hour."""
        use = _binding(self.meters.get(meter, []), period)
        return use.member if use else None

    def channels_of(self, period: int) -> list[tuple[str, Channel, str]]:
        """Return (meter, channel, member) of all that should have a reading, in order."""
        return [
            (meter, channel, use.member)
            for meter, uses in sorted(self.meters.items())
            if (use := _binding(uses, period)) is not None
            for channel in use.channels
        ]

    def meters_of(self, member: str) -> list[str]:
        """Return a member's meters, in order."""
        return sorted(meter for meter, uses in self.meters.items() if uses[-1][1].member == member)


def _binding(history: Sequence[tuple[int, _T]], period: int) -> _T | None:
    """Return the last value logged in a half-hour before this one."""
    for logged, value in reversed(history):
        if logged < period:
            return value
    return None
