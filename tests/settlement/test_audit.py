"""The audit: true bundles, damaged ones, hostile ones, and what it needs to run."""

import hashlib
import json
import random
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger.errors import CommonwattError
from ledger.log.note import vkey_of
from ledger.primitives.signing import SigningKey
from settlement.audit.__main__ import main
from settlement.audit.verdict import ALL_CHECKS, PASSED
from settlement.audit.verify import audit
from settlement.enrol import pay
from settlement.export import export_bundle
from settlement.run import settle_day
from tests.bundles import remake_manifest
from tests.prepared import DAY, reopen

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def bundle(prepared, tmp_path_factory):
    folder = tmp_path_factory.mktemp("audit")
    shutil.copytree(prepared, folder / "street")
    community = reopen(f"sqlite:///{folder}/street/street.sqlite", folder / "street/keys")
    settle_day(community, DAY)
    payer, payee = list(community.state.members)[:2]
    pay(community, payer, payee, 1_000_000, "eggs")
    export_bundle(community, folder / "bundle")
    community.writer.database.close()
    return folder / "bundle"


def test_a_true_bundle_is_sound_and_every_check_passes(bundle):
    report = audit(bundle)
    assert report.failed is None, report.failure
    assert [state for _, state in report.states()] == [PASSED] * len(ALL_CHECKS)
    assert report.counts["settlement"] == 48
    assert report.counts["transfer"] == 1
    assert report.counts["transfers"] > 300


def test_folder_and_zip_give_the_same_report(bundle, tmp_path):
    with zipfile.ZipFile(tmp_path / "b.zip", "w") as file:
        for path in sorted(bundle.rglob("*")):
            if path.is_file():
                file.write(path, path.relative_to(bundle).as_posix())
    assert audit(tmp_path / "b.zip").to_json() == audit(bundle).to_json()


@pytest.mark.parametrize("repaired", [False, True])
def test_one_changed_byte_in_any_file_is_unsound(bundle, tmp_path, repaired):
    names = [p.relative_to(bundle) for p in sorted(bundle.rglob("*")) if p.is_file()]
    for number, name in enumerate(names):
        if repaired and str(name) in ("policy", "manifest.json"):
            continue  # an auditor who asks for witnesses brings a policy of their own
        copy = tmp_path / str(number)
        shutil.copytree(bundle, copy)
        data = bytearray((copy / name).read_bytes())
        data[len(data) // 2] ^= 1
        (copy / name).write_bytes(data)
        if repaired:
            remake_manifest(copy)
        assert audit(copy).verdict == "unsound", name


def test_a_missing_or_swapped_fact_is_unsound(bundle, tmp_path):
    for number, change in enumerate(
        (lambda lines: lines[:-1], lambda lines: [lines[1], lines[0], *lines[2:]])
    ):
        copy = tmp_path / str(number)
        shutil.copytree(bundle, copy)
        path = copy / "facts/000000.jsonl"
        lines = path.read_bytes().splitlines(keepends=True)
        path.write_bytes(b"".join(change(lines)))
        remake_manifest(copy)
        report = audit(copy)
        assert report.failed == "bundle"


def test_another_log_key_and_a_shorter_or_rewritten_history_are_noticed(bundle, copy, tmp_path):
    other = audit(
        bundle, vkey=vkey_of("ladywood.example/ledger/1", SigningKey.from_seed(bytes(32)).public)
    )
    assert other.failed == "checkpoint"
    community = reopen(*copy())
    community.writer.publish(tmp_path / "early")
    early = (tmp_path / "early/checkpoint").read_bytes()
    community.writer.database.close()
    report = audit(bundle, since=early)
    assert report.failed is None
    assert report.earlier
    latest = (bundle / "log/checkpoint").read_bytes()
    shorter = reopen(*copy())
    export_bundle(shorter, tmp_path / "shorter")
    assert audit(tmp_path / "shorter", since=latest).failed == "earlier checkpoint"
    payer, payee = list(shorter.state.members)[:2]
    for number in range(200):
        pay(shorter, payer, payee, 1, f"fill {number}")
    export_bundle(shorter, tmp_path / "rewritten")
    shorter.writer.database.close()
    report = audit(tmp_path / "rewritten", since=latest)
    assert report.failed == "earlier checkpoint"
    assert "history was rewritten" in report.failure


@settings(max_examples=60)
@given(data=st.data())
def test_no_damage_makes_the_audit_crash(bundle, tmp_path_factory, data):
    folder = tmp_path_factory.mktemp("fuzz")
    shutil.copytree(bundle, folder / "b")
    path = folder / "b/facts/000000.jsonl"
    content = bytearray(path.read_bytes())
    for _ in range(data.draw(st.integers(1, 3))):
        place = data.draw(st.integers(0, len(content) - 1))
        content[place : place + data.draw(st.integers(0, 3))] = data.draw(st.binary(max_size=4))
    path.write_bytes(content)
    remake_manifest(folder / "b")
    try:
        report = audit(folder / "b")
    except CommonwattError:
        return
    if bytes(content) != (bundle / "facts/000000.jsonl").read_bytes():
        assert report.verdict == "unsound"


def test_exit_codes_and_json(bundle, tmp_path, capsys):
    assert main([str(bundle), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["verdict"] == "sound"
    assert main([str(tmp_path / "nowhere")]) == 2
    shutil.copytree(bundle, tmp_path / "bad")
    (tmp_path / "bad/log/checkpoint").write_bytes(b"nothing\n")
    assert main([str(tmp_path / "bad")]) == 1
    assert "UNSOUND" in capsys.readouterr().out


def test_the_audit_needs_only_the_standard_library_and_cryptography(bundle):
    """Run it where every other package is refused."""
    program = (
        "import sys\n"
        "allowed = {'cryptography', 'cffi', '_cffi_backend', 'pycparser', 'tzdata'}\n"
        "ours = {'ledger', 'market', 'meters', 'settlement'}\n"
        "class Refuse:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        "        top = name.partition('.')[0]\n"
        "        if top.startswith('_sysconfigdata'):\n"
        "            return\n"
        "        if path is None and top not in allowed | ours | sys.stdlib_module_names:\n"
        "            raise ImportError('refused: ' + name)\n"
        "sys.meta_path.insert(0, Refuse())\n"
        "from settlement.audit.__main__ import main\n"
        "code = main(sys.argv[1:])\n"
        "loaded = {name.partition('.')[0] for name in sys.modules}\n"
        "assert not loaded & {'pulp', 'highspy', 'numpy', 'pandas', 'sqlalchemy', 'pydantic'}\n"
        "sys.exit(code)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, str(bundle)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "SOUND" in done.stdout


def test_no_damage_to_a_zip_makes_the_audit_crash(bundle, tmp_path):
    with zipfile.ZipFile(tmp_path / "whole.zip", "w", zipfile.ZIP_DEFLATED) as file:
        for path in sorted(bundle.rglob("*")):
            if path.is_file():
                file.write(path, path.relative_to(bundle).as_posix())
    whole = (tmp_path / "whole.zip").read_bytes()
    dice = random.Random(5)
    for _ in range(150):
        damaged = bytearray(whole)
        for _ in range(dice.randrange(1, 20)):
            damaged[dice.randrange(len(damaged))] ^= 1 << dice.randrange(8)
        (tmp_path / "d.zip").write_bytes(damaged)
        try:
            audit(tmp_path / "d.zip")
        except CommonwattError:
            continue


@pytest.mark.parametrize(
    "path", ["/etc/hostname", "../outside", "log/../../outside", "link", "", "facts"]
)
def test_a_bundle_cannot_name_anything_outside_itself(bundle, tmp_path, path):
    shutil.copytree(bundle, tmp_path / "b")
    (tmp_path / "outside").write_bytes(b"secret")
    (tmp_path / "b/link").symlink_to(tmp_path / "outside")
    manifest = json.loads((tmp_path / "b/manifest.json").read_bytes())
    manifest["files"].append(
        {"path": path, "bytes": 6, "sha256": hashlib.sha256(b"secret").hexdigest()}
    )
    (tmp_path / "b/manifest.json").write_text(
        json.dumps(manifest, sort_keys=True, separators=(",", ":"))
    )
    assert audit(tmp_path / "b").failed == "bundle"
    assert sorted(p.name for p in tmp_path.iterdir()) == ["b", "outside"]
