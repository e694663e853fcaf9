"""What waits and what worries: batches whose predecessor is missing, and alerts for operators.

>>> HeldStore(7).community
7
"""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, delete, func, insert, select

from meters.batches import Chain
from meters.tables import HeldBatchRow, MeterAlertRow

ALERTS_MAX = 10_000
"""Most alerts kept; more of them say no more."""

_held = HeldBatchRow.__table__  # type: ignore[attr-defined]
_alerts = MeterAlertRow.__table__  # type: ignore[attr-defined]


@dataclass(frozen=True, slots=True)
class Held:
    """A batch that waits for the one before it."""

    chain: Chain
    sequence: int
    tx_id: str
    envelope: bytes
    readings: bytes
    received_at_ms: int


@dataclass(frozen=True, slots=True)
class Alert:
    """Something that an operator should look at."""

    number: int
    at_ms: int
    kind: str
    meter: str
    text: str


class HeldStore:
    """The held batches and the alerts of one community."""

    def __init__(self, community: int) -> None:
        self.community = community

    def find(self, connection: Connection, chain: Chain, sequence: int) -> Held | None:
        """Return what is held of a chain at a sequence."""
        found = self.of_chain(connection, chain, sequence, 1)
        return found[0] if found and found[0].sequence == sequence else None

    def of_chain(
        self, connection: Connection, chain: Chain, first: int = 0, count: int = 1_000
    ) -> list[Held]:
        """Return what is held of a chain from a sequence on, in order."""
        meter, channel, signer = chain
        rows = connection.execute(
            select(_held)
            .where(_held.c.community == self.community, _held.c.meter == meter)
            .where(_held.c.channel == channel, _held.c.signer == signer)
            .where(_held.c.sequence >= first)
            .order_by(_held.c.sequence)
            .limit(count)
        )
        return [
            Held(chain, row.sequence, row.tx_id.hex(), row.envelope, row.readings, row.received_at)
            for row in rows
        ]

    def counts(self, connection: Connection) -> dict[Chain, tuple[int, int]]:
        """Return (first sequence held, number held) of every chain of which something is held."""
        columns = (_held.c.meter, _held.c.channel, _held.c.signer)
        rows = connection.execute(
            select(*columns, func.min(_held.c.sequence), func.count())
            .where(_held.c.community == self.community)
            .group_by(*columns)
            .order_by(*columns)
        )
        return {(meter, channel, signer): (first, n) for meter, channel, signer, first, n in rows}

    def hold(self, connection: Connection, held: Held) -> None:
        """Keep a batch until what it follows is there."""
        meter, channel, signer = held.chain
        connection.execute(
            insert(_held).values(
                community=self.community,
                meter=meter,
                channel=channel,
                signer=signer,
                sequence=held.sequence,
                tx_id=bytes.fromhex(held.tx_id),
                envelope=held.envelope,
                readings=held.readings,
                received_at=held.received_at_ms,
            )
        )

    def release(self, connection: Connection, chain: Chain, sequences: Sequence[int]) -> None:
        """Drop what is logged or refused now."""
        meter, channel, signer = chain
        connection.execute(
            delete(_held)
            .where(_held.c.community == self.community, _held.c.meter == meter)
            .where(_held.c.channel == channel, _held.c.signer == signer)
            .where(_held.c.sequence.in_(list(sequences)))
        )

    def alert(
        self, connection: Connection, kind: str, meter: str, mark: str, text: str, at_ms: int
    ) -> None:
        """Note something for the operators, once for each mark."""
        mine = _alerts.c.community == self.community
        if connection.execute(select(_alerts.c.number).where(mine, _alerts.c.mark == mark)).first():
            return
        number = (connection.scalar(select(func.max(_alerts.c.number)).where(mine)) or 0) + 1
        if number > ALERTS_MAX:
            connection.execute(delete(_alerts).where(mine, _alerts.c.number <= number - ALERTS_MAX))
        connection.execute(
            insert(_alerts).values(
                community=self.community,
                number=number,
                at=at_ms,
                kind=kind,
                meter=meter,
                mark=mark,
                text=text,
            )
        )

    def alerts(self, connection: Connection, limit: int = 100) -> list[Alert]:
        """Return the latest alerts, the newest first."""
        rows = connection.execute(
            select(_alerts)
            .where(_alerts.c.community == self.community)
            .order_by(_alerts.c.number.desc())
            .limit(limit)
        )
        return [Alert(row.number, row.at, row.kind, row.meter, row.text) for row in rows]
