"""``commonwatt meters push``: an adapter's side: read files, sign, queue, deliver."""

import time
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from ledger.errors import InputError
from ledger.keyring import Keyring
from ledger.primitives.counted import counted
from meters.adapter import Adapter
from meters.archives import unpacked
from meters.formats import AUTO, ReadOptions
from meters.outbox import Outbox
from meters.pages import Delivery
from meters.readings import Block, Refusal
from meters.wire import SUFFIX
from settlement.files_words import Refused
from wallet_api.cli.context import EXIT_CANNOT, EXIT_PARTLY, say, stop, warn
from wallet_api.cli.meter_input import (
    ChannelOption,
    FormatOption,
    LabelOption,
    MeterOption,
    SplitOption,
    ZoneOption,
    format_of,
    items_of,
    options_of,
)

ATTEMPTS = 5
"""How often each delivery is tried before the command gives up and the queue waits."""


def push(
    adapter: Annotated[Path, typer.Option(help="What the operators gave: bind-key wrote it")],
    key_file: Annotated[Path, typer.Option(help="The adapter's own key: new-key made it")],
    files: Annotated[list[Path] | None, typer.Argument(help="Meter files to sign")] = None,
    queue: Annotated[
        Path | None, typer.Option(help="The queue's file [beside the adapter's, .sqlite]")
    ] = None,
    url: Annotated[
        str | None, typer.Option(help="Deliver here, not where the adapter says")
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(help=f"Write what waits as a {SUFFIX} file, and deliver nothing"),
    ] = None,
    attempts: Annotated[
        int, typer.Option(help="Tries of each delivery", min=1, max=100)
    ] = ATTEMPTS,
    format_name: FormatOption = AUTO,
    zone: ZoneOption = None,
    label: LabelOption = None,
    meter: MeterOption = None,
    channel: ChannelOption = None,
    split: SplitOption = False,
) -> None:
    """Sign readings with an adapter's own key, and deliver them until each has its receipt.

    What is signed is in the queue's file first: a power cut loses nothing, and what waits is
    delivered by the next call. Readings that were signed before are passed over, so the same
    file may be pushed every hour. Needs no database.

    Exit code 0: nothing waits; 2: something could not be delivered; 3: some rows were refused.

    Example: commonwatt meters push day.csv --adapter gateway.json --key-file gateway.key
    """
    told = Adapter.from_json(adapter.read_bytes())
    if url is not None:
        told = replace(told, url=url)
    if key_file.suffix != ".key":
        raise InputError(f"{key_file}: a key file is called something.key.")
    key = Keyring(key_file.parent).load(key_file.stem)
    box = Outbox(queue or adapter.with_suffix(".sqlite"), told, key)
    try:
        options = options_of(zone, label, meter, channel, split=split)
        refused = sum(_queue(box, told, file, format_name, options) for file in files or [])
        if out is not None:
            _write(box, out)
        else:
            _send(box, attempts)
    finally:
        box.close()
    if refused:
        stop(EXIT_PARTLY)


def _queue(
    box: Outbox, adapter: Adapter, file: Path, format_name: str, options: ReadOptions
) -> int:
    """Sign and queue what is new in a file; return how many rows were refused or passed over."""
    now_ms = time.time_ns() // 1_000_000
    delivery, refused = _read(file, format_name, options)
    batches = queued = others = early = 0
    for slot in delivery.slots():
        if slot[0] != adapter.meter or slot[1] not in adapter.channels:
            others += delivery.size(slot)
            continue
        for run in delivery.runs(slot):
            mine = run.cut(adapter.first, min(now_ms // 1_800_000, adapter.last + 1))
            early += len(run.wh) - len(mine.wh)
            if mine.wh:
                batches += box.add(slot, mine, now_ms)
                queued += len(mine.wh)
    if others:
        warn(f"{file}: {others} readings passed over: this adapter's key is not for them.")
    if early:
        warn(
            f"{file}: {early} readings passed over: of half-hours that are not over, or outside of the"
            " dates that the key is bound to."
        )
    say(f"{file}: {counted(batches, 'new batch', 'new batches')}, of {queued:,} readings there.")
    return refused + early


def _read(file: Path, format_name: str, options: ReadOptions) -> tuple[Delivery, int]:
    """Read a file or an archive; return what it holds, and how many rows were refused."""
    delivery, rows = Delivery(), Refused()
    with unpacked(file) as inside:
        for name, path in inside:
            for item in items_of(path, name, format_of(path, name, format_name), options):
                if isinstance(item, Block):
                    delivery.add(item)
                elif isinstance(item, Refusal) and rows.is_new(item):
                    warn(f"{name} line {item.line}: {item.reason}")
    return delivery, len(rows)


def _write(box: Outbox, out: Path) -> None:
    count = 0
    with out.open("wb") as sink:
        for batch in box.waiting_batches():
            sink.write(batch.encode())
            count += 1
    say(
        f"{counted(count, 'batch', 'batches')} in {out}; what is queued waits until it has its receipt."
    )


def _send(box: Outbox, attempts: int) -> None:
    sent = box.send(attempts=attempts)
    say(f"{counted(sent.delivered, 'batch', 'batches')} delivered, {sent.waiting:,} waiting.")
    for problem in sent.set_aside:
        warn(f"Set aside, and what followed it was signed again: {problem}")
    if sent.problem is not None:
        problem = sent.problem.rstrip(".")
        warn(f"Not delivered: {problem}. The queue keeps it, and the same command goes on.")
        if problem.startswith("refused"):
            warn("A refusal does not pass by itself: see docs/adapters.md, 'When it is refused'.")
        stop(EXIT_CANNOT)
