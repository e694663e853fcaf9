"""What an auditor brings along, read before the bundle is: their own slips accuse nobody.

>>> read_key("hello")
Traceback (most recent call last):
ledger.errors.InputError: --vkey: this is no key of a log (a verifier key has the form name+hash+key)
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from ledger.errors import CommonwattError, InputError
from ledger.log.checkpoint import Checkpoint
from ledger.log.note import Verifier, split_note
from ledger.log.policy import Policy
from settlement.audit.memory import Memory, read_memory


@dataclass(frozen=True, slots=True)
class Given:
    """What the auditor brings along; None where they brought none.

    Attributes:
        key: of the log, known from elsewhere.
        policy: the witnesses that they ask for.
        since: a checkpoint's note, kept from an earlier audit.
        memory: what an earlier audit remembered.
        now_ms: the auditor's clock.
    """

    key: Verifier | None = None
    policy: Policy | None = None
    since: bytes | None = None
    memory: Memory | None = None
    now_ms: int | None = None

    def knows(self, key: Verifier) -> bool:
        """Return whether a log's key is one that the auditor brought, and not the bundle's word."""
        return key == self.key or (self.policy is not None and _names(self.policy, key))


def read_given(
    vkey: str | None,
    policy: bytes | None,
    since: bytes | None,
    memory: bytes | None,
    now_ms: int | None,
) -> Given:
    """Read what the auditor gave.

    Raises:
        InputError: one of them cannot be read; says which.
    """
    if since is not None:
        with _reading("--since: this is no checkpoint"):
            _origin_of(since)
    return Given(
        None if vkey is None else read_key(vkey),
        None if policy is None else _read_policy(policy),
        since,
        None if memory is None else read_memory(memory),
        now_ms,
    )


def read_key(vkey: str) -> Verifier:
    """Read the log's key; an empty one is none, and would check nothing.

    Raises:
        InputError: empty, or no key.
    """
    if not vkey.strip():
        raise InputError("--vkey is empty: give the key that your group published")
    with _reading("--vkey: this is no key of a log"):
        return Verifier.from_vkey(vkey.strip())


def check_same_log(given: Given, origin: str) -> None:
    """Refuse a checkpoint or a state file of another log than the bundle's.

    Of the same log in name, it is compared: another key or history is then the bundle's fault.

    Raises:
        InputError: says which log it is of.
    """
    found = [
        ("--since: the checkpoint", _origin_of(given.since) if given.since is not None else origin),
        ("--state: the file", given.memory.replay.origin if given.memory else origin),
    ]
    for what, other in found:
        if other != origin:
            raise InputError(f"{what} is of {other!r}, and the bundle of {origin!r}")


def read_file(path: Path | None, option: str) -> bytes | None:
    """Return the bytes of a file that an option names, or None where it names none.

    Raises:
        InputError: it is a folder, or cannot be read.
    """
    if path is None:
        return None
    try:
        return path.read_bytes()
    except IsADirectoryError as error:
        raise InputError(f"{option}: {path} is a folder; name a file") from error
    except OSError as error:
        raise InputError(f"{option}: {path} cannot be read ({error.strerror})") from error


def read_state(path: Path | None) -> bytes | None:
    """Return what a state file remembers, or None where there is none yet.

    Raises:
        InputError: it cannot be read, or could not be written after the audit.
    """
    if path is None:
        return None
    if not path.parent.is_dir():
        raise InputError(f"--state: there is no folder {path.parent}; make it first")
    if not os.access(path.parent, os.W_OK):
        raise InputError(f"--state: nothing can be written to {path.parent}")
    return read_file(path, "--state") if path.exists() else None


def _names(policy: Policy, key: Verifier) -> bool:
    return key in [log.verifier for log in policy.logs]


def _read_policy(data: bytes) -> Policy:
    with _reading("--policy: this is no policy"):
        policy = Policy.decode(data)
    if not policy.logs:
        raise InputError(
            "--policy: it names no log; put in the line 'log' and the key that your group published"
        )
    return policy


def _origin_of(note: bytes) -> str:
    return Checkpoint.decode(split_note(note).text.encode()).origin


@contextmanager
def _reading(what: str) -> Iterator[None]:
    try:
        yield
    except CommonwattError as error:
        raise InputError(f"{what} ({error})") from error
