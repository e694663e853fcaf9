"""A bundle's signed head, compared with what the auditor brought along.

>>> from settlement.audit.given import Given
>>> Given().policy is None
True
"""

from collections.abc import Callable

from ledger.errors import CommonwattError
from ledger.log.checkpoint import Checkpoint, open_checkpoint
from ledger.log.note import Verifier
from ledger.log.policy import Policy, Witnessed
from ledger.log.tiles import prove_consistency
from ledger.log.tree import verify_consistency
from settlement.audit.bundle import Bundle
from settlement.audit.given import Given
from settlement.audit.memory import Memory
from settlement.errors import AuditError, UnsoundError

EARLIER = "earlier checkpoint"
"""Name of the check that compares a bundle with what was audited before."""


def open_head(bundle: Bundle, key: Verifier | None) -> tuple[Checkpoint, Verifier]:
    """Return the checkpoint and the key that signed it.

    Raises:
        AuditError: it is not signed by that key.
    """
    try:
        own = bundle.required("log.vkey").decode("ascii", "replace").strip()
        verifier = key or Verifier.from_vkey(own)
        if verifier.vkey != own:
            raise UnsoundError("the bundle is of another log key than the one you gave")
        return open_checkpoint(bundle.required("log/checkpoint"), verifier), verifier
    except AuditError:
        raise
    except CommonwattError as error:
        raise AuditError("checkpoint", str(error)) from error


def check_witnesses(
    bundle: Bundle, asked: Policy | None, verifier: Verifier
) -> tuple[Witnessed, str]:
    """Return who cosigned the checkpoint, and what is wanting of what the auditor asks for.

    Too few say nothing about the books: so the audit goes on, and is unsound in the end.

    Raises:
        AuditError: a cosignature does not hold, the bundle's policy cannot be read, or a policy is
            of another log.
    """
    whose = "the bundle's policy" if asked is None else "your policy"
    try:
        policy = asked or Policy.decode(bundle.required("policy"))
        if not policy.logs:
            raise UnsoundError(f"{whose} names no log: it has no line 'log' with the log's key")
        if verifier not in [log.verifier for log in policy.logs]:
            raise UnsoundError(f"{whose} is of another log key than signed the checkpoint")
        witnessed = policy.open(bundle.required("log/checkpoint"))
    except AuditError:
        raise
    except CommonwattError as error:
        raise AuditError("witnesses", str(error)) from error
    if asked is None or witnessed.quorum_met:
        return witnessed, ""
    named = ", ".join(witnessed.times_s) or "nobody"
    return witnessed, f"fewer witnesses cosigned than your policy asks for: {named}"


def open_earlier(given: Given, verifier: Verifier, head: Checkpoint) -> Checkpoint | None:
    """Return the checkpoint that the auditor kept, if they gave one.

    Raises:
        AuditError: its signature does not hold, or it is of a longer log.
    """
    if given.since is None:
        return None
    try:
        earlier = open_checkpoint(given.since, verifier)
    except CommonwattError as error:
        raise AuditError(EARLIER, str(error)) from error
    if earlier.size > head.size:
        raise AuditError(
            EARLIER,
            f"you have seen {earlier.size} entries before, the bundle has {head.size}: "
            "entries were taken away",
        )
    return earlier


def check_memory(bundle: Bundle, memory: Memory, verifier: Verifier, head: Checkpoint) -> None:
    """Check that what an earlier audit read is the beginning of this log.

    Raises:
        AuditError: that audit was of another key, of a longer log, or of another history.
    """
    replay, size = memory.replay, memory.frontier.size
    if replay.log_key != verifier.public_key:
        raise AuditError(EARLIER, f"your earlier audit of {replay.origin} was of another log key")
    if size > head.size:
        raise AuditError(
            EARLIER,
            f"you have audited {size} entries before, the bundle has {head.size}: "
            "entries were taken away",
        )
    known = Checkpoint(head.origin, size, memory.frontier.root())
    _prove(
        bundle,
        known,
        head,
        f"the first {size} entries are not shown to be those of the audit that your state file "
        "remembers: history was rewritten since. Keep the state file and this bundle",
    )


def prove_prefix(bundle: Bundle, kept: Checkpoint, head: Checkpoint) -> None:
    """Check that a checkpoint from before what was audited earlier is of this very log.

    Raises:
        AuditError: it is not shown to be.
    """
    what = f"the first {kept.size} entries are not shown to be those that you have"
    _prove(bundle, kept, head, what)


def reader(bundle: Bundle) -> Callable[[str], bytes]:
    """Return what reads the log's own files of a bundle."""
    return lambda name: bundle.read(f"log/{name}")


def _prove(bundle: Bundle, kept: Checkpoint, head: Checkpoint, otherwise: str) -> None:
    """Prove a prefix from the bundle's tiles: the proof vouches for itself, whatever they are."""
    if not kept.size:
        return
    try:
        proof = prove_consistency(reader(bundle), kept.size, head.size)
        verify_consistency(kept.size, head.size, kept.root, head.root, proof)
    except AuditError:
        raise
    except CommonwattError as error:
        raise AuditError(EARLIER, f"{otherwise} ({error})") from error
