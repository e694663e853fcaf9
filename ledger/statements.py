"""Signed statements: the kinds, what each carries, and their strict decoder.

A statement is canonical JSON in a DSSE envelope whose payload type names the kind.
``docs/spec/statements.md`` is the specification.

>>> body = make_body("offer", "riverside.example/ledger/1", "0f" * 16, "1e" * 16, 1, 10**12,
...     {"buy_ticks": 2450, "sell_ticks": 410, "import_tariff_ticks": 2450,
...      "export_tariff_ticks": 410})
>>> Statement.decode(sign(body, [SigningKey.from_seed(bytes(32))])).body["sell_ticks"]
410
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Self

from ledger.errors import CanonicalError
from ledger.kinds import KINDS, check_body
from ledger.primitives.canonical import decode, encode
from ledger.primitives.signing import Envelope, SigningKey, seal_envelope
from ledger.primitives.words import check_all


def payload_type(kind: str) -> str:
    """Return the DSSE payload type of a kind: it separates the kinds' signatures."""
    return f"application/vnd.commonwatt.{kind}.v1+json"


def make_body(
    kind: str,
    ledger: str,
    account: str,
    statement_id: str,
    seq: int,
    not_after: int,
    fields: Mapping[str, Any],
) -> dict[str, Any]:
    """Return a checked body.

    Raises:
        InputError: names the field that is wrong.
    """
    body = {
        "v": 1,
        "ledger": ledger,
        "kind": kind,
        "account": account,
        "id": statement_id,
        "seq": seq,
        "not_after": not_after,
        **fields,
    }
    check_body(kind, body)
    return body


def sign(body: Mapping[str, Any], keys: Sequence[SigningKey]) -> bytes:
    """Return the envelope of a body, signed by every key; the first one's ``seq`` it is."""
    return seal_envelope(payload_type(body["kind"]), encode(dict(body)), keys)


@dataclass(frozen=True)
class Statement:
    """A decoded statement. That it is well-formed says nothing yet about who signed it."""

    envelope: Envelope
    body: Mapping[str, Any]

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """Read an envelope and its statement, strictly.

        Raises:
            CanonicalError: another encoding, an unknown kind, field or version.
            InputError: names the field that is wrong.
        """
        envelope = Envelope.decode(data)
        body = decode(envelope.body)
        kind = body.get("kind") if isinstance(body, dict) else None
        if not isinstance(kind, str) or kind not in KINDS:
            raise CanonicalError(f"unknown kind of statement {kind!r}")
        if envelope.payload_type != payload_type(kind):
            raise CanonicalError(f"the payload type is not that of a {kind}")
        check_body(kind, body)
        return cls(envelope, body)

    @classmethod
    def made(cls, body: Mapping[str, Any], keys: Sequence[SigningKey]) -> Self:
        """Sign a body that `make_body` made, and return the statement: nothing is read again."""
        return cls(Envelope.seal(payload_type(body["kind"]), encode(dict(body)), keys), body)

    @property
    def kind(self) -> str:
        """The kind of statement."""
        return str(self.body["kind"])

    @property
    def id(self) -> str:
        """The client-made id: the idempotency key."""
        return str(self.body["id"])

    @property
    def account(self) -> str:
        """Member id, or ``community``."""
        return str(self.body["account"])

    @property
    def deed(self) -> tuple[str, Mapping[str, Any]]:
        """Kind and fields of what is done: a helper's own statement says what it does."""
        if self.kind == "act_for":
            return str(self.body["does"]), self.body["fields"]
        return self.kind, self.body

    @property
    def key_id(self) -> str:
        """The first signer's key id: ``seq`` counts for this key."""
        return self.envelope.signatures[0][0]

    @cached_property
    def tx_id(self) -> str:
        """SHA-256 of the signed bytes."""
        return self.envelope.tx_id


def check_statement(statement: Statement) -> None:
    """Refuse words that hide something, in a statement that is new.

    What stands in a log already is not judged by this: an audit takes it as it was signed.

    Raises:
        InputError: names the field and the letter.
    """
    if not statement.envelope.body.isascii():
        check_all(statement.body, statement.kind)
