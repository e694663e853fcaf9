"""Go's checksum database packages, which nobody here wrote, check our log and refuse its twins.

`tests/thirdparty/go/checklog.go` is a few lines over `golang.org/x/mod/sumdb/note` and `tlog`, built
offline with Debian's packages golang-go and golang-golang-x-mod-dev.
"""

import base64
import random

import pytest

from ledger.errors import LogError
from ledger.log.note import open_note
from ledger.log.tree import consistency_proof, inclusion_proof, leaf_hash, root_of, verify_inclusion
from ledger.primitives.signing import SigningKey
from tests.ledger.published_logs import (
    VERIFIER,
    changed_twin,
    entries_of,
    other_root_twin,
    publish,
)
from tests.thirdparty.programs import checklog, run

__all__ = ["checklog"]

ENTRIES = entries_of(600)
OLD_SIZES = (1, 2, 255, 256, 257, 510, 599, 600)
CITY = 65_536 + 300
"""Entries of a log with a tile of level 2."""


@pytest.fixture(scope="session")
def log(tmp_path_factory):
    return publish(tmp_path_factory.mktemp("log"), ENTRIES, (255, 510))


def test_go_accepts_our_log_and_makes_the_proofs_that_we_make(checklog, log):
    checked = run(checklog, log, VERIFIER.vkey, *OLD_SIZES)
    assert checked.returncode == 0, checked.stderr
    *lines, last = checked.stdout.splitlines()
    assert last == "accepted 600"
    hashes = [leaf_hash(entry) for entry in ENTRIES]
    places = [*range(0, 600, 97), 599]
    expected = [("record", place, inclusion_proof(hashes, place)) for place in places]
    expected += [("tree", old, consistency_proof(hashes, old)) for old in OLD_SIZES]
    assert len(lines) == len(expected)
    for line, (kind, place, proof) in zip(lines, expected, strict=True):
        assert line.split() == [kind, str(place), *(value.hex() for value in proof)]
        if kind == "record":
            theirs = [bytes.fromhex(word) for word in line.split()[2:]]
            verify_inclusion(place, 600, hashes[place], theirs, root_of(hashes))


@pytest.mark.parametrize(
    ("path", "place"),
    [
        ("checkpoint", 0),  # the origin
        ("checkpoint", 27),  # the size
        ("checkpoint", 35),  # the root
        ("checkpoint", -20),  # the signature
        ("tile/0/000", 0),
        ("tile/0/001", 8191),
        ("tile/0/002.p/88", 1000),
        ("tile/1/000.p/2", 40),
        ("tile/entries/000", 1),  # a length
        ("tile/entries/000", 5),
        ("tile/entries/001", -1),
        ("tile/entries/002.p/88", 700),
    ],
)
def test_go_refuses_our_log_with_one_bit_changed(checklog, log, tmp_path, path, place):
    twin = changed_twin(log, tmp_path / "twin", path, place)
    checked = run(checklog, twin, VERIFIER.vkey, *OLD_SIZES)
    assert (checked.returncode, "refused:" in checked.stderr) == (1, True)
    assert "accepted" not in checked.stdout


def test_go_refuses_another_root_although_the_logs_key_signed_it(checklog, log, tmp_path):
    checked = run(checklog, other_root_twin(log, tmp_path / "twin"), VERIFIER.vkey)
    assert checked.returncode == 1
    assert "inconsistent tile" in checked.stderr


def test_go_refuses_another_key_and_another_logs_name(checklog, log):
    other = type(VERIFIER)(VERIFIER.name, SigningKey.from_seed(bytes([1]) * 32).public)
    named = type(VERIFIER)("other.example/ledger/1", VERIFIER.public_key)
    for verifier in (other, named):
        checked = run(checklog, log, verifier.vkey)
        assert checked.returncode == 1
        assert "no verifiable signatures" in checked.stderr


def test_go_accepts_a_log_with_tiles_on_three_levels(checklog, tmp_path):
    folder = publish(tmp_path / "city", [b"%d" % index for index in range(CITY)], (65_000,))
    assert (folder / "tile/2/000.p/1").is_file()
    checked = run(checklog, folder, VERIFIER.vkey, 1, 65_000, 65_536, 65_537)
    assert checked.returncode == 0, checked.stderr
    assert checked.stdout.endswith(f"accepted {CITY}\n")
    for number, path in enumerate(("tile/2/000.p/1", "tile/1/000", "tile/0/255")):
        twin = changed_twin(folder, tmp_path / str(number), path, 17)
        assert run(checklog, twin, VERIFIER.vkey).returncode == 1, path


def changed_notes(note, count):
    """Yield a note with one or two changes: bits, letters put in or taken out, pieces repeated."""
    chance = random.Random(0x60)
    for _ in range(count):
        data = bytearray(note)
        for _ in range(chance.choice((1, 1, 2))):
            place, other = chance.randrange(len(data)), chance.randrange(len(data))
            match chance.randrange(4):
                case 0:
                    data[place] ^= 1 << chance.randrange(8)
                case 1:
                    data.insert(place, chance.choice(b"\n \r\tA=+\xe2\x94-"))
                case 2:
                    del data[place]
                case 3:
                    data[place:place] = data[other : other + chance.randrange(1, 40)]
        yield bytes(data)


def test_we_open_no_changed_note_that_go_refuses_and_read_the_same_text(checklog, log):
    head = (log / "checkpoint").read_bytes()
    strangers = head + "— other.example YWJjZGVmZw==\n".encode()
    own = head.split(b"\n\n")[1]
    notes = [head, strangers, head + own, *changed_notes(head, 700), *changed_notes(strangers, 700)]
    given = "".join(base64.b64encode(note).decode() + "\n" for note in notes)
    answers = run(checklog, "notes", VERIFIER.vkey, given=given).stdout.splitlines()
    assert len(answers) == len(notes)
    counts = {"both": 0, "we alone refuse": 0, "nobody": 0}
    for note, answer in zip(notes, answers, strict=True):
        try:
            text = open_note(note, [VERIFIER]).text
        except LogError:
            counts["nobody" if answer == "refused" else "we alone refuse"] += 1
            continue
        assert answer != "refused", note
        assert base64.b64decode(answer, validate=True).decode() == text
        counts["both"] += 1
    assert counts["both"] > 20
    assert counts["nobody"] > 1000
    assert counts["we alone refuse"] < 10  # base64 with bits to spare, in a stranger's line
