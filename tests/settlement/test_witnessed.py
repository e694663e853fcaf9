"""A community whose log is witnessed: published, exported, audited; and one that told two stories."""

import base64
import json

import pytest

from ledger.log.checkpoint import open_checkpoint
from ledger.log.note import Verifier
from ledger.log.policy import Policy
from settlement.audit.__main__ import main
from settlement.audit.report import render
from settlement.audit.verify import audit
from settlement.enrol import pay
from settlement.export import export_bundle
from tests.prepared import reopen
from tests.witnesses import Served
from wallet_api.cli.app import run


@pytest.fixture
def street(copy):
    community = reopen(*copy())
    yield community
    community.writer.database.close()


@pytest.fixture
def verifier(street):
    return Verifier(street.writer.origin, street.writer.keyring.load("log").public)


@pytest.fixture
def served(tmp_path, verifier):
    served = [Served(tmp_path, number, verifier) for number in range(3)]
    yield served
    for witness in served:
        witness.close()


def policy_of(verifier, served, quorum=2):
    lines = [f"log {verifier.vkey}", *(witness.policy_line() for witness in served)]
    lines.append(f"group some {quorum} {' '.join(witness.name for witness in served)}")
    return "\n".join([*lines, "quorum some\n"]).encode()


def exported(community, target, policy, log_folder):
    export_bundle(community, target, policy=Policy.decode(policy), log_folder=log_folder)
    return target


def test_a_witnessed_log_is_published_exported_and_audited(street, verifier, served, tmp_path):
    policy, folder = policy_of(verifier, served), tmp_path / "log"
    published = street.writer.publish(folder, policy=Policy.decode(policy))
    assert published.collected.quorum_met
    note = (folder / "checkpoint").read_bytes()
    assert note == published.collected.note
    assert note.count("—".encode()) == 4
    assert open_checkpoint(note, verifier) == published.checkpoint
    # Published again, nobody is asked again, and no line is lost; not even without the policy.
    for witness in served:
        witness.close()
    again = street.writer.publish(folder, policy=Policy.decode(policy))
    assert again.collected.quorum_met
    street.writer.publish(folder)
    assert (folder / "checkpoint").read_bytes() == note
    bundle = exported(street, tmp_path / "bundle", policy, folder)
    report = audit(bundle)
    assert report.verdict == "sound"
    assert report.to_json()["witnessed"] is True
    assert sorted(report.to_json()["witnesses"]) == [witness.name for witness in served]
    assert "Witnessed by w0.example/witness, w1.example/witness" in render(report)
    assert "witnesses that the bundle itself names" in render(report)
    asked = audit(bundle, policy=policy)
    assert "the bundle itself names" not in render(asked)
    assert (report.to_json()["witnesses_of_your_policy"], asked.asked) == (False, True)


def test_what_is_not_witnessed_is_shown_as_such(street, verifier, served, tmp_path, capsys):
    policy, folder = policy_of(verifier, served, quorum=3), tmp_path / "log"
    served[1].close()
    published = street.writer.publish(folder, policy=Policy.decode(policy))
    assert not published.collected.quorum_met
    bundle = exported(street, tmp_path / "bundle", policy, folder)
    report = audit(bundle)
    assert report.verdict == "sound"
    assert report.to_json()["witnessed"] is False
    assert "Not witnessed by enough: only w0.example/witness, w2" in render(report)
    assert "– witnesses              not witnessed by enough" in render(report)
    # An auditor who asks for more by a policy of their own is told no.
    (tmp_path / "mine").write_bytes(policy)
    assert main([str(bundle), "--policy", str(tmp_path / "mine"), "--json"]) == 1
    answer = json.loads(capsys.readouterr().out)
    assert answer["failed"]["check"] == "witnesses"
    assert "fewer witnesses cosigned" in answer["failed"]["reason"]


def test_an_unwitnessed_group_says_so(street, tmp_path):
    export_bundle(street, tmp_path / "bundle")
    report = audit(tmp_path / "bundle")
    assert report.to_json()["witnessed"] is False
    assert "Not witnessed: no independent witness" in render(report)


def test_a_broken_cosignature_is_unsound(street, verifier, served, tmp_path):
    policy, folder = policy_of(verifier, served), tmp_path / "log"
    street.writer.publish(folder, policy=Policy.decode(policy))
    note = (folder / "checkpoint").read_bytes()
    head, line, rest = note.rpartition(b"w2.example/witness ")
    signature = bytearray(base64.b64decode(rest))
    signature[-1] ^= 1
    (folder / "checkpoint").write_bytes(head + line + base64.b64encode(signature) + b"\n")
    bundle = exported(street, tmp_path / "bundle", policy, folder)
    report = audit(bundle)
    assert (report.verdict, report.failed) == ("unsound", "witnesses")


def test_a_log_that_tells_two_stories_is_caught_by_its_witnesses(
    street, copy, verifier, served, tmp_path
):
    """The operator shows one history to the witnesses, and publishes another."""
    policy = Policy.decode(policy_of(verifier, served, quorum=3))
    ada, ben, *_ = sorted(street.state.members)
    other = reopen(*copy())
    pay(street, ada, ben, 700, "bread")
    pay(other, ada, ben, 70, "bread")
    assert street.writer.publish(tmp_path / "log", policy=policy).collected.quorum_met
    published = other.writer.publish(tmp_path / "other", policy=policy)
    assert not published.collected.quorum_met
    assert [report.fork is not None for report in published.collected.reports] == [True] * 3
    [evidence] = published.collected.evidence
    assert evidence.parent == tmp_path / "other/evidence"
    assert run(["audit", "fork", str(evidence), "--vkey", verifier.vkey]) == 0
    other.writer.database.close()


def test_the_command_line_finds_the_policy_and_says_what_witnesses_did(
    copy, verifier, served, capsys
):
    url, keys = copy()
    (keys.parent / "policy").write_bytes(policy_of(verifier, served))
    served[2].close()
    assert run(["settle", "--day", "2026-06-30", "--database", url, "--keys", str(keys)]) == 0
    told = capsys.readouterr().err
    assert "Not witnessed by w2.example/witness" in told
    assert "Fewer" not in told
    out = keys.parent / "bundle"
    assert run(["audit", "export", str(out), "--database", url, "--keys", str(keys)]) == 0
    assert run(["audit", "verify", str(out), "--policy", str(keys.parent / "policy")]) == 0
    assert "Witnessed by w0.example/witness, w1.example/witness" in capsys.readouterr().out
    assert run(["community", "show", "--database", url, "--keys", str(keys)]) == 0
    assert "witnesses    w0.example/witness, w1.example/witness\n" in capsys.readouterr().out
    (keys.parent / "log/evidence").mkdir()
    (keys.parent / "log/evidence/fork-7-1.txt").write_text("two notes")
    assert run(["community", "show", "--json", "--database", url, "--keys", str(keys)]) == 0
    shown = json.loads(capsys.readouterr().out)
    assert shown["witnesses"] == ["w0.example/witness", "w1.example/witness"]
    assert [name[-12:] for name in shown["evidence_of_forks"]] == ["fork-7-1.txt"]
    assert run(["community", "show", "--database", url, "--keys", str(keys)]) == 0
    assert "Two histories of this log exist." in capsys.readouterr().err
    assert run(["log", "publish", "--database", url, "--keys", str(keys)]) == 0
    told = capsys.readouterr()
    assert "Witnessed by w0.example/witness, w1.example/witness: 2 of 3, as many as" in told.out
    (keys.parent / "policy").write_text("quorum nobody\n")
    assert run(["audit", "export", str(out) + "2", "--database", url, "--keys", str(keys)]) == 2
    assert "line 1 of the policy" in capsys.readouterr().err


def test_too_few_witnesses_are_said_each_reason_once(copy, verifier, served, tmp_path, capsys):
    url, keys = copy()
    here = ["--database", url, "--keys", str(keys)]
    mill = Verifier("mill.example/ledger/1", verifier.public_key)
    strangers = [Served(tmp_path, number, mill) for number in (3, 4)]  # they do not know this log
    asked = policy_of(verifier, [served[2], *strangers], quorum=3)
    (keys.parent / "policy").write_bytes(asked)
    assert run(["log", "publish", *here]) == 0
    for witness in strangers:
        witness.close()
    told = capsys.readouterr()
    assert "Witnessed by w2.example/witness: 1 of 3, too few for the policy." in told.out
    [refused, fewer] = told.err.splitlines()
    assert refused.startswith(
        "Not witnessed by w3.example/witness, w4.example/witness: it answered"
    )
    assert "{" not in refused
    assert fewer.startswith("Fewer witnesses cosigned")
    assert run(["community", "show", *here]) == 0
    shown = capsys.readouterr().out
    assert "witnesses    w2.example/witness; fewer than the policy asks for\n" in shown


def test_a_policy_that_cannot_work_is_refused_before_anything_is_published(
    copy, verifier, served, capsys
):
    url, keys = copy()
    here = ["--database", url, "--keys", str(keys)]
    whole = policy_of(verifier, served).decode()
    mill = Verifier("mill.example/ledger/1", verifier.public_key)
    for policy, words in (
        (
            whole.partition("\n")[2],
            f"names no log. Put in this line, and see docs/witness.md: log {verifier.vkey}",
        ),
        (whole.replace(verifier.vkey, mill.vkey), "names another log"),
        (whole.replace("http://", "htp://"), "is no address that begins with https:// or http://"),
        (whole.replace("127.0.0.1:", "127.0.0.1:x"), "is no address"),
    ):
        (keys.parent / "policy").write_text(policy)
        for command in (["log", "publish"], ["audit", "export", str(keys.parent / "b.zip")]):
            assert run([*command, *here]) == 2
            assert words in capsys.readouterr().err
    assert not (keys.parent / "log").exists()
    assert not (keys.parent / "b.zip").exists()
