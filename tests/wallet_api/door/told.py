"""People who are told of things: a sender whose time is the test's, and a program that listens for webhooks."""

import json
import re
import threading
from contextlib import contextmanager
from email import message_from_bytes
from email.policy import default
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from ledger.primitives.signing import SigningKey
from tests.wallet_api.door.phones import Phone
from wallet_api.door.messengers import Channels, MailFiles, TextFiles
from wallet_api.door.sender import Sender

NUMBER, MAIL = "+447700900123", "ada@street.example"


class Post(ThreadingHTTPServer):
    """A program that gets deliveries and answers as it is told."""

    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), _Handler)
        self.got, self.statuses = [], []

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server_port}/hook?shop=1"


class _Handler(BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["content-length"]))
        self.server.got.append((self.path, dict(self.headers.items()), body))
        status = self.server.statuses.pop(0) if self.server.statuses else 200
        self.send_response(status)
        if 300 <= status < 400:
            self.send_header("Location", "/elsewhere")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_args):
        """Tests say nothing."""


@contextmanager
def listening_program():
    with Post() as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()


class Clock:
    """A time that passes when a test says so, on both sides of the door."""

    def __init__(self, desk):
        self.now = desk.now_ms()
        desk.now_ms = lambda: self.now

    def pass_s(self, seconds):
        self.now += int(seconds * 1000)


def channels_in(folder, **more):
    return Channels(
        MailFiles(folder, "us@our-street.example"), TextFiles(folder), private=True, **more
    )


def sender_of(client, clock, folder, **more):
    channels = channels_in(folder, **more)
    desk = client.app.state.desk
    desk.channels = channels
    sender = Sender(desk.here, channels, lambda: clock.now)
    sender.run_once()
    return sender


def shop_of(client, phones, name="0e"):
    """Open a shop, and return its phone, signed in."""
    shop = Phone(client, name * 16, SigningKey.generate())
    opening = {
        "class": "shop",
        "keys": [shop.key.public.hex()],
        "threshold": 1,
        "floor_units": 0,
    }
    operators = [phones["operator-1"].key, phones["operator-2"].key]
    assert shop.say("account_open", opening, keys=operators).status_code == 201
    shop.sign_in()
    return shop


def told(outbox):
    """Return (to, words) of all messages in the outbox."""
    found = []
    for path in sorted(outbox.glob("*")):
        if path.suffix == ".json":
            said = json.loads(path.read_text(encoding="utf-8"))
            found.append((said["to"], said["text"].partition(": ")[2]))
        else:
            mail = message_from_bytes(path.read_bytes(), policy=default)
            found.append((mail["To"], mail.get_content().strip()))
        path.unlink()
    return found


def put(phone, kind="sms", address=NUMBER, events=("payment", "ask")):
    body = {"kind": kind, "address": address, "events": list(events)}
    return phone.client.put("/v1/contacts", json=body, headers=phone.headers)


def show_code(phone, contact, code):
    path = f"/v1/contacts/{contact}/code"
    return phone.client.put(path, json={"code": code}, headers=phone.headers)


def code_in(outbox):
    [code] = [words[:6] for _, words in told(outbox) if re.match(r"\d{6} is", words)]
    return code


def confirmed(sender, outbox, phone, *what, **more):
    contact = put(phone, *what, **more).json()["id"]
    sender.run_once()
    assert show_code(phone, contact, code_in(outbox)).status_code == 204
    return contact
