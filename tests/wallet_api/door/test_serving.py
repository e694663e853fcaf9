"""Several processes behind one address: each payment once, whichever of them takes it."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request

import pytest

from ledger.errors import InputError
from tests.prepared import reopen, seeded_key
from tests.wallet_api.door.phones import NAMES, Phone
from wallet_api.asgi import RATE_VARIABLE, limits_here, settings_here
from wallet_api.serving import SHARED_OPTION

START = "from wallet_api.cli.start import main; main()"


def free_port():
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]


def asked(url, data=None):
    with urllib.request.urlopen(urllib.request.Request(url, data)) as got:  # noqa: S310 - our own server
        return got.status, json.loads(got.read())


@pytest.mark.skipif(os.name == "nt", reason="signals are not the same")
def test_two_processes_serve_one_street(copy):
    url, keys = copy()
    street = reopen(url, keys)
    with street.reading():
        members = {meter: uses[-1][1].member for meter, uses in street.state.meters.items()}
    street.writer.database.close()
    port = free_port()
    command = [sys.executable, "-c", START, "--database", url, "--keys", str(keys)]
    process = subprocess.Popen([*command, "serve", "--port", str(port), "--workers", "2"])
    try:
        base = f"http://127.0.0.1:{port}"
        for _ in range(400):
            try:
                asked(f"{base}/v1/health")
                break
            except OSError:
                time.sleep(0.05)
        ada, ben = (Phone(None, members[name], None) for name in NAMES[:2])
        ada.key = seeded_key(NAMES[0])
        envelopes = [
            ada.signed(
                "transfer",
                {"to": ben.account, "amount": 1 + n, "reference": "bread"},
                seq=100 + n,
                number=5_000 + n,
            )
            for n in range(12)
        ]
        entries = [asked(f"{base}/v1/statements", e)[1]["log_entry"] for e in envelopes * 2]
        assert entries[:12] == entries[12:]
        assert len(set(entries)) == 12
    finally:
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) in (0, -signal.SIGTERM)


def test_the_environment_says_what_is_served_and_how_much():
    found = settings_here({"COMMONWATT_KEYS": "/k", "COMMONWATT_COMMUNITY": "a.example/ledger/1"})
    assert (str(found.keys), found.origin) == ("/k", "a.example/ledger/1")
    assert limits_here({RATE_VARIABLE: "100"}).sign_ins.per_second == 2
    for wrong in ("", "0", "-1", "inf", "nan", "many"):
        with pytest.raises(InputError, match="from 1 on"):
            limits_here({RATE_VARIABLE: wrong})


def test_a_shared_socket_hands_its_option_on():
    with socket.create_server(("127.0.0.1", 0)) as shared:
        shared.setsockopt(*SHARED_OPTION)
        with socket.create_connection(shared.getsockname()):
            taken, _ = shared.accept()
            with taken:
                assert taken.getsockopt(*SHARED_OPTION[:2])
