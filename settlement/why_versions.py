"""The versions of a reading, for explanations: what each says, how it came, and who used it.

>>> FILE_BYTES_MAX
1048576
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from ledger import log_store
from ledger.errors import InputError
from ledger.primitives.signing import key_id_of
from ledger.statements import Statement
from meters.batches import BatchContent, content_of
from meters.readings import Quality, Slot
from meters.silence import since_day
from meters.store import Version as StoredVersion
from meters.versions import OWN_ESTIMATE, better, payable
from settlement import why_store
from settlement.orders import PeriodInputs
from settlement.tracing import place_in_file
from settlement.why_model import Outcome
from settlement.why_scene import Scene, unlike_log
from settlement.why_store import Found
from settlement.why_version_model import Counted, Signer, UsedReading, Version

FILE_BYTES_MAX = 1 << 20
"""Largest file that is read again to say at which line a reading stands: it takes a tenth of a second.
``commonwatt meters trace`` reads any."""

QUALITIES = tuple(Quality)


class KnownRun(NamedTuple):
    """A run, and what it could know: all before a position of the log."""

    code: str
    known: int
    final: bool


def known_runs(scene: Scene, shown: tuple[str, int] | None = None) -> list[KnownRun]:
    """Return the day's runs in the order of what they could know.

    Args:
        scene: the day.
        shown: code and log position of a run that only shows, if there is one.
    """
    runs = [KnownRun(r.code, r.known, scene.rules.timetable.is_final(r.code)) for r in scene.runs]
    # Where nothing was logged in between, a run that shows knew as much as the first that posts.
    return sorted([*([KnownRun(*shown, final=False)] if shown else []), *runs], key=_known)


def _known(run: KnownRun) -> int:
    return run.known


def versions_of(scene: Scene, slot: Slot, period: int, runs: Sequence[KnownRun]) -> list[Version]:
    """Return every version of a reading, in the order of the log."""
    stored = scene.community.readings.history(scene.connection, slot, period)
    used: dict[int, list[str]] = {}
    for run in runs:
        best = best_before(stored, run.known)
        if best is not None and not _is_silent(scene, slot, best, run):
            used.setdefault(best.stored.position, []).append(run.code)
    return [
        _told(scene, slot, period, each, tuple(used.get(each.stored.position, ())))
        for each in stored
    ]


def best_before(versions: Iterable[StoredVersion], known: int) -> StoredVersion | None:
    """Return the version that counts as the log stood before a position, or None."""
    best: StoredVersion | None = None
    for each in versions:
        if each.stored.position < known and (best is None or better(each.stored, best.stored)):
            best = each
    return best


def _is_silent(scene: Scene, slot: Slot, best: StoredVersion, run: KnownRun) -> bool:
    """Return whether nobody said anything for so long that estimates are not traded."""
    if best.stored.quality < OWN_ESTIMATE:
        return False
    since = since_day(scene.periods)
    return slot not in scene.community.readings.said_since(scene.connection, since, run.known)


def _told(
    scene: Scene, slot: Slot, period: int, version: StoredVersion, used_by: tuple[str, ...]
) -> Version:
    stored, origin = version.stored, version.origin
    found = why_store.at(scene.connection, scene.number, stored.position)
    name, line = _file_of(scene, found, slot, period, version)
    return Version(
        stored.version,
        stored.wh,
        QUALITIES[stored.quality].value,
        found.cited,
        None if origin is None else origin.received_at_ms,
        _signer(scene, found.statement),
        found.statement.key_id,
        found.body.get("reason"),
        name,
        line,
        _inputs(found),
        used_by,
    )


def _file_of(
    scene: Scene, found: Found, slot: Slot, period: int, version: StoredVersion
) -> tuple[str | None, int | None]:
    """Return the file that a version was imported from, and the line where it stands there."""
    number = version.origin.file if version.origin else None
    file = None if number is None else scene.community.files.find(scene.connection, number)
    if file is None or file.bytes > FILE_BYTES_MAX:
        return (None if file is None else file.name), None
    try:
        place, _ = place_in_file(
            scene.community,
            scene.connection,
            file,
            found.body.get("file"),
            slot,
            period,
            version,
        )
    except InputError as error:
        scene.gone.append(str(error))
        return file.name, None
    return file.name, place.place.line


def _inputs(found: Found) -> Sequence[Mapping[str, Any]]:
    if "inputs" not in found.body or found.entry.detail is None:
        return ()
    return content_of(found.statement, found.entry.detail).inputs


def _signer(scene: Scene, statement: Statement) -> Signer:
    """Return whose key signed a batch or an edit."""
    if statement.kind == "reading_edit":
        return Signer.OPERATORS
    for _, entry in log_store.facts(scene.connection, scene.number, kinds=["roster"]):
        for each in Statement.decode(entry.envelope).body["keys"]:
            if each["role"] == "adapter" and _is_of(each["key"], statement):
                return Signer.ADAPTER
    for _, entry in log_store.facts(scene.connection, scene.number, kinds=["meter_key"]):
        body = Statement.decode(entry.envelope).body
        if body["meter"] == statement.body["meter"] and _is_of(body["key"], statement):
            return Signer.METER
    return Signer.UNKNOWN


def _is_of(key: str, statement: Statement) -> bool:
    return key_id_of(bytes.fromhex(key)) == statement.key_id


def used_readings(
    scene: Scene,
    slots: Iterable[Slot],
    period: int,
    runs: Sequence[KnownRun],
    run: KnownRun,
    inputs: PeriodInputs | None,
) -> list[UsedReading]:
    """Return how some readings count in a run.

    Args:
        scene: the day.
        slots: meters and channels.
        period: the half-hour.
        runs: the day's runs.
        run: which of them.
        inputs: what it knew of the half-hour; None where readings of the day were erased.
    """
    gone = {(m, c) for m, c, span in scene.erased_readings() if period in span}
    found = []
    for slot in slots:
        versions = versions_of(scene, slot, period, runs)
        used = next((v for v in versions if run.code in v.used_by), None)
        later = tuple(v for v in versions if v.entry.position >= run.known)
        counted = Counted.MISSING
        if (slot[0], slot[1].value) in gone:
            counted = Counted.ERASED
        elif len(versions) > len(later):
            counted = Counted.SILENT
        reading = used_reading(slot, counted, used, later, final=run.final)
        if inputs is not None and inputs.readings.get(slot, reading.wh) != reading.wh:
            scene.gone.append(f"{slot[0]} {slot[1]}: the run itself would count another value.")
        found.append(reading)
    return found


def used_reading(
    slot: Slot,
    counted: Counted,
    used: Version | None,
    later: tuple[Version, ...] = (),
    *,
    final: bool = False,
) -> UsedReading:
    """Return a reading as it counts in a run.

    Args:
        slot: meter and channel.
        counted: how it counts where no version does.
        used: the version that counts.
        later: versions that the run did not know.
        final: whether the run closes the day, or comes after the one that did.
    """
    if used is None:
        return UsedReading(*slot, counted, 0, None, later)
    wh = payable(slot[1], Quality(used.quality).rank, used.wh, final=final)
    as_read = Counted.AS_READ if wh == used.wh else Counted.HELD_BACK
    return UsedReading(*slot, as_read, wh, used, later)


def unlike_signed(scene: Scene, reading: UsedReading, period: int) -> tuple[Outcome, str]:
    """Compare a reading that counted with what was signed.

    Returns:
        The outcome, and a sentence where they differ.
    """
    used, slot = reading.used, f"{reading.meter} {reading.channel}"
    if used is None:
        return Outcome.CANNOT, ""
    found = why_store.at(scene.connection, scene.number, used.entry.position)
    wrong = unlike_log(scene.connection, scene.number, found)
    if wrong is not None:
        return Outcome.DIFFERS, wrong
    if found.statement.kind == "reading_edit":
        signed_wh, letter = found.body["wh"][period - found.body["first"]], Quality.EDITED.letter
    elif found.entry.detail is None:
        return Outcome.CANNOT, ""
    else:
        content = BatchContent.decode(found.body["first"], found.entry.detail)
        if content.root().hex() != found.body["root"]:
            wrong = (
                f"The readings stored beside log entry {found.cited.position} were not signed so."
            )
            return Outcome.DIFFERS, wrong
        at = period - content.first
        signed_wh, letter = content.wh[at], content.quality[at]
    if (signed_wh, letter) != (used.wh, Quality(used.quality).letter):
        wrong = (
            f"The reading of {slot} in the database is {used.wh:,} Wh, {used.quality}; log entry "
            f"{found.cited.position} signed {signed_wh:,} Wh, {Quality.from_letter(letter).value}."
        )
        return Outcome.DIFFERS, wrong
    return Outcome.HOLDS, ""
