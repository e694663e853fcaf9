"""Explanations for programs: every value under its name, in Wh, ticks and ledger units. Pure.

>>> plain({"line": Line("0f", 9, 1, 0, 0, 0, 0, 0, 0)})["line"]["own_use_wh"]
1
"""

from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from typing import Any

from ledger.primitives.periods import load_zone, local_label, start_text
from settlement.postings import Line
from settlement.why_day_model import WhyDay
from settlement.why_model import Why
from settlement.why_reading_model import WhyBatch, WhyReading


def plain(value: Any) -> Any:
    """Return a value as JSON holds it."""
    if is_dataclass(value) and not isinstance(value, type):
        return {field.name: plain(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, tuple) and hasattr(value, "_asdict"):
        return {name: plain(each) for name, each in value._asdict().items()}
    if isinstance(value, Mapping):
        return {name: plain(each) for name, each in value.items()}
    if isinstance(value, (tuple, list)):
        return [plain(each) for each in value]
    return value


def why_json(why: Why) -> dict[str, Any]:
    """Return an explanation of a half-hour."""
    value: dict[str, Any] = plain(why)
    value |= _when(why.period, why.zone) | {"agrees": not why.differences}
    if why.next_run is not None:
        value["next_run"] = {"code": why.next_run[0], "due_ms": why.next_run[1]}
    value["runs"] = [
        {**brief, "changed": [_reading(each) for each in brief["changed"]]}
        for brief in value.pop("briefs")
    ]
    value["told"]["units"] = why.told.line.sold_units - why.told.line.bought_units
    return value


def why_day_json(why: WhyDay) -> dict[str, Any]:
    """Return an explanation of a day."""
    value: dict[str, Any] = plain(why)
    value["lines"] = [_line(line, why.zone) for line in why.lines]
    value["total"] = plain(why.total)
    for run in value["runs"]:
        for change in run["changes"]:
            change["readings"] = [_reading(each) for each in change["readings"]]
    if why.next_run is not None:
        value["next_run"] = {"code": why.next_run[0], "due_ms": why.next_run[1]}
    return value | {"agrees": not why.differences}


def why_reading_json(why: WhyReading) -> dict[str, Any]:
    """Return what a reading caused."""
    value: dict[str, Any] = plain(why)
    value["meter"], value["channel"] = value.pop("slot")
    for effect in value["effects"]:
        effect["named"] = [{"name": name, "part": part} for name, part in effect["named"]]
    if why.next_run is not None:
        value["next_run"] = {"code": why.next_run[0], "due_ms": why.next_run[1]}
    return value | _when(why.period, why.zone) | {"agrees": not why.differences}


def why_batch_json(why: WhyBatch) -> dict[str, Any]:
    """Return what a batch caused."""
    value: dict[str, Any] = plain(why)
    value["meter"], value["channel"] = value.pop("slot")
    return value | {"start": start_text(why.first)}


def _line(line: Line, zone: str) -> dict[str, Any]:
    return {**plain(line), **_when(line.period, zone)}


def _when(period: int, zone: str) -> dict[str, Any]:
    return {"start": start_text(period), "clock": local_label(period, load_zone(zone))}


def _reading(each: list[Any]) -> dict[str, Any]:
    meter, channel, before, after = each
    return {"meter": meter, "channel": channel, "before_wh": before, "after_wh": after}
