"""Asking witnesses: what comes together, and what a witness that misbehaves can do (nothing)."""

import socket
import threading
import time

import pytest

from ledger.cosign import ANSWER_BYTES_MAX, EVIDENCE_MAX, Witnesses, keep_fork
from ledger.errors import LogError, PeerError
from ledger.log.cosignature import add_lines, cosign, open_cosigned
from ledger.log.fork import ForkProof
from ledger.log.note import NoteSignature
from ledger.log.policy import Policy
from ledger.log.witness import AddCheckpoint
from ledger.peer import check_address, exchange
from tests.ledger.heads import LOG, NOW_S, ORIGIN, Log, cosigner, witness_key

SECONDS = 1.0
"""Time for a witness here; answers on the loopback take milliseconds."""

TRUE, FALSE = Log(600), Log(600, changed_from=3)
READ = TRUE.reader(600)


class Peer:
    """A server on the loopback that answers each request with what a function returns."""

    def __init__(self, answer):
        self._answer = answer
        self.requests = []
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._socket.getsockname()[1]}"
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def _serve(self):
        while True:
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            with connection:
                self._one(connection)

    def _one(self, connection):
        data = b""
        while b"\r\n\r\n" not in data:
            data += connection.recv(65536)
        head, _, body = data.partition(b"\r\n\r\n")
        length = int(head.lower().partition(b"content-length: ")[2].split(b"\r\n")[0] or 0)
        while len(body) < length:
            body += connection.recv(65536)
        path = head.split()[1].decode()
        self.requests.append((path, body))
        try:
            answer = self._answer(path, body)
            for part in [answer] if isinstance(answer, bytes) else answer:
                connection.sendall(part)
        except OSError:
            return  # the client hung up

    def close(self):
        self._socket.close()


def http(status, body=b"", headers=b"Content-Type: text/plain\r\n"):
    return b"HTTP/1.1 %d X\r\n%bContent-Length: %d\r\n\r\n%b" % (status, headers, len(body), body)


def size_answer(size):
    return http(409, b"%d\n" % size, b"Content-Type: text/x.tlog.size\r\n")


def line(number, note, time_s=NOW_S):
    return cosign(note, cosigner(number).name, witness_key(number), time_s)


def good(number):
    """Return the answers of a witness that cosigns whatever comes."""
    return lambda _path, body: http(
        200, line(number, AddCheckpoint.decode(body).note).line().encode()
    )


@pytest.fixture
def peers():
    opened = []

    def start(*answers):
        opened.extend(Peer(answer) for answer in answers)
        return opened[-len(answers) :]

    yield start
    for peer in opened:
        peer.close()


def policy_of(urls, quorum="all"):
    names = [f"w{number}" for number in range(len(urls))]
    lines = [
        f"witness {name} {cosigner(number).vkey} {urls[number]}".strip()
        for number, name in enumerate(names)
    ]
    text = "\n".join([f"log {LOG.vkey}", *lines, f"group g {quorum} {' '.join(names)}"])
    return Policy.decode(f"{text}\nquorum g\n".encode())


def witnesses_of(peers_or_urls, quorum="all", **options):
    urls = [getattr(peer, "url", peer) for peer in peers_or_urls]
    options = {"seconds_max": SECONDS, "now_s": lambda: NOW_S} | options
    return Witnesses(LOG, policy_of(urls, quorum), **options)


def reasons(collected):
    return [report.reason for report in collected.reports]


def test_all_are_asked_and_their_lines_stand_in_the_policys_order(peers):
    collected = witnesses_of(peers(good(0), good(1), good(2))).collect(TRUE.note(600), READ)
    assert reasons(collected) == ["", "", ""]
    assert collected.quorum_met
    known = [cosigner(number) for number in range(3)]
    opened = open_cosigned(collected.note, LOG, known)
    assert [each.cosigner for each in opened.cosignatures] == known
    assert collected.note.startswith(TRUE.note(600))


def test_a_witness_that_signed_already_is_not_asked(peers):
    asked = peers(good(0), good(1))
    witnesses = witnesses_of(asked)
    note = add_lines(TRUE.note(600), [line(1, TRUE.note(600), 5)])
    collected = witnesses.collect(note, READ)
    assert [report.time_s for report in collected.reports] == [NOW_S, 5]
    assert (len(asked[0].requests), len(asked[1].requests)) == (1, 0)
    assert witnesses.collect(collected.note, READ).note == collected.note


def test_the_size_of_a_409_is_used_once_and_then_remembered(peers):
    def answer(_path, body):
        request = AddCheckpoint.decode(body)
        return good(0)(_path, body) if request.old_size in (100, 300) else size_answer(100)

    [peer] = peers(answer)
    witnesses = witnesses_of([peer])
    assert witnesses.collect(TRUE.note(300), READ).quorum_met
    assert witnesses.collect(TRUE.note(600), READ).quorum_met
    requests = [AddCheckpoint.decode(body) for _, body in peer.requests]
    assert [request.old_size for request in requests] == [0, 100, 300]
    assert requests[1].proof == TRUE.proof(100, 300)
    assert requests[2].proof == TRUE.proof(300, 600)


def test_a_witness_that_forgot_what_it_cosigned_counts_no_more(peers):
    def answer(_path, body):
        size = AddCheckpoint.decode(body).old_size
        return (
            good(0)(_path, body) if size in (0, 9) and len(peer.requests) != 2 else size_answer(9)
        )

    [peer] = peers(answer)
    witnesses = witnesses_of([peer])
    assert witnesses.collect(TRUE.note(300), READ).quorum_met
    collected = witnesses.collect(TRUE.note(600), READ)
    assert "forgotten" in collected.reports[0].reason
    assert not collected.quorum_met


def drip(_path, _body):
    for byte in b"HTTP/1.1 200 X\r\nContent-Length: 100000\r\n\r\n" + b"x" * 100:
        yield bytes([byte])
        time.sleep(0.05)


def hang(_path, _body):
    yield b""
    time.sleep(SECONDS * 2)


def endless(_path, _body):
    yield b"HTTP/1.1 200 X\r\n\r\n"
    while True:
        yield b"x" * 65536


def continues(_path, _body):
    while True:
        yield b"HTTP/1.1 100 Continue\r\n\r\n"


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (hang, "did not answer in time"),
        (drip, "did not answer in time"),
        (continues, "did not answer in time"),
        (endless, f"longer than {ANSWER_BYTES_MAX:,}"),
        (lambda _p, _b: b"", "no answer"),
        (lambda _p, _b: b"SMTP ready\r\n\r\n", "no answer"),
        (lambda _p, _b: http(302, b"", b"Location: http://127.0.0.1:9/\r\n"), "it answered 302"),
        (lambda _p, _b: http(500, b"sorry\x1b[2J\nmore"), r"it answered 500 \(sorry\[2J\)"),
        (lambda _p, _b: http(404, b""), "it answered 404"),
        (lambda _p, _b: http(200, b""), "wrong answer"),
        (lambda _p, _b: http(200, b"\xff"), "wrong answer: a note is UTF-8"),
        (lambda _p, _b: http(200, b"text\n\n" + line(0, TRUE.note(600)).line().encode()), "more"),
        (good(1), "no line of its key"),
        (lambda _p, _b: http(200, line(0, TRUE.note(9)).line().encode()), "does not hold"),
        (
            lambda _p, _b: http(200, line(0, TRUE.note(600), NOW_S + 601).line().encode()),
            "601 seconds apart",
        ),
        (
            lambda _p, _b: http(
                200, NoteSignature(cosigner(0).name, cosigner(0).key_hash, b"x").line().encode()
            ),
            "does not hold",
        ),
        (lambda _p, _b: http(409, b"7\n"), "409 without a size"),
        (lambda _p, _b: size_answer(-1), "409 without a size"),
        (lambda _p, _b: size_answer(601), "has cosigned 601 entries and this checkpoint has 600"),
        (lambda _p, _b: size_answer(0), "told another size"),
        (lambda _p, _b: size_answer(600), "another root of 600"),
        (lambda _p, _b: size_answer(9), "told another size"),
    ],
)
def test_a_witness_that_misbehaves_harms_nobody(peers, answer, reason):
    started = time.monotonic()
    collected = witnesses_of(peers(answer, good(1)), "any").collect(TRUE.note(600), READ)
    assert time.monotonic() - started < SECONDS + 1
    assert collected.reports[0].time_s is None
    with pytest.raises(AssertionError, match=reason):
        raise AssertionError(reasons(collected)[0])
    assert collected.reports[0].fork is None
    assert collected.reports[1].time_s == NOW_S
    assert collected.quorum_met
    assert collected.note == add_lines(TRUE.note(600), [line(1, TRUE.note(600))])


@pytest.mark.parametrize(
    "url",
    ["", "w.example", "ftp://w.example", "http://", "http://a b/", "http://w:x", "http://[::"],
)
def test_what_is_no_address_is_said_without_asking_anybody(url):
    with pytest.raises(PeerError, match="is no address"):
        check_address(url)
    with pytest.raises(PeerError, match="is no address"):
        exchange(url, b"", deadline=time.monotonic() + 1, bytes_max=1)


@pytest.mark.parametrize("answer", [hang, drip, continues])
def test_an_exchange_itself_ends_at_its_deadline_however_slowly_the_other_side_sends(peers, answer):
    [peer] = peers(answer)
    started = time.monotonic()
    with pytest.raises(PeerError, match="in time"):
        exchange(peer.url, b"", deadline=started + 0.3, bytes_max=1_000_000)
    assert time.monotonic() - started < 0.3 + 1
    with pytest.raises(PeerError, match="in time"):
        exchange(peer.url, b"", deadline=started, bytes_max=1)


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("", "no address"),
        ("ftp://w.example", "no address that begins with"),
        ("http://", "no address that begins with"),
        ("http://[", "is no address"),
        ("http://127.0.0.1:99999", "is no address"),
        ("http://127.0.0.1:9/caf\u00e9", "no answer"),
        ("http://127.0.0.1:1", "no answer"),
    ],
)
def test_an_address_that_leads_nowhere_is_said(url, reason):
    collected = witnesses_of([url]).collect(TRUE.note(600), READ)
    assert reason in reasons(collected)[0]
    assert not collected.quorum_met
    assert collected.note == TRUE.note(600)


def test_unknown_lines_beside_the_witnesss_are_left_out(peers):
    def answer(_path, body):
        note = AddCheckpoint.decode(body).note
        lines = [line(5, note), line(0, note, NOW_S - 9), line(0, note)]
        return http(200, "".join(each.line() for each in lines).encode())

    collected = witnesses_of(peers(answer)).collect(TRUE.note(600), READ)
    assert collected.note == add_lines(TRUE.note(600), [line(0, TRUE.note(600))])


def test_tiles_that_are_missing_are_said(peers):
    collected = witnesses_of(peers(lambda _p, _b: size_answer(9))).collect(
        TRUE.note(600), {}.__getitem__
    )
    assert "is missing" in reasons(collected)[0]


def test_a_programmers_mistake_is_not_swallowed(peers):
    with pytest.raises(ZeroDivisionError):
        witnesses_of(peers(lambda _p, _b: size_answer(9))).collect(TRUE.note(600), lambda _: 1 // 0)


def test_a_note_that_is_not_this_logs_is_not_shown_to_anybody(peers):
    [peer] = peers(good(0))
    with pytest.raises(LogError):
        witnesses_of([peer]).collect(Log(7, origin="other.example").note(7), READ)
    assert not peer.requests


def fork_server(files, status=409):
    def answer(path, _body):
        if path == "/add-checkpoint":
            return size_answer(600) if status == 409 else http(status, b"no")
        return next(
            (http(200, data) for name, data in files.items() if path.endswith(name)), http(404)
        )

    return answer


@pytest.mark.parametrize(
    ("files", "status"),
    [
        ({"/checkpoint": FALSE.note(600)}, 409),
        ({"/checkpoint": FALSE.note(300)}, 422),
        ({"/checkpoint": FALSE.note(256)}, 422),
        ({"/fork": ForkProof(FALSE.note(9), TRUE.note(9)).encode()}, 409),
        ({"/fork": ForkProof(FALSE.note(9), TRUE.note(9)).encode()}, 403),
    ],
)
def test_a_fork_that_a_witness_shows_is_proved_kept_and_reported(peers, tmp_path, files, status):
    asked = peers(fork_server(files, status), fork_server(files, status))
    witnesses = witnesses_of(asked, evidence=tmp_path / "evidence")
    collected = witnesses.collect(TRUE.note(600), READ)
    [path] = collected.evidence  # both tell of the same one
    fork = ForkProof.decode(path.read_bytes())
    assert path.name == f"fork-{fork.check(LOG).size}-1.txt"
    assert witnesses.collect(TRUE.note(600), READ).evidence == (path,)
    assert all(report.fork and report.time_s is None for report in collected.reports)


@pytest.mark.parametrize(
    "files",
    [
        {"/checkpoint": TRUE.note(600)},
        {"/checkpoint": TRUE.note(300)},
        {"/checkpoint": Log(600, 3, key=witness_key(0)).note(600)},
        {"/checkpoint": b"x"},
        {"/fork": b"x"},
        {"/fork": ForkProof(TRUE.note(9), TRUE.note(9)).encode()},
        {},
    ],
)
def test_what_proves_no_fork_is_not_believed(peers, tmp_path, files):
    collected = witnesses_of(peers(fork_server(files)), evidence=tmp_path).collect(
        TRUE.note(600), READ
    )
    assert collected.reports[0].fork is None
    assert "another root" in collected.reports[0].reason
    assert not list(tmp_path.iterdir())


def test_evidence_is_never_overwritten_and_there_is_an_end_to_it(tmp_path):
    forks = [ForkProof(TRUE.note(9), Log(9, changed_from=at).note(9)) for at in range(9)]
    paths = [keep_fork(tmp_path, fork, LOG) for fork in forks]
    assert [path.name for path in paths] == [f"fork-9-{number}.txt" for number in range(1, 10)]
    swapped = ForkProof(forks[4].second, forks[4].first)
    assert keep_fork(tmp_path, swapped, LOG) == paths[4]
    for number in range(10, EVIDENCE_MAX + 1):
        (tmp_path / f"fork-9-{number}.txt").write_text("x")
    other = ForkProof(Log(9, changed_from=1).note(9), Log(9, changed_from=2).note(9))
    keep_fork(tmp_path, other, LOG)
    assert len(list(tmp_path.iterdir())) == EVIDENCE_MAX
    with pytest.raises(LogError, match="same"):
        keep_fork(tmp_path, ForkProof(TRUE.note(9), TRUE.note(9)), LOG)
    assert ORIGIN.encode() in paths[0].read_bytes()
