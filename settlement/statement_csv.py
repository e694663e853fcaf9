"""A household statement as one CSV file, which a spreadsheet opens.

One table with one head. Each row says to which section it belongs; the amounts of the sections
`opening`, `day`, `changed`, `waits` and `payment` sum to that of `closing`, at the penny as printed
and in exact units. Words that a spreadsheet could take for a formula begin with an apostrophe.
RFC 4180, in UTF-8 with the mark by which spreadsheets know it.

>>> guarded("=1+1"), guarded("@Ada"), guarded("Ada"), guarded("Ada;=1+1")
("'=1+1", "'@Ada", 'Ada', "Ada;'=1+1")
"""

import csv
import io
import re
from collections.abc import Iterator
from typing import NamedTuple

from ledger.primitives.money import UNITS_PER_MAJOR
from ledger.primitives.words import plain
from market.model import Side
from settlement.statement_model import (
    CLOSED_ACCOUNT,
    NOT_THE_BILL,
    Adjustment,
    DayLine,
    HouseholdStatement,
    OnTheWay,
    Seal,
)
from settlement.statement_rounding import PENNY_UNITS, at_printed_precision
from settlement.statement_words import HEX_ID, WITHOUT_ENERGY, percent


class CsvRow(NamedTuple):
    """A row: text, or a number as spreadsheets write it; what does not apply is empty.

    Attributes:
        section: to which it belongs.
        day: local day, ``YYYY-MM-DD``.
        run: code of the run.
        item: what is counted.
        about: with whom, or which tariff or rate.
        reference: what was written.
        kwh: energy at the printed precision.
        amount: money at the penny; positive is received.
        exact_wh, exact_units: the same, not rounded.
        log_entry, hash: of the statement in the log.
    """

    section: str
    day: str = ""
    run: str = ""
    item: str = ""
    about: str = ""
    reference: str = ""
    kwh: str = ""
    amount: str = ""
    exact_wh: int | str = ""
    exact_units: int | str = ""
    log_entry: int | str = ""
    hash: str = ""


_BYTE_ORDER_MARK = "\ufeff"
_FORMULA = re.compile(r"(^|;)(?=\s*[=+\-@\uff1d\uff0b\uff0d\uff20])")


def render_csv(statement: HouseholdStatement) -> str:
    """Return the statement as a CSV file's text; the lines end as RFC 4180 says."""
    printed = at_printed_precision(statement)
    file = io.StringIO()
    file.write(_BYTE_ORDER_MARK)
    writer = csv.writer(file)
    writer.writerow(CsvRow._fields)
    writer.writerows(_rows(printed, statement))
    return file.getvalue()


def guarded(text: str) -> str:
    """Return outside text that no spreadsheet takes for a formula, nor a program for a command.

    Some spreadsheets split at semicolons too: what follows one is guarded alike.
    """
    return _FORMULA.sub(r"\1'", plain(text))


def _rows(printed: HouseholdStatement, exact: HouseholdStatement) -> Iterator[CsvRow]:
    yield from _about(printed)
    yield _money("opening", "opening", printed.opening_units, exact.opening_units)
    if printed.is_without_energy:
        yield from _month(printed, exact)
    else:
        yield from _energy(printed, exact)
    yield _money("waits", "claim", -printed.claim_units, -exact.claim_units)
    yield from _payments(printed, exact)
    yield _money("closing", "closing", printed.closing_units, exact.closing_units)
    yield _money("beside", "set aside", printed.set_aside_units, exact.set_aside_units)
    yield _money("beside", "owed to you", printed.owed_units, exact.owed_units)
    yield from _charges(printed, exact)
    if not printed.is_without_energy:
        for way, way_exact in zip(printed.on_the_way, exact.on_the_way, strict=True):
            yield from _traded("on the way", way, way_exact)
        yield from _grid(printed, exact, exact.kwh_places)
    for seal in (*printed.seals, *printed.later_seals):
        yield _seal(seal)


def _energy(printed: HouseholdStatement, exact: HouseholdStatement) -> Iterator[CsvRow]:
    """Yield days, and what later runs changed."""
    for rounded, line in zip(printed.days, exact.days, strict=True):
        yield from _day(rounded, line, exact.kwh_places)
    for change, line_exact in zip(printed.adjustments, exact.adjustments, strict=True):
        yield from _traded("changed", change, line_exact)
        yield _money(
            *("changed", "given", -change.given_units, -line_exact.given_units),
            *(str(change.day), change.code),
        )


def _month(printed: HouseholdStatement, exact: HouseholdStatement) -> Iterator[CsvRow]:
    """Yield the money of all days, for whoever may not see their energy."""
    for item, sign in (("sold", 1), ("bought", -1), ("given", -1)):
        sums = (sign * getattr(each.total, f"{item}_units") for each in (printed, exact))
        yield _money("month", item, *sums)
    yield _money("changed", "together", printed.adjusted_units, exact.adjusted_units)


def _about(printed: HouseholdStatement) -> Iterator[CsvRow]:
    words = {
        "community": printed.community,
        "log": printed.origin,
        "currency": printed.currency,
        "promise": printed.promise,
        "member": printed.member_name or CLOSED_ACCOUNT,
        "account": printed.member,
        "month": printed.month,
        "VAT number": printed.vat_number,
        "last day": str(printed.left.last_day) if printed.left else "",
        "final on": str(printed.left.final_on) if printed.left else "",
        "days in month": str(printed.days_in_month),
        "days worked out": str(printed.days_settled),
        "readings missing in the community": str(printed.missing),
        "energy": WITHOUT_ENERGY if printed.is_without_energy else "",
        "your readings": "" if printed.is_without_energy else str(printed.readings),
        "your readings estimated": "" if printed.is_without_energy else str(printed.estimated),
        "note": NOT_THE_BILL,
    }
    for item, text in words.items():
        if text:
            yield CsvRow("about", item=item, about=guarded(text))


def _money(
    section: str,
    item: str,
    printed_units: int,
    exact_units: int,
    day: str = "",
    run: str = "",
    about: str = "",
) -> CsvRow:
    return CsvRow(
        *(section, day, run, item, about),
        amount=_pounds(printed_units),
        exact_units=exact_units,
    )


def _day(printed: DayLine, exact: DayLine, places: int) -> Iterator[CsvRow]:
    day = str(printed.day)
    for item, sign in (("sold", 1), ("bought", -1), ("given", -1)):
        yield CsvRow(
            *("day", day),
            item=item,
            kwh=_kwh(getattr(printed, f"{item}_wh"), places),
            amount=_pounds(sign * getattr(printed, f"{item}_units")),
            exact_wh=getattr(exact, f"{item}_wh"),
            exact_units=sign * getattr(exact, f"{item}_units"),
        )
    flows = (
        ("own use", "own_use_wh"),
        ("from grid", "grid_import_wh"),
        ("to grid", "grid_export_wh"),
    )
    for item, name in flows:
        yield CsvRow(
            *("day", day),
            item=item,
            kwh=_kwh(getattr(printed, name), places),
            exact_wh=getattr(exact, name),
        )


def _traded(
    section: str, printed: Adjustment | OnTheWay, exact: Adjustment | OnTheWay
) -> Iterator[CsvRow]:
    for item, sign in (("sold", 1), ("bought", -1)):
        yield CsvRow(
            *(section, str(printed.day), printed.code, item),
            kwh=_kwh(getattr(printed, f"{item}_wh"), 2),
            amount=_pounds(sign * getattr(printed, f"{item}_units")),
            exact_wh=getattr(exact, f"{item}_wh"),
            exact_units=sign * getattr(exact, f"{item}_units"),
        )


def _payments(printed: HouseholdStatement, exact: HouseholdStatement) -> Iterator[CsvRow]:
    for rounded, line in zip(printed.payments, exact.payments, strict=True):
        nameless = CLOSED_ACCOUNT if HEX_ID.fullmatch(line.other) else line.other
        yield CsvRow(
            *("payment", str(line.day)),
            item=line.payment.kind,
            about=guarded(line.other_name or nameless),
            reference=guarded(line.payment.reference or ""),
            amount=_pounds(rounded.units),
            exact_units=line.units,
            log_entry=line.payment.position,
            hash=line.payment.tx_id,
        )


def _charges(printed: HouseholdStatement, exact: HouseholdStatement) -> Iterator[CsvRow]:
    """Yield net, VAT and gross of what was paid for; they are within `day` and `changed`."""
    for rounded, line in zip(printed.charges, exact.charges, strict=True):
        section = "charged, changed" if line.changed else "charged"
        rate = "no VAT" if line.permille is None else f"VAT at {percent(line.permille)}"
        for name in ("net", "vat", "gross"):
            yield _money(
                *(section, f"{line.what.value}, {name}"),
                *(-getattr(rounded, f"{name}_units"), -getattr(line, f"{name}_units")),
                about=rate,
            )


def _grid(printed: HouseholdStatement, exact: HouseholdStatement, places: int) -> Iterator[CsvRow]:
    for rounded, part in zip(printed.grid.parts, exact.grid.parts, strict=True):
        sign = 1 if part.side is Side.ASK else -1
        yield CsvRow(
            "with the grid",
            item="sold" if part.side is Side.ASK else "bought",
            about=f"{part.ticks} ticks of 0.0001 per kWh",
            kwh=_kwh(rounded.wh, places),
            amount=_pounds(sign * rounded.units),
            exact_wh=part.wh,
            exact_units=sign * part.units,
        )
    yield _money("compared", "better off by", printed.better_units, exact.better_units)


def _seal(seal: Seal) -> CsvRow:
    return CsvRow(
        *("sealed", seal.day, seal.code), item="seal", log_entry=seal.position, hash=seal.tx_id
    )


def _pounds(units: int) -> str:
    """Write printed money as a number: no sign of a currency, a point, a plain minus.

    >>> _pounds(-1_230 * PENNY_UNITS), _pounds(0)
    ('-12.30', '0.00')
    """
    if units % PENNY_UNITS:
        raise AssertionError("only printed amounts are written")
    whole, part = divmod(abs(units), UNITS_PER_MAJOR)
    return f"{'-' if units < 0 else ''}{whole}.{part // PENNY_UNITS:02d}"


def _kwh(wh: int, places: int) -> str:
    """Write printed energy as a number.

    >>> _kwh(-1_230, 2), _kwh(4_000_000, 0)
    ('-1.23', '4000')
    """
    whole, part = divmod(abs(wh), 1_000)
    text = f"{whole}.{part:03d}"[: -(3 - places)] if places else str(whole)
    return ("-" if wh < 0 else "") + text
