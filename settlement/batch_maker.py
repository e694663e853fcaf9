"""Batches of readings that this program signs itself, with the operator's adapter key.

>>> Piece(("h1", Channel.IMPORT), "0f" * 16, Run(1, array("i", [5]), "A")).inputs
()
"""

from array import array
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection

from ledger import log_store
from ledger.statements import Statement, make_body
from ledger.writer import LIFETIME_MS, Draft
from meters.batches import BatchContent, Chain, Link, batch_fields, batch_id
from meters.files import SourceFile
from meters.pages import Run
from meters.readings import Channel, Slot
from settlement.community import Community

__all__ = ["BatchMaker", "Channel", "Piece", "array"]


@dataclass(frozen=True, slots=True)
class Piece:
    """Consecutive readings of one meter and channel, in one member's name.

    Attributes:
        slot: meter and channel.
        member: whose consent covers all of them.
        run: the readings.
        inputs: of estimates: what they were made from.
    """

    slot: Slot
    member: str
    run: Run
    inputs: tuple[Mapping[str, Any], ...] = ()


class BatchMaker:
    """Makes the batches of one transaction, each following the one before in its chain."""

    def __init__(
        self,
        community: Community,
        connection: Connection,
        now_ms: int,
        source: SourceFile | None = None,
    ) -> None:
        self._community, self._connection, self._now_ms = community, connection, now_ms
        self._key = community.writer.role_key("adapter")
        self._file = {} if source is None else {"file": source.sha256.hex()}
        self._ends: dict[Chain, Link] = {}
        self._sequences: dict[Chain, int] = {}
        self._seq = log_store.last_seq(connection, community.writer.community, self._key.key_id)
        self.drafts: list[Draft] = []
        self.contents: dict[str, BatchContent] = {}

    def place(self, piece: Piece) -> BatchContent:
        """Return the content of the next batch of its chain, salted."""
        writer, chain, run = self._community.writer, self._chain(piece), piece.run
        if chain not in self._ends:
            self._ends[chain] = self._community.readings.chain_end(self._connection, chain)
            self._sequences[chain] = self._ends[chain][0]
        self._sequences[chain] += 1
        statement_id = batch_id(writer.origin, chain, self._sequences[chain])
        seed = writer.entropy(f"seed/{statement_id}", 32)
        return BatchContent(run.first, tuple(run.wh), run.quality, seed, piece.inputs)

    def sign(self, piece: Piece, content: BatchContent, root: bytes) -> None:
        """Sign a batch that was placed; in the order of `place`."""
        writer, chain = self._community.writer, self._chain(piece)
        before = self._ends[chain]
        fields = batch_fields(chain, before, content, self._now_ms, backfill=True, root=root)
        self._seq += 1
        body = make_body(
            "reading_batch",
            writer.origin,
            piece.member,
            batch_id(writer.origin, chain, before[0] + 1),
            self._seq,
            self._now_ms + LIFETIME_MS,
            fields | self._file,
        )
        statement = Statement.made(body, [self._key])
        self._ends[chain] = before[0] + 1, statement.tx_id
        self.drafts.append(Draft(statement.envelope.encode(), content.encode(), statement))
        self.contents[statement.tx_id] = content

    def _chain(self, piece: Piece) -> Chain:
        return piece.slot[0], piece.slot[1].value, self._key.key_id
