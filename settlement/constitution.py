"""What a roster and the rules may become: the next version's fields, from those in force. Pure.

>>> change = RosterChange(remove=(b"2" * 32,), add=((b"3" * 32, "operator"),))
>>> fields = {"threshold": 1, "keys": [{"key": "32" * 32, "role": "operator"}]}
>>> [entry["key"][:4] for entry in next_roster(fields, change)["keys"]]
['3333']
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import partial
from typing import Any

from ledger.errors import InputError
from ledger.kinds import KINDS, OPTIONAL
from ledger.primitives.money import UNITS_PER_MAJOR, format_money, format_price, ticks_from_text
from market.errors import MarketInputError
from market.model import PPM, PriceRule, SharingRule
from market.rules import PERMILLE, check_rules, fields_of
from market.wire import rules_from_json
from settlement.rule_parts import apart, runs_from_text, said, timetable_text, together
from settlement.terms import rules_of_body

OPERATOR = "operator"
"""The role of those who sign for the community."""


@dataclass(frozen=True, slots=True)
class RosterChange:
    """What is to be different in the next roster.

    Attributes:
        add: (public key, role) of those who come.
        remove: public keys of those who go.
        threshold: how many operators must sign, if that changes.
        expires: half-hour from which no key of the roster counts, if that changes.
        for_ever: the roster has no end any more.
    """

    add: Sequence[tuple[bytes, str]] = ()
    remove: Sequence[bytes] = ()
    threshold: int | None = None
    expires: int | None = None
    for_ever: bool = False


def next_roster(fields: Mapping[str, Any], change: RosterChange) -> dict[str, Any]:
    """Return a roster's fields after a change.

    Raises:
        InputError: somebody comes who is there, or goes who is not; or too few operators remain.
    """
    gone = [public.hex() for public in change.remove]
    there = [entry["key"] for entry in fields["keys"]]
    for key in gone:
        if key not in there:
            raise InputError(f"The roster in force does not name the key {key[:16]}….")
    keys = [entry for entry in fields["keys"] if entry["key"] not in gone]
    for public, role in change.add:
        if public.hex() in there:
            raise InputError(f"The roster in force names the key {public.hex()[:16]}… already.")
        keys.append({"key": public.hex(), "role": role})
    threshold = fields["threshold"] if change.threshold is None else change.threshold
    operators = sum(entry["role"] == OPERATOR for entry in keys)
    if not 1 <= threshold <= operators:
        raise InputError(f"{threshold} of {operators} operators cannot sign: change --threshold.")
    made = {**fields, "keys": keys, "threshold": threshold}
    if change.expires is not None:
        made["expires"] = change.expires
    if change.for_ever:
        made.pop("expires", None)
    return made


def next_rules(
    fields: Mapping[str, Any],
    settings: Mapping[str, str],
    keys: Sequence[Mapping[str, Any]] | None = None,
) -> dict[str, Any]:
    """Return the rules' fields after some settings, checked.

    Args:
        fields: of the rules in force.
        settings: texts by the names of `SETTINGS`, as people write them.
        keys: coefficients, which make sharing go by them; those in force if left out.

    Raises:
        InputError: no such setting, or not a value of it; or the market would not hold together.
    """
    made = apart(fields)
    market = made["market"]
    if "price" in settings:
        _drop_idle(market, settings["price"])
    for name, text in settings.items():
        if name not in SETTINGS:
            raise InputError(f"{name!r} is not a rule that can change: {', '.join(SETTINGS)}.")
        setting = SETTINGS[name]
        made[setting.part].pop(setting.field, None)
        if text != NONE or not setting.may_end:
            made[setting.part][setting.field] = setting.read(text)
    made = together(made)
    if keys is not None:
        market |= {"sharing": SharingRule.KEYS.value, "keys": list(keys)}
    elif settings.get("sharing", SharingRule.KEYS.value) != SharingRule.KEYS.value:
        market.pop("keys", None)  # other ways to share know no coefficients
    if market.get("sharing") == SharingRule.KEYS.value and not market.get("keys"):
        raise InputError("sharing: for 'keys' give the coefficients too, with --coefficients FILE")
    try:
        check_rules(rules_from_json(market))
    except MarketInputError as error:
        raise InputError(_in_settings(str(error))) from error
    return made


def check_rules_whole(fields: Mapping[str, Any]) -> None:
    """Refuse rules that could not be logged, so that nobody is asked about them.

    Raises:
        InputError: a field is not of its form; names it.
        RefusedError: timetable, VAT or network charge do not hold together.
    """
    for name, check in {**KINDS["rules"], **OPTIONAL["rules"]}.items():
        if name in fields:
            check(fields[name], f"rules.{name}")
    rules_of_body({"version": 1, **fields})


def _drop_idle(market: dict[str, Any], price: str) -> None:
    """Drop what means nothing under another price rule, so that nobody has to know what it was."""
    known = fields_of(PriceRule(_one_of("price", PriceRule, price)))
    for setting in SETTINGS.values():
        if setting.part == "market" and setting.field not in ("price", "sharing", *known):
            market.pop(setting.field, None)


def _in_settings(words: str) -> str:
    """Name rules in a sentence as people set them."""
    for name, setting in SETTINGS.items():
        if setting.part == "market":
            words = re.sub(rf"\b{setting.field}\b", name, words)
    return words


def rules_table(
    before: Mapping[str, Any], after: Mapping[str, Any]
) -> list[tuple[str, str, str, str]]:
    """Return (setting, what it is, before, after), in words, for every rule that can change."""
    before, after = (said(each) for each in (before, after))
    return [
        (name, setting.words, setting.shown(before), setting.shown(after))
        for name, setting in SETTINGS.items()
    ]


@dataclass(frozen=True, slots=True)
class Setting:
    """A rule that can change.

    Attributes:
        part: of the ``rules`` statement that it stands in.
        field: its name there.
        words: what it is.
        read: makes its value from what a person wrote.
        write: makes words of its value.
        may_end: whether ``none`` takes it away.
    """

    part: str
    field: str
    words: str
    read: Callable[[str], Any]
    write: Callable[[Any], str]
    may_end: bool = False

    def shown(self, fields: Mapping[str, Any]) -> str:
        """Return its value in some rules' parts, in words."""
        value = fields.get(self.part, {}).get(self.field)
        return NONE if value is None else self.write(value)


NONE = "none"
"""Takes a rule away, and says that there is none."""


def _one_of(name: str, kind: type[StrEnum], text: str) -> str:
    if text not in [rule.value for rule in kind]:
        known = ", ".join(rule.value for rule in kind)
        raise InputError(f"{name}: {text!r} is not one of: {known}")
    return text


def bands_from_text(text: str) -> list[dict[str, int]]:
    """Read prices by time of day, as in ``00:00=9p,16:00=18p,19:30=12p``.

    Raises:
        InputError: not of this form.

    >>> bands_from_text("00:00=9p,16:30=18p")
    [{'minute': 0, 'ticks': 900}, {'minute': 990, 'ticks': 1800}]
    """
    bands = []
    for part in text.split(","):
        found = re.fullmatch(r"([01][0-9]|2[0-3]):([0-5][0-9])=(.+)", part.strip())
        if found is None:
            raise InputError(f"bands: {part!r} is not a time and a price, as in 16:00=18p")
        minute = int(found[1]) * 60 + int(found[2])
        bands.append({"minute": minute, "ticks": ticks_from_text(found[3])})
    return bands


def bands_text(bands: Sequence[Mapping[str, int]]) -> str:
    """Write prices by time of day as `bands_from_text` reads them."""
    return ",".join(
        f"{band['minute'] // 60:02d}:{band['minute'] % 60:02d}={format_price(band['ticks'])}"
        for band in bands
    )


def thousandths(name: str, text: str) -> int:
    """Read a percentage with at most one decimal, as in ``50%`` or ``37.5%``.

    Raises:
        InputError: names the setting.
    """
    found = re.fullmatch(r"([0-9]{1,3})(?:\.([0-9]))?%", text)
    if found is None or (value := int(found[1]) * 10 + int(found[2] or 0)) > PERMILLE:
        raise InputError(f"{name}: {text!r} is not a part such as 50% or 37.5%, 100% at most")
    return value


def _percent(permille: int) -> str:
    return f"{permille // 10}.{permille % 10}%"


def _loss(sign: int, text: str) -> int:
    """Read a loss such as ``7.0%`` as a factor: more than 1 of imports, less of exports."""
    name = "loss-import" if sign > 0 else "loss-export"
    return PPM + sign * thousandths(name, text) * (PPM // PERMILLE)


def _lost(sign: int, factor_ppm: int) -> str:
    return _percent(sign * (factor_ppm - PPM) // (PPM // PERMILLE))


def _limit(name: str, text: str) -> int:
    """Read how far below zero an account may go: whole pounds."""
    if re.fullmatch(r"[0-9]{1,6}", text) is None:
        raise InputError(f"{name}: {text!r} is not whole pounds, as in 20")
    return -int(text) * UNITS_PER_MAJOR


def _least(text: str) -> int:
    found = re.fullmatch(r"([0-9]{1,6})(?:\.([0-9]{2}))?", text)
    if found is None:
        raise InputError(f"dispute: {text!r} is not an amount, as in 2.00")
    return (int(found[1]) * 100 + int(found[2] or 0)) * (UNITS_PER_MAJOR // 100)


def _vat_number(text: str) -> str:
    if re.fullmatch(r"[A-Z0-9 ]{1,20}", text) is None:
        raise InputError(f"vat-number: {text!r} is not a number for VAT, as in GB 123456789")
    return text


SETTINGS: Mapping[str, Setting] = {
    "price": Setting("market", "price", "price rule", partial(_one_of, "price", PriceRule), str),
    "sharing": Setting(
        "market", "sharing", "how ties are shared", partial(_one_of, "sharing", SharingRule), str
    ),
    "import": Setting(
        *("market", "import_ticks", "reference import tariff", ticks_from_text, format_price),
        may_end=True,
    ),
    "export": Setting(
        *("market", "export_ticks", "reference export tariff", ticks_from_text, format_price),
        may_end=True,
    ),
    "match": Setting(
        *("market", "match_ticks", "fixed price", ticks_from_text, format_price), may_end=True
    ),
    "bands": Setting(
        *("market", "match_bands", "fixed price by time", bands_from_text, bands_text),
        may_end=True,
    ),
    "charge": Setting(
        "market", "charge_ticks", "charge per traded kWh", ticks_from_text, format_price
    ),
    "network": Setting(
        *("charges", "network_ticks", "of the charge, the network's", ticks_from_text),
        format_price,
        may_end=True,
    ),
    "fund-limit": Setting(
        *(
            "charges",
            "fund_floor_units",
            "lowest limit of the fund",
            partial(_limit, "fund-limit"),
            format_money,
        ),
        may_end=True,
    ),
    "sellers": Setting(
        "market",
        "k_permille",
        "sellers' part of the gain",
        partial(thousandths, "sellers"),
        _percent,
    ),
    "plenty": Setting(
        *("market", "kappa_permille", "sellers' part in plenty"),
        *(partial(thousandths, "plenty"), _percent),
        may_end=True,
    ),
    "loss-import": Setting(
        *("losses", "import_ppm", "fed in beyond meters", partial(_loss, 1), partial(_lost, 1)),
        may_end=True,
    ),
    "loss-export": Setting(
        *("losses", "export_ppm", "lost of what meters give", partial(_loss, -1)),
        partial(_lost, -1),
        may_end=True,
    ),
    "credit-limit": Setting(
        "issuance",
        "floor_units",
        "lowest limit of a wallet",
        partial(_limit, "credit-limit"),
        format_money,
    ),
    "timetable": Setting(
        *("timetable", "runs", "runs after the day's end", runs_from_text, timetable_text),
        may_end=True,
    ),
    "dispute": Setting(
        *("disputes", "least_units", "least that a dispute is about", _least, format_money),
        may_end=True,
    ),
    "vat-number": Setting("vat", "number", "number for VAT", _vat_number, str, may_end=True),
    **{
        f"vat-{name}": Setting(
            *("vat", f"{name}_permille", f"VAT in what a {name} buys"),
            *(partial(thousandths, f"vat-{name}"), _percent),
            may_end=True,
        )
        for name in ("household", "generator", "shop", "group")
    },
    "promise": Setting("issuance", "promise", "what the currency promises", str, str),
}
"""Rules that can change, by the names that people set. Currency, zone and feeder never do."""
