"""Signatures that are checked beside the replay, as nearly all of them hold.

A statement with one signature, by a key that may sign it, is taken at its word for a moment: the
signature is verified with others, perhaps by another process, and if it does not hold, the audit
fails at this entry whatever came after. Statements with several signatures, of which some may
count for nothing, are verified at once.

>>> TrustingKeyBook("riverside.example/ledger/1").taken
[]
"""

from typing import Any

from ledger.keys import KeyBook
from ledger.primitives.signing import Envelope, key_id_of

Taken = tuple[int, bytes, bytes, bytes]
"""Log position, public key, signature and the bytes that it is over."""


class TrustingKeyBook(KeyBook):
    """A key book that remembers what it took at its word."""

    def __init__(self, *fields: Any) -> None:
        super().__init__(*fields)
        self.position = -1
        """Log position of the entry that is being checked; the replay sets it."""
        self.taken: list[Taken] = []
        """What is still to be verified; whoever takes it empties the list."""

    def holding(self, envelope: Envelope, keys: list[bytes]) -> list[int]:
        """Return the indexes of the keys whose signature is on an envelope, and will hold."""
        if len(envelope.signatures) != 1:
            return super().holding(envelope, keys)
        [(key_id, signature)] = envelope.signatures
        for index, key in enumerate(keys):
            if key_id_of(key) == key_id:
                self.taken.append((self.position, key, signature, envelope.signed_bytes))
                return [index]
        return []
