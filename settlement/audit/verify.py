"""The audit of a bundle: checks in a fixed order, counts, and the first failure explained.

>>> Report("riverside.example/ledger/1", 0, "").verdict
'sound'
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ledger.erasure import ERASABLE_FACTS
from ledger.errors import CommonwattError
from ledger.log.checkpoint import Checkpoint, open_checkpoint
from ledger.log.leaf import Leaf
from ledger.log.note import Verifier
from ledger.log.tiles import verify_tiles
from ledger.log.tree import Frontier, leaf_hash
from settlement.audit.bundle import Bundle, Fact
from settlement.audit.replay import CHECKS, Replay
from settlement.errors import AuditError, UnsoundError

Progress = Callable[[int, int], None]
"""Told (entries done, entries in all) now and then."""

PROGRESS_ENTRIES = 500
"""Entries between two tellings."""

ALL_CHECKS = (
    "bundle",
    "checkpoint",
    "earlier checkpoint",
    "tiles",
    "leaves",
    "commitments",
    *CHECKS,
)
"""Names of all checks, in the order in which they are reported."""


PASSED, FAILED, UNKNOWN, NOT_REACHED = "passed", "failed", "cannot tell", "not reached"
"""What a check came to."""


@dataclass
class Report:
    """What an audit found.

    Attributes:
        origin: the log's origin, empty before it is known.
        size: entries in the log.
        root: the log's root, in hexadecimal.
        counts: what was checked, by name.
        failed: name of the check that failed, or None.
        failure: what is wrong, in a sentence.
        replay: the replayed state, for figures; None where the audit did not come so far.
        earlier: whether an earlier checkpoint was compared.
    """

    origin: str
    size: int
    root: str
    counts: dict[str, int] = field(default_factory=dict)
    failed: str | None = None
    failure: str = ""
    replay: Replay | None = None
    earlier: bool = False

    @property
    def verdict(self) -> str:
        """``sound``, ``unsound`` or ``cannot tell``."""
        if self.failed:
            return "unsound"
        return "cannot tell" if self.unknown else "sound"

    @property
    def exit_code(self) -> int:
        """0 sound, 1 unsound, 2 cannot tell."""
        return {"sound": 0, "unsound": 1}.get(self.verdict, 2)

    @property
    def unknown(self) -> dict[str, str]:
        """Why a check cannot tell, by its name."""
        return self.replay.unknown if self.replay else {}

    def states(self) -> Iterator[tuple[str, str]]:
        """Yield each check with one of `PASSED`, `FAILED`, `UNKNOWN` and `NOT_REACHED`."""
        reached = True
        for check in ALL_CHECKS:
            if check == self.failed:
                reached = False
                yield check, FAILED
            elif not reached:
                yield check, NOT_REACHED
            else:
                yield check, UNKNOWN if check in self.unknown else PASSED

    def to_json(self) -> dict[str, Any]:
        """Return the report for programs."""
        erased = self.replay.erased if self.replay else []
        value: dict[str, Any] = {
            "verdict": self.verdict,
            "origin": self.origin,
            "size": self.size,
            "root": self.root,
            "witnessed": False,
            "compared_with_earlier_checkpoint": self.earlier,
            "days_held_and_not_sealed": sorted(
                day.isoformat() for day in (self.replay.run_state.days if self.replay else ())
            ),
            "counts": self.counts,
            "checks": [
                {"check": check, "state": state}
                | ({"reason": self.unknown[check]} if state == UNKNOWN else {})
                for check, state in self.states()
            ],
            "erased": [{"entry": at, "what": what, "kind": kind} for at, what, kind in erased],
        }
        if self.failed:
            value["failed"] = {"check": self.failed, "reason": self.failure}
        return value


def audit(
    path: Path,
    *,
    vkey: str | None = None,
    since: bytes | None = None,
    progress: Progress = lambda _done, _all: None,
) -> Report:
    """Audit a bundle.

    Args:
        path: a folder or a .zip.
        vkey: the log's public key, known from elsewhere; the bundle's own if left out.
        since: a checkpoint kept from an earlier audit, to be consistent with.
        progress: told how far the audit is.

    Returns:
        The report; unsound is a verdict and not an error.

    Raises:
        InputError: there is no bundle at the path.
    """
    bundle = Bundle(path)
    report = Report("", 0, "")
    try:
        _audit(bundle, vkey, since, progress, report)
    except AuditError as error:
        report.failed, report.failure = error.check, str(error)
    return report


def _audit(
    bundle: Bundle, vkey: str | None, since: bytes | None, progress: Progress, report: Report
) -> None:
    manifest = bundle.manifest()
    report.counts["files"] = len(manifest["files"])
    checkpoint, verifier = _open_head(bundle, vkey)
    report.origin, report.size = checkpoint.origin, checkpoint.size
    report.root = checkpoint.root.hex()
    if (manifest["origin"], manifest["size"]) != (checkpoint.origin, checkpoint.size):
        raise AuditError("bundle", "the manifest is of another log than the checkpoint")
    earlier = _open_earlier(since, verifier, checkpoint)
    report.earlier = earlier is not None
    replay = report.replay = Replay(checkpoint.origin, verifier.public_key)
    frontier = Frontier()
    facts = bundle.facts(checkpoint.size)
    for position, leaf_data in enumerate(_leaves(bundle, checkpoint)):
        frontier.append(leaf_hash(leaf_data))
        if earlier and frontier.size == earlier.size and frontier.root() != earlier.root:
            raise AuditError(
                "earlier checkpoint",
                f"the first {earlier.size} entries are not those that you audited before: "
                "history was rewritten. Keep both checkpoints; together they prove it.",
            )
        leaf, fact = _open_leaf(position, leaf_data, facts)
        replay.apply(leaf, fact)
        if position % PROGRESS_ENTRIES == 0:
            progress(position, checkpoint.size)
    replay.finish()
    progress(checkpoint.size, checkpoint.size)
    report.counts |= {
        "entries": checkpoint.size,
        "erased": len(replay.erased),
        **replay.counts,
    }


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


def _leaves(bundle: Bundle, checkpoint: Checkpoint) -> Iterator[bytes]:
    """Yield every leaf while all tiles are checked against the root."""
    try:
        yield from verify_tiles(
            lambda name: bundle.read(f"log/{name}"), checkpoint.size, checkpoint.root
        )
    except AuditError:
        raise
    except CommonwattError as error:
        raise AuditError("tiles", str(error)) from error


def _open_leaf(position: int, data: bytes, facts: Iterator[Fact]) -> tuple[Leaf, Fact]:
    try:
        leaf = Leaf.decode(data)
    except CommonwattError as error:
        raise AuditError("leaves", f"entry {position}: {error}") from error
    fact = next(facts)
    if leaf.fact is not None:
        opened = leaf.fact == fact.envelope
    elif fact.envelope is None or fact.salt is None:
        opened = leaf.kind in ERASABLE_FACTS
    else:
        opened = leaf.is_opened_by(fact.salt, fact.envelope)
    if not opened:
        raise AuditError(
            "commitments", f"entry {position}: the fact is not the one that the log commits to"
        )
    return leaf, fact
