"""Every attack of the threat model is noticed, by the check and in the words that it says there."""

import io
import json
import re
import shutil
import zipfile
from collections import Counter

import pytest

from ledger.log.cosignature import Cosigner, add_lines, cosign
from ledger.log.leaf import CLEAR_KINDS
from ledger.primitives.periods import SECONDS
from ledger.statements import Statement
from meters.readings import Channel
from settlement.audit import pool
from settlement.audit.__main__ import main as audit_main
from settlement.audit.verdict import ALL_CHECKS
from settlement.audit.verify import audit
from tests.attacks import make, members
from tests.attacks.catalogue import ATTACKS
from tests.attacks.run import Run
from tests.attacks.village import LOG, OPERATORS, PERIODS, key, member, packed
from wallet_api.cli.app import run as commonwatt

FOLDERS = sorted(path.name for path in make.FOLDER.iterdir())
PAGE = make.PAGE.read_text(encoding="utf-8")
FOLDER_BYTES_MAX = 60_000
BY_PROCESSES = "clearing_skimmed_unit_fail"
"""The fixture whose certificates and postings other processes look at."""


def expected_of(name):
    return json.loads((make.FOLDER / name / "expected.json").read_text())


def look_at(folder, arguments, *, json_too=False):
    """Run a command on a copy of a fixture's files; return its exit code."""
    given = [str(folder / each) if (folder / each).is_file() else each for each in arguments]
    if given[:2] == ["audit", "verify"]:
        processes = "2" if folder.name == BY_PROCESSES else "1"
        return audit_main([*given[2:], "--processes", processes, *["--json"] * json_too])
    return audit_main(given[1:]) if given[:2] == ["audit", "receipt"] else commonwatt(given)


@pytest.mark.parametrize("name", FOLDERS)
def test_an_attack_fails_with_its_check_and_sentence(name, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(pool, "HERE_FIRST", 0)  # where there are others, they do all of it
    expected = expected_of(name)
    folder = shutil.copytree(make.FOLDER / name, tmp_path / name)
    for look in expected["looks"]:
        assert look_at(folder, look["commonwatt"]) == look["exit"]
        said = capsys.readouterr().out
        assert look["sentence"] in said, said
        if not look["check"]:
            continue
        assert look_at(folder, look["commonwatt"], json_too=True) == 1
        failed = json.loads(capsys.readouterr().out)["failed"]
        assert failed["check"] == look["check"]
        assert look["sentence"] in failed["reason"]
    first = expected["looks"][0]
    assert first["exit"] == (0 if name == make.HONEST else 1)
    assert first["sentence"], "an attack is known by what is said of it"


def test_the_products_own_command_says_the_same(capsys):
    [look] = expected_of(BY_PROCESSES)["looks"]
    arguments = [str(make.FOLDER / BY_PROCESSES / "bundle.zip"), *look["commonwatt"][3:]]
    assert commonwatt(["audit", "verify", *arguments]) == 1
    assert look["sentence"] in capsys.readouterr().out


def test_the_fixtures_are_what_the_program_makes():
    made = dict(make.folders())
    assert sorted(made) == FOLDERS
    for name, files in made.items():
        folder = make.FOLDER / name
        assert sorted(path.name for path in folder.iterdir()) == sorted(files)
        for path, data in files.items():
            kept = (folder / path).read_bytes()
            # Another zlib packs the same bytes in another way.
            assert contents(kept) == contents(data), f"{name}/{path}: python -m tests.attacks.make"


def contents(data):
    """Return a .zip's names and contents, or the bytes of any other file."""
    if not data.startswith(b"PK"):
        return data
    with zipfile.ZipFile(io.BytesIO(data)) as file:
        return [(info.filename, info.date_time, file.read(info)) for info in file.infolist()]


def test_the_folders_are_small():
    sizes = {
        name: sum(path.stat().st_size for path in (make.FOLDER / name).iterdir())
        for name in FOLDERS
    }
    assert {name: size for name, size in sizes.items() if size > FOLDER_BYTES_MAX} == {}
    assert sum(sizes.values()) < 2_000_000


def test_the_page_and_the_folders_name_the_same_attacks():
    named = re.findall(r"^\| `([a-z0-9_]+_fail)`", PAGE, re.MULTILINE)
    assert Counter(named) == Counter(ATTACKS.keys())
    assert sorted([make.HONEST, *ATTACKS]) == FOLDERS
    assert make.with_tables(PAGE) == PAGE, "python -m tests.attacks.make"


def test_every_check_fails_somewhere():
    checks = {attack.looks[0].check for attack in ATTACKS.values()} - {""}
    assert checks == set(ALL_CHECKS)


BASES = {
    "hamlet": members.hamlet,
    "real clock": lambda: members.hamlet(replay=False),
    "metered": members.metered,
    "a day of three": lambda: Run(members.metered(("ada", "ben", "cleo"))).go(),
    "no mandate": lambda: Run(members.metered(ben={})).go(),
}


@pytest.mark.parametrize("base", BASES)
def test_before_the_attack_all_is_sound(base, tmp_path):
    (tmp_path / "bundle.zip").write_bytes(BASES[base]().bundle())
    report = audit(tmp_path / "bundle.zip")
    assert report.verdict == "sound", report.failure


def test_copies_are_compared_after_a_state_file_too(tmp_path):
    made, state, bundle = members.hamlet(), tmp_path / "state", tmp_path / "bundle.zip"
    bundle.write_bytes(made.bundle())
    assert audit_main([str(bundle), "--state", str(state)]) == 0
    made.say("rules", "community", members.rules_fields(2), OPERATORS)
    files = made.files()
    bundle.write_bytes(packed(files, len(made.entries)))
    assert audit(bundle, memory=state.read_bytes()).verdict == "sound"
    files["rules/0002.json"] = files["rules/0001.json"]
    bundle.write_bytes(packed(files, len(made.entries)))
    report = audit(bundle, memory=state.read_bytes())
    assert (report.failed, report.failure) == (
        "bundle",
        "rules/0002.json is not the one in the log",
    )


@pytest.mark.parametrize(
    ("replay", "late_s", "verdict"),
    [(False, -600, "sound"), (False, -601, "unsound"), (True, -10_000_000, "sound")],
)
def test_an_entry_may_be_ten_minutes_ahead_of_its_witnesses(replay, late_s, verdict, tmp_path):
    made, witness = members.hamlet(replay=replay), key("witness-west")
    note, name = made.note(), "west.example/witness"
    note = add_lines(note, [cosign(note, name, witness, made.period * SECONDS + late_s)])
    vkey = Cosigner(name, witness.public).vkey
    policy = f"log {LOG.vkey}\nwitness west {vkey}\nquorum west\n".encode()
    files = made.files() | {"log/checkpoint": note, "policy": policy}
    (tmp_path / "bundle.zip").write_bytes(packed(files, len(made.entries)))
    assert audit(tmp_path / "bundle.zip", policy=policy).verdict == verdict


def withdrawn():
    """Ben withdraws consent; the adapter goes on, and what it signs is logged but not used."""
    made = members.consented()
    made.period += 1
    fields = members.consent_fields("m-ben", Channel.IMPORT, withdrawn=True)
    made.say("consent", member("ben"), fields, [key("ben")])
    return members.read_day(made)


def other_channel():
    """Ada consented to what her meter exports; what it imports is logged, too."""
    made = members.metered()
    made.read("m-ada", Channel.IMPORT, PERIODS.start, [1, 2, 3])
    return made


@pytest.mark.parametrize("hole", [withdrawn, other_channel])
def test_readings_without_consent_are_not_even_logged(hole, tmp_path):
    (tmp_path / "bundle.zip").write_bytes(hole().bundle())
    assert audit(tmp_path / "bundle.zip").verdict == "unsound"


def test_leaves_in_clear_name_nobody():
    made = Run(members.metered()).go()
    people = [member(name).encode() for name in ("ada", "ben")] + [b"m-ada", b"m-ben"]
    for entry in made.entries:
        shown = entry.leaf_bytes()
        if entry.kind in CLEAR_KINDS:
            shown += Statement.decode(entry.envelope).envelope.body
        assert not any(name in shown for name in people)
