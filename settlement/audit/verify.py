"""The audit of a bundle: checks in a fixed order, counts, and the first failure explained.

>>> COPIED_KINDS
('roster', 'rules')
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from ledger.erasure import ERASABLE_FACTS
from ledger.errors import CommonwattError
from ledger.log.checkpoint import Checkpoint, open_checkpoint
from ledger.log.leaf import Leaf
from ledger.log.note import Verifier
from ledger.log.policy import Policy, Witnessed
from ledger.log.tiles import TILE_WIDTH, prove_consistency, read_bundle, verify_tiles
from ledger.log.tree import Frontier, leaf_hash, verify_consistency
from settlement.audit.bundle import Bundle, Fact
from settlement.audit.memory import Memory, read_memory
from settlement.audit.pool import Pool, uncollected
from settlement.audit.replay import Replay
from settlement.audit.verdict import Report
from settlement.errors import AuditError, UnsoundError

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
        InputError: there is no bundle at the path, or the memory cannot be read.
    """
    bundle = Bundle(path)
    earlier = read_memory(memory) if memory is not None else None
    report = Report("", 0, "", asked=policy is not None)
    try:
        with Pool(processes) as pool:
            wanted = Wanted(vkey, policy, since, earlier, pool, now_ms)
            _audit(bundle, wanted, progress, report)
    except AuditError as error:
        report.failed, report.failure = error.check, str(error)
    if report.replay is not None and report.frontier is not None:
        report.counts |= {
            "entries": report.frontier.size - report.resumed,
            "erased": len(report.replay.erased),
            **report.replay.counts,
        }
    return report


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the auditor brings along."""

    vkey: str | None
    policy: bytes | None
    since: bytes | None
    memory: Memory | None
    pool: Pool
    now_ms: int | None = None


def _audit(bundle: Bundle, wanted: Wanted, progress: Progress, report: Report) -> None:
    manifest = bundle.manifest()
    report.counts["files"] = len(manifest["files"])
    checkpoint, verifier = _open_head(bundle, wanted.vkey)
    report.origin, report.size = checkpoint.origin, checkpoint.size
    report.root = checkpoint.root.hex()
    if (manifest["origin"], manifest["size"]) != (checkpoint.origin, checkpoint.size):
        raise AuditError("bundle", "the manifest is of another log than the checkpoint")
    report.witnessed = _check_witnesses(bundle, wanted.policy, verifier)
    kept = _open_earlier(wanted.since, verifier, checkpoint)
    report.earlier = kept is not None
    replay, frontier = _begin(wanted, checkpoint, verifier)
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
        wanted.pool.finish(error.position)
        raise
    replay.prove_the_rest()
    wanted.pool.finish()
    if frontier.root() != checkpoint.root:
        raise AuditError("tiles", "the entries do not give the root that the checkpoint signs")
    if kept and kept.size < first:
        _prove_prefix(bundle, kept, checkpoint)
    replay.finish()
    if not replay.community.rules_now.replay:
        replay.order.check_now(wanted.now_ms)
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
    for position, leaf_data in enumerate(_leaves(bundle, checkpoint, first), start=first):
        frontier.append(leaf_hash(leaf_data))
        if kept and frontier.size == kept.size:
            _compare(kept, frontier.root())
        leaf, fact = _open_leaf(position, leaf_data, facts)
        replay.apply(leaf, fact)
        if leaf.kind in COPIED_KINDS and fact.envelope is not None:
            copies[f"{leaf.kind}/{replay.counts[leaf.kind]:04d}.json"] = fact.envelope
        if position % PROGRESS_ENTRIES == 0:
            progress(position, checkpoint.size)


def _begin(wanted: Wanted, checkpoint: Checkpoint, verifier: Verifier) -> tuple[Replay, Frontier]:
    """Return the state to begin with: nothing, or what an earlier audit knew.

    Raises:
        AuditError: that audit was of another log, or of a longer one.
    """
    memory = wanted.memory
    if memory is None:
        return Replay(checkpoint.origin, verifier.public_key, wanted.pool), Frontier()
    replay = memory.replay
    replay.use(wanted.pool)
    if (replay.origin, replay.log_key) != (checkpoint.origin, verifier.public_key):
        raise AuditError("earlier checkpoint", f"your earlier audit was of {replay.origin}")
    if memory.frontier.size > checkpoint.size:
        raise AuditError(
            "earlier checkpoint",
            f"you have audited {memory.frontier.size} entries before, the bundle has "
            f"{checkpoint.size}: entries were taken away",
        )
    return replay, memory.frontier


def _prove_prefix(bundle: Bundle, kept: Checkpoint, head: Checkpoint) -> None:
    """Check that a checkpoint from before what was audited earlier is of this very log.

    The proof comes from the bundle's tiles and vouches for itself, whatever they are.
    """
    if not kept.size:
        return
    try:
        proof = prove_consistency(_reader(bundle), kept.size, head.size)
        verify_consistency(kept.size, head.size, kept.root, head.root, proof)
    except AuditError:
        raise
    except CommonwattError as error:
        raise AuditError(
            "earlier checkpoint",
            f"the first {kept.size} entries are not shown to be those that you have: {error}",
        ) from error


def _compare(kept: Checkpoint, root: bytes) -> None:
    if root != kept.root:
        raise AuditError(
            "earlier checkpoint",
            f"the first {kept.size} entries are not those that you audited before: "
            "history was rewritten. Keep both checkpoints; together they prove it.",
        )


def _open_head(bundle: Bundle, vkey: str | None) -> tuple[Checkpoint, Verifier]:
    try:
        own = bundle.required("log.vkey").decode("ascii", "replace").strip()
        verifier = Verifier.from_vkey(vkey.strip() if vkey else own)
        if verifier.vkey != own:
            raise UnsoundError("the bundle is of another log key than the one you gave")
        return open_checkpoint(bundle.required("log/checkpoint"), verifier), verifier
    except AuditError:
        raise
    except CommonwattError as error:
        raise AuditError("checkpoint", str(error)) from error


def _check_witnesses(bundle: Bundle, asked: bytes | None, verifier: Verifier) -> Witnessed:
    """Return who cosigned the checkpoint.

    Raises:
        AuditError: a cosignature does not hold, a policy cannot be read or is of another log, or
            fewer cosigned than the auditor asks for.
    """
    try:
        policy = Policy.decode(bundle.required("policy") if asked is None else asked)
        if verifier not in [log.verifier for log in policy.logs]:
            raise UnsoundError("the policy is of another log key than signed the checkpoint")
        witnessed = policy.open(bundle.required("log/checkpoint"))
        if asked is not None and not witnessed.quorum_met:
            named = ", ".join(witnessed.times_s) or "nobody"
            raise UnsoundError(f"fewer witnesses cosigned than your policy asks for: {named}")
    except AuditError:
        raise
    except CommonwattError as error:
        raise AuditError("witnesses", str(error)) from error
    return witnessed


def _open_earlier(since: bytes | None, verifier: Verifier, head: Checkpoint) -> Checkpoint | None:
    if since is None:
        return None
    try:
        earlier = open_checkpoint(since, verifier)
    except CommonwattError as error:
        raise AuditError("earlier checkpoint", str(error)) from error
    if earlier.size > head.size:
        raise AuditError(
            "earlier checkpoint",
            f"you have seen {earlier.size} entries before, the bundle has {head.size}: "
            "entries were taken away",
        )
    return earlier


def _leaves(bundle: Bundle, checkpoint: Checkpoint, first: int) -> Iterator[bytes]:
    """Yield every leaf from a position on.

    From the beginning, all tiles are checked against the root meanwhile; later on the caller adds
    the leaves to what it knows of the tree, and compares the root.
    """
    read = _reader(bundle)
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


def _reader(bundle: Bundle) -> Callable[[str], bytes]:
    return lambda name: bundle.read(f"log/{name}")


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
