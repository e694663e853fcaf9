"""Workers and clients of an inbox in threads, and what they say, for tests."""

import json
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

from sqlalchemy import text

from ledger.inbox import InboxClient, InboxWorker
from tests.ledger.books import ADA, BEN, move
from tests.ledger.stores import batch, encode, handler, until


def worker_of(ledger, holder="one", handle=None):
    return InboxWorker(ledger.database, ledger.community, holder, handle or handler(ledger))


def take(worker, length_ms=60_000):
    with worker._database.write() as connection:
        return worker.lease.take(connection, length_ms)


def expire_lease(ledger):
    with ledger.database.write() as connection:
        mine = {"me": ledger.community}
        connection.execute(text("UPDATE lease SET until_ms = 0 WHERE community = :me"), mine)


def waiting(ledger):
    """Return how many requests nobody answered, without looking into a transaction."""
    return len([1 for row in ledger.rows("answer, error", "inbox") if row == (None, None)])


@contextmanager
def client_of(ledger):
    client = InboxClient(ledger.database, ledger.community)
    try:
        yield client
    finally:
        client.close()


@contextmanager
def serving(*workers):
    """Let workers serve in threads; yield the events that stop them; nothing they raise is lost."""
    stops = [threading.Event() for _ in workers]
    with ThreadPoolExecutor(len(workers)) as pool:
        served = [pool.submit(one.serve, stop) for one, stop in zip(workers, stops, strict=True)]
        try:
            yield stops
        finally:
            for stop in stops:
                stop.set()
        for one in served:
            one.result(10)


@contextmanager
def asked(ledger, batches):
    """Let a client ask for some batches in a thread of its own; yield its answers to come."""
    with client_of(ledger) as client, ThreadPoolExecutor(1) as pool:
        before = waiting(ledger)
        coming = pool.submit(client.submit, list(map(encode, batches)), 10)
        until(lambda: waiting(ledger) >= before + len(batches))
        yield coming


def pay(number, amount=1):
    return batch(number, move(number, ADA, BEN, amount))


def answer(*statuses, repeated=False):
    return json.dumps([repeated, list(map(int, statuses))]).encode()
