"""What an adversary found: bundles and readings that were taken, or that made the audit stop."""

import hashlib
import json
import os
import signal
import zipfile

import pytest

from ledger.errors import SetupError
from ledger.primitives.periods import load_zone, of_local_day
from meters.readings import Channel, Quality, Reading
from settlement import deeds
from settlement.audit import pool
from settlement.audit.pool import Pool
from settlement.audit.verify import audit
from settlement.enrol import pay
from settlement.errors import RunRefusedError
from settlement.export import export_bundle
from settlement.intake import import_readings
from settlement.run import settle_day
from settlement.timetable import first_due_ms
from tests.prepared import DAY, reopen
from tests.streets import JUNE_30

NOON = of_local_day(JUNE_30, load_zone("Europe/London"))[24]


@pytest.fixture
def street(copy):
    community = reopen(*copy())
    yield community
    community.writer.database.close()


def exported(community, path):
    export_bundle(community, path)
    return path


def test_a_checkpoint_of_another_history_is_compared_with_what_was_remembered(
    street, copy, tmp_path
):
    other = reopen(*copy())
    ada, ben, *_ = sorted(street.state.members)
    pay(street, ada, ben, 700, "bread")
    pay(other, ada, ben, 701, "bread")
    one, two = exported(street, tmp_path / "one"), exported(other, tmp_path / "two")
    theirs = (two / "log/checkpoint").read_bytes()
    memory = audit(one).memory()
    report = audit(one, memory=memory, since=theirs)
    assert (report.verdict, report.failed) == ("unsound", "earlier checkpoint")
    # The same, once the log has grown beyond it.
    pay(street, ada, ben, 5, "buns")
    later = exported(street, tmp_path / "later")
    memory = audit(later).memory()
    report = audit(later, memory=memory, since=theirs)
    assert (report.verdict, report.failed) == ("unsound", "earlier checkpoint")
    ours = (one / "log/checkpoint").read_bytes()
    assert audit(later, memory=memory, since=ours).verdict == "sound"
    other.writer.database.close()


def test_a_run_counts_what_it_says_that_it_knew(street, tmp_path, monkeypatch):
    """A late run that signs an early time would use readings that came in between."""
    due, honest = first_due_ms(DAY, "Europe/London"), street.writer.sign_new
    street.writer.clock.set_ms(due + 90 * 86_400_000)
    import_readings(street, [Reading("m-ada-pv", Channel.EXPORT, NOON, 5000, Quality.ACTUAL)])

    def early(connection, kind, account, made, fields, *keys, **more):
        fields = {**fields, "known_at": due} if "known_at" in fields else fields
        return honest(connection, kind, account, made, fields, *keys, **more)

    monkeypatch.setattr(street.writer, "sign_new", early)
    settle_day(street, DAY)
    report = audit(exported(street, tmp_path / "bundle"))
    assert (report.verdict, report.failed) == ("unsound", "funds and mandates")
    assert "knew less than was logged" in report.failure


def test_an_absurd_reading_is_said_before_anything_is_set_aside(street, tmp_path):
    absurd = [
        Reading("m-ada-pv", Channel.EXPORT, NOON, 10**9, Quality.ACTUAL),
        Reading("m-school-pv", Channel.EXPORT, NOON, 5000, Quality.ACTUAL),
    ]
    with street.transaction() as connection:
        # Operators who know better: else it would not be stored.
        street.settings.set(connection, "m-ada-pv", "capacity_export_wh", "off", 0)
    import_readings(street, absurd)
    with pytest.raises(RunRefusedError, match="cannot be cleared"):
        settle_day(street, DAY)
    import_readings(street, [Reading("m-ada-pv", Channel.EXPORT, NOON, 900, Quality.ACTUAL)])
    settle_day(street, DAY)
    assert audit(exported(street, tmp_path / "bundle")).verdict == "sound"


def repacked(bundle, path, change):
    """Change a facts file's detail of the hold, with the manifest put right."""
    lines = (bundle / path).read_bytes().split(b"\n")
    changed = b"\n".join(change(line) for line in lines)
    (bundle / path).write_bytes(changed)
    manifest = json.loads((bundle / "manifest.json").read_bytes())
    for entry in manifest["files"]:
        if entry["path"] == path:
            entry |= {"bytes": len(changed), "sha256": hashlib.sha256(changed).hexdigest()}
    text = json.dumps(manifest, sort_keys=True, separators=(",", ":"))
    (bundle / "manifest.json").write_text(text)


@pytest.mark.parametrize(
    "orders",
    [
        "5",
        "{}",
        '[{"period":1}]',
        '[{"asks":[{"id":"x"}],"period":1}]',
        '[{"asks":[{"hold_units":"5","id":"'
        + "ab" * 16
        + '","limit_ticks":1,"wh":1}],"period":1}]',
    ],
)
def test_hostile_orders_after_an_erasure_are_a_verdict(street, tmp_path, orders):
    ada, ben, *_ = sorted(street.state.members)
    position = pay(street, ada, ben, 700, "bread")
    settle_day(street, DAY)
    deeds.erase(street, {position: "fact"}, "She asked for it.")
    bundle = exported(street, tmp_path / "bundle")

    def change(line):
        value = json.loads(line) if line else {}
        detail = json.loads(value["d"]) if "d" in value else {}
        if not isinstance(detail, dict) or detail.keys() != {"funds", "orders", "seed"}:
            return line
        funds = json.dumps(detail["funds"], separators=(",", ":"))
        text = f'{{"funds":{funds},"orders":{orders},"seed":"{detail["seed"]}"}}'
        return json.dumps(value | {"d": text}, sort_keys=True, separators=(",", ":")).encode()

    repacked(bundle, "facts/000000.jsonl", change)
    report = audit(bundle)
    assert (report.verdict, report.failed) == ("unsound", "funds and mandates")


def test_a_file_of_newlines_is_not_cut_into_millions(street, tmp_path):
    bundle = exported(street, tmp_path / "bundle")
    repacked(bundle, "facts/000000.jsonl", lambda line: line + b"\n" * 50_000)
    report = audit(bundle)
    assert (report.verdict, report.failed) == ("unsound", "bundle")


def test_a_zip_that_grows_beyond_its_manifest_is_not_unpacked(street, tmp_path):
    bundle = exported(street, tmp_path / "bundle")
    with zipfile.ZipFile(tmp_path / "bomb.zip", "w", zipfile.ZIP_DEFLATED) as target:
        for file in sorted(bundle.rglob("*")):
            if file.is_file():
                name = str(file.relative_to(bundle))
                more = b"0" * 10**6 if name.startswith("facts/") else b""
                target.writestr(name, file.read_bytes() + more)
    report = audit(tmp_path / "bomb.zip")
    assert (report.verdict, report.failed) == ("unsound", "bundle")
    assert "differs from the manifest" in report.failure


def die(_argument):
    os.kill(os.getpid(), signal.SIGKILL)


def test_a_process_that_is_stopped_from_outside_is_no_verdict(monkeypatch):
    monkeypatch.setattr(pool, "HERE_FIRST", 0)
    with Pool(2) as two, pytest.raises(SetupError, match="--processes 1"):  # noqa: PT012 - either may tell
        two.submit(die, None)
        two.finish()


def test_a_partial_tile_may_be_gone_once_the_full_one_is_there(street, tmp_path):
    ada, ben, *_ = sorted(street.state.members)
    bundle = exported(street, tmp_path / "bundle")
    assert audit(bundle).verdict == "sound"
    [partial] = bundle.rglob("log/tile/0/*.p/*")
    partial.unlink()
    report = audit(bundle)
    assert (report.verdict, report.failed) == ("unsound", "bundle") or report.failed == "tiles"
    assert "damaged" not in report.failure
    assert ada != ben
