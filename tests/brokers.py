"""Real Mosquitto brokers for tests, each on a free port of this machine with its own folder."""

import os
import shutil
import signal
import socket
import subprocess
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from meters.mqtt import Broker
from tests.engines import missing

START_S = 5.0
"""Longest wait for a broker that starts."""

DEPLOY = Path(__file__).parents[1] / "deploy"

PLAIN = """
listener {port} 127.0.0.1
allow_anonymous true
"""

KEPT = """
persistence true
persistence_location {folder}/
autosave_on_changes true
autosave_interval 1
max_queued_messages 0
"""


def need_mosquitto() -> str:
    """Return where the program is; skip loudly where it is not."""
    # Debian keeps it where only root looks.
    found = shutil.which("mosquitto", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
    if found is None:
        missing("Mosquitto (Debian: mosquitto)")
    return str(found)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Mosquitto:
    """A broker that can be killed and started again."""

    def __init__(self, folder: Path, config: str = PLAIN + KEPT) -> None:
        self.program, self.port, self.folder = need_mosquitto(), free_port(), folder
        folder.mkdir(exist_ok=True)
        # As root it would become another user, who cannot read the test's folder.
        text = "user root\n" + config.format(port=self.port, folder=folder)
        (folder / "mosquitto.conf").write_text(text)
        self.process: subprocess.Popen[bytes] | None = None
        self.start()

    @property
    def broker(self) -> Broker:
        return Broker("127.0.0.1", self.port)

    @property
    def url(self) -> str:
        return f"mqtt://127.0.0.1:{self.port}"

    def start(self) -> None:
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(
                [self.program, "-c", self.folder / "mosquitto.conf"], stdout=log, stderr=log
            )
        deadline = time.monotonic() + START_S
        while time.monotonic() < deadline and self.process.poll() is None:
            try:
                socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
            except OSError:
                time.sleep(0.01)
            else:
                return
        raise AssertionError((self.folder / "log").read_text())

    def kill(self) -> None:
        """Take its power away."""
        self._end(signal.SIGKILL)

    def stop(self) -> None:
        self._end(signal.SIGTERM)

    def _end(self, number: signal.Signals) -> None:
        if self.process is not None:
            self.process.send_signal(number)
            self.process.wait(START_S)
            self.process = None


def deployed(folder: Path, origin: str) -> str:
    """Return the example configuration of `deploy`, with its files in a test's folder."""
    acl = (DEPLOY / "mosquitto.acl").read_text().replace("riverside.example/ledger/1", origin)
    (folder / "acl").write_text(acl)
    text = (DEPLOY / "mosquitto.conf").read_text()
    for ours, theirs in (
        ("listener 8883", "listener {port} 127.0.0.1"),
        ("/etc/mosquitto/commonwatt/", "{folder}/"),
        ("persistence true", "persistence true\npersistence_location {folder}/"),
    ):
        assert ours in text
        text = text.replace(ours, theirs)
    return text


class Authority:
    """Signs certificates for brokers and their clients."""

    def __init__(self, folder: Path, name: str) -> None:
        self.folder, self._key = folder, ec.generate_private_key(ec.SECP256R1())
        self._name = _named(name)
        constraints = x509.BasicConstraints(ca=True, path_length=0)
        certificate = self._sign(self._name, self._key, constraints)
        self.file = folder / f"{name}.pem"
        self.file.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))

    def issue(self, name: str) -> tuple[Path, Path]:
        """Return the files of a certificate and its key."""
        key = ec.generate_private_key(ec.SECP256R1())
        names = x509.SubjectAlternativeName([x509.DNSName("localhost")])
        certificate = self._sign(_named(name), key, names)
        cert_file, key_file = self.folder / f"{name}.pem", self.folder / f"{name}.key"
        cert_file.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
        key_file.write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            )
        )
        return cert_file, key_file

    def _sign(self, subject, key, extension) -> x509.Certificate:
        now = datetime.now(UTC)
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self._name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(hours=1))
            .not_valid_after(now + timedelta(hours=1))
            .add_extension(extension, critical=isinstance(extension, x509.BasicConstraints))
            .sign(self._key, hashes.SHA256())
        )


def _named(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
