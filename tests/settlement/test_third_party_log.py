"""Verifiers that nobody here wrote accept a settled day's log and receipts, and refuse twins.

tlog-scales and Go's checksum database packages run in CI; aics-tlog where
COMMONWATT_TEST_AICS_PYTHON names a Python that has it (`tests/thirdparty/programs.py`).
"""

import importlib.util
import json
import shutil
import sys

import pytest

from ledger.errors import LogError
from ledger.log.tree import EMPTY_ROOT, verify_consistency, verify_inclusion
from settlement.audit.receipt import Receipt
from tests.engines import missing
from tests.ledger.log.test_third_party import CHECK
from tests.settlement.receipts import KINDS, receipts, street
from tests.thirdparty.programs import aics, checklog, run

__all__ = ["aics", "checklog", "receipts", "street"]


@pytest.fixture(params=["tlog-scales", "go", "aics-tlog"])
def check(request):
    """Return what runs a verifier on a folder."""
    if request.param == "go":
        command = (request.getfixturevalue("checklog"),)
    elif request.param == "aics-tlog":
        command = (*request.getfixturevalue("aics"), "log")
    else:
        if importlib.util.find_spec("tlog_scales") is None:
            missing("tlog-scales (pip install tlog-scales==0.0.3)")
        command = (sys.executable, "-c", CHECK)
    return lambda folder, vkey: run(*command, folder, vkey)


def flipped(data, place):
    return data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :]


def test_the_settled_days_log_is_accepted(check, street):
    done = check(street.log, street.verifier.vkey)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1].startswith("accepted ")


def test_one_changed_byte_is_refused(check, street, tmp_path):
    for number, path in enumerate(sorted(p for p in street.log.rglob("*") if p.is_file())):
        copy = tmp_path / str(number)
        shutil.copytree(street.log, copy)
        twin = copy / path.relative_to(street.log)
        data = twin.read_bytes()
        twin.write_bytes(flipped(data, len(data) // 2))
        assert check(copy, street.verifier.vkey).returncode != 0, path


@pytest.mark.parametrize("kind", KINDS)
def test_aics_tlog_takes_a_receipt_and_no_twin(aics, street, receipts, tmp_path, kind):
    def accepted(data, leaf, vkey=street.verifier.vkey):
        (tmp_path / "receipt").write_bytes(data)
        (tmp_path / "leaf").write_bytes(leaf)
        done = run(*aics, "receipt", tmp_path / "receipt", tmp_path / "leaf", vkey)
        assert done.returncode in (0, 1), done.stderr
        return done.returncode == 0

    data = receipts[kind]
    leaf = Receipt.decode(data).leaf
    assert accepted(data, leaf)
    head = data.index(b"\nindex ")
    note = data.index(b"\n\n") + 2
    assert not accepted(data, flipped(leaf, len(leaf) // 2))
    assert not accepted(data, leaf, street.verifier.vkey.replace("ladywood", "selly"))
    for place in (head + 7, head + 15, note, note + 40, len(data) - 20):
        assert not accepted(flipped(data, place), leaf), place


def test_aics_tlogs_own_command_takes_a_receipt_as_its_bundle(aics, street, receipts, tmp_path):
    receipt, leaf, bundle = (tmp_path / name for name in ("receipt", "leaf", "bundle"))
    receipt.write_bytes(receipts["payment"])
    leaf.write_bytes(Receipt.decode(receipts["payment"]).leaf)
    bundle.write_text(run(*aics, "wire", receipt, leaf).stdout)
    command = (aics[0], "-m", "aics_tlog", "verify-bundle", "--offline", "--bundle", bundle)
    key = ("--log-key", street.verifier.vkey)
    done = run(*command, *key)
    assert done.returncode == 0, done.stderr
    value = json.loads(bundle.read_bytes())
    value["index"] += 1
    bundle.write_text(json.dumps(value))
    assert run(*command, *key).returncode == 1


def test_a_hash_of_no_bytes_is_refused_here_whoever_takes_it():
    for function, arguments in (
        (verify_inclusion, (0, 1, b"", [], b"")),
        (verify_inclusion, (0, 2, bytes(32), [b""], bytes(32))),
        (verify_consistency, (1, 1, b"", b"", [])),
        (verify_consistency, (1, 2, bytes(32), bytes(32), [b""])),
    ):
        with pytest.raises(LogError, match="32 bytes"):
            function(*arguments)


def test_a_consistency_proof_from_size_0_is_refused_here_whoever_takes_it():
    with pytest.raises(LogError, match="says nothing"):
        verify_consistency(0, 1, EMPTY_ROOT, bytes(32), [])


def test_tlog_scales_takes_both():
    tlog = pytest.importorskip("tlog_scales.tlog")
    tlog.InclusionProof(0, 1, []).check(b"", b"")
    tlog.ConsistencyProof(0, 1, []).check(EMPTY_ROOT, bytes(32))


def test_aics_tlog_takes_both(aics):
    """Known differences, as above: where a later version refuses, the docs are to say so."""
    assert run(*aics, "differences").stdout == "accepted\n"
