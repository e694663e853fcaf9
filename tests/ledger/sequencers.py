"""Sequencers to test with: logs with two devices, what must hold of them, and processes."""

import itertools
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import text

from ledger import log_store
from ledger.communities import community_number, create_community
from ledger.db import Database
from ledger.keyring import Keyring
from ledger.kinds import COMMUNITY
from ledger.log.checkpoint import open_checkpoint
from ledger.log.note import Verifier
from ledger.log.tree import Frontier, leaf_hash, root_of
from ledger.primitives.clock import FixedClock
from ledger.primitives.signing import SigningKey
from ledger.writer import Draft, Writer
from tests.ledger.statement_examples import (
    DEVICE,
    FIELDS,
    LOG,
    MEMBER,
    OPERATORS,
    SECOND_DEVICE,
    key_of,
)
from tests.ledger.stores import ROOT, START_MS, tell

NEWCOMER, NEW_DEVICE = "3c" * 16, key_of(20)
DEVICES = {"one": DEVICE, "two": SECOND_DEVICE}
_count = itertools.count(1)

A_TURN = 5
"""A process does so much at once, and then waits to be told again."""


def open_log(database: Database, origin: str, keys: Path) -> Writer:
    """Return a writer as a process has that just started."""
    return Writer(database, community_number(origin), origin, Keyring(keys), FixedClock(START_MS))


def found_log(database: Database, keys: Path) -> Writer:
    """Return a writer of a new log with a roster and a member who has two devices."""
    origin = f"street{next(_count)}.example/{os.getpid()}"
    if not Keyring(keys).has("log"):
        Keyring(keys).create("log", LOG)
    writer = open_log(database, origin, keys)
    with database.write() as connection:
        create_community(connection, origin, "Street", START_MS)
        log_store.create_log(connection, writer.community, origin, LOG)
    with writer.transaction() as connection:
        for kind, account, signers in (
            ("roster", COMMUNITY, OPERATORS[:2]),
            ("account_open", MEMBER, [DEVICE, *OPERATORS[:2]]),
        ):
            record(writer, connection, kind, account, signers)
    return writer


def new_id() -> str:
    made = os.urandom(16).hex()
    return f"{made[:12]}7{made[13:]}"


def draft(
    writer: Writer, connection: Any, kind: str, account: str, signers: Sequence[SigningKey], **more
) -> Draft:
    fields = {**FIELDS[kind], **more.pop("fields", {})}
    return Draft(writer.sign_new(connection, kind, account, new_id(), fields, signers, **more))


def record(writer: Writer, connection: Any, *what: Any) -> int:
    return writer.record(connection, [draft(writer, connection, *what)])[0]


def drafts_of_a_newcomer(writer: Writer) -> list[Draft]:
    """Return an opening, which changes whose keys count, and two offers, one by the new key."""
    with writer.database.read() as connection:
        keys = {"keys": [NEW_DEVICE.public.hex()]}
        opening = [NEW_DEVICE, *OPERATORS[:2]]
        return [
            draft(writer, connection, "account_open", NEWCOMER, opening, fields=keys),
            draft(writer, connection, "offer", NEWCOMER, [NEW_DEVICE], ahead=1),
            draft(writer, connection, "offer", MEMBER, [DEVICE]),
        ]


def whole(writer: Writer) -> list[bytes]:
    """Return the log's envelopes, having checked the head, every row, and what memory holds."""
    with writer.database.read() as connection:
        size, frontier_bytes, note = log_store.head(connection, writer.community)
        leaves = log_store.leaves(connection, writer.community, 0, size)
        facts = list(log_store.facts(connection, writer.community))
        for table in ("log_entry", "fact", "statement"):
            query = f"SELECT position FROM {table} WHERE community = :c ORDER BY position"  # noqa: S608
            found = connection.scalars(text(query), {"c": writer.community}).all()
            assert found == list(range(size)), table
    frontier = Frontier()
    for leaf in leaves:
        frontier.append(leaf_hash(leaf))
    assert frontier_bytes == frontier.to_bytes()
    head = open_checkpoint(note, Verifier(writer.origin, LOG.public))
    assert (head.size, head.root) == (size, root_of(map(leaf_hash, leaves)))
    assert [entry.leaf for _, entry in facts] == leaves
    fresh = open_log(writer.database, writer.origin, writer.keyring.folder)
    for one in (fresh, writer):
        with one.transaction():
            pass
    assert writer.key_book == fresh.key_book
    assert writer._position == size
    return [entry.envelope for _, entry in facts]


# Processes of their own.


@contextmanager
def process(writer: Writer, *words: object) -> Iterator[Any]:
    """Start this file as a program that works when told so (`stores.go`)."""
    url = writer.database.url.render_as_string(hide_password=False)
    program = [sys.executable, "-W", "error", "-m", __name__, url, writer.origin]
    command = [*program, writer.keyring.folder, *words]
    pipes = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.PIPE)
    with subprocess.Popen(list(map(str, command)), cwd=ROOT, text=True, **pipes) as started:
        try:
            yield started
        finally:
            started.kill()


def main(url: str, origin: str, keys: str, verb: str, what: str, count: str) -> None:
    """Append offers by a device, or publish to a folder, so many times, in turns when told."""
    database = Database(url)
    writer = open_log(database, origin, Path(keys))
    tell("ready")
    for number in range(int(count)):
        if number % A_TURN == 0:
            sys.stdin.readline()
        if verb == "append":
            with writer.transaction() as connection:
                made = draft(writer, connection, "offer", MEMBER, [DEVICES[what]])
                (position,) = writer.record(connection, [made])
            tell(f"{position} {made.envelope.hex()}")
        else:
            tell(str(writer.publish(Path(what)).checkpoint.size))
    database.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
