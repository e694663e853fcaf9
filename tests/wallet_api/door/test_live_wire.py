"""What happens, told over a real line by a real server."""

import asyncio
import http.client
import socket
import threading
from contextlib import contextmanager, suppress

import uvicorn

from ledger.primitives.money import UNITS_PER_MAJOR
from ledger.primitives.signing import SigningKey
from settlement.reception import Taken, take
from tests.wallet_api.door.phones import AMPLE, NAMES, Phone, ask_of, phones_of, slug
from tests.wallet_api.door.streams import read_events
from wallet_api.cli.context import Settings, open_here
from wallet_api.http import create_app

ADA, BEN = NAMES[:2]
LOAF = 3 * UNITS_PER_MAJOR


class Server(uvicorn.Server):
    def install_signal_handlers(self):
        """Signals belong to the tests."""


@contextmanager
def running(app):
    """Serve an application on a free port, over real sockets."""
    with socket.create_server(("127.0.0.1", 0)) as found:
        config = uvicorn.Config(app, log_level="critical", timeout_graceful_shutdown=1)
        server = Server(config)
        thread = threading.Thread(target=lambda: asyncio.run(server.serve([found])), daemon=True)
        thread.start()
        while not server.started:
            thread.join(0.01)
        try:
            yield found.getsockname()[1]
        finally:
            app.state.live.close()
            server.should_exit = True
            thread.join()


class Stream:
    """One line to ``/v1/events``."""

    def __init__(self, port, token, after=None):
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
        headers = {"Authorization": f"Bearer {token}", "Accept-Encoding": "gzip"}
        if after is not None:
            headers["Last-Event-ID"] = str(after)
        self._connection.request("GET", "/v1/events", headers=headers)
        self.answer = self._connection.getresponse()
        self._events = read_events(iter(self._line, None))

    def _line(self):
        line = self.answer.readline()
        return None if line == b"" else line.decode().rstrip("\n")

    def next(self):
        return next(event for event in self._events if event[0])

    def begun(self):
        return next(self._events)

    def close(self):
        with suppress(OSError):
            self._connection.sock and self._connection.sock.shutdown(socket.SHUT_RDWR)
        self._connection.close()


def test_over_the_wire_from_another_process_with_resumption_and_to_the_end(copied):
    """A real server and a real line; the payment is written by a second opened community."""
    url, keys = copied
    app = create_app(Settings(url, keys), AMPLE)
    with running(app) as port:
        import httpx2  # noqa: PLC0415 - the test client's own library

        with httpx2.Client(base_url=f"http://127.0.0.1:{port}") as client:
            client.app = app
            phones = phones_of(client)
            ada, ben = phones[ADA], phones[BEN]
            till = Phone(client, ben.account, SigningKey.generate())
            assert ben.say("till_key", {"key": till.key.public.hex()}).status_code == 201
            ada.sign_in()
            till.sign_in()
            ask = ask_of(till)["id"]
            mine, tills = Stream(port, ada.token), Stream(port, till.token)
            assert mine.answer.status == 200
            assert mine.answer.getheader("content-type").startswith("text/event-stream")
            assert mine.answer.getheader("content-encoding") is None
            assert mine.answer.getheader("x-content-type-options") == "nosniff"
            _, _, first = mine.begun()
            tills.begun()
            other = open_here(Settings(url, keys))
            fields = {"to": ben.account, "amount": LOAF, "reference": "bread", "ask": ask}
            [taken] = take(other, [ada.signed("transfer", fields)])
            assert isinstance(taken, Taken), taken
            other.writer.database.close()
            name, told, seen = mine.next()
            assert (name, told["units"]) == ("balance", -LOAF)
            assert tills.next()[1]["standing"] == "paid"
            mine.close()
            ada.pay(ben, 5)
            ada.pay(ben, 6)
            again = Stream(port, ada.token, told["log_entry"] if seen is None else seen)
            assert [again.next()[1]["units"] for _ in range(2)] == [-5, -6]
            whole = Stream(port, ada.token, first)
            assert [whole.next()[1]["units"] for _ in range(3)] == [-LOAF, -5, -6]
            gone = {"key": till.key.public.hex(), "revoked": True}
            assert ben.say("till_key", gone).status_code == 201
            assert tills.next()[0] == "end"
            assert tills._line() is None
            assert slug(client.get("/v1/events", headers=till.headers)) == "not-signed-in"
            for stream in (again, whole, tills):
                stream.close()
