"""The ways out: a mail server, files, what the environment says, the command, and a server that sends by itself."""

import smtplib
import threading

import pytest
from fastapi.testclient import TestClient

from ledger.errors import PeerError, SetupError
from tests.wallet_api.communities import Shell
from tests.wallet_api.door.phones import AMPLE, NAMES, phones_of
from tests.wallet_api.door.told import (
    MAIL,
    NUMBER,
    put,
)
from wallet_api.cli.context import Settings
from wallet_api.door.messengers import (
    Channels,
    MailFiles,
    Smtp,
    TextFiles,
    Words,
    channels_here,
    mail,
)
from wallet_api.http import create_app

ADA = NAMES[0]


class FakeSmtp:
    """What the standard library's client does with a server."""

    def __init__(self, host, port, timeout):
        self.place, self.did = (host, port, timeout), []
        FakeSmtp.last = self

    def __enter__(self):
        return self

    def __exit__(self, *_error):
        self.did.append("quit")

    def ehlo(self):
        self.did.append("ehlo")

    def has_extn(self, _name):
        return False

    def starttls(self, context):
        assert context.check_hostname
        self.did.append("starttls")

    def login(self, user, password):
        self.did.append(("login", user, password))
        if password.startswith("w"):
            raise smtplib.SMTPAuthenticationError(535, password.encode())

    def send_message(self, mail, to_addrs):
        assert to_addrs == [mail["To"]]
        self.did.append(mail["To"])


def test_a_mail_server_gets_the_password_over_tls_alone_and_nobody_else_does(monkeypatch, tmp_path):
    monkeypatch.setattr(smtplib, "SMTP", FakeSmtp)
    (tmp_path / "password").write_text("open sesame\n")
    channels = channels_here(
        {
            "COMMONWATT_SMTP": "mail.example:587",
            "COMMONWATT_SMTP_USER": "us",
            "COMMONWATT_SMTP_PASSWORD_FILE": str(tmp_path / "password"),
            "COMMONWATT_MAIL_FROM": "us@our-street.example",
        },
        tmp_path,
    )
    channels.mail.send(MAIL, Words("Street", "Hello.", "0f" * 16))
    did = FakeSmtp.last.did
    assert did == ["ehlo", "starttls", ("login", "us", "open sesame"), MAIL, "quit"]
    assert "sesame" not in repr(channels)
    wrong = Smtp("mail.example", 587, "us@our-street.example", "us", "wrong")
    with pytest.raises(PeerError) as error:
        wrong.send(MAIL, Words("Street", "Hello.", "0f" * 16))
    assert "wrong" not in str(error.value)
    assert MAIL not in str(error.value)


def test_the_environment_says_which_ways_there_are(tmp_path):
    usual = channels_here({}, tmp_path)
    assert isinstance(usual.mail, MailFiles)
    assert isinstance(usual.text, TextFiles)
    assert (usual.push_contact, usual.private) == ("", False)
    for wrong in (
        {"COMMONWATT_SMTP": "mail.example:587"},
        {"COMMONWATT_SMTP": ":587", "COMMONWATT_MAIL_FROM": "a@b.example"},
        {"COMMONWATT_PUSH_CONTACT": "us@our-street.example"},
    ):
        with pytest.raises(SetupError):
            channels_here(wrong, tmp_path)


def test_the_command_sends_what_is_due(tmp_path, capsys, monkeypatch):
    shell = Shell(tmp_path, capsys, monkeypatch)
    shell.found()
    shell.refused("Say --due", "send", code=2)
    assert shell.done("send", "--due") == "0 sent, 0 not sent.\n"
    assert shell.json("send", "--due") == {"sent": 0, "failed": 0}


class Heard:
    """A messenger that says that it was used."""

    def __init__(self):
        self.addresses, self.used = [], threading.Event()

    def send(self, address, _words):
        self.addresses.append(address)
        self.used.set()


def test_a_server_sends_by_itself_while_it_runs(copied):
    heard = Heard()
    app = create_app(Settings(*copied), AMPLE, Channels(heard, heard))
    with TestClient(app, base_url="https://testserver") as client:
        ada = phones_of(client)[ADA]
        ada.sign_in()
        assert put(ada).status_code == 200
        assert heard.used.wait(20)
    assert heard.addresses == [NUMBER]


def test_an_address_is_written_as_it_stands():
    """Read as a list of names, it would be decoded: and other people's addresses could stand in it."""
    for address in (
        "=?utf-8?q?ben=40street.example=2C?=@street.example",
        "o'hara+1@street.example",
    ):
        made = mail("us@our.example", address, Words("Street", "Hello.", "0f" * 16))
        assert [each.username for each in made["To"].addresses] == [address.partition("@")[0]]
        assert made.as_bytes()
