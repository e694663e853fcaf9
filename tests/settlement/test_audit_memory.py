"""An audit that goes on from an earlier one: same verdict, older facts not needed."""

import hashlib
import json
import shutil
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger.errors import CommonwattError, InputError
from settlement import deeds
from settlement.audit.memory import decode_value, encode_value, read_memory
from settlement.audit.report import render
from settlement.audit.verdict import PASSED
from settlement.audit.verify import audit
from settlement.enrol import pay
from settlement.export import export_bundle
from settlement.intake import import_readings
from settlement.run import settle_day
from tests.bundles import remake_manifest
from tests.prepared import DAY, found, reopen
from tests.streets import SITES, street_readings


@pytest.fixture
def street(copy):
    community = reopen(*copy())
    yield community
    community.writer.database.close()


def bundle_of(community, path: Path) -> Path:
    export_bundle(community, path)
    return path


def known(replay):
    """Everything that a replay knows, to be compared."""
    return encode_value(
        [replay.keys, replay.community, replay.book, replay.chains, replay.order, replay.run_state]
    )


def steps_of(community):
    """Things that happen between two audits."""
    ada, ben, *_ = sorted(community.state.members)
    yield lambda: pay(community, ada, ben, 700, "bread")
    yield lambda: deeds.set_limit(community, ben, -5, "As agreed.")
    yield lambda: settle_day(community, DAY)
    yield lambda: deeds.revoke_mandate(community, ada)
    yield lambda: deeds.say(
        community,
        "freeze",
        ben,
        {"frozen": True, "reason": "Lost."},
        [deeds.device(community, ben)],
    )


def test_step_by_step_is_the_same_as_all_at_once(street, tmp_path):
    memory, before = None, 0
    for number, step in enumerate(steps_of(street)):
        step()
        bundle = bundle_of(street, tmp_path / f"{number}.zip")
        whole, resumed = audit(bundle), audit(bundle, memory=memory)
        assert (whole.verdict, resumed.verdict) == ("sound", "sound"), resumed.failure
        assert known(whole.replay) == known(resumed.replay)
        assert whole.memory() == resumed.memory()
        assert resumed.resumed == before
        memory, before = resumed.memory(), resumed.size


def test_in_the_middle_of_a_run_the_day_is_remembered(street, tmp_path):
    class StopError(Exception):
        pass

    def stop(_step):
        raise StopError

    with pytest.raises(StopError):
        settle_day(street, DAY, stop)
    memory = audit(bundle_of(street, tmp_path / "one")).memory()
    assert memory is not None
    settle_day(street, DAY)
    report = audit(bundle_of(street, tmp_path / "two"), memory=memory)
    assert report.verdict == "sound", report.failure
    assert list(report.states())[-2] == ("balances and seals", PASSED)
    assert report.counts["seal"] == 1


def test_older_facts_may_be_gone_and_the_next_audit_is_sound_again(street, tmp_path):
    ada, ben, *_ = sorted(street.state.members)
    position = pay(street, ada, ben, 700, "bread")
    settle_day(street, DAY)
    memory = audit(bundle_of(street, tmp_path / "one")).memory()
    deeds.erase(street, {position: "fact"}, "She asked for it.")
    pay(street, ben, ada, 5, "change")
    bundle = bundle_of(street, tmp_path / "two")
    assert audit(bundle).verdict == "cannot tell"
    report = audit(bundle, memory=memory)
    assert report.verdict == "sound"
    assert report.replay.erased == [(position, "fact", "transfer")]
    # Nor are the old facts read: their file may even be damaged.
    assert report.counts["entries"] == 2


def test_a_rewritten_history_is_found_by_what_was_remembered(street, copy, tmp_path):
    ada, ben, *_ = sorted(street.state.members)
    other = reopen(*copy())
    pay(street, ada, ben, 700, "bread")
    memory = audit(bundle_of(street, tmp_path / "one")).memory()
    pay(other, ada, ben, 701, "bread")
    pay(other, ada, ben, 5, "buns")
    report = audit(bundle_of(other, tmp_path / "other"), memory=memory)
    assert (report.verdict, report.failed) == ("unsound", "earlier checkpoint")
    assert "history was rewritten since" in report.failure
    shorter = reopen(*copy())
    report = audit(bundle_of(shorter, tmp_path / "shorter"), memory=memory)
    assert (report.verdict, report.failed) == ("unsound", "earlier checkpoint")
    assert "were taken away" in report.failure
    for community in (other, shorter):
        community.writer.database.close()


def test_new_entries_that_are_not_those_of_the_tiles_are_found(street, copy, tmp_path):
    ada, ben, *_ = sorted(street.state.members)
    other = reopen(*copy())
    memory = audit(bundle_of(street, tmp_path / "one")).memory()
    pay(street, ada, ben, 700, "bread")
    pay(other, ada, ben, 701, "bread")
    bundle, others = bundle_of(street, tmp_path / "two"), bundle_of(other, tmp_path / "other")
    other.writer.database.close()
    for part in ("facts", "log/tile/entries"):
        shutil.copytree(others / part, bundle / part, dirs_exist_ok=True)
    remake_manifest(bundle)
    report = audit(bundle, memory=memory)
    assert (report.verdict, report.failed) == ("unsound", "tiles")
    assert "do not give the root" in report.failure


def test_what_is_new_and_what_is_not_is_said(street, tmp_path):
    ada, ben, *_ = sorted(street.state.members)
    first = audit(bundle_of(street, tmp_path / "one"))
    text = render(first)
    assert f"{first.size} facts are those" in text
    assert "– earlier checkpoint     none given: for next time keep log/checkpoint" in text
    pay(street, ada, ben, 700, "bread")
    text = render(audit(bundle_of(street, tmp_path / "two"), memory=first.memory()))
    assert f"The first {first.size} entries were audited before" in text
    assert "✓ earlier checkpoint     goes on from your state file" in text
    assert "1 new entry gives the signed root" in text
    assert "1 new in canonical form" in text
    assert "1 new fact is the one the log commits to" in text
    assert "those that are new are as the manifest names them" in text
    assert f"{first.size + 1} statements, each by the right keys" in text


def test_an_unsound_step_is_found_after_resuming(street, tmp_path, monkeypatch):
    memory = audit(bundle_of(street, tmp_path / "one")).memory()
    with monkeypatch.context() as patch:
        patch.setattr("settlement.run_close.totals_of", lambda _lines: [])
        settle_day(street, DAY)
    report = audit(bundle_of(street, tmp_path / "two"), memory=memory)
    assert (report.verdict, report.failed) == ("unsound", "balances and seals")


def test_an_audit_that_did_not_end_well_remembers_nothing(street, tmp_path):
    bundle = bundle_of(street, tmp_path / "one")
    (bundle / "facts/000000.jsonl").write_bytes(b"")
    report = audit(bundle)
    assert report.verdict == "unsound"
    assert report.memory() is None


@pytest.mark.parametrize("data", [b"", b"\n", b"{}", b"ab" * 32 + b"\n{}\n"])
def test_what_is_no_memory_is_refused(street, tmp_path, data):
    bundle = bundle_of(street, tmp_path / "one")
    with pytest.raises(InputError, match="state file"):
        audit(bundle, memory=data)


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    folder = tmp_path_factory.mktemp("memory")
    community = found(f"sqlite:///{folder}/street.sqlite", folder / "keys")
    export_bundle(community, folder / "bundle")
    community.writer.database.close()
    return audit(folder / "bundle").memory()


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_a_mutated_memory_raises_only_our_errors(written, data):
    _, body, _ = written.split(b"\n")
    value = json.loads(body)
    places = list(value["state"]["d"])
    chosen = data.draw(st.integers(0, len(places) - 1))
    places[chosen][1] = data.draw(
        st.sampled_from(
            [None, 5, "x", [], {}, {"o": ["Book", []]}, {"o": ["os", []]}, {"d": [[1]]}]
        )
    )
    value["state"]["d"] = places
    changed = json.dumps(value, separators=(",", ":")).encode()
    whole = hashlib.sha256(changed).hexdigest().encode() + b"\n" + changed + b"\n"
    try:
        read_memory(whole)
    except CommonwattError:
        return


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text() | st.binary(),
        lambda inner: (
            st.lists(inner) | st.lists(inner).map(tuple) | st.dictionaries(st.text(), inner)
        ),
    )
)
def test_values_come_back_as_they_were(value):
    again = decode_value(json.dumps(encode_value(value)))
    assert again == value
    assert type(again) is type(value)


def test_readings_that_come_between_two_audits_count_in_the_next_run(prepared, tmp_path):
    shutil.copytree(prepared, tmp_path / "street")
    community = reopen(f"sqlite:///{tmp_path}/street/street.sqlite", tmp_path / "street/keys")
    memory = audit(bundle_of(community, tmp_path / "one")).memory()
    readings = street_readings(SITES, [DAY])
    import_readings(community, readings)  # delivered again: nothing new
    settle_day(community, DAY)
    report = audit(bundle_of(community, tmp_path / "two"), memory=memory)
    assert report.verdict == "sound", report.failure
    assert report.replay.readings == {}
    community.writer.database.close()
