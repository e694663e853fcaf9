"""What an explanation works out again, and compares with what is stored and signed.

>>> held("orders", agrees=True, otherwise="").outcome
<Outcome.HOLDS: 'holds'>
"""

import hashlib
from collections.abc import Mapping, Sequence

from ledger.accounts import receivable, wallet
from ledger.primitives.canonical import decode, encode_trusted
from ledger.primitives.periods import start_text
from ledger.records import salted_root
from market.certificate import verify
from market.errors import CertificateError, MarketInputError
from market.model import Market, Result
from market.wire import market_to_json
from settlement import store, why_store
from settlement.orders import PeriodOrders
from settlement.postings import Line, line_record, lines_seed, totals_of
from settlement.timetable import DETAIL_BYTES_MAX
from settlement.why_model import Check, NetTold, Outcome, Place
from settlement.why_scene import Scene
from settlement.why_store import Found, Lines

NO_LINE = Line("", 0, *([0] * (len(Line._fields) - 2)))
"""A line of nobody's that came to nothing."""


def held(name: str, *, agrees: bool | None, otherwise: str) -> Check:
    """Return the check that something agrees; None where it cannot be told."""
    if agrees is None:
        return Check(name, Outcome.CANNOT)
    return Check(name, Outcome.HOLDS) if agrees else Check(name, Outcome.DIFFERS, otherwise)


def check_orders(
    made: PeriodOrders | None, fixed: Sequence[PeriodOrders] | None, *, first: bool
) -> Check:
    """Compare the orders of a half-hour, made again, with those that the first run fixed."""
    if made is None or (first and not fixed):
        return Check("orders", Outcome.CANNOT)
    return held(
        "orders",
        agrees=not first or fixed is None or fixed[-1] == made,
        otherwise="The orders that follow from readings, offers, mandates and funds are not those "
        "that were fixed when money was set aside.",
    )


def check_market(clearing: Found, market: Market | None, result: Result | None) -> list[Check]:
    """Compare market and result with the clearing, and prove the result."""
    body, at = clearing.body, clearing.cited.position
    checks = []
    if market is None:
        checks.append(Check("market", Outcome.CANNOT))
    else:
        hashed = hashlib.sha256(encode_trusted(market_to_json(market))).hexdigest()
        checks.append(
            held(
                "market",
                agrees=hashed == body["market"],
                otherwise=f"The orders do not give the market that log entry {at} signed: "
                f"{hashed[:12]}… and not {body['market'][:12]}….",
            )
        )
    if result is None or clearing.entry.detail is None:
        return [*checks, Check("result", Outcome.CANNOT), Check("certificate", Outcome.CANNOT)]
    checks.append(
        held(
            "result",
            agrees=hashlib.sha256(clearing.entry.detail).hexdigest() == body["result"],
            otherwise=f"The stored result of the clearing is not the one that log entry {at} signed.",
        )
    )
    if market is None:
        return [*checks, Check("certificate", Outcome.CANNOT)]
    try:
        verify(market, result)
    except (CertificateError, MarketInputError) as error:
        return [
            *checks,
            Check("certificate", Outcome.DIFFERS, f"The clearing does not hold: {error}."),
        ]
    return [*checks, Check("certificate", Outcome.HOLDS)]


def check_lines(
    member: str, made: Sequence[Line] | None, stored: Mapping[str, Line], settlement: int
) -> Check:
    """Compare the lines that follow from readings and result with those stored."""
    if made is None:
        return Check("line", Outcome.CANNOT)
    again = {line.member: line for line in made}
    if again.get(member) != stored.get(member):
        return Check(
            "line",
            Outcome.DIFFERS,
            "The stored line is not the one that follows from the readings and the clearing: "
            f"{_difference(stored.get(member, NO_LINE), again.get(member, NO_LINE))}.",
        )
    others = sum(again.get(each) != stored.get(each) for each in {*again, *stored})
    return held(
        "line",
        agrees=not others,
        otherwise=f"{others} lines of other members under log entry {settlement} are not those that "
        "follow from the readings and the clearing.",
    )


def _difference(stored: Line, made: Line) -> str:
    return ", ".join(
        f"{name} {one:,} and not {other:,}"
        for name, one, other in zip(Line._fields[2:], stored[2:], made[2:], strict=True)
        if one != other
    )


def check_root(settlement: Found, lines: Mapping[str, Line], member: str) -> tuple[Place, Check]:
    """Say where a line stands under a settlement's root, and whether the lines give it."""
    body, at = settlement.body, settlement.cited.position
    index = [*lines].index(member) if member in lines else 0
    if settlement.entry.detail is None:
        return Place(index + 1, body["lines"], None), Check("root", Outcome.CANNOT)
    seed = bytes.fromhex(decode(settlement.entry.detail, DETAIL_BYTES_MAX)["seed"])
    root = salted_root(lines_seed(seed), [line_record(line) for line in lines.values()]).hex()
    agrees = (len(lines), root) == (body["lines"], body["lines_root"])
    return Place(index + 1, body["lines"], agrees), held(
        "root",
        agrees=agrees,
        otherwise=f"The stored lines of the half-hour do not give the root that log entry {at} signed.",
    )


def check_seal(seal: Found, period: int, lines: Mapping[str, Line]) -> Check:
    """Compare a half-hour's sums with the totals that a run's seal binds."""
    detail = seal.entry.detail or b"{}"
    [total] = totals_of({period: [*lines.values()]})
    sealed = [t for t in decode(detail, DETAIL_BYTES_MAX)["totals"] if t["period"] == period]
    signed = hashlib.sha256(detail).hexdigest() == seal.body["totals"]
    return held(
        "seal",
        agrees=signed and sealed == [total],
        otherwise=f"The half-hour's lines do not sum to what log entry {seal.cited.position} sealed.",
    )


def check_citations(
    scene: Scene, clearing: Found | None, settlement: Found | None, replaced: Found | None
) -> Check:
    """Check that the statements of a half-hour name one another."""
    if clearing is None or settlement is None:
        return Check("citations", Outcome.CANNOT)
    body = settlement.body
    expected = None if replaced is None else replaced.cited.tx_id
    agrees = body["clearing"] == clearing.cited.tx_id and body.get("replaces") == expected
    return held(
        "citations",
        agrees=agrees,
        otherwise=f"Log entry {settlement.cited.position} does not name the clearing and the "
        f"settlement of {start_text(body['period'])} that came before it in {scene.day}.",
    )


def nets_told(scene: Scene, member: str) -> list[tuple[NetTold, Found]]:
    """Return a member's net lines of the day, by run."""
    found = []
    for run in scene.runs:
        nets = store.nets_of_run(
            scene.connection, scene.community.writer.ledger, str(scene.day), run.code
        )
        net = next((each for each in nets if each.member == member), None)
        netting = scene.said("netting", run.code, str(scene.day)) if net else None
        if net is not None and netting is not None:
            money = (net.cash_units, net.claim_units, net.given_units)
            told = NetTold(run.code, net.period, net.change, *money)
            found.append((told, netting))
    return found


def check_nets(
    scene: Scene, member: str, lines: Lines, nets: Sequence[tuple[NetTold, Found]]
) -> list[Check]:
    """Check that each run's net is what it changed of the lines, and what moved."""
    by_code = {net.code: (net, found) for net, found in nets}
    before, checks = [0] * len(NO_LINE[2:]), []
    for run in scene.runs:
        after = day_sums(scene, lines, member, run.position)
        change = [new - old for new, old in zip(after, before, strict=True)]
        before = after
        net, netting = by_code.get(run.code, (None, None))
        recorded = [0] * len(change) if net is None else [*net.change[2:]]
        checks.append(
            held(
                f"net {run.code}",
                agrees=change == recorded,
                otherwise=f"The day's half-hours do not sum to the net line of the run {run.code}.",
            )
        )
        if net is not None and netting is not None:
            checks.append(_check_moved(scene, member, net, netting))
    return checks


def _check_moved(scene: Scene, member: str, net: NetTold, netting: Found) -> Check:
    """Check that wallet and claims moved by what a net line says, together by what it comes to."""
    ledger, asset = scene.community.writer.ledger, scene.rules.asset
    batch = bytes.fromhex(netting.statement.id)
    cash_units, claim_units = (
        why_store.moved_by(scene.connection, ledger, batch, account)
        for account in (wallet(member, asset), receivable(member, asset))
    )
    due_units = net.change.sold_units - net.change.bought_units - net.given_units
    agrees = (cash_units, claim_units, due_units) == (
        net.cash_units,
        net.claim_units,
        net.cash_units + net.claim_units,
    )
    return held(
        f"wallet {net.code}",
        agrees=agrees,
        otherwise=f"The run {net.code} comes to {due_units:,} units for this member; {cash_units:,} "
        f"moved in the wallet and {claim_units:,} in what is owed, by log entry "
        f"{netting.cited.position}.",
    )


def day_sums(scene: Scene, lines: Lines, member: str, position: int) -> list[int]:
    """Return the sums of a member's lines of the day as the runs before a log position left them."""
    sums = [0] * len(NO_LINE[2:])
    for period in scene.periods:
        line = lines.before(period, position).get(member)
        if line is not None:
            sums = [one + other for one, other in zip(sums, line[2:], strict=True)]
    return sums
