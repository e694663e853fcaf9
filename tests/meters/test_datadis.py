"""Datadis's files, from docs/formats/datadis.md. Every file here is made up."""

import io
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.errors import InputError
from meters.formats import ReadOptions, recognise
from meters.formats.datadis import DAY_ROWS_MAX, read_datadis
from meters.readings import Channel, Quality, Reading, Refusal
from tests.meters.items import singly
from tests.meters.test_formats_fuzz import OPTIONS, check, mutated

CUPS = "ES0031000000000001JN0F"
HEADER = "CUPS;Fecha;Hora;Consumo_kWh;Metodo_obtencion"
SOLAR = HEADER + ";Energia_vertida_kWh;Energia_generada_kWh;Energia_autoconsumida_kWh"
SPLIT = ReadOptions(split=True)
JUNE = 989737  # 2026-06-15T12:30Z
QUARTERS = [f"{n // 4:02}:{n % 4 * 15:02}" for n in range(1, 97)]
HOURS = QUARTERS[3::4]


def row(hour, date="2026/06/15", kwh="0,206", method="Real", rest=""):
    return f"{CUPS};{date};{hour};{kwh};{method}{rest}"


def day(date, hours, **fields):
    return [row(hour, date, **fields) for hour in hours]


def read(rows, options=ReadOptions(), header=HEADER):  # noqa: B008 -- it never changes
    text = "\n".join([header, *rows]) + "\n"
    return list(singly(read_datadis(io.BytesIO(text.encode()), options)))


def periods(items):
    return [item.period for item in items if isinstance(item, Reading)]


def reasons(items):
    return [item.reason for item in items if isinstance(item, Refusal)]


def test_quarters_end_at_their_hour():
    items = read([row("14:45"), row("15:00", method="Estimada")])
    assert items == [Reading(CUPS, Channel.IMPORT, JUNE, 412, Quality.ESTIMATED)]


def test_a_day_of_quarters_ends_at_24():
    items = read(day("2026/06/15", QUARTERS))
    assert periods(items) == list(range(989708, 989756))
    assert items[0].as_json()["start"] == "2026-06-14T22:00:00Z"


def test_hours_are_refused_unless_they_may_be_split():
    rows = day("2026/06/15", HOURS, kwh="0,413")
    assert len(reasons(read(rows))) == 24
    assert all("with --split" in reason for reason in reasons(read(rows)))
    items = read(rows, SPLIT)
    assert periods(items) == list(range(989708, 989756))
    assert {item.quality for item in items} == {Quality.INTERPOLATED}
    assert sum(item.wh for item in items) == 24 * 413


def test_what_was_fed_in_is_export():
    items = read(
        [row("14:45", rest=";0,1;3;2"), row("15:00", rest=";0,2;;"), row("15:15", rest=";;;")],
        header=SOLAR,
    )
    found = [(item.channel, item.wh) for item in items if isinstance(item, Reading)]
    assert found == [(Channel.EXPORT, 300), (Channel.IMPORT, 412)]


API = {
    "cups": CUPS,
    "date": "2026/06/15",
    "consumptionKWh": 0.206,
    "obtainMethod": "Real",
    "surplusEnergyKWh": None,
}
SITE = {"CUPS": CUPS, "Fecha": "2026/06/15", "Consumo_kWh": "0,206", "Metodo_obtencion": "Real"}


@pytest.mark.parametrize(
    "document",
    [
        [API | {"time": "14:45"}, API | {"time": "15:00"}],
        {"timeCurve": [API | {"time": "14:45"}, API | {"time": "15:00"}], "distributorError": []},
        [SITE | {"Hora": "14:45"}, SITE | {"Hora": "15:00", "Energia_vertida_kWh": ""}],
    ],
)
def test_json_of_the_api_and_of_the_site(document):
    data = json.dumps(document).encode()
    assert recognise(data).name == "datadis"
    items = list(singly(read_datadis(io.BytesIO(data), ReadOptions())))
    assert items == [Reading(CUPS, Channel.IMPORT, JUNE, 412, Quality.ACTUAL)]


@pytest.mark.parametrize(("labels", "refused"), [(HOURS, 1), (QUARTERS, 4)])
def test_the_row_of_the_repeated_hour_is_refused(labels, refused):
    items = read(day("2026/10/25", labels), SPLIT)
    assert len(reasons(items)) == refused
    assert all("adds both into one row" in reason for reason in reasons(items))
    first = periods(items)[0]
    expected = set(range(first, first + 50)) - set(range(first + 4, first + 8))
    assert set(periods(items)) == expected


@pytest.mark.parametrize("labels", [HOURS, QUARTERS])
def test_a_spring_day_leaves_the_skipped_hour_out(labels):
    skipped = [label for label in labels if "02:00" < label <= "03:00"]
    items = read(day("2026/03/29", [label for label in labels if label not in skipped]), SPLIT)
    first = periods(items)[0]
    assert periods(items) == list(range(first, first + 46))
    items = read(day("2026/03/29", labels) + day("2026/03/30", labels), SPLIT)
    [reason] = reasons(items)
    assert f"2026/03/29 of {CUPS}: it has a row for 02:00, which the clock skipped" in reason
    assert len(periods(items)) == 48


@pytest.mark.parametrize("label", ["00:00", "0:00", "25:00"])
def test_hours_that_are_starts_or_counted_refuse_their_day(label):
    items = read(day("2026/10/25", [label, *HOURS]) + day("2026/10/26", HOURS), SPLIT)
    [reason] = reasons(items)
    assert "may be starts, or be counted" in reason
    assert len(periods(items)) == 48


def test_a_day_of_whole_hours_among_quarters_is_not_clear():
    items = read(day("2026/06/15", QUARTERS) + day("2026/06/16", ["15:00"]), SPLIT)
    assert "not clear how long" in reasons(items)[0]
    assert len(periods(items)) == 48


def test_the_clock_of_the_canaries_is_declared():
    options = ReadOptions(zone="Atlantic/Canary")
    assert periods(read([row("14:45"), row("15:00")], options)) == [JUNE + 2]


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        (row("15:10"), "Hora '15:10' is not like 01:00"),
        (row("15:75"), "Hora '15:75' is not like 01:00"),
        (row("3 pm"), "Hora '3 pm' is not like 01:00"),
        (row("15:15", "15/06/2026"), "Fecha '15/06/2026' is not a date"),
        (row("15:15", "2026/02/30"), "Fecha '2026/02/30' is not a date"),
        (row("15:15", "9999/12/31"), "Fecha '9999/12/31' is not a date"),
        (row("15:15", "1960/01/01"), "out of range"),
        (row("15:15", kwh=""), "has no consumption, so it is a gap"),
        (row("15:15", kwh="1.234"), "could be thousands"),
        (row("15:15", kwh="-0,1"), "is negative"),
        (row("15:15", method="Otro"), "neither Real nor Estimada"),
        (row("15:15", method=""), "neither Real nor Estimada"),
        (row("15:15") + ";", "has 6 cells where the header has 5"),
        (row("15:15").replace(CUPS, ""), "has 0 characters"),
        (row("15:15"), "has 15 of its 30 minutes"),
        (row("15:00", kwh="0,3"), "another value than line 3"),
    ],
)
def test_a_bad_row_refuses_itself_alone(bad, reason):
    items = read([row("14:45"), row("15:00"), bad])
    [refusal] = [item for item in items if isinstance(item, Refusal)]
    assert refusal.line == 4
    assert reason in refusal.reason
    assert periods(items) == [JUNE]


def test_a_day_has_a_limit():
    items = read([row("14:45"), *[row("15:00")] * DAY_ROWS_MAX])
    assert periods(items) == [JUNE]
    assert "more than 200 rows" in reasons(items)[0]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "the column cups is missing"),
        ("CUPS;Fecha;Hora;Consumo_kWh", "the column metodo_obtencion is missing"),
        (HEADER.replace(";", ","), "is not a column of Datadis"),
        (HEADER + ";Hora", "the column hora stands there more than once"),
        (HEADER + ";AE_kWh", "AE_kWh is energy drawn in some files"),
        ('{"message": "no data"}', "no array of rows"),
    ],
)
def test_what_datadis_does_not_write_is_refused_whole(text, reason):
    with pytest.raises(InputError, match=reason):
        list(read_datadis(io.BytesIO(text.encode()), ReadOptions()))


@pytest.mark.parametrize(
    ("element", "reason"),
    [
        ("7", "it is not an object"),
        ("{}", "it has no member cups"),
        (json.dumps(API | {"time": 15}), "its hora is not a text"),
        (json.dumps(API | {"time": "15:15", "consumptionKWh": True}), "not a plain decimal"),
    ],
)
def test_a_bad_element_refuses_itself_alone(element, reason):
    good = ", ".join(json.dumps(API | {"time": hour}) for hour in ("14:45", "15:00"))
    text = f"[{good}, {element}]"
    items = list(singly(read_datadis(io.BytesIO(text.encode()), ReadOptions())))
    assert reason in reasons(items)[0]
    assert periods(items) == [JUNE]


@given(data=st.data())
def test_mutated_json(data):
    rows = [API | {"time": time} for time in ("02:45", "03:00", "24:00")]
    rows += [SITE | {"Fecha": "2026/10/25", "Hora": hour} for hour in ("02:00", "03:00")]
    text = json.dumps(rows, indent=1)
    check("datadis", data.draw(mutated(text.encode())), data.draw(OPTIONS))
