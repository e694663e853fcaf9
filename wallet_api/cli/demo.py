"""``commonwatt demo`` and ``commonwatt serve``: a whole simulated week, and a page to look at it.

>>> bar(5, 10, 10)
'█████     '
"""

import os
import shutil
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import typer

from ledger import people
from ledger.db import Database
from ledger.entropy import seeded_entropy
from ledger.errors import SetupError
from ledger.keyring import Keyring
from ledger.primitives.clock import FixedClock
from ledger.primitives.energy import format_kwh
from ledger.primitives.hashing import tagged_hash
from ledger.primitives.money import format_money, format_price
from ledger.primitives.periods import PERIOD_MAX, load_zone, local_label, of_local_day
from ledger.primitives.signing import SigningKey
from meters.files import SourceFile
from meters.formats import ReadOptions, find_format
from meters.pages import Delivery
from meters.readings import Block
from meters.simulation import write_csv
from settlement import store
from settlement.audit.report import render
from settlement.audit.verify import audit
from settlement.community import Community
from settlement.desk_cards import desk_card
from settlement.enrol import (
    ROLE_KEYS,
    Terms,
    add_member,
    add_meter,
    found_community,
    pay,
)
from settlement.export import export_bundle
from settlement.intake import import_delivery
from settlement.joining import invite
from settlement.key_deeds import phone_card
from settlement.run import settle_day
from settlement.statement import household_statement
from settlement.statement_html import render_html
from settlement.statement_text import render_text
from settlement.timetable import first_due_ms
from wallet_api.cli.context import (
    DEMO_FOLDER,
    EXIT_NO,
    PUSH_VARIABLE,
    RATE_VARIABLE,
    open_database,
    progress,
    say,
    settings_of,
    stop,
)
from wallet_api.cli.listen import check_listen
from wallet_api.database import upgrade
from wallet_api.street import CHARTER, FOUNDED_MS, SEED, STREET, WEEK

MARKER = "made-by-commonwatt-demo.txt"
"""A folder with this file may be made anew by the demonstration; no other is touched."""

TIMES = ("set up", "readings in", "cleared and settled", "exported", "audited")


def demo(
    folder: Annotated[
        Path, typer.Option(help="Where to make it; an earlier one is replaced")
    ] = DEMO_FOLDER,
) -> None:
    """Make a simulated street, settle one June week, and audit it as a stranger would.

    Example: commonwatt demo
    """
    stopwatch = _Stopwatch()
    community = set_up(folder)
    stopwatch.lap("set up")
    count = read_week(community, folder)
    stopwatch.lap("readings in")
    with progress("Days", len(WEEK)) as advance:
        for day in WEEK:
            _clock(community).set_ms(first_due_ms(day, CHARTER.zone))
            settle_day(community, day)
            advance(1)
    _shop(community)
    links = _links(community)
    checkpoint = community.writer.publish(folder / "log").checkpoint
    stopwatch.lap("cleared and settled")
    export_bundle(community, folder / "bundle.zip")
    stopwatch.lap("exported")
    vkey = _vkey(community)
    report = audit(folder / "bundle.zip", vkey=vkey)
    stopwatch.lap("audited")

    say(f"{CHARTER.name}: one June week, half-hour by half-hour")
    say(f"14 homes (6 with panels), a school roof and a shop. {count:,} simulated readings.")
    say()
    _say_day(community)
    _say_members(community)
    _say_statement(community, folder)
    say("─" * 78)
    say(render(report))
    say()
    say("  ".join(f"{name} {seconds:.1f} s" for name, seconds in stopwatch.laps))
    say()
    _say_next(folder, checkpoint.root.hex(), vkey, links)
    if report.failed:
        stop(EXIT_NO)


def serve(
    context: typer.Context,
    host: Annotated[str, typer.Option(help="Address to listen on")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port to listen on", min=1, max=65_535)] = 8000,
    workers: Annotated[
        int, typer.Option(help="Processes; on SQLite they take turns writing", min=1, max=64)
    ] = 1,
    per_second: Annotated[
        int | None,
        typer.Option(
            help="Requests a second from one address [50]", min=1, max=100_000, envvar=RATE_VARIABLE
        ),
    ] = None,
    push_contact: Annotated[
        str | None,
        typer.Option(
            help="Web push on; where push services find you, as mailto:us@our-street.example",
            envvar=PUSH_VARIABLE,
        ),
    ] = None,
) -> None:
    """Serve the interface, the log's public files and a first page.

    Example: commonwatt serve --port 8080

    Example: commonwatt serve --workers 2 --per-second 200

    Messages to people go into files beside the database, or to the mail server of COMMONWATT_SMTP: docs/live.md.
    """
    from wallet_api.door.messengers import channels_here  # noqa: PLC0415 - commands that serve nothing need not wait
    from wallet_api.serving import run  # noqa: PLC0415 - commands that serve nothing need not wait

    settings = settings_of(context)
    open_database(settings).close()
    check_listen(host, port)
    say(f"http://{host}:{port}/ shows what is here. Stop with Ctrl-C.")
    # Each worker makes the application for itself, and knows no more than its environment.
    os.environ |= {"COMMONWATT_DATABASE_URL": settings.database_url}
    if settings.keys is not None:
        os.environ["COMMONWATT_KEYS"] = str(settings.keys)
    if settings.origin is not None:
        os.environ["COMMONWATT_COMMUNITY"] = settings.origin
    if per_second is not None:
        os.environ[RATE_VARIABLE] = str(per_second)
    if push_contact is not None:
        os.environ[PUSH_VARIABLE] = push_contact
    channels_here(os.environ, settings.outbox_folder)  # says what is wrong before it begins
    run("wallet_api.asgi:app", host, port, workers)


class _Stopwatch:
    """Names and seconds of what was done."""

    def __init__(self) -> None:
        self._last = time.perf_counter()
        self.laps: list[tuple[str, float]] = []

    def lap(self, name: str) -> None:
        now = time.perf_counter()
        self.laps.append((name, now - self._last))
        self._last = now


def _clock(community: Community) -> FixedClock:
    clock = community.writer.clock
    if not isinstance(clock, FixedClock):
        raise TypeError("the demonstration has a simulated clock")
    return clock


def set_up(folder: Path) -> Community:
    """Make the folder, database, community, members and meters."""
    if folder.exists():
        if not (folder / MARKER).exists() and any(folder.iterdir()):
            raise SetupError(f"{folder} is there and is no demonstration; choose another --folder.")
        shutil.rmtree(folder)
    folder.mkdir(parents=True)
    (folder / MARKER).write_text("Simulated street with published keys. Delete it as you like.\n")
    database = Database(f"sqlite:///{folder}/commonwatt.sqlite")
    upgrade(database)
    community = found_community(
        database,
        Keyring(folder / "keys"),
        FixedClock(FOUNDED_MS),
        CHARTER,
        entropy=seeded_entropy(SEED.encode()),
        keys={name: _key(name) for name in ROLE_KEYS},
    )
    for place in STREET:
        member = add_member(community, place.name, place.member_class, Terms(), _key(place.name))
        add_meter(community, member, place.site.meter, "import")
        if place.site.peak_w:
            add_meter(community, member, place.site.solar_meter, "export")
    return community


def _key(name: str) -> SigningKey:
    return SigningKey.from_seed(tagged_hash("commonwatt/demo-key/v1", f"{SEED}/{name}".encode()))


def read_week(community: Community, folder: Path) -> int:
    """Write the week's simulated meter files, then read them as any other file."""
    _clock(community).set_ms(
        (of_local_day(WEEK[-1], load_zone(CHARTER.zone)).stop + 12) * 1_800_000
    )
    count = 0
    reader = find_format("csv")
    for place in STREET:
        path = folder / "meters" / f"{place.site.meter}.csv"
        write_csv(place.site, WEEK, SEED, path)
        delivery = Delivery()
        with path.open("rb") as stream:
            for item in reader.read(stream, ReadOptions()):
                if isinstance(item, Block):
                    delivery.add(item)
        source = SourceFile.of(path, path.name, reader.name, ReadOptions())
        count += import_delivery(community, delivery, source=source).accepted
    return count


def _shop(community: Community) -> None:
    """Two neighbours spend at the bakery what their roofs earned."""
    ids = _ids(community)
    for payer, pounds, reference in (("Farah", "1.20", "two rolls"), ("Kaur", "0.85", "one loaf")):
        units = int(pounds.replace(".", "")) * 100_000
        pay(community, ids[payer], ids["Moseley Bakery"], units, reference)


def _links(community: Community) -> dict[str, str]:
    """Make ways into the wallet and the console, and return their addresses: a letter, a phone card, two desk cards."""
    letter = invite(community, "household", PERIOD_MAX)
    card = phone_card(community, _ids(community)["Kaur"], "A phone.")
    desks = [desk_card(community, "operator") for _ in range(2)]
    return {
        "as a new household, once": f"wallet/#/join/{'-'.join(letter.words)}",
        "as Kaur, who has a roof and a week behind her, once": f"wallet/#/phone/{'-'.join(card)}",
        "as an operator, in the console": f"console/#/enter/{'-'.join(desks[0])}",
        "as another operator, in another browser": f"console/#/enter/{'-'.join(desks[1])}",
    }


def _ids(community: Community) -> dict[str, str]:
    with community.reading() as connection:
        names = people.names(connection, community.writer.community)
    return {name: member for member, name in names.items()}


def _say_day(community: Community) -> None:
    """Print the street's first day in steps of two hours."""
    zone = load_zone(CHARTER.zone)
    day = WEEK[0]
    periods = of_local_day(day, zone)
    with community.reading() as connection:
        totals = store.period_totals(connection, community.writer.community, periods)
    rules = community.state.rules_now.market
    say(f"{day:%A %d %B} in kWh".replace(" 0", " "))
    say("  clock            own roof  neighbours   from grid     to grid  matched")
    sums = [0, 0, 0, 0]
    most = max(sum(totals[p][1] for p in periods[i : i + 4]) for i in range(0, len(periods), 4))
    for start in range(0, len(periods), 4):
        some = periods[start : start + 4]
        row = [sum(totals[period][column] for period in some) for column in range(4)]
        sums = [total + value for total, value in zip(sums, row, strict=True)]
        label = f"{local_label(some[0], zone)[:5]} to {local_label(some[-1], zone)[-5:]}"
        say(f"  {label}  {_cells(row)}  {bar(row[1], most, 16)}".rstrip())
    say(f"  {'the day':<14}  {_cells(sums)}")
    price = (rules.import_ticks or 0) + (rules.export_ticks or 0)
    say(
        f"  Every matched kWh cost {format_price(price // 2)}: the middle between the grid's "
        f"{format_price(rules.import_ticks or 0)} and {format_price(rules.export_ticks or 0)}."
    )
    say()


def _cells(row: list[int]) -> str:
    return "  ".join(f"{format_kwh(value):>10}" for value in row)


def bar(value: int, most: int, width: int) -> str:
    """Return a bar of eighth blocks, as long as the value's part of the most."""
    eighths = 0 if most == 0 else round(value * width * 8 / most)
    full, part = divmod(eighths, 8)
    return ("█" * full + ("▏▎▍▌▋▊▉"[part - 1] if part else "")).ljust(width)


def _say_members(community: Community) -> None:
    """Print what the week came to for each member."""
    zone = load_zone(CHARTER.zone)
    periods = range(of_local_day(WEEK[0], zone).start, of_local_day(WEEK[-1], zone).stop)
    ids = _ids(community)
    asset = community.state.rules_now.asset
    with community.reading() as connection:
        totals = store.member_totals(
            connection, community.writer.ledger, ids.values(), asset, periods
        )
    say("The week, member by member")
    say("  name                      sold kWh    earned  bought kWh      paid  better off")
    gain_sum = 0
    for name, member in ids.items():
        line = totals[member]
        offer = community.state.offer_of(member, periods.stop)
        if offer is None:
            raise AssertionError("every member of the street has an offer")
        gain = (line.bought_wh * offer.import_tariff_ticks - line.bought_units) + (
            line.sold_units - line.sold_wh * offer.export_tariff_ticks
        )
        gain_sum += gain
        say(
            f"  {name:<24}  {format_kwh(line.sold_wh):>8}  {format_money(line.sold_units):>8}"
            f"  {format_kwh(line.bought_wh):>10}  {format_money(line.bought_units):>8}"
            f"  {format_money(gain):>10}"
        )
    say(f"  {'together':<24}  {'':>8}  {'':>8}  {'':>10}  {'':>8}  {format_money(gain_sum):>10}")
    say()


def _say_statement(community: Community, folder: Path) -> None:
    """Print one home's statement and write every member's as a page."""
    month = f"{WEEK[0]:%Y-%m}"
    ids = _ids(community)
    (folder / "statements").mkdir()
    with community.reading() as connection:
        for name, member in ids.items():
            model = household_statement(community, connection, member, month)
            page = folder / "statements" / f"{name.split()[0].lower().replace('.', '')}.html"
            page.write_text(render_html(model), encoding="utf-8")
            if name == "Farah":
                say(render_text(model).rstrip("\n"))


def _vkey(community: Community) -> str:
    with community.reading() as connection:
        return community.log_verifier(connection).vkey


def _say_next(folder: Path, root: str, vkey: str, links: Mapping[str, str]) -> None:
    say(f"Log root {root}")
    say(f"Everything is in {folder}/: database, keys, meter files, statements, log, bundle.zip.")
    say("Try next:")
    say(
        "  make serve                                       pages that show what is here, wallet and console:"
    )
    for who, link in links.items():
        say(f"    {who}:")
        say(f"    http://127.0.0.1:8000/{link}")
    say("  .venv/bin/commonwatt member list")
    say("  .venv/bin/commonwatt statement Kaur --month 2026-06 --format html --out kaur.html")
    say(f"  .venv/bin/python -m settlement.audit {folder}/bundle.zip \\")
    say(f"      --vkey {vkey}")
    say("  .venv/bin/commonwatt export hledger --out street.journal")
