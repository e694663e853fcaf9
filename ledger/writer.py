"""The writer of one community: every signed statement enters the ledger through here.

It checks signatures and sequence, appends to the log, and posts what the statement causes, all
in the caller's transaction. There is one a process; several processes take turns by the
community's lock.

>>> Draft(b"...").detail is None
True
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import Connection

from ledger import log_known, log_store
from ledger.cosign import Collected, Witnesses
from ledger.db import Database
from ledger.entropy import Entropy, system_entropy
from ledger.errors import RefusedError
from ledger.keyring import Keyring
from ledger.keys import KEY_KINDS, KeyBook
from ledger.log.checkpoint import Checkpoint
from ledger.log.leaf import SALT_BYTES
from ledger.log.note import Verifier
from ledger.log.policy import Policy
from ledger.log_files import publish, show_checkpoint, shown_note
from ledger.log_store import Entry
from ledger.primitives.clock import CLOCK_BACK_MS_MAX, Clock
from ledger.primitives.periods import SECONDS
from ledger.primitives.signing import SigningKey
from ledger.statements import Statement, make_body, sign
from ledger.store import LedgerStore

LIFETIME_MS = 24 * 3_600_000
"""How long a statement that this program signs may wait to be logged."""


@dataclass(frozen=True, slots=True)
class Draft:
    """A signed envelope and the detail it binds, on their way into the log.

    ``statement`` is the envelope decoded, where whoever made the draft has it already.
    """

    envelope: bytes
    detail: bytes | None = None
    statement: Statement | None = None

    def decoded(self) -> Statement:
        """Return the statement of the envelope."""
        return self.statement or Statement.decode(self.envelope)


EVIDENCE = "evidence"
"""Folder beside the log's files that keeps proofs of forks."""


@dataclass(frozen=True, slots=True)
class Published:
    """What was published: the head, and what its witnesses did, if any were asked."""

    checkpoint: Checkpoint
    collected: Collected | None = None


class Writer:
    """The state that writing needs: database, keys, clock, and which keys count.

    Args:
        database: an open database at the current revision.
        community: the community's number.
        origin: the log's origin.
        keyring: the operator's keys.
        clock: the only source of time.
        entropy: the only source of salts and seeds.
    """

    def __init__(
        self,
        database: Database,
        community: int,
        origin: str,
        keyring: Keyring,
        clock: Clock,
        entropy: Entropy = system_entropy,
    ) -> None:
        self.database, self.community, self.origin = database, community, origin
        self.keyring, self.clock, self.entropy = keyring, clock, entropy
        self.ledger = LedgerStore(community)
        self.key_book = KeyBook(origin)
        self._position = self._folded = 0
        self._keys_changed = False
        self.on_rollback: list[Callable[[], None]] = [self._forget]

    @contextmanager
    def transaction(self) -> Iterator[Connection]:
        """Open a write transaction with the community locked and the keys up to date.

        If the transaction fails, what it changed in memory is dropped, and folded again from the
        log by the next; a statement that is refused for its signature changes nothing.
        """
        try:
            with self.database.write() as connection:
                self.ledger.lock(connection)
                self.refresh_keys(connection)
                yield connection
        except BaseException:
            for forget in self.on_rollback:
                forget()
            raise

    def now_period(self) -> int:
        """Return the half-hour that the clock is in."""
        return self.clock.now_ms() // (SECONDS * 1000)

    def sign_new(
        self,
        connection: Connection,
        kind: str,
        account: str,
        statement_id: str,
        fields: Mapping[str, Any],
        keys: Sequence[SigningKey],
        *,
        not_after_ms: int | None = None,
        ahead: int = 0,
    ) -> bytes:
        """Return a new statement signed with the next ``seq`` of the first key.

        Args:
            connection: an open transaction.
            kind: kind of statement.
            account: member id, or ``community``.
            statement_id: 32 hexadecimal digits.
            fields: the kind's own fields.
            keys: every key that signs.
            not_after_ms: last time at which it may be logged; a day from now if left out.
            ahead: statements of this key that are drafted but not recorded yet.
        """
        seq = log_store.last_seq(connection, self.community, keys[0].key_id) + 1 + ahead
        if not_after_ms is None:
            not_after_ms = self.clock.now_ms() + LIFETIME_MS
        body = make_body(kind, self.origin, account, statement_id, seq, not_after_ms, fields)
        return sign(body, keys)

    def record(
        self,
        connection: Connection,
        drafts: Sequence[Draft],
        *,
        signed: bool = False,
        new: bool = False,
    ) -> list[int]:
        """Check statements and append those that are new.

        Args:
            connection: an open transaction.
            drafts: in the order in which they are logged.
            signed: their signatures were checked in this very transaction.
            new: that none of them was logged was looked up in this very transaction.

        Returns:
            Each statement's position in the log.

        Raises:
            SignatureError: the right keys did not sign.
            ConflictError: an id or ``seq`` came before with another body.
            RefusedError: too late, or too far behind in ``seq``.
        """
        now_ms = self.log_time_ms(connection)
        period = now_ms // (SECONDS * 1000)
        fresh: list[tuple[Statement, Entry]] = []
        statements = [draft.decoded() for draft in drafts]
        positions: list[int | None] = [None] * len(statements)
        if not new:
            positions = log_known.find_statements(connection, self.community, statements)
        for draft, statement, known in zip(drafts, statements, positions, strict=True):
            if known is not None:
                continue
            if now_ms > statement.body["not_after"]:
                raise RefusedError(f"The statement {statement.id} came after its not_after.")
            if not signed:
                self.key_book.check(statement, period)
            self._keys_changed |= statement.kind in KEY_KINDS
            self.key_book.apply(statement, period)
            salt = self.entropy(f"salt/{statement.id}", SALT_BYTES)
            entry = Entry(statement.kind, period, draft.envelope, salt, draft.detail)
            fresh.append((statement, entry))
        if fresh:
            key = self.keyring.load("log")
            first = log_store.append(connection, self.community, self.origin, key, fresh, now_ms)
            self._position = first + len(fresh)
            places = iter(range(first, first + len(fresh)))
            return [next(places) if known is None else known for known in positions]
        return [known for known in positions if known is not None]

    def logged_ms(self, connection: Connection) -> int:
        """Return the time of the log's last entry: what it causes is posted at that time."""
        return log_store.last_recorded_ms(connection, self.community)

    def log_time_ms(self, connection: Connection) -> int:
        """Return the time to log at: never before the last entry's, even after a restart."""
        now_ms = self.clock.now_ms()
        last_ms = log_store.last_recorded_ms(connection, self.community)
        if now_ms < last_ms - CLOCK_BACK_MS_MAX:
            raise RefusedError(
                "The computer's clock stands before the log's last entry. Nothing was written. "
                "Set the clock right and start again."
            )
        return max(now_ms, last_ms)

    def publish(
        self,
        folder: Path,
        after_write: Callable[[Path], None] = lambda _path: None,
        policy: Policy | None = None,
    ) -> Published:
        """Bring the log's files up to the database's head, and ask the witnesses of a policy.

        The community is locked while files are written, so that two processes never publish at
        once and the checkpoint never goes back; it is not while witnesses are asked.

        Raises:
            LogError: the files are not those of this log, or a witness's line does not hold.
        """
        verifier = Verifier(self.origin, self.keyring.load("log").public)
        with self._locked() as connection:
            _, _, note = log_store.head(connection, self.community)
            checkpoint = publish(
                folder,
                verifier,
                note,
                lambda first, end: log_store.leaves(connection, self.community, first, end),
                after_write,
                show=policy is None,
            )
        if policy is None:
            return Published(checkpoint)
        witnesses = Witnesses(verifier, policy, folder / EVIDENCE)
        collected = witnesses.collect(
            shown_note(folder, verifier, note), lambda name: (folder / name).read_bytes()
        )
        with self._locked():
            show_checkpoint(folder, verifier, collected.note)
        return Published(checkpoint, collected)

    @contextmanager
    def _locked(self) -> Iterator[Connection]:
        with self.database.write() as connection:
            self.ledger.lock(connection)
            yield connection

    def role_key(self, role: str) -> SigningKey:
        """Return the key here that the roster in force names for a role, such as ``settlement``.

        Raises:
            SetupError: it is not here.
        """
        return self.keyring.key_of_role(role, self.key_book.roles.get(role, ()))

    def refresh_keys(self, connection: Connection) -> None:
        """Fold in what was logged of keys since the last look."""
        size, _, _ = log_store.head(connection, self.community)
        if size != self._position:
            self._keys_changed = True
            for _, entry in log_store.facts(
                connection, self.community, kinds=KEY_KINDS, first=self._position
            ):
                self.key_book.apply(Statement.decode(entry.envelope), entry.period)
        self._position = self._folded = size
        self._keys_changed = False

    def _forget(self) -> None:
        """Go back to what is known to be in the log."""
        self.ledger.forget()
        if self._keys_changed:
            self.key_book, self._folded = KeyBook(self.origin), 0
        self._position, self._keys_changed = self._folded, False
