"""C2SP policy files: which logs and witnesses count, and how many witnesses must have signed.

One item a line: ``log``, ``witness``, ``group`` and exactly one ``quorum``; a name is used only
after the line that defines it. Names and addresses are opaque bytes; bytes that are not UTF-8
are kept as Python's surrogate escapes. Specification: https://c2sp.org/tlog-policy.

>>> from ledger.primitives.signing import SigningKey
>>> keys = [SigningKey.from_seed(bytes([number]) * 32).public for number in range(3)]
>>> log = Verifier("riverside.example/ledger/1", keys[0]).vkey
>>> one, two = (Cosigner(f"w{number}.example", keys[number]).vkey for number in (1, 2))
>>> policy = Policy.decode(f'''log {log}
... witness east {one} https://east.example/witness
... witness west {two}
... group either any east west
... quorum either
... '''.encode())
>>> policy.quorum_met(["west"]), policy.quorum_met([])
(True, False)
"""

import re
from collections.abc import Collection
from dataclasses import dataclass
from typing import Self

from ledger.errors import LogError
from ledger.log.checkpoint import Checkpoint
from ledger.log.cosignature import Cosigner, open_cosigned
from ledger.log.note import Verifier, split_note

NONE = "none"
"""The quorum that asks for no witness."""

POLICY_BYTES_MAX = 64 * 1024
"""Longest policy file: 96 lines of 500 bytes, and comments."""

ITEMS_MAX = 32
"""Most logs, most witnesses and most groups: what the standard asks every reader to take."""

_OTHER_BYTES = re.compile(b"[^\t\n\x20-\x7e\x80-\xff]")
_THRESHOLD = re.compile("[1-9][0-9]{0,3}")
_SPACES = re.compile("[ \t]+")


@dataclass(frozen=True)
class PolicyLog:
    """A log whose checkpoints count, and where it is served, if the policy says."""

    verifier: Verifier
    url: str | None = None


@dataclass(frozen=True)
class PolicyWitness:
    """A witness by the policy's own name for it, and where to ask it."""

    name: str
    cosigner: Cosigner
    url: str | None = None


@dataclass(frozen=True)
class Group:
    """Witnesses and groups of which a number must have signed."""

    name: str
    threshold: int
    members: tuple[str, ...]


@dataclass(frozen=True)
class Witnessed:
    """What a policy says about a checkpoint.

    Attributes:
        checkpoint: signed by one of the policy's logs.
        times_s: time of each witness's cosignature in Unix seconds, by the policy's names.
        quorum_met: whether enough of them cosigned; True where the quorum is ``none``.
        unwitnessed: whether the policy asks for no witness at all.
    """

    checkpoint: Checkpoint
    times_s: dict[str, int]
    quorum_met: bool
    unwitnessed: bool

    @property
    def met(self) -> bool:
        """Whether witnesses were asked for, and enough of them cosigned."""
        return self.quorum_met and not self.unwitnessed


@dataclass(frozen=True)
class Policy:
    """A policy file's content.

    Attributes:
        logs: in the file's order, as are the others.
        witnesses: each with a name of its own.
        groups: a group names only witnesses and groups before it.
        quorum: a witness's or group's name, or ``none``.
    """

    logs: tuple[PolicyLog, ...]
    witnesses: tuple[PolicyWitness, ...]
    groups: tuple[Group, ...]
    quorum: str

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """Read a policy file.

        Raises:
            LogError: names the line and what is wrong with it.
        """
        if len(data) > POLICY_BYTES_MAX:
            raise LogError(f"a policy of {len(data):,} bytes is longer than {POLICY_BYTES_MAX:,}")
        lines = data.split(b"\n")
        if lines.pop():
            raise LogError(f"line {len(lines) + 1} of the policy does not end with a newline")
        reader = _Reader()
        for number, line in enumerate(lines, start=1):
            try:
                reader.read(line)
            except LogError as error:
                raise LogError(f"line {number} of the policy: {error}") from error
        if reader.quorum is None:
            raise LogError("the policy has no line 'quorum': say 'quorum none' to ask no witness")
        groups = tuple(reader.groups)
        return cls(tuple(reader.logs), tuple(reader.witnesses), groups, reader.quorum)

    def encode(self) -> bytes:
        """Return the file's bytes: logs, witnesses, groups, quorum, without comments."""
        lines = [["log", log.verifier.vkey, *_given(log.url)] for log in self.logs]
        lines += [
            ["witness", witness.name, witness.cosigner.vkey, *_given(witness.url)]
            for witness in self.witnesses
        ]
        lines += [
            ["group", group.name, str(group.threshold), *group.members] for group in self.groups
        ]
        lines.append(["quorum", self.quorum])
        return "".join(" ".join(line) + "\n" for line in lines).encode(errors="surrogateescape")

    def quorum_met(self, names: Collection[str]) -> bool:
        """Return whether the witnesses of these names, as the policy calls them, are enough."""
        if self.quorum == NONE:
            return True
        met = {witness.name for witness in self.witnesses if witness.name in names}
        for group in self.groups:
            if len(met.intersection(group.members)) >= group.threshold:
                met.add(group.name)
        return self.quorum in met

    def open(self, note: bytes) -> Witnessed:
        """Read a signed checkpoint as this policy says.

        Raises:
            LogError: malformed, signed by none of the policy's logs in its own name, or the
                signature of a witness in the policy does not hold.
        """
        origin = split_note(note).text.partition("\n")[0]
        verifiers = [log.verifier for log in self.logs if log.verifier.name == origin]
        if not verifiers:
            raise LogError(f"this checkpoint is of {origin!r}, which is no log of the policy")
        cosigners = [witness.cosigner for witness in self.witnesses]
        reason = LogError("no log of the policy signed this checkpoint")
        for verifier in verifiers:
            try:
                opened = open_cosigned(note, verifier, cosigners)
            except LogError as error:
                reason = error
                continue
            names = {witness.cosigner: witness.name for witness in self.witnesses}
            times_s = {names[each.cosigner]: each.time_s for each in opened.cosignatures}
            met = self.quorum_met(times_s)
            return Witnessed(opened.checkpoint, times_s, met, self.quorum == NONE)
        raise reason


class _Reader:
    """What was read of a policy, line by line."""

    def __init__(self) -> None:
        self.logs: list[PolicyLog] = []
        self.witnesses: list[PolicyWitness] = []
        self.groups: list[Group] = []
        self.quorum: str | None = None
        self._defined: set[str] = set()
        self._members: set[str] = set()

    def read(self, line: bytes) -> None:
        """Take one line.

        Raises:
            LogError: says what is wrong, without the line's number.
        """
        other = _OTHER_BYTES.search(line)
        if other is not None:
            raise LogError(f"byte 0x{other[0].hex()} is not allowed in a policy")
        items = _SPACES.split(line.decode(errors="surrogateescape").strip(" \t"))
        if items[0] == "" or items[0].startswith("#"):
            return
        keyword, *rest = items
        take = {
            "log": self._take_log,
            "witness": self._take_witness,
            "group": self._take_group,
            "quorum": self._take_quorum,
        }.get(keyword)
        if take is None:
            raise LogError(f"a line begins with log, witness, group or quorum, not {keyword!r}")
        take(rest)

    def _take_log(self, items: list[str]) -> None:
        if len(items) not in (1, 2):
            raise LogError("a log has a verifier key and, if you like, an address")
        verifier = Verifier.from_vkey(items[0])
        if any(log.verifier.public_key == verifier.public_key for log in self.logs):
            raise LogError(f"the key of log {verifier.name} stands in the policy already")
        _check_room(self.logs, "logs")
        self.logs.append(PolicyLog(verifier, *items[1:]))

    def _take_witness(self, items: list[str]) -> None:
        if len(items) not in (2, 3):
            raise LogError("a witness has a name, a verifier key and, if you like, an address")
        name, cosigner = items[0], Cosigner.from_vkey(items[1])
        if any(known.cosigner.public_key == cosigner.public_key for known in self.witnesses):
            raise LogError(f"the key of witness {name} stands in the policy already")
        _check_room(self.witnesses, "witnesses")
        self._define(name)
        self.witnesses.append(PolicyWitness(name, cosigner, *items[2:]))

    def _take_group(self, items: list[str]) -> None:
        if len(items) < 3:  # noqa: PLR2004 - name, threshold, one member
            raise LogError("a group has a name, 'all', 'any' or a number, and members")
        name, how_many, *members = items
        for member in members:
            self._take_member(member)
        if how_many in ("all", "any"):
            threshold = len(members) if how_many == "all" else 1
        elif _THRESHOLD.fullmatch(how_many) and int(how_many) <= len(members):
            threshold = int(how_many)
        else:
            raise LogError(
                f"group {name} needs 'all', 'any' or 1 to {len(members)} of its members,"
                f" not {how_many!r}"
            )
        _check_room(self.groups, "groups")
        self._define(name)
        self.groups.append(Group(name, threshold, tuple(members)))

    def _take_member(self, name: str) -> None:
        if name not in self._defined:
            raise LogError(f"{name!r} is no witness or group of a line before this one")
        if name in self._members:
            raise LogError(f"{name!r} is a member already: each name may be one once")
        self._members.add(name)

    def _take_quorum(self, items: list[str]) -> None:
        if len(items) != 1:
            raise LogError("a quorum is one name, or 'none'")
        if self.quorum is not None:
            raise LogError("there is a quorum already")
        if items[0] != NONE and items[0] not in self._defined:
            raise LogError(f"{items[0]!r} is no witness or group of a line before this one")
        self.quorum = items[0]

    def _define(self, name: str) -> None:
        if name == NONE:
            raise LogError("the name 'none' is taken: it stands for no quorum")
        if name in self._defined:
            raise LogError(f"{name!r} is defined already")
        self._defined.add(name)


def _check_room(items: list[PolicyLog] | list[PolicyWitness] | list[Group], what: str) -> None:
    if len(items) == ITEMS_MAX:
        raise LogError(f"a policy has at most {ITEMS_MAX} {what}")


def _given(url: str | None) -> list[str]:
    return [] if url is None else [url]
