import importlib.util
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.errors import LogError
from ledger.log.cosignature import (
    TIME_S_MAX,
    Cosigner,
    add_lines,
    cosign,
    cosigned_message,
    open_cosigned,
)
from ledger.log.note import SIGNATURES_MAX, NoteSignature, Verifier, split_note, with_lines_of
from ledger.primitives.signing import LOW_ORDER_ENCODINGS, SigningKey
from tests.ledger.heads import LOG, LOG_KEY, NOW_S, Log, cosigner, witness_key

HEAD = Log(7).note(7)
W1, W2 = cosigner(1), cosigner(2)


def line(number=1, note=HEAD, time_s=NOW_S):
    return cosign(note, cosigner(number).name, witness_key(number), time_s)


NOTE = add_lines(HEAD, [line()])


@given(st.integers(0, TIME_S_MAX))
def test_what_is_cosigned_opens_with_its_time(time_s):
    opened = open_cosigned(add_lines(HEAD, [line(time_s=time_s)]), LOG, [W1, W2])
    assert [(each.cosigner, each.time_s) for each in opened.cosignatures] == [(W1, time_s)]


@pytest.mark.shared
def test_the_published_cosignature_holds_and_ours_has_the_same_bytes(load_vectors):
    vectors = load_vectors("cosignature.json")
    note = vectors["checkpoint"].encode()
    log = Verifier.from_vkey(vectors["log_vkey"])
    witness = Cosigner.from_vkey(vectors["witness_vkeys"][0])
    assert witness.vkey == vectors["witness_vkeys"][0]
    time_s = vectors["witness_ed25519_timestamp"]
    opened = open_cosigned(note, log, [witness])
    assert [(each.cosigner, each.time_s) for each in opened.cosignatures] == [(witness, time_s)]
    message = cosigned_message(split_note(note).text.encode(), time_s)
    assert message.decode() == vectors["ed25519_cosigned_message"]
    key = SigningKey.from_seed(bytes.fromhex(vectors["secret_seeds_hex"]["witness_ed25519"]))
    assert cosign(note, witness.name, key, time_s) in split_note(note).signatures
    with pytest.raises(LogError, match="algorithm 0x04"):
        Cosigner.from_vkey(vectors["witness_vkeys"][1])  # ML-DSA-44: passed over in notes


def test_every_flipped_bit_of_a_cosigned_note_is_refused():
    for bit in range(8 * len(NOTE)):
        changed = bytearray(NOTE)
        changed[bit // 8] ^= 1 << bit % 8
        try:
            opened = open_cosigned(bytes(changed), LOG, [W1])
        except LogError:
            continue
        assert not opened.cosignatures  # the name or key hash changed: an unknown key's line


def test_a_known_witness_whose_line_does_not_hold_spoils_the_note():
    wrong = NoteSignature(W1.name, W1.key_hash, line(time_s=5).signature[:8] + bytes(64))
    with pytest.raises(LogError, match=r"signature of w1\.example/witness on this note"):
        open_cosigned(add_lines(HEAD, [wrong]), LOG, [W1])
    assert not open_cosigned(add_lines(HEAD, [wrong]), LOG, [W2]).cosignatures


@pytest.mark.parametrize("length", [1, 8, 64, 71, 73])
def test_a_cosignature_of_another_length_does_not_hold(length):
    assert not W1.holds(bytes(length), b"text\n")


def test_a_time_above_the_limit_does_not_hold_even_when_signed():
    time_s = TIME_S_MAX + 1
    text = split_note(HEAD).text.encode()
    signed = time_s.to_bytes(8) + witness_key(1).sign(cosigned_message(text, time_s))
    assert not W1.holds(signed, text)
    with pytest.raises(LogError, match="time"):
        line(time_s=time_s)


def test_points_of_small_order_are_refused_as_key_and_as_r():
    with pytest.raises(LogError, match="small order"):
        Cosigner("w.example", min(LOW_ORDER_ENCODINGS))
    for point in LOW_ORDER_ENCODINGS:
        assert not W1.holds(bytes(8) + point + bytes(32), b"text\n")


def test_the_logs_own_signature_is_needed_and_its_line_is_no_cosignature():
    text = split_note(HEAD).text
    alone = f"{text}\n{line().line()}".encode()
    with pytest.raises(LogError, match="did not sign"):
        open_cosigned(alone, LOG, [W1])
    same_key = Cosigner(LOG.name, LOG_KEY.public)  # the same key and name, another algorithm
    assert not open_cosigned(HEAD, LOG, [same_key]).cosignatures


def test_a_checkpoint_of_another_log_is_refused():
    text = split_note(Log(7, origin="other.example").note(7)).text
    signature = NoteSignature(LOG.name, LOG.key_hash, LOG_KEY.sign(text.encode()))
    borrowed = f"{text}\n{signature.line()}".encode()
    with pytest.raises(LogError, match=r"is of other\.example"):
        open_cosigned(borrowed, LOG, [W1])


def test_a_witness_that_signed_twice_counts_once_with_its_latest_time():
    note = add_lines(HEAD, [line(time_s=9), line(time_s=5), line(2)])
    opened = open_cosigned(note, LOG, [W2, W1])
    assert [(each.cosigner, each.time_s) for each in opened.cosignatures] == [(W2, NOW_S), (W1, 9)]


def test_only_checkpoints_are_cosigned():
    with pytest.raises(LogError):
        line(note=HEAD.replace(b"\n7\n", b"\n07\n"))
    with pytest.raises(LogError):
        line(note=b"no note")


def test_a_note_has_room_for_so_many_lines():
    full = add_lines(HEAD, [line()] * (SIGNATURES_MAX - 1))
    with pytest.raises(LogError, match="at most 32"):
        add_lines(full, [line()])
    assert with_lines_of(LOG, full) == HEAD
    with pytest.raises(LogError, match="did not sign"):
        with_lines_of(W2, full)


# Checks a note's lines with keys; prints how many hold.
CHECK = """
import sys
from tlog_scales.signing import Vkey
from tlog_scales.tlog import Checkpoint

checkpoint = Checkpoint.from_text(sys.stdin.buffer.read().decode())
for vkey in sys.argv[1:]:
    checkpoint.verify(Vkey.from_string(vkey))
print("accepted", len(sys.argv) - 1)
"""


@pytest.mark.skipif(
    importlib.util.find_spec("tlog_scales") is None,
    reason="tlog-scales is not installed: pip install tlog-scales==0.0.3",
)
def test_tlog_scales_accepts_our_cosignature_and_refuses_it_with_one_byte_changed():
    def check(note):
        return subprocess.run(
            [sys.executable, "-c", CHECK, LOG.vkey, W1.vkey],
            input=note,
            capture_output=True,
            timeout=30,
            check=False,
        )

    assert check(NOTE).stdout == b"accepted 2\n"
    for place in (-20, -90):
        changed = bytearray(NOTE)
        changed[place] ^= 1
        assert check(bytes(changed)).returncode == 1
