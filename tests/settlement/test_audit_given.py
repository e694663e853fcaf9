"""What the auditor gives: their slips are no verdict, and the report says whose word it rests on."""

import json
import shutil
import subprocess
import sys
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest

from ledger.errors import InputError
from ledger.log.cosignature import Cosigner
from ledger.log.note import vkey_of
from ledger.primitives.signing import SigningKey
from settlement import deeds
from settlement.audit.__main__ import main
from settlement.audit.report import render
from settlement.audit.verify import audit
from settlement.enrol import pay
from settlement.export import export_bundle
from tests.bundles import remake_manifest
from tests.prepared import CHARTER, found, reopen
from wallet_api.cli.app import run

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def bundle(prepared, tmp_path_factory):
    folder = tmp_path_factory.mktemp("given")
    shutil.copytree(prepared, folder / "street")
    community = reopen(f"sqlite:///{folder}/street/street.sqlite", folder / "street/keys")
    export_bundle(community, folder / "bundle")
    community.writer.database.close()
    return folder / "bundle"


@pytest.fixture
def vkey(bundle):
    return (bundle / "log.vkey").read_text().strip()


@pytest.fixture
def policy(tmp_path, vkey):
    (tmp_path / "policy").write_text(f"log {vkey}\nquorum none\n")
    return tmp_path / "policy"


def said(capsys, arguments):
    """Return both programs' exit codes and all that they said."""
    codes = main(arguments), run(["audit", "verify", *arguments])
    told = capsys.readouterr()
    return codes, told.out + told.err


def test_the_report_says_whose_word_the_key_is(bundle, vkey, policy):
    unknown = audit(bundle)
    assert "– checkpoint             signed by the key that the bundle names" in render(unknown)
    assert render(unknown).endswith(f"  {vkey}")
    assert unknown.to_json()["key_given"] is False
    for report in (audit(bundle, vkey=vkey), audit(bundle, policy=policy.read_bytes())):
        assert "✓ checkpoint             signed by the log's key, which you gave" in render(report)
        assert vkey not in render(report)
        assert report.to_json()["key_given"] is True
        assert report.to_json()["key"] == vkey


def test_a_policy_of_another_log_vouches_for_no_key(bundle, vkey):
    other = vkey_of("mill.example/ledger/1", SigningKey.from_seed(bytes(32)).public)
    report = audit(bundle, policy=f"log {other}\nquorum none\n".encode())
    assert (report.failed, report.to_json()["key_given"]) == ("witnesses", False)
    assert "your policy is of another log key" in report.failure
    assert "– checkpoint" in render(report)
    assert vkey not in render(report), "what is unsound needs no key to be compared"


@pytest.mark.parametrize(
    ("key", "words"),
    [
        ("", "--vkey is empty"),
        ("  ", "--vkey is empty"),
        ("hello", "--vkey: this is no key of a log"),
        ("ladywood.example/ledger/1+276d3a46+AXw6OOtgcHJKeMwNJsXtfBJYYV0PKNYN", "this is no key"),
    ],
)
def test_a_key_that_is_none_is_the_auditors_slip(bundle, capsys, key, words):
    codes, told = said(capsys, [str(bundle), "--vkey", key])
    assert codes == (2, 2)
    assert told.count(words) == 2
    assert "SOUND" not in told


def test_an_empty_key_is_none_for_a_receipt_either(tmp_path, policy, capsys):
    (tmp_path / "line").write_bytes(b"anything")
    given = ["receipt", str(tmp_path / "line"), "--vkey", "", "--policy", str(policy)]
    assert main(given) == 2
    assert "--vkey is empty" in capsys.readouterr().out


@pytest.mark.parametrize("option", ["--policy", "--since", "--state"])
def test_a_file_that_is_something_else_is_the_auditors_slip(bundle, tmp_path, capsys, option):
    (tmp_path / "a.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    for given in (str(tmp_path / "a.png"), str(tmp_path), ""):
        codes, told = said(capsys, [str(bundle), option, given])
        assert codes == (2, 2), told
        assert "UNSOUND" not in told
        assert option.removeprefix("--") in told


def test_a_policy_without_a_log_says_so(bundle, tmp_path, capsys):
    (tmp_path / "policy").write_text("quorum none\n")
    codes, told = said(capsys, [str(bundle), "--policy", str(tmp_path / "policy")])
    assert codes == (2, 2)
    assert "it names no log" in told
    copy = shutil.copytree(bundle, tmp_path / "copy")
    (copy / "policy").write_text("quorum none\n")
    remake_manifest(copy)
    report = audit(copy)
    assert (report.failed, report.failure[:32]) == ("witnesses", "the bundle's policy names no log")


def test_what_is_kept_of_another_log_is_the_auditors_slip(bundle, tmp_path, monkeypatch):
    charter = replace(CHARTER, origin="mill.example/ledger/1")
    monkeypatch.setattr("tests.prepared.CHARTER", charter)
    other = found(f"sqlite:///{tmp_path}/other.sqlite", tmp_path / "keys")
    export_bundle(other, tmp_path / "other")
    other.writer.database.close()
    memory = audit(tmp_path / "other").memory()
    with pytest.raises(InputError, match="--state: the file is of 'mill"):
        audit(bundle, memory=memory)
    since = (tmp_path / "other/log/checkpoint").read_bytes()
    with pytest.raises(InputError, match="--since: the checkpoint is of 'mill"):
        audit(bundle, since=since)


def test_a_state_file_that_could_not_be_written_is_refused_before_the_audit(
    bundle, tmp_path, capsys
):
    codes, told = said(capsys, [str(bundle), "--state", str(tmp_path / "nowhere/state")])
    assert codes == (2, 2)
    assert "there is no folder" in told
    assert "SOUND" not in told


def test_what_is_no_bundle_is_the_auditors_slip(bundle, tmp_path, capsys, monkeypatch):
    (tmp_path / "empty").mkdir()
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos/a.png").write_bytes(b"png")
    shutil.copytree(bundle, tmp_path / "outer/street")
    for name, folder in (("photos.zip", "photos"), ("top.zip", "outer")):
        with zipfile.ZipFile(tmp_path / name, "w") as file:
            for path in (tmp_path / folder).rglob("*"):
                file.write(path, path.relative_to(tmp_path / folder).as_posix())
    monkeypatch.chdir(tmp_path / "empty")
    for given, words in (
        (str(tmp_path / "empty"), "is not a bundle: it has no manifest.json"),
        (str(tmp_path / "photos"), "is not a bundle"),
        (str(tmp_path / "photos.zip"), "is not a bundle"),
        (str(tmp_path / "photos/a.png"), "is neither a folder nor a .zip file"),
        (str(tmp_path / "top.zip"), "but a folder street/ in it may be one: unzip it"),
        (str(tmp_path / "outer"), "but a folder street/ in it may be one: name that"),
        ("", "is not a bundle"),
    ):
        codes, told = said(capsys, [given])
        assert codes == (2, 2), told
        assert told.count(words) == 2, told
        assert "UNSOUND" not in told


def test_a_bundle_with_its_manifest_alone_stays_unsound(bundle, tmp_path):
    (tmp_path / "b").mkdir()
    shutil.copy(bundle / "manifest.json", tmp_path / "b")
    assert audit(tmp_path / "b").verdict == "unsound"


def test_files_that_the_manifest_does_not_name_are_counted(bundle, tmp_path):
    copy = shutil.copytree(bundle, tmp_path / "copy")
    (copy / "letter.txt").write_text("Look here instead.")
    report = audit(copy)
    assert report.verdict == "sound"
    assert "; 1 other in it, which nothing looked at" in render(report)


def test_before_the_first_day_is_settled_it_says_so(bundle):
    assert "SOUND." in render(audit(bundle))
    assert "No day is settled yet" in render(audit(bundle))


def test_one_absent_witness_does_not_hide_the_books(bundle, vkey, tmp_path, capsys):
    absent = Cosigner("west.example/w", SigningKey.from_seed(bytes(32)).public).vkey
    policy = f"log {vkey}\nwitness west {absent}\nquorum west\n"
    (tmp_path / "policy").write_text(policy)
    report = audit(bundle, policy=policy.encode())
    assert (report.verdict, report.failed, report.exit_code) == ("unsound", "witnesses", 1)
    assert [state for _, state in report.states()].count("passed") == 15
    assert "Nothing else that was checked is wrong." in render(report)
    assert report.memory() is None
    # Books that are wrong as well are told first, and both are shown.
    copy = shutil.copytree(bundle, tmp_path / "copy")
    (copy / "facts/000000.jsonl").write_bytes(b"")
    remake_manifest(copy)
    assert main([str(copy), "--policy", str(tmp_path / "policy"), "--json"]) == 1
    answer = json.loads(capsys.readouterr().out)
    assert answer["failed"]["check"] == "bundle"
    assert {c["check"] for c in answer["checks"] if c["state"] == "failed"} == {
        "bundle",
        "witnesses",
    }
    assert "Do not trust" in render(audit(copy, policy=policy.encode()))


def test_another_key_of_the_same_log_is_unsound(bundle):
    origin = audit(bundle).origin
    other = vkey_of(origin, SigningKey.from_seed(bytes(32)).public)
    assert audit(bundle, vkey=other).failed == "checkpoint"


def test_marks_stay_apart_on_a_terminal_without_them(bundle, tmp_path):
    copy = shutil.copytree(bundle, tmp_path / "copy")
    (copy / "facts/000000.jsonl").write_bytes(b"")
    environment = {"PYTHONIOENCODING": "ascii", "LC_ALL": "C", "PATH": "/usr/bin:/bin"}
    told = [
        subprocess.run(
            [sys.executable, "-m", "settlement.audit", str(path)],
            cwd=ROOT,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        ).stdout
        for path in (bundle, copy)
    ]
    assert "  ok tiles" in told[0]
    assert "  - checkpoint" in told[0]
    assert "  FAIL bundle" in told[1]
    assert "  . tiles" in told[1]
    assert "?" not in told[0] + told[1]


def test_without_cryptography_it_says_what_to_install():
    program = (
        "import sys\n"
        "sys.modules['cryptography'] = None\n"
        "from settlement.audit.__main__ import main\n"
        "sys.exit(main(['--help']))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert done.stderr == "The audit needs one package: pip install cryptography\n"


def test_stopped_at_the_keyboard_it_says_so(bundle, monkeypatch, capsys):
    def stopped(*_arguments, **_named):
        raise KeyboardInterrupt

    monkeypatch.setattr("settlement.audit.command.audit", stopped)
    assert main([str(bundle)]) == 130
    assert capsys.readouterr().err.startswith("Stopped")


def test_help_names_receipts_and_exit_codes(capsys):
    with pytest.raises(SystemExit):
        main(["--help"])
    told = capsys.readouterr().out
    assert "settlement.audit receipt" in told
    assert "2: cannot tell" in told


def test_export_prints_how_to_check_with_the_key(copy, tmp_path, capsys):
    url, keys = copy()
    out = tmp_path / "street.zip"
    assert run(["audit", "export", str(out), "--database", url, "--keys", str(keys)]) == 0
    line = capsys.readouterr().out.splitlines()[-1]
    assert line.startswith(f"Check it: commonwatt audit verify {out} --vkey ladywood")
    assert run(line.partition("commonwatt ")[2].split()) == 0


def test_an_erased_fact_is_not_counted_as_one_of_the_logs(copy, tmp_path):
    community = reopen(*copy())
    ada, ben, *_ = sorted(community.state.members)
    position = pay(community, ada, ben, 700, "bread")
    deeds.erase(community, {position: "fact"}, "She asked for it.")
    export_bundle(community, tmp_path / "bundle")
    community.writer.database.close()
    report = audit(tmp_path / "bundle")
    assert f"{report.size - 1} facts are those the log commits to, 1 is gone" in render(report)
    assert "1 fact or detail was erased" in render(report)
