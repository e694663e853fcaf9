r"""Datadis: hours, or quarters of an hour, of Spanish meters.

``Hora`` is the END of its interval on the clock of Madrid, 24:00 the last; an interval is a
quarter of an hour where a day has quarters. A day is read as a whole, since only the day shows
both. Of the autumn night, Datadis adds both hours into one row, which is refused.

>>> import io
>>> rows = b'''CUPS;Fecha;Hora;Consumo_kWh;Metodo_obtencion
... ES00;2026/06/15;14:45;0,206;Real
... ES00;2026/06/15;15:00;0,206;Real
... '''
>>> [(block.first, block.wh) for block in read_datadis(io.BytesIO(rows), ReadOptions())]
[(989737, (412,))]
"""

import re
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import BinaryIO
from zoneinfo import ZoneInfo

from ledger.errors import InputError
from ledger.primitives.periods import load_zone
from meters.formats.datadis_rows import DatadisRow, looks_like_datadis, read_rows
from meters.formats.half_hours import HalfHours, Part, nanojoules
from meters.formats.lines import ReadOptions, check_meter, excerpt
from meters.readings import ACTUAL, ESTIMATED, Channel, Item, Refusal

__all__ = ["looks_like_datadis", "read_datadis"]

ZONE = "Europe/Madrid"
"""Clock of the files, unless the importer declares another, such as Atlantic/Canary."""

DAY_ROWS_MAX = 200
"""Most rows of a day of one meter: quarter-hours of the autumn day, each written twice."""

_DATE = re.compile(r"([0-9]{4})/([0-9]{2})/([0-9]{2})")
_HOUR = re.compile(r"([0-9]{1,2}):([0-9]{2})")
_LETTERS = {"real": ACTUAL, "estimada": ESTIMATED, "estimado": ESTIMATED}
_QUARTER_S, _HOUR_S, _DAY_MINUTES = 900, 3600, 1440


def read_datadis(stream: BinaryIO, options: ReadOptions) -> Iterator[Item]:
    """Yield the readings of a file, and the rows and days refused.

    Args:
        stream: CSV or JSON, UTF-8.
        options: `zone` if the clock is not Madrid's; `split` is about hours.

    Raises:
        InputError: neither CSV with the columns of Datadis, nor JSON with an array of rows.
    """
    days = _Days(options)
    for row in read_rows(stream):
        if isinstance(row, Refusal):
            yield row
        else:
            yield from days.take(row)
    yield from days.close()


class _Days:
    """Holds the rows of one meter's day until the next day begins."""

    def __init__(self, options: ReadOptions) -> None:
        self._zone = load_zone(options.zone or ZONE)
        self._half_hours = HalfHours(options)
        self._in_quarters: set[str] = set()
        self._key = ("", "")
        self._rows: list[tuple[int, str, DatadisRow]] = []  # with its minute and quality

    def take(self, row: DatadisRow) -> Iterator[Item]:
        """Take the next row."""
        if (row.cups, row.date) != self._key:
            yield from self._close_day()
            self._key = (row.cups, row.date)
        try:
            self._rows.append((*_checked(row), row))
            if len(self._rows) > DAY_ROWS_MAX:
                self._rows.pop()
                raise InputError(f"the day {row.date} has more than {DAY_ROWS_MAX} rows")
        except InputError as error:
            yield Refusal(row.place.line, str(error))

    def close(self) -> Iterator[Item]:
        """Yield what still waits when the file ends."""
        yield from self._close_day()
        yield from self._half_hours.close()

    def _close_day(self) -> Iterator[Item]:
        rows, self._rows = self._rows, []
        if not rows:
            return
        try:
            seconds = self._seconds([minute for minute, _, _ in rows])
            day = _date(self._key[1])
            instants = [self._instants(day, minute * 60 - seconds) for minute, _, _ in rows]
        except InputError as error:
            line = rows[0][2].place.line
            yield Refusal(line, f"the day {self._key[1]} of {self._key[0]}: {error}")
            return
        for (_, letter, row), begins in zip(rows, instants, strict=True):
            if len(begins) > 1:
                yield Refusal(
                    row.place.line,
                    f"{row.date} {row.hour} ends an hour that the clock showed twice, and Datadis"
                    " adds both into one row; ask the grid company for the two hours apart",
                )
                continue
            yield from self._add(row, begins[0], seconds, letter)

    def _seconds(self, minutes: list[int]) -> int:
        """Return how long the intervals of a day are.

        Raises:
            InputError: they are not labelled as Datadis labels them, or that is not clear.
        """
        if not all(0 < minute <= _DAY_MINUTES for minute in minutes):
            raise InputError(
                "Hora must be from 00:15 or 01:00 to 24:00, the end of each interval; with others"
                " the hours may be starts, or be counted, so nothing of the day was taken"
            )
        cups = self._key[0]
        if any(minute % 60 for minute in minutes):
            self._in_quarters.add(cups)
            return _QUARTER_S
        if cups in self._in_quarters:
            raise InputError(
                "it has whole hours alone where other days have quarters, so it is not clear how"
                " long its intervals are; ask for the whole day"
            )
        return _HOUR_S

    def _instants(self, day: date, seconds: int) -> list[int]:
        """Return when an interval begins: one instant, or two if the clock showed it twice."""
        local = datetime(day.year, day.month, day.day) + timedelta(seconds=seconds)  # noqa: DTZ001
        first, second = (_epoch(local, self._zone, fold) for fold in (0, 1))
        if first == second:
            return [first]
        if first > second:  # the clock was put forward
            raise InputError(
                f"it has a row for {local:%H:%M}, which the clock skipped, so its hours may be"
                " counted and not the clock's; nothing of the day was taken"
            )
        return [first, second]

    def _add(self, row: DatadisRow, begin: int, seconds: int, letter: str) -> Iterator[Item]:
        energies = {Channel.IMPORT: row.import_kwh, Channel.EXPORT: row.export_kwh}
        for channel, kwh in energies.items():
            if kwh is None:
                if channel == Channel.IMPORT:
                    yield Refusal(
                        row.place.line,
                        f"{row.date} {row.hour} has no consumption, so it is a gap; ask for it"
                        " again",
                    )
                continue
            try:
                energy = nanojoules(kwh, "kWh")
            except InputError as error:
                yield Refusal(row.place.line, str(error))
                continue
            part = Part(begin, seconds, energy, letter, row.place)
            yield from self._half_hours.add(row.cups, channel, part)


def _checked(row: DatadisRow) -> tuple[int, str]:
    """Return a row's minute of the day and its quality; the rest of it is checked too."""
    check_meter(row.cups)
    _date(row.date)
    found = _HOUR.fullmatch(row.hour)
    if found is None or int(found[2]) % 15 or int(found[2]) >= 60:  # noqa: PLR2004
        raise InputError(f"Hora {excerpt(row.hour)} is not like 01:00 or 00:15; correct it")
    letter = _LETTERS.get(row.method.lower())
    if letter is None:
        raise InputError(
            f"Metodo_obtencion {excerpt(row.method)} is neither Real nor Estimada, so the"
            " quality is unknown; ask for the file again"
        )
    return int(found[1]) * 60 + int(found[2]), letter


def _date(text: str) -> date:
    found = _DATE.fullmatch(text)
    try:
        if found is not None:
            day = date(*(int(part) for part in found.groups()))
            # A day at either end of the calendar has no neighbour.
            if date.min < day < date.max - timedelta(days=1):
                return day
    except ValueError:
        pass
    raise InputError(f"Fecha {excerpt(text)} is not a date like 2026/06/15; correct it")


def _epoch(local: datetime, zone: ZoneInfo, fold: int) -> int:
    instant = local.replace(tzinfo=zone, fold=fold).astimezone(UTC)
    return (instant - datetime.fromtimestamp(0, UTC)) // timedelta(seconds=1)
