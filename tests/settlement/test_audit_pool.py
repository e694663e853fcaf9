"""Proofs by other processes: the same verdict, the first failure of the log, nothing else installed."""

import gc
import importlib
import importlib.util
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from settlement.audit import pool
from settlement.audit.pool import Pool
from settlement.audit.proofs import prove_signatures
from settlement.audit.verify import audit
from settlement.enrol import pay
from settlement.errors import AuditError
from settlement.export import export_bundle
from settlement.run import settle_day
from tests.prepared import DAY, reopen

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def street(copy):
    community = reopen(*copy())
    yield community
    community.writer.database.close()


@pytest.fixture(autouse=True)
def _at_once(monkeypatch):
    """Start other processes for the first piece of work."""
    monkeypatch.setattr(pool, "HERE_FIRST", 0)


def both(bundle):
    """Audit by one process and by two, and return the one report."""
    alone, together = audit(bundle), audit(bundle, processes=2)
    assert alone.to_json() == together.to_json()
    assert alone.memory() == together.memory()
    return together


def test_two_processes_come_to_the_same_verdict(street, tmp_path):
    settle_day(street, DAY)
    export_bundle(street, tmp_path / "bundle")
    assert both(tmp_path / "bundle").verdict == "sound"


def wrong_root(which):
    """Return a change of the operator's program: it signs another root, the n-th time."""

    def change(honest):
        calls = iter(range(1_000))
        return lambda *given: bytes(32) if next(calls) == which else honest(*given)

    return change


@pytest.mark.parametrize(
    ("name", "change", "check"),
    [
        ("run_begin.salted_root", wrong_root(0), "funds and mandates"),
        ("run.salted_root", wrong_root(30), "postings"),
        ("run.salted_root", wrong_root(31), "postings"),
        ("run_close.salted_root", wrong_root(0), "postings"),
        ("run_close.salted_root", wrong_root(1), "balances and seals"),
        (
            "run.market_to_json",
            lambda honest: lambda market: {**honest(market), "x": 1},
            "clearings",
        ),
        ("run_close.totals_of", lambda _honest: lambda _lines: [], "balances and seals"),
    ],
)
def test_what_is_wrong_is_told_alike(street, tmp_path, monkeypatch, name, change, check):
    with monkeypatch.context() as patch:
        module, _, function = name.partition(".")
        honest = getattr(importlib.import_module(f"settlement.{module}"), function)
        patch.setattr(f"settlement.{module}.{function}", change(honest))
        settle_day(street, DAY)
    export_bundle(street, tmp_path / "bundle")
    report = both(tmp_path / "bundle")
    assert (report.verdict, report.failed) == ("unsound", check)


def test_a_signature_that_does_not_hold_is_told_before_what_comes_later(
    street, tmp_path, monkeypatch
):
    """The replay goes on after it, and finds something else that is wrong first."""
    ada, ben, *_ = sorted(street.state.members)
    with monkeypatch.context() as patch:
        patch.setattr("ledger.primitives.signing.SigningKey.sign", lambda *_: b"\x01" * 64)
        patch.setattr("ledger.primitives.signing.verify", lambda *_: True)
        position = pay(street, ada, ben, 5, "bread")
    with monkeypatch.context() as patch:
        patch.setattr("settlement.run_close.totals_of", lambda _lines: [])
        settle_day(street, DAY)
    export_bundle(street, tmp_path / "bundle")
    report = both(tmp_path / "bundle")
    assert report.failed == "keys and signatures"
    assert f"entry {position}: the signature does not hold" in report.failure


def wrong_at(position):
    return position, "postings", f"entry {position}: wrong"


def test_the_first_failure_of_the_log_is_told_and_only_what_stands_before_another():
    with Pool(1) as one:
        for position in (9, 4, 7):
            one.submit(wrong_at, position)
        assert one.failed
        one.finish(before=4)
        with pytest.raises(AuditError, match="entry 4") as caught:
            one.finish(before=5)
        assert caught.value.position == 4
        with pytest.raises(AuditError, match="entry 4"):
            one.finish()


def test_more_work_than_may_wait_is_done_all_the_same():
    with Pool(2) as two:
        for position in range(200):
            two.submit(prove_signatures, [(position, bytes(32), bytes(64), b"")])
        with pytest.raises(AuditError, match="entry 0: the signature does not hold"):
            two.finish()


def test_the_audit_runs_where_nothing_but_cryptography_is_installed(street, tmp_path):
    """Python without its site-packages, and beside it only what cryptography needs."""
    settle_day(street, DAY)
    export_bundle(street, tmp_path / "bundle")
    site = tmp_path / "site"
    site.mkdir()
    for name in ("cryptography", "cffi", "_cffi_backend", "pycparser", "tzdata"):
        found = importlib.util.find_spec(name)
        if found is not None and found.origin is not None:
            whole = Path(found.origin)
            source = whole.parent if whole.name == "__init__.py" else whole
            (site / source.name).symlink_to(source)
    for name in ("ledger", "market", "meters", "settlement"):
        (site / name).symlink_to(ROOT / name)
    program = (
        "import sys; sys.path.append(sys.argv.pop(1))\n"
        "from settlement.audit import pool\n"
        "pool.HERE_FIRST = 0\n"
        "from settlement.audit.__main__ import main\n"
        "if __name__ == '__main__':\n"
        "    sys.exit(main())\n"
    )
    (tmp_path / "run.py").write_text(program)
    done = subprocess.run(
        [
            *(sys.executable, "-I", "-S", str(tmp_path / "run.py"), str(site)),
            *(str(tmp_path / "bundle"), "--processes", "2"),
        ],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        env={"PATH": os.environ["PATH"]},
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "SOUND" in done.stdout
    assert done.stderr == ""


def heard(_nothing):
    """Fail where Ctrl-C would reach the process that works."""
    deaf = signal.SIGINT in signal.pthread_sigmask(signal.SIG_BLOCK, [])
    return None if deaf else (0, "bundle", f"process {os.getpid()} hears Ctrl-C")


def test_the_keyboard_stops_one_process_and_the_others_say_nothing():
    with Pool(2) as two:
        for _ in range(4):
            two.submit(heard, None)
        two.finish()
    assert signal.SIGINT not in signal.pthread_sigmask(signal.SIG_BLOCK, [])


def test_an_audit_makes_no_cycles_so_that_none_need_be_collected(street, tmp_path):
    settle_day(street, DAY)
    export_bundle(street, tmp_path / "bundle")
    audit(tmp_path / "bundle")
    gc.collect()
    gc.disable()
    try:
        report = audit(tmp_path / "bundle")
        assert (report.verdict, gc.collect()) == ("sound", 0)
        assert not gc.isenabled()
    finally:
        gc.enable()
    audit(tmp_path / "bundle")
    assert gc.isenabled()
