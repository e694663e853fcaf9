"""A receipt: one line of one household in a file that proves itself offline, with nobody else's.

The file is a C2SP log proof (`ledger.log.proof`). Its extra data is canonical JSON: what gives
the leaf, who signed, and, where the statement binds a salted tree, the line with its salt and its
path in that tree. What the signed statement says already is not said again, so that there is
nothing in the file that no hash or signature binds. ``docs/spec/log.md`` is the specification.

>>> sorted(FIELDS["settlement"])
['line', 'roster', 'salt']
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Self

from ledger.accounts import parse_account
from ledger.errors import InputError
from ledger.kinds import a_kind
from ledger.log.leaf import CLEAR_KINDS, SALT_BYTES, Leaf
from ledger.log.proof import EXTRA_BYTES_MAX, HASHES_MAX, LogProof
from ledger.primitives import canonical
from ledger.primitives.energy import WH_MAX
from ledger.primitives.hashing import commitment
from ledger.primitives.periods import PERIOD_MAX
from ledger.primitives.shape import HEX_32, HEX_64, Check, array, integer, one_of, record, text
from ledger.records import AMOUNT_MAX, Kind
from ledger.statements import Statement
from settlement.postings import Line
from settlement.state import METERS_MAX

FIELDS: Mapping[str, frozenset[str]] = {
    "transfer": frozenset({"keys", "salt"}),
    "donation": frozenset({"keys", "salt"}),
    "grant": frozenset({"roster", "salt"}),
    "issue": frozenset({"roster", "salt"}),
    "redeem": frozenset({"roster", "salt"}),
    "reversal": frozenset({"roster", "salt"}),
    "correction": frozenset({"roster", "salt"}),
    "settlement": frozenset({"line", "roster", "salt"}),
    "netting": frozenset({"lines", "roster", "salt"}),
    "reading_batch": frozenset({"reading", "roster", "salt"}),
    "reading_edit": frozenset({"roster", "salt"}),
    "seal": frozenset({"balance", "roster"}),
}
"""Kinds of statement that a receipt proves, and its fields beside the common ones."""

MAY_HAVE: Mapping[str, frozenset[str]] = {"reading_batch": frozenset({"binding"})}
"""Fields that a receipt of a kind may have, too."""

LINES_MAX = 8
"""Most transfers of one member in a run of a day: of the wallet, and of claims."""

KEYS_MAX = 16
"""Most keys: an envelope has no more signatures."""

LINE_UNITS = ("bought_units", "sold_units")
LINE_WH = tuple(name for name in Line._fields if name not in ("member", "period", *LINE_UNITS))
"""What a half-hour's line counts."""

_INDEX_MAX = 2**32 - 1  # an id of a transfer has four bytes of it
_PATH = array(HEX_64, HASHES_MAX)
_SIDED = array(text(65, "[lr][0-9a-f]{64}"), HASHES_MAX)
_PERIOD = integer(0, PERIOD_MAX)
_ENVELOPE = text(EXTRA_BYTES_MAX)


def _account(value: Any, path: str) -> Any:
    """Take an account of the chart."""
    parse_account(text(140)(value, path))
    return value


_LINE = record(
    {
        "index": integer(0, _INDEX_MAX),
        "kind": one_of(int(Kind.POST), int(Kind.POST_HOLD), int(Kind.VOID_HOLD)),
        "debit": _account,
        "credit": _account,
        "amount": integer(1, AMOUNT_MAX),
        "salt": HEX_32,
        "path": _PATH,
    },
    {"original": HEX_32},
)
_WORKED_OUT = record(
    {
        "index": integer(0, _INDEX_MAX),
        "member": HEX_32,
        **dict.fromkeys(LINE_WH, integer(0, WH_MAX * METERS_MAX)),
        **dict.fromkeys(LINE_UNITS, integer(-AMOUNT_MAX, AMOUNT_MAX)),
        "salt": HEX_32,
        "path": _PATH,
    }
)
_READING = record(
    {
        "period": _PERIOD,
        "wh": integer(0, WH_MAX),
        "quality": text(1, "[AESLIPZ]"),
        "salt": HEX_32,
        "path": _PATH,
    }
)
_BALANCE = record(
    {
        "account": _account,
        "posted": integer(-AMOUNT_MAX, AMOUNT_MAX),
        "set_aside": integer(0, AMOUNT_MAX),
        "salt": HEX_32,
        "path": _SIDED,
    }
)
_ROSTER = record(
    {
        "envelope": _ENVELOPE,
        "logged": _PERIOD,
        "index": integer(0, canonical.INTEGER_MAX),
        "path": _PATH,
    }
)
_BINDING = record(
    {
        "envelope": _ENVELOPE,
        "logged": _PERIOD,
        "index": integer(0, canonical.INTEGER_MAX),
        "salt": HEX_32,
        "path": _PATH,
    }
)
_OPTIONAL: Mapping[str, Check] = {
    "salt": HEX_32,
    "keys": array(HEX_64, KEYS_MAX, 1),
    "roster": _ROSTER,
    "binding": _BINDING,
    "lines": array(_LINE, LINES_MAX, 1),
    "line": _WORKED_OUT,
    "reading": _READING,
    "balance": _BALANCE,
}
_EXTRA = record({"v": one_of(1), "envelope": _ENVELOPE, "logged": _PERIOD}, _OPTIONAL)


@dataclass(frozen=True)
class Receipt:
    """A receipt that was read. Nothing is proved yet.

    Attributes:
        proof: the inclusion proof of the statement's leaf, with the signed checkpoint.
        fields: the extra data, of the right form for its kind of statement.
    """

    proof: LogProof
    fields: Mapping[str, Any]

    @classmethod
    def make(
        cls, prove: Callable[[bytes], LogProof], fields: Mapping[str, Any], envelope: bytes
    ) -> Self:
        """Put a receipt together.

        Args:
            prove: returns the log proof that carries some extra data.
            fields: the extra data but for ``v`` and ``envelope``.
            envelope: the statement's.

        Raises:
            InputError: the fields are not those of its kind of statement.
            LogError: longer than a log proof may be.
        """
        whole = {**fields, "v": 1, "envelope": envelope.decode("ascii")}
        _check(whole)
        return cls(prove(canonical.encode(whole)), whole)

    def encode(self) -> bytes:
        """Return the file's bytes."""
        return self.proof.encode()

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """Read a receipt, and refuse any bytes but its one encoding.

        Raises:
            LogError: not a log proof.
            InputError: its extra data is not that of a receipt; names the field.
        """
        proof = LogProof.decode(data)
        if proof.extra is None:
            raise InputError("this log proof is no receipt: it has no extra data")
        return cls(proof, _check(canonical.decode(proof.extra, EXTRA_BYTES_MAX)))

    @cached_property
    def statement(self) -> Statement:
        """The statement that the leaf commits to."""
        return Statement.decode(self.fields["envelope"].encode())

    @property
    def leaf(self) -> bytes:
        """The leaf whose place in the log is proved."""
        salt = self.fields.get("salt")
        return leaf_of(self.statement, self.fields, None if salt is None else bytes.fromhex(salt))

    @cached_property
    def roster(self) -> Statement | None:
        """The roster that is shown, if one is."""
        return self._shown("roster")

    @cached_property
    def binding(self) -> Statement | None:
        """The statement that binds a meter's own key, if one is shown."""
        return self._shown("binding")

    def _shown(self, field: str) -> Statement | None:
        shown = self.fields.get(field)
        return None if shown is None else Statement.decode(shown["envelope"].encode())


def leaf_of(statement: Statement, shown: Mapping[str, Any], salt: bytes | None = None) -> bytes:
    """Return the leaf of a statement shown with ``envelope`` and ``logged``."""
    fact, kind = shown["envelope"].encode(), statement.kind
    if salt is None:
        return Leaf(kind, shown["logged"], fact=fact).encode()
    return Leaf(kind, shown["logged"], commitment(salt, fact)).encode()


def _check(value: Any) -> Mapping[str, Any]:
    """Return extra data that has the form of a receipt.

    Raises:
        InputError: names the field that is wrong.
    """
    _EXTRA(value, "receipt")
    kind = Statement.decode(value["envelope"].encode()).kind
    wanted = FIELDS.get(kind)
    if wanted is None:
        raise InputError(f"there are no receipts of a {kind}: of {', '.join(FIELDS)} there are")
    found = value.keys() & _OPTIONAL.keys()
    if found - MAY_HAVE.get(kind, frozenset()) != wanted:
        raise InputError(
            f"a receipt of a {kind} has the fields {', '.join(sorted(wanted))}"
            f" and not {', '.join(sorted(found)) or 'none'}"
        )
    if "roster" in value:
        shown = Statement.decode(value["roster"]["envelope"].encode())
        if shown.kind != "roster":
            raise InputError(f"receipt.roster: this is {a_kind(shown.kind)}")
    return dict(value)


assert all(("salt" in names) != (kind in CLEAR_KINDS) for kind, names in FIELDS.items())  # noqa: S101 - our own table
assert SALT_BYTES * 2 == 32  # noqa: PLR2004, S101 - HEX_32 is a salt, too
