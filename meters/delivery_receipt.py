r"""The signed answer to a delivered batch: what an adapter keeps to prove that it delivered.

A C2SP signed note by the log's key. Its first line has a space, so it can never be taken for a
checkpoint of the same key. ``docs/spec/readings.md`` is the specification.

>>> from ledger.primitives.signing import SigningKey
>>> key = SigningKey.from_seed(bytes(32))
>>> receipt = DeliveryReceipt("riverside.example/ledger/1", "ab" * 32, 331, 1_760_000_000_000)
>>> note = receipt.sign(key)
>>> note.split("\n")[:3]
['commonwatt delivery v1', 'riverside.example/ledger/1', 'abababababababababababababababababababababababababababababababab']
>>> open_receipt(note.encode(), Verifier(receipt.origin, key.public)) == receipt
True
"""

import re
from dataclasses import dataclass

from ledger.errors import LogError
from ledger.log.note import Verifier, open_note, sign_note
from ledger.primitives.signing import SigningKey

TITLE = "commonwatt delivery v1"

RECEIPT_BYTES_MAX = 1_000
"""Longest receipt: five short lines and a signature."""

_TEXT = re.compile(
    rf"{TITLE}\n([!-~]{{1,140}})\n([0-9a-f]{{64}})\n(logged ([0-9]{{1,16}})|held)\n([0-9]{{1,16}})\n"
)


@dataclass(frozen=True, slots=True)
class DeliveryReceipt:
    """What became of a delivered batch.

    Attributes:
        origin: of the log.
        tx_id: of the batch.
        entry: its position in the log; None while it is held, because one before it is missing.
        received_at_ms: when it came first, Unix milliseconds.
    """

    origin: str
    tx_id: str
    entry: int | None
    received_at_ms: int

    @property
    def status(self) -> str:
        """``logged`` or ``held``."""
        return "held" if self.entry is None else "logged"

    def sign(self, key: SigningKey) -> str:
        """Return the note that the log's key signs."""
        state = "held" if self.entry is None else f"logged {self.entry}"
        text = f"{TITLE}\n{self.origin}\n{self.tx_id}\n{state}\n{self.received_at_ms}\n"
        return sign_note(text, self.origin, key)


def open_receipt(note: bytes, verifier: Verifier) -> DeliveryReceipt:
    """Read a receipt and check the log's signature.

    Raises:
        LogError: not a receipt, of another log, or not signed by its key.
    """
    if len(note) > RECEIPT_BYTES_MAX:
        raise LogError(f"a delivery receipt has at most {RECEIPT_BYTES_MAX:,} bytes")
    found = _TEXT.fullmatch(open_note(note, [verifier]).text)
    if found is None:
        raise LogError("the note is no delivery receipt")
    origin, tx_id, _, entry, received_at = found.groups()
    if origin != verifier.name:
        raise LogError(f"the receipt is of {origin}, another log")
    return DeliveryReceipt(origin, tx_id, None if entry is None else int(entry), int(received_at))
