"""A real witness: served on the loopback, asked by our client; its commands; forks shown to two."""

import json
import re
import socket
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from ledger.cosign import Witnesses
from ledger.errors import SetupError
from ledger.log.cosignature import Cosigner, open_cosigned
from ledger.log.fork import ForkProof
from ledger.log.policy import Policy
from ledger.log.witness import REQUEST_BYTES_MAX, AddCheckpoint, log_id
from ledger.witness_store import SqliteWitnessStore
from tests.ledger.heads import LOG, NOW_S, ORIGIN, Log, witness_key
from tests.witnesses import Served
from wallet_api import bodies
from wallet_api.cli.app import run
from wallet_api.witness_http import create_witness_app

ROOT = Path(__file__).parents[2]
TRUE, FALSE = Log(600), Log(600, changed_from=3)
SECONDS_MAX = 20.0
"""A busy machine may take its time; nothing here waits for a time limit."""


@pytest.fixture
def served(tmp_path):
    served = [Served(tmp_path, number) for number in range(3)]
    yield served
    for witness in served:
        witness.close()


def policy_of(served, quorum=2):
    lines = [f"log {LOG.vkey}", *(witness.policy_line() for witness in served)]
    lines.append(f"group all-of-them {quorum} {' '.join(witness.name for witness in served)}")
    return Policy.decode("\n".join([*lines, "quorum all-of-them\n"]).encode())


def client_of(served, evidence=None):
    return Witnesses(LOG, policy_of(served), evidence, seconds_max=SECONDS_MAX)


def collect(client, log, size):
    return client.collect(log.note(size), log.reader(size))


def test_a_growing_log_is_cosigned_by_all_and_the_policy_says_so(served):
    policy, client = policy_of(served), client_of(served)
    for size in (1, 2, 255, 256, 600):
        collected = collect(client, TRUE, size)
        assert [report.reason for report in collected.reports] == ["", "", ""]
        opened = policy.open(collected.note)
        assert (opened.checkpoint.size, opened.quorum_met) == (size, True)
        assert set(opened.times_s) == {witness.name for witness in served}
    assert collect(client_of(served), TRUE, 600).quorum_met  # one that remembers nothing


def test_two_of_three_are_enough_when_one_is_away(served):
    served[1].close()
    collected = collect(client_of(served), TRUE, 7)
    assert [bool(report.reason) for report in collected.reports] == [False, True, False]
    assert collected.quorum_met
    served[2].close()
    collected = collect(client_of(served), TRUE, 8)
    assert not collected.quorum_met
    assert not policy_of(served).open(collected.note).quorum_met


def test_two_sequencers_of_one_history_do_not_disturb_each_other(served):
    one, two = client_of(served), client_of(served)
    assert collect(one, TRUE, 100).quorum_met
    assert collect(two, TRUE, 300).quorum_met
    late = collect(one, TRUE, 200)
    assert not late.quorum_met
    assert "has cosigned 300 entries" in late.reports[0].reason
    assert late.reports[0].fork is None
    assert collect(one, TRUE, 400).quorum_met


def test_two_sequencers_at_once(served):
    results = {}

    def work(name):
        client = client_of(served)
        results[name] = [collect(client, TRUE, size) for size in range(200, 230, 2)]

    threads = [threading.Thread(target=work, args=(name,)) for name in ("one", "two")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for collected in results["one"] + results["two"]:
        opened = policy_of(served).open(collected.note)
        assert opened.quorum_met == collected.quorum_met
        assert all(report.fork is None for report in collected.reports)
    assert all(witness.store.seen(ORIGIN).size == 228 for witness in served)


def test_a_fork_shown_to_two_clients_is_found_and_ends_the_logs_credit(served, tmp_path):
    one = client_of(served, tmp_path / "one")
    two = client_of(served, tmp_path / "two")
    assert collect(one, TRUE, 300).quorum_met
    forked = collect(two, FALSE, 300)
    assert not forked.quorum_met
    assert all(report.fork.check(LOG).size == 300 for report in forked.reports)
    [path] = forked.evidence
    assert ForkProof.decode(path.read_bytes()).check(LOG).size == 300
    after = collect(one, TRUE, 400)  # the first, too, hears of it, and has the proof
    assert not after.quorum_met
    assert "two histories" in after.reports[0].reason
    assert after.evidence[0].read_bytes() == path.read_bytes()


def test_a_fork_of_a_larger_size_is_found_from_the_witnesss_checkpoint(served, tmp_path):
    assert collect(client_of(served), TRUE, 300).quorum_met
    forked = collect(client_of(served, tmp_path / "evidence"), FALSE, 400)
    assert "422" in forked.reports[0].reason
    [path] = forked.evidence
    assert path.name == "fork-300-1.txt"
    assert collect(client_of(served), TRUE, 400).quorum_met  # the true one goes on


@pytest.fixture
def http(tmp_path):
    store = SqliteWitnessStore.create(tmp_path / "w.sqlite", "w.example")
    store.add_log(LOG)
    with TestClient(create_witness_app(store, witness_key(1), lambda: NOW_S)) as client:
        yield client


def test_statuses_and_content_types(http):
    def post(data):
        answer = http.post("/add-checkpoint", content=data)
        return answer.status_code, answer.headers["content-type"], answer.content

    status, kind, body = post(TRUE.request(0, 7))
    assert (status, kind) == (200, "text/plain; charset=utf-8")
    cosigner = Cosigner("w.example", witness_key(1).public)
    assert open_cosigned(TRUE.note(7) + body, LOG, [cosigner]).cosignatures[0].time_s == NOW_S
    assert post(TRUE.request(0, 7)) == (409, "text/x.tlog.size", b"7\n")
    for data, status in (
        (b"", 400),
        (Log(7, origin="other.example").request(0, 7), 404),
        (Log(9, key=witness_key(3)).request(7, 9), 403),
        (AddCheckpoint(7, (), TRUE.note(9)).encode(), 422),
        (b"x" * (REQUEST_BYTES_MAX + 1), 413),
    ):
        found, kind, body = post(data)
        assert (found, kind) == (status, "application/problem+json")
        assert json.loads(body)["detail"]
    assert http.get("/add-checkpoint").status_code == 405


def test_what_others_may_read(http):
    log = f"/{log_id(ORIGIN)}"
    assert http.get("/").text == Cosigner("w.example", witness_key(1).public).vkey + "\n"
    assert http.get(f"{log}/checkpoint").status_code == 404
    assert http.get("/other/checkpoint").status_code == 404
    http.post("/add-checkpoint", content=TRUE.request(0, 7))
    opened = open_cosigned(
        http.get(f"{log}/checkpoint").content, LOG, [Cosigner("w.example", witness_key(1).public)]
    )
    assert (opened.checkpoint, opened.cosignatures[0].time_s) == (TRUE.checkpoint(7), NOW_S)
    assert http.get(f"{log}/fork").status_code == 404
    http.post("/add-checkpoint", content=FALSE.request(0, 7))
    assert ForkProof.decode(http.get(f"{log}/fork").content).check(LOG).size == 7


def test_a_store_that_fails_answers_503_and_no_cosignature(http, monkeypatch):
    def fails(*_arguments):
        raise SetupError("the disk is full")

    monkeypatch.setattr(SqliteWitnessStore, "advance", fails)
    answer = http.post("/add-checkpoint", content=TRUE.request(0, 7))
    assert answer.status_code == 503
    assert "the disk is full" in answer.json()["detail"]


def test_a_body_that_does_not_come_is_given_up(served, monkeypatch):
    monkeypatch.setattr(bodies, "BODY_SECONDS_MAX", 0.2)
    host, port = served[0].url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=SECONDS_MAX) as connection:
        connection.sendall(
            b"POST /add-checkpoint HTTP/1.1\r\nHost: w\r\nContent-Length: 9\r\n\r\nold"
        )
        assert connection.recv(100).startswith(b"HTTP/1.1 408")


def cli(capsys, *arguments):
    code = run([str(argument) for argument in arguments])
    captured = capsys.readouterr()
    assert "Traceback" not in captured.err
    return code, captured.out, captured.err


@pytest.fixture
def witness(tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("COMMONWATT_WITNESS", str(tmp_path / "witness"))
    code, out, _ = cli(
        capsys, "witness", "init", "--name", "w.example/1", "--url", "https://w.example"
    )
    assert code == 0
    return tmp_path / "witness", out


def test_init_prints_a_line_that_a_policy_reads(witness, capsys):
    folder, out = witness
    line = next(line for line in out.splitlines() if line.startswith("witness "))
    policy = Policy.decode(f"log {LOG.vkey}\n{line}\nquorum w.example/1\n".encode())
    assert policy.witnesses[0].cosigner.name == "w.example/1"
    assert policy.witnesses[0].url == "https://w.example"
    assert (folder / "witness.key").stat().st_mode & 0o777 == 0o600
    code, _, err = cli(capsys, "witness", "init", "--name", "w.example/2")
    assert (code, "already" in err) == (2, True)
    code, _, err = cli(capsys, "witness", "init", "--name", "a b", "--folder", folder / "new")
    assert (code, (folder / "new").exists()) == (2, False)


def test_status_shows_logs_sizes_times_and_forks(witness, capsys):
    folder, _ = witness
    assert "Add one" in cli(capsys, "witness", "status")[1]
    assert "is now known" in cli(capsys, "witness", "add-log", LOG.vkey)[1]
    assert "known already" in cli(capsys, "witness", "add-log", LOG.vkey)[1]
    assert cli(capsys, "witness", "add-log", "x")[0] == 2
    code, out, _ = cli(capsys, "witness", "status")
    assert (code, "none yet" in out) == (0, True)
    code, _, err = cli(capsys, "witness", "evidence", ORIGIN)
    assert (code, "no evidence" in err) == (2, True)

    store = SqliteWitnessStore(folder / "witness.sqlite")
    with TestClient(create_witness_app(store, witness_key(1), lambda: NOW_S)) as http:
        http.post("/add-checkpoint", content=TRUE.request(0, 600))
        shown = cli(capsys, "witness", "status")[1]
        assert re.search(r"riverside\.example/ledger/1 +600  2026-09-21T14:13:20Z  none", shown)
        http.post("/add-checkpoint", content=FALSE.request(600, 600))
    code, out, _ = cli(capsys, "witness", "status")
    assert (code, "FORK, found 2026-09-21T14:13:20Z" in out) == (1, True)
    code, out, _ = cli(capsys, "witness", "status", "--json")
    [log] = json.loads(out)["logs"]
    assert (code, log["origin"], log["size"], log["fork"]) == (1, ORIGIN, 600, True)
    assert log["cosigned_at"] == log["fork_found_at"] == "2026-09-21T14:13:20Z"

    code, out, _ = cli(capsys, "witness", "evidence", ORIGIN)
    (folder / "fork.txt").write_text(out)
    code, out, _ = cli(capsys, "audit", "fork", folder / "fork.txt", "--vkey", LOG.vkey)
    assert (code, "Proved: the log riverside.example/ledger/1 told two" in out) == (0, True)


def test_a_witness_that_is_not_there_is_said(tmp_path, capsys):
    for command in (["status"], ["serve"], ["add-log", LOG.vkey], ["evidence", ORIGIN]):
        code, _, err = cli(capsys, "witness", *command, "--folder", tmp_path)
        assert (code, "commonwatt witness init" in err) == (2, True)


def test_the_program_serves_and_sees_a_log_added_meanwhile(witness, capsys):
    folder, _ = witness
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
        code, _, err = cli(capsys, "witness", "serve", "--port", port)
        assert (code, "cannot be listened on" in err) == (2, True)
    program = "from wallet_api.cli.app import main; main()"
    arguments = ["witness", "serve", "--folder", str(folder), "--port", str(port)]
    with subprocess.Popen(
        [sys.executable, "-u", "-c", program, *arguments], stdout=subprocess.PIPE, cwd=ROOT
    ) as serving:
        try:
            assert b"answers at" in serving.stdout.readline()
            cli(capsys, "witness", "add-log", LOG.vkey)
            request = urllib.request.Request(
                f"http://127.0.0.1:{port}/add-checkpoint", TRUE.request(0, 7)
            )
            assert _when_up(request).startswith("— w.example/1 ".encode())
        finally:
            serving.terminate()


def _when_up(request):
    for _ in range(1000):
        try:
            with urllib.request.urlopen(request, timeout=SECONDS_MAX) as answer:  # noqa: S310
                return answer.read()
        except ConnectionError:
            threading.Event().wait(0.02)
        except urllib.error.URLError as error:
            if not isinstance(error.reason, ConnectionError):
                raise
            threading.Event().wait(0.02)
    raise AssertionError("the witness never answered")


@pytest.mark.parametrize(
    ("first", "second", "code", "sentence"),
    [
        (TRUE.note(9), FALSE.note(9), 0, "two different roots over the first 9 entries"),
        (TRUE.note(9), TRUE.note(9), 1, "Not proved: both notes show the same 9 entries"),
        (TRUE.note(9), FALSE.note(10), 1, "Not proved: the notes are of 9 and 10 entries"),
        (TRUE.note(9), Log(9, 3, key=witness_key(0)).note(9), 1, "Not proved: no known key"),
        (TRUE.note(9), b"text", 2, "is no checkpoint"),
        (TRUE.note(9), b"", 2, "is no checkpoint"),
        (b"PK\x03\x04\xff", b"PK\x03\x04\xff", 2, "unzip -p street.zip log/checkpoint"),
        (TRUE.note(9), None, 2, "give the other one"),
        (
            ForkProof(
                TRUE.note(9), FALSE.note(20), FALSE.checkpoint(9).root, FALSE.proof(9, 20)
            ).encode(),
            None,
            0,
            "later a longer log that begins with other entries",
        ),
        (b"commonwatt/fork/v1\n", None, 2, "two notes"),
    ],
)
def test_audit_fork_says_in_a_sentence_what_is_proved(
    tmp_path, capsys, first, second, code, sentence
):
    files = []
    for name, data in (("a", first), ("b", second)):
        if data is not None:
            files.append(tmp_path / name)
            files[-1].write_bytes(data)
    found, out, err = cli(capsys, "audit", "fork", *files, "--vkey", LOG.vkey)
    assert (found, sentence in (err if code == 2 else out)) == (code, True)


def test_audit_fork_needs_the_key_and_the_files(tmp_path, capsys):
    assert "--vkey" in cli(capsys, "audit", "fork", tmp_path / "a", tmp_path / "b")[2]
    code, _, err = cli(capsys, "audit", "fork", tmp_path / "a", tmp_path / "b", "--vkey", LOG.vkey)
    assert (code, "No such file" in err) == (2, True)


def test_what_is_no_checkpoint_is_said(tmp_path, capsys):
    (tmp_path / "mine").write_bytes(TRUE.note(9))
    code, _, err = cli(capsys, "audit", "fork", tmp_path, tmp_path / "mine", "--vkey", LOG.vkey)
    assert (code, f"give its {tmp_path}/log/checkpoint" in err) == (2, True)
    code, _, err = cli(capsys, "audit", "fork", tmp_path / "mine", "--vkey", LOG.vkey)
    assert (code, "give the other one" in err) == (2, True)


@pytest.mark.parametrize("command", [("witness", "serve", "--folder"), ("serve", "--database")])
def test_a_port_in_use_and_a_host_that_is_none_get_other_advice(command, witness, copy, capsys):
    folder, _ = witness
    url, _ = copy()
    arguments = [*command, folder if command[0] == "witness" else url]
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
        code, _, err = cli(capsys, *arguments, "--port", port)
        other = port + 1 if port < 65_535 else port - 1
        assert (code, f"try --port {other}" in err) == (2, True)
    code, _, err = cli(capsys, *arguments, "--host", "300.1.1.1")
    assert (code, "--port" in err, "--host is an address" in err) == (2, False, True)


def test_a_witness_has_an_address_and_shows_its_line_again(tmp_path, capsys):
    init = ["witness", "init", "--name", "w.example/w1", "--folder", str(tmp_path / "w")]
    assert run([*init, "--url", "notaurl"]) == 2
    assert "'notaurl' is no address" in capsys.readouterr().err
    assert not (tmp_path / "w").exists()
    assert run([*init, "--url", "https://w.example"]) == 0
    [line] = [x for x in capsys.readouterr().out.splitlines() if x.startswith("witness ")]
    assert line.endswith(" https://w.example")
    assert run(["witness", "status", "--folder", str(tmp_path / "w")]) == 0
    assert line in capsys.readouterr().out.splitlines()
    assert run(["witness", "status", "--folder", str(tmp_path / "w"), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["policy_line"] == line
