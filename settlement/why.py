"""Why a member's half-hour came to what it came to: from the line on the statement to the readings.

Reads only. Everything that a run decided is worked out again with the functions of the run, from
the log as it stood then, and compared with what is stored and signed.

>>> why.__name__
'why'
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from sqlalchemy import Connection

from ledger import log_store, people
from ledger.errors import InputError
from ledger.primitives.periods import load_zone, local_date, start_text
from market.model import Market, Result
from meters.readings import Slot
from settlement import shown_store, why_store
from settlement.community import Community
from settlement.orders import PeriodInputs
from settlement.postings import Line, lines_of, market_of
from settlement.shown_store import Shown
from settlement.why_checks import (
    NO_LINE,
    check_citations,
    check_lines,
    check_market,
    check_nets,
    check_orders,
    check_root,
    check_seal,
    day_sums,
    held,
    nets_told,
)
from settlement.why_log import check_log, published_size
from settlement.why_model import (
    Agreed,
    Brief,
    Check,
    MarketTold,
    Moved,
    OrderTold,
    Outcome,
    Place,
    RunTold,
    Why,
)
from settlement.why_orders import agreements_told, market_told, order_told, rules_cited
from settlement.why_runs import changes_between, check_made, next_run
from settlement.why_scene import Scene
from settlement.why_shares import slots_of, with_shares
from settlement.why_shown import shown_lines, told_shown
from settlement.why_store import Found, Lines
from settlement.why_version_model import Cited, UsedReading
from settlement.why_versions import KnownRun, known_runs, unlike_signed, used_readings


def why(
    community: Community,
    connection: Connection,
    member: str,
    period: int,
    code: str | None = None,
    folder: Path | None = None,
) -> Why:
    """Explain a member's half-hour.

    Args:
        community: open for work.
        connection: an open transaction; `Community.reading` gives one.
        member: the member's id.
        period: the half-hour.
        code: the run to be told in full; the last one if left out.
        folder: of the published log, if it is to be looked at.

    Raises:
        InputError: no such member or run, or nothing is worked out yet; says when it will be.
    """
    if member not in community.state.members:
        raise InputError(f"{member!r} is not a member's id. See 'commonwatt member list'.")
    half = _Half.of(community, connection, member, period)
    code = check_made(half.scene, half.shown, code)
    if not half.slots:
        raise InputError(
            f"In the half-hour from {start_text(period)} this member had no meter that is traded."
        )
    briefs = half.briefs()
    if half.shown is not None and code == half.shown.code:
        if member not in shown_lines(half.shown, period):
            raise InputError(
                f"{code} has not shown the half-hour from {start_text(period)} yet: the day goes on. "
                "Look again: commonwatt settle --due"
            )
        told, checks = half.told_shown()
    else:
        told, checks = _Worked(half, code, folder).told()
    return _page(half, told, checks, briefs, folder)


def _page(
    half: "_Half",
    told: RunTold,
    checks: Sequence[Check],
    briefs: Sequence[Brief],
    folder: Path | None,
) -> Why:
    """Return all that was found, with what frames it."""
    scene, connection = half.scene, half.scene.connection
    community = scene.community
    names = people.names(connection, scene.number)
    size, _, _ = log_store.head(connection, scene.number)
    return Why(
        community.name,
        community.writer.origin,
        half.member,
        names.get(half.member),
        scene.rules.zone,
        half.period,
        scene.day.isoformat(),
        tuple(briefs),
        told,
        tuple(checks),
        tuple(dict.fromkeys(scene.gone)),
        size,
        published_size(community, connection, folder),
        next_run(scene),
    )


@dataclass
class _Half:
    """What is asked: a member's half-hour, and the runs of its day."""

    scene: Scene
    member: str
    period: int
    slots: list[Slot]
    shown: Shown | None
    runs: list[KnownRun]
    lines: Lines

    @classmethod
    def of(cls, community: Community, connection: Connection, member: str, period: int) -> "_Half":
        scene = Scene.of(community, connection, period)
        shown = shown_store.find_shown(connection, scene.number, scene.day.isoformat())
        runs = known_runs(scene, None if shown is None else (shown.code, shown.known))
        lines = why_store.lines_of_periods(
            connection, community.writer.ledger, range(period, period + 1)
        )
        slots = slots_of(scene, member, period)
        return cls(scene, member, period, slots, shown, runs, lines)

    def line_of(self, run: KnownRun) -> Line:
        """Return the member's line as a run left it."""
        if self.shown is not None and run.code == self.shown.code:
            found: Mapping[str, Line] = shown_lines(self.shown, self.period)
        else:
            found = self.lines.before(self.period, self.scene.run(run.code).position)
        return found.get(self.member, NO_LINE._replace(member=self.member, period=self.period))

    def briefs(self) -> list[Brief]:
        """Return what each run came to."""
        scene, found = self.scene, list[Brief]()
        before: KnownRun | None = None
        for run in self.runs:
            posts = self.shown is None or run.code != self.shown.code
            changes = {} if before is None else changes_between(scene, self.period, before, run)
            mine = {slot: wh for slot, wh in changes.items() if slot in self.slots}
            seal = scene.said("seal", run.code, scene.day.isoformat()) if posts else None
            worked_out = not posts or scene.worked_in(run.code, self.period) == run.code
            found.append(
                Brief(
                    run.code,
                    posts,
                    worked_out,
                    self.line_of(run),
                    tuple((*slot, *wh) for slot, wh in sorted(mine.items())),
                    len(changes) - len(mine),
                    None if seal is None else seal.cited,
                )
            )
            before = run
        return found

    def readings(self, code: str, inputs: PeriodInputs | None) -> list[UsedReading]:
        """Return how the member's readings count in a run."""
        run = next(run for run in self.runs if run.code == code)
        used = used_readings(self.scene, self.slots, self.period, self.runs, run, inputs)
        return with_shares(self.scene, self.member, self.period, used)

    def told_shown(self) -> tuple[RunTold, list[Check]]:
        """Tell the run that only shows."""
        shown = self.shown
        if shown is None:
            raise AssertionError("it was looked for before")
        inputs = self.scene.inputs(shown.known, final=False, until=self.period)
        readings = self.readings(shown.code, inputs[-1])
        told = told_shown(self.scene, shown, self.member, self.period, readings)
        return told, [_check_reading(self.scene, each, self.period) for each in readings]


@dataclass
class _Worked:
    """A half-hour that a run worked out, worked out again."""

    half: _Half
    code: str
    folder: Path | None
    checks: list[Check] = field(default_factory=list)

    def told(self) -> tuple[RunTold, list[Check]]:
        """Return the run from the line down, and what was compared."""
        half, scene, period = self.half, self.half.scene, self.half.period
        run = scene.run(self.code)
        worked_in = scene.worked_in(self.code, period)
        if worked_in is None:
            raise InputError(f"The half-hour from {start_text(period)} is not worked out.")
        clearing = scene.said("clearing", worked_in, period)
        settlement = scene.said("settlement", worked_in, period)
        begin, hold, seal = self._frame()
        inputs = scene.inputs_of_run(self.code, period)
        item = None if inputs is None else inputs[period - scene.periods.start]
        readings = half.readings(self.code, item)
        self.checks += [_check_reading(scene, each, period) for each in readings]
        stored = half.lines.before(period, run.position)
        place, market, order, agreed = self._cleared(clearing, settlement, item, stored)
        if seal is not None:
            self.checks.append(check_seal(seal, period, stored))
        replaced = self._replaced(worked_in)
        self.checks.append(check_citations(scene, clearing, settlement, replaced))
        moved, day_units = self._moved(run.position)
        cited = [hold, begin, clearing, settlement, seal]
        self.checks.append(check_log(scene, cited, self.folder))
        rules, line = scene.rules, half.line_of(self._known())
        return RunTold(
            code=self.code,
            posts=True,
            known=run.known,
            known_at_ms=0 if seal is None else seal.body["known_at"],
            worked_in=worked_in,
            line=line,
            flow=None if item is None else item.flows.get(half.member),
            readings=tuple(readings),
            order=order,
            agreements=agreed,
            market=market,
            place=place,
            factors_ppm=(rules.import_ppm, rules.export_ppm) if rules.has_losses else None,
            rules_version=rules.version,
            rules=rules_cited(scene),
            hold=None if hold is None else hold.cited,
            begin=None if begin is None else begin.cited,
            clearing=None if clearing is None else clearing.cited,
            settlement=None if settlement is None else settlement.cited,
            replaces=None if replaced is None else replaced.cited,
            seal=None if seal is None else seal.cited,
            moved=tuple(moved),
            day_units=day_units,
            dispute=self._dispute(seal),
        ), self.checks

    def _dispute(self, seal: Found | None) -> Cited | None:
        """Return the dispute that led to the run, if one did."""
        named = None if seal is None else seal.body.get("dispute")
        scene = self.half.scene
        found = named and why_store.with_id(scene.connection, scene.number, named)
        return found.cited if found else None

    def _known(self) -> KnownRun:
        return next(run for run in self.half.runs if run.code == self.code)

    def _frame(self) -> tuple[Found | None, Found | None, Found | None]:
        """Return how the run begins, if it changed anything; the day's hold; and the run's seal."""
        scene, day = self.half.scene, self.half.scene.day.isoformat()
        hold = scene.said("hold", scene.runs[0].code, day)
        first = self.code == scene.runs[0].code
        begin = hold if first else scene.said("run", self.code, day)
        return begin, hold, scene.said("seal", self.code, day)

    def _replaced(self, worked_in: str) -> Found | None:
        """Return the settlement whose place the half-hour's takes."""
        scene, period = self.half.scene, self.half.period
        codes = [run.code for run in scene.runs]
        for code in reversed(codes[: codes.index(worked_in)]):
            found = scene.said("settlement", code, period)
            if found is not None:
                return found
        return None

    def _cleared(
        self,
        clearing: Found | None,
        settlement: Found | None,
        item: PeriodInputs | None,
        stored: Mapping[str, Line],
    ) -> tuple[Place | None, MarketTold | None, OrderTold | None, tuple[Agreed, ...]]:
        """Work orders, market, result and lines out again."""
        half, scene = self.half, self.half.scene
        index = half.period - scene.periods.start
        orders, funds = scene.orders(self.code, half.period), scene.funds(self.code)
        now = None if orders is None else orders[index]
        first = self.code == scene.runs[0].code
        fixed = scene.held_orders(range(half.period, half.period + 1)) if first else None
        self.checks.append(check_orders(None if item is None else now, fixed, first=first))
        result = None if clearing is None else scene.result(clearing)
        market = None if now is None else market_of(now, scene.rules)
        proof = [] if clearing is None else check_market(clearing, market, result)
        self.checks += proof
        made = None if item is None or result is None else lines_of(item, result, scene.rules)
        place = None
        if settlement is not None:
            at = settlement.cited.position
            self.checks.append(check_lines(half.member, made, stored, at))
            place, check = check_root(settlement, stored, half.member)
            self.checks.append(check)
        flow = None if item is None else item.flows.get(half.member)
        order = None
        if orders is not None and funds is not None and flow is not None:
            try:
                order = order_told(scene, half.member, flow, orders[: index + 1], funds)
            except AssertionError as error:
                self.checks.append(held("cap", agrees=False, otherwise=f"{error}."))
        agreed = () if now is None else agreements_told(scene, half.member, now, result)
        told = self._market(clearing, market, result, proof)
        return place, told, order, agreed

    def _market(
        self,
        clearing: Found | None,
        market: Market | None,
        result: Result | None,
        proof: Sequence[Check],
    ) -> MarketTold | None:
        if clearing is None or result is None:
            return None
        outcome = next(check.outcome for check in proof if check.name == "certificate")
        proved = None if outcome is Outcome.CANNOT else outcome is Outcome.HOLDS
        hashes = clearing.body["market"], clearing.body["result"]
        return market_told(market, result, hashes, self.half.member, certificate=proved)

    def _moved(self, position: int) -> tuple[list[Moved], int]:
        """Return how the half-hour's money moved, by run, and what the day comes to."""
        half, scene = self.half, self.half.scene
        zone = load_zone(scene.rules.zone)
        mine = why_store.lines_of_periods(
            scene.connection, scene.community.writer.ledger, scene.periods, half.member
        )
        nets = nets_told(scene, half.member)
        self.checks += check_nets(scene, half.member, mine, nets)
        moved, before = [], NO_LINE
        for net, netting in nets:
            run = scene.run(net.code)
            if run.position > position:
                break
            line = mine.before(half.period, run.position).get(half.member, NO_LINE)
            part = [new - old for new, old in zip(line[2:], before[2:], strict=True)]
            before = line
            if any(part):
                month = f"{local_date(net.period, zone):%Y-%m}"
                whole = Line(half.member, half.period, *part)
                moved.append(Moved(whole, net, month, netting.cited))
        sums = dict(
            zip(Line._fields[2:], day_sums(scene, mine, half.member, position), strict=True)
        )
        return moved, sums["sold_units"] - sums["bought_units"]


def _check_reading(scene: Scene, reading: UsedReading, period: int) -> Check:
    outcome, says = unlike_signed(scene, reading, period)
    return Check(f"reading {reading.meter} {reading.channel}", outcome, says)
