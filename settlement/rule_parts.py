"""Rules in parts that people set one by one, and put together again; timetables as text. Pure.

>>> timetable_text(runs_from_text("II=30m:live,SF=1h,RF=90d"))
'II=30m:live,SF=1h,RF=90d'
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from ledger.errors import InputError
from market.model import PPM
from settlement.timetable import AFTER_MAX, GB

NO_LOSSES = {"import_ppm": PPM, "export_ppm": PPM}
NO_CHARGES = {"network_ticks": 0, "fund_floor_units": 0}
"""What rules without losses or charges stand for."""

_HALF_HOURS = {"m": 1 / 30, "h": 2, "d": 48}
_RUN = re.compile(r"([A-Z][A-Z0-9]{1,3})=(\d{1,4})([mhd])(:shown|:live)?")


def apart(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Return the rules' fields in parts, each with what goes without saying."""
    usual = GB.to_json()
    timetable = {**usual, **fields.get("timetable", {})}
    vat = fields.get("vat", {})
    rates = {f"{item['class']}_permille": item["permille"] for item in vat.get("rates", ())}
    number = {"number": vat["number"]} if vat else {}
    return {
        **fields,
        "market": dict(fields["market"]),
        "issuance": dict(fields["issuance"]),
        "losses": {**NO_LOSSES, **fields.get("losses", {})},
        "charges": {**NO_CHARGES, **fields.get("charges", {})},
        "timetable": {"runs": timetable["runs"]},
        "disputes": dict(timetable["disputes"]),
        "vat": {**number, **rates},
    }


def said(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Return the rules' parts without what comes to nothing: losses and charges of zero."""
    parts = apart(fields)
    for part, nothing in (("losses", NO_LOSSES), ("charges", NO_CHARGES)):
        parts[part] = {name: value for name, value in parts[part].items() if value != nothing[name]}
    return parts


def together(parts: Mapping[str, Any]) -> dict[str, Any]:
    """Return the rules' fields of parts, without what goes without saying.

    Raises:
        InputError: rates of VAT without a number, or a number without rates.
    """
    made = {**parts}
    usual = GB.to_json()
    runs = {"runs": usual["runs"], **made.pop("timetable")}["runs"]
    disputes = {**usual["disputes"], **made.pop("disputes")}
    if {"runs": runs, "disputes": disputes} != usual:
        made["timetable"] = {"runs": runs, "disputes": disputes}
    for part, nothing in (("losses", NO_LOSSES), ("charges", NO_CHARGES)):
        made[part] = {**nothing, **made[part]}
        if made[part] == nothing:
            del made[part]
    vat = dict(made.pop("vat"))
    number = vat.pop("number", None)
    if bool(number) != bool(vat):
        raise InputError(
            "vat-number: rates of VAT need the group's number: add --set vat-number='GB 123456789', "
            "or take the rates away, as in --set vat-household=none"
            if vat
            else "vat-number: a group with a number for VAT needs a rate: add --set vat-household=5% "
            "or of another class, or --set vat-number=none"
        )
    if number:
        rates = [
            {"class": name.removesuffix("_permille"), "permille": permille}
            for name, permille in sorted(vat.items())
        ]
        made["vat"] = {"number": number, "rates": rates}
    return made


FORMS: Mapping[str, str] = {
    "price": "mid-market",
    "sharing": "pro-rata",
    "import": "24.50p",
    "export": "4.10p",
    "match": "18p",
    "bands": "00:00=9p,16:00=18p",
    "charge": "0.2p",
    "network": "0.05p",
    "fund-limit": "50",
    "sellers": "60%",
    "plenty": "30%",
    "loss-import": "7%",
    "loss-export": "5%",
    "credit-limit": "20",
    "timetable": "II=30m:live,SF=7d,R1=30d,RF=90d",
    "dispute": "2.00",
    "vat-number": "GB 123456789",
    "vat-household": "5%",
    "vat-generator": "20%",
    "vat-shop": "20%",
    "vat-group": "20%",
    "promise": "Kept by hand.",
}
"""What a value of each rule looks like, by the names that people set."""


def runs_from_text(text: str) -> list[dict[str, Any]]:
    """Read a timetable, as in ``II=7h:shown,SF=7d,R1=30d,RF=90d``: after the end of the local day.

    With ``II=30m:live`` half-hours are shown while the day goes on, each so long after its end.

    Raises:
        InputError: not of this form.
    """
    runs = []
    for part in text.split(","):
        found = _RUN.fullmatch(part.strip())
        after = -1 if found is None else int(found[2]) * _HALF_HOURS[found[3]]
        if found is None or after != int(after) or not 0 <= after <= AFTER_MAX:
            raise InputError(
                f"timetable: {part!r} is not a run and its time, as in SF=7d, R1=12h, SF=30m, "
                "II=7h:shown or II=30m:live"
            )
        run = {"code": found[1], "after": int(after), "posts": found[4] is None}
        runs.append(run | ({"live": True} if found[4] == ":live" else {}))
    return runs


def timetable_text(runs: Sequence[Mapping[str, Any]]) -> str:
    """Write a timetable as `runs_from_text` reads it."""
    return ",".join(f"{run['code']}={_time_text(run['after'])}{_how_text(run)}" for run in runs)


def _how_text(run: Mapping[str, Any]) -> str:
    if run["posts"]:
        return ""
    return ":live" if run.get("live") else ":shown"


def _time_text(half_hours: int) -> str:
    for unit, count in (("d", 48), ("h", 2)):
        if half_hours % count == 0 and (half_hours or unit == "h"):
            return f"{half_hours // count}{unit}"
    return f"{half_hours * 30}m"
