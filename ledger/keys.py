"""Whose signature counts for what: the roster's keys and the members'.

Pure, and the same for the operator and the audit: statements go in, in the log's order.

>>> KeyBook("riverside.example/ledger/1").roster_version
0
"""

from collections.abc import Iterable
from dataclasses import dataclass, field

from ledger.errors import SignatureError
from ledger.primitives.signing import check_public_key, key_id_of
from ledger.statements import COMMUNITY, Statement

SEQ_WINDOW = 64
"""How far behind a key's highest ``seq`` a statement may still land, so that a payment signed
offline is not lost."""

SEQ_JUMP_MAX = 1_000_000
"""How far a ``seq`` may lie above the key's highest: nobody may use up a key's numbers."""

SIGNER_ROLES = {
    "reading_batch": "adapter",
    "hold": "settlement",
    "clearing": "settlement",
    "settlement": "settlement",
    "seal": "settlement",
}
"""Kinds that one key of a roster's role signs."""

MEMBER_KINDS = frozenset({"consent", "offer", "mandate", "transfer"})
"""Kinds that a member's own keys sign."""


COMMUNITY_KINDS = frozenset(
    {"roster", "rules", "opening", "hold", "clearing", "settlement", "seal"}
)
"""Kinds whose account is the community; all others are a member's."""


@dataclass(frozen=True, slots=True)
class MemberKeys:
    """A member's public keys and how many of them must sign."""

    keys: tuple[bytes, ...]
    threshold: int


@dataclass
class KeyBook:
    """The keys of one community at one point of its log."""

    origin: str
    roster_version: int = 0
    operators: tuple[bytes, ...] = ()
    threshold: int = 0
    roles: dict[str, tuple[bytes, ...]] = field(default_factory=dict)
    members: dict[str, MemberKeys] = field(default_factory=dict)
    log_key: bytes = b""
    used: set[bytes] = field(default_factory=set)

    def check(self, statement: Statement) -> None:
        """Check that a statement belongs to this ledger and the right keys signed it.

        Raises:
            SignatureError: says what is missing.
        """
        if statement.body["ledger"] != self.origin:
            raise SignatureError(
                f"the statement is for {statement.body['ledger']}, not for {self.origin}"
            )
        counted = self._signers(statement)
        if statement.key_id not in counted:
            raise SignatureError("the first signature must be one that counts: its seq it is")

    def _signers(self, statement: Statement) -> set[str]:
        """Return the key ids of the signatures that hold and count.

        Raises:
            SignatureError: says what is missing.
        """
        kind = statement.kind
        if (statement.account == COMMUNITY) != (kind in COMMUNITY_KINDS):
            raise SignatureError(f"a {kind} cannot be for the account {statement.account}")
        if kind == "roster":
            return self._check_roster(statement)
        if kind in ("rules", "opening"):
            return _need(statement, self.operators, self.threshold, "operators")
        if kind == "account_open":
            return self._check_opening(statement)
        if kind in SIGNER_ROLES:
            role = SIGNER_ROLES[kind]
            return _need(statement, self.roles.get(role, ()), 1, f"the roster's {role} keys")
        if kind not in MEMBER_KINDS:
            raise SignatureError(f"no rule says who signs a {kind}")
        member = self.members.get(statement.account)
        if member is None:
            raise SignatureError(f"no account {statement.account} was opened")
        return _need(statement, member.keys, member.threshold, "the member's keys")

    def apply(self, statement: Statement) -> None:
        """Take over what a checked statement says about keys."""
        body = statement.body
        if statement.kind == "roster":
            roles: dict[str, tuple[bytes, ...]] = {}
            for entry in body["keys"]:
                key = bytes.fromhex(entry["key"])
                roles[entry["role"]] = (*roles.get(entry["role"], ()), key)
            self.roster_version = body["version"]
            self.roles, self.operators = roles, roles.get("operator", ())
            self.threshold = body["threshold"]
            self.log_key = bytes.fromhex(body["log_key"])
            self.used.update([self.log_key], *roles.values())
        elif statement.kind == "account_open":
            keys = tuple(bytes.fromhex(key) for key in body["keys"])
            self.members[statement.account] = MemberKeys(keys, body["threshold"])
            self.used.update(keys)

    def _check_roster(self, statement: Statement) -> set[str]:
        """Check a roster: signed by the thresholds of the old one and of the new one."""
        body = statement.body
        if body["version"] != self.roster_version + 1:
            raise SignatureError(
                f"roster version {body['version']} does not follow {self.roster_version}"
            )
        keys = [bytes.fromhex(entry["key"]) for entry in body["keys"]]
        for key in [*keys, bytes.fromhex(body["log_key"])]:
            check_public_key(key)
        new = [bytes.fromhex(entry["key"]) for entry in body["keys"] if entry["role"] == "operator"]
        if len(set(keys)) != len(keys):
            raise SignatureError("a roster names each key once")
        if body["threshold"] > len(new):
            raise SignatureError("a roster's threshold is above its number of operators")
        counted = _need(statement, new, body["threshold"], "the new roster's operators")
        if self.roster_version:
            counted |= _need(
                statement, self.operators, self.threshold, "the old roster's operators"
            )
        return counted

    def _check_opening(self, statement: Statement) -> set[str]:
        """Check an opening: signed by the member's own new keys and by the operators."""
        if statement.account in self.members:
            raise SignatureError(f"the account {statement.account} is open already")
        keys = [bytes.fromhex(key) for key in statement.body["keys"]]
        for key in keys:
            check_public_key(key)
        if len(set(keys)) != len(keys) or statement.body["threshold"] > len(keys):
            raise SignatureError("an account's keys must differ and reach its threshold")
        if not self.used.isdisjoint(keys):
            raise SignatureError("a key of this account belongs to somebody else already")
        counted = _need(statement, keys, statement.body["threshold"], "the member's keys")
        return counted | _need(statement, self.operators, self.threshold, "operators")


def _need(statement: Statement, keys: Iterable[bytes], threshold: int, whose: str) -> set[str]:
    """Return the key ids of those keys whose signatures hold; refuse too few."""
    known = list(keys)
    holding = statement.envelope.verified_by(known)
    got = len(holding)
    if got < threshold or threshold < 1:
        signers = ", ".join(key_id[:8] for key_id, _ in statement.envelope.signatures)
        raise SignatureError(
            f"a {statement.kind} needs {threshold} of {whose}; {got} of the signatures hold "
            f"(signed by {signers}; known are {', '.join(key_id_of(key)[:8] for key in known)})"
        )
    return {key_id_of(known[index]) for index in holding}
