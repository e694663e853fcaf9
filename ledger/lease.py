"""Leases: of several processes, one writes for a community at a time.

The holder renews its lease; when it does not, another takes it, with a higher epoch. The epoch is
checked in the very transaction that writes, so a process that slept past its lease writes nothing.
Time is the database's, so that no two computers' clocks are compared.

>>> Lease(7, "worker-1").epoch is None
True
"""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, text

from ledger.bulk import Reads
from ledger.errors import RefusedError

LEASE_MS = 5_000
"""How long a lease lasts without being renewed."""

LEASE_LONGEST_MS = 600_000
"""No lease is longer."""

_NOW_MS = {
    "postgresql": "CAST(extract(epoch FROM clock_timestamp()) * 1000 AS BIGINT)",
    "sqlite": "CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER)",
}


class LeaseLostError(RefusedError):
    """Another process writes for this community now."""


class Lease:
    """One process's hold on a community.

    Args:
        community: its number.
        holder: names the process; no two may share it.
    """

    def __init__(self, community: int, holder: str) -> None:
        self.community, self.holder = community, holder
        self.epoch: int | None = None

    def take(self, connection: Connection, length_ms: int = LEASE_MS) -> bool:
        """Take or renew the lease, and say whether it is ours now."""
        now = _NOW_MS[connection.dialect.name]
        row = connection.execute(
            text(
                f"""
                INSERT INTO lease (community, holder, epoch, until_ms)
                VALUES (:community, :holder, 1, {now} + :length)
                ON CONFLICT (community) DO UPDATE SET
                  holder = excluded.holder,
                  epoch = lease.epoch + CASE WHEN lease.holder = excluded.holder
                    THEN 0 ELSE 1 END,
                  until_ms = excluded.until_ms
                WHERE lease.holder = excluded.holder OR lease.until_ms < {now}
                  OR lease.until_ms > {now} + :longest
                RETURNING epoch
                """  # noqa: S608 - our own words
            ),
            {
                "community": self.community,
                "holder": self.holder,
                "length": length_ms,
                # One that ends far ahead was taken before the clock was put back.
                "longest": max(length_ms, LEASE_LONGEST_MS),
            },
        ).one_or_none()
        self.epoch = None if row is None else int(row.epoch)
        return self.epoch is not None

    def check(self, connection: Connection) -> None:
        """Refuse to write unless the lease is still ours; it stays so until the commit.

        Raises:
            LeaseLostError: another process took it.
        """
        reads = Reads(connection)
        epoch = self.ask(reads)
        reads.run()
        self.judge(epoch)

    def ask(self, reads: Reads) -> list[Any]:
        """Ask whose the lease is, and keep it so until the commit; `judge` takes the answer."""
        lock = " FOR UPDATE" if reads.dialect == "postgresql" else ""
        return reads.query(f"SELECT epoch FROM lease WHERE community = {self.community:d}{lock}")  # noqa: S608 - our own number

    def judge(self, found: Sequence[tuple[int]]) -> None:
        """Refuse to write unless the lease is still ours.

        Raises:
            LeaseLostError: another process took it.
        """
        if self.epoch is None or not found or found[0][0] != self.epoch:
            raise LeaseLostError(
                "Another process writes for this community now; nothing was written here."
            )

    def give_up(self, connection: Connection) -> None:
        """Let another process take over at once, as at the end of a program."""
        query = text(
            "UPDATE lease SET until_ms = 0 WHERE community = :community AND epoch = :epoch"
        )
        connection.execute(query, {"community": self.community, "epoch": self.epoch or 0})
        self.epoch = None
