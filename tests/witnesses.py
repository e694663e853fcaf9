"""Witnesses that tests serve on the loopback."""

import socket
import threading

import uvicorn

from ledger.log.cosignature import Cosigner
from ledger.witness_store import SqliteWitnessStore
from tests.ledger.heads import LOG, witness_key
from wallet_api.witness_http import create_witness_app


class Served:
    """A witness on a port of the loopback."""

    def __init__(self, folder, number, log=LOG):
        self.name = f"w{number}.example/witness"
        self.key = witness_key(number)
        self.store = SqliteWitnessStore.create(folder / f"{number}.sqlite", self.name)
        self.store.add_log(log)
        listener = socket.create_server(("127.0.0.1", 0))  # who comes early waits in its queue
        self.url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        config = uvicorn.Config(create_witness_app(self.store, self.key), log_level="warning")
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._server.run, args=([listener],))
        self._thread.start()

    def policy_line(self):
        return f"witness {self.name} {Cosigner(self.name, self.key.public).vkey} {self.url}"

    def close(self):
        self._server.should_exit = True
        self._thread.join()
