"""Fixtures that find, or build, verifiers which nobody here wrote and which are other programs.

A test that gets one of them skips loudly where it is not there. Each run has a time limit; tests of
verifiers that are imported get theirs from `time_limit`.
"""

import os
import shutil
import signal
import subprocess
from pathlib import Path

import pytest

from tests.engines import missing

SECONDS_MAX = 120
"""A check takes less than a second. Building takes one where Go's library is there compiled, as in
Debian 12, and some twenty where it is not."""

HERE = Path(__file__).parent
DEBIANS_GO = Path("/usr/share/gocode")
AICS_VARIABLE = "COMMONWATT_TEST_AICS_PYTHON"


def run(*arguments, given="", **variables):
    return subprocess.run(
        [str(argument) for argument in arguments],
        input=given,
        capture_output=True,
        text=True,
        timeout=SECONDS_MAX,
        check=False,
        env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1", **variables},
    )


@pytest.fixture
def time_limit():
    """Stop a test in the process whose verifier does not come to an end."""

    def stop(*_):
        raise TimeoutError(f"no answer within {SECONDS_MAX} seconds")

    before = signal.signal(signal.SIGALRM, stop)
    signal.alarm(SECONDS_MAX)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


@pytest.fixture(scope="session")
def checklog(tmp_path_factory):
    """The program over Go's `sumdb/note` and `sumdb/tlog`, built without any network."""
    if shutil.which("go") is None or not (DEBIANS_GO / "src/golang.org/x/mod/sumdb").is_dir():
        missing("Go with x/mod (Debian: golang-go, golang-golang-x-mod-dev)")
    folder = tmp_path_factory.mktemp("go")
    built = run(
        *("go", "build", "-o", folder / "checklog", HERE / "go/checklog.go"),
        GO111MODULE="off",
        GOPATH=str(DEBIANS_GO),
        GOPROXY="off",
        GOFLAGS="",
        GOTOOLCHAIN="local",
        GOCACHE=str(folder / "cache"),
        CGO_ENABLED="0",
    )
    assert built.returncode == 0, built.stderr
    return folder / "checklog"


@pytest.fixture(scope="session")
def aics():
    """Python 3.12 or later with aics-tlog, and the script that asks it.

    CI has no such Python, so this one is skipped even where everything else is required.
    """
    python = os.environ.get(AICS_VARIABLE)
    if not python:
        pytest.skip(
            f"aics-tlog is not here: these tests did not run. {AICS_VARIABLE} names a Python 3.12"
            " with aics-tlog==0.2.1"
        )
    return python, HERE / "aics/check.py"
