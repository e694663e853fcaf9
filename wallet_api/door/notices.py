"""What people are told of, and in which words: few, no names, nothing secret. Pure.

>>> told = {"kind": "transfer", "units": 30_000_000, "other": "0f" * 16, "available_units": 7}
>>> happened = Happening(41, "ad" * 16, What.BALANCE, told)
>>> [occasion for occasion, _ in occasions_of(happened)]
[<Occasion.PAYMENT: 'payment'>]
>>> text_of(Occasion.PAYMENT, told, "Europe/London")
'You received £3.00.'
>>> webhook_data(happened)
{'log_entry': 41, 'kind': 'transfer', 'units': 30000000}
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from ledger.primitives.hashing import tagged_hash
from ledger.primitives.money import format_money
from ledger.primitives.periods import load_zone, parse_date, start_utc
from wallet_api.door.contact_store import Occasion, Reached, Way
from wallet_api.door.happenings import Fate, Happening, What
from wallet_api.door.outgoing_store import Outgoing

TYPES: Mapping[Occasion, str] = {
    Occasion.PAYMENT: "payment.received",
    Occasion.DAY: "day.worked_out",
    Occasion.MONTH: "month.worked_out",
    Occasion.KEYS: "keys.changed",
    Occasion.TEST: "test",
}
"""Types of webhooks' events; those of requests to be paid are ``ask.`` and how they stand."""

Told = tuple[Occasion, Mapping[str, Any]]
"""An occasion, and what is known of it."""


def occasions_of(happened: Happening) -> Iterator[Told]:
    """Yield what a happening is an occasion for."""
    told = happened.told
    if happened.what is What.BALANCE and told["kind"] != "energy" and told["units"] > 0:
        yield Occasion.PAYMENT, told
    if happened.what is What.ASK:
        yield Occasion.ASK, told
    if happened.what is What.KEYS:
        yield Occasion.KEYS, told
    if happened.what is What.PRICES:
        yield Occasion.DAY, told
        if told["is_final"] and (parse_date(told["day"]) + timedelta(days=1)).day == 1:
            yield Occasion.MONTH, told


def messages(
    found: Iterable[Happening],
    reached: Mapping[str, list[Reached]],
    name: str,
    zone: str,
    now_ms: int,
) -> list[Outgoing]:
    """Return what is sent to whom.

    Args:
        found: what happened.
        reached: who may be told, by account.
        name: of the community.
        zone: of its clocks.
        now_ms: the time.
    """
    made = []
    for happened in found:
        for occasion, told in occasions_of(happened):
            for contact in reached.get(happened.account, ()):
                if not wants(contact, occasion, told):
                    continue
                mark = f"{happened.entry}/{occasion}"
                if occasion is Occasion.ASK:
                    mark += f"/{told['standing']}"
                if contact.way is Way.WEBHOOK:
                    body = webhook_body(type_of(occasion, told), webhook_data(happened), now_ms)
                elif contact.way is Way.PUSH:
                    body = push_body(occasion, happened.entry)
                else:
                    body = words_body(name, text_of(occasion, told, zone))
                made.append(message(contact, happened.account, mark, occasion, body))
    return made


def message(contact: Reached, account: str, mark: str, occasion: Occasion, body: bytes) -> Outgoing:
    """Return a message; its id follows from what it is about."""
    return Outgoing(
        message_id(contact.id, mark), contact.id, mark, account, contact.way, occasion, body
    )


def message_id(contact_id: str, mark: str) -> str:
    """Return a message's id: of one contact, about one thing."""
    return tagged_hash("commonwatt/outgoing/v1", f"{contact_id}/{mark}".encode())[:16].hex()


def wants(contact: Reached, occasion: Occasion, told: Mapping[str, Any]) -> bool:
    """Return whether a contact is told of something: of keys always, but for a shop's programs."""
    if contact.way is Way.WEBHOOK:
        return occasion in contact.events
    if occasion is Occasion.KEYS:
        return True
    if occasion is Occasion.ASK and (told["is_mine"] or told["standing"] != Fate.OPEN):
        return False
    return occasion in contact.events


def type_of(occasion: Occasion, told: Mapping[str, Any]) -> str:
    """Return the type of a webhook's event."""
    return f"ask.{told['standing']}" if occasion is Occasion.ASK else TYPES[occasion]


def webhook_data(happened: Happening) -> dict[str, Any]:
    """Return what a shop's program is told: no balance, nobody's name, no more than a till may know."""
    told, entry = happened.told, {"log_entry": happened.entry}
    if happened.what is What.BALANCE:
        return {**entry, "kind": told["kind"], "units": told["units"]}
    if happened.what is What.ASK:
        fields = ("ask", "standing", "units", "reference")
        return {**entry, **{field: told[field] for field in fields}}
    if happened.what is What.PRICES:
        return {**entry, **{field: told[field] for field in ("day", "run", "is_final")}}
    return {**entry, **told}


def webhook_body(kind: str, data: Mapping[str, Any], now_ms: int) -> bytes:
    """Return a webhook's body, in the form of Standard Webhooks."""
    moment = datetime.fromtimestamp(now_ms // 1000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return _json({"type": kind, "timestamp": moment, "data": data})


def push_body(occasion: Occasion, entry: int | None = None, *, title: str | None = None) -> bytes:
    """Return what a browser gets: no amount, nobody's name.

    Args:
        occasion: why.
        entry: of the log, if there is one.
        title: what it shows; by occasion if left out.
    """
    told = {"title": title or PUSHED[occasion], "event": occasion.value}
    return _json(told if entry is None else {**told, "log_entry": entry})


def words_body(subject: str, text: str) -> bytes:
    """Return words as they wait."""
    return _json({"subject": subject, "text": text})


PUSHED: Mapping[Occasion, str] = {
    Occasion.PAYMENT: "Payment received",
    Occasion.ASK: "Somebody asks to be paid",
    Occasion.DAY: "A day is worked out",
    Occasion.MONTH: "Your statement is ready",
    Occasion.KEYS: "Your keys change",
    Occasion.REMOVED: "This browser is told no more: its key was given up",
}
"""What a browser shows."""

NOT_YOU = "If this was not you, look at your phones, or call your group's operators."


def text_of(occasion: Occasion, told: Mapping[str, Any], zone: str) -> str:
    """Return what an e-mail or a text message says."""
    if occasion is Occasion.PAYMENT:
        return f"You received {format_money(told['units'])}."
    if occasion is Occasion.ASK:
        asked = format_money(told["units"])
        return f"Somebody asks you for {asked}. Open your wallet to see who, and to pay or decline."
    if occasion is Occasion.DAY:
        return f"{_day(told['day'])} is worked out. Your wallet shows it."
    if occasion is Occasion.MONTH:
        return f"Your statement of {parse_date(told['day']):%B %Y} is ready. Your wallet shows it."
    if told["change"] == "key_change" and told["waits"]:
        when = _moment(told["counts_from"], zone)
        return (
            f"Somebody asks for other keys to your account: they count from {when}. If this was not you,"
            " object with a phone of yours before then, or call your group's operators."
        )
    return f"{KEY_WORDS[told['change']]} {NOT_YOU}"


KEY_WORDS: Mapping[str, str] = {
    "key_change": "The keys of your account changed.",
    "key_objection": "Somebody objected to a change of your account's keys.",
    "freeze": "Your account was frozen, or is free again.",
    "till_key": "A till of your account was added or taken away.",
    "roster": "The operators' keys changed.",
}
"""What is said of keys."""


def code_text(code: str) -> str:
    """Return the words that bring a code."""
    return f"{code} is your code: it says that you can be reached here. Nobody will ask you for it."


LAPSED_TEXT = (
    "This address was given by a device that does not count any more. Nothing more is sent to it until you confirm"
    f" it anew in your wallet. {NOT_YOU}"
)

ADDED: Mapping[str, str] = {
    Way.EMAIL: "An e-mail address was added to your account.",
    Way.SMS: "A telephone number was added to your account.",
    Way.PUSH: "A browser was added to your account: it is told of things.",
    Way.WEBHOOK: "A program's address was added to your account.",
    "passkey": "A passkey was added to your account: it lets somebody look.",
    "ended": "A program is told no more: the key that added it was given up.",
}
"""What is said of an addition, and of an end that nobody asked for."""


def added_body(way: Way, name: str, what: str) -> bytes:
    """Return what an address is told of an addition.

    Args:
        way: of the address that is told.
        name: of the community.
        what: one of `ADDED`.
    """
    if way is Way.PUSH:
        return push_body(Occasion.ADDED, title=ADDED[what])
    return words_body(name, f"{ADDED[what]} {NOT_YOU}")


REMOVED_TEXT = f"This address was removed: nothing more is sent to it. {NOT_YOU}"


def _day(text: str) -> str:
    day = parse_date(text)
    return f"{day:%A} {day.day} {day:%B}"


def _moment(period: int, zone: str) -> str:
    moment = start_utc(period).astimezone(load_zone(zone))
    return f"{moment:%A} {moment.day} {moment:%B}, {moment:%H:%M}"


def _json(value: Mapping[str, Any]) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()
