"""Founding a community, and bringing members and meters into it.

>>> Terms().mandate_units_day_max // 10_000_000
50
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from ledger import log_store, people
from ledger.communities import community_number, create_community, find_community
from ledger.db import Database
from ledger.entropy import Entropy, system_entropy
from ledger.errors import InputError, SetupError
from ledger.keyring import Keyring
from ledger.kinds import COMMUNITY
from ledger.log.checkpoint import check_origin
from ledger.primitives.canonical import encode
from ledger.primitives.clock import Clock
from ledger.primitives.ids import IdMaker
from ledger.primitives.money import UNITS_PER_MAJOR
from ledger.primitives.periods import PERIOD_MAX, load_zone
from ledger.primitives.signing import SigningKey
from ledger.records import record, salted_root
from ledger.writer import Draft, Writer
from market.model import Rules
from market.rules import check_rules
from market.wire import rules_to_json
from settlement.community import Community
from settlement.openings import opening_transfers, openings_to_detail
from settlement.signers import device_key_name, member_keys, operator_keys

ROLE_KEYS = ("log", "operator-1", "operator-2", "settlement", "adapter")
"""Keys that founding a community makes."""


@dataclass(frozen=True, slots=True)
class Charter:
    """What a community is founded with."""

    origin: str
    name: str
    zone: str
    currency: str
    feeder: str
    market: Rules
    promise: str
    replay: bool = False
    floor_units: int = -20 * UNITS_PER_MAJOR
    issuance: str = "mutual-credit"
    more: Mapping[str, Any] = field(default_factory=dict)
    """Further fields of the first rules: losses, charges, timetable, VAT."""


@dataclass(frozen=True, slots=True)
class Terms:
    """A new member's offer, mandate and limit, in ticks, Wh and ledger units.

    A limit left out is the lowest that the rules allow.
    """

    import_tariff_ticks: int = 2450
    export_tariff_ticks: int = 410
    buy_ticks: int | None = None
    sell_ticks: int | None = None
    floor_units: int | None = None
    mandate_wh_period_max: int = 100_000
    mandate_units_day_max: int = 50 * UNITS_PER_MAJOR


class Invited(NamedTuple):
    """An invitation and the key that its words stand for: it signs in the operators' place."""

    id: str
    key: SigningKey


def found_community(
    database: Database,
    keyring: Keyring,
    clock: Clock,
    charter: Charter,
    *,
    entropy: Entropy = system_entropy,
    keys: dict[str, SigningKey] | None = None,
) -> Community:
    """Make keys, ledger and log of a new community, and log its roster and rules.

    Args:
        database: at the current revision.
        keyring: where the five operator's keys are written.
        clock: the time.
        charter: what it is founded with.
        entropy: random unless a simulation says otherwise.
        keys: keys to use instead of random ones, for simulations.

    Raises:
        InputError: the charter does not hold together; says which field.
        ConflictError: there is a community of this origin.
    """
    check_origin(charter.origin)
    check_rules(charter.market)
    load_zone(charter.zone)
    with database.read() as connection:
        if find_community(connection, charter.origin) is not None:
            raise SetupError(f"There is a community {charter.origin} in this database already.")
    for name in ROLE_KEYS:
        _key_of(keyring, name, (keys or {}).get(name))
    number = community_number(charter.origin)
    writer = Writer(database, number, charter.origin, keyring, clock, entropy)
    community = Community(writer, charter.name)
    operators = [keyring.load("operator-1"), keyring.load("operator-2")]
    with database.write() as connection:
        create_community(connection, charter.origin, charter.name, clock.now_ms())
        log_store.create_log(connection, number, charter.origin, keyring.load("log"))
        for kind, fields in (("roster", _roster(keyring)), ("rules", _rules(charter))):
            envelope = writer.sign_new(
                connection, kind, COMMUNITY, new_id(community, kind), fields, operators
            )
            community.accept(connection, [Draft(envelope)])
    return community


def _key_of(keyring: Keyring, name: str, wanted: SigningKey | None) -> SigningKey:
    """Return a key, making its file unless an interrupted attempt left it there."""
    if not keyring.has(name):
        return keyring.create(name, wanted)
    key = keyring.load(name)
    if wanted is not None and wanted.key_id != key.key_id:
        raise SetupError(f"There is another key called {name} in {keyring.folder} already.")
    return key


def _roster(keyring: Keyring) -> dict[str, Any]:
    roles = {"operator-1": "operator", "operator-2": "operator"}
    roles |= {"settlement": "settlement", "adapter": "adapter"}
    return {
        "version": 1,
        "log_key": keyring.load("log").public.hex(),
        "threshold": 2,
        "keys": [
            {"key": keyring.load(name).public.hex(), "role": role} for name, role in roles.items()
        ],
    }


def _rules(charter: Charter) -> dict[str, Any]:
    return {
        "version": 1,
        "currency": charter.currency,
        "issuance": {
            "kind": charter.issuance,
            "promise": charter.promise,
            "floor_units": charter.floor_units,
        },
        "zone": charter.zone,
        "feeder": charter.feeder,
        "replay": charter.replay,
        "market": rules_to_json(charter.market),
        **charter.more,
    }


def open_community(
    database: Database,
    keyring: Keyring,
    clock: Clock,
    origin: str | None = None,
    entropy: Entropy = system_entropy,
) -> Community:
    """Open a community of a database for work.

    Raises:
        SetupError: there is none, or none of this origin.
    """
    with database.read() as connection:
        row = find_community(connection, origin)
    if row is None:
        wanted = f"no community {origin}" if origin else "no community"
        raise SetupError(
            f"There is {wanted} in this database. Make one: commonwatt community create --help"
        )
    community = Community(
        Writer(database, row.community, row.origin, keyring, clock, entropy), row.name
    )
    with community.reading():
        return community


def add_member(
    community: Community,
    name: str,
    member_class: str,
    terms: Terms,
    device: SigningKey | None = None,
    recovery: str | None = None,
    invited: Invited | None = None,
) -> str:
    """Open an account for a person, with their standing offer and mandate.

    Args:
        community: open for work.
        name: kept in the erasable store alone.
        member_class: household, generator, shop or group.
        terms: their tariffs, offer and limits.
        device: the member's own key, which signs; a new one if left out. It is kept in the
            keyring on the member's behalf (sign-up on paper, or a simulated phone).
        recovery: commitment to a paper code (`ledger.key_life.recovery_commitment`).
        invited: signs instead of operators, where there was an invitation.

    Returns:
        The member's new id.
    """
    if terms.export_tariff_ticks > terms.import_tariff_ticks:
        raise InputError("The export tariff is above the import tariff: were they swapped?")
    writer = community.writer
    member = writer.entropy(f"member/{name}", 16).hex()
    device = _key_of(writer.keyring, device_key_name(member), device)
    with community.transaction() as connection:
        if name in people.names(connection, writer.community).values():
            raise InputError(f"There is a member called {name!r} already; names tell people apart.")
        floor_units = terms.floor_units
        if floor_units is None:
            floor_units = community.state.rules_now.floor_units
        opening = {
            "class": member_class,
            "keys": [device.public.hex()],
            "threshold": 1,
            "floor_units": floor_units,
        }
        if recovery is not None:
            opening["recovery"] = recovery
        if invited is not None:
            opening["invitation"] = invited.id
        door = operator_keys(community) if invited is None else [invited.key]
        statements: Sequence[tuple[str, dict[str, Any], list[SigningKey]]] = (
            ("account_open", opening, [device, *door]),
            ("offer", _offer(terms), [device]),
            ("mandate", _mandate(terms, writer.now_period()), [device]),
        )
        for kind, fields, keys in statements:
            envelope = writer.sign_new(
                connection, kind, member, new_id(community, f"{kind}/{member}"), fields, keys
            )
            community.accept(connection, [Draft(envelope)])
        people.save_name(connection, writer.community, member, name, writer.entropy)
    return member


def _offer(terms: Terms) -> dict[str, int]:
    buy, sell = terms.buy_ticks, terms.sell_ticks
    return {
        "buy_ticks": terms.import_tariff_ticks if buy is None else buy,
        "sell_ticks": terms.export_tariff_ticks if sell is None else sell,
        "import_tariff_ticks": terms.import_tariff_ticks,
        "export_tariff_ticks": terms.export_tariff_ticks,
    }


def _mandate(terms: Terms, period: int) -> dict[str, Any]:
    return {
        "may_debit": "settlement",
        "wh_period_max": terms.mandate_wh_period_max,
        "price_ticks_max": max(_offer(terms)["buy_ticks"], 0),
        "units_period_max": terms.mandate_units_day_max,
        "units_day_max": terms.mandate_units_day_max,
        "first": period,
        "last": PERIOD_MAX,
    }


def add_meter(community: Community, member: str, meter: str, channels: str) -> None:
    """Log a member's consent to a meter's half-hourly readings being used for settlement."""
    writer = community.writer
    with community.transaction() as connection:
        envelope = writer.sign_new(
            connection,
            "consent",
            member,
            new_id(community, f"consent/{member}/{meter}"),
            {
                "meter": meter,
                "channels": channels,
                "purpose": "settlement",
                "granularity": "half-hour",
                "wording": 1,
            },
            member_keys(community, member),
        )
        community.accept(connection, [Draft(envelope)])


def pay(community: Community, payer: str, payee: str, units: int, reference: str) -> int:
    """Pay from one member to another and return the log position."""
    writer = community.writer
    with community.transaction() as connection:
        envelope = writer.sign_new(
            connection,
            "transfer",
            payer,
            new_id(community, f"transfer/{payer}/{reference}"),
            {"to": payee, "amount": units, "reference": reference},
            member_keys(community, payer),
        )
        [position] = community.accept(connection, [Draft(envelope)])
    return position


class _DryRun(Exception):  # noqa: N818 - not an error: it takes a rehearsal back
    """Ends the transaction of a rehearsal."""


def enter_openings(
    community: Community, balances: Mapping[str, int], *, dry_run: bool = False
) -> dict[str, int]:
    """Post opening balances, signed by two operators, and return every balance afterwards.

    Args:
        community: open for work, before its first payment and settled day.
        balances: units by account; they sum to zero.
        dry_run: do all of it, then take it back.

    Raises:
        RefusedError: a limit forbids one of them, or it is too late. Nothing was written.
    """
    writer = community.writer
    after: dict[str, int] = {}
    try:
        with community.transaction() as connection:
            statement_id = new_id(community, "opening")
            seed = writer.entropy(f"seed/{statement_id}", 32)
            transfers = opening_transfers(
                bytes.fromhex(statement_id), balances, writer.now_period()
            )
            fields = {
                "count": len(transfers),
                "root": salted_root(seed, [record(t) for t in transfers]).hex(),
            }
            envelope = writer.sign_new(
                connection,
                "opening",
                COMMUNITY,
                statement_id,
                fields,
                operator_keys(community),
            )
            detail = encode({"seed": seed.hex(), "balances": openings_to_detail(balances)})
            community.accept(connection, [Draft(envelope, detail)])
            after = {
                account: balance.posted
                for account, balance in writer.ledger.balances(connection).items()
            }
            if dry_run:
                raise _DryRun
    except _DryRun:
        pass
    return after


def new_id(community: Community, purpose: str) -> str:
    """Return a new time-ordered id."""
    writer = community.writer
    return IdMaker(writer.clock.now_ms, lambda n: writer.entropy(f"id/{purpose}", n))()
