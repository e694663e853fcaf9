"""A log of statements about one member's keys, told step by step."""

from dataclasses import dataclass, field

import pytest

from ledger.errors import SignatureError
from ledger.key_life import recovery_commitment
from ledger.keys import KeyBook
from ledger.kinds import DERIVED_KINDS
from ledger.primitives.signing import SigningKey
from ledger.statements import Statement, sign
from tests.ledger.statement_examples import (
    CODE,
    DEVICE,
    NEW_DEVICE,
    PERIOD,
    body_of,
    key_of,
    open_book,
)

DAY = 48
THIEF = key_of(77)


@dataclass
class Story:
    """A log of statements about one member's keys."""

    book: KeyBook = field(default_factory=open_book)
    period: int = PERIOD
    count: int = 0

    def log(self, kind: str, signers: list[SigningKey], **fields) -> str:
        """Log a statement and return its id."""
        self.count += 1
        statement_id = f"{self.count:032x}"
        if kind in DERIVED_KINDS:
            statement_id = f"000000000000800080{self.count:014x}"
        body = {**body_of(kind, **fields), "id": statement_id, "seq": self.count}
        statement = Statement.decode(sign(body, signers))
        self.book.check(statement, self.period)
        self.book.apply(statement, self.period)
        return statement_id

    def refused(self, words: str, kind: str, signers: list[SigningKey], **fields) -> None:
        before = self.book.members.copy()
        with pytest.raises(SignatureError, match=words):
            self.log(kind, signers, **fields)
        assert self.book.members == before

    def change(self, by: str, signers: list[SigningKey], new: list[SigningKey], **fields) -> str:
        keys = [key.public.hex() for key in new]
        return self.log("key_change", signers, by=by, keys=keys, **fields)

    def no_change(self, words: str, by: str, signers, new, **fields) -> None:
        keys = [key.public.hex() for key in new]
        self.refused(words, "key_change", signers, by=by, keys=keys, **fields)

    def recover(self, new=NEW_DEVICE, code=CODE, **fields) -> str:
        return self.change("code", [code, new], [new], code_key=code.public.hex(), **fields)

    def signs(self, key: SigningKey) -> bool:
        """Whether a payment of the member by this key alone would be taken now."""
        try:
            self.book.check(Statement.decode(sign(body_of("transfer"), [key])), self.period)
        except SignatureError:
            return False
        return True


def thiefs_code(story, thief=DEVICE, code=THIEF):
    return story.change("keys", [thief], [thief], recovery=recovery_commitment(code.public))
