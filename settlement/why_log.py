"""That cited entries stand in the log: their leaves, and the way up to the published checkpoint.

>>> check_log.__name__
'check_log'
"""

from collections.abc import Iterable
from pathlib import Path

from sqlalchemy import Connection

from ledger.errors import LogError
from ledger.log.checkpoint import Checkpoint, open_checkpoint
from ledger.log.tiles import prove_inclusion
from ledger.log.tree import leaf_hash, verify_inclusion
from settlement.community import Community
from settlement.why_model import Check, Outcome
from settlement.why_scene import Scene, unlike_log
from settlement.why_store import Found


def checkpoint_of(
    community: Community, connection: Connection, folder: Path | None
) -> Checkpoint | None:
    """Return the published checkpoint; None where none is, or it does not hold."""
    if folder is None or not (folder / "checkpoint").exists():
        return None
    verifier = community.log_verifier(connection)
    try:
        return open_checkpoint((folder / "checkpoint").read_bytes(), verifier)
    except LogError:
        return None


def published_size(community: Community, connection: Connection, folder: Path | None) -> int | None:
    """Return how many entries the published checkpoint covers; None where there is none."""
    checkpoint = checkpoint_of(community, connection, folder)
    return None if checkpoint is None else checkpoint.size


def check_log(scene: Scene, cited: Iterable[Found | None], folder: Path | None) -> Check:
    """Check that the entries that were read are those that the log commits to.

    Where a checkpoint is published, that it covers them: each leaf's way up gives its root.
    """
    found = [each for each in cited if each is not None]
    for each in found:
        wrong = unlike_log(scene.connection, scene.number, each)
        if wrong is not None:
            return Check("log", Outcome.DIFFERS, wrong)
    checkpoint = checkpoint_of(scene.community, scene.connection, folder)
    if checkpoint is None or folder is None:
        return Check("log", Outcome.HOLDS)
    for each in found:
        position = each.cited.position
        if position < checkpoint.size:
            try:
                path = prove_inclusion(
                    lambda name: (folder / name).read_bytes(), position, checkpoint.size
                )
                leaf = leaf_hash(each.entry.leaf)
                verify_inclusion(position, checkpoint.size, leaf, path, checkpoint.root)
            except (LogError, OSError) as error:
                return Check(
                    "log",
                    Outcome.DIFFERS,
                    f"Log entry {position} does not stand in the published log: {error}.",
                )
    return Check("log", Outcome.HOLDS)
