"""How words reach a telephone or a mailbox: one small interface, files as its first form, SMTP as another.

A file for each message lies in a folder beside the database; whatever can send text messages takes them from
there. The name is the message's own, so that sending it twice leaves one file.

>>> Words("Ladywood", "Payment received.", "0f" * 16).subject
'Ladywood'
"""

import json
import smtplib
import ssl
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.utils import format_datetime
from pathlib import Path
from typing import NamedTuple, Protocol

from ledger.errors import PeerError, SetupError
from wallet_api.cli.context import PUSH_VARIABLE
from wallet_api.cli.output import written

SMTP_SECONDS_MAX = 20.0
"""How long a mail server may take for one answer."""


class Words(NamedTuple):
    """A message: short, and the same however often it is sent.

    Attributes:
        subject: who writes.
        text: what there is to say.
        id: of the message; a mailbox knows by it that it came before.
    """

    subject: str
    text: str
    id: str


class Messenger(Protocol):
    """Brings words to an address."""

    def send(self, address: str, words: Words) -> None:
        """Send, or raise.

        Raises:
            PeerError: not now; it is tried again.
        """


@dataclass(frozen=True, slots=True)
class TextFiles:
    """Text messages as files of JSON: `to` and `text`."""

    folder: Path

    def send(self, address: str, words: Words) -> None:
        """Write a file."""
        told = {"id": words.id, "to": address, "text": f"{words.subject}: {words.text}"}
        data = json.dumps(told, ensure_ascii=False, indent=1).encode() + b"\n"
        write_file(self.folder / f"{words.id}.json", data)


@dataclass(frozen=True, slots=True)
class MailFiles:
    """E-mails as files that every mail program opens."""

    folder: Path
    sender: str

    def send(self, address: str, words: Words) -> None:
        """Write a file."""
        made = mail(self.sender, address, words)
        write_file(self.folder / f"{words.id}.eml", made.as_bytes())


@dataclass(frozen=True, slots=True)
class Smtp:
    """E-mails through a mail server, by TLS from the beginning or from STARTTLS on.

    Attributes:
        host, port: of the server; 465 is TLS from the beginning.
        sender: address that it comes from.
        user: to sign in with; nobody where it is empty.
        password: of the user; never shown.
        now: the time.
    """

    host: str
    port: int
    sender: str
    user: str = ""
    password: str = ""
    now: Callable[[], datetime] = lambda: datetime.now(UTC)

    def __repr__(self) -> str:
        return f"Smtp({self.host}:{self.port})"

    def send(self, address: str, words: Words) -> None:
        """Hand an e-mail to the server."""
        made = mail(self.sender, address, words)
        made["Date"] = format_datetime(self.now())
        try:
            with self._server() as server:
                if self.user:
                    server.login(self.user, self.password)
                server.send_message(made, to_addrs=[address])
        except (OSError, smtplib.SMTPException) as error:
            # An error's text may hold what was sent, and with it who it was for.
            raise PeerError(f"the mail server did not take it ({type(error).__name__})") from error

    def _server(self) -> smtplib.SMTP:
        context = ssl.create_default_context()
        if self.port == smtplib.SMTP_SSL_PORT:
            return smtplib.SMTP_SSL(self.host, self.port, timeout=SMTP_SECONDS_MAX, context=context)
        server = smtplib.SMTP(self.host, self.port, timeout=SMTP_SECONDS_MAX)
        server.ehlo()
        if self.user or server.has_extn("starttls"):  # a password never goes in clear
            server.starttls(context=context)
        return server


def mail(sender: str, address: str, words: Words) -> EmailMessage:
    """Return an e-mail."""
    made = EmailMessage()
    made["From"], made["Subject"] = sender, words.subject
    user, _, domain = address.rpartition("@")
    # A text would be read as a list, and decoded.
    made["To"] = Address(username=user, domain=domain)
    made["Message-ID"] = f"<{words.id}@{sender.rpartition('@')[2]}>"
    made["Auto-Submitted"] = "auto-generated"
    made.set_content(words.text + "\n")
    return made


def write_file(path: Path, data: bytes) -> None:
    """Write a whole file or none: nobody who takes files from a folder sees half of one."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    with written(path) as file:
        file.write(data)


@dataclass(frozen=True, slots=True)
class Channels:
    """All ways out of a server.

    Attributes:
        mail, text: messengers of e-mail and text messages.
        push_contact: where push services find whoever sends; empty: there is no web push.
        private: whether webhooks may go to addresses that are not public: for tests.
    """

    mail: Messenger
    text: Messenger
    push_contact: str = ""
    private: bool = False


SENDER = "commonwatt@localhost"


def channels_here(environment: Mapping[str, str], folder: Path) -> Channels:
    """Return the ways out that an environment names: files in a folder, if it names none.

    Raises:
        SetupError: a value is not what it should be.
    """
    outbox = Path(environment.get("COMMONWATT_OUTBOX") or folder)
    sender = environment.get("COMMONWATT_MAIL_FROM") or SENDER
    contact = environment.get(PUSH_VARIABLE, "")
    if contact and not contact.startswith(("mailto:", "https://")):
        raise SetupError(f"{PUSH_VARIABLE} is {contact!r}: it begins with mailto: or https://")
    return Channels(
        _smtp(environment, sender) or MailFiles(outbox, sender),
        TextFiles(outbox),
        contact,
        environment.get("COMMONWATT_PRIVATE_WEBHOOKS") == "1",
    )


def _smtp(environment: Mapping[str, str], sender: str) -> Smtp | None:
    server = environment.get("COMMONWATT_SMTP")
    if not server:
        return None
    host, _, port = server.partition(":")
    if not host or not (port or "587").isdecimal() or "@" not in sender or sender == SENDER:
        raise SetupError(
            "COMMONWATT_SMTP is HOST:PORT, and COMMONWATT_MAIL_FROM the address that e-mails come from."
        )
    file = environment.get("COMMONWATT_SMTP_PASSWORD_FILE")
    password = environment.get("COMMONWATT_SMTP_PASSWORD", "")
    if file:
        password = Path(file).read_text(encoding="utf-8").strip()
    user = environment.get("COMMONWATT_SMTP_USER", "")
    return Smtp(host, int(port or 587), sender, user, password)
