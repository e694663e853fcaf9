"""From a reading to all that it caused: lines, prices, money, other members, estimates. Reads only.

>>> why_reading.__name__
'why_reading'
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection

from ledger import people
from ledger.errors import InputError
from ledger.primitives.periods import load_zone, local_date, start_text
from market.result_wire import read_result
from meters.readings import Slot
from settlement import shown_store, why_store
from settlement.community import Community
from settlement.postings import Line
from settlement.shown_store import Shown
from settlement.why_checks import NO_LINE, nets_told
from settlement.why_estimates import estimates_from
from settlement.why_model import Check, NetTold
from settlement.why_reading_model import Effect, MarketAt, WhyReading
from settlement.why_runs import changes_between, next_run
from settlement.why_scene import Scene
from settlement.why_shares import holders_at
from settlement.why_shown import shown_lines
from settlement.why_store import Found, Lines
from settlement.why_version_model import Counted, Version
from settlement.why_versions import (
    KnownRun,
    known_runs,
    unlike_signed,
    used_reading,
    versions_of,
)


def why_reading(
    community: Community,
    connection: Connection,
    slot: Slot,
    period: int,
    entry: int | None = None,
    *,
    named: bool = False,
) -> WhyReading:
    """Tell what a reading caused.

    Args:
        community: open for work.
        connection: an open transaction; `Community.reading` gives one.
        slot: meter and channel.
        period: the half-hour.
        entry: log position of the one version to be told; all if left out.
        named: whether the other members are to be named whose lines it changed.

    Raises:
        InputError: there is no such reading, or no rules bound its day.
    """
    scene = Scene.of(community, connection, period)
    shown = shown_store.find_shown(connection, scene.number, scene.day.isoformat())
    runs = known_runs(scene, None if shown is None else (shown.code, shown.known))
    versions = versions_of(scene, slot, period, runs)
    _check_there(scene, slot, period, versions, entry)
    wanted = [v for v in versions if entry is None or v.entry.position == entry]
    member = _member(scene, slot, period)
    names = people.names(connection, community.writer.community)
    effects = _Effects(scene, slot, period, member, runs, shown, versions, names if named else None)
    codes = {code for version in wanted for code in version.used_by}
    found = [e for e in effects.all() if entry is None or e.code in codes]
    return WhyReading(
        community.name,
        scene.rules.zone,
        slot,
        period,
        scene.day.isoformat(),
        member,
        names.get(member) if member else None,
        tuple(wanted),
        tuple(found),
        tuple(estimates_from(scene, slot, period, {v.entry.position for v in wanted})),
        tuple(_check(scene, slot, period, version) for version in wanted),
        tuple(dict.fromkeys(scene.gone)),
        next_run(scene),
        tuple((names.get(each, each[:8]), ppm) for each, ppm in holders_at(scene, slot, period)),
    )


def _check_there(
    scene: Scene, slot: Slot, period: int, versions: Sequence[Version], entry: int | None
) -> None:
    """Refuse to tell of a reading that is not there."""
    what = f"meter {slot[0]} {slot[1]} in the half-hour of {start_text(period)}"
    if not versions:
        gone = any(
            (m, c) == (slot[0], slot[1].value) and period in span
            for m, c, span in scene.erased_readings()
        )
        words = "The reading of {} was erased." if gone else "There is no reading of {}."
        raise InputError(words.format(what))
    if entry is not None and entry not in {version.entry.position for version in versions}:
        known = ", ".join(f"{version.entry.position}" for version in versions)
        raise InputError(
            f"Log entry {entry} says nothing of {what}: its versions came with {known}."
        )


def _member(scene: Scene, slot: Slot, period: int) -> str | None:
    """Return whose reading it is, if their consent covers it."""
    state = scene.community.state
    member = state.member_of(slot[0], period)
    use = next((u for logged, u in reversed(state.meters[slot[0]]) if logged < period), None)
    return member if use is not None and slot[1] in use.channels else None


def _check(scene: Scene, slot: Slot, period: int, version: Version) -> Check:
    reading = used_reading(slot, Counted.AS_READ, version)
    outcome, says = unlike_signed(scene, reading, period)
    return Check(f"version {version.number}", outcome, says)


@dataclass
class _Effects:
    """What a reading did, run by run."""

    scene: Scene
    slot: Slot
    period: int
    member: str | None
    runs: Sequence[KnownRun]
    shown: Shown | None
    versions: Sequence[Version]
    names: Mapping[str, str] | None

    def all(self) -> list[Effect]:
        """Return the effects in the order of the runs."""
        scene = self.scene
        span = range(self.period, self.period + 1)
        lines = why_store.lines_of_periods(scene.connection, scene.community.writer.ledger, span)
        nets = {n.code: (n, f) for n, f in nets_told(scene, self.member)} if self.member else {}
        found: list[Effect] = []
        before: KnownRun | None = None
        for run in self.runs:
            if self.shown is not None and run.code == self.shown.code:
                found.append(self._shown(run))
                continue
            found.append(self._posted(run, before, lines, nets))
            before = run
        return found

    def _used(self, run: KnownRun) -> Version | None:
        return next((v for v in self.versions if run.code in v.used_by), None)

    def _counted(self, used: Version | None, run: KnownRun) -> int:
        if used is None:
            return 0
        return used_reading(self.slot, Counted.AS_READ, used, final=run.final).wh

    def _shown(self, run: KnownRun) -> Effect:
        """Return what it did in a run that only shows."""
        lines, used = shown_lines(self.shown, self.period), self._used(run)
        mine = lines.get(self.member) if self.member else None
        return Effect(
            run.code,
            posts=False,
            version=None if used is None else used.number,
            wh=self._counted(used, run),
            worked_out=True,
            line=mine,
            part=NO_LINE,
            market=_market_of(lines),
            before=None,
            others=0,
            others_part=NO_LINE,
            named=(),
            together=0,
            reworked=(),
        )

    def _posted(
        self,
        run: KnownRun,
        earlier: KnownRun | None,
        lines: Lines,
        nets: Mapping[str, tuple[NetTold, Found]],
    ) -> Effect:
        """Return what it did in a run that posts."""
        scene, period, used = self.scene, self.period, self._used(run)
        after = lines.before(period, scene.run(run.code).position)
        was = {} if earlier is None else lines.before(period, scene.run(earlier.code).position)
        parts = {member: _less(line, was.get(member)) for member, line in after.items()}
        others = {
            member: part
            for member, part in parts.items()
            if earlier is not None and member != self.member and any(part[2:])
        }
        clearing, settlement = (
            scene.said(kind, run.code, period) for kind in ("clearing", "settlement")
        )
        begun = "hold" if earlier is None else "run"
        begin, seal = (scene.said(kind, run.code, str(scene.day)) for kind in (begun, "seal"))
        net, netting = nets.get(run.code, (None, None))
        zone = load_zone(scene.rules.zone)
        changes = {} if earlier is None else changes_between(scene, period, earlier, run)
        return Effect(
            run.code,
            posts=True,
            version=None if used is None else used.number,
            wh=self._counted(used, run),
            worked_out=settlement is not None,
            line=after.get(self.member) if self.member else None,
            part=parts.get(self.member, NO_LINE) if self.member else NO_LINE,
            market=self._market(run.code),
            before=None if earlier is None else self._market(earlier.code),
            others=len(others),
            others_part=_sum(others.values()),
            named=tuple(self._named(others)),
            together=len({*changes} - {self.slot}),
            reworked=tuple(self._reworked(run)) if earlier is not None else (),
            net=net,
            month=None if net is None else f"{local_date(net.period, zone):%Y-%m}",
            begin=None if begin is None else begin.cited,
            clearing=None if clearing is None else clearing.cited,
            settlement=None if settlement is None else settlement.cited,
            netting=None if netting is None else netting.cited,
            seal=None if seal is None else seal.cited,
        )

    def _market(self, code: str) -> MarketAt | None:
        """Return the half-hour's market as a run left it; None where its result was erased."""
        worked_in = self.scene.worked_in(code, self.period)
        clearing = (
            None if worked_in is None else self.scene.said("clearing", worked_in, self.period)
        )
        if clearing is None or clearing.entry.detail is None:
            return None
        result = read_result(clearing.entry.detail)
        price = next(iter(result.prices), None)
        return MarketAt(None if price is None else price.price_ticks, result.matched_wh)

    def _named(self, others: Mapping[str, Line]) -> list[tuple[str, Line]]:
        if self.names is None:
            return []
        return [(self.names.get(member, member[:8]), part) for member, part in others.items()]

    def _reworked(self, run: KnownRun) -> list[int]:
        """Return the half-hours of the day that a run worked out."""
        scene = self.scene
        found = (scene.worked_in(run.code, period) for period in scene.periods)
        return [p for p, code in zip(scene.periods, found, strict=True) if code == run.code]


def _market_of(lines: Mapping[str, Line]) -> MarketAt:
    """Return the market that lines alone tell of."""
    sold_wh = sum(line.sold_wh for line in lines.values())
    sold_units = sum(line.sold_units for line in lines.values())
    return MarketAt(sold_units // sold_wh if sold_wh else None, sold_wh)


def _less(line: Line, before: Line | None) -> Line:
    """Return what a line is more than an earlier one."""
    was = NO_LINE if before is None else before
    parts = (new - old for new, old in zip(line[2:], was[2:], strict=True))
    return Line(line.member, line.period, *parts)


def _sum(lines: Iterable[Line]) -> Line:
    columns = [*zip(*(line[2:] for line in lines), strict=True)]
    return Line("", 0, *map(sum, columns)) if columns else NO_LINE
