"""How the Makefile installs the lock files: a newer version on an index, or a changed file, changes nothing."""

from __future__ import annotations

import base64
import ensurepip
import hashlib
import re
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

MAKEFILE = Path(__file__).parent.parent / "Makefile"


def wheel(folder: Path, name: str, version: str, requires: str = "") -> str:
    """Write the smallest wheel pip takes, and return its hash as a lock file has it."""
    info = f"{name}-{version}.dist-info"
    files = {
        f"{name}.py": f"version = {version!r}\n",
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\nProvides-Extra: more\n{requires}",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: tests\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    rows = "".join(
        f"{path},sha256={base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).decode().rstrip('=')},{len(text)}\n"
        for path, text in files.items()
    )
    path = folder / f"{name}-{version}-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        for inner, text in files.items():
            archive.writestr(inner, text)
        archive.writestr(f"{info}/RECORD", rows + f"{info}/RECORD,,\n")
    return f"{name}=={version} --hash=sha256:{hashlib.sha256(path.read_bytes()).hexdigest()}\n"


def makefile_flags() -> list[str]:
    (flags,) = re.findall(r"^LOCKED := (.+)$", MAKEFILE.read_text(), re.MULTILINE)
    return flags.split()


def install(folder: Path, flags: list[str]) -> subprocess.CompletedProcess[str]:
    """Install the lock file with the pip that a fresh environment of this Python has."""
    bundled = next(Path(ensurepip.__file__).parent.glob("_bundled/pip-*.whl"), None)
    pip = [f"{bundled}/pip"] if bundled else ["-m", "pip"]
    places = ["--find-links", str(folder), "--target", str(folder / "there")]
    return subprocess.run(
        [
            sys.executable,
            *pip,
            "--isolated",
            "install",
            "--no-index",
            *places,
            *flags,
            "-r",
            folder / "lock.txt",
        ],
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture
def index(tmp_path: Path) -> Path:
    lock = wheel(tmp_path, "below", "1.0") + wheel(
        tmp_path, "above", "1.0", "Requires-Dist: below[more]>=1.0\n"
    )
    wheel(tmp_path, "below", "1.1")
    (tmp_path / "lock.txt").write_text(lock)
    return tmp_path


def test_a_newer_version_on_the_index_changes_nothing(index: Path) -> None:
    done = install(index, makefile_flags())
    assert done.returncode == 0, done.stderr
    assert (index / "there" / "below.py").read_text() == "version = '1.0'\n"


def test_a_changed_file_is_refused(index: Path) -> None:
    wheel(index, "below", "1.0", "Summary: changed\n")
    done = install(index, makefile_flags())
    assert done.returncode != 0
    assert "DO NOT MATCH THE HASHES" in done.stderr
    assert not (index / "there").exists()


def test_every_lock_file_is_installed_that_way() -> None:
    lines = [line for line in MAKEFILE.read_text().splitlines() if "-r requirements" in line]
    assert [line.rsplit(maxsplit=1)[1] for line in lines] == [
        "requirements.txt",
        "requirements-dev.txt",
        "requirements-node.txt",
    ]
    assert all("install $(LOCKED) -r" in line for line in lines)
