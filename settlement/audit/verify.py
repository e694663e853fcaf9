"""The audit of a bundle: checks in a fixed order, counts, and the first failure explained.

>>> COPIED_KINDS
('roster', 'rules')
"""

from collections.abc import Callable, Iterator
from pathlib import Path

from ledger.collector import uncollected
from ledger.erasure import ERASABLE_FACTS
from ledger.errors import CommonwattError
from ledger.log.checkpoint import Checkpoint
from ledger.log.leaf import Leaf
from ledger.log.note import Verifier
from ledger.log.tiles import TILE_WIDTH, read_bundle, verify_tiles
from ledger.log.tree import Frontier, leaf_hash
from settlement.audit.bundle import Bundle, Fact
from settlement.audit.given import Given, check_same_log, read_given
from settlement.audit.head import (
    check_memory,
    check_witnesses,
    open_earlier,
    open_head,
    prove_prefix,
    reader,
)
from settlement.audit.pool import Pool
from settlement.audit.replay import Replay
from settlement.audit.verdict import Report
from settlement.errors import AuditError

Progress = Callable[[int, int], None]
"""Told (entries done, entries in all) now and then."""

PROGRESS_ENTRIES = 500
"""Entries between two tellings."""

COPIED_KINDS = ("roster", "rules")
"""Kinds of which a bundle has copies for reading, outside the log."""


@uncollected()
def audit(
    path: Path,
    *,
    vkey: str | None = None,
    policy: bytes | None = None,
    since: bytes | None = None,
    memory: bytes | None = None,
    processes: int = 1,
    now_ms: int | None = None,
    progress: Progress = lambda _done, _all: None,
) -> Report:
    """Audit a bundle.

    Args:
        path: a folder or a .zip.
        vkey: the log's public key, known from elsewhere; the bundle's own if left out.
        policy: witnesses that the auditor asks for: too few cosignatures are unsound then. By the
            bundle's own policy, too few are only said.
        since: a checkpoint kept from an earlier audit, to be consistent with.
        memory: what an earlier audit remembered (`Report.memory`): it goes on from there.
        processes: how many work at once.
        now_ms: the auditor's clock: nothing may be dated after it. None takes the log's word.
        progress: told how far the audit is.

    Returns:
        The report; unsound is a verdict and not an error.

    Raises:
        InputError: there is no bundle at the path, or what the auditor gave cannot be read, or is of
            another log: nothing is said of the bundle then.
    """
    given = read_given(vkey, policy, since, memory, now_ms)
    bundle = Bundle(path)
    report = Report("", 0, "", asked=policy is not None)
    try:
        with Pool(processes) as pool:
            _audit(bundle, given, pool, progress, report)
    except AuditError as error:
        report.failed, report.failure = error.check, str(error)
    if report.failed is None and report.wanting:
        report.failed, report.failure = "witnesses", report.wanting
    if report.replay is not None and report.frontier is not None:
        report.counts |= {
            "entries": report.frontier.size - report.resumed,
            "erased": len(report.replay.erased),
            **report.replay.counts,
        }
    return report


def _audit(bundle: Bundle, given: Given, pool: Pool, progress: Progress, report: Report) -> None:
    manifest = bundle.manifest()
    report.counts |= {"files": len(manifest["files"]), "files_unnamed": bundle.unnamed()}
    checkpoint, verifier = open_head(bundle, given.key)
    report.origin, report.size, report.key = checkpoint.origin, checkpoint.size, verifier.vkey
    report.root, report.key_given = checkpoint.root.hex(), given.knows(verifier)
    if (manifest["origin"], manifest["size"]) != (checkpoint.origin, checkpoint.size):
        raise AuditError("bundle", "the manifest is of another log than the checkpoint")
    check_same_log(given, checkpoint.origin)
    report.witnessed, report.wanting = check_witnesses(bundle, given.policy, verifier)
    kept = open_earlier(given, verifier, checkpoint)
    report.earlier = kept is not None
    replay, frontier = _begin(given, bundle, checkpoint, verifier, pool)
    report.replay, report.frontier, report.resumed = replay, frontier, frontier.size
    first = frontier.size
    if kept and kept.size == first:
        _compare(kept, frontier.root())
    copies: dict[str, bytes] = {}
    try:
        _replay(bundle, checkpoint, kept, report, progress, copies)
    except AuditError as error:
        # What stands before it in the log, and is proved beside the replay, is told first.
        replay.prove_the_rest()
        pool.finish(error.position)
        raise
    replay.prove_the_rest()
    pool.finish()
    if frontier.root() != checkpoint.root:
        raise AuditError("tiles", "the entries do not give the root that the checkpoint signs")
    if kept and kept.size < first:
        prove_prefix(bundle, kept, checkpoint)
    replay.finish()
    if not replay.community.rules_now.replay:
        replay.order.check_now(given.now_ms)
        if report.witnessed:
            replay.order.check_seen(report.witnessed.times_s.values())
    bundle.check_copies(COPIED_KINDS, copies, whole=not first)
    # Nothing was read of the copies for people, nor of what an earlier audit saw.
    bundle.check_files(("",) if not first else ("roster/", "rules/", "policy"))
    progress(checkpoint.size, checkpoint.size)


def _replay(
    bundle: Bundle,
    checkpoint: Checkpoint,
    kept: Checkpoint | None,
    report: Report,
    progress: Progress,
    copies: dict[str, bytes],
) -> None:
    """Go through the log from where the report's replay stands; gather what has copies."""
    replay, frontier = report.replay, report.frontier
    if replay is None or frontier is None:
        raise AssertionError("the report has no replay")
    first = frontier.size
    facts = bundle.facts(first, checkpoint.size)
    report.counts["facts"] = 0
    for position, leaf_data in enumerate(_leaves(bundle, checkpoint, first), start=first):
        frontier.append(leaf_hash(leaf_data))
        if kept and frontier.size == kept.size:
            _compare(kept, frontier.root())
        leaf, fact = _open_leaf(position, leaf_data, facts)
        report.counts["facts"] += fact.envelope is not None
        replay.apply(leaf, fact)
        if leaf.kind in COPIED_KINDS and fact.envelope is not None:
            copies[f"{leaf.kind}/{replay.counts[leaf.kind]:04d}.json"] = fact.envelope
        if position % PROGRESS_ENTRIES == 0:
            progress(position, checkpoint.size)


def _begin(
    given: Given, bundle: Bundle, checkpoint: Checkpoint, verifier: Verifier, pool: Pool
) -> tuple[Replay, Frontier]:
    """Return the state to begin with: nothing, or what an earlier audit knew."""
    memory = given.memory
    if memory is None:
        return Replay(checkpoint.origin, verifier.public_key, pool), Frontier()
    check_memory(bundle, memory, verifier, checkpoint)
    memory.replay.use(pool)
    return memory.replay, memory.frontier


def _compare(kept: Checkpoint, root: bytes) -> None:
    if root != kept.root:
        raise AuditError(
            "earlier checkpoint",
            f"the first {kept.size} entries are not those that you audited before: "
            "history was rewritten. Keep both checkpoints; together they prove it.",
        )


def _leaves(bundle: Bundle, checkpoint: Checkpoint, first: int) -> Iterator[bytes]:
    """Yield every leaf from a position on.

    From the beginning, all tiles are checked against the root meanwhile; later on the caller adds
    the leaves to what it knows of the tree, and compares the root.
    """
    read = reader(bundle)
    try:
        if not first:
            yield from verify_tiles(read, checkpoint.size, checkpoint.root)
            return
        for start in range(first - first % TILE_WIDTH, checkpoint.size, TILE_WIDTH):
            width = min(TILE_WIDTH, checkpoint.size - start)
            yield from read_bundle(read, start // TILE_WIDTH, width)[max(0, first - start) :]
    except AuditError:
        raise
    except CommonwattError as error:
        raise AuditError("tiles", str(error)) from error


def _open_leaf(position: int, data: bytes, facts: Iterator[Fact]) -> tuple[Leaf, Fact]:
    try:
        leaf = Leaf.decode(data)
    except CommonwattError as error:
        raise AuditError("leaves", f"entry {position}: {error}", position) from error
    fact = next(facts)
    if leaf.fact is not None:
        opened = leaf.fact == fact.envelope
    elif fact.envelope is None or fact.salt is None:
        opened = leaf.kind in ERASABLE_FACTS
    else:
        opened = leaf.is_opened_by(fact.salt, fact.envelope)
    if not opened:
        raise AuditError(
            "commitments",
            f"entry {position}: the fact is not the one that the log commits to",
            position,
        )
    return leaf, fact
