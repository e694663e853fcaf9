"""So many messages an address gets one by one; of more it is told together. Pure.

Whoever sends a neighbour a thousand tiny payments would otherwise have their telephone ring a thousand times, at the
community's cost. An address gets a few messages an hour and a few more a day; what goes beyond is counted, and
told in one message at the end of the hour, or of the day. Changes of keys are counted apart, so that payments
bury none.

>>> text_of({"payment": 12, "ask": 1})
'12 more payments, 1 more request. Your wallet shows them.'
"""

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any, NamedTuple

from wallet_api.door.contact_store import Occasion, Way
from wallet_api.door.notices import message_id, push_body, words_body
from wallet_api.door.outgoing_store import Outgoing

HOUR_MAX = 10
"""Most messages of news, or of keys, that an address gets one by one in an hour."""

DAY_MAX = 30
"""The same in a day: a street's busiest member is paid some twenty times."""

HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS

NEWS = (Occasion.PAYMENT, Occasion.ASK, Occasion.DAY, Occasion.MONTH)
KEYS = (Occasion.KEYS,)
GROUPS: Mapping[Occasion, tuple[Occasion, ...]] = {
    **dict.fromkeys(NEWS, NEWS),
    **dict.fromkeys(KEYS, KEYS),
}
"""What is counted together."""

COUNTED = (*NEWS, *KEYS)

WORDS: Mapping[str, tuple[str, str]] = {
    Occasion.PAYMENT: ("payment", "payments"),
    Occasion.ASK: ("request", "requests"),
    Occasion.DAY: ("day worked out", "days worked out"),
    Occasion.MONTH: ("statement", "statements"),
    Occasion.KEYS: ("change of keys", "changes of keys"),
}
"""What is said of one and of several."""


class Sent(NamedTuple):
    """How many messages an address was sent on some occasions, one by one, this hour and this day."""

    hour: Counter[Occasion]
    day: Counter[Occasion]


class Window(NamedTuple):
    """A message that holds several: until its time it is waited with, and added to.

    Attributes:
        message: how it would be queued, if nothing waited there; its mark names its window.
        due_ms: when it is sent: at the end of the hour, or of the day.
        counts: what it holds.
    """

    message: Outgoing
    due_ms: int
    counts: Counter[str]


def sorted_out(
    made: Iterable[Outgoing], sent: Mapping[str, Sent], name: str, now_ms: int
) -> tuple[list[Outgoing], list[Window]]:
    """Return what is sent one by one, and what is told together.

    Args:
        made: messages to be queued, in the order of what happened.
        sent: what addresses were sent already, by contact.
        name: of the community.
        now_ms: the time; hours and days are UTC's.
    """
    alone: list[Outgoing] = []
    windows: dict[str, Window] = {}
    counted = {
        contact: Sent(Counter(each.hour), Counter(each.day)) for contact, each in sent.items()
    }
    for each in made:
        group = GROUPS.get(each.occasion)
        if group is None or each.way is Way.WEBHOOK:
            alone.append(each)
            continue
        mine = counted.setdefault(each.recipient, Sent(Counter(), Counter()))
        span_ms = _span(mine, group)
        if span_ms is None:
            alone.append(each)
            mine.hour[each.occasion] += 1
            mine.day[each.occasion] += 1
            continue
        window = _window(each, group, span_ms, now_ms)
        kept = windows.setdefault(window.message.id, window)
        kept.counts[each.occasion.value] += 1
    return alone, [with_counts(each, each.counts, name) for each in windows.values()]


def with_counts(window: Window, counts: Mapping[str, int], name: str) -> Window:
    """Return a window that holds so much, and the words for it."""
    told = window.message
    text = text_of(counts)
    if told.way is Way.PUSH:  # all of these are of one length, so they are short
        title = f"{sum(counts.values())} more: your wallet shows them"
        said = json.loads(push_body(told.occasion, title=title))
    else:
        said = json.loads(words_body(name, text))
    body = json.dumps({**said, "more": dict(counts)}, ensure_ascii=False, separators=(",", ":"))
    return window._replace(message=replace(told, body=body.encode()), counts=Counter(counts))


def counts_in(body: bytes) -> Counter[str]:
    """Return what a message that waits holds."""
    held: dict[str, Any] = json.loads(body)
    return Counter(held.get("more", {}))


def text_of(counts: Mapping[str, int]) -> str:
    """Return what is said of so many."""
    parts = [
        f"{counts[what]} more {one if counts[what] == 1 else several}"
        for what, (one, several) in WORDS.items()
        if counts.get(what)
    ]
    return f"{', '.join(parts)}. Your wallet shows them."


def _span(sent: Sent, group: tuple[Occasion, ...]) -> int | None:
    """Return how long is waited before one message more, in milliseconds; None: it is sent alone."""
    if sum(sent.day[each] for each in group) >= DAY_MAX:
        return DAY_MS
    if sum(sent.hour[each] for each in group) >= HOUR_MAX:
        return HOUR_MS
    return None


def _window(each: Outgoing, group: tuple[Occasion, ...], span_ms: int, now_ms: int) -> Window:
    due_ms = (now_ms // span_ms + 1) * span_ms
    mark = f"more/{group[0].value}/{span_ms}/{due_ms}"
    occasion = Occasion.MORE_KEYS if group is KEYS else Occasion.MORE
    told = replace(each, id=message_id(each.recipient, mark), mark=mark, occasion=occasion)
    return Window(told, due_ms, Counter())
