"""What may be erased, and what an audit makes of it: pure.

A fact is erased by deleting it together with its salt: its leaf stays, every proof stays valid,
and nobody can tell any more what it was about. Only what names a person's doings and causes
nothing later may go; keys, rules, limits and seals stay.

>>> may_erase("transfer", "fact", 0, 10), may_erase("rules", "fact", 0, 10**6)
(True, False)
"""

from collections.abc import Collection, Iterable, Mapping
from typing import Any

from ledger.errors import RefusedError
from ledger.kinds import a_kind

FACT, DETAIL = "fact", "detail"
"""What of an entry is erased: all of it, or what it binds beside itself."""

ERASABLE_FACTS = frozenset({"transfer", "ask"})
"""Kinds whose whole fact may go: their amounts are posted, their words are a person's."""

ERASABLE_DETAILS = frozenset({"reading_batch", "hold", "clearing", "settlement", "netting"})
"""Kinds whose detail may go: half-hours of homes."""

DETAIL_KEPT_PERIODS = 100 * 48
"""How long a detail is kept at least, in half-hours: until the day is closed and an audit saw it."""


def may_erase(kind: str, what: str, logged: int, now: int) -> bool:
    """Return whether something of an entry may be erased.

    Args:
        kind: of the entry.
        what: `FACT` or `DETAIL`.
        logged: the half-hour in which it was logged.
        now: the half-hour in which it is erased.
    """
    if what == FACT:
        return kind in ERASABLE_FACTS
    return kind in ERASABLE_DETAILS and now - logged >= DETAIL_KEPT_PERIODS


def check_erasure(
    body: Mapping[str, Any],
    entries: Mapping[int, tuple[str, int]],
    period: int,
    erased: Collection[tuple[int, str]],
) -> None:
    """Refuse an erasure of what must stay, and of what is gone already.

    Args:
        body: of the ``erasure``.
        entries: (kind, half-hour of logging) by log position, of those before this one.
        period: the half-hour in which it is logged.
        erased: (log position, what) of what erasures before this one named: a second one would
            count twice, and would say that it took what was gone.

    Raises:
        RefusedError: names the entry.
    """
    named = [(item["entry"], item["what"]) for item in body["entries"]]
    if named != sorted(set(named)):
        raise RefusedError("An erasure names each entry once, in order.")
    for position, what in named:
        if position not in entries:
            raise RefusedError(f"There is no log entry {position} to erase.")
        if (position, what) in erased:
            raise RefusedError(f"The {what} of log entry {position} is already erased.")
        kind, logged = entries[position]
        if not may_erase(kind, what, logged, period):
            raise RefusedError(
                f"The {what} of log entry {position}, {a_kind(kind)}, must stay"
                + (
                    f" for {DETAIL_KEPT_PERIODS // 48} days."
                    if what == DETAIL and kind in ERASABLE_DETAILS
                    else "."
                )
            )


def erased_by(bodies: Iterable[Mapping[str, Any]]) -> set[tuple[int, str]]:
    """Return (log position, what) of all that some erasures erased."""
    return {(item["entry"], item["what"]) for body in bodies for item in body["entries"]}
