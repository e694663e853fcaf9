"""What an auditor remembers between audits: the replay's whole state, as one JSON file.

The file is the auditor's own and never part of a bundle: with it, the next audit begins where the
last one ended, and needs none of the older facts. It holds every balance and each key's numbers;
keep it as carefully as the checkpoint.

>>> decode_value(json.dumps(encode_value({("a", 1): b"x"})))
{('a', 1): b'x'}
"""

import hashlib
import json
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, fields, is_dataclass
from datetime import date
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ledger.book import Amended, Balance, Book, Hold
from ledger.errors import InputError
from ledger.invitations import Invitation, InvitationBook
from ledger.key_life import MemberKeys, PendingChange
from ledger.log.tree import Frontier
from ledger.meter_keys import MeterKey
from ledger.records import Kind, Transfer
from ledger.voucher_keys import VoucherKey, VoucherKeys
from market.model import Agreement as MarketAgreement
from market.model import Key, PriceRule, Rules, SharingRule
from market.model import Order as MarketOrder
from meters.readings import Channel
from settlement.agreements import Agreement, AgreementBook
from settlement.asks import Ask, AskBook
from settlement.audit.archive import Archive, PostedDay, SealedDay
from settlement.audit.days import Day
from settlement.audit.order import Order
from settlement.audit.payments import PaymentBook
from settlement.audit.proofs import Cleared, DayProof, Signed
from settlement.audit.replay import Replay
from settlement.audit.runs import RunState
from settlement.audit.signatures import TrustingKeyBook
from settlement.consents import Allowed, ConsentBook
from settlement.disputes import Dispute, DisputeBook
from settlement.netting import Nets
from settlement.orders import DayFunds, Flow, Funded, PeriodInputs, PeriodOrders
from settlement.payment_terms import PaymentTerms
from settlement.postings import Energy, Line
from settlement.reserve import ReserveCount
from settlement.spending import Limits, Spending, SpendingBook
from settlement.standing import StandingBook, StandingOrder
from settlement.state import CommunityState
from settlement.terms import CommunityRules, Mandate, Member, MeterUse, Offer, Shares
from settlement.timetable import DisputePlan, RunPlan, Timetable
from settlement.vouchers import Voucher, VoucherBook

if TYPE_CHECKING:
    from settlement.audit.verdict import Report

VERSION = 8

_CLASSES: dict[str, Any] = {
    f"Market{found.__name__}" if found in (MarketOrder, MarketAgreement) else found.__name__: found
    for found in (
        *(TrustingKeyBook, MemberKeys, PendingChange, MeterKey),
        *(Invitation, InvitationBook, VoucherKey, VoucherKeys, Voucher, VoucherBook),
        *(CommunityState, CommunityRules, Rules, Offer, Mandate, Member, MeterUse),
        *(AgreementBook, Agreement),
        *(PaymentBook, AskBook, Ask, SpendingBook, PaymentTerms, Spending, Limits),
        *(StandingBook, StandingOrder, ConsentBook, Allowed, ReserveCount),
        *(Book, Balance, Hold, Amended, Transfer, Order),
        *(RunState, Day, DayProof, Signed, Cleared),
        *(Archive, SealedDay, PostedDay, Nets, DayFunds, Energy),
        *(Timetable, RunPlan, DisputePlan, Dispute, DisputeBook, Shares),
        *(PeriodInputs, Flow, PeriodOrders, Funded, MarketOrder, MarketAgreement, Line, Key),
        *(Kind, Channel, PriceRule, SharingRule),
    )
}
_NAMES = {found: name for name, found in _CLASSES.items()}

_PARTS = (
    *("keys", "community", "book", "readings", "chains", "said", "counts", "order"),
    *("run_state", "erased", "erasable", "payments"),
)
"""Attributes of a `Replay` that are its state, once nothing is unknown or missing."""

BROKEN = (ValueError, TypeError, KeyError, AttributeError, IndexError, RecursionError)
"""What a file that is not one of ours makes the standard library raise."""


@dataclass(frozen=True, slots=True)
class Memory:
    """An audit that ended well: how far it came, and what it knew then.

    Attributes:
        replay: the state after the last entry.
        frontier: of the tree so far.
    """

    replay: Replay
    frontier: Frontier

    def encode(self) -> bytes:
        """Return the file's bytes."""
        parts = {name: getattr(self.replay, name) for name in _PARTS}
        body = {
            "v": VERSION,
            "origin": self.replay.origin,
            "log_key": self.replay.log_key.hex(),
            "frontier": self.frontier.to_bytes().hex(),
            "state": encode_value(parts),
        }
        data = json.dumps(body, separators=(",", ":")).encode()
        return hashlib.sha256(data).hexdigest().encode() + b"\n" + data + b"\n"


def read_memory(data: bytes) -> Memory:
    """Read what an earlier audit wrote.

    Raises:
        InputError: damaged, or of another version.
    """
    digest, _, rest = data.partition(b"\n")
    body_data = rest.removesuffix(b"\n")
    if hashlib.sha256(body_data).hexdigest().encode() != digest:
        raise InputError(
            "the state file is damaged, or is none: leave it out and audit from the beginning"
        )
    try:
        body = decode_value(body_data)
        if body["v"] != VERSION:
            raise InputError(
                "the state file is of another version: leave it out and audit from the beginning"
            )
        replay = Replay(body["origin"], bytes.fromhex(body["log_key"]))
        parts = body["state"]
        for name in _PARTS:
            if type(parts[name]) is not type(getattr(replay, name)):
                raise InputError("the state file cannot be read: audit from the beginning")
        replay.restore({name: parts[name] for name in _PARTS})
        return Memory(replay, Frontier.from_bytes(bytes.fromhex(body["frontier"])))
    except BROKEN as error:
        raise InputError("the state file cannot be read: audit from the beginning") from error


def save_state(file: Path | None, report: "Report") -> None:
    """Remember a sound audit in a state file; one that is not sound leaves it as it was."""
    memory = report.memory()
    if file is None or memory is None:
        return
    temporary = file.with_name(f".{file.name}.tmp")
    temporary.write_bytes(memory)
    temporary.replace(file)


def encode_value(value: Any) -> Any:
    """Return a value as JSON from which `decode_value` makes it again."""
    if type(value) in _AS_THEY_ARE:
        return value
    coder = _WRITERS.get(Enum if isinstance(value, Enum) else type(value))
    if coder is not None:
        tag, write = coder
        return {tag: write(value)}
    if isinstance(value, list):
        return [encode_value(item) for item in value]
    return {"o": [_NAMES[type(value)], [encode_value(item) for item in _state_of(value)]]}


def decode_value(data: str | bytes) -> Any:
    """Return the value of whose `encode_value` this is the JSON.

    Only the classes of this module are made. An object with a ``v`` stays one: the file itself.
    """
    return json.loads(data, object_hook=_read)


def _read(value: dict[str, Any]) -> Any:
    """Return what a tagged object stands for; what is in it was read before."""
    if "v" in value:
        return value
    [(tag, content)] = value.items()
    return _READERS[tag](content)


def _items(value: Any) -> list[Any]:
    return [encode_value(item) for item in value]


def _pairs(value: Any) -> list[Any]:
    return [[encode_value(key), encode_value(item)] for key, item in value.items()]


_Coder = tuple[type, str, Callable[[Any], Any], Callable[[Any], Any]]

_CODERS: tuple[_Coder, ...] = (
    (Enum, "e", lambda v: [_NAMES[type(v)], v.value], lambda c: _CLASSES[c[0]](c[1])),
    (bytes, "b", bytes.hex, bytes.fromhex),
    (Counter, "n", _pairs, lambda c: Counter(dict(c))),
    (dict, "d", _pairs, dict),
    (tuple, "t", _items, tuple),
    (set, "s", lambda v: _items(sorted(v)), set),
    (frozenset, "f", lambda v: _items(sorted(v)), frozenset),
    (range, "r", lambda v: [v.start, v.stop], lambda c: range(*c)),
    (date, "day", date.isoformat, date.fromisoformat),
)
"""(class, tag, writer, reader)."""

_WRITERS = {kind: (tag, write) for kind, tag, write, _ in _CODERS}

_AS_THEY_ARE = frozenset({str, int, bool, type(None)})
"""Classes of which JSON has the like: nearly all that there is."""

_READERS = {tag: read for _, tag, _, read in _CODERS} | {"o": lambda c: _made(_CLASSES[c[0]], c[1])}


def _state_of(value: Any) -> list[Any]:
    if hasattr(value, "_fields"):  # a named tuple
        return list(value)
    if is_dataclass(value):
        return [getattr(value, field.name) for field in fields(value)]
    return list(vars(value).values())


def _made(found: Any, items: list[Any]) -> Any:
    make: Callable[..., Any] = found
    if is_dataclass(found) or hasattr(found, "_fields"):
        return make(*items)
    made = make()
    for name, item in zip(vars(made), items, strict=True):
        setattr(made, name, item)
    return made
