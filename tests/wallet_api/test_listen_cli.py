"""``commonwatt meters listen`` at a real broker: who is let in, who may do what, and how it ends."""

import os
import signal
import subprocess
import sys
from dataclasses import replace

import pytest

from meters.mqtt import Broker
from meters.mqtt_connection import BrokerError
from meters.mqtt_post import MqttPost
from tests.brokers import KEPT, PLAIN, Authority, Mosquitto, deployed, free_port, need_mosquitto
from tests.prepared import reopen
from tests.settlement.batches import bind
from tests.wallet_api.listeners import (
    ORIGIN,
    SECONDS_MAX,
    TOPICS,
    Client,
    assert_stored_once,
    batches,
    listening,
    tx_id,
    wait_until,
)
from wallet_api.cli import meter_listen
from wallet_api.cli.app import run
from wallet_api.cli.context import EXIT_CANNOT, Settings

PROGRAM = "from wallet_api.cli.start import main; main()"

NAMED = PLAIN.replace("allow_anonymous true", "allow_anonymous false\npassword_file {folder}/users")


@pytest.fixture
def street(copy):
    url, keys = copy()
    community = reopen(url, keys)
    bind(community)
    community.settings = Settings(url, keys)
    yield community
    community.writer.database.close()


def arguments(street, *more):
    settings = street.settings
    given = ["meters", "listen", "--database", settings.database_url, "--keys", settings.keys]
    return [str(each) for each in (*given, *more)]


class Program:
    """The command in a process of its own, which writes to a file."""

    def __init__(self, street, folder, *more, **variables):
        self.log = folder / "listen.txt"
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-c", PROGRAM, *arguments(street, *more)],
                stdout=log,
                stderr=log,
                env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), **variables},
            )
        listening = self.said.count("Listening at")
        wait_until(lambda: self.said.count("Listening at") > listening)

    @property
    def said(self):
        return self.log.read_text()

    def end(self, number):
        self.process.send_signal(number)
        return self.process.wait(SECONDS_MAX)


def test_the_command_takes_all_that_came_before_after_and_while_it_was_killed(street, tmp_path):
    mosquitto = Mosquitto(tmp_path / "broker")
    sent = batches(street, tmp_path, 40)
    client = Client(mosquitto.broker)
    client.read(TOPICS.receipt("+"))
    try:
        program = Program(street, tmp_path, "--broker", mosquitto.url)
        for batch in sent[:30]:
            client.connection.publish(TOPICS.readings, batch.encode())
        client.receive()
        assert program.end(signal.SIGKILL) == -signal.SIGKILL
        for batch in sent[30:]:
            client.publish(batch.encode())
        program = Program(street, tmp_path, "--broker", mosquitto.url)
        names = {tx_id(sent[0])}
        while names != {tx_id(batch) for batch in sent}:
            [(name, answer)] = client.receive()
            assert answer["status"] == 200
            names.add(name)
        assert program.end(signal.SIGTERM) == 0
        assert " logged, 0 held, 0 refused" in program.said
        assert "Stopped." in program.said
        assert "Traceback" not in program.said
    finally:
        client.close()
        mosquitto.stop()
    assert_stored_once(street, 40)


@pytest.mark.parametrize(
    ("more", "words"),
    [
        (["--broker", "mqtt://127.0.0.1:{port}"], "No broker answers at mqtt://127.0.0.1:{port}"),
        (["--broker", "http://127.0.0.1"], "is no address like mqtt://HOST:1883"),
        (["--broker", "mqtt://ada:secret@127.0.0.1"], "holds no name or password"),
        (["--broker", "mqtt://h", "--ca", "ca.pem"], "say mqtts://h"),
        (["--broker", "mqtts://h", "--cert", "a.pem"], "both --cert and --key-file"),
        (["--broker", "mqtts://h", "--ca", "none.pem"], "holds no certificates to trust"),
        (["--broker", "mqtt://h", "--password-file", "none"], "none: No such file"),
    ],
)
def test_what_cannot_work_says_what_to_do(street, capsys, more, words):
    port = str(free_port())
    given = [each.replace("{port}", port) for each in more]
    assert run(arguments(street, *given)) == EXIT_CANNOT
    said = " ".join(capsys.readouterr().err.split())
    assert words.replace("{port}", port) in said
    assert "secret" not in said


def test_a_name_and_password_from_a_file_or_the_environment(street, tmp_path, capsys, monkeypatch):
    need_mosquitto()
    users, password = tmp_path / "users", tmp_path / "password"
    subprocess.run(["mosquitto_passwd", "-b", "-c", users, "listener", "tide-7"], check=True)
    subprocess.run(["mosquitto_passwd", "-b", users, "gateway", "rain-3"], check=True)
    (tmp_path / "broker").mkdir()
    users.rename(tmp_path / "broker" / "users")
    mosquitto = Mosquitto(tmp_path / "broker", NAMED + KEPT)
    given = arguments(street, "--broker", mosquitto.url)
    try:
        assert run(given) == EXIT_CANNOT
        assert "does not let us in without a name" in capsys.readouterr().err
        password.write_text("wrong\n")
        named = [*given, "--username", "listener", "--password-file", str(password)]
        assert run(named) == EXIT_CANNOT
        error = capsys.readouterr().err
        assert "does not let us in as listener" in error
        assert "--password-file" in error
        assert "wrong" not in error
        assert run([*named[:-1], str(tmp_path / "broker" / "mosquitto.conf")]) == EXIT_CANNOT
        assert "is no password file" in capsys.readouterr().err

        [batch] = batches(street, tmp_path, 1)
        monkeypatch.setenv(meter_listen.PASSWORD_VARIABLE, "tide-7")
        gateway = replace(mosquitto.broker, username="gateway", password="rain-3")
        program = Program(street, tmp_path, "--broker", mosquitto.url, "--username", "listener")
        with MqttPost(gateway, ORIGIN, "gateway", SECONDS_MAX) as post:
            assert post("", batch.encode()).status == 200
        assert program.end(signal.SIGINT) == 0
        assert "tide" not in program.said
    finally:
        mosquitto.stop()


def test_a_password_that_goes_in_clear_over_a_network_is_warned_of():
    assert Broker("192.0.2.1", 1883, username="a", password="b").tells_password
    assert Broker("broker.example", 1883, username="a", password="b").tells_password
    assert not Broker("broker.example", 8883, tls=True, username="a", password="b").tells_password
    assert not Broker("::1", 1883, username="a", password="b").tells_password
    assert not Broker("192.0.2.1", 1883).tells_password


class Guarded:
    """The broker that `deploy` describes, and certificates for it."""

    def __init__(self, folder):
        elsewhere = folder / "strangers"
        elsewhere.mkdir()
        self.ours, self.strangers = Authority(folder, "ca"), Authority(elsewhere, "strangers")
        self.ours.issue("broker")
        self.mosquitto = Mosquitto(folder, deployed(folder, ORIGIN))

    def as_(self, name, authority=None):
        cert, key_file = (authority or self.ours).issue(name)
        port = self.mosquitto.port
        return Broker("localhost", port, True, None, None, self.ours.file, cert, key_file)


@pytest.fixture
def guarded(tmp_path):
    folder = tmp_path / "guarded"
    folder.mkdir()
    found = Guarded(folder)
    yield found
    found.mosquitto.stop()


def publish_or_raise(client, topic):
    try:
        reason = client.publish(b"{}", topic)
    finally:
        client.connection.drop()
    if reason.is_failure:
        raise BrokerError(str(reason))


def test_certificates_and_the_acl_of_the_example(street, guarded, tmp_path):
    [batch] = batches(street, tmp_path, 1)
    adapter = guarded.as_("gateway")
    spy = Client(adapter, "spy")
    spy.read(TOPICS.readings, TOPICS.receipt("+"))
    with listening(street, guarded.as_("listener")):
        with MqttPost(adapter, ORIGIN, "gateway", SECONDS_MAX) as post:
            assert post("", batch.encode()).status == 200
        # The adapter that would read what others deliver gets nothing but receipts.
        assert [name for name, _ in spy.receive()] == [tx_id(batch)]
        for topic in (TOPICS.receipt("ab"), TOPICS.refused, "commonwatt/other/readings"):
            # This Mosquitto says no, and hangs up; which of them is seen first is chance.
            with pytest.raises(BrokerError, match=r"lost|Not authorized"):
                publish_or_raise(Client(adapter, "spy"), topic)
    spy.close()
    assert_stored_once(street, 1)


def test_whoever_is_not_of_the_group_is_not_let_in(street, guarded, tmp_path, capsys):
    stranger = guarded.as_("listener", guarded.strangers)
    without = replace(stranger, cert=None, key_file=None)
    for broker, words in (
        (stranger, "does it trust who signed"),
        (without, "does it want a certificate"),
        (replace(stranger, ca=guarded.strangers.file), "is not one to trust"),
        (replace(guarded.as_("listener"), host="127.0.0.1"), "must be the name that it says"),
        (Broker("127.0.0.1", guarded.mosquitto.port), "does it want TLS"),
    ):
        with pytest.raises(BrokerError, match=words):
            Client(broker)
    cert, key_file = guarded.as_("listener").cert, stranger.key_file
    given = ["--broker", f"mqtts://localhost:{guarded.mosquitto.port}", "--ca", guarded.ours.file]
    assert run(arguments(street, *given)) == EXIT_CANNOT
    assert "--cert and --key-file" in capsys.readouterr().err
    assert run(arguments(street, *given, "--cert", cert, "--key-file", cert)) == EXIT_CANNOT
    assert "are no certificate with its key" in capsys.readouterr().err
    assert key_file is not None


def test_a_listener_that_may_not_answer_ends_and_says_why(street, tmp_path):
    (tmp_path / "broker").mkdir()
    (tmp_path / "broker" / "acl").write_text(f"topic readwrite {TOPICS.readings}\n")
    mosquitto = Mosquitto(tmp_path / "broker", PLAIN + KEPT + "acl_file {folder}/acl\n")
    [batch] = batches(street, tmp_path, 1)
    client = Client(mosquitto.broker)
    try:
        with listening(street, mosquitto.broker) as running:
            client.publish(batch.encode())
            wait_until(lambda: running.error)
            assert "does not let us publish receipts" in str(running.error)
    finally:
        client.close()
        mosquitto.stop()


def test_a_queue_that_may_not_deliver_is_told_at_once(street, guarded, tmp_path):
    [batch] = batches(street, tmp_path, 1)
    with (
        MqttPost(guarded.as_("gateway"), "other.example/log", "gateway", SECONDS_MAX) as post,
        pytest.raises(BrokerError, match="see its ACL"),
    ):
        post("", batch.encode())
