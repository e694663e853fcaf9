"""What an audit says of time: dates ahead of the auditor's clock, and days that nobody ran."""

from dataclasses import replace
from datetime import timedelta

import pytest

from ledger.db import Database
from ledger.keyring import Keyring
from ledger.primitives.clock import FixedClock
from settlement.audit.__main__ import main
from settlement.audit.report import render
from settlement.audit.verify import audit
from settlement.enrol import ROLE_KEYS, Terms, add_member, found_community
from settlement.export import export_bundle
from settlement.run import settle_day
from tests.fresh import upgrade
from tests.prepared import CHARTER, DAY, ENTROPY, ms, reopen, seeded_key

DAY_MS = 24 * 3_600_000
NOON = ms(2026, 6, 28, 12)


def bundle_of(folder, *, replay):
    """Return the bundle of a community that opened one account at noon."""
    database = Database(f"sqlite:///{folder}/a.sqlite")
    upgrade(database)
    community = found_community(
        database,
        Keyring(folder / "keys"),
        FixedClock(NOON),
        replace(CHARTER, replay=replay),
        entropy=ENTROPY,
        keys={name: seeded_key(name) for name in ROLE_KEYS},
    )
    add_member(community, "Ada", "household", Terms(), seeded_key("ada"))
    export_bundle(community, folder / "bundle")
    database.close()
    return folder / "bundle"


@pytest.mark.parametrize(("behind_s", "verdict"), [(0, "sound"), (599, "sound"), (601, "unsound")])
def test_nothing_is_dated_after_the_auditors_clock(tmp_path, behind_s, verdict):
    report = audit(bundle_of(tmp_path, replay=False), now_ms=NOON - behind_s * 1000)
    assert report.verdict == verdict
    if verdict == "unsound":
        assert report.failed == "sequence and expiry"
        assert "from 2026-06-28T12:00:00Z" in report.failure
        assert "from 2026-06-28T11:30:00Z" in report.failure


def test_a_replay_says_that_its_clock_is_not_the_real_one(tmp_path):
    report = audit(bundle_of(tmp_path, replay=True), now_ms=0)
    assert report.verdict == "sound"
    assert "its clock is not the real one" in render(report)


def test_the_command_compares_with_this_computers_clock(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr("time.time_ns", lambda: (NOON - DAY_MS) * 1_000_000)
    assert main([str(bundle_of(tmp_path, replay=False))]) == 1
    assert "one of the two clocks is wrong" in capsys.readouterr().out


def test_days_that_were_due_and_never_run_are_named(copy, tmp_path):
    community = reopen(*copy())
    settle_day(community, DAY)
    export_bundle(community, tmp_path / "at_once")
    assert audit(tmp_path / "at_once").days_without_run() == []
    clock = community.writer.clock
    clock.set_ms(clock.now_ms() + 7 * DAY_MS)
    add_member(community, "Zoe", "household", Terms(), seeded_key("zoe"))
    export_bundle(community, tmp_path / "later")
    community.writer.database.close()
    report = audit(tmp_path / "later")
    left_out = [DAY + timedelta(days=number) for number in range(1, 8)]
    assert report.days_without_run() == left_out
    assert report.to_json()["days_due_and_not_run"] == [str(day) for day in left_out]
    assert f"never run: {', '.join(map(str, left_out[:5]))} and 2 more." in render(report)
